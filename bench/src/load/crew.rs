//! Sessions that do not wait for one answer before they ask again, turned by one loop: open loop (what they ask falls due at fixed times) and
//! closed loop (as many on the way as a bound allows).

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
/// After the last was sent, answers may take this long.
const DRAIN_MAX: Duration = Duration::from_secs(10);

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

    /// What they ask falls due at `rate`, `burst` of one session at a time, whatever the server does; the answer is the time until the
    /// last was answered, in s.
    pub fn on_time(&mut self, rate: f64, burst: u64, seconds: f64) -> io::Result<f64> {
        let start_us = self.now_us();
        let bursts = (rate * seconds / burst as f64).round() as u64;
        let due_us = |number: u64| start_us + (number as f64 * burst as f64 * 1e6 / rate) as u64;
        let mut next = 0;
        while next < bursts && self.seen.closed == 0 {
            let now_us = self.now_us();
            while next < bursts && due_us(next) <= now_us {
                let number = next as usize % self.askers;
                if self.sessions[number].room() < burst {
                    break;
                }
                self.send(number, burst, due_us(next))?;
                next += 1;
            }
            let wait_us = due_us(next).saturating_sub(self.now_us()).min(20_000);
            self.turn(Duration::from_micros(wait_us))?;
        }
        self.drain()?;
        Ok((self.now_us() - start_us) as f64 / 1e6)
    }

    /// Keeps `window` of every asker on the way for so long or until there were `asks`; then waits for the answers.
    pub fn keep_full(&mut self, window: u64, seconds: f64, asks: u64) -> io::Result<f64> {
        let start_us = self.now_us();
        let end_us = start_us.saturating_add((seconds * 1e6) as u64);
        let share = asks / self.askers as u64;
        let askers = &self.sessions[..self.askers];
        let last: Vec<u64> = askers.iter().map(|asker| asker.asked().saturating_add(share)).collect();
        let mut going = true;
        while going && self.now_us() < end_us && self.seen.closed == 0 {
            going = false;
            for (number, last) in last.iter().enumerate() {
                let asker = &self.sessions[number];
                let left = last - asker.asked();
                going |= left > 0;
                let room = window.min(asker.room() + asker.unanswered()) - asker.unanswered().min(window);
                // Half a window at a time, so that a session sends seldom and much.
                if room > window / 2 || room == window {
                    self.send(number, room.min(left), self.now_us())?;
                }
            }
            self.turn(Duration::from_millis(20))?;
        }
        self.drain()?;
        Ok((self.now_us() - start_us) as f64 / 1e6)
    }

    /// Turns until `done`, or as long as answers may take; the answer is whether it was done.
    pub fn turn_until(&mut self, done: impl Fn(&Self) -> bool) -> io::Result<bool> {
        let end = Instant::now() + DRAIN_MAX;
        while !done(self) && self.seen.closed == 0 {
            if Instant::now() >= end {
                return Ok(false);
            }
            self.turn(Duration::from_millis(20))?;
        }
        Ok(done(self))
    }

    pub fn asked(&self) -> u64 {
        self.sessions.iter().map(Session::asked).sum()
    }

    fn unanswered(&self) -> u64 {
        self.sessions.iter().map(Session::unanswered).sum()
    }

    fn send(&mut self, number: usize, count: u64, due_us: u64) -> io::Result<()> {
        for _ in 0..count {
            self.sessions[number].ask(due_us);
        }
        self.flush(number)
    }

    fn drain(&mut self) -> io::Result<()> {
        self.turn_until(|crew| crew.unanswered() == 0)?;
        self.seen.missing += self.unanswered();
        Ok(())
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
