//! What one shard does, checked against the model input by input: every answer, every commit, every start.

mod requests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use slotcast_protocol::{Diff, Durability, Event, Limits, ObjectName};
use slotcast_state::{Author, Commit, Contents, Effects, Input, Kinds, Mark, SessionId, Shard, View};

use crate::asked::{Asked, Looked};
use crate::copy::Copy;
use crate::model::Model;
use crate::told::{Before, Turn};
use crate::verdicts::{Checked, check, records, same};

/// An object from birth to death: the model, and a copy that is kept by the commits alone.
pub struct Life {
    pub model: Model,
    shadow: Copy,
    /// Commits so far.
    logged: usize,
}

/// How often the rarer answers came, so that a test can see that it is not blind.
#[derive(Clone, Copy, Debug, Default)]
pub struct Met {
    pub accepted: u64,
    pub conflicts: u64,
    pub repeated: u64,
    pub forgotten: u64,
    pub wrong_epoch: u64,
    pub expired: u64,
    pub deaths: u64,
    pub snapshots: u64,
    pub diffs: u64,
    pub parts: u64,
    pub storage_full: u64,
    pub evicted: u64,
    pub loaded: u64,
    pub loads_refused: u64,
    /// Inputs that waited for a load.
    pub waited: u64,
    /// Slots of an earlier run's sessions were swept.
    pub swept: u64,
    /// Starts whose shared parts were made before the last change.
    pub older_parts: u64,
}

/// Who asked for what under which id; in which life, unless it may be applied in one of them only.
type Applied = (Arc<Author>, ObjectName, u64, u64);

/// See the module's text.
pub struct Ledger {
    kinds: Arc<Kinds>,
    limits: Arc<Limits>,
    now_ms: u64,
    lives: BTreeMap<(ObjectName, u64), Life>,
    /// Those that are stored are alive in the store, too.
    alive: BTreeMap<ObjectName, u64>,
    /// What waits for an object that is being loaded.
    loading: BTreeMap<ObjectName, VecDeque<Asked>>,
    /// So many of the living are not in memory.
    away: usize,
    /// Those that no one has used since the last crash.
    asleep: BTreeSet<ObjectName>,
    /// The store has just said that it has nothing of them.
    unheard: BTreeSet<ObjectName>,
    storage_full: bool,
    /// The epoch and version that a write has made.
    applied: BTreeMap<Applied, (u64, u64)>,
    /// Whether no device uses an id twice for different writes, so that none may be applied in two epochs.
    pub ids_are_unique: bool,
    pub met: Met,
}

impl Ledger {
    pub fn new(kinds: Arc<Kinds>, limits: Arc<Limits>) -> Self {
        Ledger {
            kinds,
            limits,
            now_ms: 0,
            lives: BTreeMap::new(),
            alive: BTreeMap::new(),
            loading: BTreeMap::new(),
            away: 0,
            asleep: BTreeSet::new(),
            unheard: BTreeSet::new(),
            storage_full: false,
            applied: BTreeMap::new(),
            ids_are_unique: false,
            met: Met::default(),
        }
    }

    /// An object as it is.
    pub fn living(&self, object: &ObjectName) -> Option<&Model> {
        self.life(object, *self.alive.get(object)?)
    }

    /// An object as it was or is.
    pub fn life(&self, object: &ObjectName, epoch: u64) -> Option<&Model> {
        self.lives.get(&(object.clone(), epoch)).map(|life| &life.model)
    }

    pub fn objects(&self) -> impl Iterator<Item = &ObjectName> {
        self.alive.keys()
    }

    /// Whether the object has been in use since the last crash.
    pub fn is_awake(&self, object: &ObjectName) -> bool {
        !self.asleep.contains(object)
    }

    /// Lets the shard do it, and says what is wrong with what it did.
    pub fn run(&mut self, shard: &mut Shard, input: Input, effects: &mut Effects) -> Checked {
        let (asked, before) = (Asked::of(&input), Before::of(effects));
        shard.handle(input, effects);
        let turn = before.turn(effects);
        self.expect(asked, &turn)?;
        turn.commits.iter().try_for_each(|commit| self.committed(commit))?;
        for (object, epoch) in &self.alive {
            let Life { model, shadow, logged } = &self.lives[&(object.clone(), *epoch)];
            check(shadow.have == model.version(), || {
                format!("{object} has version {}, not {}", shadow.have, model.version())
            })?;
            check(!model.is_stored() || *logged == model.journal.len(), || {
                format!("{object}: {logged} commits, not {}", model.journal.len())
            })?;
        }
        for commit in turn.commits {
            let life = &self.lives[&(commit.object.clone(), commit.epoch)];
            same(&life.shadow, life.model.now(), &View::default())
                .map_err(|why| format!("{} at {}: {why}", commit.object, commit.version))?;
        }
        self.away += turn.evicted as usize;
        self.met.evicted += turn.evicted;
        check(shard.objects() + self.away == self.alive.len(), || "another number of objects".to_owned())
    }

    /// The server has crashed: of the stored objects so many commits are left, and of the others nothing.
    pub fn crash(&mut self, logged: &BTreeMap<ObjectName, usize>) -> Checked {
        let Ledger { lives, alive, kinds, applied, .. } = self;
        for ((object, epoch), life) in lives.iter_mut() {
            let lives_on = alive.get(object) == Some(epoch) && life.model.is_stored();
            if !lives_on {
                life.model.makers.fill(None);
                continue;
            }
            let left = logged.get(object).copied().unwrap_or(0);
            check(left <= life.logged, || format!("{object}: {left} commits of {}", life.logged))?;
            life.model.roll_back(left);
            let Mark { version, sends } = life.model.mark();
            life.shadow = Copy::new(*epoch, version, sends, records(life.model.now(), &View::default()));
            life.logged = left;
            applied.retain(|(_, of, ..), (in_epoch, at)| of != object || in_epoch != epoch || *at <= version);
        }
        alive.retain(|object, _| {
            kinds.of(object).durability == Durability::Disk && logged.contains_key(object)
        });
        self.away = alive.len();
        self.asleep = alive.keys().cloned().collect();
        self.loading.clear();
        self.storage_full = false;
        check(logged.keys().all(|object| alive.contains_key(object)), || {
            format!("more is left than there was: {logged:?}")
        })
    }

    /// What a store has of an object is the object.
    pub fn stands(&self, object: &ObjectName, contents: &Contents) -> Checked {
        let model = self.living(object).ok_or_else(|| format!("{object} is stored and does not live"))?;
        let mark = Mark { version: contents.version(), sends: contents.sends() };
        check(contents.epoch() == model.epoch && mark == model.mark(), || {
            format!("{object} is stored at {mark:?} of {}, not {:?}", contents.epoch(), model.mark())
        })?;
        let copy = Copy::new(model.epoch, mark.version, mark.sends, contents.records().collect());
        same(&copy, model.now(), &View::default()).map_err(|why| format!("{object}, stored: {why}"))
    }

    fn committed(&mut self, commit: &Commit) -> Checked {
        let key = (commit.object.clone(), commit.epoch);
        let life = self.lives.get_mut(&key).ok_or_else(|| format!("a commit to {key:?}, which never was"))?;
        let Life { model, shadow, logged } = life;
        let moved = u64::from(!commit.changes.is_empty());
        check(commit.version == shadow.have + moved, || {
            format!("{}: version {} after {}", commit.object, commit.version, shadow.have)
        })?;
        let (object, from) = (commit.object.clone(), commit.version - moved);
        let diff = Diff { object, from, to: commit.version, changes: commit.changes.to_vec(), skipped: 0 };
        shadow.take(&Event::Diff(diff)).map_err(|broken| broken.0)?;
        let mark = Mark { version: commit.version, sends: commit.sends };
        let holds = !model.is_stored() || model.journal.get(*logged) == Some(&mark);
        *logged += 1;
        check(holds, || format!("{} logs {mark:?} as number {logged}", commit.object))
    }

    fn expect(&mut self, asked: Asked, turn: &Turn<'_>) -> Checked {
        if let Some(waiting) = asked.object().and_then(|object| self.loading.get_mut(object)) {
            waiting.push_back(asked);
            self.met.waited += 1;
            return check(turn.is_empty(), || "something happened that should wait for a load".to_owned());
        }
        if let Some(object) = asked.object().cloned() {
            let mut told = turn.about(self.kinds.of(&object).durability)?;
            self.one(asked, &mut told, turn)?;
            return told.end();
        }
        match asked {
            Asked::Loaded { object, looked } => return self.loaded(object, looked, turn),
            Asked::Tick(now_ms) => {
                self.now_ms = now_ms;
                self.tick(turn);
            }
            Asked::Gone { session, objects } => self.gone(session, objects),
            Asked::StorageFull(full) => self.storage_full = full,
            _housekeeping => {}
        }
        turn.publishes_only(&self.kinds)
    }

    fn gone(&mut self, session: SessionId, objects: Vec<ObjectName>) {
        for object in objects {
            if let Some(waiting) = self.loading.get_mut(&object) {
                waiting.push_back(Asked::Gone { session, objects: vec![object] });
            } else {
                self.with(&object, |model, now_ms| model.leave(session, now_ms));
            }
        }
    }

    /// What waited for a load is done in its order, until the object has left memory again.
    fn loaded(&mut self, object: ObjectName, looked: Looked, turn: &Turn<'_>) -> Checked {
        let waiting = self.loading.remove(&object).ok_or_else(|| format!("{object}: no one asked"))?;
        let mut told = turn.about(Durability::Disk)?;
        let refused = matches!(looked, Looked::Refused);
        match looked {
            Looked::Nothing => _ = self.unheard.insert(object.clone()),
            Looked::Contents { epoch, mark } => self.wake(&object, epoch, mark)?,
            Looked::Refused => self.met.loads_refused += 1,
        }
        for asked in waiting {
            match (self.loading.get_mut(&object), &asked) {
                (Some(waiting), _) => waiting.push_back(asked),
                (None, Asked::Use { session, turn: of, .. }) if refused => {
                    told.refused(*session, *of)?;
                }
                (None, _) => self.one(asked, &mut told, turn)?,
            }
        }
        self.unheard.clear();
        told.end()
    }

    fn wake(&mut self, object: &ObjectName, epoch: u64, mark: Mark) -> Checked {
        let model = self.living(object).ok_or_else(|| format!("{object} is loaded and does not live"))?;
        check(model.epoch == epoch && model.mark() == mark, || {
            format!("{object} is loaded at {mark:?} of {epoch}, not {:?} of {}", model.mark(), model.epoch)
        })?;
        let left_over = !model.orphans().is_empty();
        self.met.loaded += 1;
        self.met.swept += u64::from(left_over);
        self.away -= 1;
        self.asleep.remove(object);
        self.with(object, |model, now_ms| model.wake(now_ms));
        Ok(())
    }

    /// In an object that is not in memory nothing happens; whether it is can be seen from what it does.
    fn tick(&mut self, turn: &Turn<'_>) {
        let Ledger { lives, alive, now_ms, met, .. } = self;
        alive.retain(|object, epoch| {
            let life = lives.get_mut(&(object.clone(), *epoch)).expect("who is alive was born");
            let model = &mut life.model;
            let may_be_away = model.is_stored() && !model.is_followed() && !model.is_blank();
            if may_be_away && !turn.commits.iter().any(|commit| commit.object == *object) {
                return true;
            }
            let before = model.version();
            let lives_on = model.tick(*now_ms);
            met.deaths += u64::from(!lives_on);
            met.expired += model.version() - before;
            lives_on
        });
    }

    fn born(&mut self, object: &ObjectName, epoch: u64) -> Checked {
        if let Some(alive) = self.alive.get(object) {
            return check(*alive == epoch, || format!("{object}: epoch {epoch}, not {alive}"));
        }
        let kind = self.kinds.of(object).clone();
        let looked = kind.durability == Durability::Memory || self.unheard.remove(object);
        check(looked, || format!("{object}: it was not looked for in the store"))?;
        let model = Model::new(epoch, kind, self.limits.clone());
        let life = Life { model, shadow: Copy::new(epoch, 0, 0, Vec::new()), logged: 0 };
        let before = self.lives.insert((object.clone(), epoch), life);
        self.alive.insert(object.clone(), epoch);
        check(before.is_none(), || format!("{object}: epoch {epoch} again"))
    }

    fn with<T>(&mut self, object: &ObjectName, act: impl FnOnce(&mut Model, u64) -> T) -> Option<T> {
        let epoch = *self.alive.get(object)?;
        let life = self.lives.get_mut(&(object.clone(), epoch))?;
        Some(act(&mut life.model, self.now_ms))
    }
}
