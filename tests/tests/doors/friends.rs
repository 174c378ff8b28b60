//! Friends, blocks and statuses on the relay, over real sockets.

use serde_json::{Value, json};

use super::server::{Launch, Server};
use super::socket::{Frame, PONG, Socket};
use slotcast_tests::real::folder::TempFolder;
use slotcast_tests::real::friends::Friends;

/// Servers that keep the lists in memory and on the disk, and one whose lists a service keeps.
fn wherever_lists_are(relay: &str, story: impl Fn(&Server)) {
    let limits = "[limits]\nstatus_ms = 1\n";
    story(&Server::dev(&format!("{limits}[relay]\n{relay}")));
    let folder = TempFolder::new("friends");
    let disk = format!("{limits}[relay]\ndurability = \"disk\"\n{relay}");
    story(&Launch::dev(&disk).data(folder.path()).start());
    let service = Friends::start();
    story(&Server::dev(&format!("{limits}[relay]\n{relay}\n{}", service.config())));
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

/// One who is told the list and how everyone is, whichever comes first.
fn come(server: &Server, user: &str, device: &str) -> Socket {
    let mut socket = Socket::relay(server.address, user, device);
    socket.say(json!({"type": "friends"}));
    socket
}

/// One who watches.
fn watch(server: &Server, user: &str, device: &str) -> (Socket, Value) {
    let mut socket = come(server, user, device);
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
    wherever_lists_are("policy = \"friends\"", |server| {
        let mut alice = Socket::relay(server.address, "alice", "phone");
        assert_eq!(tell(&mut alice, 1, "bob"), "not_permitted");
        drop(alice);
        let (mut alice, mut bob) = friends(server);
        assert_eq!(tell(&mut alice, 2, "bob"), "stored");
        assert_eq!(tell(&mut bob, 2, "alice"), "stored");
        assert_eq!(edit(&mut bob, 3, "remove", "alice"), "edited");
        assert_eq!(tell(&mut alice, 4, "bob"), "not_permitted", "the edit was called done");
        // Her own list follows: who leaves is not let in either.
        assert!((5..100).any(|id| tell(&mut bob, id, "alice") == "not_permitted"));
    });
}

#[test]
fn who_is_blocked_is_not_heard_and_sees_nothing() {
    wherever_lists_are("", |server| {
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
    wherever_lists_are("", |server| {
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
        let mut bob = come(server, "bob", "pad");
        assert_eq!(state(&mut bob, "alice", "offline"), gone);
    });
}

/// Nothing happens beside but that the time has come.
#[test]
fn a_status_that_had_to_wait_is_told() {
    let server = Server::dev("[limits]\nstatus_ms = 1\nstatuses_per_s = 10");
    let (mut alice, mut bob) = friends(&server);
    for word in ["online", "away", "busy", "online"] {
        alice.say(json!({"type": "status", "state": word}));
        state(&mut bob, "alice", word);
    }
}

#[test]
fn invisible_looks_exactly_like_offline() {
    wherever_lists_are("", |server| {
        let (mut alice, mut bob) = friends(server);
        alice.say(json!({"type": "status", "state": "online", "body": "hello"}));
        state(&mut bob, "alice", "online");
        alice.say(json!({"type": "status", "state": "invisible", "body": "psst"}));
        let gone = state(&mut bob, "alice", "offline");
        assert_eq!(gone["body"], Value::Null);
        let own = state(&mut alice, "alice", "invisible");
        assert_eq!((&own["body"], &own["since_ms"]), (&json!("psst"), &gone["since_ms"]));
        drop(bob);
        let mut bob = come(server, "bob", "pad");
        assert_eq!(state(&mut bob, "alice", "offline"), gone);
        drop(alice);
        drop(bob);
        let mut bob = come(server, "bob", "pad");
        assert_eq!(state(&mut bob, "alice", "offline"), gone, "nothing tells that she has left since");
    });
}

#[test]
fn a_tag_tells_who_is_behind() {
    wherever_lists_are("", |server| {
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

/// A service that is slow, and one that is down, delay or refuse what needs it, and nothing else; what is at hand is served as long as its lease lasts.
#[test]
fn a_service_that_is_slow_or_down() {
    let service = Friends::start();
    let server = Server::dev(&format!("[relay]\npolicy = \"friends\"\n{}", service.config()));
    let (mut alice, _bob) = friends(&server);
    assert_eq!(tell(&mut alice, 2, "bob"), "stored");
    service.control(&json!({"delay_ms": 300}));
    assert_eq!(tell(&mut alice, 3, "bob"), "stored", "at hand");
    assert_eq!(tell(&mut alice, 4, "carol"), "not_permitted", "after a while");
    service.control(&json!({"delay_ms": 0, "status": 500}));
    assert_eq!(tell(&mut alice, 5, "bob"), "stored", "at hand");
    assert_eq!(tell(&mut alice, 6, "dave"), "unavailable");
    assert_eq!(edit(&mut alice, 7, "ask", "dave"), "unavailable");
    service.control(&json!({"status": null}));
    assert_eq!(tell(&mut alice, 6, "dave"), "not_permitted", "the same message again");
    assert_eq!(edit(&mut alice, 8, "ask", "dave"), "edited");
}

/// Revoking edits that wait for a home elsewhere hold up no one but who edits.
#[test]
fn a_service_that_lets_edits_wait() {
    let service = Friends::start();
    let server = Server::dev(&format!("[relay]\npolicy = \"friends\"\n{}", service.config()));
    service.fetch_elsewhere("alice");
    let mut alice = Socket::relay(server.address, "alice", "phone");
    for id in 0..90 {
        alice.say(json!({"type": "edit", "id": id, "edit": "block", "user": format!("troll-{id}")}));
    }
    alice.say(json!({"type": "ping", "n": 1}));
    assert_eq!(alice.hear()["type"], "pong", "all of them were read, and none is done");
    let mut bob = Socket::relay(server.address, "bob", "pad");
    assert_eq!(tell(&mut bob, 1, "carol"), "not_permitted", "the list was asked for and came");
}

/// A replica that lags: what was called done is not undone by an older list, however often it is told.
#[test]
fn a_service_that_answers_with_older_lists() {
    let service = Friends::start();
    let server = Server::dev(&format!("[relay]\npolicy = \"friends\"\n{}", service.config()));
    let (mut alice, mut bob) = friends(&server);
    assert_eq!(tell(&mut alice, 2, "bob"), "stored");
    service.control(&json!({"lag": true}));
    assert_eq!(edit(&mut bob, 3, "block", "alice"), "edited");
    assert_eq!(tell(&mut alice, 4, "bob"), "unavailable", "the old list, which lets her in, is not served");
    service.control(&json!({"lag": null}));
    assert_eq!(tell(&mut alice, 5, "bob"), "not_permitted");
}

#[test]
fn a_service_that_does_not_know_the_key() {
    let service = Friends::start();
    let config = service.config().replace("the key of this server", "the key of another one");
    let server = Server::dev(&format!("[relay]\npolicy = \"friends\"\n{config}"));
    let mut alice = Socket::relay(server.address, "alice", "phone");
    assert_eq!(tell(&mut alice, 1, "bob"), "unavailable");
    assert!(server.said().contains("401"), "the operator is told: {}", server.said());
}

/// Whoever is lost without a word is no ghost for longer than a ping and the wait for its answer; who is there answers.
#[test]
fn who_is_lost_is_seen_to_be_gone() {
    let (ping_ms, pong_ms) = (1_000, 1_000);
    let limits = format!("[limits]\nping_ms = {ping_ms}\npong_ms = {pong_ms}\n");
    let server = Server::dev(&limits);
    let (mut lost, mut bob) = friends(&server);
    lost.say(json!({"type": "status", "state": "online"}));
    state(&mut bob, "alice", "online");
    let seen = std::time::Instant::now();
    loop {
        match bob.next() {
            Frame::Ping => bob.frame(PONG, &[]),
            Frame::Text(text) if text.contains("\"offline\"") => break,
            Frame::Text(_) => {}
            other => panic!("{other:?} for one who answers"),
        }
    }
    // The wheel turns once a second, and what is new is told once in `status_ms`.
    let bound_ms = ping_ms + pong_ms + 2 * 1_000 + 1_000;
    println!(
        "a ghost for {} ms, {bound_ms} ms at the most where nothing else is late",
        seen.elapsed().as_millis()
    );
}

/// Who does not read is not told each change, though another device is; the server keeps none for him, and he has the newest when he reads on.
#[test]
fn who_reads_slowly_costs_little_and_sees_the_present() {
    const STATUSES: u64 = 600;
    const LETTERS: usize = 50_000;
    let limits = "status_ms = 1\nstatus_bytes = 60000\nmessages_per_s = 100000\nmessages_burst = 100000\nbytes_per_s = 1000000000";
    let server = Server::dev(&format!("[limits]\n{limits}"));
    let (mut alice, mut bob) = friends(&server);
    let (mut desk, _) = watch(&server, "bob", "desk");
    let long = "x".repeat(LETTERS);
    let number_of = |status: &Value| {
        let body = status["body"].as_str().expect("a text");
        body.trim_end_matches('x').parse::<u64>().expect("a number")
    };
    for number in 1..=STATUSES {
        alice.say(json!({"type": "status", "state": "online", "body": format!("{number}{long}")}));
        assert_eq!(
            number_of(&state(&mut alice, "alice", "online")),
            number,
            "she reads: who does not is not read"
        );
        assert_eq!(number_of(&state(&mut desk, "alice", "online")), number);
    }
    let (mut told, mut newest) = (0, 0);
    while newest < STATUSES {
        let number = number_of(&state(&mut bob, "alice", "online"));
        assert!(number >= newest, "{number} after {newest}");
        (told, newest) = (told + 1, number);
    }
    println!("told {told} of {STATUSES}");
    assert!(told < STATUSES / 4, "what his socket held, and the newest: {told}");
}
