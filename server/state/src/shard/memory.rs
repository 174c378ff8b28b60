//! What of a shard is in memory: it is loaded when it is used, and leaves when others need the room and the store has it.

use slotcast_protocol::{Durability, Fault, ObjectName, User};

use super::Shard;
use crate::contents::Contents;
use crate::effects::{Delivery, Effects, Found, Input, Stored};
use crate::name::Name;
use crate::object::{Moment, Object};
use crate::roster;
use crate::user::UserContents;

impl Shard {
    pub(super) fn must_load(&self, object: &ObjectName) -> bool {
        self.kinds.of(object).durability > Durability::Memory && !self.objects.contains_key(object)
    }

    /// What waited for it goes on.
    pub(super) fn loaded(&mut self, name: Name, found: Found, effects: &mut Effects) {
        match name {
            Name::Object(object) => self.loaded_object(object, found, effects),
            Name::User(user) => {
                self.loaded_user(&user, found, effects);
                self.settle_people(effects);
            }
            Name::Roster(owner) => {
                let list = match found {
                    Found::Roster(list) => Ok(Some(list)),
                    Found::Refused(fault) => Err(fault),
                    Found::Nothing | Found::Contents(_) | Found::User(_) => Ok(None),
                };
                self.people.ask(roster::Input::Loaded { owner, list }, &mut self.idle, effects);
                self.settle_people(effects);
            }
        }
    }

    fn loaded_user(&mut self, user: &User, found: Found, effects: &mut Effects) {
        let epoch = self.fresh_epoch();
        let Shard { homes, people, idle, now_ms, limits, storage_full, .. } = self;
        let moment = Moment { now_ms: *now_ms, limits, storage_full: *storage_full, memory_full: false };
        let contents = match found {
            Found::User(contents) => *contents,
            Found::Refused(fault) => return homes.refused(user, &fault, effects),
            Found::Nothing | Found::Contents(_) | Found::Roster(_) => UserContents::new(epoch),
        };
        homes.loaded(user, contents, &mut people.lists, &moment, idle, effects);
    }

    fn loaded_object(&mut self, name: ObjectName, found: Found, effects: &mut Effects) {
        let waiting = self.loading.remove(&name).unwrap_or_default();
        let contents = match found {
            Found::Nothing | Found::User(_) | Found::Roster(_) => Contents::new(self.fresh_epoch()),
            Found::Contents(contents) => *contents,
            Found::Refused(fault) => {
                return waiting.into_iter().for_each(|input| self.refuse(input, &fault, effects));
            }
        };
        self.put(&name, contents);
        self.with(&name, effects, |object, moment, effects| {
            object.sweep(moment.now_ms, effects);
            object.expire(moment.now_ms, effects);
        });
        waiting.into_iter().for_each(|input| self.handle(input, effects));
    }

    /// An object that cannot be had is not in use by anyone.
    pub(super) fn refuse(&mut self, input: Input, fault: &Fault, effects: &mut Effects) {
        let Input::Use { session, object, turn, .. } = input else { return self.handle(input, effects) };
        if self.objects.get_mut(&object).is_some_and(|object| object.follows(session)) {
            self.release(session, object.clone(), effects);
        }
        let fault = fault.clone();
        self.tell(&object.clone(), Delivery::Refused { session, object, turn, fault }, effects);
    }

    pub(super) fn kept(&mut self, name: &Name, effects: &mut Effects) {
        match name {
            Name::User(user) => self.homes.kept(user, effects),
            Name::Roster(owner) => {
                if let Some(registry) = self.people.registry() {
                    registry.kept(owner, effects);
                }
            }
            Name::Object(name) => {
                let Some(object) = self.objects.get_mut(name) else { return };
                object.keeping.kept();
                self.let_go(name, effects);
            }
        }
    }

    /// All of it, for a store that would like to have it; None if it has it.
    pub(super) fn store(&mut self, name: &Name) -> Option<Stored> {
        match name {
            Name::Object(object) => self.objects.get_mut(object)?.store(),
            Name::User(user) => self.homes.store(user),
            Name::Roster(owner) => self.people.registry()?.store(owner),
        }
    }

    /// The idle that are too many leave memory, when the store has them.
    pub(super) fn trim(&mut self, effects: &mut Effects) {
        while let Some(name) = self.idle.first_over(self.idle_bytes_max()).cloned() {
            let name = match name {
                Name::Object(name) => name,
                Name::User(user) => {
                    self.homes.leave(&user, &mut self.idle, effects);
                    continue;
                }
                Name::Roster(owner) => {
                    let registry = self.people.registry().expect("it has put the list among the idle");
                    registry.leave(&owner, &mut self.idle, effects);
                    continue;
                }
            };
            let object = self.objects.get_mut(&name).expect("who is idle is in memory");
            object.keeping.leave(&mut self.idle);
            self.let_go(&name, effects);
        }
    }

    fn let_go(&mut self, name: &ObjectName, effects: &mut Effects) {
        let Some(object) = self.objects.get_mut(name).filter(|object| object.keeping.is_leaving()) else {
            return;
        };
        effects.stores.extend(object.store());
        if object.keeping.is_stored() {
            let deadline = object.next_deadline();
            self.forget(name);
            deadline.map(|at| self.deadlines.remove(&(at, name.clone())));
            effects.evicted += 1;
        }
    }

    pub(super) fn make(&mut self, name: &ObjectName) {
        if !self.objects.contains_key(name) {
            let contents = Contents::new(self.fresh_epoch());
            self.put(name, contents);
        }
    }

    fn put(&mut self, name: &ObjectName, contents: Contents) {
        let mut object = Object::new(name.clone(), contents, self.kinds.of(name).clone(), self.now_ms);
        object.booked = object.contents.weight();
        self.booked += object.booked;
        self.deadlines.extend(object.next_deadline().map(|at| (at, name.clone())));
        self.objects.insert(name.clone(), object);
    }

    /// It is not in memory any more.
    pub(super) fn forget(&mut self, name: &ObjectName) {
        self.booked -= self.objects.remove(name).map_or(0, |object| object.booked);
    }

    /// Where the room is used up, those whom nobody needs make some.
    fn idle_bytes_max(&self) -> usize {
        if self.is_full() { 0 } else { self.idle_bytes }
    }
}
