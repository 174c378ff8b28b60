//! Messages from user to user, over real sockets: stories with devices that come and go.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde_json::{Value, json};

use super::server::{Launch, Server};
use super::socket::{Socket, TEXT, masked};
use slotcast_tests::real::folder::TempFolder;

/// A server of each class, and the folder of the one that needs it.
fn both_classes(story: impl Fn(&Server, &str)) {
    story(&Server::dev(""), "memory");
    let folder = TempFolder::new("relay");
    story(&Launch::dev("[relay]\ndurability = \"disk\"").data(folder.path()).start(), "disk");
}

fn tell(id: u64, to: &str, body: &str) -> Value {
    json!({"type": "tell", "id": id, "to": to, "body": body})
}

/// Entries that a session is handed without an `ack`.
const WINDOW: usize = 64;

/// One who has opened, with what was waiting, a page at the most; if that is all, the last word is `current`.
fn open(server: &Server, user: &str, device: &str, from: Value) -> (Socket, Vec<Value>) {
    let mut socket = Socket::relay(server.address, user, device);
    socket.say(json!({"type": "open", "epoch": from["epoch"], "seq": from["seq"]}));
    let mut heard = Vec::new();
    while heard.last().is_none_or(|last: &Value| last["type"] != "current") && heard.len() <= WINDOW {
        heard.push(socket.hear());
    }
    (socket, heard)
}

/// What of a message counts in a story.
fn shown(event: &Value) -> Value {
    let mut event = event.clone();
    event.as_object_mut().expect("a message is an object").remove("time_ms");
    event
}

#[test]
fn away_and_back_with_receipts() {
    both_classes(|server, class| {
        let (mut phone, _) = open(server, "alice", "phone", Value::Null);
        let (mut laptop, _) = open(server, "alice", "laptop", Value::Null);
        let stored = phone.ask(tell(7, "bob", "hi"));
        assert_eq!(
            (&stored["type"], &stored["at"], &stored["class"]),
            (&json!("stored"), &json!(1), &json!(class))
        );
        let copy =
            json!({"type": "copy", "seq": 1, "to": "bob", "id": 7, "body": "hi", "kind": null, "at": 1});
        assert_eq!(shown(&laptop.hear()), copy);
        let (mut bob, waited) = open(server, "bob", "pad", Value::Null);
        let message =
            json!({"type": "message", "seq": 1, "from": "alice", "id": 7, "body": "hi", "kind": null});
        assert_eq!(waited[0]["type"], "inbox");
        assert_eq!(shown(&waited[1]), message);
        assert_eq!(waited[2], json!({"type": "current", "seq": 1}));
        bob.say(json!({"type": "ack", "seq": 1}));
        let receipt = json!({"type": "receipt", "seq": 2, "user": "bob", "delivered": 1, "read": 0});
        assert_eq!((shown(&phone.hear()), shown(&laptop.hear())), (receipt.clone(), receipt));
        let (mut desk, _) = open(server, "bob", "desk", json!({"epoch": waited[0]["epoch"], "seq": 1}));
        bob.say(json!({"type": "read", "user": "alice", "seq": 1}));
        assert_eq!(shown(&desk.hear()), json!({"type": "seen", "seq": 2, "user": "alice", "read": 1}));
        let read = json!({"type": "receipt", "seq": 3, "user": "bob", "delivered": 1, "read": 1});
        assert_eq!(shown(&phone.hear()), read);
        // The laptop was away for it, and has the newest receipt alone.
        drop(laptop);
        let (_, waited) = open(server, "alice", "laptop", Value::Null);
        let types: Vec<_> =
            waited.iter().map(|event| (event["type"].clone(), event["seq"].clone())).collect();
        let wanted =
            [("inbox", Value::Null), ("copy", json!(1)), ("receipt", json!(3)), ("current", json!(3))];
        assert_eq!(types, wanted.map(|(kind, seq)| (json!(kind), seq)), "nothing was acknowledged there");
    });
}

#[test]
fn said_twice_and_stored_once() {
    both_classes(|server, _| {
        let mut phone = Socket::relay(server.address, "alice", "phone");
        let first = phone.ask(tell(1, "bob", "once"));
        assert_eq!(phone.ask(tell(1, "bob", "once")), first);
        drop(phone);
        let mut phone = Socket::relay(server.address, "alice", "phone");
        assert_eq!(phone.ask(tell(1, "bob", "once")), first);
        assert_eq!(phone.ask(tell(2, "bob", "twice"))["at"], 2);
        let (_, waited) = open(server, "bob", "pad", Value::Null);
        let bodies: Vec<_> = waited.iter().filter_map(|event| event["body"].as_str()).collect();
        assert_eq!(bodies, ["once", "twice"]);
    });
}

#[test]
fn who_speaks_is_the_session() {
    let server = Server::dev("");
    let mut mallory = Socket::relay(server.address, "mallory", "m");
    let mut forged = tell(1, "bob", "send money");
    (forged["from"], forged["user"]) = (json!("alice"), json!("alice"));
    assert_eq!(mallory.ask(forged)["type"], "stored");
    let (_, waited) = open(&server, "bob", "pad", Value::Null);
    assert_eq!(waited[1]["from"], "mallory");
}

#[test]
fn a_device_that_comes_back_gets_pages() {
    let server = Server::dev("[limits]\nwindow_messages = 3\ntells_burst = 1000");
    let mut alice = Socket::relay(server.address, "alice", "phone");
    for id in 1..=8 {
        assert_eq!(alice.ask(tell(id, "bob", "news"))["at"], id);
    }
    let mut bob = Socket::relay(server.address, "bob", "pad");
    let inbox = bob.ask(json!({"type": "open"}));
    assert_eq!((&inbox["from"], &inbox["to"]), (&json!(0), &json!(8)));
    for page in [1..=3, 4..=6, 7..=8] {
        let last = *page.end();
        for seq in page {
            assert_eq!(bob.hear()["seq"], seq);
        }
        // Nothing more comes before the page is acknowledged: the answer to a ping is the next word.
        if last < 8 {
            assert_eq!(bob.ask(json!({"type": "ping", "n": last}))["type"], "pong");
            bob.say(json!({"type": "ack", "seq": last}));
        }
    }
    assert_eq!(bob.hear(), json!({"type": "current", "seq": 8}));
    bob.say(json!({"type": "ack", "seq": 8}));
    assert_eq!(bob.ask(json!({"type": "ping"}))["type"], "pong");
    drop(bob);
    let inbox = Socket::relay(server.address, "bob", "pad").ask(json!({"type": "open"}));
    assert_eq!(inbox["from"], 8, "the server remembers the device");
}

#[test]
fn a_device_that_was_away_for_too_long_is_told() {
    let server = Server::dev("[limits]\ninbox_messages = 4\ntells_burst = 1000");
    let mut alice = Socket::relay(server.address, "alice", "phone");
    let (mut pad, start) = open(&server, "bob", "pad", Value::Null);
    for id in 1..=6 {
        assert_eq!(alice.ask(tell(id, "bob", "news"))["at"], id);
        assert_eq!(pad.hear()["seq"], id);
        pad.say(json!({"type": "ack", "seq": id}));
        assert_eq!(pad.ask(json!({"type": "ping"}))["type"], "pong");
    }
    let (_, waited) = open(&server, "bob", "old", json!({"epoch": start[0]["epoch"], "seq": 0}));
    assert_eq!(waited[1], json!({"type": "missed", "to": 2}));
    let numbers: Vec<_> = waited[2..].iter().map(|event| event["seq"].clone()).collect();
    assert_eq!(numbers, [3, 4, 5, 6, 6]);
}

#[test]
fn signals_are_for_those_who_are_there() {
    let server = Server::dev("");
    let (mut bob, _) = open(&server, "bob", "pad", Value::Null);
    let mut alice = Socket::relay(server.address, "alice", "phone");
    alice.say(json!({"type": "signal", "to": "nobody-home", "kind": "typing"}));
    alice.say(json!({"type": "signal", "to": "bob", "kind": "typing", "body": {"to": 1}}));
    let signal = json!({"type": "signal", "from": "alice", "kind": "typing", "body": {"to": 1}});
    assert_eq!(bob.hear(), signal);
    assert_eq!(alice.ask(tell(1, "bob", "x"))["at"], 1, "no signal was stored, or answered");
}

#[test]
fn a_door_is_taken_over_by_the_same_device_and_the_other_door_is_not() {
    let server = Server::dev("");
    let mut objects = Socket::open(server.address, "slotcast.v1.json");
    objects.say(json!({"type": "hello", "user": "alice", "device": "phone"}));
    assert_eq!(objects.hear()["type"], "welcome");
    let mut first = Socket::relay(server.address, "alice", "phone");
    let mut second = Socket::relay(server.address, "alice", "phone");
    assert_eq!(first.close_code(), Some(4409));
    assert_eq!(second.ask(json!({"type": "ping"}))["type"], "pong");
    assert_eq!(objects.ask(json!({"type": "ping"}))["type"], "pong");
}

/// The connection is cut within the message, after each of its bytes in turn; the device comes back and says it again.
#[test]
fn a_message_that_is_cut_at_every_byte_is_stored_once() {
    let folder = TempFolder::new("cut");
    let config = "[limits]\ntells_per_s = 100000\ntells_burst = 100000\n[relay]\ndurability = \"disk\"";
    let server = Launch::dev(config).data(folder.path()).start();
    let message = |id| tell(id, "bob", "whole").to_string().into_bytes();
    let frame_bytes = masked(TEXT, &message(10)).len();
    for cut in 0..=frame_bytes as u64 {
        let id = 10 + cut;
        let mut phone = Socket::relay(server.address, "alice", "phone");
        phone.raw(&masked(TEXT, &message(id))[..cut as usize]);
        drop(phone);
        let mut phone = Socket::relay(server.address, "alice", "phone");
        phone.frame(TEXT, &message(id));
        assert_eq!(phone.hear()["at"], cut + 1, "cut after {cut} bytes");
    }
    let (_, waited) = open(&server, "bob", "pad", Value::Null);
    let ids: Vec<_> = waited.iter().filter_map(|event| event["id"].as_u64()).collect();
    let page: Vec<_> = (10..=10 + frame_bytes as u64).take(64).collect();
    assert_eq!(ids, page);
}

/// Bob does not read the diffs that flood him; what he is told comes all the same, and mostly within turns: in so short a time that the flood has moved on
/// by a few rounds of what it has on its way. Single messages may meet a busy machine.
#[test]
fn a_flood_of_diffs_delays_no_message() {
    const ON_THE_WAY: u64 = 16;
    const ROUNDS_MAX: u64 = 50;
    let server = Server::dev(
        "[limits]\nmessages_per_s = 1000000\nmessages_burst = 1000000\nbytes_per_s = 1000000000\ntells_burst = 1000\n",
    );
    let mut flooded = Socket::json(server.address, "bob");
    assert_eq!(flooded.ask(json!({"type": "use", "object": "flood/1"}))["type"], "snapshot");
    let (mut bob, _) = open(&server, "bob", "pad", Value::Null);
    let mut alice = Socket::relay(server.address, "alice", "phone");
    let (written, done) = (AtomicU64::new(0), AtomicBool::new(false));
    let mut passed = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| flood(&server, ON_THE_WAY, &written, &done));
        // Also if something fails: the flood would go on, and no one would hear of it.
        let _end = End(&done);
        for id in 1..=50 {
            while written.load(Ordering::Relaxed) < id * ON_THE_WAY {
                std::thread::yield_now();
            }
            let before = written.load(Ordering::Relaxed);
            alice.say(tell(id, "bob", "through"));
            assert_eq!(bob.hear()["seq"], id);
            passed.push(written.load(Ordering::Relaxed) - before);
            bob.say(json!({"type": "ack", "seq": id}));
            assert_eq!(alice.hear()["type"], "stored");
        }
    });
    passed.sort_unstable();
    let median = passed[passed.len() / 2];
    assert!(median <= ROUNDS_MAX * ON_THE_WAY, "{median} writes went before a message: {passed:?}");
}

struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Writes of 8 kB, with so many on their way, until it is told to end.
fn flood(server: &Server, on_the_way: u64, written: &AtomicU64, done: &AtomicBool) {
    let mut writer = Socket::json(server.address, "writer");
    writer.say(json!({"type": "use", "object": "flood/1", "slots": ["nothing"]}));
    let text = "x".repeat(8_000);
    let write = |writer: &mut Socket| {
        let op = json!({"op": "set", "slot": "last", "value": text});
        writer.say(json!({"type": "write", "object": "flood/1", "seen": 1_000_000_000, "ops": [op]}));
    };
    assert_eq!(writer.hear()["type"], "snapshot");
    (0..on_the_way).for_each(|_| write(&mut writer));
    while !done.load(Ordering::Relaxed) {
        writer.hear();
        written.fetch_add(1, Ordering::Relaxed);
        write(&mut writer);
    }
}
