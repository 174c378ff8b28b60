//! Objects of 10,000 slots: one encoding for a thousand joins, and parts between which others are heard.

use serde_json::json;
use slotcast_protocol::{Door, Encoding, Event, ObjectName, Request, Use, User};
use slotcast_tests::copy::Copy;
use slotcast_tests::json_wire;

use super::server::Server;
use super::socket::{BINARY, Frame, Socket, read_all};

const CONFIG: &str = "[limits]\nslots = 20000\nobject_bytes = 33554432\nmessages_per_s = 1000000\nmessages_burst = 1000000\nbytes_per_s = 1000000000\n\
     sessions_per_user = 1000\n";
const SLOTS: usize = 10_000;
/// Of the slots with 32 bytes each: 400 KB, and the last part.
const PARTS: usize = 7;
const SESSIONS: usize = 20;
const JOINS: usize = 1_000;
const LARGE: &str = "game/large";
const SMALL: &str = "game/small";

/// Puts so many bytes into each of the slots, and follows one of them.
fn filled(server: &Server, value_bytes: usize) -> Socket {
    let mut writer = Socket::json(server.address, "writer");
    writer.ask(json!({"type": "use", "object": LARGE, "slots": ["s0"]}));
    let ops_max = 64.min(50_000 / value_bytes);
    let slots: Vec<usize> = (0..SLOTS).collect();
    for slots in slots.chunks(ops_max) {
        let set =
            |n: &usize| json!({"op": "set", "slot": format!("s{n}"), "value": format!("{n:>value_bytes$}")});
        let ops: Vec<_> = slots.iter().map(set).collect();
        writer.say(json!({"type": "write", "object": LARGE, "ops": ops}));
    }
    for _ in slots.chunks(ops_max) {
        until(&mut writer, "success");
    }
    writer
}

fn write(writer: &mut Socket, object: &str, slot: &str, value: u64) {
    writer.say(
        json!({"type": "write", "object": object, "ops": [{"op": "set", "slot": slot, "value": value}]}),
    );
    until(writer, "success");
}

fn until(socket: &mut Socket, kind: &str) -> serde_json::Value {
    loop {
        let message = socket.hear();
        assert_ne!(message["type"], "reject", "{message}");
        if message["type"] == kind {
            return message;
        }
    }
}

fn open(server: &Server, encoding: Encoding, number: usize) -> Socket {
    let user = format!("joiner{number}");
    match encoding {
        Encoding::Json => Socket::json(server.address, &user),
        Encoding::MessagePack => {
            let mut socket = Socket::open(server.address, encoding.subprotocol(Door::Objects));
            let user = Some(User::parse(&user).expect("a good name"));
            socket.frame(BINARY, &Request::Hello { token: None, device: None, user }.encode());
            assert!(matches!(event(&mut socket), Event::Welcome(_)));
            socket
        }
    }
}

fn say(socket: &mut Socket, encoding: Encoding, request: &Request) {
    match encoding {
        Encoding::Json => socket.say(json_wire::request_text(request).parse().expect("it is JSON")),
        Encoding::MessagePack => socket.frame(BINARY, &request.encode()),
    }
}

fn event(socket: &mut Socket) -> Event {
    let event = match socket.next() {
        Frame::Binary(bytes) => Event::decode(&bytes),
        Frame::Text(text) => json_wire::event(&text),
        other => panic!("{other:?} instead of an event"),
    };
    event.expect("it is a message").expect("of a known type")
}

fn large() -> ObjectName {
    ObjectName::parse(LARGE).expect("a good name")
}

fn use_large() -> Request {
    Request::Use(Use { object: large(), cursor: None, slots: None, rate: None })
}

/// From `use` to the last of so many parts, which alone is looked at; the version.
fn join_unseen(socket: &mut Socket, encoding: Encoding, parts: usize) -> u64 {
    say(socket, encoding, &use_large());
    (1..parts).for_each(|_| drop(socket.next()));
    match event(socket) {
        Event::Snapshot(last) if !last.more => last.version,
        other => panic!("{other:?} instead of the last part"),
    }
}

/// From `use` to the last part.
fn join(socket: &mut Socket, encoding: Encoding) -> Copy {
    say(socket, encoding, &use_large());
    let mut copy = Copy::default();
    while !copy.complete {
        copy.take(&event(socket)).unwrap_or_else(|broken| panic!("{broken:?}"));
    }
    copy
}

fn leave(socket: &mut Socket, encoding: Encoding) {
    say(socket, encoding, &Request::Release { object: large() });
    while !matches!(event(socket), Event::Released { .. }) {}
}

fn snapshots_encoded(server: &Server) -> u64 {
    let metrics =
        read_all(server.address, b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let count = metrics.lines().find_map(|line| line.strip_prefix("slotcast_snapshots_encoded_total "));
    count.and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("no count in {metrics}"))
}

fn fingerprint(socket: &mut Socket) -> String {
    socket.say(json!({"type": "fingerprint", "object": LARGE}));
    until(socket, "fingerprint")["md5"].as_str().expect("a text").to_owned()
}

#[test]
fn a_thousand_joins_cost_one_encoding_per_audience() {
    let server = Server::dev(CONFIG);
    let mut writer = filled(&server, 32);
    let before = snapshots_encoded(&server);
    let mut sessions: Vec<(Socket, Encoding)> = Vec::new();
    for number in 0..SESSIONS {
        let encoding = if number % 10 == 0 { Encoding::Json } else { Encoding::MessagePack };
        sessions.push((open(&server, encoding, number), encoding));
    }
    for number in 0..JOINS {
        let (socket, encoding) = &mut sessions[number % SESSIONS];
        // As it is now, whenever the shared parts were made.
        let version = (SLOTS.div_ceil(64) + number / 10) as u64;
        if number % 100 < 2 {
            let copy = join(socket, *encoding);
            assert_eq!((copy.slots.len(), copy.have), (SLOTS, version));
            assert_eq!(copy.fingerprint(), fingerprint(&mut writer), "join {number}");
        } else {
            assert_eq!(join_unseen(socket, *encoding, PARTS), version);
        }
        leave(socket, *encoding);
        if number % 10 == 9 {
            write(&mut writer, LARGE, &format!("s{}", 7 * number), number as u64);
        }
    }
    assert_eq!(snapshots_encoded(&server) - before, 2);
}

#[test]
fn between_the_parts_others_are_heard() {
    let server = Server::dev(CONFIG);
    let mut writer = filled(&server, 1_000);
    writer.say(json!({"type": "use", "object": SMALL}));
    until(&mut writer, "snapshot");
    let mut slow = open(&server, Encoding::MessagePack, 0);
    let small = ObjectName::parse(SMALL).expect("a good name");
    let use_small = Request::Use(Use { object: small.clone(), cursor: None, slots: None, rate: None });
    say(&mut slow, Encoding::MessagePack, &use_small);
    assert!(matches!(event(&mut slow), Event::Snapshot(_)));
    say(&mut slow, Encoding::MessagePack, &use_large());
    let mut copy = Copy::default();
    copy.take(&event(&mut slow)).expect("a first part");
    // 10 MB are more than the sockets' buffers hold: the rest of the parts is not under way yet.
    write(&mut writer, SMALL, "n", 1);
    write(&mut writer, LARGE, "s1", 1);
    let (mut parts, mut heard_after) = (1, None);
    while !copy.complete {
        match event(&mut slow) {
            Event::Diff(diff) if diff.object == small => heard_after = Some(parts),
            other => {
                copy.take(&other).unwrap_or_else(|broken| panic!("{broken:?}"));
                parts += 1;
            }
        }
    }
    let heard_after = heard_after.expect("the small object's diff comes before the last part");
    println!("heard after {heard_after} of {parts} parts");
    assert!(parts > 150 && heard_after < parts - 1, "after {heard_after} of {parts}");
    let begun_at = copy.have;
    copy.take(&event(&mut slow)).expect("what happened to it meanwhile");
    assert_eq!(copy.have, begun_at + 1);
    assert_eq!(copy.fingerprint(), fingerprint(&mut writer));
}
