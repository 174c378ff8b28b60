//! The vectors, row by row.

use serde_json::{Value as Json, json};
use slotcast_protocol::names::{Device, ObjectName, Pattern, SendName, SlotName, User};
use slotcast_protocol::request::Refused;
use slotcast_protocol::shape::Shape;
use slotcast_protocol::{Code, Door, Event, Fault, Limits, Record, Request, Value, canonical, json as wire};
use slotcast_state::md5_of;
use slotcast_tests::copy::{Copy, Held};
use slotcast_tests::json_wire;
use slotcast_tests::vectors::{bytes, form, hex, load, name, rows, value};

/// The files with messages, and the doors that these come in by.
const WIRES: [(&str, Door); 2] = [("wire", Door::Objects), ("relay", Door::Relay)];

fn decode(door: Door, bytes: &[u8]) -> Result<Request, Refused> {
    Request::decode(door, bytes, &Limits::default())
}

fn decode_json(door: Door, text: &str) -> Result<Request, Refused> {
    wire::request(door, text, &Limits::default())
}

fn others(row: &Json, member: &str) -> Vec<Json> {
    row[member].as_array().cloned().unwrap_or_default()
}

#[test]
fn requests() {
    for (file, door) in WIRES {
        rows(&load(file), "requests").iter().for_each(|row| request(door, row));
    }
}

fn request(door: Door, row: &Json) {
    let (decode, decode_json) =
        (|hex: &Json| decode(door, &bytes(hex)), |text: &str| decode_json(door, text));
    let request = decode(&row["hex"]).unwrap_or_else(|why| panic!("{}: {why:?}", name(row)));
    assert_eq!(hex(&request.encode()), row["hex"], "{}", name(row));
    assert_eq!(decode_json(&row["json"].to_string()).as_ref(), Ok(&request), "{}", name(row));
    assert_eq!(decode_json(&json_wire::request_text(&request)).as_ref(), Ok(&request), "{}", name(row));
    for also in others(row, "also") {
        assert_eq!(decode(&also).as_ref(), Ok(&request), "{}: {also}", name(row));
    }
    for also in others(row, "also_json") {
        assert_eq!(decode_json(&also.to_string()).as_ref(), Ok(&request), "{}: {also}", name(row));
    }
}

#[test]
fn each_door_has_its_own_requests() {
    for row in rows(&load("relay"), "refused_on_objects") {
        let refused = decode(Door::Objects, &bytes(&row["hex"])).expect_err("it is the relay's");
        assert_eq!(refused.fault.code, Code::UnknownType, "{row}");
    }
}

#[test]
fn events() {
    let (wire, relay) = (load("wire"), load("relay"));
    for row in rows(&wire, "events").iter().chain(rows(&relay, "events")) {
        let event = Event::decode(&bytes(&row["hex"])).expect("the row is good").expect("its type is known");
        assert_eq!(hex(&event.encode()), row["hex"], "{}", name(row));
        let text = wire::event_text(&event.encode());
        assert_eq!(serde_json::from_str::<Json>(&text).expect("it is JSON"), row["json"], "{}", name(row));
        let read = json_wire::event(&text).expect("it is good JSON").expect("its type is known");
        let again = wire::event_text(&read.encode());
        assert_eq!(serde_json::from_str::<Json>(&again).expect("it is JSON"), row["json"], "{}", name(row));
        for also in others(row, "also") {
            assert_eq!(Event::decode(&bytes(&also)), Ok(Some(event.clone())), "{}: {also}", name(row));
        }
    }
    for row in rows(&wire, "unknown_events") {
        assert_eq!(Event::decode(&bytes(&row["hex"])), Ok(None));
    }
}

#[test]
fn every_message_op_and_change_has_a_row() {
    let (file, relay) = (load("wire").to_string(), load("relay"));
    use slotcast_protocol::shape::{CHANGES, EVENTS, OPS, RELAY_EVENTS, RELAY_REQUESTS, REQUESTS};
    let has = |file: &str, tag: &str, shape: &Shape| {
        assert!(file.contains(&format!("\"{tag}\":\"{}\"", shape.name)), "{tag} {}", shape.name);
    };
    for (tag, shapes) in [("type", REQUESTS), ("type", EVENTS), ("op", OPS), ("change", CHANGES)] {
        shapes.iter().for_each(|shape| has(&file, tag, shape));
    }
    for (table, shapes) in [("requests", RELAY_REQUESTS), ("events", RELAY_EVENTS)] {
        shapes.iter().for_each(|shape| has(&relay[table].to_string(), "type", shape));
    }
}

#[test]
fn bad_messages() {
    let (objects, relay) = (load("bad_wire"), load("relay"));
    let of = |rows: &'_ [Json], door| rows.iter().map(|row| (door, row.clone())).collect::<Vec<_>>();
    let all = [of(rows(&objects, "rows"), Door::Objects), of(rows(&relay, "refused"), Door::Relay)];
    for (door, row) in all.iter().flatten() {
        let result = match row["json"].as_str() {
            Some(text) => decode_json(*door, text),
            None => decode(*door, &bytes(&row["hex"])),
        };
        let Err(Refused { fault, reject_id, .. }) = result else { panic!("{}: was taken", name(row)) };
        assert_eq!(fault.code.name(), row["code"], "{}: {fault}", name(row));
        let what = row["what"].as_str().expect("a row has a what");
        assert!(fault.what.contains(what), "{}: {fault}", name(row));
        if row["told"] == "reject" || row["told"] == "refused" {
            assert_eq!(reject_id, Some(row["id"].as_u64()), "{}", name(row));
        }
    }
}

#[test]
fn every_code_of_the_decoder_has_a_row() {
    let file = load("bad_wire");
    let met = |code: Code| rows(&file, "rows").iter().any(|row| row["code"] == code.name());
    for code in &Code::ALL[..8] {
        assert!(met(*code), "{code}");
    }
}

#[test]
fn values() {
    let file = load("values");
    let check = |hex: &Json| Value::check(&bytes(hex), &Limits::default());
    for row in rows(&file, "good") {
        let held = check(&row["hex"]).unwrap_or_else(|why| panic!("{}: {why}", name(row)));
        assert_eq!(form(&held), row["json"], "{}", name(row));
        let written = value(&row["json"]);
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        canonical::write(&written, &mut ours);
        canonical::write(&held, &mut theirs);
        assert_eq!(hex(&ours), hex(&theirs), "{}", name(row));
        if !row["json"].is_object() {
            assert_eq!(hex(written.bytes()), row["hex"], "{}", name(row));
        }
        for also in others(row, "also") {
            assert_eq!(form(&check(&also).expect("also good")), row["json"], "{}: {also}", name(row));
        }
    }
    for row in rows(&file, "read") {
        assert_eq!(form(&check(&row["hex"]).expect("good")), row["json"], "{}", name(row));
    }
    for row in rows(&file, "bad") {
        let fault: Fault = check(&row["hex"]).expect_err(name(row));
        assert_eq!(fault.code.name(), row["code"], "{}: {fault}", name(row));
        assert!(fault.what.contains(row["what"].as_str().expect("a what")), "{}: {fault}", name(row));
    }
}

#[test]
fn fingerprints() {
    let file = load("fingerprint");
    for row in rows(&file, "rows") {
        for member in ["slots", "slots_hex"] {
            let slots = row[member].as_object().expect("slots");
            let value_of = |form: &Json| match member {
                "slots" => value(form),
                _ => Value::check(&bytes(form), &Limits::default()).expect("good values"),
            };
            let mut slots: Vec<_> = slots
                .iter()
                .map(|(slot, form)| (SlotName::parse(slot).expect("a slot"), value_of(form)))
                .collect();
            slots.sort();
            let md5 = md5_of(slots.len(), slots.iter().map(|(slot, value)| (slot, value)));
            assert_eq!(md5, row["md5"], "{}: {member}", name(row));
            assert_eq!(hex(&canonical_form(&slots)), row["canonical"], "{}: {member}", name(row));
        }
    }
}

/// Section 7 of the page, once more.
fn canonical_form(slots: &[(SlotName, Value)]) -> Vec<u8> {
    let mut out = b"slotcast-object/1\0".to_vec();
    out.extend((slots.len() as u32).to_be_bytes());
    for (slot, value) in slots {
        let mut bytes = Vec::new();
        canonical::write(value, &mut bytes);
        for part in [slot.as_str().as_bytes(), &bytes] {
            out.extend((part.len() as u32).to_be_bytes());
            out.extend(part);
        }
    }
    out
}

#[test]
fn names() {
    let file = load("names");
    let parse = |kind: &str, text: &str| match kind {
        "object" => ObjectName::parse(text).map(drop),
        "slot" => SlotName::parse(text).map(drop),
        "pattern" => Pattern::parse(text).map(drop),
        "user" => User::parse(text).map(drop),
        "device" => Device::parse(text).map(drop),
        "send" => SendName::parse(text).map(drop),
        other => panic!("{other} is no kind of name"),
    };
    for (kind, lists) in file["names"].as_object().expect("kinds of names") {
        for (list, good) in [("good", true), ("bad", false)] {
            for text in rows(lists, list) {
                let result = parse(kind, text.as_str().expect("a name"));
                assert_eq!(result.is_ok(), good, "{kind} {text}: {result:?}");
            }
        }
    }
    for row in rows(&file, "matches") {
        let pattern = Pattern::parse(row["pattern"].as_str().expect("a pattern")).expect("a good pattern");
        let slot = SlotName::parse(row["slot"].as_str().expect("a slot")).expect("a good slot");
        assert_eq!(pattern.matches(&slot), row["hit"], "{row}");
    }
}

fn copy_of(form: &Json) -> Copy {
    let number = |member: &str| form[member].as_u64().expect("a number");
    let records = form["slots"].as_array().expect("slots").iter().map(record).collect();
    Copy::new(number("epoch"), number("have"), number("sends"), records)
}

fn record(form: &Json) -> Record {
    Record {
        slot: SlotName::parse(form["slot"].as_str().expect("a slot")).expect("a good slot"),
        version: form["version"].as_u64().expect("a version"),
        by: match form["by"].as_str().expect("a user") {
            "" => User::server(),
            user => User::parse(user).expect("a good user"),
        },
        value: Some(value(&form["value"])),
    }
}

fn copy_form(copy: &Copy) -> Json {
    let slots: Vec<_> = copy.slots.iter().map(|(slot, held)| record_form(slot, held)).collect();
    json!({"epoch": copy.epoch, "have": copy.have, "sends": copy.sends, "slots": slots})
}

fn record_form(slot: &SlotName, held: &Held) -> Json {
    json!({"slot": slot.as_str(), "version": held.version, "by": held.by.as_str(), "value": form(&held.value)})
}

#[test]
fn copies() {
    let file = load("apply");
    for row in rows(&file, "rows") {
        let mut copy = copy_of(&row["copy"]);
        let events = row["events"].as_array().expect("events");
        let taken = events.iter().try_for_each(|event| {
            let event = json_wire::event(&event.to_string()).expect("a good event");
            copy.take(&event.expect("its type is known"))
        });
        match taken {
            Err(_) => assert_eq!(row["result"], "fault", "{}", name(row)),
            Ok(()) => assert_eq!(copy_form(&copy), row["result"], "{}", name(row)),
        }
    }
}
