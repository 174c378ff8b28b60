//! A session that reads its user's inbox: where it is, and what is on its way. A session that is behind costs a number, never a queue.

use std::collections::VecDeque;

use slotcast_protocol::{Device, Limits, RelayEvent};

use crate::user::inbox::Inbox;

pub(crate) struct Reading {
    device: Device,
    /// It was handed everything up to here.
    given: u64,
    /// Of that the entries without an `ack`: number and bytes.
    on_way: VecDeque<(u64, usize)>,
    on_way_bytes: usize,
    /// What it was told to have missed.
    missed: u64,
    /// It is to be told when it has everything.
    behind: bool,
}

impl Reading {
    /// One that has everything up to `from`.
    pub fn new(device: Device, from: u64) -> Self {
        Reading { device, given: from, on_way: VecDeque::new(), on_way_bytes: 0, missed: 0, behind: true }
    }

    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Whether it was handed so much.
    pub fn has(&self, seq: u64) -> bool {
        seq <= self.given
    }

    /// It has acknowledged everything up to `seq`.
    pub fn acknowledge(&mut self, seq: u64) {
        while let Some((_, bytes)) = self.on_way.pop_front_if(|(number, _)| *number <= seq) {
            self.on_way_bytes -= bytes;
        }
    }

    /// What it is to be told now, as much as its window takes.
    pub fn go_on(&mut self, inbox: &Inbox, limits: &Limits, mut tell: impl FnMut(RelayEvent)) {
        while let Some(filed) = inbox.next_for(&self.device, self.given) {
            let bytes = filed.bytes();
            if self.is_full(bytes, limits) {
                self.behind = true;
                return;
            }
            self.tell_missed(inbox.lost_to(), &mut tell);
            self.given = filed.entry.seq;
            self.on_way.push_back((self.given, bytes));
            self.on_way_bytes += bytes;
            tell(RelayEvent::Entry(filed.entry.clone()));
        }
        self.behind |= self.tell_missed(inbox.lost_to(), &mut tell);
        self.given = self.given.max(inbox.last());
        if std::mem::take(&mut self.behind) {
            tell(RelayEvent::Current { seq: self.given });
        }
    }

    /// Whether something that it has not been handed has gone, of which it was not told.
    fn tell_missed(&mut self, lost_to: u64, tell: &mut impl FnMut(RelayEvent)) -> bool {
        let missed = self.given.max(self.missed) < lost_to;
        if missed {
            self.missed = lost_to;
            tell(RelayEvent::Missed { to: lost_to });
        }
        missed
    }

    fn is_full(&self, bytes: usize, limits: &Limits) -> bool {
        let fits = self.on_way_bytes + bytes <= limits.window_bytes;
        self.on_way.len() >= limits.window_messages || !fits && !self.on_way.is_empty()
    }
}
