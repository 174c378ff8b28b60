//! Signed tokens at the doors: rights, renewal, the end, users who are shut out, tickets.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use slotcast_tests::real::folder::TempFolder;

use super::server::{Server, binary};
use super::socket::{Socket, read_all};

const OBJECTS: &str = "slotcast.v1.json";
const RELAY: &str = "slotcast.relay.v1.json";
const PAGE: &str = "https://shop.example";

const KINDS: &str = r#"
[kind.auction]
rules = { "*" = "last" }
write = ["bidder", "auctioneer"]
send = ["auctioneer"]
hidden = { "reserve" = ["auctioneer"], "note.*" = ["auctioneer", "clerk"] }

[kind.staff]
read = ["auctioneer"]
"#;

/// A server that trusts a key of ours.
struct House {
    folder: TempFolder,
    server: Server,
}

impl House {
    fn new() -> House {
        let folder = TempFolder::new("tokens");
        put_key(&folder, "HS256");
        fs::write(folder.join("revoked.txt"), "").expect("the folder can be written to");
        let server = Server::start(&[], &config(&folder));
        fs::write(folder.join("slotcast.toml"), config(&folder)).expect("the folder can be written to");
        House { folder, server }
    }

    /// As `slotcast token` prints it.
    fn token(&self, arguments: &str) -> String {
        let config = self.folder.join("slotcast.toml");
        let arguments = arguments.split_whitespace();
        printed(Command::new(binary()).arg("token").arg("--config").arg(config).args(arguments))
    }

    fn hello(&self, door: &str, token: &str) -> (Socket, Value) {
        let mut socket = Socket::open(self.server.address, door);
        let welcome = socket.ask(json!({"type": "hello", "token": token}));
        (socket, welcome)
    }

    fn enter(&self, arguments: &str) -> Socket {
        let (socket, welcome) = self.hello(OBJECTS, &self.token(arguments));
        assert_eq!(welcome["type"], "welcome", "{arguments}: {welcome}");
        socket
    }

    fn shut_out(&self, lines: &str) {
        fs::write(self.folder.join("revoked.txt"), lines).expect("the folder can be written to");
    }

    /// The body of the answer to `POST /v1/tickets`, and its status.
    fn ticket(&self, token: &str, origin: &str) -> (String, Value) {
        let head = format!(
            "POST /v1/tickets HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\
             Authorization: Bearer {token}\r\nOrigin: {origin}\r\n\r\n"
        );
        let answer = read_all(self.server.address, head.as_bytes());
        let status = answer.split(' ').nth(1).unwrap_or_default().to_owned();
        let body = answer.split("\r\n\r\n").nth(1).unwrap_or_default();
        (status, serde_json::from_str(body).unwrap_or(Value::Null))
    }
}

fn config(folder: &TempFolder) -> String {
    let path = |name| folder.join(name).to_string_lossy().into_owned();
    let auth = format!(
        "origins = [\"{PAGE}\", \"https://other.example\"]\n[auth]\njwks = \"{}\"\nissuer = \"https://id.example\"\n\
         audience = \"slotcast\"\nrevoked = \"{}\"\n",
        path("keys.json"),
        path("revoked.txt"),
    );
    auth + KINDS
}

fn put_key(folder: &TempFolder, algorithm: &str) {
    let path = folder.join("keys.json");
    let key = printed(Command::new(binary()).args(["key", "--alg", algorithm]));
    fs::write(&path, key).expect("the folder can be written to");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("it is our file");
}

fn printed(command: &mut Command) -> String {
    let output = command.output().expect("the binary is built before the tests");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("it prints text").trim().to_owned()
}

fn follow(object: &str) -> Value {
    json!({"type": "use", "object": object})
}

fn set(id: u64, slot: &str, value: Value) -> Value {
    json!({"type": "write", "id": id, "object": "auction/1", "ops": [{"op": "set", "slot": slot, "value": value}]})
}

#[test]
fn what_roles_and_objects_allow() {
    let house = House::new();
    let mut sockets = [
        house.enter("--user guest"),
        house.enter("--user bob --role bidder"),
        house.enter("--user alice --role auctioneer"),
        house.enter("--user carol --role bidder --read auction/* --write auction/2"),
    ];
    let [guest, bidder, boss, narrow] = [0, 1, 2, 3];
    for socket in &mut sockets {
        assert_eq!(socket.ask(follow("auction/1"))["type"], "snapshot");
    }
    let send = json!({"type": "send", "id": 2, "object": "auction/1", "name": "x"});
    let rows = [
        (guest, follow("staff/1"), "error", "not this session's to read"),
        (guest, set(1, "price", json!(1)), "reject", "not this session's to write"),
        (bidder, send, "reject", "not this session's to send"),
        (narrow, set(1, "price", json!(1)), "reject", "not this session's to write"),
        (narrow, follow("chat/1"), "error", "not this session's to read"),
        (bidder, set(3, "reserve", json!(1)), "reject", "reserve: is hidden"),
    ];
    for (who, message, kind, what) in rows {
        let answer = sockets[who].ask(message.clone());
        let told = answer["what"].as_str().unwrap_or_default();
        assert_eq!((&answer["type"], &answer["code"]), (&json!(kind), &json!("not_permitted")), "{message}");
        assert!(told.contains(what), "{message}: {told}");
    }
    assert_eq!(sockets[boss].ask(follow("staff/1"))["type"], "snapshot");
    assert_eq!(sockets[bidder].ask(set(4, "price", json!(50)))["type"], "success");
    assert_eq!(sockets[narrow].hear()["changes"][0]["value"], 50);
}

#[test]
fn what_is_hidden_is_told_to_no_one_else() {
    let house = House::new();
    let mut boss = house.enter("--user alice --role auctioneer");
    let mut clerk = house.enter("--user clara --role clerk");
    let mut bidder = house.enter("--user bob --role bidder");
    for socket in [&mut boss, &mut clerk, &mut bidder] {
        assert_eq!(socket.ask(follow("auction/1"))["type"], "snapshot");
    }
    for (id, slot) in [(1, "reserve"), (2, "note.1"), (3, "price")] {
        assert_eq!(boss.ask(set(id, slot, json!("secret")))["type"], "success");
        assert_eq!(boss.hear()["changes"][0]["slot"], slot);
    }
    assert_eq!(clerk.hear()["changes"][0]["slot"], "note.1");
    assert_eq!(clerk.hear()["changes"][0]["slot"], "price");
    let told = bidder.hear();
    assert_eq!(
        (&told["from"], &told["to"], &told["changes"][0]["slot"]),
        (&json!(0), &json!(3), &json!("price"))
    );
    let mut late = house.enter("--user zoe --role bidder");
    let snapshot = late.ask(follow("auction/1"));
    assert_eq!((snapshot["slots"].as_array().map(Vec::len), &snapshot["version"]), (Some(1), &json!(3)));
    let fingerprint = json!({"type": "fingerprint", "object": "auction/1"});
    assert_eq!(boss.ask(fingerprint.clone())["type"], "fingerprint");
    assert_eq!(bidder.ask(fingerprint)["code"], "not_permitted");
}

#[test]
fn a_renewal_gives_and_takes() {
    let house = House::new();
    let mut boss = house.enter("--user alice --role auctioneer");
    boss.ask(follow("auction/1"));
    boss.ask(set(1, "reserve", json!(900)));
    let (mut bob, welcome) = house.hello(OBJECTS, &house.token("--user bob --role bidder --ttl 1h"));
    let ends = |message: &Value| message["expires_ms"].as_u64().expect("it ends");
    assert!(ends(&welcome) > welcome["time_ms"].as_u64().expect("a time") + 3_500_000);
    assert_eq!(bob.ask(follow("auction/1"))["slots"], json!([]));
    let renew = |arguments: &str| json!({"type": "renew", "token": house.token(arguments)});

    let renewed = bob.ask(renew("--user bob --role auctioneer --ttl 2h"));
    assert_eq!(renewed["type"], "renewed");
    assert!(ends(&renewed) > ends(&welcome));
    assert_eq!(bob.hear()["slots"][0]["slot"], "reserve", "what comes into view is told");
    assert_eq!(bob.ask(follow("staff/1"))["type"], "snapshot");

    for (message, what) in [
        (renew("--user carol --role auctioneer"), "token: sub: is another user"),
        (json!({"type": "renew", "token": "x"}), "token: is not accepted"),
    ] {
        let refused = bob.ask(message);
        assert_eq!((&refused["code"], &refused["what"]), (&json!("unauthorized"), &json!(what)));
    }
    assert_eq!(bob.ask(set(2, "note.1", json!("still here")))["type"], "success");
    assert_eq!(bob.hear()["changes"][0]["slot"], "note.1");

    let lost = bob.ask(renew("--user bob --role clerk"));
    assert_eq!((&lost["code"], &lost["object"]), (&json!("not_permitted"), &json!("staff/1")));
    assert_eq!(bob.hear()["type"], "renewed");
    let anew = bob.hear();
    assert_eq!((&anew["type"], &anew["slots"][0]["slot"]), (&json!("snapshot"), &json!("note.1")));
    assert_eq!(anew["slots"].as_array().map(Vec::len), Some(1), "the reserve is gone from sight");
    let release = json!({"type": "release", "object": "staff/1"});
    assert_eq!(bob.ask(release)["code"], "not_used");
}

#[test]
fn a_session_ends_with_its_token_unless_it_is_renewed() {
    let house = House::new();
    let begun = Instant::now();
    let short = "--user bob --ttl 2s";
    let (mut ours, mut relay) = (house.enter(short), house.hello(RELAY, &house.token(short)).0);
    let mut renewed = house.enter(short);
    let renew = json!({"type": "renew", "token": house.token("--user bob --ttl 1h")});
    assert_eq!(renewed.ask(renew)["type"], "renewed");
    assert_eq!(ours.close_code(), Some(4401));
    assert_eq!(relay.close_code(), Some(4401));
    assert!(begun.elapsed() < Duration::from_secs(2 + 5), "{:?}", begun.elapsed());
    assert_eq!(renewed.ask(json!({"type": "ping", "n": 1}))["n"], 1);
    assert_eq!(house.server.metric("slotcast_sessions_expired_total"), 2.0);
}

#[test]
fn who_is_shut_out_is_out_and_keys_change() {
    let house = House::new();
    let token = house.token("--user mallory");
    let mut mallory = house.hello(OBJECTS, &token).0;
    let mut on_relay = house.hello(RELAY, &token).0;
    let mut bob = house.enter("--user bob");
    house.shut_out("mallory 9999999999\n");
    assert_eq!(mallory.close_code(), Some(4403));
    assert_eq!(on_relay.close_code(), Some(4403));
    assert_eq!(bob.ask(json!({"type": "ping", "n": 1}))["n"], 1);
    let (mut again, refused) = house.hello(OBJECTS, &token);
    assert_eq!(refused["what"], "token: has been taken back");
    assert_eq!(again.close_code(), Some(4401));
    assert_eq!(house.server.metric("slotcast_sessions_revoked_total"), 2.0);
    assert_eq!(house.server.metric("slotcast_tokens_refused_total{reason=\"revoked\"}"), 1.0);

    let old = house.token("--user carol");
    put_key(&house.folder, "EdDSA");
    // Both files are looked at together: when the second counts, so does the first.
    house.shut_out("bob\n");
    assert_eq!(bob.close_code(), Some(4403));
    assert_eq!(house.hello(OBJECTS, &old).1["what"], "token: kid: names no key");
    assert_eq!(house.hello(OBJECTS, &house.token("--user mallory")).1["user"], "mallory");
    let said = house.server.said();
    let secrets = [&token, &old].map(|token| token.rsplit('.').next().expect("a signature").to_owned());
    assert!(secrets.iter().all(|secret| !said.contains(secret)), "{said}");
}

#[test]
fn a_ticket_is_good_once_and_for_its_page() {
    let house = House::new();
    let token = house.token("--user bob --role auctioneer");
    let ticket = || {
        let (status, body) = house.ticket(&token, PAGE);
        assert_eq!(status, "200", "{body}");
        body["ticket"].as_str().expect("a ticket").to_owned()
    };
    let show = |origin: &str, ticket: &str| {
        let mut socket = Socket::of_page(house.server.address, OBJECTS, origin);
        let answer = socket.ask(json!({"type": "hello", "token": ticket}));
        (socket, answer)
    };
    let first = ticket();
    let (mut bob, welcome) = show(PAGE, &first);
    assert_eq!((&welcome["type"], &welcome["user"]), (&json!("welcome"), &json!("bob")));
    assert!(welcome["expires_ms"].is_u64(), "it ends with the token");
    assert_eq!(bob.ask(follow("staff/1"))["type"], "snapshot", "it has the token's rights");
    let used = "token: ticket: was used, or its time is over";
    assert_eq!(show(PAGE, &first).1["what"], used);
    let second = ticket();
    assert_eq!(show("https://other.example", &second).1["what"], "token: ticket: is another page's");
    assert_eq!(show(PAGE, &second).1["what"], used, "it was tried");
    let third = ticket();
    let (mut bare, refused) = house.hello(OBJECTS, &third);
    assert_eq!(refused["what"], "token: ticket: is another page's");
    assert_eq!(bare.close_code(), Some(4401));
    for (token, origin, status) in
        [("x", PAGE, "401"), (&ticket(), PAGE, "401"), (&token, "https://evil.example", "403")]
    {
        assert_eq!(house.ticket(token, origin).0, status);
    }
    assert_eq!(house.server.metric("slotcast_tickets_total"), 4.0);
    assert_eq!(house.server.metric("slotcast_tokens_refused_total{reason=\"ticket\"}"), 4.0);
}

#[test]
fn a_ticket_may_stand_in_a_url_and_a_token_may_not() {
    let house = House::new();
    let token = house.token("--user bob --role auctioneer");
    let get = |parameter: &str| {
        let head = format!(
            "GET /v1/objects/staff/1?ticket={parameter} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nOrigin: {PAGE}\r\n\r\n"
        );
        read_all(house.server.address, head.as_bytes())
    };
    let ticket = house.ticket(&token, PAGE).1["ticket"].as_str().expect("a ticket").to_owned();
    assert!(get(&ticket).starts_with("HTTP/1.1 200"));
    assert!(get(&ticket).starts_with("HTTP/1.1 401"), "it was used");
    let refused = get(&token);
    assert!(refused.starts_with("HTTP/1.1 400") && refused.contains("no place in a URL"), "{refused}");
}

#[test]
fn keys_that_others_can_read() {
    let folder = TempFolder::new("tokens");
    put_key(&folder, "HS256");
    fs::write(folder.join("revoked.txt"), "").expect("the folder can be written to");
    fs::set_permissions(folder.join("keys.json"), fs::Permissions::from_mode(0o644)).expect("it is our file");
    let settings = folder.join("slotcast.toml");
    fs::write(&settings, config(&folder)).expect("the folder can be written to");
    let check = || Command::new(binary()).args(["serve", "--check", "--config"]).arg(&settings).output();
    let refused = check().expect("the binary is built before the tests");
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2), "{said}");
    assert!(said.contains("auth.jwks") && said.contains("chmod 0640"), "{said}");
    fs::set_permissions(folder.join("keys.json"), fs::Permissions::from_mode(0o600)).expect("it is our file");
    let shown = check().expect("the binary is built before the tests").stdout;
    assert!(String::from_utf8_lossy(&shown).contains("audience = \"slotcast\""));
}
