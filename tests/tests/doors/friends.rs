//! Friends, blocks and statuses on the relay, over real sockets.

use serde_json::{Value, json};

use super::server::{Launch, Server};
use super::socket::Socket;
use slotcast_tests::real::folder::TempFolder;

/// A server of each class, and the folder of the one that needs it.
fn both_classes(relay: &str, story: impl Fn(&Server)) {
    story(&Server::dev(&format!("[limits]\nstatus_ms = 1\n[relay]\n{relay}")));
    let folder = TempFolder::new("friends");
    let config = format!("[limits]\nstatus_ms = 1\n[relay]\ndurability = \"disk\"\n{relay}");
    story(&Launch::dev(&config).data(folder.path()).start());
}

/// What comes next of this type; what else comes is passed over.
fn next(socket: &mut Socket, kind: &str) -> Value {
    loop {
        let event = socket.hear();
        if event["type"] == kind {
            return event;
        }
        assert_ne!(event["type"], "error", "while waiting for {kind}: {event}");
    }
}

/// One who watches.
fn watch(server: &Server, user: &str, device: &str) -> (Socket, Value) {
    let mut socket = Socket::relay(server.address, user, device);
    socket.say(json!({"type": "friends"}));
    let roster = next(&mut socket, "roster");
    (socket, roster)
}

fn edit(socket: &mut Socket, id: u64, edit: &str, user: &str) -> Value {
    socket.say(json!({"type": "edit", "id": id, "edit": edit, "user": user}));
    answer(socket, id)
}

fn tell(socket: &mut Socket, id: u64, to: &str) -> Value {
    socket.say(json!({"type": "tell", "id": id, "to": to, "body": "hi"}));
    answer(socket, id)
}

/// `edited`, `stored`, or the code of a refusal.
fn answer(socket: &mut Socket, id: u64) -> Value {
    loop {
        let event = socket.hear();
        if event["id"] == id {
            return if event["type"] == "refused" { event["code"].clone() } else { event["type"].clone() };
        }
    }
}

/// What the list says of someone once it says this of them.
fn person(socket: &mut Socket, roster: &mut Value, user: &str, is: impl Fn(&Value) -> bool) -> Value {
    loop {
        let people = roster["people"].as_array().expect("people");
        if let Some(person) = people.iter().find(|person| person["user"] == user && is(person)) {
            return person.clone();
        }
        next(socket, "stale");
        socket.say(json!({"type": "friends", "have": roster["tag"]}));
        *roster = next(socket, "roster");
    }
}

/// How someone is, once it is so.
fn state(socket: &mut Socket, user: &str, state: &str) -> Value {
    loop {
        let presence = next(socket, "presence");
        let people = presence["people"].as_array().expect("people");
        if let Some(found) = people.iter().find(|row| row["user"] == user && row["state"] == state) {
            return found.clone();
        }
    }
}

/// Two who have found each other.
fn friends(server: &Server) -> (Socket, Socket) {
    let (mut alice, mut hers) = watch(server, "alice", "phone");
    let (mut bob, mut his) = watch(server, "bob", "pad");
    assert_eq!(edit(&mut alice, 1, "ask", "bob"), "edited");
    person(&mut bob, &mut his, "alice", |person| person["asks"] == true);
    assert_eq!(edit(&mut bob, 1, "accept", "alice"), "edited");
    person(&mut alice, &mut hers, "bob", |person| person["sub"] == "both");
    (alice, bob)
}

#[test]
fn strangers_become_friends_and_part() {
    both_classes("policy = \"friends\"", |server| {
        let mut alice = Socket::relay(server.address, "alice", "phone");
        assert_eq!(tell(&mut alice, 1, "bob"), "not_permitted");
        drop(alice);
        let (mut alice, mut bob) = friends(server);
        assert_eq!(tell(&mut alice, 2, "bob"), "stored");
        assert_eq!(tell(&mut bob, 2, "alice"), "stored");
        assert_eq!(edit(&mut bob, 3, "remove", "alice"), "edited");
        assert_eq!(tell(&mut alice, 4, "bob"), "not_permitted", "the edit was called done");
        assert_eq!(tell(&mut bob, 4, "alice"), "not_permitted", "who leaves is not let in either");
    });
}

#[test]
fn who_is_blocked_is_not_heard_and_sees_nothing() {
    both_classes("", |server| {
        let (mut alice, mut bob) = friends(server);
        // What he says goes another way than what he is told.
        let mut desk = Socket::relay(server.address, "bob", "desk");
        alice.say(json!({"type": "status", "state": "online"}));
        state(&mut bob, "alice", "online");
        assert_eq!(tell(&mut desk, 2, "alice"), "stored");
        assert_eq!(edit(&mut alice, 3, "block", "bob"), "edited");
        assert_eq!(tell(&mut desk, 4, "alice"), "not_permitted");
        let gone = state(&mut bob, "alice", "offline");
        assert_eq!(gone["since_ms"], Value::Null);
        assert_eq!(edit(&mut alice, 5, "unblock", "bob"), "edited");
        assert_eq!(tell(&mut desk, 6, "alice"), "stored");
        state(&mut bob, "alice", "online");
    });
}

#[test]
fn one_status_out_of_several_devices() {
    both_classes("", |server| {
        let (mut phone, mut bob) = friends(server);
        let mut laptop = Socket::relay(server.address, "alice", "laptop");
        phone.say(json!({"type": "status", "state": "away"}));
        state(&mut bob, "alice", "away");
        laptop.say(json!({"type": "status", "state": "online", "body": "at the desk"}));
        assert_eq!(state(&mut bob, "alice", "online")["body"], "at the desk");
        phone.say(json!({"type": "status", "state": "busy"}));
        state(&mut bob, "alice", "busy");
        // Closed, and so at once not busy any more.
        drop(phone);
        assert_eq!(state(&mut bob, "alice", "online")["body"], "at the desk");
        drop(laptop);
        let gone = state(&mut bob, "alice", "offline");
        assert!(gone["since_ms"].as_u64().is_some(), "{gone}");
        // Who comes later is told when alice was seen last.
        drop(bob);
        let (mut bob, _) = watch(server, "bob", "pad");
        assert_eq!(state(&mut bob, "alice", "offline"), gone);
    });
}

#[test]
fn invisible_looks_exactly_like_offline() {
    both_classes("", |server| {
        let (mut alice, mut bob) = friends(server);
        alice.say(json!({"type": "status", "state": "online", "body": "hello"}));
        state(&mut bob, "alice", "online");
        alice.say(json!({"type": "status", "state": "invisible", "body": "psst"}));
        let gone = state(&mut bob, "alice", "offline");
        assert_eq!(gone["body"], Value::Null);
        let own = state(&mut alice, "alice", "invisible");
        assert_eq!((&own["body"], &own["since_ms"]), (&json!("psst"), &gone["since_ms"]));
        drop(bob);
        let (mut bob, _) = watch(server, "bob", "pad");
        assert_eq!(state(&mut bob, "alice", "offline"), gone);
        drop(alice);
        drop(bob);
        let (mut bob, _) = watch(server, "bob", "pad");
        assert_eq!(state(&mut bob, "alice", "offline"), gone, "nothing tells that she has left since");
    });
}

#[test]
fn a_tag_tells_who_is_behind() {
    both_classes("", |server| {
        let (mut alice, mut bob) = friends(server);
        drop(alice);
        let (mut now, roster) = watch(server, "alice", "phone");
        let tag = roster["tag"].as_str().expect("a tag").to_owned();
        now.say(json!({"type": "friends", "have": tag}));
        let same = next(&mut now, "roster");
        assert_eq!((&same["tag"], &same["people"]), (&roster["tag"], &json!([])));
        assert_eq!(same["from"].as_u64(), tag.split('.').nth(1).and_then(|rev| rev.parse().ok()));
        // Someone else's phone, which claims what never was.
        alice = Socket::relay(server.address, "alice", "old phone".replace(' ', "-").as_str());
        let parts: Vec<&str> = tag.split('.').collect();
        let ahead = format!("{}.{}.{}", parts[0], u64::MAX, parts[2]);
        alice.say(json!({"type": "tell", "id": 1, "to": "bob", "body": 1, "have": ahead}));
        assert_eq!(next(&mut alice, "stale"), json!({"type": "stale", "full": true}));
        alice.say(json!({"type": "tell", "id": 2, "to": "bob", "body": 1, "have": tag}));
        assert_eq!(answer(&mut alice, 2), "stored");
        assert_eq!(edit(&mut alice, 3, "remove", "bob"), "edited");
        alice.say(json!({"type": "tell", "id": 4, "to": "bob", "body": 1, "have": tag}));
        assert_eq!(next(&mut alice, "stale"), json!({"type": "stale", "full": false}));
        next(&mut bob, "stale");
    });
}

#[test]
fn what_cannot_be_is_refused_and_named() {
    let server = Server::dev("[limits]\nfriends = 1\ntells_per_s = 1\ntells_burst = 4");
    let (mut alice, _) = watch(&server, "alice", "phone");
    assert_eq!(edit(&mut alice, 1, "accept", "bob"), "no_request");
    assert_eq!(edit(&mut alice, 2, "ask", "alice"), "bad_name");
    assert_eq!(edit(&mut alice, 3, "ask", "bob"), "edited");
    assert_eq!(edit(&mut alice, 4, "ask", "carol"), "too_many");
    alice.say(json!({"type": "edit", "id": 5, "edit": "alias", "user": "bob", "value": "Bob"}));
    let refused = next(&mut alice, "refused");
    assert_eq!((&refused["code"], &refused["id"]), (&json!("too_fast"), &json!(5)));
    assert!(refused["retry_ms"].as_u64().is_some_and(|ms| (1..=1_000).contains(&ms)), "{refused}");
    let mut zoe = Socket::relay(server.address, "zoe\u{308}", "phone");
    zoe.say(json!({"type": "friends"}));
    assert_eq!(zoe.hear()["code"], "bad_name", "a name that is not in NFC owns no list");
}
