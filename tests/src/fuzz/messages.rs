//! Messages of both doors in both encodings: what is taken can be written again and read as the same.

use slotcast_protocol::{Door, Event, Limits, Request, json};

use super::is_plain;
use crate::json_wire::request_text;

pub fn objects(data: &[u8]) {
    binary(Door::Objects, data);
}

pub fn relay(data: &[u8]) {
    binary(Door::Relay, data);
}

pub fn objects_json(data: &[u8]) {
    text(Door::Objects, data);
}

pub fn relay_json(data: &[u8]) {
    text(Door::Relay, data);
}

fn binary(door: Door, data: &[u8]) {
    let Ok(request) = Request::decode(door, data, &Limits::default()) else { return };
    let again = Request::decode(door, &request.encode(), &Limits::default());
    assert_eq!(again.as_ref(), Ok(&request), "written and read");
    if is_plain(data) {
        // JSON has one form of a number where MessagePack has several, so it is the texts that must be equal.
        let said = request_text(&request);
        let heard = json::request(door, &said, &super::wide());
        let heard = heard.unwrap_or_else(|refused| panic!("{said}: {}", refused.fault));
        assert_eq!(request_text(&heard), said, "through JSON");
    }
}

fn text(door: Door, data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(request) = json::request(door, text, &Limits::default()) else { return };
    let again = Request::decode(door, &request.encode(), &Limits::default());
    assert_eq!(again.as_ref(), Ok(&request), "written as MessagePack and read");
}

/// What a client reads.
pub fn events(data: &[u8]) {
    let Ok(Some(event)) = Event::decode(data) else { return };
    let written = event.encode();
    let again = Event::decode(&written).expect("what was written can be read");
    assert_eq!(again.expect("its type is known").encode(), written, "written and read");
}
