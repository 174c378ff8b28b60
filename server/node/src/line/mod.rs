//! The wire of a session that has no socket: HTTP requests bring what its client says, and carry away what it is told.
//!
//! ```text
//! POST -> said, batch by batch -> the session's task          Connection, on the session's worker
//! GET  <- told, message by message <- its outbox              as long as a GET is there to carry it; without one the outbox is full,
//!                                                             so that a client between two polls is a cursor and no backlog
//! ```
//!
//! What was handed to a GET is gone from here. The next GET says how many messages the client has: if some were lost on the way the line is
//! cut, and the client resumes as after any other cut.

mod carrier;
mod form;
mod lines;
mod socket;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Waker;
use std::time::Duration;

use bytes::Bytes;
use slotcast_protocol::{Door, Encoding};
use tokio::sync::Notify;

pub use carrier::Carrier;
pub use form::{Form, batch, messages};
pub use lines::Lines;
pub use socket::LineSocket;

use crate::worker::now_ms;

/// Bytes that gather for a GET before the outbox is full; a piece is taken whole.
const TOLD_BYTES_MAX: usize = 32 * 1024;

/// How long a client whose GET was cut may take to come back. One that was answered has as long as any other that is silent.
const RETURN_TIME: Duration = Duration::from_secs(5);

/// How long a session that was closed from here is remembered, so that its client hears why.
const LAST_WORDS_TIME: Duration = Duration::from_secs(10);

/// One session's, shared by its task and by the requests of its client, on whatever threads they are.
pub struct Line {
    pub door: Door,
    pub encoding: Encoding,
    state: Mutex<State>,
    /// Rings when all that the client said has been read.
    read: Notify,
    /// Rings when the session is over.
    over: Notify,
    /// Bytes that are told on all lines of the server, and how many may be.
    waiting: Arc<AtomicUsize>,
    waiting_max: usize,
}

struct State {
    said: VecDeque<Bytes>,
    /// The newest that was taken.
    batch: u64,
    told: VecDeque<Bytes>,
    told_bytes: usize,
    /// Messages that were handed to GETs.
    handed: u64,
    /// GETs so far, and whether the last one is there.
    carriers: u64,
    is_carried: bool,
    /// When the last GET was cut, if none came since.
    cut_ms: Option<u64>,
    /// When the client gave a sign of life.
    alive_ms: u64,
    end: Option<End>,
    /// Whether the session's own end is gone.
    has_ended: bool,
    session: Option<Waker>,
    carrier: Option<Waker>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// From here; what is told may still be fetched.
    Closed { at_ms: u64 },
    /// The client is gone, or is to begin anew.
    Cut,
}

/// What becomes of a batch.
#[derive(Debug, PartialEq, Eq)]
pub enum Taken {
    Now,
    /// It was taken before.
    Before,
    /// The newest that was taken.
    OutOfOrder(u64),
    /// What was said before is still to be read: wait for [`Line::room`].
    NoRoom,
    Gone,
}

impl Line {
    fn new((door, encoding): (Door, Encoding), waiting: Arc<AtomicUsize>, waiting_max: usize) -> Self {
        let state = State {
            said: VecDeque::new(),
            batch: 0,
            told: VecDeque::new(),
            told_bytes: 0,
            handed: 0,
            carriers: 0,
            is_carried: false,
            cut_ms: None,
            alive_ms: now_ms(),
            end: None,
            has_ended: false,
            session: None,
            carrier: None,
        };
        Line {
            door,
            encoding,
            state: Mutex::new(state),
            read: Notify::new(),
            over: Notify::new(),
            waiting,
            waiting_max,
        }
    }

    /// The client says something; in order, and each batch once.
    pub fn take(&self, number: u64, messages: &[Bytes]) -> Taken {
        let mut state = self.state();
        state.alive_ms = now_ms();
        if state.end.is_some() {
            return Taken::Gone;
        }
        if number <= state.batch {
            return Taken::Before;
        }
        if number != state.batch + 1 {
            return Taken::OutOfOrder(state.batch);
        }
        if !state.said.is_empty() {
            return Taken::NoRoom;
        }
        state.batch = number;
        state.said.extend(messages.iter().cloned());
        wake(&mut state.session);
        Taken::Now
    }

    /// Until what was said has been read, or the line has ended.
    pub async fn room(&self) {
        let room = self.read.notified();
        if !self.state().said.is_empty() {
            room.await;
        }
    }

    /// Hangs up, and waits until the session is over and counts no more.
    pub async fn end(&self) {
        let over = self.over.notified();
        self.hang_up();
        if !self.state().has_ended {
            over.await;
        }
    }

    /// A GET is there, of a client that has so many messages; None if the line has ended, or ends now as some were lost.
    pub fn carry(self: &Arc<Self>, had: u64) -> Option<Carrier> {
        let mut state = self.state();
        state.alive_ms = now_ms();
        let is_over = match state.end {
            Some(End::Closed { .. }) => state.told.is_empty(),
            Some(End::Cut) => true,
            None => false,
        };
        if is_over {
            return None;
        }
        if had != state.handed {
            state.cut();
            return None;
        }
        state.carriers += 1;
        state.is_carried = true;
        state.cut_ms = None;
        wake(&mut state.carrier);
        wake(&mut state.session);
        Some(Carrier::new(self.clone(), state.carriers))
    }

    /// The client gave a sign of life.
    pub fn touch(&self) {
        self.state().alive_ms = now_ms();
    }

    /// The client hangs up.
    pub fn hang_up(&self) {
        self.state().cut();
        self.read.notify_waiters();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it is held")
    }

    /// Whether nothing will come of it any more; cuts those whose client has not come back.
    fn is_over(&self, now_ms: u64) -> bool {
        let mut state = self.state();
        let late = |since_ms: u64, time: Duration| now_ms.saturating_sub(since_ms) > time.as_millis() as u64;
        if state.end.is_none() && state.cut_ms.is_some_and(|cut_ms| late(cut_ms, RETURN_TIME)) {
            state.cut();
        }
        match state.end {
            Some(End::Cut) => true,
            Some(End::Closed { at_ms }) => state.told.is_empty() || late(at_ms, LAST_WORDS_TIME),
            None => false,
        }
    }
}

impl State {
    fn cut(&mut self) {
        self.end = Some(End::Cut);
        wake(&mut self.session);
        wake(&mut self.carrier);
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let bytes = self.state().told_bytes;
        self.waiting.fetch_sub(bytes, Ordering::Relaxed);
    }
}

fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}
