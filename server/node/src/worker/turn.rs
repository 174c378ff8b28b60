//! One turn of a worker: what has gathered goes through the shard, to the store, to the edges, and out.

use std::sync::atomic::Ordering;

use slotcast_protocol::{Event, User};
use slotcast_state::roster;
use slotcast_state::{Effects, Found, HomeInput, Input, Letter as Post, Name, Sink};

use super::deliver::Turn;
use super::desk::{Letter, Mail};
use super::waiting::Held;
use super::{Worker, now_ms};
use crate::frame;

/// Followers served before the other tasks of the thread get a turn.
const FLUSH_BUDGET: usize = 512;

/// Parts of snapshots in one turn. A part is some 30 µs of work, most of it the kernel's.
const PARTS_BUDGET: usize = 64;

impl Worker {
    /// One turn: what has gathered is handled, committed, encoded and handed over.
    pub(super) async fn turn(&self) {
        self.send_letters();
        self.handle();
        self.hand_over();
        loop {
            let mut asks = Vec::new();
            let done = self.edge.borrow_mut().flush(FLUSH_BUDGET, &mut *self.sockets.borrow_mut(), &mut asks);
            self.ask(asks);
            if done {
                break;
            }
            tokio::task::yield_now().await;
        }
        self.hand_out_parts().await;
        self.sockets.borrow_mut().flush();
    }

    /// Some of them; the rest has its turns behind the next live frames.
    async fn hand_out_parts(&self) {
        let mut asks = Vec::new();
        let done =
            self.edge.borrow_mut().flush_parts(PARTS_BUDGET, &mut *self.sockets.borrow_mut(), &mut asks);
        self.ask(asks);
        if !done {
            // A bell that rings at once would leave no one else a turn.
            tokio::task::yield_now().await;
            self.bell.notify_one();
        }
    }

    fn send_letters(&self) {
        let letters = self.desk.borrow_mut().take_letters();
        for (worker, inputs) in letters {
            if worker == self.number {
                self.desk.borrow_mut().own.extend(inputs);
            } else {
                self.post(worker, Letter::Inputs(inputs));
            }
        }
    }

    /// For this worker's own shard.
    pub(super) fn input(&self, input: Input) {
        self.desk.borrow_mut().own.push(input);
    }

    /// The shard's part.
    fn handle(&self) {
        let mut inputs = std::mem::take(&mut self.desk.borrow_mut().own);
        let mut effects = Effects::default();
        let mut shard = self.shard.borrow_mut();
        shard.handle(Input::Tick(now_ms()), &mut effects);
        loop {
            // Time alone may have brought something, too.
            effects.questions.drain(..).for_each(|question| self.ask_roster(question));
            inputs.extend(effects.loads.drain(..).filter_map(|name| self.load(name)));
            inputs.extend(effects.letters.drain(..).filter_map(|(user, letter)| self.forward(user, letter)));
            if inputs.is_empty() {
                break;
            }
            for input in inputs.drain(..) {
                shard.handle(input, &mut effects);
            }
        }
        self.send_letters();
        // Last: what would happen to them later in the turn would have to be written into them again.
        let names = std::mem::take(&mut self.desk.borrow_mut().wanted);
        if !names.is_empty() {
            shard.handle(Input::Wanted { names }, &mut effects);
        }
        let metrics = &self.house.metrics;
        metrics
            .versions
            .inc_by(effects.commits.iter().filter(|commit| !commit.changes.is_empty()).count() as u64);
        metrics.evictions.inc_by(effects.evicted);
        self.deliver(vec![std::mem::take(&mut effects.deliveries)]);
        self.put_to_store(effects);
    }

    fn ask_roster(&self, question: roster::Input) {
        let roster = self.house.roster.as_ref().expect("who keeps no lists asks someone who does");
        roster.ask(self.number, question);
    }

    /// What is not stored needs no load.
    fn load(&self, name: Name) -> Option<Input> {
        match &self.house.store {
            Some(store) if store.has(&name) => {
                store.load(self.number, name);
                None
            }
            Some(_) | None => Some(Input::Loaded { name, found: Found::Nothing }),
        }
    }

    /// A letter to a home; it is an input of this turn where the home is this worker's. To each other worker go all of the turn together.
    fn forward(&self, user: User, letter: Post) -> Option<Input> {
        let name = Name::User(user.clone());
        let input = Input::Home { user, input: HomeInput::Letter(letter) };
        if self.house.owner(&name) == self.number {
            return Some(input);
        }
        self.desk.borrow_mut().put(&name, input);
        None
    }

    fn put_to_store(&self, mut effects: Effects) {
        let mut waiting = self.waiting.borrow_mut();
        waiting.take(&mut effects);
        if let Some((batch, store)) = waiting.next_batch().zip(self.house.store.as_ref()) {
            store.commit(batch);
        }
        self.deliver(waiting.free());
        let (was_behind, is_behind) = (self.is_behind.replace(waiting.is_long()), waiting.is_long());
        match (was_behind, is_behind) {
            (false, true) => _ = self.house.behind.fetch_add(1, Ordering::Relaxed),
            (true, false) => _ = self.house.behind.fetch_sub(1, Ordering::Relaxed),
            (true, true) | (false, false) => {}
        }
    }

    pub(super) fn committed(&self) {
        let (held, stored) = self.waiting.borrow_mut().committed();
        self.deliver(held);
        self.desk.borrow_mut().own.extend(stored.into_iter().map(|name| Input::Kept { name }));
    }

    /// To the edges, each event encoded once.
    fn deliver(&self, deliveries: Held) {
        let mut turn = Turn::new(self.house.boxes.len(), &self.house.metrics);
        deliveries.into_iter().flatten().for_each(|delivery| turn.take(delivery));
        for (user, letter) in turn.take_letters() {
            self.put_home(user, HomeInput::Letter(letter));
        }
        let own = turn.take_own();
        if !own.is_empty() {
            self.desk.borrow_mut().own.extend(own);
            self.bell.notify_one();
        }
        for (worker, mail) in turn.letters() {
            if worker == self.number {
                self.desk.borrow_mut().mail.extend(mail);
            } else {
                self.post(worker, Letter::Mail(mail));
            }
        }
    }

    /// The edge's part.
    fn hand_over(&self) {
        let mail = std::mem::take(&mut self.desk.borrow_mut().mail);
        let mut asks = Vec::new();
        let (mut edge, mut sockets) = (self.edge.borrow_mut(), self.sockets.borrow_mut());
        for letter in mail {
            match letter {
                Mail::Reply { session, event } => {
                    if let Some(encoding) = edge.encoding(session) {
                        sockets.defer(session, frame::of(&event, encoding));
                    }
                }
                Mail::Frame { channel, frame, mark } => edge.publish(channel, &frame, mark),
                Mail::Start { session, start, frames } => {
                    edge.start(session, *start, frames, &mut *sockets, &mut asks)
                }
                Mail::Left { session, object } => {
                    edge.left(session, &object);
                    if let Some(encoding) = edge.encoding(session) {
                        sockets.defer(session, frame::of(&Event::Released { object }, encoding));
                    }
                }
                Mail::Fleeting { session, event } => {
                    if let Some(encoding) = edge.encoding(session).filter(|_| sockets.is_open(session)) {
                        sockets.defer(session, frame::of(&event, encoding));
                    }
                }
                Mail::News { session, event } => match edge.encoding(session) {
                    Some(encoding) if sockets.is_open(session) => {
                        sockets.defer(session, frame::of(&event, encoding))
                    }
                    Some(_) => sockets.miss(session),
                    None => {}
                },
                Mail::Refused { session, object, turn, fault } => {
                    edge.refused(session, &object, turn);
                    if let Some(encoding) = edge.encoding(session) {
                        let event = Event::Error { fault, object: Some(object) };
                        sockets.defer(session, frame::of(&event, encoding));
                    }
                }
            }
        }
        drop((edge, sockets));
        self.ask(asks);
    }
}
