//! The registrar: the friend subsystem, single writer of its share of the lists.

use std::collections::BTreeMap;
use std::sync::Arc;

use slotcast_protocol::roster::{Edit, Mark};
use slotcast_protocol::{Code, Fault, Limits, User};

use crate::roster::commit::Commit;
use crate::roster::debts::Debts;
use crate::roster::effects::{Effects, Fetched, Input, Output};
use crate::roster::lease::{HomeId, LEASE_MS, Leases};
use crate::roster::list::List;
use crate::roster::tell::Tell;
use crate::roster::waits::{Wait, Waits};

/// Edits of one owner that may wait for leases; more are refused with `unavailable`.
const WAITS_MAX: usize = 64;

/// Pure and bounded: the same inputs in the same order give the same effects. The body hands over a `Tick` with the time before anything else,
/// and again at [`Registrar::next_deadline`].
///
/// What is asked of a list that is being loaded waits, as much as the askers' own budgets let them ask.
///
/// After a crash it knows no leases. Those of the run before have ended when `LEASE_MS` are over; until then no revoking edit is called done.
/// An edit that is repeated because its answer was lost changes nothing, and waits all the same.
pub struct Registrar {
    now_ms: u64,
    /// Leases of an earlier run may last until then.
    alone_ms: Option<u64>,
    dice: u64,
    limits: Arc<Limits>,
    lists: BTreeMap<User, List>,
    loading: BTreeMap<User, Vec<Input>>,
    leases: Leases,
    waits: Waits,
    debts: Debts,
    /// Owners of whom something may have changed that decides whether they can leave memory.
    touched: Vec<User>,
}

impl Registrar {
    /// Epochs and numbers of leases are drawn from `seed`, which differs from run to run.
    pub fn new(seed: u64, limits: Arc<Limits>) -> Self {
        let mut registrar = Registrar {
            now_ms: 0,
            alone_ms: None,
            dice: seed,
            limits,
            lists: BTreeMap::new(),
            loading: BTreeMap::new(),
            leases: Leases::new(0),
            waits: Waits::default(),
            debts: Debts::default(),
            touched: Vec::new(),
        };
        registrar.leases = Leases::new(registrar.roll() >> 16 << 16);
        registrar
    }

    /// The same, where no home can have outlived an earlier run.
    pub fn alone(mut self) -> Self {
        self.alone_ms = Some(0);
        self
    }

    /// Owners whose lists were asked for, or let go of, since the last call.
    pub fn take_touched(&mut self) -> Vec<User> {
        std::mem::take(&mut self.touched)
    }

    /// A list that is in memory.
    pub fn list_of(&self, owner: &User) -> Option<&List> {
        self.lists.get(owner)
    }

    /// Whether a list that is in memory is there for no one.
    pub fn is_idle(&self, owner: &User) -> bool {
        let owes = self.lists.get(owner).is_some_and(|list| list.owed().next().is_some());
        !owes && self.waits.count(owner) == 0 && !self.leases.has_members(owner)
    }

    /// A list that is idle leaves memory; it is loaded when it is asked for again.
    pub fn forget(&mut self, owner: &User) {
        self.lists.remove(owner);
    }

    /// When something happens by itself, in ms.
    pub fn next_deadline(&self) -> Option<u64> {
        let waits = self.waits.next_deadline(self.now_ms);
        [self.debts.next_deadline(), self.leases.next_deadline(), waits].into_iter().flatten().min()
    }

    /// Takes one input and appends what must happen.
    pub fn handle(&mut self, input: Input, effects: &mut Effects) {
        if let Some(owner) = self.absent(&input).cloned() {
            let waiting = self.loading.entry(owner.clone()).or_default();
            if waiting.is_empty() {
                effects.loads.push(owner);
            }
            return waiting.push(input);
        }
        self.touched.extend(owner_of(&input).cloned());
        match input {
            Input::Tick(now_ms) => self.tick(now_ms, effects),
            Input::Edit { ticket, owner, edit } => self.edit(ticket, &owner, &edit, effects),
            Input::Erase { ticket, owner } => {
                let epoch = self.roll();
                let now_ms = self.now_ms;
                let commit = self.list(&owner).erase(epoch, now_ms);
                self.committed(&owner, Some(commit), effects);
                effects.outputs.extend(self.lists[&owner].owed().map(Output::Tell));
                self.answer_when_safe(ticket, &owner, effects);
            }
            Input::Read { ticket, owner, have } => {
                let difference = self.list(&owner).since(have);
                effects.outputs.push(Output::Read { ticket, result: Ok(difference) });
            }
            Input::Tell(tell) => self.hear(&tell, effects),
            Input::Heard(heard) => {
                let now_ms = self.now_ms;
                let commit = self.list(&heard.to).settle(&heard, now_ms);
                self.committed(&heard.to, commit, effects);
            }
            Input::Fetch { home, fetch, owner, have, .. } => self.fetch(home, fetch, owner, have, effects),
            Input::Renew { home, fetch } => {
                let Some(lease) = self.leases.renew(home, self.now_ms) else { return };
                let stale =
                    self.leases.unheard_by(home).map(|owner| (owner.clone(), self.lists[owner].mark()));
                let stale = stale.collect();
                effects.outputs.push(Output::Renewed { home, fetch, lease, stale });
            }
            Input::Acknowledge { home, owner, mark } => self.acknowledge(home, &owner, mark, effects),
            Input::Release { home, owner, fetch } => {
                if self.leases.release(home, &owner, fetch) {
                    self.stop_waiting(&owner, effects, |wait| _ = wait.homes.remove(&home));
                }
            }
            Input::Loaded { owner, list } => self.loaded(owner, list, effects),
        }
    }

    /// The owner whose list must be in memory for this, and is not.
    fn absent<'i>(&self, input: &'i Input) -> Option<&'i User> {
        let needs_none =
            matches!(input, Input::Acknowledge { .. } | Input::Release { .. } | Input::Loaded { .. });
        owner_of(input).filter(|owner| !needs_none && !self.lists.contains_key(*owner))
    }

    fn list(&mut self, owner: &User) -> &mut List {
        self.lists.get_mut(owner).expect("what is not in memory has been loaded first")
    }

    fn loaded(&mut self, owner: User, list: Result<Option<Box<List>>, Fault>, effects: &mut Effects) {
        let waiting = self.loading.remove(&owner).unwrap_or_default();
        let epoch = self.roll();
        let list = match list {
            Ok(list) => list.map_or_else(|| List::new(owner.clone(), epoch), |list| *list),
            Err(fault) => {
                let refused = waiting.into_iter().filter_map(|input| refusal(input, &fault));
                return effects.outputs.extend(refused);
            }
        };
        effects.outputs.extend(list.owed().map(Output::Tell));
        self.lists.insert(owner.clone(), list);
        self.mind_debts(&owner);
        waiting.into_iter().for_each(|input| self.handle(input, effects));
    }

    fn edit(&mut self, ticket: u64, owner: &User, edit: &Edit, effects: &mut Effects) {
        if edit.is_revoking() && self.waits.count(owner) >= WAITS_MAX {
            let fault = Fault::new(Code::Unavailable, format!("edits: {WAITS_MAX} wait already"));
            return effects.outputs.push(Output::Edited { ticket, result: Err(fault) });
        }
        let (now_ms, limits) = (self.now_ms, self.limits.clone());
        match self.list(owner).edit(edit, now_ms, &limits) {
            Err(fault) => effects.outputs.push(Output::Edited { ticket, result: Err(fault) }),
            Ok(commit) => {
                self.committed(owner, commit, effects);
                effects.outputs.extend(self.lists[owner].owed_to(edit.user()).map(Output::Tell));
                if edit.is_revoking() {
                    self.answer_when_safe(ticket, owner, effects);
                } else {
                    let mark = self.lists[owner].mark();
                    effects.outputs.push(Output::Edited { ticket, result: Ok(mark) });
                }
            }
        }
    }

    fn hear(&mut self, tell: &Tell, effects: &mut Effects) {
        let (now_ms, limits) = (self.now_ms, self.limits.clone());
        let Some((commit, heard)) = self.list(&tell.to).hear(tell, now_ms, &limits) else { return };
        let answers = commit.as_ref().and_then(|_| self.lists[&tell.to].owed_to(&tell.from));
        self.committed(&tell.to, commit, effects);
        effects.outputs.push(Output::Heard(heard));
        effects.outputs.extend(answers.map(Output::Tell));
    }

    fn fetch(&mut self, home: HomeId, fetch: u64, owner: User, have: Option<Mark>, effects: &mut Effects) {
        let Some(lease) = self.leases.renew(home, self.now_ms) else { return };
        let contacts = self.list(&owner).contacts();
        self.leases.join(home, fetch, &owner, contacts.mark());
        let same = have == Some(contacts.mark());
        let fetched = if same { Fetched::Same(contacts.mark()) } else { Fetched::List(contacts) };
        effects.outputs.push(Output::Fetched { home, fetch, owner, lease, fetched });
    }

    fn acknowledge(&mut self, home: HomeId, owner: &User, mark: Mark, effects: &mut Effects) {
        let Some(now) = self.lists.get(owner).map(List::mark) else { return };
        self.leases.acknowledge(home, owner, mark, now);
        let covers = |wait: &Wait| match mark.epoch == wait.mark.epoch {
            true => mark.rev >= wait.mark.rev,
            false => mark.epoch == now.epoch,
        };
        self.stop_waiting(owner, effects, |wait| {
            if covers(wait) {
                wait.homes.remove(&home);
            }
        });
    }

    /// Keeps a change, and says what everyone must hear of it.
    fn committed(&mut self, owner: &User, commit: Option<Commit>, effects: &mut Effects) {
        let Some(commit) = commit else { return };
        let mark = commit.mark;
        effects.commits.push(commit);
        self.mind_debts(owner);
        let homes = self.leases.changed(owner, mark, self.now_ms).into_iter();
        effects.outputs.extend(homes.map(|home| Output::Invalidate { home, owner: owner.clone(), mark }));
    }

    /// Answers when no home can still serve what was before.
    fn answer_when_safe(&mut self, ticket: u64, owner: &User, effects: &mut Effects) {
        let mark = self.lists[owner].mark();
        let homes = self.leases.behind(owner, mark);
        let until_ms = self.alone_ms.unwrap_or(u64::MAX);
        self.waits.push(owner, Wait { ticket, mark, homes, until_ms });
        self.stop_waiting(owner, effects, |_| {});
    }

    /// After `change`, whoever has nothing to wait for any more is answered.
    fn stop_waiting(&mut self, owner: &User, effects: &mut Effects, change: impl FnMut(&mut Wait)) {
        let finished = self.waits.finish(owner, self.now_ms, change).into_iter();
        effects
            .outputs
            .extend(finished.map(|wait| Output::Edited { ticket: wait.ticket, result: Ok(wait.mark) }));
    }

    fn tick(&mut self, now_ms: u64, effects: &mut Effects) {
        self.now_ms = self.now_ms.max(now_ms);
        self.alone_ms.get_or_insert(self.now_ms + LEASE_MS);
        let (over, uncovered, again) = self.leases.tick(self.now_ms);
        self.touched.extend(uncovered);
        for owner in self.waits.owners() {
            self.stop_waiting(&owner, effects, |wait| wait.homes.retain(|home| !over.contains(home)));
        }
        for (owner, home) in again {
            let mark = self.lists[&owner].mark();
            effects.outputs.push(Output::Invalidate { home, owner, mark });
        }
        while let Some(owner) = self.debts.due(self.now_ms) {
            effects.outputs.extend(self.lists[&owner].owed().map(Output::Tell));
            self.mind_debts(&owner);
        }
    }

    fn mind_debts(&mut self, owner: &User) {
        let owes = self.lists[owner].owed().next().is_some();
        self.debts.note(owner, owes, self.now_ms);
    }

    /// splitmix64
    fn roll(&mut self) -> u64 {
        self.dice = self.dice.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.dice ^ (self.dice >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// Whose list it is about.
fn owner_of(input: &Input) -> Option<&User> {
    match input {
        Input::Edit { owner, .. } | Input::Erase { owner, .. } | Input::Read { owner, .. } => Some(owner),
        Input::Tell(tell) => Some(&tell.to),
        Input::Heard(heard) => Some(&heard.to),
        Input::Fetch { owner, .. } | Input::Acknowledge { owner, .. } | Input::Release { owner, .. } => {
            Some(owner)
        }
        Input::Loaded { owner, .. } => Some(owner),
        Input::Tick(_) | Input::Renew { .. } => None,
    }
}

/// What is answered if the list cannot be had; what the other side tells will be told again.
fn refusal(input: Input, fault: &Fault) -> Option<Output> {
    let fault = fault.clone();
    match input {
        Input::Edit { ticket, .. } | Input::Erase { ticket, .. } => {
            Some(Output::Edited { ticket, result: Err(fault) })
        }
        Input::Read { ticket, .. } => Some(Output::Read { ticket, result: Err(fault) }),
        Input::Fetch { home, fetch, owner, .. } => {
            Some(Output::Fetched { home, fetch, owner, lease: 0, fetched: Fetched::Failed(fault) })
        }
        Input::Tell(_) | Input::Heard(_) | Input::Tick(_) | Input::Renew { .. } => None,
        Input::Acknowledge { .. } | Input::Release { .. } | Input::Loaded { .. } => None,
    }
}
