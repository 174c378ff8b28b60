//! Where a fuzzer begins: the vectors, what a random history leaves on the disk, and good frames and files.

use serde_json::Value as Json;
use slotcast_protocol::relay::{self, Matter};
use slotcast_protocol::roster::Mark;
use slotcast_protocol::{Device, Durability, Limits, User, Value};
use slotcast_state::roster::{self, Card, Line, List, Tie};
use slotcast_state::{At, Deed, Filed, Outcome, UserCommit, UserContents};

use crate::store::{Entry, roster_bytes, user_bytes};
use crate::trial::Trial;
use crate::vectors::{bytes, load, rows};

/// Good and bad inputs of a target; never none.
pub fn of(target: &str) -> Vec<Vec<u8>> {
    match target {
        "frames" => frames(),
        "objects" => messages(&[("wire", "requests"), ("bad_wire", "rows")]),
        "relay" => messages(&[("relay", "requests"), ("relay", "refused")]),
        "objects_json" => texts(&[("wire", "requests"), ("bad_wire", "rows")]),
        "relay_json" => texts(&[("relay", "requests"), ("relay", "refused")]),
        "events" => messages(&[("wire", "events"), ("relay", "events")]),
        "names" => names(),
        "values" => messages(&[("values", "good"), ("values", "read"), ("values", "bad")]),
        "patches" => patches(),
        "stored" => stored(),
        "config" => vec![include_bytes!("../../../slotcast.example.toml").to_vec(), b"dev = true\n".to_vec()],
        other => panic!("{other} is no target"),
    }
}

/// The `hex` and the `also` of all rows that have them.
fn messages(tables: &[(&str, &str)]) -> Vec<Vec<u8>> {
    let each = |row: &Json| {
        let also = row["also"].as_array().cloned().unwrap_or_default();
        let all = std::iter::once(row["hex"].clone()).chain(also);
        all.filter(|hex| !hex.is_null()).map(|hex| bytes(&hex)).collect::<Vec<_>>()
    };
    all(tables).iter().flat_map(each).collect()
}

fn texts(tables: &[(&str, &str)]) -> Vec<Vec<u8>> {
    let each = |row: &Json| match &row["json"] {
        Json::Null => None,
        Json::String(text) => Some(text.clone().into_bytes()),
        message => Some(message.to_string().into_bytes()),
    };
    all(tables).iter().filter_map(each).collect()
}

fn all(tables: &[(&str, &str)]) -> Vec<Json> {
    tables.iter().flat_map(|(file, table)| rows(&load(file), table).to_vec()).collect()
}

/// Each message of the vectors in a frame, some in two and with a ping between.
fn frames() -> Vec<Vec<u8>> {
    let masked = |first: u8, payload: &[u8]| {
        let mut frame = vec![first];
        match payload.len() {
            short @ 0..=125 => frame.push(0x80 | short as u8),
            long => {
                frame.push(0x80 | 126);
                frame.extend_from_slice(&(long.min(0xffff) as u16).to_be_bytes());
            }
        }
        frame.extend_from_slice(&[0; 4]);
        frame.extend_from_slice(&payload[..payload.len().min(0xffff)]);
        frame
    };
    let each = |payload: Vec<u8>| {
        let (left, right) = payload.split_at(payload.len() / 2);
        let parts =
            [masked(0x02, left), masked(0x89, b"?"), masked(0x80, right), masked(0x88, &[3, 232])].concat();
        [[vec![2], masked(0x82, &payload)].concat(), [vec![7], parts].concat()]
    };
    let mut frames: Vec<Vec<u8>> = messages(&[("wire", "requests")]).into_iter().flat_map(each).collect();
    // Two parts that are too long together, where one may have 100 bytes; and one whose mask is not nothing.
    frames.push([vec![1], masked(0x01, &[b'x'; 80]), masked(0x80, &[b'x'; 80])].concat());
    frames.push(vec![3, 0x82, 0x8b, 1, 2, 3, 4, 105, 103, 111, 104, 110, 34, 119, 108, 100, 112, 102]);
    frames.push([vec![3], masked(0x81, "é".as_bytes())].concat());
    frames
}

fn names() -> Vec<Vec<u8>> {
    let mut names = Vec::new();
    strings(&load("names"), &mut names);
    names.extend(["bid.* bid.1", "@* @ada", "* x", "a/b/c/d/e/f/g/h"].map(|name| name.as_bytes().to_vec()));
    names
}

fn strings(json: &Json, found: &mut Vec<Vec<u8>>) {
    match json {
        Json::String(text) => found.push(text.clone().into_bytes()),
        Json::Array(items) => items.iter().for_each(|item| strings(item, found)),
        Json::Object(members) => members.values().for_each(|member| strings(member, found)),
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

fn patches() -> Vec<Vec<u8>> {
    let rows = [
        r#"[{"a":{"b":[1,2,3]}},["a","b",1],"new"]"#,
        r#"[{"a":{"b":[1,2,3]}},["a","b",3],null]"#,
        r#"[{"a":{"b":[1,2,3]}},["a","b",1]]"#,
        r#"[{"a":1},["b"],{"c":2.5}]"#,
        r#"[[[],[[]]],[1,0,0],true]"#,
        r#"[{"a":1},["a"]]"#,
    ];
    let packed = rows.map(|row| {
        let json = serde_json::from_str(row).expect("it is JSON");
        slotcast_protocol::json::value_bytes(json).expect("it is a value")
    });
    packed.into()
}

/// Commits and whole objects of a history, and one of each sort that users and rosters leave.
fn stored() -> Vec<Vec<u8>> {
    let mut trial = Trial::new(5, &["safe/1"]);
    for _ in 0..40 {
        trial.step().and_then(|()| trial.want()).expect("it is as the page says");
    }
    let objects = std::mem::take(&mut trial.entries).into_iter().map(|entry| match entry {
        Entry::Commit { bytes, .. } => [&[0][..], &bytes].concat(),
        Entry::Whole(stored) => [&[1][..], &stored.contents].concat(),
    });
    objects.chain(users()).chain(rosters()).collect()
}

fn users() -> Vec<Vec<u8>> {
    let (ada, device) = (user("ada"), Device::parse("phone").expect("a good name"));
    let body = Value::trusted(vec![0xc0]);
    let matter = Matter::Message { from: user("bob"), id: 1, body, kind: None };
    let entry = relay::Entry { seq: 1, time_ms: 5, matter };
    let at = At { seq: 3, time_ms: 5 };
    let deeds = [
        Deed::Filed(Filed { entry: entry.clone(), device: Some(device.clone()) }),
        Deed::Reached { device: device.clone(), seq: 1 },
        Deed::Told { device: device.clone(), id: 1, outcome: Outcome::Stored(at), copy: None },
    ];
    let mut contents = UserContents::new(7);
    let each = deeds.into_iter().map(|deed| {
        let commit = UserCommit { user: ada.clone(), durability: Durability::Disk, epoch: 7, at_ms: 5, deed };
        contents.apply(&commit, &Limits::default()).expect("it follows");
        [[&[2][..], &user_bytes(&commit)].concat(), [&[3][..], &contents.encode()].concat()]
    });
    each.flatten().collect()
}

fn rosters() -> Vec<Vec<u8>> {
    let (ada, bob) = (user("ada"), user("bob"));
    let mark = Mark { epoch: 7, rev: 1 };
    let tie = Tie { card: Some(Card::default()), since: 1, owed: Some(1), ..Tie::default() };
    let lines =
        vec![Line::Tie { user: bob, tie: Some(Box::new(tie)) }, Line::Block { user: user("eve"), on: true }];
    let commit = roster::Commit { owner: ada.clone(), mark, at_ms: 5, lines };
    let mut list = List::new(ada, 7);
    list.replay(&commit).expect("it follows");
    vec![[&[4][..], &roster_bytes(&commit)].concat(), [&[5][..], &list.encode()].concat()]
}

fn user(name: &str) -> User {
    User::parse(name).expect("a good name")
}
