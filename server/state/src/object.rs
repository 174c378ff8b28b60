//! One object: its slots, version and followers, from its first `use` to its end.

mod conflate;
mod requests;

use std::sync::Arc;

use slotcast_protocol::{
    Change, ChangeKind, Cursor, Diff, Durability, Event, Limits, ObjectName, Pattern, SlotName, User,
};

use crate::answers::Answer;
use crate::commit::{Commit, Lived};
use crate::contents::Contents;
use crate::effects::{Delivery, Effects, Start, Stored};
use crate::followers::{Audience, Followers};
use crate::ids::{Author, ChannelId, SessionId};
use crate::keeping::Keeping;
use crate::kind::Kind;
use crate::pace::Pace;
use crate::ring::Mark;
use crate::starts::{Starts, Way};
use crate::whole::Wholes;

/// When and under which circumstances a request is handled.
pub(crate) struct Moment<'a> {
    pub now_ms: u64,
    pub limits: &'a Limits,
    /// The store takes nothing more.
    pub storage_full: bool,
    /// The objects in memory take all the room that they may.
    pub memory_full: bool,
}

/// An object in memory. Its version grows by one with each write that moves something.
pub(crate) struct Object {
    pub name: ObjectName,
    pub contents: Contents,
    kind: Arc<Kind>,
    followers: Followers,
    /// Snapshots for those who join soon; empty where the object is not large.
    pub wholes: Wholes,
    /// When it dies, if no one comes: set while nobody follows it and there is nothing to store.
    dies_ms: Option<u64>,
    /// The MD5 of its slots, and the version that it was taken at.
    md5: Option<(u64, String)>,
    pub keeping: Keeping,
    /// What it weighs in the shard's books.
    pub booked: usize,
}

/// Who asked for what, and how it was answered.
struct Cause<'a> {
    author: &'a Arc<Author>,
    id: Option<u64>,
    answer: Option<Answer>,
    now_ms: u64,
}

impl Object {
    pub fn new(name: ObjectName, contents: Contents, kind: Arc<Kind>, now_ms: u64) -> Self {
        let blank = contents.is_blank();
        let dies_ms = blank.then(|| now_ms.saturating_add(kind.linger_ms));
        let (followers, wholes) = (Followers::default(), Wholes::default());
        Object {
            name,
            contents,
            kind,
            followers,
            wholes,
            dies_ms,
            md5: None,
            keeping: Keeping::default(),
            booked: 0,
        }
    }

    pub fn is_durable(&self) -> bool {
        self.kind.durability > Durability::Memory
    }

    pub fn follows(&mut self, session: SessionId) -> bool {
        self.followers.get_mut(session).is_some()
    }

    /// Whether the session can see it so: such an audience is there, or there is room for one more.
    pub fn has_room_for(&self, audience: &Audience, audiences_max: usize) -> bool {
        self.followers.has_room_for(audience, audiences_max)
    }

    /// Whether it is in memory for no one and could be loaded again.
    pub fn is_idle(&self) -> bool {
        self.is_durable() && self.followers.is_empty() && !self.contents.is_blank()
    }

    /// All of it, for the store; None if the store has it or is being told.
    pub fn store(&mut self) -> Option<Stored> {
        self.keeping.store(|| self.name.clone().into(), || self.contents.encode())
    }

    /// What happens after it was handed to the store in the same turn is in the same batch, and before it: so it must be in it.
    pub fn store_again(&mut self, stores: &mut [Stored]) {
        let stored = stores.iter_mut().find(|stored| stored.name.object() == Some(&self.name));
        self.keeping.store_again(stored, || self.contents.encode());
    }

    /// What sessions of an earlier run have left goes; it is not in the store any more when someone is told.
    pub fn sweep(&mut self, now_ms: u64, effects: &mut Effects) {
        let left = self.contents.slots.of_sessions();
        self.remove(left, now_ms, effects);
    }

    /// The next moment at which something happens by itself, in ms.
    pub fn next_deadline(&self) -> Option<u64> {
        let (expiry, wholes) = (self.contents.slots.next_expiry(), self.wholes.next_ms());
        let by_itself = [self.dies_ms, expiry, wholes, self.followers.due_ms()];
        by_itself.into_iter().flatten().min()
    }

    /// Whether its time is over.
    pub fn is_dead(&self, now_ms: u64) -> bool {
        self.dies_ms.is_some_and(|dies_ms| dies_ms <= now_ms)
    }

    /// Whether the session followed before and saw other slots: then its cursor says nothing about those that come into view.
    pub fn join(
        &mut self,
        session: SessionId,
        author: &Arc<Author>,
        audience: Audience,
        turn: u32,
        fresh: ChannelId,
    ) -> bool {
        let before = self.followers.group(session).map(|(group, _)| group.audience.clone());
        let saw_others = before.is_some_and(|before| before.view != audience.view);
        self.followers.join(session, author, audience, turn, fresh, self.mark());
        self.dies_ms = None;
        self.keeping.stay();
        saw_others
    }

    /// What is hidden from a follower is now this: it begins anew, as what comes into view is in no diff.
    pub fn hide(
        &mut self,
        session: SessionId,
        hidden: Vec<Pattern>,
        (turn, fresh): (u32, ChannelId),
        moment: &Moment<'_>,
        starts: &mut Starts,
        effects: &mut Effects,
    ) {
        let Some(author) = self.followers.get_mut(session).map(|following| following.author.clone()) else {
            return;
        };
        let (group, _) = self.followers.group(session).expect("a follower's audience is there");
        let Audience { view, encoding, rate } = group.audience.clone();
        let audience = Audience { view: view.hiding(hidden), encoding, rate };
        self.join(session, &author, audience, turn, fresh);
        self.start(session, (None, false), moment, starts, effects);
    }

    /// Tells a session how to begin, or to begin again, from a cursor that its edge's ring may have covered; nothing if it does not follow.
    pub fn start(
        &mut self,
        session: SessionId,
        (cursor, covered): (Option<Cursor>, bool),
        moment: &Moment<'_>,
        starts: &mut Starts,
        effects: &mut Effects,
    ) {
        self.tell_sends(session, moment.now_ms, effects);
        let Some((group, turn)) = self.followers.group(session) else { return };
        let (channel, audience) = (group.channel, group.audience.clone());
        let usable = cursor.filter(|cursor| covered && cursor.epoch == self.contents.epoch);
        let held = usable.and_then(Mark::of).filter(|mark| *mark <= self.mark());
        let ((whole, event), mark) = match held {
            Some(mark) => {
                let way = Way { channel, from: cursor, to: mark, whole: None };
                let nothing = || self.nothing_since(mark.version);
                ((None, starts.find_or_make(way, moment.now_ms, nothing)), mark)
            }
            None => (self.catch_up((channel, cursor), &audience, moment, starts), self.mark()),
        };
        let (object, epoch, covered) = (self.name.clone(), self.contents.epoch, held.is_some());
        let start = Start { object, epoch, channel, audience, turn, cursor, mark, covered, whole, event };
        effects.deliveries.push(Delivery::Start { session, start });
    }

    /// A session goes, and with it what was tied to it and, if it was its user's last, the status; whose it was.
    pub fn leave(&mut self, session: SessionId, now_ms: u64, effects: &mut Effects) -> Option<User> {
        let (following, last_of_user) = self.followers.leave(session)?;
        let mut going = if following.ties { self.contents.slots.tied_to(session) } else { Vec::new() };
        let status = SlotName::status(&following.author.user);
        if last_of_user && !going.contains(&status) {
            going.push(status);
        }
        self.remove(going, now_ms, effects);
        if self.followers.is_empty() && !self.is_idle() {
            self.dies_ms = Some(now_ms.saturating_add(self.kind.linger_ms));
        }
        Some(following.author.user.clone())
    }

    /// Deletes the slots whose time is over, and forgets the wholes that no one uses any more.
    pub fn expire(&mut self, now_ms: u64, effects: &mut Effects) {
        self.wholes.forget(now_ms);
        let expired = self.contents.slots.expired(now_ms);
        self.remove(expired, now_ms, effects);
    }

    /// The server's own deletions, as one version.
    fn remove(&mut self, mut going: Vec<SlotName>, now_ms: u64, effects: &mut Effects) {
        going.retain(|slot| self.contents.slots.get(slot).is_some());
        if going.is_empty() {
            return;
        }
        let (server, version) = (Author::server(), self.contents.version + 1);
        for slot in &going {
            self.contents.slots.delete(slot.clone(), version, server.clone());
        }
        let kinds = going.into_iter().map(|slot| ChangeKind::Delete { slot });
        let changes = kinds.map(|kind| Change { version, by: server.user.clone(), kind }).collect();
        let cause = Cause { author: &server, id: None, answer: None, now_ms };
        self.publish(&cause, changes, Vec::new(), effects);
    }

    pub fn mark(&self) -> Mark {
        Mark { version: self.contents.version, sends: self.contents.sends }
    }

    /// Raises the version by one, commits it and tells every audience that can see something of it.
    fn publish(&mut self, cause: &Cause<'_>, changes: Vec<Change>, lives: Vec<Lived>, effects: &mut Effects) {
        self.contents.version += 1;
        let to = self.contents.version;
        self.contents.slots.forget(to, self.kind.resync_depth);
        self.log(cause, changes.as_slice().into(), lives, effects);
        let (object, mark) = (self.name.clone(), self.mark());
        let whole = Diff { object, from: to - 1, to, changes, skipped: 0 };
        for group in self.followers.groups_mut() {
            let Some(diff) = group.audience.view.of(&whole) else { continue };
            if group.is_held_back(cause.now_ms, Pace::hold_change) {
                continue;
            }
            let diff = Diff { from: group.told.version, ..diff };
            effects.deliveries.push(group.publish(Event::Diff(diff), mark));
        }
        self.tell_before_forgotten(cause.now_ms, effects);
    }

    /// For a stored object everything that a retry could ask for again is logged, rejects and sends too. What leaves nothing behind is
    /// not: an object to which nothing else has happened may die and come again with another epoch, and a log has only one.
    fn log(&mut self, cause: &Cause<'_>, changes: Arc<[Change]>, lives: Vec<Lived>, effects: &mut Effects) {
        let durability = self.kind.durability;
        let Contents { epoch, version, sends, .. } = self.contents;
        if changes.is_empty() && durability == Durability::Memory {
            return;
        }
        if self.is_durable() {
            self.keeping.change();
        }
        effects.commits.push(Commit {
            object: self.name.clone(),
            durability,
            epoch,
            version,
            sends,
            at_ms: cause.now_ms,
            author: cause.author.clone(),
            id: cause.id,
            answer: cause.answer.clone(),
            changes,
            lives,
        });
    }
}
