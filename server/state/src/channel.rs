//! One audience of one object on one edge: its ring and its followers, each a number into it.

use std::sync::Arc;

use bytes::Bytes;
use slotcast_protocol::{Cursor, ObjectName};

use crate::edge::{Flow, Sink};
use crate::effects::Ask;
use crate::followers::Audience;
use crate::ids::SessionId;
use crate::ring::{Mark, Ring};

/// A session's place in a channel.
pub(crate) struct Follower {
    pub session: SessionId,
    state: State,
    /// Another `use` is on its way to the shard: what this one lacks is no longer asked for, as the answer would come behind the
    /// new start and be taken for its sequel.
    held: bool,
}

enum State {
    /// Has all frames before `next`, which brought it to `have`.
    Following { next: u64, have: Mark },
    /// Is being given a snapshot in parts; the frames from then on wait in the ring.
    Starting(Box<Starting>),
    /// The shard was asked; nothing may be sent before it answers.
    Asked,
    /// The shard's answer came when the socket was full and was dropped: to be asked again.
    Stale { cursor: Option<Cursor> },
}

/// What a follower has not got yet of its start, and where it goes on then.
struct Starting {
    parts: Arc<[Bytes]>,
    last: Bytes,
    /// How many parts were handed over.
    given: usize,
    next: u64,
    have: Mark,
}

pub(crate) struct Channel {
    pub object: ObjectName,
    pub epoch: u64,
    pub audience: Audience,
    pub ring: Ring,
    pub followers: Vec<Follower>,
    /// Who is served next.
    turn: usize,
    /// How many are still to be served, from `turn` on and round.
    left: usize,
}

impl Channel {
    pub fn new(object: ObjectName, epoch: u64, audience: Audience, mark: Mark) -> Self {
        Channel { object, epoch, audience, ring: Ring::new(mark), followers: Vec::new(), turn: 0, left: 0 }
    }

    /// Adds a frame for all followers; true if nothing was waiting before.
    pub fn publish(&mut self, frame: &[u8], mark: Mark) -> bool {
        self.ring.push(frame, mark);
        let was_idle = self.left == 0;
        self.left = self.followers.len();
        was_idle
    }

    /// A follower that waits for its start.
    pub fn add(&mut self, session: SessionId) -> usize {
        self.followers.push(Follower { session, state: State::Asked, held: false });
        self.start_round_anew();
        self.followers.len() - 1
    }

    /// Whether the follower may ask the shard.
    pub fn hold(&mut self, at: usize, held: bool) {
        self.followers[at].held = held;
    }

    /// From the ring, if it still covers the cursor; false if it does not.
    pub fn start_from_ring(&mut self, at: usize, cursor: Option<Cursor>) -> bool {
        let mark = cursor.filter(|cursor| cursor.epoch == self.epoch).and_then(Mark::of);
        let next = mark.and_then(|mark| self.ring.find(mark).map(|next| (next, mark)));
        if let Some((next, have)) = next {
            self.followers[at].state = State::Following { next, have };
        }
        next.is_some()
    }

    /// Everything up to now has been handed over; the ring goes on from here.
    pub fn start_here(&mut self, at: usize, have: Mark) {
        self.followers[at].state = State::Following { next: self.ring.next(), have };
    }

    /// Parts are to be handed over, one by one, and then `last`; the ring goes on from here.
    pub fn start_in_parts(&mut self, at: usize, parts: Arc<[Bytes]>, last: Bytes, have: Mark) {
        let starting = Starting { parts, last, given: 0, next: self.ring.next(), have };
        self.followers[at].state = State::Starting(Box::new(starting));
    }

    /// Whether the follower waits for parts of a snapshot.
    pub fn is_starting(&self, at: usize) -> bool {
        matches!(self.followers[at].state, State::Starting(_))
    }

    /// What was to be handed over could not be: ask again when there is room.
    pub fn put_off(&mut self, at: usize, cursor: Option<Cursor>) {
        self.followers[at].state = State::Stale { cursor };
    }

    /// Hands over what the follower has not got, as far as its socket takes it; of a snapshot in parts only the next one.
    pub fn pump(&mut self, at: usize, sink: &mut impl Sink, asks: &mut Vec<Ask>) -> Flow {
        let Channel { object, epoch, ring, followers, .. } = self;
        let follower = &mut followers[at];
        let session = follower.session;
        if !sink.is_open(session) {
            return Flow::Full;
        }
        if let State::Starting(starting) = &mut follower.state {
            let Starting { parts, last, given, next, have } = &mut **starting;
            let (part, begun) = (parts.get(*given), State::Following { next: *next, have: *have });
            let is_last = part.is_none();
            let flow = sink.push(session, part.unwrap_or(last).clone());
            match (flow, is_last) {
                (Flow::Refused, _) => {}
                (_, false) => *given += 1,
                (_, true) => follower.state = begun,
            }
            if flow != Flow::Open || !is_last {
                return flow;
            }
        }
        let cursor = match &mut follower.state {
            State::Asked | State::Starting(_) => return Flow::Open,
            State::Stale { cursor } => *cursor,
            State::Following { next, have } => loop {
                if *next == ring.next() {
                    return Flow::Open;
                }
                let Some(piece) = ring.piece(*next) else {
                    break Some(Cursor { epoch: *epoch, version: have.version, sends: Some(have.sends) });
                };
                let flow = sink.push(session, piece.bytes);
                if flow != Flow::Refused {
                    // The start may have led further than the last frame that this audience got.
                    let version = have.version.max(piece.mark.version);
                    (*next, *have) = (piece.next, Mark { version, sends: piece.mark.sends });
                }
                if flow != Flow::Open {
                    return flow;
                }
            },
        };
        if follower.held {
            return Flow::Open;
        }
        follower.state = State::Asked;
        asks.push(Ask { session, object: object.clone(), cursor });
        Flow::Open
    }

    /// Serves followers in turn, behind a ring that is closed, until all are served or `budget` is used up; true when all are. Who is starting has his own turn.
    pub fn flush(&mut self, budget: &mut usize, sink: &mut impl Sink, asks: &mut Vec<Ask>) -> bool {
        while self.left > 0 && *budget > 0 {
            *budget -= 1;
            self.left -= 1;
            let at = self.turn % self.followers.len();
            self.turn = at + 1;
            if !self.is_starting(at) {
                self.pump(at, sink, asks);
            }
        }
        self.left == 0
    }

    /// Removes a follower; the session that now has its place, if another moved there.
    pub fn remove(&mut self, at: usize) -> Option<SessionId> {
        self.followers.swap_remove(at);
        self.start_round_anew();
        self.followers.get(at).map(|moved| moved.session)
    }

    /// With other followers the rest of a round would no longer end where it began, and pass someone over.
    fn start_round_anew(&mut self) {
        if self.left > 0 {
            self.left = self.followers.len();
        }
    }
}
