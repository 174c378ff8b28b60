//! All sessions of a run, turned by one loop: open loop (writes fall due at fixed times) and closed loop (as many on the
//! way as a bound allows).

use super::super::client::Stage;
use super::super::link::Link;
use super::Disk;
use super::writer::Writer;
use crate::histogram::Histogram;
use crate::poller::{Interest, Poller, Ready};
use crate::receive::{ReceiveBuffer, Received};
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Sessions that open at the same time: a server may bound the sockets that have not said hello.
const OPENING_MAX: usize = 16;
const OPENING_TIME_MAX: Duration = Duration::from_secs(60);
/// After the last write was sent, answers may take this long.
const DRAIN_MAX: Duration = Duration::from_secs(10);
/// A device may have so many writes of one object unanswered (`inflight` of the limits): the server keeps as many answers.
const UNANSWERED_PER_OBJECT: u64 = 64;

/// What the sessions have seen since the last step began.
#[derive(Debug, Default)]
pub struct Seen {
    /// Times from due to answered.
    pub latency: Histogram,
    pub successes: u64,
    pub diffs: u64,
    pub rejects: u64,
    pub errors: u64,
    /// Connections that the server ended.
    pub closed: u64,
    /// Writes that were not answered in time.
    pub missing: u64,
    /// The class that the answers named.
    pub class: String,
    /// The first refusal, in words.
    pub complaint: Option<String>,
}

impl Seen {
    /// Keeps the first refusal.
    pub fn complain(&mut self, what: impl FnOnce() -> String) {
        self.complaint.get_or_insert_with(what);
    }
}

/// The sessions.
pub struct Crew {
    pub seen: Seen,
    writers: Vec<Writer>,
    slots: u64,
    value: Vec<u8>,
    poller: Poller,
    buffer: ReceiveBuffer,
    ready: Vec<Ready>,
    start: Instant,
}

impl Crew {
    /// Opens all sessions and has each use its objects, whose names are new in each run.
    pub fn open(server: SocketAddr, disk: &Disk) -> io::Result<Self> {
        let mut crew = Crew {
            seen: Seen::default(),
            writers: Vec::with_capacity(disk.sessions),
            slots: disk.slots,
            value: vec![0x2e; disk.value_bytes],
            poller: Poller::new()?,
            buffer: ReceiveBuffer::default(),
            ready: Vec::new(),
            start: Instant::now(),
        };
        let mut parts = parts(disk).into_iter();
        let mut open = 0;
        while open < disk.sessions {
            while crew.writers.len() - open < OPENING_MAX
                && let Some((user, objects)) = parts.next()
            {
                crew.begin(server, user, objects)?;
            }
            crew.turn(Duration::from_millis(20))?;
            crew.check_opening()?;
            open += crew.writers[open..].iter().take_while(|writer| writer.stage == Stage::Following).count();
        }
        Ok(crew)
    }

    /// Writes fall due at `rate`, `burst` of one session at a time, whatever the server does; the answer is the time until the
    /// last one was answered, in s.
    pub fn on_time(&mut self, rate: f64, burst: u64, seconds: f64) -> io::Result<f64> {
        let start_us = self.now_us();
        let bursts = (rate * seconds / burst as f64).round() as u64;
        let due_us = |number: u64| start_us + (number as f64 * burst as f64 * 1e6 / rate) as u64;
        let mut next = 0;
        while next < bursts && self.seen.closed == 0 {
            let now_us = self.now_us();
            while next < bursts && due_us(next) <= now_us {
                let number = next as usize % self.writers.len();
                if self.writers[number].room() < burst {
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

    /// Keeps `window` writes of every session on the way for so long or until there were `writes`; then waits for the answers.
    pub fn keep_full(&mut self, window: u64, seconds: f64, writes: u64) -> io::Result<f64> {
        let start_us = self.now_us();
        let end_us = start_us.saturating_add((seconds * 1e6) as u64);
        let share = writes / self.writers.len() as u64;
        let last: Vec<u64> = self.writers.iter().map(|writer| writer.written.saturating_add(share)).collect();
        let mut going = true;
        while going && self.now_us() < end_us && self.seen.closed == 0 {
            going = false;
            for (number, last) in last.iter().enumerate() {
                let writer = &self.writers[number];
                let left = last - writer.written;
                going |= left > 0;
                let room = window.min(writer.room() + writer.unanswered()) - writer.unanswered().min(window);
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

    fn send(&mut self, number: usize, count: u64, due_us: u64) -> io::Result<()> {
        for _ in 0..count {
            self.writers[number].write(due_us, self.slots, &self.value);
        }
        self.flush(number)
    }

    fn drain(&mut self) -> io::Result<()> {
        let end = Instant::now() + DRAIN_MAX;
        while self.unanswered() > 0 && Instant::now() < end && self.seen.closed == 0 {
            self.turn(Duration::from_millis(20))?;
        }
        self.seen.missing += self.unanswered();
        Ok(())
    }

    fn unanswered(&self) -> u64 {
        self.writers.iter().map(Writer::unanswered).sum()
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
            if event.write || !self.writers[event.token].link.out.is_empty() {
                self.flush(event.token)?;
            }
        }
        self.ready = ready;
        Ok(())
    }

    fn flush(&mut self, number: usize) -> io::Result<()> {
        let Writer { link, stage, .. } = &mut self.writers[number];
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

    fn begin(&mut self, server: SocketAddr, user: String, objects: Vec<String>) -> io::Result<()> {
        let number = self.writers.len();
        let unanswered_max = UNANSWERED_PER_OBJECT * objects.len() as u64;
        let mut writer = Writer::new(Link::connect(server, number, None)?, user, objects, unanswered_max);
        writer.open(server);
        self.poller.add(&writer.link.stream, number, Interest { read: true, write: true })?;
        self.writers.push(writer);
        Ok(())
    }

    fn read(&mut self, number: usize) -> io::Result<()> {
        let writer = &mut self.writers[number];
        let len = match self.buffer.read(&writer.link.stream, &writer.rest) {
            Received::Bytes(len) => len,
            Received::Nothing => return Ok(()),
            Received::Closed => return self.close(number),
        };
        writer.rest.clear();
        let now_us = self.start.elapsed().as_micros() as u64;
        let bytes = self.buffer.filled(len);
        let done = writer.on_bytes(bytes, now_us, &mut self.seen);
        writer.rest.extend_from_slice(&bytes[done..]);
        if writer.stage == Stage::Closed { self.close(number) } else { Ok(()) }
    }

    fn close(&mut self, number: usize) -> io::Result<()> {
        let writer = &mut self.writers[number];
        writer.stage = Stage::Closed;
        writer.link.out.clear();
        self.seen.closed += 1;
        self.poller.remove(&writer.link.stream)
    }

    fn check_opening(&self) -> io::Result<()> {
        if self.seen.closed > 0 || self.seen.errors > 0 {
            let what = self.seen.complaint.as_deref().unwrap_or("the server closed without a word");
            return Err(io::Error::other(format!("session {} of the run: {what}", self.writers.len())));
        }
        if self.start.elapsed() > OPENING_TIME_MAX {
            return Err(io::Error::other(format!("only {} sessions are open in time", self.writers.len())));
        }
        Ok(())
    }
}

/// Users and their objects. Names are short, so that a change takes about 116 bytes of the log, and the objects' are new in each run.
fn parts(disk: &Disk) -> Vec<(String, Vec<String>)> {
    let ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    let run = format!("{:x}", ms % (1 << 24));
    let each = disk.objects / disk.sessions;
    let object = |number: usize| format!("{}/{run}-{number}", disk.kind);
    let part = |session: usize| {
        let objects = (session * each..(session + 1) * each).map(object).collect();
        (format!("u{session}"), objects)
    };
    (0..disk.sessions).map(part).collect()
}
