//! Snapshots of large objects, kept for some seconds: all who join meanwhile get the same parts, encoded once, and behind them what has
//! changed since.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use slotcast_protocol::Event;

use crate::followers::Audience;
use crate::ring::Mark;

/// ms after its last use
const KEEP_MS: u64 = 10_000;
/// Of one object; with more audiences than this the one that was not used for longest makes room.
const AUDIENCES_MAX: usize = 4;

/// What one audience sees of a large object, as it was at a moment: all parts of a snapshot but the last.
#[derive(Debug)]
pub struct Whole {
    mark: Mark,
    bytes: usize,
    parts: Vec<Event>,
    frames: OnceLock<Arc<[Bytes]>>,
}

impl Whole {
    /// `bytes` of slots in these parts, as of `mark`.
    pub(crate) fn new(mark: Mark, bytes: usize, parts: Vec<Event>) -> Self {
        Whole { mark, bytes, parts, frames: OnceLock::new() }
    }

    /// When it was.
    pub fn mark(&self) -> Mark {
        self.mark
    }

    /// Bytes of names and values in it.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The parts, in their order.
    pub fn parts(&self) -> &[Event] {
        &self.parts
    }

    /// The parts as frames, one for each: made by `encode` for the first who asks, and the same for all after.
    pub fn frames(&self, encode: impl FnOnce(&[Event]) -> Vec<Bytes>) -> Arc<[Bytes]> {
        self.frames.get_or_init(|| encode(&self.parts).into()).clone()
    }
}

/// What a [`Start`](crate::Start) tells, encoded: whole frames.
#[derive(Clone, Debug)]
pub struct Frames {
    /// The parts of a [`Whole`], shared by all who get it.
    pub parts: Option<Arc<[Bytes]>>,
    /// The rest, or all.
    pub last: Bytes,
}

/// The wholes of one object, at most one per audience.
#[derive(Default)]
pub(crate) struct Wholes(Vec<Kept>);

struct Kept {
    audience: Audience,
    whole: Arc<Whole>,
    used_ms: u64,
}

impl Wholes {
    /// The audience's, which is used by that.
    pub fn find(&mut self, audience: &Audience, now_ms: u64) -> Option<Arc<Whole>> {
        let kept = self.0.iter_mut().find(|kept| kept.audience == *audience)?;
        kept.used_ms = now_ms;
        Some(kept.whole.clone())
    }

    /// Keeps one in the place of the audience's last.
    pub fn keep(&mut self, audience: Audience, whole: Arc<Whole>, now_ms: u64) {
        self.0.retain(|kept| kept.audience != audience);
        if self.0.len() == AUDIENCES_MAX {
            let oldest = self.0.iter().enumerate().min_by_key(|(_, kept)| kept.used_ms);
            oldest.map(|(at, _)| at).into_iter().for_each(|at| drop(self.0.swap_remove(at)));
        }
        self.0.push(Kept { audience, whole, used_ms: now_ms });
    }

    /// Drops those that no one has used for a while.
    pub fn forget(&mut self, now_ms: u64) {
        self.0.retain(|kept| kept.used_ms.saturating_add(KEEP_MS) > now_ms);
    }

    /// When there is something to forget, in ms.
    pub fn next_ms(&self) -> Option<u64> {
        self.0.iter().map(|kept| kept.used_ms.saturating_add(KEEP_MS)).min()
    }
}
