//! What one shard does, checked against the model input by input: every answer, every commit, every start.

use std::collections::BTreeMap;
use std::sync::Arc;

use slotcast_protocol::{Code, Event, Limits, ObjectName, Record, Reject, Sent, SlotName, Success, Write};
use slotcast_state::{Author, Delivery, Effects, Input, Kinds, SessionId, Shard, Start, View};

use crate::copy::{Copy, Held};
use crate::model::{Model, State, Verdict};
use crate::vectors::form;

/// An object from birth to death: the model, and a copy that is kept by the commits alone.
pub struct Life {
    pub model: Model,
    shadow: Copy,
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
    /// Starts whose shared parts were made before the last change.
    pub older_parts: u64,
}

/// See the module's text.
pub struct Ledger {
    kinds: Arc<Kinds>,
    limits: Arc<Limits>,
    now_ms: u64,
    lives: BTreeMap<(ObjectName, u64), Life>,
    alive: BTreeMap<ObjectName, u64>,
    /// By author, object, epoch, id.
    applied: BTreeMap<(Arc<Author>, ObjectName, u64, u64), u64>,
    /// Whether no device uses an id twice for different writes, so that none may be applied in two epochs.
    pub ids_are_unique: bool,
    pub met: Met,
}

/// What was asked, for after it has been done.
enum Asked {
    Tick(u64),
    Use { session: SessionId, author: Arc<Author>, object: ObjectName },
    CatchUp { session: SessionId, object: ObjectName },
    Release { session: SessionId, object: ObjectName },
    Write { session: SessionId, author: Arc<Author>, write: Write },
    Send { session: SessionId, author: Arc<Author>, send: slotcast_protocol::Send },
    Fingerprint { session: SessionId, object: ObjectName },
    Gone { session: SessionId, objects: Vec<ObjectName> },
}

type Checked = Result<(), String>;

fn check(holds: bool, what: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(what()) }
}

impl Ledger {
    pub fn new(kinds: Arc<Kinds>, limits: Arc<Limits>) -> Self {
        let (lives, alive, applied) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Ledger { kinds, limits, now_ms: 0, lives, alive, applied, ids_are_unique: false, met: Met::default() }
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

    /// Lets the shard do it, and says what is wrong with what it did.
    pub fn run(&mut self, shard: &mut Shard, input: Input, effects: &mut Effects) -> Checked {
        let asked = asked(&input);
        let (commits, deliveries) = (effects.commits.len(), effects.deliveries.len());
        shard.handle(input, effects);
        let (commits, deliveries) = (&effects.commits[commits..], &effects.deliveries[deliveries..]);
        self.expect(asked, deliveries)?;
        for commit in commits {
            let key = (commit.object.clone(), commit.epoch);
            let life =
                self.lives.get_mut(&key).ok_or_else(|| format!("a commit to {key:?}, which never was"))?;
            check(commit.version == life.shadow.have + 1, || {
                format!("{}: version {} after {}", commit.object, commit.version, life.shadow.have)
            })?;
            let (object, from) = (commit.object.clone(), commit.version - 1);
            let changes = commit.changes.to_vec();
            let diff = slotcast_protocol::Diff { object, from, to: commit.version, changes, skipped: 0 };
            life.shadow.take(&Event::Diff(diff)).map_err(|broken| broken.0)?;
        }
        for (object, epoch) in &self.alive {
            let life = &self.lives[&(object.clone(), *epoch)];
            check(life.shadow.have == life.model.version(), || {
                format!("{object} has version {}, not {}", life.shadow.have, life.model.version())
            })?;
        }
        for commit in commits {
            let life = &self.lives[&(commit.object.clone(), commit.epoch)];
            same(&life.shadow, life.model.now(), &View::default())
                .map_err(|why| format!("{} at {}: {why}", commit.object, commit.version))?;
        }
        check(shard.objects() == self.alive.len(), || "another number of objects".to_owned())
    }

    fn expect(&mut self, asked: Asked, deliveries: &[Delivery]) -> Checked {
        match asked {
            Asked::Tick(now_ms) => {
                self.now_ms = now_ms;
                self.tick();
                Ok(())
            }
            Asked::Use { session, author, object } => {
                let start = start_to(session, deliveries)?;
                self.born(&object, start.epoch)?;
                self.with(&object, |model, _| model.join(session, author.user.clone()));
                self.start(start)
            }
            Asked::CatchUp { session, object } => {
                match self.living(&object).is_some_and(|model| model.follows(session)) {
                    true => self.start(start_to(session, deliveries)?),
                    false => check(deliveries.is_empty(), || "a start for no one".into()),
                }
            }
            Asked::Release { session, object } => {
                let left = self.with(&object, |model, now_ms| model.leave(session, now_ms)) == Some(true);
                let told = deliveries.iter().any(|delivery| matches!(delivery, Delivery::Left { .. }));
                check(left == told, || format!("{object}: released"))
            }
            Asked::Gone { session, objects } => {
                for object in objects {
                    self.with(&object, |model, now_ms| model.leave(session, now_ms));
                }
                Ok(())
            }
            Asked::Write { session, author, write } => self.write(session, &author, &write, deliveries),
            Asked::Send { session, author, send } => self.send(session, &author, send, deliveries),
            Asked::Fingerprint { session, object } => {
                let follows = self.living(&object).is_some_and(|model| model.follows(session));
                match reply_to(session, deliveries)? {
                    Event::Fingerprint { version, .. } => {
                        check(self.living(&object).map(Model::version) == Some(*version), || "version".into())
                    }
                    _error => check(!follows, || format!("{object}: no fingerprint")),
                }
            }
        }
    }

    fn tick(&mut self) {
        let Ledger { lives, alive, now_ms, met, .. } = self;
        alive.retain(|object, epoch| {
            let life = lives.get_mut(&(object.clone(), *epoch)).expect("who is alive was born");
            let before = life.model.version();
            let lives_on = life.model.tick(*now_ms);
            met.deaths += u64::from(!lives_on);
            met.expired += life.model.version() - before;
            lives_on
        });
    }

    fn born(&mut self, object: &ObjectName, epoch: u64) -> Checked {
        if let Some(alive) = self.alive.get(object) {
            return check(*alive == epoch, || format!("{object}: epoch {epoch}, not {alive}"));
        }
        let model = Model::new(epoch, self.kinds.of(object).clone(), self.limits.clone());
        let shadow = Copy::new(epoch, 0, 0, Vec::new());
        let before = self.lives.insert((object.clone(), epoch), Life { model, shadow });
        self.alive.insert(object.clone(), epoch);
        check(before.is_none(), || format!("{object}: epoch {epoch} again"))
    }

    fn with<T>(&mut self, object: &ObjectName, act: impl FnOnce(&mut Model, u64) -> T) -> Option<T> {
        let epoch = *self.alive.get(object)?;
        let life = self.lives.get_mut(&(object.clone(), epoch))?;
        Some(act(&mut life.model, self.now_ms))
    }

    /// The events of a start lead from what the cursor stands for to the present.
    fn start(&mut self, start: &Start) -> Checked {
        let (object, view) = (&start.object, &start.audience.view);
        let model = self.living(object).ok_or("a start of what is dead")?;
        let at = start.cursor.filter(|c| c.epoch == model.epoch && c.version <= model.version());
        let mut copy = match at {
            Some(cursor) => {
                let records = records(&model.states[cursor.version as usize], view);
                Copy::new(model.epoch, cursor.version, cursor.sends.unwrap_or(0), records)
            }
            None => Copy::default(),
        };
        for event in start.told() {
            copy.take(event).map_err(|broken| format!("{object}: {}", broken.0))?;
        }
        if start.covered {
            let nothing =
                at.map(|cursor| cursor.version) == Some(copy.have) && start.mark.version == copy.have;
            return check(nothing && copy.complete, || format!("{object}: a covered start with {start:?}"));
        }
        check(copy.complete && copy.epoch == model.epoch, || format!("{object}: a start in part"))?;
        check(copy.have == model.version() && start.mark.version == copy.have, || {
            format!("{object}: a start to {}, not {}", copy.have, model.version())
        })?;
        let counts = at.is_none_or(|cursor| cursor.sends.is_some());
        check(!counts || copy.sends == model.sends.len() as u64, || {
            format!("{object}: sends {}", copy.sends)
        })?;
        same(&copy, model.now(), view).map_err(|why| format!("{object}, a start: {why}"))?;
        match start.told().next() {
            Some(Event::Snapshot(_)) => self.met.snapshots += 1,
            _diff => self.met.diffs += 1,
        }
        let older = start.whole.as_ref().filter(|whole| whole.mark() != start.mark);
        self.met.parts += u64::from(start.whole.is_some());
        self.met.older_parts += u64::from(older.is_some());
        Ok(())
    }

    fn write(
        &mut self,
        session: SessionId,
        author: &Arc<Author>,
        write: &Write,
        told: &[Delivery],
    ) -> Checked {
        let told = reply_to(session, told)?;
        let now_ms = self.now_ms;
        let Some(epoch) = self.alive.get(&write.object).copied() else { return not_used(told) };
        let life = self.lives.get_mut(&(write.object.clone(), epoch)).expect("who is alive was born");
        let model = &mut life.model;
        if !model.follows(session) {
            return not_used(told);
        }
        if let Some(verdict) = model.repeated(author, write.id) {
            self.met.repeated += 1;
            if matches!(verdict, Verdict::Reject { code: Code::AnswerForgotten, .. }) {
                self.met.forgotten += 1;
            }
            return compare(told, write.id, &verdict, model, None);
        }
        let before = model.now().clone();
        let verdict = match model.judge(session, author, write, now_ms) {
            _any if forgot(told, write, model, self.kinds.of(&write.object).resync_depth) => {
                Verdict::Reject { code: Code::Conflict, winners: winners(told) }
            }
            Ok(draft) => model.accept(draft, author, session),
            Err(verdict) => verdict,
        };
        model.keep(author, write.id, verdict.clone());
        match &verdict {
            Verdict::Success { changed: true, .. } => {
                self.met.accepted += 1;
                if let Some(id) = write.id {
                    let epoch = if self.ids_are_unique { 0 } else { epoch };
                    let key = (author.clone(), write.object.clone(), epoch, id);
                    let times = self.applied.entry(key).or_default();
                    *times += 1;
                    check(*times == 1, || format!("write {id} of {author:?} was applied {times} times"))?;
                }
            }
            Verdict::Success { changed: false, .. } => {}
            Verdict::Reject { code, .. } => {
                self.met.conflicts += u64::from(*code == Code::Conflict);
                self.met.wrong_epoch += u64::from(*code == Code::WrongEpoch);
            }
        }
        compare(told, write.id, &verdict, model, Some(&before))
    }

    fn send(
        &mut self,
        session: SessionId,
        author: &Arc<Author>,
        send: slotcast_protocol::Send,
        told: &[Delivery],
    ) -> Checked {
        let told = reply_to(session, told)?;
        let Some(epoch) = self.alive.get(&send.object).copied() else { return not_used(told) };
        let life = self.lives.get_mut(&(send.object.clone(), epoch)).expect("who is alive was born");
        let model = &mut life.model;
        if !model.follows(session) {
            return not_used(told);
        }
        let verdict = match model.repeated(author, send.id) {
            Some(verdict) => verdict,
            None => {
                let (id, version) = (send.id, model.version());
                let (object, name, value, by) = (send.object, send.name, send.value, author.user.clone());
                model.send(Sent { object, version, name, value, by });
                let verdict = Verdict::Success { version, changed: false };
                model.keep(author, id, verdict.clone());
                verdict
            }
        };
        compare(told, send.id, &verdict, model, None)
    }
}

fn asked(input: &Input) -> Asked {
    match input {
        Input::Tick(now_ms) => Asked::Tick(*now_ms),
        Input::Use { session, author, object, .. } => {
            let (author, object) = (author.clone(), object.clone());
            Asked::Use { session: *session, author, object }
        }
        Input::CatchUp { session, object, .. } => {
            Asked::CatchUp { session: *session, object: object.clone() }
        }
        Input::Release { session, object } => Asked::Release { session: *session, object: object.clone() },
        Input::Write { session, author, write } => {
            Asked::Write { session: *session, author: author.clone(), write: write.clone() }
        }
        Input::Send { session, author, send } => {
            Asked::Send { session: *session, author: author.clone(), send: send.clone() }
        }
        Input::Fingerprint { session, object } => {
            Asked::Fingerprint { session: *session, object: object.clone() }
        }
        Input::Gone { session, objects } => Asked::Gone { session: *session, objects: objects.clone() },
        Input::Loaded { .. } | Input::Kept { .. } | Input::Wanted { .. } | Input::StorageFull(_) => {
            panic!("objects of the ledger are not stored")
        }
    }
}

/// The copy is the state, as far as it is in view.
pub fn same(copy: &Copy, state: &State, view: &View) -> Checked {
    let mut held = copy.slots.iter();
    for (slot, cell) in state.iter().filter(|(slot, _)| view.shows(slot)) {
        let Some((name, Held { version, by, value })) = held.next() else {
            return Err(format!("{slot} is missing"));
        };
        check(name == slot, || format!("{name} instead of {slot}"))?;
        check(*version == cell.version && *by == cell.by && form(value) == *cell.value, || {
            format!(
                "{slot} is {value:?} of {version} by `{by}`, not {} of {} by `{}`",
                cell.value, cell.version, cell.by
            )
        })?;
    }
    held.next().map_or(Ok(()), |(slot, _)| Err(format!("{slot} should not be there")))
}

fn records(state: &State, view: &View) -> Vec<Record> {
    let shown = state.iter().filter(|(slot, _)| view.shows(slot));
    let record = |(slot, cell): (&SlotName, &crate::model::Cell)| Record {
        slot: slot.clone(),
        version: cell.version,
        by: cell.by.clone(),
        value: Some(crate::vectors::value(&cell.value)),
    };
    shown.map(record).collect()
}

fn start_to(session: SessionId, deliveries: &[Delivery]) -> Result<&Start, String> {
    match deliveries {
        [Delivery::Start { session: to, start }] if *to == session => Ok(start),
        others => Err(format!("one start, not {others:?}")),
    }
}

fn reply_to(session: SessionId, deliveries: &[Delivery]) -> Result<&Event, String> {
    match deliveries.first() {
        Some(Delivery::Reply { session: to, event }) if *to == session => Ok(event),
        other => Err(format!("first a reply, not {other:?}")),
    }
}

fn not_used(told: &Event) -> Checked {
    match told {
        Event::Reject(reject) if reject.fault.code == Code::NotUsed => Ok(()),
        other => Err(format!("not in use, and told {other:?}")),
    }
}

/// Deletions are remembered for `depth` versions; who saw less may be told of a conflict that was none.
fn forgot(told: &Event, write: &Write, model: &Model, depth: u64) -> bool {
    let conflict = matches!(told, Event::Reject(reject) if reject.fault.code == Code::Conflict);
    conflict && write.seen + depth < model.version()
}

fn winners(told: &Event) -> Vec<SlotName> {
    match told {
        Event::Reject(reject) => reject.winners.iter().map(|record| record.slot.clone()).collect(),
        _other => Vec::new(),
    }
}

/// `before` is the state that the winners are from; None where they are not looked at.
fn compare(
    told: &Event,
    id: Option<u64>,
    verdict: &Verdict,
    model: &Model,
    before: Option<&State>,
) -> Checked {
    match (told, verdict) {
        (Event::Success(told), Verdict::Success { version, changed }) => {
            let class = model.class();
            let wanted = Success { id, version: *version, class, changed: *changed };
            check(*told == wanted, || format!("{told:?}, not {wanted:?}"))
        }
        (Event::Reject(told), Verdict::Reject { code, winners }) => {
            check(told.fault.code == *code && told.id == id, || format!("{told:?}, not {code}"))?;
            let Some(before) = before else { return Ok(()) };
            check(told.version == model.version(), || format!("{told:?} at {}", model.version()))?;
            let names: Vec<_> = told.winners.iter().map(|record| record.slot.clone()).collect();
            check(names == *winners, || format!("{told:?}: the winners are {winners:?}"))?;
            told.winners.iter().try_for_each(|record| compare_winner(record, model, before, told))
        }
        (told, verdict) => Err(format!("{told:?}, not {verdict:?}")),
    }
}

fn compare_winner(record: &Record, model: &Model, before: &State, told: &Reject) -> Checked {
    let holds = match (before.get(&record.slot), &record.value) {
        (Some(cell), Some(value)) => {
            (record.version, &record.by) == (cell.version, &cell.by) && form(value) == *cell.value
        }
        (None, None) => record.version <= model.last_change(&record.slot),
        (Some(_), None) | (None, Some(_)) => false,
    };
    check(holds, || format!("{told:?}: {record:?} is not there"))
}
