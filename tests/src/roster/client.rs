//! The clients: each edits its list, reads it, and sends packets that need lists.

use slotcast_protocol::roster::{Alias, Edit, Group, Mark, Tag};
use slotcast_protocol::{Fault, User};
use slotcast_state::roster::{CacheInput, Claim, Difference, Input};
use slotcast_state::{EdgeId, SessionId};

use crate::dice::Dice;
use crate::roster::copy::Copy;
use crate::roster::world::{What, World};

/// A request without an answer is repeated after so long, in ms.
const REPEAT_MS: u64 = 4_000;

/// What a client has asked a registrar.
#[derive(Clone, Debug)]
pub enum Wish {
    Edit(Edit),
    Erase,
}

/// A wish under way.
pub struct Pending {
    pub wish: Wish,
    /// The judge's number of it.
    number: u64,
    sent_ms: u64,
}

/// What a ticket stands for.
#[derive(Clone, Debug)]
pub enum Purpose {
    Wish {
        client: usize,
    },
    Read {
        client: usize,
    },
    /// A packet of the owner's, with what its client says that it has.
    Own {
        owner: User,
        session: SessionId,
        claim: Claim,
        honest: Option<Tag>,
    },
    /// A packet for the owner.
    Deliver {
        owner: User,
    },
}

pub struct Client {
    pub user: User,
    pub session: SessionId,
    pub copy: Copy,
    pub wish: Option<Pending>,
    reading_until_ms: u64,
    /// Tags that it had once.
    old: Vec<Tag>,
}

impl Client {
    pub fn new(number: usize, user: User) -> Self {
        let session = SessionId::new(EdgeId(0), 1, number as u32);
        Client { user, session, copy: Copy::default(), wish: None, reading_until_ms: 0, old: Vec::new() }
    }
}

impl World {
    pub fn act(&mut self, at: usize) -> Result<(), String> {
        let pause = self.dice.between(1, self.weather.pace_ms);
        self.put(self.now_ms + pause, What::Act { client: at });
        if let Some(Pending { sent_ms, .. }) = self.clients[at].wish {
            if sent_ms + REPEAT_MS <= self.now_ms {
                self.tally.repeated_edits += 1;
                self.submit(at);
            }
        } else if !self.quiet && self.dice.percent(25) {
            let wish = self.wish(at);
            let number = self.judge.wished(&self.clients[at].user, &wish);
            self.clients[at].wish = Some(Pending { wish, number, sent_ms: 0 });
            self.submit(at);
        }
        match self.dice.below(10) {
            0..3 => self.ask_read(at),
            3..7 => self.send_own(at),
            _deliver => self.deliver(),
        }
    }

    fn wish(&mut self, at: usize) -> Wish {
        let user = self.dice.pick(&self.users);
        let dice = &mut self.dice;
        Wish::Edit(match dice.below(16) {
            0..4 => Edit::Ask(user),
            4..7 => Edit::Accept(user),
            7 => Edit::Decline(user),
            8..11 => Edit::Remove(user),
            11 => Edit::Approve { user, on: dice.percent(60) },
            12 => Edit::Alias { user, alias: dice.percent(80).then(|| alias(dice)) },
            13 => Edit::Groups { user, groups: (0..dice.below(3)).map(|_| group(dice)).collect() },
            14 => Edit::Block(user),
            _last if dice.percent(10) => {
                self.log.line(format!("{} {} is over", self.now_ms, self.clients[at].user));
                return Wish::Erase;
            }
            _last => Edit::Unblock(user),
        })
    }

    /// Over a line in order, which may be cut.
    fn submit(&mut self, at: usize) {
        let ticket = self.ticket(Purpose::Wish { client: at });
        let owner = self.clients[at].user.clone();
        let pending = self.clients[at].wish.as_mut().expect("there is one");
        pending.sent_ms = self.now_ms;
        let input = match &pending.wish {
            Wish::Edit(edit) => Input::Edit { ticket, owner, edit: edit.clone() },
            Wish::Erase => Input::Erase { ticket, owner },
        };
        self.post(at, input);
    }

    fn ask_read(&mut self, at: usize) -> Result<(), String> {
        if self.clients[at].reading_until_ms > self.now_ms {
            return Ok(());
        }
        self.clients[at].reading_until_ms = self.now_ms + REPEAT_MS;
        let ticket = self.ticket(Purpose::Read { client: at });
        let (owner, have) = (self.clients[at].user.clone(), self.clients[at].copy.tag);
        self.post(at, Input::Read { ticket, owner, have });
        Ok(())
    }

    fn post(&mut self, at: usize, input: Input) {
        if !self.quiet && self.dice.percent(self.weather.lost) {
            self.tally.lost += 1;
            return;
        }
        let soonest = self.now_ms + self.delay();
        let line = self.lines.entry(at).or_default();
        *line = soonest.max(*line);
        let (at_ms, registrar) = (*line, self.registrar_of(&self.clients[at].user));
        self.put(at_ms, What::ToRegistrar { registrar, input });
    }

    pub fn ticket(&mut self, purpose: Purpose) -> u64 {
        self.next_ticket += 1;
        self.tickets.insert(self.next_ticket, purpose);
        self.next_ticket
    }

    /// A wish is fulfilled, or refused. An answer to one that was repeated is one, too.
    pub fn edited(&mut self, ticket: u64, result: Result<Mark, Fault>) -> Result<(), String> {
        let Some(Purpose::Wish { client }) = self.tickets.remove(&ticket) else { return Ok(()) };
        let Some(Pending { wish, number, .. }) = self.clients[client].wish.take() else { return Ok(()) };
        // Tickets of a wish that was repeated are void.
        self.tickets.retain(|_, other| !matches!(other, Purpose::Wish { client: of } if *of == client));
        self.tally.edits += 1;
        let Ok(mark) = result else {
            self.tally.refused_edits += 1;
            return Ok(());
        };
        let owner = self.clients[client].user.clone();
        let devices = self.clients.iter().filter(|client| client.user == owner);
        let others: Vec<Wish> =
            devices.filter_map(|client| Some(client.wish.as_ref()?.wish.clone())).collect();
        let disk = &self.desks[self.registrar_of(&owner)].disk;
        match &wish {
            Wish::Erase => self.tally.erased += 1,
            Wish::Edit(edit) => self.tally.revoked += u64::from(edit.is_revoking()),
        }
        self.judge.done(&owner, (&wish, number), mark, disk, &others)
    }

    pub fn read(&mut self, ticket: u64, difference: &Difference) -> Result<(), String> {
        let Some(Purpose::Read { client: at }) = self.tickets.remove(&ticket) else { return Ok(()) };
        let client = &mut self.clients[at];
        client.reading_until_ms = 0;
        // It may have been asked before another answer came.
        let leads_on = match difference {
            Difference::Same(tag, _) => client.copy.tag == Some(*tag),
            Difference::Delta { from, tag, .. } => {
                client.copy.tag.is_some_and(|have| have.mark == Mark { epoch: tag.mark.epoch, rev: *from })
            }
            Difference::Full(_) => true,
        };
        if !leads_on {
            return Ok(());
        }
        match difference {
            Difference::Same(..) => self.tally.same += 1,
            Difference::Delta { .. } => self.tally.deltas += 1,
            Difference::Full(_) => self.tally.fulls += 1,
        }
        client.copy.take(&client.user, difference)?;
        client.old.extend(client.copy.tag);
        let (owner, copy) = (client.user.clone(), client.copy.clone());
        self.judge.copied(&owner, &copy, &self.desks[self.registrar_of(&owner)].disk)
    }

    /// A packet of the owner's own: mostly with the tag that the client has, at times with an old one, a forged one, or none that ever was.
    fn send_own(&mut self, at: usize) -> Result<(), String> {
        let client = &self.clients[at];
        let Some(tag) = client.copy.tag else { return Ok(()) };
        let (owner, session, old) = (client.user.clone(), client.session, client.old.clone());
        let (claim, honest) = match self.dice.below(20) {
            0 => (Claim { rev: tag.mark.rev + self.dice.below(1_000), ..tag.into() }, None),
            1 => (Claim { epoch: Some(self.dice.roll()), ..tag.into() }, None),
            2 => (Claim { md5: self.dice.roll().to_be_bytes(), ..tag.into() }, None),
            3 => (Claim { epoch: None, ..tag.into() }, None),
            4..7 => {
                let tag = self.dice.pick(&old);
                (tag.into(), Some(tag))
            }
            _present => (tag.into(), Some(tag)),
        };
        self.ask_home(owner.clone(), Some((session, claim)), Purpose::Own { owner, session, claim, honest })
    }

    fn deliver(&mut self) -> Result<(), String> {
        let owner = self.dice.pick(&self.users);
        self.ask_home(owner.clone(), None, Purpose::Deliver { owner })
    }

    fn ask_home(
        &mut self,
        owner: User,
        claim: Option<(SessionId, Claim)>,
        purpose: Purpose,
    ) -> Result<(), String> {
        self.tally.asked_homes += 1;
        let place = self.dice.below(self.weather.homes) as usize;
        let home = place * self.desks.len() + self.registrar_of(&owner);
        let ticket = self.ticket(purpose);
        self.keep(home, Some(CacheInput::Ask { ticket, owner, claim }))
    }
}

fn alias(dice: &mut Dice) -> Alias {
    Alias::parse(dice.pick(&["Bob", "Zoë ☕", "e\u{301}"])).expect("a good alias")
}

fn group(dice: &mut Dice) -> Group {
    Group::parse(dice.pick(&["Work", "Amis", "친구"])).expect("a good group")
}
