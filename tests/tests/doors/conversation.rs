//! What two clients see of each other, over real sockets and in both encodings.

use serde_json::{Value, json};
use slotcast_protocol::{Event, ObjectName, Request, Use, User};

use super::server::Server;
use super::socket::{BINARY, Frame, Socket};

const FAST: &str = "[limits]\nmessages_per_s = 1000000\nmessages_burst = 1000000\nbytes_per_s = 1000000000\n";

fn set(object: &str, slot: &str, value: Value) -> Value {
    json!({"type": "write", "object": object, "seen": 0, "ops": [{"op": "set", "slot": slot, "value": value}]})
}

/// Reads until the diff that leads to `version`; the bytes of all messages on the way.
fn until(socket: &mut Socket, version: u64) -> usize {
    let mut bytes = 0;
    loop {
        let message = socket.hear();
        bytes += message.to_string().len();
        if message["type"] == "diff" && message["to"] == version {
            return bytes;
        }
    }
}

#[test]
fn a_success_comes_before_its_diff_and_the_other_encoding_sees_the_same() {
    let server = Server::dev(FAST);
    let mut json = Socket::json(server.address, "ada");
    let mut binary = Socket::open(server.address, "slotcast.v1.msgpack");
    binary.frame(
        BINARY,
        &Request::Hello { token: None, device: None, user: Some(User::parse("bob").expect("fine")) }.encode(),
    );
    assert!(matches!(event(&mut binary), Event::Welcome(_)));
    let object = ObjectName::parse("game/1").expect("a good name");
    binary.frame(BINARY, &Request::Use(Use { object, cursor: None, slots: None, rate: None }).encode());
    assert!(matches!(event(&mut binary), Event::Snapshot(_)));
    json.ask(json!({"type": "use", "object": "game/1"}));
    assert_eq!(json.ask(set("game/1", "x", json!({"deep": [1, 2.5, "ä", null]})))["type"], "success");
    assert_eq!(json.hear()["type"], "diff");
    let Event::Diff(diff) = event(&mut binary) else { panic!("not the diff") };
    assert_eq!((diff.from, diff.to, diff.changes.len()), (0, 1, 1));
    let text = slotcast_protocol::json::event_text(&Event::Diff(diff).encode());
    assert!(text.contains(r#""value":{"deep":[1,2.5,"ä",null]}"#), "{text}");
}

fn event(socket: &mut Socket) -> Event {
    match socket.next() {
        Frame::Binary(bytes) => Event::decode(&bytes).expect("a good event").expect("a known one"),
        other => panic!("{other:?} instead of an event"),
    }
}

/// A page that was away for 500 changes gets those and nothing else; one of another epoch gets a snapshot.
#[test]
fn resuming_costs_what_was_missed() {
    let server = Server::dev(FAST);
    let mut writer = Socket::json(server.address, "writer");
    writer.ask(json!({"type": "use", "object": "game/1"}));
    for n in 0..2_000 {
        writer.say(set("game/1", &format!("s{n}"), json!("0123456789012345678901234567890123456789")));
    }
    let whole = until(&mut writer, 2_000);
    let mut away = Socket::json(server.address, "away");
    let snapshot = away.ask(json!({"type": "use", "object": "game/1"}));
    let epoch = snapshot["epoch"].clone();
    drop(away);
    for n in 0..500 {
        writer.say(set("game/1", &format!("s{n}"), json!("again")));
    }
    until(&mut writer, 2_500);
    let mut back = Socket::json(server.address, "away");
    let diff = back.ask(json!({"type": "use", "object": "game/1", "cursor": [epoch, 2_000]}));
    assert_eq!((&diff["type"], &diff["from"], &diff["to"]), (&json!("diff"), &json!(2_000), &json!(2_500)));
    assert_eq!(diff["changes"].as_array().map(Vec::len), Some(500));
    let bytes = diff.to_string().len();
    println!("resumed after 500 changes with {bytes} bytes; the 2,000 slots had cost {whole}");
    assert!(bytes < 500 * 80, "{bytes} bytes for 500 small changes");
    let mut stranger = Socket::json(server.address, "stranger");
    let answer = stranger
        .ask(json!({"type": "use", "object": "game/1", "cursor": [epoch.as_u64().map(|e| e + 1), 2_000]}));
    assert_eq!(answer["type"], "snapshot", "another epoch");
}

/// The writer leaves and comes back with its old ids.
#[test]
fn a_retry_has_one_effect_and_one_answer() {
    let server = Server::dev(FAST);
    let mut follower = Socket::json(server.address, "follower");
    follower.ask(json!({"type": "use", "object": "game/1"}));
    let add = |id: u64| json!({"type": "write", "id": id, "object": "game/1", "ops": [{"op": "add", "slot": "n", "value": 1}]});
    for round in 0..3 {
        let mut writer = Socket::open(server.address, "slotcast.v1.json");
        writer.say(json!({"type": "hello", "user": "writer", "device": "d1"}));
        writer.hear();
        writer.ask(json!({"type": "use", "object": "game/1"}));
        for id in 1..=64 {
            writer.say(add(id));
        }
        let mut successes = 0;
        while successes < 64 {
            let message = writer.hear();
            if message["type"] == "success" {
                successes += 1;
                assert_eq!(
                    (&message["id"], &message["version"]),
                    (&json!(successes), &json!(successes)),
                    "round {round}"
                );
            }
        }
        if round == 2 {
            writer.say(add(65));
            writer.say(add(1));
            let reject = loop {
                let message = writer.hear();
                if message["type"] == "reject" {
                    break message;
                }
            };
            assert_eq!((&reject["id"], &reject["code"]), (&json!(1), &json!("answer_forgotten")));
        }
    }
    until(&mut follower, 65);
    let end = follower.ask(json!({"type": "use", "object": "game/1"}));
    assert_eq!(end["slots"][0]["value"], 65);
}

#[test]
fn a_fast_sender_is_read_slowly_and_loses_nothing() {
    let server = Server::dev("[limits]\nmessages_per_s = 200\nmessages_burst = 10\n");
    let mut ours = Socket::json(server.address, "ours");
    let start = std::time::Instant::now();
    for n in 0..100 {
        ours.say(json!({"type": "ping", "n": n}));
    }
    for n in 0..100 {
        assert_eq!(ours.hear()["n"], n);
    }
    assert!(
        start.elapsed() >= std::time::Duration::from_millis(400),
        "90 messages at 200 a second take 450 ms"
    );
}

/// What was outside the old view is in no diff from the old cursor.
#[test]
fn other_patterns_are_answered_by_a_snapshot() {
    let server = Server::dev(FAST);
    let mut ours = Socket::json(server.address, "ours");
    let narrow = ours.ask(json!({"type": "use", "object": "game/1", "slots": ["a*"]}));
    let epoch = narrow["epoch"].clone();
    ours.say(set("game/1", "b", json!(1)));
    ours.say(set("game/1", "a", json!(1)));
    until(&mut ours, 2);
    let wide = ours.ask(json!({"type": "use", "object": "game/1", "cursor": [epoch, 2, 0]}));
    assert_eq!(
        (&wide["type"], wide["slots"].as_array().map(Vec::len)),
        (&json!("snapshot"), Some(2)),
        "{wide}"
    );
    let same = ours.ask(json!({"type": "use", "object": "game/1", "cursor": [epoch, 2, 0]}));
    assert_eq!((&same["type"], &same["to"]), (&json!("diff"), &json!(2)), "{same}");
}
