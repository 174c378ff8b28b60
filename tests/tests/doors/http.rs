//! A session over HTTP: what each request is answered, and what is lost on the way is found out.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::http_client::{Answer, Http};
use super::server::Server;
use super::socket::Socket;

/// So that no test waits for what takes half a minute.
const QUICK: &str = "[limits]\nping_ms = 300\npong_ms = 1000\n";

/// One session and a connection for its requests.
struct Client {
    address: SocketAddr,
    http: Http,
    key: String,
    have: u64,
    batch: u64,
}

impl Client {
    fn open(server: &Server, path: &str, messages: &[Value]) -> (Client, Vec<Value>) {
        let mut http = Http::connect(server.address).expect("the server listens");
        let answer = post(&mut http, path, &[], messages);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let key = answer.header("slotcast-session").expect("a session has a key").to_owned();
        let mut client = Client { address: server.address, http, key, have: 0, batch: 1 };
        let mut heard = client.take(&answer);
        while heard.len() < messages.len() {
            heard.extend(client.poll());
        }
        (client, heard)
    }

    fn say(&mut self, messages: &[Value]) -> Answer {
        self.batch += 1;
        self.say_as(self.batch, messages)
    }

    fn say_as(&mut self, batch: u64, messages: &[Value]) -> Answer {
        let number = batch.to_string();
        post(
            &mut self.http,
            "/poll",
            &[("slotcast-session", &self.key), ("slotcast-batch", &number)],
            messages,
        )
    }

    fn get(&mut self, path: &str, have: u64) -> Answer {
        let have = have.to_string();
        let headers = [("slotcast-session", self.key.as_str()), ("slotcast-have", &have)];
        let line = format!("GET {path}");
        if let Some(answer) = self.http.ask(&line, &headers, b"") {
            return answer;
        }
        // One that was kept alive is let go when the server stops.
        self.http = Http::connect(self.address).expect("the server listens");
        self.http.ask(&line, &headers, b"").expect("an answer")
    }

    /// What has gathered, as soon as there is something.
    fn poll(&mut self) -> Vec<Value> {
        loop {
            let answer = self.get("/poll", self.have);
            match answer.status {
                200 => return self.take(&answer),
                204 => {}
                other => panic!("{other}: {}", answer.text()),
            }
        }
    }

    fn take(&mut self, answer: &Answer) -> Vec<Value> {
        let lines = answer.text();
        let messages = lines.lines().filter(|line| !line.is_empty());
        let messages: Vec<Value> = messages.map(|line| serde_json::from_str(line).expect("JSON")).collect();
        self.have += messages.len() as u64;
        messages
    }
}

fn post(http: &mut Http, path: &str, headers: &[(&str, &str)], messages: &[Value]) -> Answer {
    let body: String = messages.iter().map(|message| format!("{message}\n")).collect();
    let headers = [headers, &[("content-type", "application/json")]].concat();
    http.ask(&format!("POST {path}"), &headers, body.as_bytes()).expect("an answer")
}

fn hello(user: &str) -> Value {
    json!({ "type": "hello", "user": user })
}

fn follow(object: &str) -> Value {
    json!({ "type": "use", "object": object })
}

fn append(id: u64, item: &str) -> Value {
    json!({ "type": "write", "id": id, "object": "chat/1", "ops": [{ "op": "append", "slot": "log", "value": item }] })
}

fn types(messages: &[Value]) -> Vec<&str> {
    messages.iter().filter_map(|message| message["type"].as_str()).collect()
}

#[test]
fn a_page_by_requests_and_one_by_a_socket_see_each_other() {
    let server = Server::dev("");
    let (mut ours, heard) = Client::open(&server, "/poll/objects", &[hello("ada"), follow("chat/1")]);
    assert_eq!(types(&heard), ["welcome", "snapshot"]);
    let mut theirs = Socket::json(server.address, "bob");
    theirs.ask(follow("chat/1"));
    assert_eq!(ours.say(&[append(1, "one"), append(2, "two")]).status, 204);
    let mut heard = Vec::new();
    while heard.len() < 4 {
        heard.extend(ours.poll());
    }
    let mut names = types(&heard);
    names.sort_unstable();
    assert_eq!(names, ["diff", "diff", "success", "success"]);
    assert_eq!(theirs.hear()["to"], 1);
    assert_eq!(theirs.hear()["to"], 2);
    theirs.say(json!({ "type": "send", "object": "chat/1", "name": "cheer", "value": 7 }));
    assert_eq!(ours.poll()[0]["value"], 7);
}

#[test]
fn messages_between_users_go_by_requests_too() {
    let server = Server::dev("");
    let open = json!({ "type": "open" });
    let (mut ada, heard) = Client::open(&server, "/poll/relay", &[hello("ada"), open.clone()]);
    assert_eq!(types(&heard)[..2], ["welcome", "inbox"]);
    let mut bob = Socket::relay(server.address, "bob", "pad");
    bob.say(json!({ "type": "tell", "id": 1, "to": "ada", "body": "psst" }));
    assert_eq!(bob.hear()["type"], "stored");
    let message = loop {
        let heard = ada.poll();
        if let Some(message) = heard.iter().find(|message| message["type"] == "message") {
            break message.clone();
        }
    };
    assert_eq!((&message["from"], &message["body"]), (&json!("bob"), &json!("psst")));
    ada.say(&[json!({ "type": "tell", "id": 1, "to": "bob", "body": "yes?" })]);
    bob.say(open);
    let told = (0..4).map(|_| bob.hear()).find(|heard| heard["type"] == "message").expect("it is told");
    assert_eq!(told["body"], "yes?");
}

/// A batch that comes again, as it does when its answer was lost, has no second effect.
#[test]
fn a_batch_counts_once_and_in_order() {
    let server = Server::dev("");
    let (mut ours, _) = Client::open(&server, "/poll/objects", &[hello("ada"), follow("chat/1")]);
    let write =
        json!({ "type": "write", "object": "chat/1", "ops": [{ "op": "add", "slot": "n", "value": 1 }] });
    for _ in 0..3 {
        assert_eq!(ours.say_as(2, std::slice::from_ref(&write)).status, 204);
    }
    let early = ours.say_as(4, std::slice::from_ref(&write));
    assert_eq!((early.status, early.header("slotcast-batch")), (409, Some("2")));
    assert_eq!(early.json()["code"], "out_of_order");
    assert_eq!(ours.say_as(1, &[hello("eve")]).status, 204, "the first one again, too");
    let (_, heard) = Client::open(&server, "/poll/objects", &[hello("bob"), follow("chat/1")]);
    assert_eq!(heard[1]["slots"][0]["value"], 1, "{heard:?}");
}

/// An answer that was cut on its way: the server handed it out, the client has less than was handed out.
#[test]
fn what_is_lost_on_the_way_ends_the_session() {
    let server = Server::dev("");
    let (mut ours, _) = Client::open(&server, "/poll/objects", &[hello("ada"), follow("chat/1")]);
    ours.say(&[append(1, "one")]);
    let had = ours.have;
    ours.poll();
    let gone = ours.get("/poll", had);
    assert_eq!((gone.status, gone.json()["code"].as_str()), (410, Some("gone")));
    for path in ["/poll", "/stream", "/sse"] {
        assert_eq!(ours.get(path, ours.have).status, 410, "{path}: it is over, whatever the client has");
    }
    assert_eq!(ours.say(&[append(2, "two")]).status, 410);
}

#[test]
fn a_newer_get_takes_the_place_of_an_older_one() {
    let server = Server::dev("");
    let (mut ours, _) = Client::open(&server, "/poll/objects", &[hello("ada"), follow("chat/1")]);
    let (key, have) = (ours.key.clone(), ours.have.to_string());
    let headers = [("slotcast-session", key.as_str()), ("slotcast-have", &have)];
    let mut stream = Http::connect(server.address).expect("the server listens");
    let head = stream.begin("GET /stream", &headers, b"").expect("a stream");
    assert_eq!((head.status, head.header("x-accel-buffering")), (200, Some("no")));
    assert_eq!(stream.piece(), Some(Some(b"\n".to_vec())), "it shows at once that bytes come through");
    ours.say(&[append(1, "one")]);
    let mut streamed = Vec::new();
    while String::from_utf8_lossy(&streamed).lines().count() < 2 {
        streamed.extend(stream.piece().expect("it goes on").expect("it is not over"));
    }
    ours.have += 2;
    let have = ours.have.to_string();
    let headers = [("slotcast-session", key.as_str()), ("slotcast-have", &have)];
    let poll = std::thread::scope(|scope| {
        let mut newer = Http::connect(server.address).expect("the server listens");
        let newer = scope.spawn(move || newer.ask("GET /poll", &headers, b"").expect("an answer"));
        assert_eq!(stream.piece(), Some(None), "the older one ends when the newer is there");
        ours.say(&[json!({ "type": "ping", "n": 4 })]);
        newer.join().expect("it only reads")
    });
    assert_eq!(ours.take(&poll)[0]["n"], 4);
}

#[test]
fn a_get_without_news_ends_in_time_and_events_are_numbered() {
    let server = Server::dev(QUICK);
    let (mut ours, _) = Client::open(&server, "/poll/objects", &[hello("ada"), follow("chat/1")]);
    assert_eq!(ours.get("/poll", ours.have).status, 204);
    let stream = ours.get("/stream", ours.have);
    assert_eq!((stream.status, stream.text().as_str()), (200, "\n"));
    ours.say(&[json!({ "type": "ping", "n": 7 })]);
    let have = ours.have.to_string();
    let headers = [("slotcast-session", ours.key.as_str()), ("last-event-id", &have)];
    let events = ours.http.ask("GET /sse", &headers, b"").expect("an answer");
    assert_eq!(events.header("content-type"), Some("text/event-stream"));
    let text = events.text();
    let beginning = format!(":\n\nid: {}\ndata: {{\"type\":\"pong\",\"n\":7,", ours.have + 1);
    assert!(text.starts_with(&beginning), "{text}");
}

/// Those who leave with a word are gone at once, those whose GET breaks off a few seconds later.
#[test]
fn a_status_goes_with_its_session() {
    let server = Server::dev("");
    let mut witness = Socket::json(server.address, "bob");
    witness.ask(follow("chat/1"));
    let status = |user: &str| json!({ "type": "write", "object": "chat/1", "ops": [{ "op": "set", "slot": format!("@{user}"), "value": 1 }] });
    let mut changes = move || witness.hear()["changes"][0].clone();
    let (mut ada, _) =
        Client::open(&server, "/poll/objects", &[hello("ada"), follow("chat/1"), status("ada")]);
    assert_eq!(changes()["slot"], "@ada");
    let key = [("slotcast-session", ada.key.as_str())];
    assert_eq!(ada.http.ask("DELETE /poll", &key, b"").expect("an answer").status, 204);
    assert_eq!(changes(), json!({ "change": "delete", "slot": "@ada", "version": 2, "by": "" }));
    assert_eq!(ada.get("/poll", ada.have).status, 410);

    let (mut eve, _) =
        Client::open(&server, "/poll/objects", &[hello("eve"), follow("chat/1"), status("eve")]);
    assert_eq!(changes()["slot"], "@eve");
    while eve.have < 4 {
        eve.poll();
    }
    let (key, have) = (eve.key.clone(), eve.have.to_string());
    let mut stream = Http::connect(server.address).expect("the server listens");
    let headers = [("slotcast-session", key.as_str()), ("slotcast-have", &have)];
    assert_eq!(stream.begin("GET /stream", &headers, b"").expect("a stream").status, 200);
    stream.piece();
    let cut = Instant::now();
    drop(stream);
    assert_eq!(changes()["change"], "delete");
    let after = cut.elapsed();
    assert!(after > Duration::from_secs(3), "time to come back: {after:?}");
    assert!(after < Duration::from_secs(20), "no ghost: {after:?}");
}

#[test]
fn a_hello_that_is_refused_is_told_with_its_close() {
    let server = Server::start(&[], "[users]\nada = \"a-token-of-ada-x\"\n");
    let mut http = Http::connect(server.address).expect("the server listens");
    let answer = post(&mut http, "/poll/objects", &[], &[json!({ "type": "hello", "token": "wrong" })]);
    let messages: Vec<Value> =
        answer.text().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(types(&messages), ["error", "close"]);
    assert_eq!((&messages[0]["code"], &messages[1]["code"]), (&json!("unauthorized"), &json!(4401)));
    let key = answer.header("slotcast-session").expect("a key").to_owned();
    let headers = [("slotcast-session", key.as_str()), ("slotcast-have", "2")];
    assert_eq!(http.ask("GET /poll", &headers, b"").expect("an answer").status, 410);
    let good =
        post(&mut http, "/poll/objects", &[], &[json!({ "type": "hello", "token": "a-token-of-ada-x" })]);
    assert!(good.text().contains("\"welcome\""), "{}", good.text());
}

/// Method, path, headers and body of a request; the status of its answer, and how what is said begins.
type Row = (&'static str, &'static str, &'static [(&'static str, &'static str)], Vec<u8>, u16, &'static str);

#[test]
fn what_is_no_batch_is_refused_and_named() {
    let server = Server::dev(
        "[limits]\nmessage_bytes = 4096\nvalue_bytes = 1024\ntell_bytes = 1024\nbatch_bytes = 8192\n",
    );
    let rows: [Row; 14] = [
        ("POST", "/poll/objects", &[("content-type", "text/plain")], b"{}".to_vec(), 415, "Content-Type"),
        ("POST", "/poll/objects", &[], b"{}".to_vec(), 415, "Content-Type"),
        (
            "POST",
            "/poll/objects",
            &[("content-type", "application/msgpack")],
            vec![0, 0, 0, 9, 1],
            400,
            "batch",
        ),
        ("POST", "/poll/objects", &[("content-type", "application/json")], vec![b' '; 8193], 413, "body"),
        ("POST", "/poll", &[("content-type", "application/json")], b"{}".to_vec(), 400, "slotcast-session"),
        (
            "POST",
            "/poll",
            &[("content-type", "application/json"), ("slotcast-session", "abc")],
            b"{}".to_vec(),
            410,
            "session",
        ),
        ("GET", "/poll", &[], Vec::new(), 400, "slotcast-session"),
        ("GET", "/stream", &[("slotcast-session", "../../etc/passwd")], Vec::new(), 410, "session"),
        ("GET", "/sse", &[("slotcast-session", "")], Vec::new(), 410, "session"),
        ("DELETE", "/poll", &[("slotcast-session", "0")], Vec::new(), 410, "session"),
        ("PUT", "/poll", &[], Vec::new(), 405, "method"),
        ("DELETE", "/stream", &[], Vec::new(), 405, "method"),
        ("POST", "/sse", &[], b"{}".to_vec(), 405, "method"),
        ("GET", "/poll/objects", &[], Vec::new(), 405, "method"),
    ];
    for (method, path, headers, body, status, what) in rows {
        let mut http = Http::connect(server.address).expect("the server listens");
        let answer = http.ask(&format!("{method} {path}"), headers, &body).expect("an answer");
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text());
        let error = answer.json();
        assert_eq!(error["type"], "error", "{method} {path}");
        let said = error["what"].as_str().expect("it says what");
        assert!(said.starts_with(what), "{method} {path}: {said}");
    }
    let (mut ours, _) = Client::open(&server, "/poll/objects", &[hello("ada"), follow("chat/1")]);
    let no_number =
        ours.http.ask("GET /poll", &[("slotcast-session", &ours.key), ("slotcast-have", "-1")], b"");
    assert_eq!(no_number.expect("an answer").status, 400);
    ours.say(&[append(1, &"x".repeat(4096))]);
    let closed = ours.poll();
    assert_eq!((&closed[0]["type"], &closed[0]["code"]), (&json!("close"), &json!(1009)), "{closed:?}");
}

/// A page of another origin is refused before it is looked at, by every door and method; one on the list is told what its browser asks.
#[test]
fn origins_count_on_every_request() {
    let server = Server::dev("origins = [\"https://shop.example\"]\n");
    let doors = [
        "POST /poll/objects",
        "POST /poll/relay",
        "POST /poll",
        "GET /poll",
        "GET /stream",
        "GET /sse",
        "DELETE /poll",
        "GET /v1/objects/chat/1",
        "POST /v1/objects/chat/1",
        "OPTIONS /v1/objects/chat/1",
        "OPTIONS /poll",
    ];
    let json_type = ("content-type", "application/json");
    for door in doors {
        for origin in ["https://shop.example.evil.example", "null", "http://shop.example"] {
            let mut http = Http::connect(server.address).expect("the server listens");
            let answer = http.ask(door, &[("origin", origin), json_type], b"{}").expect("an answer");
            assert_eq!(answer.status, 403, "{door} from {origin}");
            assert_eq!(answer.header("access-control-allow-origin"), None, "{door} from {origin}");
        }
        let mut http = Http::connect(server.address).expect("the server listens");
        let answer =
            http.ask(door, &[("origin", "https://shop.example"), json_type], b"{}").expect("an answer");
        assert_ne!(answer.status, 403, "{door}");
        assert_eq!(answer.header("access-control-allow-origin"), Some("https://shop.example"), "{door}");
        assert_eq!(answer.header("access-control-allow-credentials"), None, "{door}");
        assert_eq!(answer.header("vary"), Some("origin"), "{door}");
        if door.starts_with("OPTIONS") {
            let allowed = answer.header("access-control-allow-headers").expect("it says which");
            assert!(allowed.contains("slotcast-session") && allowed.contains("idempotency-key"), "{allowed}");
            assert_eq!(answer.status, 204, "{door}");
        }
    }
    assert_eq!(server.metric("slotcast_sessions"), 0.0, "none of the refused has opened anything");
}

#[test]
fn a_drain_is_told_to_whoever_polls() {
    let mut server = Server::dev("");
    let (mut ours, _) = Client::open(&server, "/poll/objects", &[hello("ada"), follow("chat/1")]);
    server.terminate();
    let mut heard = ours.poll();
    while !heard.iter().any(|message| message["type"] == "close") {
        heard.extend(ours.poll());
    }
    assert_eq!(types(&heard), ["goaway", "close"]);
    assert_eq!(heard[1]["code"], 1001);
    drop(ours);
    assert_eq!(server.wait(), Some(0));
}
