//! A worker: one thread that is an edge (its sessions stay on it) and a shard (it owns a share of the objects).
//!
//! Everything happens in *turns*. Connections put their requests on the desk and ring the bell; the turn runs behind all tasks that are
//! ready, handles what has gathered, and hands every follower all of it in one write. The busier it is, the more travels together.

mod deliver;
mod desk;
mod sockets;
mod waiting;
mod wheel;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use slotcast_protocol::{CloseCode, Encoding, Event, Limits, ObjectName, Request};
use slotcast_state::{Author, Edge, EdgeId, Effects, Found, Input, SessionId, Shard, Taken};
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::time::{Instant, sleep_until};

pub use desk::{Letter, Mail};

use crate::frame;
use crate::identity::{Identities, fresh_device};
use crate::metrics::Metrics;
use crate::outbox::Outbox;
use crate::store::Store;
use deliver::Turn;
use desk::Desk;
use sockets::Sockets;
use waiting::{Held, Waiting};
use wheel::Wheel;

/// Followers served before the other tasks of the thread get a turn.
const FLUSH_BUDGET: usize = 512;

/// Parts of snapshots in one turn. A part is some 30 µs of work, most of it the kernel's.
const PARTS_BUDGET: usize = 64;

/// What all workers share.
pub struct House {
    pub limits: Arc<Limits>,
    pub identities: Identities,
    pub metrics: Metrics,
    pub origins: Vec<String>,
    pub dev: bool,
    pub pages: crate::gateway::pages::Pages,
    /// A letter box per worker. Unbounded: what is in them is bounded by the sessions' budgets and by the turns' size.
    pub boxes: Vec<UnboundedSender<Letter>>,
    /// Where stored objects are kept; None if no kind is stored.
    pub store: Option<Store>,
    /// Workers for whose store too much waits.
    pub behind: AtomicUsize,
}

impl House {
    /// The worker whose shard owns an object.
    pub fn owner(&self, object: &ObjectName) -> usize {
        desk::owner(object, self.boxes.len())
    }

    /// Whether the store is behind, so that no session should be read.
    pub fn is_behind(&self) -> bool {
        self.behind.load(Ordering::Relaxed) > 0
    }
}

/// One of them. Lives on its thread, inside a `LocalSet`.
pub struct Worker {
    pub number: usize,
    pub house: Arc<House>,
    edge: RefCell<Edge>,
    shard: RefCell<Shard>,
    waiting: RefCell<Waiting>,
    is_behind: Cell<bool>,
    sockets: RefCell<Sockets>,
    desk: RefCell<Desk>,
    wheel: RefCell<Wheel>,
    bell: Notify,
    draining: Cell<bool>,
}

impl Worker {
    pub fn new(number: usize, house: Arc<House>, shard: Shard) -> Rc<Self> {
        let limits = house.limits.clone();
        let edge = RefCell::new(Edge::new(EdgeId(number as u16), limits.clone()));
        let desk = RefCell::new(Desk::new(house.boxes.len()));
        Rc::new(Worker {
            number,
            edge,
            shard: RefCell::new(shard),
            waiting: RefCell::new(Waiting::new(number as u16)),
            is_behind: Cell::new(false),
            sockets: RefCell::default(),
            desk,
            wheel: RefCell::new(Wheel::new(&limits)),
            bell: Notify::new(),
            draining: Cell::new(false),
            house,
        })
    }

    /// Runs until the server stops.
    pub async fn run(self: Rc<Self>, mut mail: UnboundedReceiver<Letter>) {
        tokio::task::spawn_local(self.clone().tick());
        loop {
            let deadline = self.shard.borrow().next_deadline();
            tokio::select! {
                _ = self.bell.notified() => {}
                letter = mail.recv() => match letter {
                    Some(letter) => self.read(letter),
                    None => return,
                },
                () = until(deadline) => {}
            }
            while let Ok(letter) = mail.try_recv() {
                self.read(letter);
            }
            self.turn().await;
        }
    }

    /// A connection has said hello.
    pub fn open(&self, author: Arc<Author>, encoding: Encoding, outbox: &Rc<Outbox>) -> SessionId {
        let session = self.edge.borrow_mut().open(author.clone(), encoding);
        self.sockets.borrow_mut().insert(session, outbox.clone());
        self.wheel.borrow_mut().add(session);
        let before = self.house.identities.enter(author, (self.number, session));
        if let Some((worker, before)) = before {
            self.post(worker, Letter::Close { session: before, code: CloseCode::Replaced });
        }
        self.house.metrics.sessions.inc();
        session
    }

    /// A connection is over.
    pub fn close(&self, session: SessionId, author: &Arc<Author>) {
        let objects = self.edge.borrow_mut().close(session);
        self.sockets.borrow_mut().remove(session);
        self.house.identities.leave(author, (self.number, session));
        self.house.metrics.sessions.dec();
        let mut desk = self.desk.borrow_mut();
        for object in objects {
            desk.put(&object.clone(), Input::Gone { session, objects: vec![object] });
        }
        drop(desk);
        self.bell.notify_one();
    }

    /// A session's request. Its answer goes out with the turn.
    pub fn request(&self, session: SessionId, request: Request) {
        let taken = self.edge.borrow_mut().request(session, request, now_ms());
        match taken {
            Some(Taken::Shard(object, input)) => self.put(&object, input),
            Some(Taken::Answer(event)) => self.answer(session, &event),
            None => {}
        }
    }

    /// An answer that no shard has to give.
    pub fn answer(&self, session: SessionId, event: &Event) {
        let Some(encoding) = self.edge.borrow().encoding(session) else { return };
        self.sockets.borrow_mut().defer(session, frame::of(event, encoding));
        self.bell.notify_one();
    }

    /// The session's socket has taken all that was held.
    pub fn drained(&self, session: SessionId) {
        let mut asks = Vec::new();
        self.edge.borrow_mut().drained(session, &mut *self.sockets.borrow_mut(), &mut asks);
        self.ask(asks);
    }

    pub fn is_draining(&self) -> bool {
        self.draining.get()
    }

    /// The code with which a session was told to close, if it was.
    pub fn told_to_close(&self, session: SessionId) -> Option<CloseCode> {
        self.sockets.borrow().closing(session)
    }

    /// A device for a client that brought none.
    pub fn fresh_device(&self) -> slotcast_protocol::Device {
        let mut desk = self.desk.borrow_mut();
        desk.devices += 1;
        fresh_device((self.number as u64) << 32 | desk.devices, now_ms())
    }

    fn put(&self, object: &ObjectName, input: Input) {
        self.desk.borrow_mut().put(object, input);
        self.bell.notify_one();
    }

    fn ask(&self, asks: Vec<slotcast_state::Ask>) {
        for slotcast_state::Ask { session, object, cursor } in asks {
            self.put(&object.clone(), Input::CatchUp { session, object, cursor });
        }
    }

    fn post(&self, worker: usize, letter: Letter) {
        if worker == self.number {
            self.read(letter);
        } else if self.house.boxes[worker].send(letter).is_err() {
            tracing::debug!(worker, "is gone already");
        }
    }

    fn read(&self, letter: Letter) {
        match letter {
            Letter::Inputs(inputs) => self.desk.borrow_mut().own.extend(inputs),
            Letter::Mail(mail) => self.desk.borrow_mut().mail.extend(mail),
            Letter::Close { session, code } => self.sockets.borrow_mut().close(session, code),
            Letter::Committed => self.committed(),
            Letter::Loaded { object, found } => self.input(Input::Loaded { object, found }),
            Letter::Wanted(objects) => self.desk.borrow_mut().wanted.extend(objects),
            Letter::StorageFull(full) => self.input(Input::StorageFull(full)),
            Letter::Drain => self.drain(),
        }
        self.bell.notify_one();
    }

    /// One turn: what has gathered is handled, committed, encoded and handed over.
    async fn turn(&self) {
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
    fn input(&self, input: Input) {
        self.desk.borrow_mut().own.push(input);
    }

    /// The shard's part.
    fn handle(&self) {
        let mut inputs = std::mem::take(&mut self.desk.borrow_mut().own);
        let mut effects = Effects::default();
        let mut shard = self.shard.borrow_mut();
        shard.handle(Input::Tick(now_ms()), &mut effects);
        while !inputs.is_empty() {
            for input in inputs.drain(..) {
                shard.handle(input, &mut effects);
            }
            inputs.extend(effects.loads.drain(..).filter_map(|object| self.load(object)));
        }
        // Last: what would happen to them later in the turn would have to be written into them again.
        let objects = std::mem::take(&mut self.desk.borrow_mut().wanted);
        if !objects.is_empty() {
            shard.handle(Input::Wanted { objects }, &mut effects);
        }
        let metrics = &self.house.metrics;
        metrics
            .versions
            .inc_by(effects.commits.iter().filter(|commit| !commit.changes.is_empty()).count() as u64);
        metrics.evictions.inc_by(effects.evicted);
        self.deliver(vec![std::mem::take(&mut effects.deliveries)]);
        self.put_to_store(effects);
    }

    /// What is not stored needs no load.
    fn load(&self, object: ObjectName) -> Option<Input> {
        match &self.house.store {
            Some(store) if store.has(&object) => {
                store.load(self.number, object);
                None
            }
            Some(_) | None => Some(Input::Loaded { object, found: Found::Nothing }),
        }
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

    fn committed(&self) {
        let (held, stored) = self.waiting.borrow_mut().committed();
        self.deliver(held);
        self.desk.borrow_mut().own.extend(stored.into_iter().map(|object| Input::Kept { object }));
    }

    /// To the edges, each event encoded once.
    fn deliver(&self, deliveries: Held) {
        let mut turn = Turn::new(self.house.boxes.len(), &self.house.metrics);
        deliveries.into_iter().flatten().for_each(|delivery| turn.take(delivery));
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

    /// Once a second: pings, silence, and the numbers.
    async fn tick(self: Rc<Self>) {
        let mut second = tokio::time::interval(Duration::from_secs(1));
        second.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            second.tick().await;
            let silent = self.wheel.borrow_mut().turn(now_ms(), &mut self.sockets.borrow_mut());
            self.house.metrics.silent.inc_by(silent);
            self.sockets.borrow_mut().report(&self.house.metrics);
            let mut desk = self.desk.borrow_mut();
            let objects = self.shard.borrow().objects() as i64;
            self.house.metrics.objects.inc_by(objects - desk.objects_reported);
            desk.objects_reported = objects;
        }
    }

    /// The server stops: every session is told when to come back, spread over time, and closed.
    fn drain(&self) {
        self.draining.set(true);
        let sessions = self.sockets.borrow().sessions();
        let spread_ms = (sessions.len() as u64 * 2).clamp(1_000, self.house.limits.drain_ms);
        for (place, session) in sessions.iter().enumerate() {
            let retry_ms = 500 + spread_ms * place as u64 / sessions.len() as u64;
            self.answer(*session, &Event::Goaway { retry_ms, reason: "the server stops".into() });
            self.sockets.borrow_mut().close(*session, CloseCode::GoingAway);
        }
    }
}

async fn until(deadline_ms: Option<u64>) {
    match deadline_ms {
        Some(deadline_ms) => {
            let wait = Duration::from_millis(deadline_ms.saturating_sub(now_ms()));
            sleep_until(Instant::now() + wait).await;
        }
        None => std::future::pending().await,
    }
}

/// The wall clock, in ms.
pub fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
