//! Writes to objects in memory: a shard on one core, without sockets, its effects taken and dropped.

use super::objects::{author, object, slot, value};
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};
use slotcast_protocol::op::Life;
use slotcast_protocol::{Door, Durability, Encoding, Limits, ObjectName, Op, Request, Write};
use slotcast_state::{
    Audience, Author, EdgeId, Effects, Found, Input, Kind, Kinds, SessionId, Shard as State, View,
};
use std::sync::Arc;

/// Writes that are made ready at a time; a turn of the server takes about as many.
const TURN: usize = 256;

/// Guarded `set`s to many slots of many objects.
#[derive(clap::Args)]
pub struct Shard {
    /// Objects.
    #[arg(long, default_value_t = 1_000)]
    objects: usize,
    /// Slots of each.
    #[arg(long, default_value_t = 10)]
    slots: usize,
    /// Sessions, each of which writes to as many objects.
    #[arg(long, default_value_t = 200)]
    sessions: usize,
    /// Bytes of each value.
    #[arg(long, default_value_t = 66)]
    value_bytes: usize,
    /// Writes of each row.
    #[arg(long, default_value_t = 1_000_000)]
    writes: usize,
}

/// What a row contains.
#[derive(Clone, Copy)]
struct Row {
    name: &'static str,
    durability: Durability,
    /// The request's bytes are read too.
    decode: bool,
    /// The batch for the engine is made too.
    encode: bool,
}

const ROWS: [Row; 4] = [
    Row { name: "memory", durability: Durability::Memory, decode: false, encode: false },
    Row { name: "memory_with_decode", durability: Durability::Memory, decode: true, encode: false },
    Row { name: "disk", durability: Durability::Disk, decode: false, encode: false },
    Row { name: "disk_with_batch", durability: Durability::Disk, decode: false, encode: true },
];

impl Shard {
    pub fn run(&self) -> Value {
        let rows = ROWS.iter().map(|row| (row.name.to_owned(), self.row(*row)));
        Value::Object(rows.collect())
    }

    fn row(&self, row: Row) -> Value {
        let mut bench = Bench::new(self, row.durability);
        (0..self.objects * self.slots / TURN + 1).for_each(|_| _ = bench.turn(row));
        let (mut ns, mut done) = (0, 0);
        while done < self.writes {
            ns += bench.turn(row);
            done += TURN;
        }
        let us = ns as f64 / 1000.0 / done as f64;
        json!({
            "writes": done,
            "cpu_us_per_write": (us * 1000.0).round() / 1000.0,
            "writes_per_s": (1e6 / us).round(),
        })
    }
}

struct Bench {
    shard: State,
    limits: Limits,
    objects: Vec<ObjectName>,
    sessions: Vec<(SessionId, Arc<Author>)>,
    slots: usize,
    value: slotcast_protocol::Value,
    written: usize,
    now_ms: u64,
}

impl Bench {
    fn new(part: &Shard, durability: Durability) -> Self {
        let kind = Arc::new(Kind { durability, ..Kind::default() });
        let kinds = Arc::new(Kinds { other: kind, ..Kinds::default() });
        let limits = Limits::default();
        let shard = State::new(0, 7, kinds, Arc::new(limits.clone()), usize::MAX);
        let session = |number: usize| (SessionId::new(EdgeId(0), 1, number as u32), author(number));
        let mut bench = Bench {
            shard,
            limits,
            objects: (0..part.objects).map(object).collect(),
            sessions: (0..part.sessions).map(session).collect(),
            slots: part.slots,
            value: value(part.value_bytes),
            written: 0,
            now_ms: 1_700_000_000_000,
        };
        bench.open();
        bench
    }

    /// Every object is used by the session that writes to it.
    fn open(&mut self) {
        let mut effects = Effects::default();
        for (number, object) in self.objects.iter().enumerate() {
            let (session, author) = self.sessions[number % self.sessions.len()].clone();
            let audience = Audience { view: View::new(None), encoding: Encoding::MessagePack, rate: None };
            let (object, covered) = (object.clone(), false);
            let input = Input::Use { session, author, object, audience, cursor: None, covered, turn: 1 };
            self.shard.handle(input, &mut effects);
        }
        for name in std::mem::take(&mut effects.loads) {
            self.shard.handle(Input::Loaded { name, found: Found::Nothing }, &mut effects);
        }
    }

    fn write(&mut self) -> Write {
        let (place, round) = (self.written % self.objects.len(), self.written / self.objects.len());
        self.written += 1;
        let slot = slot(round % self.slots);
        let op = Op::Set { slot, value: Some(self.value.clone()), life: Life::default() };
        let (id, seen) = (Some(round as u64 + 1), round as u64);
        let object = self.objects[place].clone();
        Write { id, object, epoch: None, seen, conditions: Vec::new(), ops: vec![op], at: None }
    }

    /// One turn's writes; the ns of CPU that the shard took.
    fn turn(&mut self, row: Row) -> i64 {
        let first = self.written;
        let requests: Vec<_> = (0..TURN).map(|_| Request::Write(self.write())).collect();
        let bytes: Vec<_> = requests.iter().map(Request::encode).collect();
        let mut requests = requests.into_iter();
        let begun = cpu_ns();
        let mut effects = Effects::default();
        self.now_ms += 1;
        self.shard.handle(Input::Tick(self.now_ms), &mut effects);
        for (place, bytes) in bytes.iter().enumerate() {
            let request = match row.decode {
                true => Request::decode(Door::Objects, bytes, &self.limits).expect("it was encoded here"),
                false => requests.next().expect("there are as many"),
            };
            let Request::Write(write) = request else { unreachable!("only writes were made") };
            let (session, author) =
                &self.sessions[(first + place) % self.objects.len() % self.sessions.len()];
            let input = Input::Write { session: *session, author: author.clone(), write };
            self.shard.handle(input, &mut effects);
        }
        let mut writer = slotcast_protocol::writer::Writer::default();
        if row.encode {
            effects.commits.iter().for_each(|commit| commit.encode(&mut writer));
        }
        assert_eq!(effects.commits.len(), TURN, "every write was accepted");
        drop((effects, writer));
        cpu_ns() - begun
    }
}

/// Of this thread: another process on the core does not count.
fn cpu_ns() -> i64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}
