//! Who tells whom, and the frames that wait for the end of a turn.

use crate::frame;
use crate::message::relay::{self, Tell};
use std::collections::HashMap;

/// The relay's floor: no inbox is kept, only how many messages there were in it.
#[derive(Debug, Default)]
pub struct Inboxes {
    tokens: HashMap<Vec<u8>, usize>,
    readers: HashMap<usize, Reader>,
    /// Those for whom something waits.
    dirty: Vec<usize>,
}

#[derive(Debug, Default)]
struct Reader {
    user: Vec<u8>,
    last: u64,
    /// Ready frames of this turn.
    frames: Vec<u8>,
}

impl Inboxes {
    /// A session of a user; a user has one.
    pub fn join(&mut self, user: &[u8], token: usize) {
        self.tokens.insert(user.to_vec(), token);
        self.readers.insert(token, Reader { user: user.to_vec(), ..Reader::default() });
    }

    /// The session is over.
    pub fn leave(&mut self, token: usize) {
        if let Some(reader) = self.readers.remove(&token) {
            self.tokens.remove(&reader.user);
        }
    }

    /// The recipient gets the message as a ready frame behind those that wait; the answer is the recipient, and the message's number.
    /// None: no one of that name is there.
    pub fn append(&mut self, from: usize, tell: &Tell<'_>) -> Option<(usize, u64)> {
        let token = *self.tokens.get(tell.to)?;
        let at = self.readers.get(&token)?.last + 1;
        let message = relay::message(at, &self.readers.get(&from)?.user, tell.id, tell.body);
        let reader = self.readers.get_mut(&token)?;
        reader.last = at;
        if reader.frames.is_empty() {
            self.dirty.push(token);
        }
        frame::server(&mut reader.frames, frame::BINARY, &message);
        Some((token, at))
    }

    /// Someone for whom something waits, if there is one.
    pub fn next_dirty(&mut self) -> Option<usize> {
        while let Some(token) = self.dirty.pop() {
            if self.readers.get(&token).is_some_and(|reader| !reader.frames.is_empty()) {
                return Some(token);
            }
        }
        None
    }

    /// Hands over what waits for a session.
    pub fn take(&mut self, token: usize, give: impl FnOnce(&[u8])) {
        if let Some(reader) = self.readers.get_mut(&token) {
            give(&reader.frames);
            reader.frames.clear();
        }
    }
}
