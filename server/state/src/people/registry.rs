//! The shard's own friend subsystem: the registrar of its users' lists, over the engine. Lists are loaded when they are asked for, and leave memory when
//! others need the room and the store has them; those of the class `memory` stay as long as they hold something.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use slotcast_protocol::{Durability, Limits, User};

use crate::effects::{Delivery, Effects, Stored};
use crate::idle::Idle;
use crate::keeping::Keeping;
use crate::name::Name;
use crate::roster::{self, Input, Output, Registrar};
use crate::user::PersonLetter;

pub(crate) struct Registry {
    registrar: Registrar,
    durability: Durability,
    keeping: BTreeMap<User, Keeping>,
}

impl Registry {
    pub fn new(seed: u64, durability: Durability, limits: Arc<Limits>) -> Self {
        // Its homes are in the same process: none has outlived an earlier run.
        let registrar = Registrar::new(seed, limits).alone();
        Registry { registrar, durability, keeping: BTreeMap::new() }
    }

    pub fn is_durable(&self) -> bool {
        self.durability > Durability::Memory
    }

    pub fn next_deadline(&self) -> Option<u64> {
        self.registrar.next_deadline()
    }

    /// What may be told at once goes to `said`.
    pub fn handle(
        &mut self,
        input: Input,
        idle: &mut Idle,
        effects: &mut Effects,
        said: &mut VecDeque<Output>,
    ) {
        let mut done = roster::Effects::default();
        self.registrar.handle(input, &mut done);
        if !self.is_durable() {
            while let Some(owner) = done.loads.pop() {
                self.registrar.handle(Input::Loaded { owner, list: Ok(None) }, &mut done);
            }
        }
        effects.loads.extend(done.loads.into_iter().map(Name::Roster));
        for commit in done.commits {
            if self.is_durable() {
                self.keeping.entry(commit.owner.clone()).or_default().change();
            }
            effects.roster_commits.push((commit, self.durability));
        }
        done.outputs.into_iter().for_each(|output| self.say(output, effects, said));
        for owner in self.registrar.take_touched() {
            self.settle(&owner, idle, &mut effects.stores);
        }
    }

    /// What is durable is told when it is kept.
    fn say(&self, output: Output, effects: &mut Effects, said: &mut VecDeque<Output>) {
        let (to, letter) = match output {
            Output::Tell(stance) => (stance.to.clone(), PersonLetter::Stance(stance)),
            Output::Heard(heard) => (heard.to.clone(), PersonLetter::Heard(heard)),
            Output::Edited { .. }
            | Output::Read { .. }
            | Output::Fetched { .. }
            | Output::Renewed { .. }
            | Output::Invalidate { .. } => match self.is_durable() {
                true => return effects.held.push(Delivery::Roster(output)),
                false => return said.push_back(output),
            },
        };
        match self.is_durable() {
            true => effects.held.push(Delivery::Letter { to, letter: letter.into() }),
            false => effects.letters.push((to, letter.into())),
        }
    }

    fn settle(&mut self, owner: &User, idle: &mut Idle, stores: &mut [Stored]) {
        let Some(list) = self.registrar.list_of(owner) else { return };
        let is_idle = self.registrar.is_idle(owner);
        if !self.is_durable() {
            if is_idle && list.is_blank() {
                self.registrar.forget(owner);
            }
            return;
        }
        let keeping = self.keeping.entry(owner.clone()).or_default();
        let name = Name::Roster(owner.clone());
        keeping.store_again(stores.iter_mut().find(|stored| stored.name == name), || list.encode());
        if !is_idle {
            keeping.stay();
        }
        keeping.settle(is_idle && !keeping.is_leaving(), idle, || (name, list.weight()));
    }

    /// It is to leave memory when the store has it.
    pub fn leave(&mut self, owner: &User, idle: &mut Idle, effects: &mut Effects) {
        let keeping = self.keeping.get_mut(owner).expect("who is idle is in memory");
        keeping.leave(idle);
        self.let_go(owner, effects);
    }

    pub fn kept(&mut self, owner: &User, effects: &mut Effects) {
        if let Some(keeping) = self.keeping.get_mut(owner) {
            keeping.kept();
            self.let_go(owner, effects);
        }
    }

    /// All of a list, for a store that would like to have it.
    pub fn store(&mut self, owner: &User) -> Option<Stored> {
        let list = self.registrar.list_of(owner)?;
        self.keeping.get_mut(owner)?.store(|| Name::Roster(owner.clone()), || list.encode())
    }

    fn let_go(&mut self, owner: &User, effects: &mut Effects) {
        let Some(keeping) = self.keeping.get(owner).filter(|keeping| keeping.is_leaving()) else { return };
        let stored = keeping.is_stored();
        effects.stores.extend(self.store(owner));
        if stored {
            self.registrar.forget(owner);
            self.keeping.remove(owner);
            effects.evicted += 1;
        }
    }
}
