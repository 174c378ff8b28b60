//! The server's body: it carries requests to homes, letters between homes, commits to the stores, and events to sessions.

use std::collections::BTreeMap;

use slotcast_protocol::{Code, Door, Encoding, Event, Fault, RelayEvent, Request, User, json};
use slotcast_state::{
    Delivery, EdgeId, Effects, Found, HomeInput, Input, Letter, Name, SessionId, Shard, UserContents,
};

use slotcast_state::roster::List;

use super::world::{What, World};
use crate::store::{Batch, Disk};

/// A shard and its store.
pub struct Desk {
    pub shard: Shard,
    pub disk: Disk,
    pub under_way: Option<Batch>,
    pub gathering: Batch,
}

impl Desk {
    pub fn new(shard: Shard) -> Desk {
        Desk { shard, disk: Disk::default(), under_way: None, gathering: Batch::default() }
    }
}

/// A connection. `client` is None when the client has left it, `user` is None when the server has.
pub struct Line {
    pub client: Option<usize>,
    pub user: Option<User>,
    pub encoding: Encoding,
    pub device: slotcast_protocol::Device,
}

impl World {
    pub fn shard_of(&self, user: &User) -> usize {
        let sum: usize = user.as_str().bytes().map(usize::from).sum();
        sum % self.desks.len()
    }

    pub fn open_line(&mut self, client: usize) -> SessionId {
        self.sessions += 1;
        let session = SessionId::new(EdgeId(0), 1, self.sessions);
        let Self { clients, .. } = self;
        let (user, device) = (clients[client].user.clone(), clients[client].device.clone());
        // The same device again: the older connection was a dead one.
        let older =
            self.lines.iter().find(|(_, line)| line.user.as_ref() == Some(&user) && line.device == device);
        let older = older.map(|(session, _)| *session);
        older.into_iter().for_each(|session| self.close(session));
        let encoding = self.clients[client].encoding;
        self.lines.insert(session, Line { client: Some(client), user: Some(user), encoding, device });
        session
    }

    /// A client's message reaches the server.
    pub fn serve(&mut self, session: SessionId, bytes: &[u8]) -> Result<(), String> {
        let Line { user: Some(user), encoding, device, .. } = &self.lines[&session] else { return Ok(()) };
        let request = match encoding {
            Encoding::MessagePack => Request::decode(Door::Relay, bytes, &self.limits),
            Encoding::Json => {
                let text = std::str::from_utf8(bytes).map_err(|_| "UTF-8")?;
                json::request(Door::Relay, text, &self.limits)
            }
        };
        let Request::Relay(request) = request.map_err(|refused| format!("refused: {refused:?}"))? else {
            return Err("no request of the relay".to_owned());
        };
        let author = slotcast_state::Author { user: user.clone(), device: device.clone() };
        let (user, input) = (user.clone(), HomeInput::Request { session, author: author.into(), request });
        self.send_home(session.number(), user, input);
        Ok(())
    }

    fn send_home(&mut self, from: u64, user: User, input: HomeInput) {
        let shard = self.shard_of(&user);
        let at = self.in_order(from, u64::MAX - shard as u64);
        self.put(at, What::ToShard { shard, input: Input::Home { user, input } });
    }

    /// The server closes a connection, if it has not yet.
    pub fn close(&mut self, session: SessionId) {
        let line = self.lines.get_mut(&session).expect("it was opened");
        if let Some(user) = line.user.take() {
            self.people.closed(session);
            self.send_home(session.number(), user, HomeInput::Gone { session });
        }
    }

    /// A shard takes an input.
    pub fn work(&mut self, shard: usize, input: Input) -> Result<(), String> {
        let mut effects = Effects::default();
        self.people.hear(&input, self.now_ms);
        let desk = &mut self.desks[shard].shard;
        desk.handle(Input::Tick(self.now_ms), &mut effects);
        desk.handle(input, &mut effects);
        self.carry_out(shard, effects)
    }

    /// A shard does what it does by itself.
    pub fn wake(&mut self, shard: usize) -> Result<(), String> {
        let mut effects = Effects::default();
        self.wakes_ms.remove(&shard);
        self.desks[shard].shard.handle(Input::Tick(self.now_ms), &mut effects);
        self.carry_out(shard, effects)
    }

    fn carry_out(&mut self, shard: usize, mut effects: Effects) -> Result<(), String> {
        for commit in &effects.user_commits {
            self.log.line(format!("{} shard {shard}: {} {:?}", self.now_ms, commit.user, commit.deed));
            self.truth.committed(commit)?;
        }
        for (commit, _) in &effects.roster_commits {
            self.log.line(format!("{} shard {shard}: {commit:?}", self.now_ms));
            self.people.committed(commit)?;
        }
        for stored in &effects.stores {
            match &stored.name {
                Name::User(user) => {
                    let contents =
                        UserContents::decode(&stored.contents).map_err(|fault| fault.to_string())?;
                    self.truth.stands(user, &contents)?;
                }
                Name::Roster(owner) => {
                    let list = List::decode(owner, &stored.contents).map_err(|fault| fault.to_string())?;
                    self.people.stands(owner, &list)?;
                    self.tally.list_wholes += 1;
                }
                Name::Object(_) => return Err("an object among users".to_owned()),
            }
            self.tally.wholes += 1;
        }
        self.tally.evicted += effects.evicted;
        // Those too that a crash takes before anyone is told.
        for delivery in effects.deliveries.iter().chain(&effects.held) {
            if let Delivery::Reply { session, event } = delivery {
                self.note_refusal(*session, event);
            }
        }
        effects.letters.iter().for_each(|(_, letter)| self.truth.written(letter));
        for delivery in &effects.held {
            if let Delivery::Letter { letter, .. } = delivery {
                self.truth.written(letter);
            }
        }
        for question in effects.questions.drain(..) {
            self.ask_service(shard, question);
        }
        for name in effects.loads.drain(..) {
            let answered = self.now_ms + self.disk_delay();
            self.put(answered, What::Look { shard, name });
        }
        let (letters, deliveries) =
            (std::mem::take(&mut effects.letters), std::mem::take(&mut effects.deliveries));
        self.desks[shard].gathering.gather(&mut effects);
        letters.into_iter().for_each(|(to, letter)| self.post(shard, to, letter));
        deliveries.into_iter().for_each(|delivery| self.deliver(shard, delivery));
        self.go_on(shard);
        self.remind(shard);
        Ok(())
    }

    fn post(&mut self, shard: usize, to: User, letter: Letter) {
        self.send_home(u64::MAX - shard as u64, to, HomeInput::Letter(letter));
    }

    fn deliver(&mut self, shard: usize, delivery: Delivery) {
        match delivery {
            Delivery::Reply { session, event }
            | Delivery::Fleeting { session, event }
            | Delivery::News { session, event } => {
                let line = &self.lines[&session];
                let bytes = match line.encoding {
                    Encoding::MessagePack => event.encode(),
                    Encoding::Json => json::event_text(&event.encode()).into_bytes(),
                };
                if line.user.is_some() && line.client.is_some() {
                    let at = self.in_order(u64::MAX, session.number());
                    self.put(at, What::ToClient { session, bytes });
                }
            }
            Delivery::Letter { to, letter } => self.post(shard, to, letter),
            Delivery::Roster(output) => {
                self.put(self.now_ms, What::ToShard { shard, input: Input::Roster(output) });
            }
            Delivery::Publish { .. } | Delivery::Start { .. } | Delivery::Left { .. } => {
                unreachable!("no objects")
            }
            Delivery::Refused { .. } => unreachable!("no objects"),
        }
    }

    /// What is refused for now may come behind later ones, whether the client hears of it or not.
    fn note_refusal(&mut self, session: SessionId, event: &Event) {
        let Event::Relay(RelayEvent::Refused { id: Some(id), fault, .. }) = event else { return };
        let device = &self.lines[&session].device;
        let client = self.clients.iter_mut().find(|client| client.device == *device);
        if let Some(client) = client.filter(|_| is_for_now(fault.code)) {
            client.again.push(*id);
        }
    }

    /// The next batch, if none is under way; what waits for nothing is told.
    fn go_on(&mut self, shard: usize) {
        let desk = &mut self.desks[shard];
        if desk.under_way.is_some() {
            return;
        }
        let batch = std::mem::take(&mut desk.gathering);
        if batch.entries.is_empty() {
            return batch.held.into_iter().for_each(|delivery| self.deliver(shard, delivery));
        }
        desk.under_way = Some(batch);
        let durable = self.now_ms + self.disk_delay();
        self.put(durable, What::Durable { shard });
    }

    pub fn durable(&mut self, shard: usize) {
        let desk = &mut self.desks[shard];
        let batch = desk.under_way.take().expect("the disk confirms what it was given");
        desk.disk.put(&batch);
        for name in batch.wholes() {
            self.put(self.now_ms, What::ToShard { shard, input: Input::Kept { name } });
        }
        batch.held.into_iter().for_each(|delivery| self.deliver(shard, delivery));
        self.go_on(shard);
    }

    pub fn look(&mut self, shard: usize, name: Name) -> Result<(), String> {
        let refuses = !self.quiet && self.dice.percent(self.weather.refusals);
        let found = match refuses {
            true => Found::Refused(Fault::new(Code::Unavailable, "the disk does not answer")),
            false => self.desks[shard].disk.load(&name)?,
        };
        self.tally.loads_refused += u64::from(refuses);
        self.tally.loaded += u64::from(matches!(found, Found::User(_)));
        self.tally.lists_loaded += u64::from(matches!(found, Found::Roster(_)));
        if let (Found::Roster(list), Name::Roster(owner)) = (&found, &name) {
            self.people.stands(owner, list)?;
        }
        if let (Found::User(contents), Name::User(user)) = (&found, &name) {
            self.truth.stands(user, contents)?;
        }
        self.work(shard, Input::Loaded { name, found })
    }

    fn disk_delay(&mut self) -> u64 {
        let most = self.weather.disk_ms;
        if self.dice.percent(3) { self.dice.below(most * 8 + 1) } else { self.dice.below(most + 1) }
    }

    /// The store would like to have everyone whole.
    pub fn want(&mut self) {
        for shard in 0..self.desks.len() {
            let lists = self.people.lists.keys().cloned().map(Name::Roster);
            let names = self.truth.users().cloned().map(Name::User).chain(lists).collect();
            self.put(self.now_ms, What::ToShard { shard, input: Input::Wanted { names } });
        }
    }

    /// There is no room any more, or there is again.
    pub fn fill(&mut self, full: bool) {
        self.full = full;
        for shard in 0..self.desks.len() {
            self.put(self.now_ms, What::ToShard { shard, input: Input::StorageFull(full) });
        }
    }

    /// The whole server stops in the midst of everything, and begins anew from what its disks have.
    pub fn crash(&mut self) -> Result<(), String> {
        self.tally.crashes += 1;
        self.log.line(format!("{} the server crashes", self.now_ms));
        self.lose_what_is_under_way();
        self.lines.values_mut().for_each(|line| line.user = None);
        let (mut survivors, mut lists) = (BTreeMap::new(), BTreeMap::new());
        self.wakes_ms.clear();
        self.crash_service();
        for number in 0..self.desks.len() {
            let shard = self.fresh_shard(number as u64);
            let Desk { mut disk, under_way, gathering, .. } =
                std::mem::replace(&mut self.desks[number], Desk::new(shard));
            self.tally.batches_lost += u64::from(!gathering.entries.is_empty());
            if let Some(batch) = under_way {
                let reached = self.dice.percent(50);
                self.tally.batches_kept_untold += u64::from(reached);
                self.tally.batches_lost += u64::from(!reached);
                if reached {
                    disk.put(&batch);
                }
            }
            survivors.extend(disk.recover_users(&self.limits)?);
            lists.extend(disk.recover_rosters()?);
            self.desks[number].disk = disk;
        }
        self.truth.crash(survivors)?;
        self.crash_people(lists)?;
        self.clients.iter_mut().for_each(|client| client.crossed = true);
        for at in 0..self.clients.len() {
            if let Some(session) = self.clients[at].session {
                // It finds out when it speaks or waits in vain; here a little later.
                self.leave_line(at, session);
            }
        }
        if self.full {
            self.fill(true);
        }
        self.judge_crash()
    }
}

/// Refusals after which the same id may be tried again.
pub fn is_for_now(code: Code) -> bool {
    matches!(code, Code::StorageFull | Code::Unavailable | Code::TooFast | Code::TooMany)
}
