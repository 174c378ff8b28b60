//! Who follows what, and the frames that wait to go to them.

use crate::frame;
use crate::message::{self, Write};
use std::collections::HashMap;

/// What W4's object has.
const FULL_SLOTS: usize = 10_000;
const FULL_VALUE_BYTES: usize = 32;

#[derive(Debug, Default)]
struct Audience {
    version: u64,
    followers: Vec<usize>,
    /// Ready frames of this turn.
    frames: Vec<u8>,
    /// A snapshot with slots, made for the first who asks and never again.
    full: Vec<u8>,
}

/// All objects, numbered in the order in which they were first used. None is ever forgotten.
#[derive(Debug, Default)]
pub struct Audiences {
    numbers: HashMap<Vec<u8>, usize>,
    audiences: Vec<Audience>,
    dirty: Vec<usize>,
}

impl Audiences {
    /// The object's number and version.
    pub fn find(&mut self, name: &[u8]) -> (usize, u64) {
        let number = *self.numbers.entry(name.to_vec()).or_insert_with(|| {
            self.audiences.push(Audience::default());
            self.audiences.len() - 1
        });
        (number, self.audiences[number].version)
    }

    /// Adds a follower.
    pub fn join(&mut self, number: usize, token: usize) {
        self.audiences[number].followers.push(token);
    }

    /// The ready snapshot of an object.
    pub fn full(&mut self, number: usize, name: &[u8]) -> &[u8] {
        let Audience { version, full, .. } = &mut self.audiences[number];
        if full.is_empty() {
            frame::server(
                full,
                frame::BINARY,
                &message::full_snapshot(name, *version, FULL_SLOTS, FULL_VALUE_BYTES),
            );
        }
        full
    }

    /// Takes a follower away.
    pub fn leave(&mut self, number: usize, token: usize) {
        let followers = &mut self.audiences[number].followers;
        if let Some(at) = followers.iter().position(|&follower| follower == token) {
            followers.swap_remove(at);
        }
    }

    /// Appends the frame of a write; the answer is the object's number and new version.
    pub fn append(&mut self, write: &Write<'_>) -> Option<(usize, u64)> {
        let number = *self.numbers.get(write.object)?;
        let audience = &mut self.audiences[number];
        audience.version += 1;
        if audience.frames.is_empty() {
            self.dirty.push(number);
        }
        let diff = message::diff(write.object, audience.version, write.slot, write.value);
        frame::server(&mut audience.frames, frame::BINARY, &diff);
        Some((number, audience.version))
    }

    /// An object with frames that wait, if there is one.
    pub fn next_dirty(&mut self) -> Option<usize> {
        while let Some(number) = self.dirty.pop() {
            if !self.audiences[number].frames.is_empty() {
                return Some(number);
            }
        }
        None
    }

    /// The frames that wait, and whom they are for.
    pub fn take(&self, number: usize) -> (&[u8], &[usize]) {
        (&self.audiences[number].frames, &self.audiences[number].followers)
    }

    /// The frames have been sent.
    pub fn taken(&mut self, number: usize) {
        self.audiences[number].frames.clear();
    }
}
