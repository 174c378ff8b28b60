//! All clients of a run, turned by one loop.

use super::client::{Client, Stage};
use super::link::Link;
use super::part::Part;
use super::tally::Tally;
use super::target::Target;
use crate::poller::{Interest, Poller, Ready};
use crate::receive::{ReceiveBuffer, Received};
use std::io;
use std::net::Shutdown;
use std::time::{Duration, Instant};

/// Clients that open at the same time: a server may bound the sockets that have not said hello.
const OPENING_MAX: usize = 16;
/// All must be open within this time.
const OPENING_TIME_MAX: Duration = Duration::from_secs(120);

/// The clients, and what they have seen.
pub struct Fleet {
    /// What they have seen since the last clearing.
    pub tally: Tally,
    /// The clients, numbered as their parts were.
    pub clients: Vec<Client>,
    /// Clients that the server has ended and that have not been taken from here.
    pub ended: Vec<usize>,
    poller: Poller,
    buffer: ReceiveBuffer,
    ready: Vec<Ready>,
    start: Instant,
}

impl Fleet {
    /// Opens a client for each part, a few at a time, until each has its object.
    pub fn open(target: &Target, parts: Vec<Part>) -> io::Result<Self> {
        let mut fleet = Self {
            tally: Tally::default(),
            clients: Vec::with_capacity(parts.len()),
            ended: Vec::new(),
            poller: Poller::new()?,
            buffer: ReceiveBuffer::default(),
            ready: Vec::new(),
            start: Instant::now(),
        };
        fleet.open_more(target, parts)?;
        fleet.tally = Tally::default();
        Ok(fleet)
    }

    /// Opens further clients in the same way.
    pub fn open_more(&mut self, target: &Target, parts: Vec<Part>) -> io::Result<()> {
        let mut following = self.clients.len();
        let total = following + parts.len();
        let mut parts = parts.into_iter();
        while following < total {
            while self.clients.len() - following < OPENING_MAX
                && let Some(part) = parts.next()
            {
                self.begin(target, part)?;
            }
            self.turn(Duration::from_millis(20))?;
            self.check_opening()?;
            following += self.settle_opening(following);
        }
        Ok(())
    }

    /// The client goes.
    pub fn leave(&mut self, number: usize) -> io::Result<()> {
        let client = &mut self.clients[number];
        client.stage = Stage::Closed;
        client.link.out.clear();
        self.poller.remove(&client.link.stream)?;
        client.link.stream.shutdown(Shutdown::Both)
    }

    /// The client's connection is reset from here.
    pub fn cut(&mut self, number: usize) -> io::Result<()> {
        let client = &mut self.clients[number];
        client.stage = Stage::Closed;
        self.poller.remove(&client.link.stream)?;
        client.link.cut()
    }

    /// A client without a connection connects again.
    pub fn reopen(&mut self, target: &Target, number: usize) -> io::Result<()> {
        let client = &mut self.clients[number];
        client.begin_anew(Link::connect(target.server, number, None)?);
        client.open(target.server);
        self.poller.add(&client.link.stream, number, Interest { read: true, write: true })
    }

    /// µs since the fleet began.
    pub fn now_us(&self) -> u64 {
        self.start.elapsed().as_micros() as u64
    }

    /// Waits for something to happen, at most for `timeout`, and acts on it.
    pub fn turn(&mut self, timeout: Duration) -> io::Result<()> {
        let mut ready = std::mem::take(&mut self.ready);
        self.poller.wait(timeout, &mut ready)?;
        for event in ready.drain(..) {
            if event.read {
                self.read(event.token)?;
            }
            if event.write || !self.clients[event.token].link.out.is_empty() {
                self.flush(event.token)?;
            }
        }
        self.ready = ready;
        Ok(())
    }

    /// Turns until `done` or for `time` at the most; the answer is whether it was done.
    pub fn turn_until(&mut self, time: Duration, done: impl Fn(&Self) -> bool) -> io::Result<bool> {
        let end = Instant::now() + time;
        while !done(self) {
            let Some(left) = end.checked_duration_since(Instant::now()) else { return Ok(false) };
            self.turn(left.min(Duration::from_millis(50)))?;
        }
        Ok(true)
    }

    /// Sends what a client has in line.
    pub fn flush(&mut self, number: usize) -> io::Result<()> {
        let Client { link, stage, .. } = &mut self.clients[number];
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

    /// The client stops reading.
    pub fn stall(&mut self, number: usize) -> io::Result<()> {
        self.poller.modify(&self.clients[number].link.stream, number, Interest::default())
    }

    /// The client reads again.
    pub fn resume(&mut self, number: usize) -> io::Result<()> {
        self.poller.modify(&self.clients[number].link.stream, number, Interest { read: true, write: false })
    }

    fn begin(&mut self, target: &Target, part: Part) -> io::Result<()> {
        let number = self.clients.len();
        let mut client =
            Client::new(Link::connect(target.server, number, part.receive_bytes)?, part, target.speaks);
        client.open(target.server);
        self.poller.add(&client.link.stream, number, Interest { read: true, write: true })?;
        self.clients.push(client);
        Ok(())
    }

    fn read(&mut self, number: usize) -> io::Result<()> {
        let client = &mut self.clients[number];
        let len = match self.buffer.read(&client.link.stream, &client.rest) {
            Received::Bytes(len) => len,
            Received::Nothing => return Ok(()),
            Received::Closed => return self.close(number),
        };
        self.tally.bytes += (len - client.rest.len()) as u64;
        client.rest.clear();
        let now_us = self.start.elapsed().as_micros() as u64;
        let bytes = self.buffer.filled(len);
        let done = client.on_bytes(bytes, now_us, &mut self.tally);
        if done < len {
            client.rest.extend_from_slice(&bytes[done..]);
        } else if client.rest.capacity() > 0 {
            client.rest = Vec::new();
        }
        if client.stage == Stage::Closed { self.close(number) } else { Ok(()) }
    }

    fn close(&mut self, number: usize) -> io::Result<()> {
        let client = &mut self.clients[number];
        client.stage = Stage::Closed;
        client.link.out.clear();
        self.ended.push(number);
        self.tally.closed += 1;
        self.poller.remove(&client.link.stream)
    }

    fn check_opening(&self) -> io::Result<()> {
        if self.tally.closed > 0 || self.tally.errors > 0 {
            let what = self.tally.complaint.as_deref().unwrap_or("the server closed without a word");
            return Err(io::Error::other(format!("client {} of the run: {what}", self.clients.len())));
        }
        if self.start.elapsed() > OPENING_TIME_MAX {
            return Err(io::Error::other(format!("only {} clients are open in time", self.clients.len())));
        }
        Ok(())
    }

    /// How many clients more, from `first` on, have their object without one before them that has not.
    fn settle_opening(&self, first: usize) -> usize {
        self.clients[first..].iter().take_while(|client| client.stage == Stage::Following).count()
    }
}
