//! A naive model of one object, written from `protocol.md`: plain maps, whole copies, JSON for values. Slow and simple.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value as Json;
use slotcast_protocol::{Code, Durability, Limits, Op, Sent, SlotName, User, Write};
use slotcast_state::{Author, Kind, Mark, Rule, SessionId};

use crate::arithmetic;
use crate::vectors::form;

/// A slot.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    pub value: Arc<Json>,
    pub version: u64,
    pub by: User,
    expires_ms: Option<u64>,
    tied_to: Option<SessionId>,
}

/// All slots of one version.
pub type State = BTreeMap<SlotName, Cell>;

/// How a request ends.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    Success { version: u64, changed: bool },
    Reject { code: Code, winners: Vec<SlotName> },
}

/// What a write would do.
pub struct Draft {
    slots: State,
    touched: BTreeSet<SlotName>,
    cleared: bool,
    moved: bool,
}

/// An answer that may be asked for again.
struct Kept {
    id: u64,
    verdict: Verdict,
    /// The length of the journal with it.
    journal: usize,
}

/// One object from its birth to its death.
pub struct Model {
    pub epoch: u64,
    /// The state at each version, from 0.
    pub states: Vec<State>,
    /// Who made each version: none for version 0 and what the server did.
    pub makers: Vec<Option<SessionId>>,
    pub sends: Vec<Sent>,
    kind: Arc<Kind>,
    limits: Arc<Limits>,
    /// Per slot who changed it when; what was before a clear does not count.
    changes: BTreeMap<SlotName, Vec<(u64, Arc<Author>)>>,
    clears: Vec<(u64, Arc<Author>)>,
    sessions: BTreeMap<SessionId, User>,
    answers: BTreeMap<Arc<Author>, Vec<Kept>>,
    dies_ms: Option<u64>,
    /// Where it was after each thing that a log has to know of.
    pub journal: Vec<Mark>,
}

impl Model {
    pub fn new(epoch: u64, kind: Arc<Kind>, limits: Arc<Limits>) -> Self {
        Model {
            epoch,
            states: vec![State::new()],
            makers: vec![None],
            sends: Vec::new(),
            kind,
            limits,
            changes: BTreeMap::new(),
            clears: Vec::new(),
            sessions: BTreeMap::new(),
            answers: BTreeMap::new(),
            dies_ms: None,
            journal: Vec::new(),
        }
    }

    pub fn class(&self) -> Durability {
        self.kind.durability
    }

    pub fn version(&self) -> u64 {
        self.states.len() as u64 - 1
    }

    pub fn now(&self) -> &State {
        self.states.last().expect("there is version 0")
    }

    pub fn follows(&self, session: SessionId) -> bool {
        self.sessions.contains_key(&session)
    }

    pub fn is_followed(&self) -> bool {
        !self.sessions.is_empty()
    }

    pub fn is_stored(&self) -> bool {
        self.class() == Durability::Disk
    }

    /// Whether nothing has happened to it yet.
    pub fn is_blank(&self) -> bool {
        self.journal.is_empty()
    }

    pub fn mark(&self) -> Mark {
        Mark { version: self.version(), sends: self.sends.len() as u64 }
    }

    /// Slots whose session or whose user's sessions are gone, though they must not be there.
    pub fn orphans(&self) -> Vec<&SlotName> {
        let orphan = |(slot, cell): &(&SlotName, &Cell)| {
            let status =
                slot.status_of().is_some_and(|user| !self.sessions.values().any(|u| u.as_str() == user));
            status || cell.tied_to.is_some_and(|session| !self.sessions.contains_key(&session))
        };
        self.now().iter().filter(orphan).map(|(slot, _)| slot).collect()
    }

    pub fn join(&mut self, session: SessionId, user: User) {
        self.sessions.insert(session, user);
        self.dies_ms = None;
    }

    /// True if it followed.
    pub fn leave(&mut self, session: SessionId, now_ms: u64) -> bool {
        let Some(user) = self.sessions.remove(&session) else { return false };
        let last = !self.sessions.values().any(|other| *other == user);
        let going = |(slot, cell): &(&SlotName, &Cell)| {
            cell.tied_to == Some(session) || last && slot.status_of() == Some(user.as_str())
        };
        let going = self.now().iter().filter(going).map(|(slot, _)| slot.clone()).collect();
        self.remove(going);
        if self.sessions.is_empty() && (!self.is_stored() || self.is_blank()) {
            self.dies_ms = Some(now_ms + self.kind.linger_ms);
        }
        true
    }

    /// It comes out of a store: what sessions of an earlier run have left goes first.
    pub fn wake(&mut self, now_ms: u64) {
        let left = |(slot, cell): &(&SlotName, &Cell)| slot.status_of().is_some() || cell.tied_to.is_some();
        self.remove(self.now().iter().filter(left).map(|(slot, _)| slot.clone()).collect());
        self.tick(now_ms);
    }

    /// A crash: of its journal only the first `logged` are left, and of its sessions none.
    pub fn roll_back(&mut self, logged: usize) {
        self.journal.truncate(logged);
        let Mark { version, sends } = self.journal.last().copied().unwrap_or_default();
        self.states.truncate(version as usize + 1);
        self.makers = vec![None; self.states.len()];
        self.sends.truncate(sends as usize);
        self.changes.values_mut().for_each(|changes| changes.retain(|(at, _)| *at <= version));
        self.clears.retain(|(at, _)| *at <= version);
        self.answers.values_mut().for_each(|answers| answers.retain(|kept| kept.journal <= logged));
        self.answers.retain(|_, answers| !answers.is_empty());
        self.sessions.clear();
        self.dies_ms = None;
    }

    /// False if it dies.
    pub fn tick(&mut self, now_ms: u64) -> bool {
        if self.dies_ms.is_some_and(|dies_ms| dies_ms <= now_ms) {
            return false;
        }
        let over = |(_, cell): &(&SlotName, &Cell)| cell.expires_ms.is_some_and(|at| at <= now_ms);
        self.remove(self.now().iter().filter(over).map(|(slot, _)| slot.clone()).collect());
        true
    }

    fn remove(&mut self, going: BTreeSet<SlotName>) {
        if going.is_empty() {
            return;
        }
        let mut slots = self.now().clone();
        slots.retain(|slot, _| !going.contains(slot));
        self.commit(Draft { slots, touched: going, cleared: false, moved: true }, &Author::server(), None);
        self.journal.push(self.mark());
    }

    /// The answer that an id has had; None if it is new.
    pub fn repeated(&self, author: &Arc<Author>, id: Option<u64>) -> Option<Verdict> {
        let answers = self.answers.get(author)?;
        let id = id.filter(|id| answers.last().is_some_and(|last| *id <= last.id))?;
        let newest = answers.len().saturating_sub(self.limits.inflight);
        let kept = answers[newest..].iter().find(|kept| kept.id == id);
        let forgotten = || Verdict::Reject { code: Code::AnswerForgotten, winners: Vec::new() };
        Some(kept.map_or_else(forgotten, |kept| kept.verdict.clone()))
    }

    /// A request that was not repeated is done. One that moved nothing and cannot be repeated leaves nothing behind.
    pub fn keep(&mut self, author: &Arc<Author>, id: Option<u64>, verdict: Verdict) {
        let mark = self.mark();
        if id.is_some() || self.journal.last().copied().unwrap_or_default() != mark {
            self.journal.push(mark);
        }
        if let Some(id) = id {
            let journal = self.journal.len();
            self.answers.entry(author.clone()).or_default().push(Kept { id, verdict, journal });
        }
    }

    pub fn send(&mut self, sent: Sent) {
        self.sends.push(sent);
    }

    /// What a write of one whose id is new comes to.
    pub fn judge(
        &self,
        session: SessionId,
        author: &Arc<Author>,
        write: &Write,
        now_ms: u64,
    ) -> Result<Draft, Verdict> {
        let reject = |code, winners: Vec<SlotName>| Err(Verdict::Reject { code, winners });
        if write.epoch.is_some_and(|epoch| epoch != self.epoch) {
            return reject(Code::WrongEpoch, Vec::new());
        }
        if write.at.is_some_and(|at| at != self.version()) {
            return reject(Code::Conflict, Vec::new());
        }
        if write.seen > self.version() {
            return reject(Code::BadField, Vec::new());
        }
        let mut winners: BTreeSet<SlotName> = BTreeSet::new();
        for (slot, version) in &write.conditions {
            if self.now().get(slot).map_or(0, |cell| cell.version) != *version {
                winners.insert(slot.clone());
            }
        }
        for op in &write.ops {
            if let Err(code) = self.allowed(op, author) {
                return reject(code, op.slot().into_iter().cloned().collect());
            }
            let Some(slot) = op.slot().filter(|slot| self.is_guarded(op, slot)) else { continue };
            let named = write.conditions.iter().any(|(named, _)| named == slot);
            if !named && self.changed_by_another(slot, write.seen, author) {
                winners.insert(slot.clone());
            }
        }
        if !winners.is_empty() {
            return reject(Code::Conflict, winners.into_iter().collect());
        }
        let draft =
            Draft { slots: self.now().clone(), touched: BTreeSet::new(), cleared: false, moved: false };
        let mut pen = Pen { model: self, draft, session, author, now_ms };
        for op in &write.ops {
            if let Err(code) = pen.apply(op) {
                return reject(code, op.slot().into_iter().cloned().collect());
            }
        }
        let slots = pen.draft.slots.len();
        if slots > self.limits.slots && slots > self.now().len() {
            return reject(Code::TooMany, Vec::new());
        }
        Ok(pen.draft)
    }

    /// Makes it the next version, if it moves anything; the success.
    pub fn accept(&mut self, draft: Draft, author: &Arc<Author>, session: SessionId) -> Verdict {
        let changed = draft.moved;
        if changed {
            self.commit(draft, author, Some(session));
        }
        Verdict::Success { version: self.version(), changed }
    }

    fn commit(&mut self, draft: Draft, author: &Arc<Author>, maker: Option<SessionId>) {
        let version = self.version() + 1;
        if draft.cleared {
            self.clears.push((version, author.clone()));
        }
        for slot in draft.touched {
            self.changes.entry(slot).or_default().push((version, author.clone()));
        }
        self.states.push(draft.slots);
        self.makers.push(maker);
    }

    /// The version of the last change of a slot, present or not.
    pub fn last_change(&self, slot: &SlotName) -> u64 {
        self.story(slot).map(|(version, _)| *version).max().unwrap_or(0)
    }

    fn changed_by_another(&self, slot: &SlotName, seen: u64, author: &Arc<Author>) -> bool {
        self.story(slot).any(|(version, by)| *version > seen && by != author)
    }

    /// The changes of a slot from the last clear on, with that.
    fn story<'m>(&'m self, slot: &SlotName) -> impl Iterator<Item = &'m (u64, Arc<Author>)> + use<'m> {
        let clear = self.clears.last().filter(|_| slot.status_of().is_none());
        let from = clear.map_or(0, |(version, _)| *version);
        let changes = self.changes.get(slot).into_iter().flatten();
        changes.filter(move |(version, _)| *version >= from).chain(clear)
    }

    fn is_guarded(&self, op: &Op, slot: &SlotName) -> bool {
        let replaces = matches!(op, Op::Set { .. } | Op::Delete { .. } | Op::Patch { .. });
        replaces && slot.status_of().is_none() && self.kind.rule(slot) == Rule::Guarded
    }

    fn allowed(&self, op: &Op, author: &Author) -> Result<(), Code> {
        let Some(slot) = op.slot() else {
            return if self.kind.clear { Ok(()) } else { Err(Code::NotPermitted) };
        };
        if let Some(user) = slot.status_of() {
            let replaces = matches!(op, Op::Set { .. } | Op::Delete { .. } | Op::Patch { .. });
            let own = user == author.user.as_str();
            return if !own {
                Err(Code::NotPermitted)
            } else if replaces {
                Ok(())
            } else {
                Err(Code::WrongRule)
            };
        }
        let fits = match (self.kind.rule(slot), op) {
            (Rule::Server, _) => return Err(Code::NotPermitted),
            (Rule::Guarded | Rule::Last, _) => true,
            (Rule::Add, op) => matches!(op, Op::Add { .. }),
            (Rule::Max, op) => matches!(op, Op::Max { .. }),
            (Rule::Min, op) => matches!(op, Op::Min { .. }),
            (Rule::Once, op) => matches!(op, Op::Once { .. }),
            (Rule::Append { .. }, op) => matches!(op, Op::Append { .. }),
        };
        if fits { Ok(()) } else { Err(Code::WrongRule) }
    }
}

/// Writes the operations of one write into a draft.
struct Pen<'a> {
    model: &'a Model,
    draft: Draft,
    session: SessionId,
    author: &'a Author,
    now_ms: u64,
}

impl Pen<'_> {
    fn apply(&mut self, op: &Op) -> Result<(), Code> {
        let held = op.slot().and_then(|slot| self.draft.slots.get(slot)).map(|cell| (*cell.value).clone());
        match op {
            Op::Set { slot, value: Some(value), life } => {
                self.put(slot, form(value), Some((life.ttl_ms, life.tie)));
            }
            Op::Once { slot, value, life } => match held {
                Some(_) => return Err(Code::Conflict),
                None => self.put(slot, form(value), Some((life.ttl_ms, life.tie))),
            },
            Op::Set { slot, value: None, .. } | Op::Delete { slot } => {
                if self.draft.slots.remove(slot).is_some() {
                    self.touch(slot);
                }
            }
            Op::Add { slot, number } => {
                if let Some(sum) = arithmetic::add(held.as_ref(), &form(&number.value()))? {
                    self.put(slot, sum, None);
                }
            }
            Op::Max { slot, number } | Op::Min { slot, number } => {
                let greater = matches!(op, Op::Max { .. });
                if let Some(best) = arithmetic::best(held.as_ref(), &form(&number.value()), greater)? {
                    self.put(slot, best, None);
                }
            }
            Op::Append { slot, value, keep, stamp } => {
                let (keep, stamp) = match self.model.kind.rule(slot) {
                    Rule::Append { keep, stamp } => (keep, stamp),
                    _other => (*keep, *stamp),
                };
                let item = if stamp { self.stamped(form(value)) } else { form(value) };
                let list = arithmetic::append(held, item, keep, self.model.limits.value_depth)?;
                self.put(slot, list, None);
            }
            Op::Patch { slot, path, value } => {
                let new = value.as_ref().map(form);
                let held = held.ok_or(Code::WrongType)?;
                if let Some(patched) =
                    arithmetic::patch(held, path.steps(), new, self.model.limits.value_depth)?
                {
                    self.put(slot, patched, None);
                }
            }
            Op::Clear => self.clear(),
        }
        Ok(())
    }

    fn stamped(&self, item: Json) -> Json {
        let version = self.model.version() + 1;
        serde_json::json!({"by": self.author.user.as_str(), "at": self.now_ms, "v": version, "item": item})
    }

    /// `life` is what `set` and `once` say; the others leave it as it is.
    fn put(&mut self, slot: &SlotName, value: Json, life: Option<(Option<u64>, bool)>) {
        let before = self.draft.slots.get(slot);
        let (expires_ms, tied_to) = match life {
            Some((ttl_ms, tie)) => (ttl_ms.map(|ttl| self.now_ms + ttl), tie.then_some(self.session)),
            None => before.map_or((None, None), |cell| (cell.expires_ms, cell.tied_to)),
        };
        let (version, by) = (self.model.version() + 1, self.author.user.clone());
        let cell = Cell { value: Arc::new(value), version, by, expires_ms, tied_to };
        self.draft.slots.insert(slot.clone(), cell);
        self.touch(slot);
    }

    fn touch(&mut self, slot: &SlotName) {
        self.draft.touched.insert(slot.clone());
        self.draft.moved = true;
    }

    fn clear(&mut self) {
        let is_status = |slot: &SlotName| slot.status_of().is_some();
        let plain_before = self.model.now().keys().any(|slot| !is_status(slot));
        let plain_touched = self.draft.touched.iter().any(|slot| !is_status(slot));
        if plain_before || plain_touched {
            self.draft.slots.retain(|slot, _| is_status(slot));
            self.draft.touched.retain(is_status);
            (self.draft.cleared, self.draft.moved) = (true, true);
        }
    }
}
