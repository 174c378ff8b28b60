//! An edge: its sessions and their cursors, one channel per audience that any of them belongs to.
//!
//! A follower costs a number, never a backlog: what a full socket cannot take is not queued but fetched later, from the ring or, when that has moved
//! on, from the shard. The parts of a large snapshot are everyone's, and who is being given them costs a number into them.

mod hand_out;
mod rights;
mod rings;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use slotcast_protocol::{Code, Cursor, Encoding, Event, Fault, Limits, ObjectName, Request, Use, User};

use crate::channel::Channel;
use crate::effects::{Ask, Input, Start};
use crate::followers::{Audience, View};
use crate::ids::{Author, ChannelId, EdgeId, SessionId};
use crate::kind::Kinds;
use crate::rights::Rights;
use crate::ring::Mark;
use crate::rings::Rings;
use crate::user::HomeInput;
use crate::whole::Frames;

/// Whether a socket takes more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// More can be pushed.
    Open,
    /// What was pushed is held; no more until [`Edge::drained`].
    Full,
    /// Nothing was taken, as there is no room to hold it; once more at [`Edge::drained`].
    Refused,
}

/// The sockets of an edge, as the body has them.
pub trait Sink {
    /// Whether the session's socket has nothing waiting. Asked before every push, or frames would interleave.
    fn is_open(&self, session: SessionId) -> bool;
    /// Takes whole frames; what the socket does not take at once is held, and the answer is `Full`. Where too much is held already, frames of
    /// which the socket takes nothing are `Refused`.
    fn push(&mut self, session: SessionId, frames: Bytes) -> Flow;
}

/// What becomes of a request.
#[derive(Debug)]
pub enum Taken {
    /// It goes to the shard of this object.
    Shard(ObjectName, Input),
    /// It goes to the home of this user.
    Home(User, HomeInput),
    /// It is answered here.
    Answer(Event),
    /// Whoever knows tokens is to say what this one grants, by [`Edge::entitle`].
    Token(String),
}

struct Session {
    author: Arc<Author>,
    encoding: Encoding,
    /// Beside what the kinds allow to all; None for whoever has no others.
    rights: Option<Arc<Rights>>,
    uses: Vec<Used>,
    /// Which object is served first at the next drain, so that none starves.
    first: u32,
}

struct Used {
    object: ObjectName,
    place: Option<(ChannelId, usize)>,
    /// Which `use` of the object went to the shard last, and which one the last start was for.
    asked: u32,
    begun: u32,
}

#[derive(Default)]
struct Slot {
    generation: u32,
    session: Option<Session>,
}

/// See the module's text. The body calls it from one thread.
pub struct Edge {
    id: EdgeId,
    limits: Arc<Limits>,
    kinds: Arc<Kinds>,
    /// Whether some kind keeps something from someone.
    kinds_ask: bool,
    slots: Vec<Slot>,
    free: Vec<u32>,
    channels: BTreeMap<ChannelId, Channel>,
    by_audience: BTreeMap<(ObjectName, Audience), ChannelId>,
    rings: Rings,
    dirty: VecDeque<ChannelId>,
    /// Who is to be given a part next. Those whose sockets are full are not here: they go on when they drain.
    starting: VecDeque<(SessionId, ChannelId)>,
}

impl Edge {
    /// Without sessions; `rings_bytes` is its share of the limit.
    pub fn new(id: EdgeId, kinds: Arc<Kinds>, limits: Arc<Limits>, rings_bytes: usize) -> Self {
        let (slots, free, dirty, starting) = (Vec::new(), Vec::new(), VecDeque::new(), VecDeque::new());
        let (channels, by_audience) = (BTreeMap::new(), BTreeMap::new());
        let kinds_ask = kinds.ask_for_rights();
        let rings = Rings::new(rings_bytes, limits.clone());
        Edge { id, kinds, kinds_ask, limits, slots, free, channels, by_audience, rings, dirty, starting }
    }

    /// A session that has said hello.
    pub fn open(&mut self, author: Arc<Author>, encoding: Encoding) -> SessionId {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            self.slots.len() as u32 - 1
        });
        let entry = &mut self.slots[slot as usize];
        entry.generation += 1;
        entry.session = Some(Session { author, encoding, rights: None, uses: Vec::new(), first: 0 });
        SessionId::new(self.id, entry.generation, slot)
    }

    /// The session's connection is over; the objects that it followed, for [`Input::Gone`].
    pub fn close(&mut self, session: SessionId) -> Vec<ObjectName> {
        if self.session(session).is_none() {
            return Vec::new();
        }
        let uses = self.session(session).map_or(&[][..], |session| &session.uses);
        let objects: Vec<_> = uses.iter().map(|used| used.object.clone()).collect();
        objects.iter().for_each(|object| self.unplace(session, object));
        let slot = session.slot();
        self.slots[slot].session = None;
        self.free.push(slot as u32);
        objects
    }

    /// How the session's events are written; None if it has ended.
    pub fn encoding(&self, session: SessionId) -> Option<Encoding> {
        self.session(session).map(|session| session.encoding)
    }

    /// Whose session it is.
    pub fn user(&self, session: SessionId) -> Option<User> {
        self.session(session).map(|session| session.author.user.clone())
    }

    /// Sessions that are open.
    pub fn sessions(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// What a session's request is to become.
    pub fn request(&mut self, session: SessionId, request: Request, now_ms: u64) -> Option<Taken> {
        let author = self.session(session)?.author.clone();
        if let Some(refused) = self.forbidden(session, &request) {
            return Some(Taken::Answer(refused));
        }
        Some(match request {
            Request::Hello { .. } => {
                let fault = Fault::new(Code::HelloFirst, "hello: was said before");
                Taken::Answer(Event::Error { fault, object: None })
            }
            Request::Use(request) => self.use_object(session, author, request),
            Request::Release { object } => Taken::Shard(object.clone(), Input::Release { session, object }),
            Request::Write(write) => {
                Taken::Shard(write.object.clone(), Input::Write { session, author, write })
            }
            Request::Send(send) => Taken::Shard(send.object.clone(), Input::Send { session, author, send }),
            Request::Fingerprint { object } => {
                Taken::Shard(object.clone(), Input::Fingerprint { session, object })
            }
            Request::Ping { n } => Taken::Answer(Event::Pong { n, time_ms: now_ms }),
            Request::Renew { token } => Taken::Token(token),
            Request::Relay(request) => {
                let user = author.user.clone();
                Taken::Home(user, HomeInput::Request { session, author, request })
            }
        })
    }

    fn use_object(&mut self, session: SessionId, author: Arc<Author>, request: Use) -> Taken {
        let Use { object, cursor, slots, rate } = request;
        let (limit, kinds) = (self.limits.objects, self.kinds.clone());
        let entry = self.session_mut(session).expect("its author was just looked up");
        if !entry.uses.iter().any(|used| used.object == object) {
            if entry.uses.len() >= limit {
                let fault = Fault::new(Code::TooMany, format!("objects: {limit} are in use"));
                return Taken::Answer(Event::Error { fault, object: Some(object) });
            }
            // Most sessions use one object: a vector that grows by itself would make room for four.
            if entry.uses.is_empty() {
                entry.uses.reserve_exact(1);
            }
            entry.uses.push(Used { object: object.clone(), place: None, asked: 0, begun: 0 });
        }
        let rate = rate.or(kinds.of(&object).rate);
        let encoding = entry.encoding;
        let view = View::new(slots).hiding(self.hidden_from(session, &object));
        let audience = Audience { view, encoding, rate };
        let covered = self.covers(&object, &audience, cursor);
        let used = self.used(session, &object).expect("it was just put there");
        used.asked += 1;
        let (turn, place) = (used.asked, used.place);
        if let Some((channel, at)) = place {
            self.channels.get_mut(&channel).expect("a follower's channel is there").hold(at, true);
        }
        Taken::Shard(object.clone(), Input::Use { session, author, object, audience, cursor, covered, turn })
    }

    fn covers(&self, object: &ObjectName, audience: &Audience, cursor: Option<Cursor>) -> bool {
        let channel =
            self.by_audience.get(&(object.clone(), audience.clone())).and_then(|id| self.channels.get(id));
        match (channel, cursor) {
            (Some(channel), Some(cursor)) if channel.epoch == cursor.epoch => {
                Mark::of(cursor).is_some_and(|mark| channel.ring.find(mark).is_some())
            }
            (Some(_), Some(_)) | (Some(_), None) | (None, _) => false,
        }
    }

    /// The shard's answer to `use` or to an [`Ask`]: `frames` are what `start` tells, encoded. What came in parts goes out with
    /// [`Edge::flush_parts`].
    pub fn start(
        &mut self,
        session: SessionId,
        start: Start,
        frames: Frames,
        sink: &mut impl Sink,
        asks: &mut Vec<Ask>,
    ) {
        let is_present = self.hidden_from(session, &start.object) == start.audience.view.hidden();
        let Some(used) = self.used(session, &start.object) else { return };
        used.begun = start.turn;
        if !is_present {
            // It was on its way when the session's rights changed; another follows it.
            return;
        }
        // The shard's own name: one for all who follow, instead of one for each.
        used.object = start.object.clone();
        let superseded = used.asked != used.begun;
        let at = self.place(session, &start);
        let Some(channel) = self.channels.get_mut(&start.channel) else { return };
        channel.hold(at, superseded);
        let Frames { parts, last } = frames;
        if let Some(parts) = parts {
            self.starting.push_back((session, start.channel));
            return channel.start_in_parts(at, parts, last, start.mark);
        }
        if !sink.is_open(session) || start.covered && !channel.start_from_ring(at, start.cursor) {
            channel.put_off(at, start.cursor);
        } else {
            if !start.covered {
                channel.start_here(at, start.mark);
            }
            if sink.push(session, last) == Flow::Refused {
                channel.put_off(at, start.cursor);
            }
        }
        self.rings.close(start.channel, &mut channel.ring);
        channel.pump(at, sink, asks);
    }

    /// The shard has let the session go from an object; to be followed by `released`.
    pub fn left(&mut self, session: SessionId, object: &ObjectName) {
        self.unplace(session, object);
        if let Some(entry) = self.session_mut(session) {
            // A `use` that was sent behind the `release` is still to be started.
            entry.uses.retain(|used| used.object != *object || used.asked != used.begun);
        }
    }

    /// The shard could not answer the session's `use` of this turn.
    pub fn refused(&mut self, session: SessionId, object: &ObjectName, turn: u32) {
        if let Some(entry) = self.session_mut(session) {
            entry.uses.retain(|used| used.object != *object || used.asked != turn);
        }
    }

    /// One frame for all followers in a channel; they get it at the next flush.
    pub fn publish(&mut self, channel: ChannelId, frame: &[u8], mark: Mark) {
        let Some(entry) = self.channels.get_mut(&channel) else { return };
        if entry.publish(frame, mark) {
            self.dirty.push_back(channel);
        }
    }

    /// The follower's place in the start's channel, which is made if need be.
    fn place(&mut self, session: SessionId, start: &Start) -> usize {
        if let Some((channel, at)) = self.used(session, &start.object).and_then(|used| used.place) {
            if channel == start.channel {
                return at;
            }
            self.unplace(session, &start.object);
        }
        let key = (start.object.clone(), start.audience.clone());
        // The ring that was to cover it went with the channel's last follower.
        let mark = if start.covered { Mark::END } else { start.mark };
        let fresh = || Channel::new(start.object.clone(), start.epoch, start.audience.clone(), mark);
        let channel = self.channels.entry(start.channel).or_insert_with(fresh);
        let (at, object) = (channel.add(session), channel.object.clone());
        self.by_audience.insert(key, start.channel);
        self.set_place(session, &object, Some((start.channel, at)));
        at
    }

    /// Takes the session out of its channel for an object. The channel's last follower takes the channel along.
    fn unplace(&mut self, session: SessionId, object: &ObjectName) {
        let Some((id, at)) = self.used(session, object).and_then(|used| used.place.take()) else { return };
        let channel = self.channels.get_mut(&id).expect("a follower's channel is there");
        let moved = channel.remove(at);
        if let Some(moved) = moved {
            self.set_place(moved, object, Some((id, at)));
        } else if channel.followers.is_empty() {
            let channel = self.channels.remove(&id).expect("it was there");
            self.rings.forget(id, &channel.ring);
            self.by_audience.remove(&(channel.object, channel.audience));
        }
    }

    fn set_place(&mut self, session: SessionId, object: &ObjectName, place: Option<(ChannelId, usize)>) {
        if let Some(used) = self.used(session, object) {
            used.place = place;
            // One copy of the name for all who follow: each came with its own.
            used.object = object.clone();
        }
    }

    fn used(&mut self, session: SessionId, object: &ObjectName) -> Option<&mut Used> {
        self.session_mut(session)?.uses.iter_mut().find(|used| used.object == *object)
    }

    fn session(&self, session: SessionId) -> Option<&Session> {
        let slot = self.slots.get(session.slot())?;
        let same = SessionId::new(self.id, slot.generation, session.slot() as u32) == session;
        slot.session.as_ref().filter(|_| same)
    }

    fn session_mut(&mut self, session: SessionId) -> Option<&mut Session> {
        self.session(session)?;
        self.slots[session.slot()].session.as_mut()
    }
}
