//! Which of a shard's objects are in memory: they are loaded when they are used, and leave when others need the room and the store has them.

use slotcast_protocol::{Durability, Fault, ObjectName};

use super::Shard;
use crate::contents::Contents;
use crate::effects::{Delivery, Effects, Found, Input};
use crate::object::Object;

impl Shard {
    pub(super) fn must_load(&self, object: &ObjectName) -> bool {
        self.kinds.of(object).durability > Durability::Memory && !self.objects.contains_key(object)
    }

    /// What waited for the object goes on.
    pub(super) fn loaded(&mut self, name: ObjectName, found: Found, effects: &mut Effects) {
        let waiting = self.loading.remove(&name).unwrap_or_default();
        let contents = match found {
            Found::Nothing => Contents::new(self.fresh_epoch()),
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
    fn refuse(&mut self, input: Input, fault: &Fault, effects: &mut Effects) {
        let Input::Use { session, object, turn, .. } = input else { return self.handle(input, effects) };
        let fault = fault.clone();
        self.tell(&object.clone(), Delivery::Refused { session, object, turn, fault }, effects);
    }

    pub(super) fn kept(&mut self, name: &ObjectName, effects: &mut Effects) {
        let Some(object) = self.objects.get_mut(name) else { return };
        object.kept();
        self.let_go(name, effects);
    }

    /// The idle that are too many leave memory, when the store has them.
    pub(super) fn trim(&mut self, effects: &mut Effects) {
        while let Some(name) = self.idle.first_over(self.idle_bytes).cloned() {
            let object = self.objects.get_mut(&name).expect("who is idle is in memory");
            object.place.take().into_iter().for_each(|place| self.idle.leave(place));
            object.leaving = true;
            self.let_go(&name, effects);
        }
    }

    fn let_go(&mut self, name: &ObjectName, effects: &mut Effects) {
        let Some(object) = self.objects.get_mut(name).filter(|object| object.leaving) else { return };
        effects.stores.extend(object.store());
        if object.is_stored() {
            let deadline = object.next_deadline();
            self.objects.remove(name);
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
        let object = Object::new(name.clone(), contents, self.kinds.of(name).clone(), self.now_ms);
        self.deadlines.extend(object.next_deadline().map(|at| (at, name.clone())));
        self.objects.insert(name.clone(), object);
    }
}
