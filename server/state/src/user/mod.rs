//! The home of a user: what the user's sessions ask for, and what comes from the homes of others.
//!
//! A message walks sender's home -> recipient's home -> sender's home -> `stored`. The recipient's home decides and is the one writer of the inbox; it
//! knows a message that comes again by the sender's device and id, as the sender's home does. So whatever a crash takes, the sender says it again
//! and it is stored once:
//!
//! | the crash comes when | a retry then |
//! |---|---|
//! | neither home has it | is done for the first time |
//! | the recipient's has it, the sender's not its answer | is forwarded again, and gets the place that the message has |
//! | both have it | is answered by the sender's home |

mod commit;
mod company;
mod contents;
mod homes;
mod ids;
mod inbox;
mod letter;
mod policy;
mod rate;
mod reading;
mod receive;
mod send;
mod stored;

use std::collections::BTreeMap;
use std::sync::Arc;

use slotcast_protocol::{Code, Device, Durability, Event, Fault, InboxCursor, Matter, RelayEvent, User};

use crate::effects::{Delivery, Effects, Stored};
use crate::ids::{Author, SessionId};
use crate::keeping::Keeping;
use crate::name::Name;
use crate::object::Moment;

pub use commit::{At, Deed, Outcome, UserCommit};
pub use contents::UserContents;
pub(crate) use homes::Homes;
pub(crate) use homes::refuse_letter;
pub use inbox::Filed;
pub use letter::{Ending, HomeInput, Letter, PersonLetter};
pub use policy::{Policy, Relay, Rosters};
pub(crate) use rate::Rate;

use reading::Reading;
use send::Pending;

/// ms; a device that comes back within is not written down anew
const SEEN_MS: u64 = 24 * 60 * 60 * 1000;

/// A user in memory.
pub(crate) struct Home {
    pub user: User,
    pub contents: UserContents,
    relay: Arc<Relay>,
    sessions: BTreeMap<SessionId, Reading>,
    /// The user's messages that have no answer yet; at most `inflight` of each device.
    pending: BTreeMap<(Device, u64), Pending>,
    rate: Rate,
    pub keeping: Keeping,
}

impl Home {
    pub fn new(user: User, contents: UserContents, relay: Arc<Relay>) -> Self {
        Home {
            user,
            contents,
            relay,
            sessions: BTreeMap::new(),
            pending: BTreeMap::new(),
            rate: Rate::default(),
            keeping: Keeping::default(),
        }
    }

    pub fn is_durable(&self) -> bool {
        self.relay.durability > Durability::Memory
    }

    /// Whether it is in memory for no one.
    pub fn is_idle(&self) -> bool {
        self.sessions.is_empty() && self.pending.is_empty()
    }

    /// All of it, for the store; None if the store has it or is being told.
    pub fn store(&mut self) -> Option<Stored> {
        self.keeping.store(|| self.user.clone().into(), || self.contents.encode())
    }

    /// What happens after it was handed to the store in the same turn is in the same batch, and before it: so it must be in it.
    pub fn store_again(&mut self, stores: &mut [Stored]) {
        let own = Name::User(self.user.clone());
        let stored = stores.iter_mut().find(|stored| stored.name == own);
        self.keeping.store_again(stored, || self.contents.encode());
    }

    /// A session wants the entries from a cursor on.
    fn open(
        &mut self,
        session: SessionId,
        author: &Author,
        cursor: Option<InboxCursor>,
        moment: &Moment<'_>,
        effects: &mut Effects,
    ) {
        let (epoch, to) = (self.contents.epoch(), self.contents.last());
        let known = self.contents.devices.get(&author.device).copied();
        let brought = cursor.filter(|cursor| cursor.epoch == epoch).map(|cursor| cursor.seq);
        let from = brought.or(known.map(|known| known.seq)).unwrap_or(0);
        if from > to {
            let fault = Fault::new(Code::BadField, format!("seq: is ahead of the inbox, which ends at {to}"));
            return self.tell(session, Event::Error { fault, object: None }, effects);
        }
        let is_news = known.is_none_or(|known| known.seq != from || known.seen_ms + SEEN_MS <= moment.now_ms);
        if is_news && !self.has_no_room(moment) {
            self.reach(author.device.clone(), from, moment, effects);
        }
        self.sessions.insert(session, Reading::new(author.device.clone(), from));
        self.tell(session, Event::Relay(RelayEvent::Inbox { epoch, from, to }), effects);
        self.go_on(session, moment, effects);
    }

    fn acknowledge(&mut self, session: SessionId, seq: u64, moment: &Moment<'_>, effects: &mut Effects) {
        let Some(reading) = self.sessions.get_mut(&session).filter(|reading| reading.has(seq)) else {
            let fault = Fault::new(Code::BadField, "seq: this session was not handed so much");
            return self.tell(session, Event::Error { fault, object: None }, effects);
        };
        reading.acknowledge(seq);
        let device = reading.device().clone();
        let known = self.contents.devices.get(&device).map_or(0, |known| known.seq);
        // What cannot be kept is not counted; the next one says it too.
        if seq > known && !self.has_no_room(moment) {
            self.reach(device, seq, moment, effects);
        }
        self.go_on(session, moment, effects);
    }

    /// The user has read what came from someone.
    fn read(
        &mut self,
        session: SessionId,
        (author, of): (&Author, User),
        seq: u64,
        moment: &Moment<'_>,
        effects: &mut Effects,
    ) {
        if seq > self.contents.last() {
            let fault = Fault::new(Code::BadField, "seq: is ahead of the inbox");
            return self.tell(session, Event::Error { fault, object: None }, effects);
        }
        let before = match self.contents.inbox.mark(true, &of) {
            Some(Matter::Seen { read, .. }) => *read,
            _none => 0,
        };
        if seq > before && !self.has_no_room(moment) {
            self.file(
                Matter::Seen { user: of.clone(), read: seq },
                Some(author.device.clone()),
                moment,
                effects,
            );
            // Who has written nothing has nothing to be told.
            if self.contents.inbox.has_from(&of, seq) {
                let receipt = Letter::Receipt { by: self.user.clone(), delivered: 0, read: seq };
                self.send_held(of, receipt, effects);
            }
        }
    }

    /// A device has more; whoever sent what was waiting is told.
    fn reach(&mut self, device: Device, seq: u64, moment: &Moment<'_>, effects: &mut Effects) {
        for (sender, delivered) in self.commit(Deed::Reached { device, seq }, moment, effects) {
            let receipt = Letter::Receipt { by: self.user.clone(), delivered, read: 0 };
            self.send_held(sender, receipt, effects);
        }
    }

    /// Puts an entry into the inbox and hands it to whoever reads.
    fn file(
        &mut self,
        matter: Matter,
        device: Option<Device>,
        moment: &Moment<'_>,
        effects: &mut Effects,
    ) -> At {
        let entry = self.next_entry(matter, moment);
        let at = At { seq: entry.seq, time_ms: entry.time_ms };
        self.commit(Deed::Filed(Filed { entry, device }), moment, effects);
        self.all_go_on(moment, effects);
        at
    }

    fn next_entry(&self, matter: Matter, moment: &Moment<'_>) -> slotcast_protocol::Entry {
        slotcast_protocol::Entry { seq: self.contents.last() + 1, time_ms: moment.now_ms, matter }
    }

    fn all_go_on(&mut self, moment: &Moment<'_>, effects: &mut Effects) {
        let sessions: Vec<_> = self.sessions.keys().copied().collect();
        sessions.into_iter().for_each(|session| self.go_on(session, moment, effects));
    }

    fn go_on(&mut self, session: SessionId, moment: &Moment<'_>, effects: &mut Effects) {
        let deliveries = self.deliveries(effects);
        let Home { sessions, contents, .. } = self;
        let Some(reading) = sessions.get_mut(&session) else { return };
        reading.go_on(&contents.inbox, moment.limits, |event| {
            deliveries.push(Delivery::Reply { session, event: Event::Relay(event) });
        });
    }

    /// Does it, and has it logged.
    fn commit(&mut self, deed: Deed, moment: &Moment<'_>, effects: &mut Effects) -> Vec<(User, u64)> {
        let (user, durability, epoch) = (self.user.clone(), self.relay.durability, self.contents.epoch());
        let commit = UserCommit { user, durability, epoch, at_ms: moment.now_ms, deed };
        let done = self.contents.apply(&commit, moment.limits).expect("it was made to follow");
        if self.is_durable() {
            self.keeping.change();
        }
        effects.user_commits.push(commit);
        done
    }

    /// Whether what would have to be kept cannot be.
    fn has_no_room(&self, moment: &Moment<'_>) -> bool {
        self.is_durable() && moment.storage_full
    }

    /// To a session, when all that happened before is kept.
    fn tell(&self, session: SessionId, event: Event, effects: &mut Effects) {
        self.deliveries(effects).push(Delivery::Reply { session, event });
    }

    /// To another's home, when all that happened before is kept.
    fn send_held(&self, to: User, letter: Letter, effects: &mut Effects) {
        match self.is_durable() {
            true => effects.held.push(Delivery::Letter { to, letter }),
            false => effects.letters.push((to, letter)),
        }
    }

    fn deliveries<'e>(&self, effects: &'e mut Effects) -> &'e mut Vec<Delivery> {
        if self.is_durable() { &mut effects.held } else { &mut effects.deliveries }
    }
}
