//! A follower that wants few diffs: the latest values, and all sends behind them.

use serde_json::{Value, json};

use super::server::Server;
use super::socket::Socket;

const WRITES: u64 = 20;

fn use_at(rate: u64) -> Value {
    json!({"type": "use", "object": "game/1", "rate": rate})
}

fn write(id: u64) -> Value {
    json!({"type": "write", "id": id, "object": "game/1", "ops": [{"op": "set", "slot": "x", "value": id}]})
}

#[test]
fn what_happens_between_two_moments_is_one_diff_and_the_sends_behind_it() {
    let server = Server::dev("");
    let mut slow = Socket::json(server.address, "slow");
    assert_eq!(slow.ask(use_at(1))["type"], "snapshot");
    let mut writer = Socket::json(server.address, "writer");
    assert_eq!(writer.ask(json!({"type": "use", "object": "game/1"}))["type"], "snapshot");
    (1..=WRITES).for_each(|id| writer.say(write(id)));
    writer.say(json!({"type": "send", "id": WRITES + 1, "object": "game/1", "name": "done", "value": null}));

    let first = slow.hear();
    assert_eq!((&first["from"], &first["to"]), (&json!(0), &json!(1)), "the first change comes at once");
    let rest = slow.hear();
    assert_eq!((&rest["from"], &rest["to"]), (&json!(1), &json!(WRITES)), "{rest}");
    assert_eq!(rest["changes"].as_array().map(Vec::len), Some(1), "only the latest value: {rest}");
    assert_eq!(rest["changes"][0]["value"], json!(WRITES));
    let sent = slow.hear();
    assert_eq!((&sent["type"], &sent["name"]), (&json!("sent"), &json!("done")));
}

#[test]
fn a_rate_that_cannot_be_is_named() {
    let server = Server::dev("");
    let mut socket = Socket::json(server.address, "alice");
    for rate in [0, 1_001] {
        let error = socket.ask(use_at(rate));
        assert_eq!(error["code"], "bad_field");
        assert_eq!(error["what"], format!("rate: must be 1 to 1000, not {rate}"));
    }
    assert_eq!(socket.ask(use_at(1_000))["type"], "snapshot", "the session goes on");
}

#[test]
fn a_kind_has_a_rate_for_those_who_do_not_say_theirs() {
    let server = Server::dev("[kind.game]\nrate = 1\n");
    let mut slow = Socket::json(server.address, "slow");
    assert_eq!(slow.ask(json!({"type": "use", "object": "game/1"}))["type"], "snapshot");
    (1..=WRITES).for_each(|id| slow.say(write(id)));
    let mut diffs = Vec::new();
    while diffs.len() < 2 {
        let event = slow.hear();
        diffs.extend((event["type"] == "diff").then_some(event));
    }
    assert_eq!(diffs[1]["to"], json!(WRITES));
}
