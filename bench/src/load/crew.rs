//! Sessions that do not wait for one answer before they ask again, turned by one loop.

mod asking;
mod joining;

use super::client::Stage;
use super::line::{Came, Line};
use super::link::Link;
use super::seen::Seen;
use crate::frame;
use crate::poller::{Interest, Poller, Ready};
use crate::receive::{ReceiveBuffer, Received};
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Sessions that open at the same time: a server may bound the sockets that have not said hello.
const OPENING_MAX: usize = 16;
const OPENING_TIME_MAX: Duration = Duration::from_secs(60);

/// What the loop needs of a session.
pub trait Session {
    fn line(&mut self) -> &mut Line;

    /// Puts `hello` in line.
    fn greet(&mut self);

    /// Acts on a message; `None`: it cannot be read.
    fn hear(&mut self, message: &[u8], now_us: u64, seen: &mut Seen) -> Option<()>;

    /// Puts what it asks of the server in line, one more.
    fn ask(&mut self, due_us: u64);

    fn asked(&self) -> u64;

    fn unanswered(&self) -> u64;

    /// How many more it may have on the way.
    fn room(&self) -> u64;
}

/// The sessions, and what they have seen.
pub struct Crew<S> {
    pub seen: Seen,
    pub sessions: Vec<S>,
    /// The sessions 0 to this ask.
    askers: usize,
    poller: Poller,
    buffer: ReceiveBuffer,
    ready: Vec<Ready>,
    start: Instant,
}

impl<S: Session> Crew<S> {
    /// Opens a session for each part, a few at a time, until each has what it needs; the first of them are those who ask.
    pub fn open<P>(
        askers: usize,
        parts: Vec<P>,
        server: SocketAddr,
        session: impl Fn(Link, P) -> S,
    ) -> io::Result<Self> {
        let total = parts.len();
        let mut crew = Crew {
            seen: Seen::default(),
            sessions: Vec::with_capacity(total),
            askers,
            poller: Poller::new()?,
            buffer: ReceiveBuffer::default(),
            ready: Vec::new(),
            start: Instant::now(),
        };
        let mut parts = parts.into_iter();
        let mut open = 0;
        while open < total {
            while crew.sessions.len() - open < OPENING_MAX
                && let Some(part) = parts.next()
            {
                let link = Link::connect(server, crew.sessions.len(), None)?;
                crew.begin(session(link, part))?;
            }
            crew.turn(Duration::from_millis(20))?;
            crew.check_opening()?;
            open += crew.settle_opening(open);
        }
        Ok(crew)
    }

    fn now_us(&self) -> u64 {
        self.start.elapsed().as_micros() as u64
    }

    fn turn(&mut self, timeout: Duration) -> io::Result<()> {
        let mut ready = std::mem::take(&mut self.ready);
        self.poller.wait(timeout, &mut ready)?;
        for event in ready.drain(..) {
            if event.read {
                self.read(event.token)?;
            }
            if event.write || !self.sessions[event.token].line().link.out.is_empty() {
                self.flush(event.token)?;
            }
        }
        self.ready = ready;
        Ok(())
    }

    fn flush(&mut self, number: usize) -> io::Result<()> {
        let Line { link, stage, .. } = self.sessions[number].line();
        if *stage == Stage::Closed {
            return Ok(());
        }
        let write = link.flush();
        if write != link.waits {
            link.waits = write;
            self.poller.modify(&link.stream, number, Interest { read: true, write })?;
        }
        Ok(())
    }

    fn begin(&mut self, mut session: S) -> io::Result<()> {
        let number = self.sessions.len();
        self.poller.add(&session.line().link.stream, number, Interest { read: true, write: true })?;
        self.sessions.push(session);
        Ok(())
    }

    fn read(&mut self, number: usize) -> io::Result<()> {
        let session = &mut self.sessions[number];
        let line = session.line();
        let len = match self.buffer.read(&line.link.stream, &line.rest) {
            Received::Bytes(len) => len,
            Received::Nothing => return Ok(()),
            Received::Closed => return self.close(number),
        };
        line.rest.clear();
        let now_us = self.start.elapsed().as_micros() as u64;
        let bytes = self.buffer.filled(len);
        let done = take(session, bytes, now_us, &mut self.seen);
        session.line().rest.extend_from_slice(&bytes[done..]);
        if session.line().stage == Stage::Closed { self.close(number) } else { Ok(()) }
    }

    fn close(&mut self, number: usize) -> io::Result<()> {
        let line = self.sessions[number].line();
        line.stage = Stage::Closed;
        line.link.out.clear();
        self.seen.closed += 1;
        self.poller.remove(&line.link.stream)
    }

    fn check_opening(&self) -> io::Result<()> {
        if self.seen.closed > 0 || self.seen.errors > 0 {
            let what = self.seen.complaint.as_deref().unwrap_or("the server closed without a word");
            return Err(io::Error::other(format!("session {} of the run: {what}", self.sessions.len())));
        }
        if self.start.elapsed() > OPENING_TIME_MAX {
            return Err(io::Error::other(format!("only {} sessions are open in time", self.sessions.len())));
        }
        Ok(())
    }

    /// How many sessions more, from `first` on, have what they need without one before them that has not.
    fn settle_opening(&mut self, first: usize) -> usize {
        let opening = self.sessions[first..].iter_mut();
        opening.map(|session| session.line().stage).take_while(|stage| *stage == Stage::Following).count()
    }
}

/// Acts on what was read; the answer is how many bytes are done with.
fn take<S: Session>(session: &mut S, bytes: &[u8], now_us: u64, seen: &mut Seen) -> usize {
    let mut at = 0;
    while session.line().stage != Stage::Closed
        && let Some((came, taken)) = session.line().first(&bytes[at..])
    {
        at += taken;
        match came {
            Came::Answer(Ok(())) => {
                session.line().stage = Stage::Greeting;
                session.greet();
            }
            Came::Answer(Err(first_line)) => {
                seen.complain(|| first_line);
                session.line().stage = Stage::Closed;
            }
            Came::Message(message) if session.hear(message, now_us, seen).is_none() => {
                seen.errors += 1;
                seen.complain(|| format!("a message that cannot be read: {message:02x?}"));
            }
            Came::Message(_) | Came::Pong => {}
            Came::Ping(payload) => session.line().push_frame(frame::PONG, payload),
            Came::Close(opcode, payload) => {
                seen.complain(|| format!("frame {opcode}: {}", String::from_utf8_lossy(payload)));
                session.line().stage = Stage::Closed;
            }
        }
    }
    at
}
