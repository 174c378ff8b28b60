//! What has gathered goes out: to all who follow, to those who are starting, to those who have room again.

use super::{Edge, Flow, Sink};
use crate::effects::Ask;
use crate::ids::SessionId;

impl Edge {
    /// Serves up to `budget` followers; true when nothing is left to do. A large audience is served in several calls, so that the
    /// body can look after others in between.
    pub fn flush(&mut self, mut budget: usize, sink: &mut impl Sink, asks: &mut Vec<Ask>) -> bool {
        while let Some(id) = self.dirty.front() {
            let done = match self.channels.get_mut(id) {
                Some(channel) => {
                    self.rings.close(*id, &mut channel.ring);
                    channel.flush(&mut budget, sink, asks)
                }
                None => true,
            };
            if !done {
                return false;
            }
            self.dirty.pop_front();
        }
        self.cut_rings();
        true
    }

    /// Hands out up to `budget` parts of snapshots, one to each who is starting and so on round; true when nothing is left to do. The body
    /// looks after others in between: the live frames of a turn come before its parts.
    pub fn flush_parts(&mut self, budget: usize, sink: &mut impl Sink, asks: &mut Vec<Ask>) -> bool {
        for _ in 0..budget {
            let Some((session, id)) = self.starting.pop_front() else { return true };
            let mut places = self
                .session(session)
                .into_iter()
                .flat_map(|entry| entry.uses.iter().filter_map(|used| used.place));
            let Some((_, at)) = places.find(|(channel, _)| *channel == id) else { continue };
            drop(places);
            let channel = self.channels.get_mut(&id).expect("a follower's channel is there");
            self.rings.close(id, &mut channel.ring);
            if channel.is_starting(at)
                && channel.pump(at, sink, asks) == Flow::Open
                && channel.is_starting(at)
            {
                self.starting.push_back((session, id));
            }
        }
        self.starting.is_empty()
    }

    /// A session's socket has room again: each of its objects is brought up to date from its cursor, those that are starting by one part each in
    /// turn.
    pub fn drained(&mut self, session: SessionId, sink: &mut impl Sink, asks: &mut Vec<Ask>) {
        let Some(entry) = self.session_mut(session) else { return };
        entry.first = entry.first.wrapping_add(1);
        let first = entry.first;
        let mut places: Vec<_> = entry.uses.iter().filter_map(|used| used.place).collect();
        let turn = first as usize % places.len().max(1);
        places.rotate_left(turn);
        while !places.is_empty() {
            for (id, at) in &places {
                let Some(channel) = self.channels.get_mut(id) else { continue };
                self.rings.close(*id, &mut channel.ring);
                if channel.pump(*at, sink, asks) != Flow::Open {
                    return;
                }
            }
            places.retain(|(channel, at)| {
                self.channels.get(channel).is_some_and(|channel| channel.is_starting(*at))
            });
        }
    }
}
