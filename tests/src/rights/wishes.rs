//! What the sessions want, and what they are allowed.

use std::sync::Arc;

use serde_json::json;
use slotcast_protocol::{Life, ObjectName, Op, Pattern, Rate, Request, Send, SendName, SlotName, Use, Write};
use slotcast_state::{Access, Kind, Kinds, Objects, Right, Rights, Role, Rule};

use super::{Allowed, HIDDEN};
use crate::dice::Dice;
use crate::vectors::value;
use crate::wishes::{object, slot};

pub const OBJECTS: [&str; 3] = ["room/1", "room/2", "staff/1"];

/// None is the beginning of another, or within it.
pub const SLOTS: [&str; 8] = ["a.1", "b.2", "red.3", "red.4", "blue.5", "blue.red.6", "blue.red.7", "c.8"];

const ROLES: [&str; 2] = ["red", "blue"];

fn role(name: &str) -> Role {
    Role::parse(name).expect("a good role")
}

fn pattern(text: &str) -> Pattern {
    Pattern::parse(text).expect("a good pattern")
}

/// For whom slots are.
pub fn hidden() -> Vec<(Pattern, Vec<Role>)> {
    HIDDEN.map(|(beginning, name)| (pattern(&format!("{beginning}*")), vec![role(name)])).into()
}

pub fn kinds() -> Kinds {
    let room = Kind { rules: vec![(pattern("*"), Rule::Last)], hidden: hidden(), ..Kind::default() };
    let (read, write) = (Access::Roles(ROLES.map(role).into()), Access::Roles(vec![role("red")]));
    let staff = Kind { read, write, ..room.clone() };
    Kinds { named: [("staff".to_owned(), Arc::new(staff))].into(), other: Arc::new(room) }
}

/// What a token says of this.
pub fn rights(allowed: &Allowed) -> Rights {
    let row =
        |(object, may): (&&str, &Vec<Right>)| (Objects::parse(object).expect("a good name"), may.clone());
    let objects = allowed.objects.as_ref().map(|rows| rows.iter().map(row).collect());
    Rights::new(allowed.roles.iter().map(|name| role(name)).collect(), objects)
}

pub fn allowed(dice: &mut Dice) -> Allowed {
    let roles = ROLES.into_iter().filter(|_| dice.percent(55)).collect();
    let rights: [&[Right]; 4] =
        [&Right::ALL, &[Right::Read], &[Right::Read, Right::Write], &[Right::Write, Right::Send]];
    let objects = dice.percent(40).then(|| {
        let some: Vec<&'static str> = OBJECTS.into_iter().filter(|_| dice.percent(70)).collect();
        some.into_iter().map(|object| (object, dice.pick(&rights).to_vec())).collect()
    });
    Allowed { roles, objects }
}

pub fn follow(name: &str, slots: Option<&[&str]>, rate: Option<u64>) -> Request {
    let slots = slots.map(|slots| slots.iter().map(|text| pattern(text)).collect());
    let rate = rate.map(|rate| Rate::new(rate).expect("a good rate"));
    Request::Use(Use { object: object(name), cursor: None, slots, rate })
}

/// The auditor stays, and sees all.
pub fn request(dice: &mut Dice, id: u64, is_auditor: bool) -> Request {
    let name = dice.pick(&OBJECTS);
    match dice.below(if is_auditor { 60 } else { 100 }) {
        0..=49 => write(dice, name, id),
        50..=56 => Request::Send(Send {
            id: Some(id),
            object: object(name),
            name: SendName::parse("word").expect("a good name"),
            value: value(&json!(id)),
        }),
        57..=59 => Request::Fingerprint { object: object(name) },
        60..=69 => Request::Release { object: object(name) },
        _use => {
            let views: [Option<&[&str]>; 5] =
                [None, None, Some(&["a.*", "red.*"]), Some(&["blue.*"]), Some(&["*", "blue.red.6"])];
            follow(name, dice.pick(&views), dice.pick(&[None, None, Some(5)]))
        }
    }
}

fn write(dice: &mut Dice, name: &str, id: u64) -> Request {
    let ops = (0..=dice.below(2)).map(|_| op(dice, id)).collect();
    let condition = dice.percent(15).then(|| (slot(dice.pick(&SLOTS)), 0));
    let conditions = condition.into_iter().collect();
    Request::Write(Write {
        id: Some(id),
        object: object(name),
        epoch: None,
        seen: 0,
        at: None,
        conditions,
        ops,
    })
}

fn op(dice: &mut Dice, id: u64) -> Op {
    let slot = slot(dice.pick(&SLOTS));
    let long = value(&json!(format!("{id} {}", "x".repeat(90))));
    match dice.below(12) {
        0..=6 => Op::Set { slot, value: Some(long), life: Life::default() },
        7..=8 => Op::Delete { slot },
        9..=10 => Op::Once { slot, value: long, life: Life::default() },
        _clear => Op::Clear,
    }
}

/// The slots that a write speaks of.
pub fn named(write: &Write) -> impl Iterator<Item = &str> {
    let conditions = write.conditions.iter().map(|(slot, _)| slot);
    conditions.chain(write.ops.iter().filter_map(Op::slot)).map(SlotName::as_str)
}

pub fn clears(write: &Write) -> bool {
    write.ops.iter().any(|op| matches!(op, Op::Clear))
}

/// What a client that asks so may be told, but for what is hidden from it.
pub fn view(request: &Use) -> (ObjectName, slotcast_state::View) {
    (request.object.clone(), slotcast_state::View::new(request.slots.clone()))
}
