//! Bad input: each row gets its code and the name of what was wrong; nothing else changes, and no other client notices.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use slotcast_protocol::Code;

use super::server::Server;
use super::socket::{BINARY, Frame, Socket, TEXT};

const CONFIG: &str = r#"
[limits]
objects = 3
slots = 6
messages_per_s = 100000
messages_burst = 100000
bytes_per_s = 1000000000

[kind.k]
clear = false
rules = { price = "max", secret = "server" }
"#;

/// A message, and the code and a part of the `what` that answer it. `k/used` is in use at version 1 with the slot `s`, which another
/// has written.
fn rows() -> Vec<(Value, &'static str, &'static str)> {
    let write = |op: Value| json!({"type": "write", "id": 7, "object": "k/used", "seen": 1, "ops": [op]});
    let mut deep = json!(1);
    (0..16).for_each(|_| deep = json!([deep]));
    vec![
        (json!([1, 2]), "bad_message", "object with a type"),
        (json!({"no": "type"}), "bad_field", "type"),
        (json!({"type": 5}), "bad_field", "type"),
        (json!({"type": "zap"}), "unknown_type", "zap"),
        (json!({"type": "hello"}), "hello_first", "hello"),
        (json!({"type": "use"}), "bad_field", "object"),
        (json!({"type": "use", "object": 5}), "bad_field", "object"),
        (json!({"type": "use", "object": "a/../b"}), "bad_name", "object"),
        (json!({"type": "use", "object": "k/x", "cursor": [1]}), "bad_field", "cursor"),
        (json!({"type": "use", "object": "k/x", "cursor": [1, -1]}), "bad_field", "cursor"),
        (json!({"type": "use", "object": "k/x", "slots": ["a*b"]}), "bad_name", "pattern"),
        (json!({"type": "use", "object": "k/x", "slots": vec!["a"; 17]}), "too_many", "17 patterns"),
        (json!({"type": "release", "object": "k/never"}), "not_used", "k/never"),
        (json!({"type": "fingerprint", "object": "k/never"}), "not_used", "k/never"),
        (json!({"type": "ping", "n": "x"}), "bad_field", "n:"),
        (json!({"type": "write", "id": 7, "object": "k/used"}), "bad_field", "ops"),
        (json!({"type": "write", "id": 7, "object": "k/used", "ops": []}), "bad_field", "ops"),
        (
            json!({"type": "write", "id": 7, "object": "k/never", "ops": [{"op": "clear"}]}),
            "not_used",
            "k/never",
        ),
        (
            json!({"type": "write", "id": 7, "object": "k/used", "epoch": 1, "ops": [{"op": "delete", "slot": "a"}]}),
            "wrong_epoch",
            "k/used",
        ),
        (
            json!({"type": "write", "id": 7, "object": "k/used", "seen": 99, "ops": [{"op": "delete", "slot": "a"}]}),
            "bad_field",
            "seen",
        ),
        (
            json!({"type": "write", "id": 7, "object": "k/used", "if": {"s": 9}, "ops": [{"op": "delete", "slot": "a"}]}),
            "conflict",
            "s",
        ),
        (
            json!({"type": "write", "id": 7, "object": "k/used", "if": {"*": 9}, "ops": [{"op": "clear"}]}),
            "bad_name",
            "slot",
        ),
        (
            json!({"type": "write", "id": 7, "object": "k/used", "seen": 0, "ops": [{"op": "set", "slot": "s", "value": 1}]}),
            "conflict",
            "s",
        ),
        (
            json!({"type": "write", "id": 7, "object": "k/used", "ops": vec![json!({"op": "delete", "slot": "a"}); 65]}),
            "too_many",
            "65 operations",
        ),
        (json!({"type": "write", "id": -7, "object": "k/used", "ops": [{"op": "clear"}]}), "bad_field", "id"),
        (write(json!({"op": "zap"})), "bad_field", "zap"),
        (write(json!({"op": "set", "slot": "", "value": 1})), "bad_name", "ops[0].slot"),
        (write(json!({"op": "set", "slot": "__proto__", "value": 1})), "bad_name", "ops[0].slot"),
        (write(json!({"op": "set", "slot": "a", "value": {"__proto__": 1}})), "bad_value", "__proto__"),
        (write(json!({"op": "set", "slot": "a", "value": deep})), "too_deep", "deeper than 16"),
        (write(json!({"op": "set", "slot": "a", "value": "x".repeat(32_768)})), "too_large", "32768"),
        (write(json!({"op": "set", "slot": "a", "value": 1, "ttl_ms": 0})), "bad_field", "ttl_ms"),
        (write(json!({"op": "set", "slot": "a", "value": {"$bin": "?"}})), "bad_value", "$bin"),
        (write(json!({"op": "add", "slot": "a", "value": "x"})), "bad_field", "value"),
        (write(json!({"op": "add", "slot": "s", "value": 1})), "wrong_type", "s:"),
        (write(json!({"op": "append", "slot": "s", "value": 1})), "wrong_type", "s:"),
        (write(json!({"op": "append", "slot": "l", "value": 1, "keep": 5000})), "bad_field", "keep"),
        (write(json!({"op": "patch", "slot": "s", "path": [], "value": 1})), "bad_field", "path"),
        (write(json!({"op": "patch", "slot": "s", "path": ["a"], "value": 1})), "wrong_type", "s:"),
        (
            write(json!({"op": "patch", "slot": "s", "path": ["constructor"], "value": 1})),
            "bad_value",
            "constructor",
        ),
        (write(json!({"op": "set", "slot": "price", "value": 1})), "wrong_rule", "price"),
        (write(json!({"op": "set", "slot": "secret", "value": 1})), "not_permitted", "secret"),
        (write(json!({"op": "set", "slot": "@other", "value": 1})), "not_permitted", "@other"),
        (write(json!({"op": "clear"})), "not_permitted", "clear"),
        (json!({"type": "send", "id": 7, "object": "k/used"}), "bad_field", "name"),
        (json!({"type": "send", "id": 7, "object": "k/used", "name": ""}), "bad_name", "name"),
        (json!({"type": "send", "id": 7, "object": "k/never", "name": "x"}), "not_used", "k/never"),
    ]
}

fn settled(server: &Server) -> (Socket, Socket) {
    let mut other = Socket::json(server.address, "other-writer");
    let mut ours = Socket::json(server.address, "ours");
    let used = json!({"type": "use", "object": "k/used"});
    assert_eq!(other.ask(used.clone())["type"], "snapshot");
    let set =
        json!({"type": "write", "object": "k/used", "ops": [{"op": "set", "slot": "s", "value": "text"}]});
    assert_eq!(other.ask(set)["type"], "success");
    assert_eq!(other.hear()["to"], 1);
    assert_eq!(ours.ask(used)["version"], 1);
    (ours, other)
}

#[test]
fn each_is_named_and_changes_nothing() {
    let server = Server::dev(CONFIG);
    let (mut ours, mut other) = settled(&server);
    for (number, (mut message, code, what)) in rows().into_iter().enumerate() {
        if message["id"] == 7 {
            message["id"] = json!(100 + number);
        }
        let kind = message["type"].as_str().unwrap_or("").to_owned();
        let answer = ours.ask(message.clone());
        let told = answer["what"].as_str().unwrap_or("");
        assert_eq!(
            (&answer["code"], told.contains(what)),
            (&json!(code), true),
            "{message} was answered by {answer}"
        );
        let wanted = if matches!(&*kind, "write" | "send") { "reject" } else { "error" };
        assert_eq!(answer["type"], wanted, "{message}");
        if message["id"].is_u64() {
            assert_eq!(answer["id"], message["id"], "{message}");
        }
    }
    assert_eq!(ours.ask(json!({"type": "use", "object": "k/used"}))["version"], 1, "nothing has changed");
    let last = json!({"type": "send", "object": "k/used", "name": "still-here"});
    assert_eq!(ours.ask(last)["type"], "success");
    assert_eq!(other.hear()["name"], "still-here", "the other client has noticed nothing before this");
}

#[test]
fn rejects_tell_the_winner() {
    let server = Server::dev(CONFIG);
    let (mut ours, _other) = settled(&server);
    let set = json!({"type": "write", "object": "k/used", "seen": 0, "ops": [{"op": "set", "slot": "s", "value": 1}]});
    let winner = json!([{"slot": "s", "version": 1, "by": "other-writer", "value": "text"}]);
    assert_eq!(ours.ask(set)["winners"], winner);
}

#[test]
fn too_many_objects_slots_and_sessions() {
    let server = Server::dev(CONFIG);
    let mut ours = Socket::json(server.address, "ours");
    for name in ["k/1", "k/2", "k/3"] {
        assert_eq!(ours.ask(json!({"type": "use", "object": name}))["type"], "snapshot");
    }
    assert_eq!(ours.ask(json!({"type": "use", "object": "k/4"}))["code"], "too_many");
    let ops: Vec<Value> = (0..7).map(|n| json!({"op": "set", "slot": format!("s{n}"), "value": n})).collect();
    let answer = ours.ask(json!({"type": "write", "object": "k/1", "ops": ops}));
    assert_eq!(answer["code"], "too_many");
    assert_eq!(
        ours.ask(json!({"type": "use", "object": "k/1"}))["slots"],
        json!([]),
        "none of the seven was set"
    );
}

#[test]
fn binary_messages_that_are_no_messages() {
    let server = Server::dev(CONFIG);
    let mut ours = Socket::open(server.address, "slotcast.v1.msgpack");
    ours.frame(BINARY, &[0x94, 1, 0xc0, 0xc0, 0xa4, b'o', b'u', b'r', b's']);
    assert!(matches!(ours.next(), Frame::Binary(_)));
    let deep = [vec![0x93, 3, 0xa1, b'a'], vec![0x91; 100_000]].concat();
    let rows: Vec<(Vec<u8>, Code)> = vec![
        (vec![], Code::BadMessage),
        (vec![0xc1], Code::BadMessage),
        (vec![0x92, 3], Code::BadMessage),
        (vec![0x92, 3, 0xd9, 0xff, b'a'], Code::BadMessage),
        (vec![0x92, 3, 0xa1, 0xff], Code::BadMessage),
        (vec![0xdd, 0xff, 0xff, 0xff, 0xff, 3], Code::BadMessage),
        (vec![0x91, 3, 0], Code::BadMessage),
        (vec![0x91, 99], Code::UnknownType),
        (vec![0x92, 3, 0xd4, 0, 0], Code::BadValue),
        (deep[..60_000].to_vec(), Code::TooDeep),
    ];
    for (message, code) in rows {
        ours.frame(BINARY, &message);
        let Frame::Binary(answer) = ours.next() else { panic!("no answer to {message:x?}") };
        let text = String::from_utf8_lossy(&answer).into_owned();
        assert!(
            text.contains(code.name()),
            "{:x?} was answered by {text}",
            &message[..message.len().min(16)]
        );
    }
}

#[test]
fn json_that_is_no_json() {
    let server = Server::dev(CONFIG);
    let mut ours = Socket::json(server.address, "ours");
    for text in ["", "{", "{\"type\":", "[[[[", "nul", "{\"type\":\"ping\"} x", &"[".repeat(60_000)] {
        ours.frame(TEXT, text.as_bytes());
        assert_eq!(ours.hear()["code"], "bad_message", "{}", &text[..text.len().min(20)]);
    }
}

/// The rows here, those that other tests of this folder (`relay_refusals` among them) and of `restart` meet, and no code is left over.
#[test]
fn every_code_is_met() {
    let here: BTreeSet<&str> = rows().iter().map(|(_, code, _)| *code).collect();
    let elsewhere = ["unauthorized", "answer_forgotten", "storage_full", "storage_damaged", "unavailable"];
    let relay = ["unknown_user", "inbox_full", "too_fast"];
    // No door speaks of rosters yet.
    let roster = ["no_friend", "no_request"];
    // `http` meets them.
    let http = ["gone", "out_of_order"];
    let elsewhere = [&elsewhere[..], &relay, &roster, &http].concat();
    for code in Code::ALL {
        assert!(here.contains(code.name()) || elsewhere.contains(&code.name()), "no test meets {code}");
    }
}
