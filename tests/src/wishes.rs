//! What simulated clients want to write: operations of every kind on slots of every rule.

use std::sync::Arc;

use serde_json::{Value as Json, json};
use slotcast_protocol::{
    Durability, Life, Limits, Number, ObjectName, Op, Path, Pattern, Rate, SlotName, Step, Value, Write,
};
use slotcast_state::{Kind, Kinds, Rule, View};

use crate::copy::Copy;
use crate::dice::Dice;
use crate::vectors::value;

/// Slots by rule: the first five are guarded.
const SLOTS: [&str; 14] = [
    "a", "b", "list", "map", "n", "last.a", "add.a", "max.a", "min.a", "once.a", "log.a", "server.a", "t.a",
    "t.b",
];

pub const USERS: [&str; 3] = ["alice", "bob", "zoë"];

pub fn slot(name: &str) -> SlotName {
    SlotName::parse(name).expect("a good slot")
}

pub fn object(name: &str) -> ObjectName {
    ObjectName::parse(name).expect("a good object")
}

/// One kind with a slot for every rule; objects of the kind `still` may not be cleared and are told seven times a second, those of the kind `safe` are stored.
pub fn kinds(linger_ms: u64, resync_depth: u64) -> Kinds {
    let rules = ["last", "add", "max", "min", "once", "server"].map(|rule| (format!("{rule}.*"), rule));
    let log = ("log.*".to_owned(), "append:3:stamp");
    let parse = |(pattern, rule): (String, &str)| {
        (Pattern::parse(&pattern).expect("a good pattern"), rule.parse::<Rule>().expect("a good rule"))
    };
    let rules: Vec<_> = rules.into_iter().chain([log]).map(parse).collect();
    let kind = Kind { rules, linger_ms, clear: true, resync_depth, ..Kind::default() };
    let still = Kind { clear: false, rate: Rate::new(7).ok(), ..kind.clone() };
    let safe = Kind { durability: Durability::Disk, ..kind.clone() };
    let named = [("still".to_owned(), Arc::new(still)), ("safe".to_owned(), Arc::new(safe))];
    Kinds { named: named.into(), other: Arc::new(kind) }
}

/// What a client may want to see.
pub fn view(dice: &mut Dice) -> Option<Vec<Pattern>> {
    let choices: [&[&str]; 5] = [&["@*", "a"], &["log.*", "m*"], &["t.a"], &["*"], &[]];
    let patterns = dice.pick(&choices).iter().map(|text| Pattern::parse(text).expect("a good pattern"));
    let mut patterns: Vec<_> = patterns.collect();
    patterns.sort_unstable();
    dice.percent(45).then_some(patterns)
}

/// How often a client may want to be told.
pub fn rate(dice: &mut Dice) -> Option<Rate> {
    dice.percent(30).then(|| Rate::new(dice.pick(&[1, 3, 20, 500])).expect("a good rate"))
}

pub fn shows(view: &Option<Vec<Pattern>>) -> View {
    View::new(view.clone())
}

/// A write of one who holds `copy`. `tag` marks its values.
pub fn write(dice: &mut Dice, object: &ObjectName, user: &str, copy: &Copy, tag: u64) -> Write {
    let count = if dice.percent(70) { 1 } else { dice.between(2, 4) };
    let ops: Vec<Op> = (0..count).map(|_| op(dice, user, copy, tag)).collect();
    let mut conditions = Vec::new();
    if dice.percent(20) {
        for slot in ops.iter().filter_map(Op::slot) {
            let version = copy.slots.get(slot).map_or(0, |held| held.version);
            if !conditions.iter().any(|(named, _)| named == slot) {
                conditions.push((slot.clone(), version));
            }
        }
    }
    let seen = if dice.percent(90) { copy.have } else { dice.below(copy.have + 1) };
    let at = dice.percent(5).then_some(copy.have);
    Write { id: None, object: object.clone(), epoch: None, seen, conditions, ops, at }
}

/// A transaction: the counter that was read, plus one, if it is still what was read.
pub fn increment(object: &ObjectName, copy: &Copy) -> Write {
    let slot = slot("count");
    let held = copy.slots.get(&slot);
    let count = held.and_then(|held| crate::vectors::form(&held.value).as_u64()).unwrap_or(0);
    let op = Op::Set { slot: slot.clone(), value: Some(value(&json!(count + 1))), life: Life::default() };
    let conditions = vec![(slot, held.map_or(0, |held| held.version))];
    Write {
        id: None,
        object: object.clone(),
        epoch: None,
        seen: copy.have,
        conditions,
        ops: vec![op],
        at: None,
    }
}

fn op(dice: &mut Dice, user: &str, copy: &Copy, tag: u64) -> Op {
    let slot = match dice.below(20) {
        0 | 1 => slot(&format!("@{user}")),
        2 => slot(&format!("@{}", dice.pick(&USERS))),
        _plain => slot(dice.pick(&SLOTS)),
    };
    let fitting = match slot.as_str().split('.').next() {
        Some("add") => 2,
        Some("max") => 3,
        Some("min") => 4,
        Some("once") => 5,
        Some("log") => 6,
        Some("list") => dice.pick(&[6, 6, 7, 0]),
        Some("map") => dice.pick(&[7, 7, 0]),
        Some("n") => dice.pick(&[2, 3, 4]),
        _any => dice.below(8),
    };
    let choice = if dice.percent(85) { fitting } else { dice.below(9) };
    match choice {
        0 => Op::Set { value: dice.percent(85).then(|| content(dice, &slot, tag)), life: life(dice), slot },
        1 => Op::Delete { slot },
        2 => Op::Add { number: number(dice), slot },
        3 => Op::Max { number: number(dice), slot },
        4 => Op::Min { number: number(dice), slot },
        5 => Op::Once { value: content(dice, &slot, tag), life: life(dice), slot },
        6 => {
            let (keep, stamp) = (dice.pick(&[0, 2, 4, 4]), dice.percent(20));
            Op::Append { value: value(&json!(tag)), keep, stamp, slot }
        }
        7 => patch(dice, slot, copy, tag),
        _clear => Op::Clear,
    }
}

fn life(dice: &mut Dice) -> Life {
    Life { ttl_ms: dice.percent(15).then(|| dice.between(1, 3000)), tie: dice.percent(15) }
}

fn number(dice: &mut Dice) -> Number {
    match dice.below(8) {
        0 => Number::Float(0.25 * dice.below(40) as f64 - 3.0),
        1 => Number::Integer(i128::from(i64::MAX) - 3),
        _small => Number::Integer(i128::from(dice.below(40)) - 20),
    }
}

fn content(dice: &mut Dice, slot: &SlotName, tag: u64) -> Value {
    let form = match (slot.as_str(), dice.below(8)) {
        ("list", _) => json!([tag, 1]),
        ("map", _) | (_, 0) => json!({"t": tag, "k": {"x": [tag]}}),
        ("n", _) => json!(tag),
        (_, 1) => json!({"$bin": "3q2+7w=="}),
        (_, 2) => json!(tag as f64 + 0.5),
        (_, 3) => json!("wide ".repeat(dice.below(30) as usize)),
        (_, _tag) => json!(tag),
    };
    value(&form)
}

/// Mostly a place that there is.
fn patch(dice: &mut Dice, slot: SlotName, copy: &Copy, tag: u64) -> Op {
    let mut place = copy.slots.get(&slot).map_or(Json::Null, |held| crate::vectors::form(&held.value));
    let mut steps = Vec::new();
    while steps.is_empty() || steps.len() < 4 && dice.percent(60) {
        let (step, inner) = match &place {
            Json::Array(items) => {
                let index = dice.below(items.len() as u64 + 2);
                (Step::Index(index), items.get(index as usize).cloned())
            }
            other => {
                let key = dice.pick(&["t", "k", "x", "new"]);
                (Step::Key(key.into()), other.get(key).cloned())
            }
        };
        steps.push(step);
        let Some(inner) = inner else { break };
        place = inner;
    }
    let path = Path::new(steps, &Limits::default()).expect("at most four steps");
    Op::Patch { slot, path, value: dice.percent(75).then(|| value(&json!(tag))) }
}
