//! What writers write: each write appends a tag that is its own to the slot `log`, so that the log of an object tells which writes were
//! done, in which order; and beside it something whose outcome follows from that order.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use slotcast_protocol::{Life, Number, ObjectName, Op, Request, Send, SendName, SlotName, Value, Write};
use slotcast_tests::dice::Dice;
use slotcast_tests::vectors::{self, form};

/// ms; over before anyone looks.
pub const SHORT_MS: u64 = 40;

/// The kind that the judge understands.
pub const CONFIG: &str = r#"
[limits]
messages_per_s = 1000000
messages_burst = 1000000
bytes_per_s = 1000000000
object_bytes = 16777216
log_bytes = 1048576
drain_ms = 5000
idle_bytes = 100000
[kind.disk]
durability = "disk"
resync_depth = 1000000
rules = { "last" = "last", "add" = "add", "max" = "max", "once" = "once" }
"#;

/// One write or send, and how it ended as far as its writer knows.
#[derive(Clone, Debug)]
pub struct Wrote {
    pub object: usize,
    pub id: u64,
    pub request: Request,
    pub answer: Option<Answered>,
}

/// What of an answer must be the same when the id is repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answered {
    Success { version: u64, changed: bool },
    Reject(&'static str),
}

impl Wrote {
    pub fn is_send(&self) -> bool {
        matches!(self.request, Request::Send(_))
    }
}

/// The next request of a device. `seen` is the version of its last success there.
pub fn request(dice: &mut Dice, object: &ObjectName, user: &str, id: u64, seen: u64) -> Request {
    let tag = tag(user, id);
    let object = object.clone();
    let value = vectors::value(&json!(tag));
    if dice.percent(8) {
        let name = SendName::parse("cheer").expect("a good name");
        return Request::Send(Send { id: Some(id), object, name, value });
    }
    let mut ops = vec![append(value.clone())];
    let none = Life::default();
    let with = |ttl_ms| Life { ttl_ms: Some(ttl_ms), tie: false };
    let set = |slot: &str, life| Op::Set { slot: self::slot(slot), value: Some(value.clone()), life };
    match dice.below(12) {
        0 | 1 => ops.push(Op::Add { slot: slot("add"), number: Number::Integer(dice.between(1, 9).into()) }),
        2 => ops.push(Op::Max { slot: slot("max"), number: Number::Integer(dice.below(1 << 40).into()) }),
        3 | 4 => ops.push(set("guarded", none)),
        5 => ops.push(set("last", none)),
        6 => ops.push(Op::Delete { slot: slot("last") }),
        7 => ops.push(set("short", with(SHORT_MS))),
        8 => ops.push(set("long", with(3_600_000))),
        9 => ops.push(set(&format!("tied.{user}"), Life { ttl_ms: None, tie: true })),
        10 => ops.push(set(&format!("@{user}"), none)),
        _ => {
            ops.insert(0, Op::Add { slot: slot("add"), number: Number::Integer(1) });
            ops.push(Op::Once { slot: slot("once"), value: value.clone(), life: none });
        }
    }
    if dice.percent(20) {
        // Large enough that some commits take several pages.
        let filler = vectors::value(&json!("x".repeat(dice.between(500, 3000) as usize)));
        ops.push(Op::Set { slot: slot("last"), value: Some(filler), life: none });
    }
    Request::Write(Write { id: Some(id), object, epoch: None, seen, conditions: Vec::new(), ops, at: None })
}

fn append(value: Value) -> Op {
    Op::Append { slot: slot("log"), value, keep: 0, stamp: true }
}

pub fn tag(user: &str, id: u64) -> String {
    format!("{user}.{id}")
}

pub fn slot(name: &str) -> SlotName {
    SlotName::parse(name).expect("a good slot")
}

/// The slots that one write leaves behind, besides the log. `slots` holds what those before it left.
pub fn apply(slots: &mut BTreeMap<String, Json>, ops: &[Op]) {
    for op in ops {
        let Some(slot) = op.slot().map(|slot| slot.as_str().to_owned()) else { continue };
        let held = slots.get(&slot).and_then(Json::as_u64).unwrap_or(0);
        match op {
            Op::Append { .. } => {}
            Op::Set { value, .. } => {
                let value = value.as_ref().expect("nobody sets nil");
                slots.insert(slot, form(value));
            }
            Op::Once { value, .. } => _ = slots.insert(slot, form(value)),
            Op::Delete { .. } => _ = slots.remove(&slot),
            Op::Add { number, .. } => _ = slots.insert(slot, json!(held + whole(*number))),
            Op::Max { number, .. } => _ = slots.insert(slot, json!(held.max(whole(*number)))),
            Op::Min { .. } | Op::Patch { .. } | Op::Clear => unreachable!("nobody writes these"),
        }
    }
}

fn whole(number: Number) -> u64 {
    let Number::Integer(number) = number else { unreachable!("nobody writes others") };
    number as u64
}
