//! What the relay refuses, and why; nothing else changes.

use serde_json::{Value, json};

use super::server::Server;
use super::socket::Socket;

fn tell(id: u64, to: &str, body: Value) -> Value {
    json!({"type": "tell", "id": id, "to": to, "body": body})
}

fn refusal(answer: &Value) -> (&str, &str) {
    assert!(matches!(answer["type"].as_str(), Some("refused" | "error")), "{answer}");
    (answer["code"].as_str().expect("a code"), answer["what"].as_str().expect("a what"))
}

#[test]
fn each_refusal_names_what_was_wrong() {
    let server = Server::dev("[limits]\ntell_bytes = 64\n");
    let mut alice = Socket::relay(server.address, "alice", "phone");
    let mut deep = json!(1);
    (0..16).for_each(|_| deep = json!([deep]));
    let rows = [
        (json!({"type": "hello"}), "hello_first", "hello"),
        (json!({"type": "use", "object": "a"}), "unknown_type", "use"),
        (json!({"type": "open", "seq": 1}), "bad_field", "epoch"),
        (json!({"type": "ack", "seq": 1}), "bad_field", "seq"),
        (json!({"type": "read", "user": "bob", "seq": 1}), "bad_field", "seq"),
        (json!({"type": "tell", "to": "bob", "body": 1}), "bad_field", "id"),
        (tell(1, "@bob", json!(1)), "bad_name", "user"),
        (tell(1, "bob", json!("x".repeat(64))), "too_large", "body"),
        (tell(1, "bob", deep), "too_deep", "value"),
        (json!({"type": "signal", "id": 9, "to": "bob", "body": 1}), "bad_field", "kind"),
    ];
    for (message, code, what) in rows {
        let answer = alice.ask(message.clone());
        let (told, why) = refusal(&answer);
        assert!(told == code && why.contains(what), "{message} was answered by {answer}");
        if message["id"].is_u64() {
            assert_eq!((&answer["type"], &answer["id"]), (&json!("refused"), &message["id"]), "{message}");
        }
    }
    assert_eq!(alice.ask(tell(1, "bob", json!("x")))["at"], 1, "nothing was stored before");
}

#[test]
fn an_inbox_that_is_full_refuses_its_sender() {
    let server = Server::dev("[limits]\ninbox_per_sender = 2\ninbox_messages = 3\n");
    let mut alice = Socket::relay(server.address, "alice", "phone");
    let mut carol = Socket::relay(server.address, "carol", "phone");
    for id in 1..=2 {
        assert_eq!(alice.ask(tell(id, "bob", json!(id)))["at"], id);
    }
    let refused = alice.ask(tell(3, "bob", json!(3)));
    assert_eq!(refusal(&refused), ("inbox_full", "to: inbox_per_sender is reached"));
    assert_eq!(carol.ask(tell(1, "bob", json!(1)))["at"], 3, "others still get through");
    assert_eq!(refusal(&carol.ask(tell(2, "bob", json!(2)))).1, "to: inbox_messages is reached");
    let mut bob = Socket::relay(server.address, "bob", "pad");
    bob.say(json!({"type": "open"}));
    for kind in ["inbox", "message", "message", "message", "current"] {
        assert_eq!(bob.hear()["type"], kind);
    }
    bob.say(json!({"type": "ack", "seq": 3}));
    assert_eq!(bob.ask(json!({"type": "ping"}))["type"], "pong");
    assert_eq!(alice.ask(tell(3, "bob", json!(3))), refused, "the first answer to an id is its answer");
    assert_eq!(alice.ask(tell(4, "bob", json!(4)))["at"], 4);
}

#[test]
fn too_fast() {
    let server = Server::dev("[limits]\ntells_per_s = 10\ntells_burst = 3\n");
    let mut alice = Socket::relay(server.address, "alice", "phone");
    for id in 1..=3 {
        assert_eq!(alice.ask(tell(id, "bob", json!(id)))["type"], "stored");
    }
    let refused = alice.ask(tell(4, "bob", json!(4)));
    assert_eq!(refusal(&refused).0, "too_fast");
    let retry_ms = refused["retry_ms"].as_u64().expect("it says when");
    assert!((1..=100).contains(&retry_ms), "{retry_ms}");
    let answer = loop {
        let answer = alice.ask(tell(4, "bob", json!(4)));
        if answer["type"] == "stored" {
            break answer;
        }
    };
    assert_eq!(answer["at"], 4, "the same id, a little later");
}

#[test]
fn users_who_are_not_there() {
    let token = |user: &str| format!("{user}-0123456789abcdef");
    let users = format!("[users]\nalice = \"{}\"\nbob = \"{}\"\n", token("alice"), token("bob"));
    let enter = |server: &Server, user: &str| {
        let mut socket = Socket::open(server.address, "slotcast.relay.v1.json");
        socket.say(json!({"type": "hello", "token": token(user), "device": "d"}));
        assert_eq!(socket.hear()["user"], user);
        socket
    };
    let server = Server::start(&[], &users);
    let mut alice = enter(&server, "alice");
    assert_eq!(refusal(&alice.ask(tell(1, "nobody", json!(1)))).0, "unknown_user");
    assert_eq!(alice.ask(tell(2, "bob", json!(1)))["at"], 1);
    let server = Server::start(&[], &format!("{users}\n[relay]\npolicy = \"shared-object\"\n"));
    let mut alice = enter(&server, "alice");
    let stranger = alice.ask(tell(1, "nobody", json!(1)));
    assert_eq!(refusal(&stranger), ("not_permitted", "to: nobody does not take this"));
    assert_eq!(
        refusal(&alice.ask(tell(2, "bob", json!(1)))),
        ("not_permitted", "to: bob does not take this")
    );
}

#[test]
fn only_who_shares_an_object() {
    let server = Server::dev("[relay]\npolicy = \"shared-object\"\n");
    let mut alice = Socket::relay(server.address, "alice", "phone");
    let (mut here, mut there) = (Socket::json(server.address, "alice"), Socket::json(server.address, "bob"));
    let follow = |socket: &mut Socket, kind: &str, object: &str| {
        socket.ask(json!({"type": kind, "object": object}));
    };
    follow(&mut here, "use", "room/1");
    follow(&mut there, "use", "room/2");
    assert_eq!(refusal(&alice.ask(tell(1, "bob", json!(1)))).0, "not_permitted");
    let signal = json!({"type": "signal", "id": 5, "to": "bob", "kind": "typing"});
    let mut bob = Socket::relay(server.address, "bob", "pad");
    assert_eq!(bob.ask(json!({"type": "open"}))["type"], "inbox");
    assert_eq!(refusal(&alice.ask(signal)).0, "not_permitted");
    follow(&mut there, "use", "room/1");
    assert_eq!(alice.ask(tell(2, "bob", json!(2)))["type"], "stored");
    follow(&mut there, "release", "room/1");
    assert_eq!(refusal(&alice.ask(tell(3, "bob", json!(3)))).0, "not_permitted");
}
