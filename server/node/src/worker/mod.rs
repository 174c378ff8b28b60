//! A worker: one thread that is an edge (its sessions stay on it) and a shard (it owns a share of the objects).
//!
//! Everything happens in *turns*. Connections put their requests on the desk and ring the bell; the turn runs behind all tasks that are
//! ready, handles what has gathered, and hands every follower all of it in one write. The busier it is, the more travels together.

mod admission;
mod deliver;
mod desk;
mod house;
mod sockets;
mod terms;
mod turn;
mod waiting;
mod wheel;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use slotcast_protocol::{CloseCode, Door, Encoding, Event, Request, User};
use slotcast_state::{Author, Edge, EdgeId, HomeInput, Input, Kinds, Name, SessionId, Shard, Taken};
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, sleep_until};

pub use desk::Letter;
pub use house::House;

use crate::auth::Grant;
use crate::frame;
use crate::identity::fresh_device;
use crate::outbox::Outbox;
use admission::Admission;
use desk::{Desk, Reported};
use sockets::Sockets;
use terms::Terms;
use waiting::Waiting;
use wheel::Wheel;

/// When the first ones come back to a server that stops: a new one should be there by then, in ms.
const RETURN_MS_MIN: u64 = 1_000;

/// See the module's text. Lives on its thread, inside a `LocalSet`.
pub struct Worker {
    pub number: usize,
    pub house: Arc<House>,
    pub admission: Admission,
    edge: RefCell<Edge>,
    shard: RefCell<Shard>,
    waiting: RefCell<Waiting>,
    is_behind: Cell<bool>,
    sockets: RefCell<Sockets>,
    desk: RefCell<Desk>,
    wheel: RefCell<Wheel>,
    terms: RefCell<Terms>,
    bell: Notify,
    draining: Cell<bool>,
    /// Rings when the server stops.
    stopping: Notify,
}

impl Worker {
    pub fn new(number: usize, house: Arc<House>, kinds: Arc<Kinds>, shard: Shard) -> Rc<Self> {
        let limits = house.limits.clone();
        let (id, rings_bytes) = (EdgeId(number as u16), limits.rings_bytes / house.boxes.len());
        let edge = RefCell::new(Edge::new(id, kinds, limits.clone(), rings_bytes));
        let desk = RefCell::new(Desk::new(house.boxes.len()));
        Rc::new(Worker {
            number,
            admission: Admission::default(),
            edge,
            shard: RefCell::new(shard),
            waiting: RefCell::new(Waiting::new(number as u16)),
            is_behind: Cell::new(false),
            sockets: RefCell::new(Sockets::new(limits.waiting_bytes / house.boxes.len())),
            desk,
            wheel: RefCell::new(Wheel::new(&limits)),
            terms: RefCell::default(),
            bell: Notify::new(),
            draining: Cell::new(false),
            stopping: Notify::new(),
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
    pub fn open(
        &self,
        author: Arc<Author>,
        grant: &Grant,
        (door, encoding): (Door, Encoding),
        outbox: &Rc<Outbox>,
    ) -> SessionId {
        let session = self.edge.borrow_mut().open(author.clone(), encoding);
        self.edge.borrow_mut().entitle(session, grant.rights.clone());
        self.terms.borrow_mut().set(session, grant);
        self.sockets.borrow_mut().insert(session, outbox.clone());
        self.wheel.borrow_mut().add(session);
        let before = self.house.identities.enter((author, door), session);
        if let Some(before) = before {
            let worker = usize::from(before.edge().0);
            self.post(worker, Letter::Close { session: before, code: CloseCode::Replaced });
        }
        self.house.metrics.sessions.inc();
        session
    }

    /// A connection is over.
    pub fn close(&self, session: SessionId, author: &Arc<Author>, door: Door) {
        let objects = self.edge.borrow_mut().close(session);
        self.sockets.borrow_mut().remove(session);
        self.terms.borrow_mut().remove(session);
        self.house.identities.leave((author, door), session);
        self.house.metrics.sessions.dec();
        let mut desk = self.desk.borrow_mut();
        for object in objects {
            desk.put(&object.clone().into(), Input::Gone { session, objects: vec![object] });
        }
        drop(desk);
        if door == Door::Relay {
            self.put_home(author.user.clone(), HomeInput::Gone { session });
        }
        self.bell.notify_one();
    }

    /// A session's request. Its answer goes out with the turn.
    pub fn request(&self, session: SessionId, request: Request) {
        let taken = self.edge.borrow_mut().request(session, request, now_ms());
        taken.into_iter().for_each(|taken| self.carry_out(session, taken));
    }

    fn carry_out(&self, session: SessionId, taken: Taken) {
        match taken {
            Taken::Shard(object, input) => self.put(&object.into(), input),
            Taken::Home(user, input) => self.put_home(user, input),
            Taken::Answer(event) => self.answer(session, &event),
            Taken::Token(token) => self.renew(session, &token),
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
        let user = self.edge.borrow().user(session);
        if let Some(user) = user.filter(|_| self.sockets.borrow_mut().take_missed(session)) {
            self.put_home(user, HomeInput::Drained { session });
        }
    }

    /// Until the server stops.
    pub async fn drained_soon(&self) {
        let stopping = self.stopping.notified();
        if !self.is_draining() {
            stopping.await;
        }
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

    fn put(&self, name: &Name, input: Input) {
        self.desk.borrow_mut().put(name, input);
        self.bell.notify_one();
    }

    fn put_home(&self, user: User, input: HomeInput) {
        self.put(&user.clone().into(), Input::Home { user, input });
    }

    fn ask(&self, asks: Vec<slotcast_state::Ask>) {
        for slotcast_state::Ask { session, object, cursor } in asks {
            self.put(&object.clone().into(), Input::CatchUp { session, object, cursor });
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
            Letter::Loaded { name, found } => self.input(Input::Loaded { name, found }),
            Letter::Roster(output) => self.input(Input::Roster(output)),
            Letter::Wanted(names) => self.desk.borrow_mut().wanted.extend(names),
            Letter::StorageFull(full) => self.input(Input::StorageFull(full)),
            Letter::Revoked => self.end_revoked(),
            Letter::Drain => self.drain(),
        }
        self.bell.notify_one();
    }

    /// Once a second: pings, silence, tokens that end, and the numbers.
    async fn tick(self: Rc<Self>) {
        let mut second = tokio::time::interval(Duration::from_secs(1));
        second.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            second.tick().await;
            let silent = self.wheel.borrow_mut().turn(now_ms(), &mut self.sockets.borrow_mut());
            self.house.metrics.silent.inc_by(silent);
            if self.number == 0 {
                self.house.lines.sweep(now_ms());
                self.house.lines.report(&self.house.metrics);
                self.house.metrics.strangers.set(self.house.porter.strangers() as i64);
            }
            self.end_expired();
            self.sockets.borrow_mut().report(&self.house.metrics);
            self.report();
        }
    }

    /// Adds what the shard and the edge have counted to the server's metrics.
    fn report(&self) {
        let (mut desk, shard, metrics) = (self.desk.borrow_mut(), self.shard.borrow(), &self.house.metrics);
        let edge = self.edge.borrow();
        let (objects, people, met) = (shard.objects() as i64, shard.persons() as i64, shard.lists_met());
        let objects_bytes = shard.objects_weight() as i64;
        let (rings_bytes, rings_cut_bytes) = (edge.rings_bytes() as i64, edge.rings_cut_bytes());
        let now = Reported { objects, objects_bytes, people, met, rings_bytes, rings_cut_bytes };
        let Reported {
            objects: objects_before,
            objects_bytes: bytes_before,
            people: people_before,
            met: before,
            rings_bytes: rings_before,
            rings_cut_bytes: cut_before,
        } = std::mem::replace(&mut desk.reported, now);
        metrics.objects.inc_by(objects - objects_before);
        metrics.objects_bytes.inc_by(objects_bytes - bytes_before);
        metrics.rings_bytes.inc_by(rings_bytes - rings_before);
        metrics.rings_cut_bytes.inc_by(rings_cut_bytes - cut_before);
        metrics.people.inc_by(people - people_before);
        metrics.lists_at_hand.inc_by(met.fast - before.fast);
        metrics.lists_waited.inc_by(met.slow - before.slow);
        metrics.lists_fetched.inc_by(met.fetches - before.fetches);
        metrics.lists_denied.inc_by(met.denied - before.denied);
        metrics.lists_diverged.inc_by(met.diverged - before.diverged);
    }

    /// The server stops: every session is told when to come back, spread over time, and closed.
    fn drain(&self) {
        self.draining.set(true);
        self.stopping.notify_waiters();
        let sessions = self.sockets.borrow().sessions();
        let spread_ms = (sessions.len() as u64 * 2).clamp(1_000, self.house.limits.drain_ms);
        for (place, session) in sessions.iter().enumerate() {
            let retry_ms = RETURN_MS_MIN + spread_ms * place as u64 / sessions.len() as u64;
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
