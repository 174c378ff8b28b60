//! `/v1/objects/{name}`: what a page has that has nothing but requests.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::http_client::{Answer, Http};
use super::server::Server;
use super::socket::Socket;

const JSON_TYPE: (&str, &str) = ("content-type", "application/json");

type Headers = &'static [(&'static str, &'static str)];

const CHAT: &str = "/v1/objects/chat/1";

fn ask(server: &Server, line: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut http = Http::connect(server.address).expect("the server listens");
    http.ask(line, headers, body.as_bytes()).expect("an answer")
}

fn get(server: &Server, query: &str, headers: &[(&str, &str)]) -> Answer {
    ask(server, &format!("GET {CHAT}{query}"), headers, "")
}

fn post(server: &Server, user: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
    let headers = [headers, &[("content-type", "application/json")]].concat();
    ask(server, &format!("POST {CHAT}?user={user}"), &headers, &body.to_string())
}

fn append(item: &str) -> Value {
    json!({ "ops": [{ "op": "append", "slot": "log", "value": item }] })
}

fn tag(answer: &Answer) -> String {
    answer.header("etag").expect("it has a tag").to_owned()
}

#[test]
fn a_page_with_requests_alone_chats_with_a_socket() {
    let server = Server::dev("");
    let mut socket = Socket::json(server.address, "bob");
    socket.ask(json!({ "type": "use", "object": "chat/1" }));
    let first = get(&server, "?user=ada", &[]);
    assert_eq!((first.status, &first.json()["slots"]), (200, &json!([])));
    let done = post(&server, "ada", &[], &append("hello"));
    assert_eq!(
        (done.status, &done.json()["type"], &done.json()["version"]),
        (200, &json!("success"), &json!(1))
    );
    assert_eq!(socket.hear()["changes"][0]["items"], json!(["hello"]));
    let sent = post(&server, "ada", &[], &json!({ "name": "cheer", "value": { "loud": true } }));
    assert_eq!(sent.status, 200);
    let cheer = socket.hear();
    assert_eq!((&cheer["by"], &cheer["value"]), (&json!("ada"), &json!({ "loud": true })));
    let now = get(&server, "", &[]);
    assert_eq!(
        now.json()["slots"][0],
        json!({ "slot": "log", "version": 1, "by": "ada", "value": ["hello"] })
    );
    let epoch = now.json()["epoch"].clone();
    assert_eq!(now.header("slotcast-cursor"), Some(format!("{epoch}.1.1").as_str()));
    assert_eq!(now.header("cache-control"), Some("no-store, no-transform"));
}

#[test]
fn who_has_the_same_downloads_nothing() {
    let server = Server::dev("");
    post(&server, "ada", &[], &append("one"));
    let now = get(&server, "", &[]);
    let mut socket = Socket::json(server.address, "bob");
    socket.ask(json!({ "type": "use", "object": "chat/1" }));
    let fingerprint = socket.ask(json!({ "type": "fingerprint", "object": "chat/1" }));
    assert_eq!(tag(&now), format!("\"{}\"", fingerprint["md5"].as_str().expect("hex")));
    for known in [tag(&now), format!("W/{}", tag(&now)), format!("\"other\", {}", tag(&now)), "*".to_owned()]
    {
        let same = get(&server, "", &[("if-none-match", &known)]);
        assert_eq!((same.status, same.body.len(), tag(&same)), (304, 0, tag(&now)), "{known}");
    }
    assert_eq!(get(&server, "", &[("if-none-match", "\"other\"")]).status, 200);
    post(&server, "ada", &[], &append("two"));
    let then = get(&server, "", &[("if-none-match", &tag(&now))]);
    assert_eq!((then.status, &then.json()["version"]), (200, &json!(2)));
}

/// Whoever waits is answered when something happens, and not before.
#[test]
fn a_get_waits_for_what_is_new() {
    let server = Server::dev("");
    let now = get(&server, "?user=ada", &[]);
    let (tag, cursor) = (tag(&now), now.header("slotcast-cursor").expect("a cursor").to_owned());
    let begun = Instant::now();
    let (changed, events) = std::thread::scope(|scope| {
        let changed = scope.spawn(|| get(&server, "?wait=20&user=eve", &[("if-none-match", &tag)]));
        let events = scope.spawn(|| get(&server, &format!("?since={cursor}&wait=20&user=zoe"), &[]));
        while server.metric("slotcast_sessions") < 2.0 {
            std::thread::yield_now();
        }
        post(&server, "ada", &[], &append("news"));
        (changed.join().expect("an answer"), events.join().expect("an answer"))
    });
    assert!(begun.elapsed() < Duration::from_secs(15), "they did not wait for the end");
    assert_eq!((changed.status, &changed.json()["version"]), (200, &json!(1)));
    let events = events.json();
    assert_eq!(events["events"][0]["changes"][0]["items"], json!(["news"]));
    let now = events["cursor"].as_str().expect("a cursor");
    let nothing = get(&server, &format!("?since={now}&wait=1"), &[]);
    assert_eq!(nothing.json(), json!({ "cursor": now, "events": [] }));
    let same = get(&server, "?wait=1", &[("if-none-match", &self::tag(&changed))]);
    assert_eq!(same.status, 304);
}

#[test]
fn since_a_cursor_comes_what_is_newer_and_from_another_epoch_everything() {
    let server = Server::dev("");
    post(&server, "ada", &[], &append("one"));
    let cursor = get(&server, "", &[]).header("slotcast-cursor").expect("a cursor").to_owned();
    post(&server, "ada", &[], &append("two"));
    post(&server, "ada", &[], &json!({ "name": "cheer", "value": 1 }));
    let news = get(&server, &format!("?since={cursor}"), &[]).json();
    let types: Vec<_> =
        news["events"].as_array().expect("events").iter().map(|event| event["type"].clone()).collect();
    assert!(types.contains(&json!("diff")), "{news}");
    let other = get(&server, "?since=5.1.0", &[]).json();
    assert_eq!(other["events"][0]["type"], "snapshot");
    assert_eq!(other["cursor"], news["cursor"]);
}

/// What a browser's `EventSource` does: it goes on from the last id that it saw.
#[test]
fn events_resume_from_the_last_id() {
    let server = Server::dev("");
    let events = |last: Option<&str>| {
        let mut http = Http::connect(server.address).expect("the server listens");
        let mut headers = vec![("accept", "text/event-stream")];
        headers.extend(last.map(|last| ("last-event-id", last)));
        let head = http.begin(&format!("GET {CHAT}"), &headers, b"").expect("a stream");
        assert_eq!((head.status, head.header("content-type")), (200, Some("text/event-stream")));
        http
    };
    let piece = |http: &mut Http| {
        let piece = http.piece().expect("it goes on").expect("it is not over");
        let text = String::from_utf8(piece).expect("events are text");
        let (id, data) = text.strip_prefix("id: ").and_then(|text| text.split_once('\n')).expect("an id");
        let data = data.strip_prefix("data: ").expect("data").trim_end();
        (id.to_owned(), serde_json::from_str::<Value>(data).expect("JSON"))
    };
    let mut http = events(None);
    assert_eq!(piece(&mut http).1["type"], "snapshot");
    post(&server, "ada", &[], &append("one"));
    let (id, diff) = piece(&mut http);
    assert_eq!(diff["to"], 1);
    drop(http);
    post(&server, "ada", &[], &append("two"));
    let (_, missed) = piece(&mut events(Some(&id)));
    assert_eq!((&missed["type"], &missed["from"], &missed["to"]), (&json!("diff"), &json!(1), &json!(2)));
}

#[test]
fn a_write_is_for_the_state_that_its_writer_saw() {
    let server = Server::dev("");
    let set = |value: u64| json!({ "ops": [{ "op": "set", "slot": "price", "value": value }] });
    assert_eq!(post(&server, "ada", &[], &set(10)).status, 200);
    let blind = post(&server, "bob", &[], &set(11));
    assert_eq!((blind.status, &blind.json()["code"]), (409, &json!("conflict")));
    assert_eq!(blind.json()["winners"][0]["value"], 10);
    let seen = tag(&get(&server, "", &[]));
    assert_eq!(post(&server, "bob", &[("if-match", &seen)], &set(11)).status, 200);
    let late = post(&server, "eve", &[("if-match", &seen)], &set(12));
    assert_eq!((late.status, &late.json()["code"]), (412, &json!("conflict")));
    let mut aware = set(12);
    aware["seen"] = 2.into();
    assert_eq!(post(&server, "eve", &[], &aware).status, 200);
    aware["at"] = 2.into();
    assert_eq!(post(&server, "eve", &[], &aware).status, 409, "the object is at version 3");
    assert_eq!(get(&server, "", &[]).json()["slots"][0]["value"], 12);
}

/// Of many at once that saw the same, one wins.
#[test]
fn of_those_who_saw_the_same_one_wins() {
    let server = Server::dev("[kind.chat]\nrules = { \"price\" = \"last\" }\n");
    post(&server, "ada", &[], &json!({ "ops": [{ "op": "set", "slot": "price", "value": 0 }] }));
    let seen = tag(&get(&server, "", &[]));
    let won: usize = std::thread::scope(|scope| {
        let bidders = (1..=8).map(|bid| {
            let (server, seen) = (&server, seen.as_str());
            scope.spawn(move || {
                let set = json!({ "ops": [{ "op": "set", "slot": "price", "value": bid }] });
                let answer = post(server, &format!("bidder{bid}"), &[("if-match", seen)], &set);
                assert!(matches!(answer.status, 200 | 412), "{}", answer.text());
                usize::from(answer.status == 200)
            })
        });
        let bidders: Vec<_> = bidders.collect();
        bidders.into_iter().map(|bidder| bidder.join().expect("an answer")).sum()
    });
    assert_eq!(won, 1);
}

#[test]
fn a_post_that_is_repeated_with_its_key_is_done_once() {
    let server = Server::dev("");
    let key = [("idempotency-key", "order-4711")];
    let answers: Vec<_> = (0..3).map(|_| post(&server, "ada", &key, &append("bid"))).collect();
    for answer in &answers {
        assert_eq!((answer.status, &answer.json()["version"]), (200, &json!(1)), "{}", answer.text());
    }
    assert_eq!(
        post(&server, "ada", &[("idempotency-key", "order-4712")], &append("bid")).json()["version"],
        2
    );
    assert_eq!(
        post(&server, "bob", &key, &append("bid")).json()["version"],
        3,
        "another user's key is another"
    );
    assert_eq!(get(&server, "", &[]).json()["slots"][0]["value"], json!(["bid", "bid", "bid"]));
}

#[test]
fn a_large_object_comes_as_one_snapshot() {
    let server = Server::dev("[limits]\nobject_bytes = 4194304\n");
    let mut socket = Socket::json(server.address, "bob");
    socket.ask(json!({ "type": "use", "object": "chat/1", "slots": ["-"] }));
    for n in 0..200 {
        let set = json!({ "op": "set", "slot": format!("s{n}"), "value": "x".repeat(4_000) });
        let answer = socket.ask(json!({ "type": "write", "object": "chat/1", "ops": [set] }));
        assert_eq!(answer["type"], "success");
    }
    let whole = get(&server, "", &[]);
    assert_eq!(whole.status, 200, "{}", whole.text());
    let whole = whole.json();
    assert_eq!(whole["slots"].as_array().map(Vec::len), Some(200));
    assert_eq!((&whole["more"], &whole["version"]), (&json!(false), &json!(200)));
}

#[test]
fn whoever_has_no_token_is_not_let_in() {
    let server = Server::start(&[], "[users]\nada = \"a-token-of-ada-x\"\n");
    let rows: [(&str, Headers, u16); 7] = [
        ("", &[], 401),
        ("?user=ada", &[], 401),
        ("", &[("authorization", "Bearer a-token-of-ada-x")], 200),
        ("", &[("authorization", "bearer a-token-of-ada-x")], 200),
        ("", &[("authorization", "Bearer a-token-of-ada-y")], 401),
        ("", &[("authorization", "Basic YWRhOnNlY3JldA==")], 401),
        ("", &[("authorization", "Bearer")], 401),
    ];
    for (query, headers, status) in rows {
        let answer = get(&server, query, headers);
        assert_eq!(answer.status, status, "{query} {headers:?}: {}", answer.text());
        if status == 401 {
            assert_eq!(answer.json()["code"], "unauthorized");
        }
        let posted = ask(
            &server,
            &format!("POST {CHAT}{query}"),
            &[headers, &[("content-type", "application/json")]].concat(),
            &append("x").to_string(),
        );
        assert_eq!(posted.status, status, "{query} {headers:?}: {}", posted.text());
    }
}

#[test]
fn what_is_wrong_is_named() {
    let server = Server::dev("");
    let write = append("x").to_string();
    let rows: [(&str, Headers, &str, u16, &str, &str); 17] = [
        ("GET /v1/objects/", &[], "", 400, "bad_name", "object"),
        ("GET /v1/objects/a//b", &[], "", 400, "bad_name", "object"),
        ("GET /v1/objects/../a", &[], "", 400, "bad_name", "object"),
        ("GET /v1/objects/a%2fb", &[], "", 400, "bad_name", "object"),
        ("GET /v1/objects/a?wait=26", &[], "", 400, "bad_field", "wait"),
        ("GET /v1/objects/a?wait=-1", &[], "", 400, "bad_field", "wait"),
        ("GET /v1/objects/a?since=7", &[], "", 400, "bad_field", "since"),
        ("GET /v1/objects/a?snice=7.1.1", &[], "", 400, "bad_field", "\"snice\""),
        ("GET /v1/objects/a?user=@x", &[], "", 400, "bad_name", "user"),
        (
            "GET /v1/objects/a",
            &[("accept", "text/event-stream"), ("last-event-id", "x")],
            "",
            400,
            "bad_field",
            "last-event-id",
        ),
        ("PUT /v1/objects/a", &[JSON_TYPE], "{}", 405, "unknown_type", "method"),
        ("POST /v1/objects/a", &[], &write, 415, "bad_field", "Content-Type"),
        ("POST /v1/objects/a", &[JSON_TYPE], "[]", 400, "bad_message", "body"),
        ("POST /v1/objects/a", &[JSON_TYPE], "{\"ops\":", 400, "bad_message", "body"),
        ("POST /v1/objects/a", &[JSON_TYPE], "{\"ops\":[],\"name\":\"x\"}", 400, "bad_message", "body"),
        (
            "POST /v1/objects/a",
            &[JSON_TYPE],
            "{\"ops\":[{\"op\":\"set\",\"slot\":\"*\",\"value\":1}]}",
            400,
            "bad_name",
            "ops[0]",
        ),
        (
            "POST /v1/objects/a",
            &[JSON_TYPE, ("idempotency-key", "")],
            &write,
            400,
            "bad_field",
            "idempotency-key",
        ),
    ];
    for (line, headers, body, status, code, what) in rows {
        let answer = ask(&server, line, headers, body);
        let error = answer.json();
        assert_eq!((answer.status, error["code"].as_str()), (status, Some(code)), "{line} {body}: {error}");
        assert!(error["what"].as_str().is_some_and(|said| said.starts_with(what)), "{line} {body}: {error}");
    }
    assert_eq!(server.metric("slotcast_sessions"), 0.0);
}
