//! Who follows an object: sessions, their users, and the audiences that share frames.

use std::collections::BTreeMap;
use std::sync::Arc;

use slotcast_protocol::{Diff, Encoding, Event, Pattern, Rate, SlotName, User};

use crate::effects::Delivery;
use crate::ids::{Author, ChannelId, EdgeId, SessionId};
use crate::pace::Pace;
use crate::ring::Mark;

/// What a follower wants to see.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct View {
    /// Sorted; None is all.
    patterns: Option<Vec<Pattern>>,
    /// What is kept from the follower, whatever he wants.
    hidden: Vec<Pattern>,
}

impl View {
    /// Slots that match one of the patterns, which are sorted; None is all.
    pub fn new(patterns: Option<Vec<Pattern>>) -> Self {
        View { patterns, hidden: Vec::new() }
    }

    /// The same without the slots that match one of these patterns. Status slots are never hidden.
    pub fn hiding(self, hidden: Vec<Pattern>) -> Self {
        View { hidden, ..self }
    }

    /// What is kept from the follower.
    pub(crate) fn hidden(&self) -> &[Pattern] {
        &self.hidden
    }

    /// Whether a slot is kept from the follower, even its name.
    pub(crate) fn hides(&self, slot: &SlotName) -> bool {
        slot.status_of().is_none() && self.hidden.iter().any(|pattern| pattern.matches(slot))
    }

    /// Whether a slot is in view.
    pub fn shows(&self, slot: &SlotName) -> bool {
        let wanted = |patterns: &Vec<Pattern>| patterns.iter().any(|pattern| pattern.matches(slot));
        self.patterns.as_ref().is_none_or(wanted) && !self.hides(slot)
    }

    /// The part of a diff that is in view; None if nothing of it is.
    pub(crate) fn of(&self, diff: &Diff) -> Option<Diff> {
        if self.patterns.is_none() && self.hidden.is_empty() {
            return Some(diff.clone());
        }
        let in_view =
            |change: &&slotcast_protocol::Change| change.kind.slot().is_none_or(|slot| self.shows(slot));
        let changes: Vec<_> = diff.changes.iter().filter(in_view).cloned().collect();
        (!changes.is_empty()).then(|| Diff { changes, ..diff.clone() })
    }
}

/// Followers who get the same frames.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Audience {
    /// What they see.
    pub view: View,
    /// How it is written.
    pub encoding: Encoding,
    /// How often they are told; None is at once, everything.
    pub rate: Option<Rate>,
}

/// One audience of an object, and where it is.
pub(crate) struct Group {
    pub audience: Audience,
    pub channel: ChannelId,
    /// What it was told last: the version of the last diff, and the sends.
    pub told: Mark,
    /// What is held back, if it is not told everything at once.
    pub pace: Option<Pace>,
    edges: BTreeMap<EdgeId, usize>,
}

impl Group {
    /// Whether something has to wait for the audience's next moment; `hold` puts it to the rest.
    pub fn is_held_back(&mut self, now_ms: u64, hold: impl FnOnce(&mut Pace)) -> bool {
        let Some(pace) = &mut self.pace else { return false };
        let waits = !pace.may_go(now_ms);
        if waits {
            hold(pace);
        }
        waits
    }

    /// Tells the audience something, after which it has everything up to `mark`.
    pub fn publish(&mut self, event: Event, mark: Mark) -> Delivery {
        self.told = mark;
        let (channel, encoding, edges) = (self.channel, self.audience.encoding, self.edges());
        Delivery::Publish { channel, encoding, edges, event, mark }
    }

    fn edges(&self) -> Vec<EdgeId> {
        self.edges.keys().copied().collect()
    }
}

/// What is known of one session.
pub(crate) struct Following {
    pub channel: ChannelId,
    pub author: Arc<Author>,
    /// Which of its uses of the object holds.
    pub turn: u32,
    /// Whether it ever tied a slot to itself.
    pub ties: bool,
}

#[derive(Default)]
pub(crate) struct Followers {
    sessions: BTreeMap<SessionId, Following>,
    users: BTreeMap<User, usize>,
    groups: Vec<Group>,
}

impl Followers {
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    pub fn get_mut(&mut self, session: SessionId) -> Option<&mut Following> {
        self.sessions.get_mut(&session)
    }

    /// Whether there is such an audience, or room for one more.
    pub fn has_room_for(&self, audience: &Audience, audiences_max: usize) -> bool {
        self.groups.len() < audiences_max || self.groups.iter().any(|group| group.audience == *audience)
    }

    /// When some audience is to be told what was held back, in ms.
    pub fn due_ms(&self) -> Option<u64> {
        self.groups.iter().filter_map(|group| group.pace.as_ref()?.due_ms()).min()
    }

    pub fn groups_mut(&mut self) -> impl Iterator<Item = &mut Group> {
        self.groups.iter_mut()
    }

    /// The session's audience, and which of its uses brought it there.
    pub fn group(&self, session: SessionId) -> Option<(&Group, u32)> {
        let Following { channel, turn, .. } = self.sessions.get(&session)?;
        let group = self.groups.iter().find(|group| group.channel == *channel);
        group.map(|group| (group, *turn))
    }

    /// Adds a session, or moves it to another audience. `fresh` is the channel to use if the audience is new.
    pub fn join(
        &mut self,
        session: SessionId,
        author: &Arc<Author>,
        audience: Audience,
        turn: u32,
        fresh: ChannelId,
        mark: Mark,
    ) {
        let ties = self.sessions.get(&session).is_some_and(|following| following.ties);
        self.leave(session);
        let position = self.groups.iter().position(|group| group.audience == audience);
        let position = position.unwrap_or_else(|| {
            let pace = audience.rate.map(Pace::new);
            self.groups.push(Group { audience, channel: fresh, told: mark, pace, edges: BTreeMap::new() });
            self.groups.len() - 1
        });
        let group = &mut self.groups[position];
        *group.edges.entry(session.edge()).or_default() += 1;
        self.sessions
            .insert(session, Following { channel: group.channel, author: author.clone(), turn, ties });
        *self.users.entry(author.user.clone()).or_default() += 1;
    }

    /// Removes a session; what it was, and whether it was its user's last.
    pub fn leave(&mut self, session: SessionId) -> Option<(Following, bool)> {
        let following = self.sessions.remove(&session)?;
        let position = self.groups.iter().position(|group| group.channel == following.channel);
        let position = position.expect("a session's channel is one of the groups");
        if take_one(&mut self.groups[position].edges, &session.edge())
            && self.groups[position].edges.is_empty()
        {
            self.groups.remove(position);
        }
        let last = take_one(&mut self.users, &following.author.user);
        Some((following, last))
    }
}

/// Counts one less; true if it was the last, which removes the entry.
fn take_one<K: Ord>(counts: &mut BTreeMap<K, usize>, key: &K) -> bool {
    let count = counts.get_mut(key).expect("what leaves has been counted");
    *count -= 1;
    let last = *count == 0;
    if last {
        counts.remove(key);
    }
    last
}
