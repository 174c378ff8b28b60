//! What ends a connection, each with its close code.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::json;

use super::server::Server;
use super::socket::{BINARY, Frame, Socket, TEXT, handshake, masked};

const TOKENS: &str = "[users]\nada = \"a-token-that-is-long-enough\"\n";

#[test]
fn frames_that_cannot_be_read() {
    let server = Server::dev("");
    let too_long = vec![b'x'; 65_537];
    let parts_of_nothing = [0x00, 0x80, 0, 0, 0, 0].repeat(1_024);
    let rows: Vec<(&str, Vec<u8>, u16)> = vec![
        ("a binary frame on the text subprotocol", masked(BINARY, b"x"), 1003),
        ("text that is not UTF-8", masked(TEXT, &[0xff, 0xfe]), 1007),
        ("a message beyond the limit", masked(TEXT, &too_long), 1009),
        ("a length that lies", [vec![TEXT, 0xff, 0x7f], vec![0xff; 11]].concat(), 1009),
        ("an unmasked frame", vec![TEXT, 1, b'x'], 1002),
        ("a reserved bit", vec![0xc1, 0x80, 0, 0, 0, 0], 1002),
        ("a reserved opcode", vec![0x83, 0x80, 0, 0, 0, 0], 1002),
        ("a control frame in parts", vec![0x09, 0x80, 0, 0, 0, 0], 1002),
        ("a continuation of nothing", vec![0x80, 0x80, 0, 0, 0, 0], 1002),
        ("a message in too many parts", [vec![0x01, 0x80], vec![0; 4], parts_of_nothing].concat(), 1009),
    ];
    for (what, bytes, code) in rows {
        let mut other = Socket::json(server.address, "other");
        let mut ours = Socket::json(server.address, "ours");
        ours.raw(&bytes);
        assert_eq!(ours.close_code(), Some(code), "{what}");
        assert_eq!(other.ask(json!({"type": "ping", "n": 1}))["n"], 1, "{what}: the other goes on");
    }
}

#[test]
fn a_text_frame_on_the_binary_subprotocol() {
    let server = Server::dev("");
    let mut ours = Socket::open(server.address, "slotcast.v1.msgpack");
    ours.frame(TEXT, b"{}");
    assert_eq!(ours.close_code(), Some(1003));
}

#[test]
fn half_a_frame_and_then_nothing() {
    let server = Server::dev("");
    let mut other = Socket::json(server.address, "other");
    assert_eq!(other.ask(json!({"type": "use", "object": "k/1"}))["type"], "snapshot");
    let mut ours = Socket::json(server.address, "ours");
    assert_eq!(ours.ask(json!({"type": "use", "object": "k/1"}))["type"], "snapshot");
    let status =
        json!({"type": "write", "object": "k/1", "ops": [{"op": "set", "slot": "@ours", "value": 1}]});
    assert_eq!(ours.ask(status)["type"], "success");
    assert_eq!(other.hear()["changes"][0]["slot"], "@ours");
    ours.raw(&masked(TEXT, &[b'x'; 100])[..50]);
    drop(ours);
    assert_eq!(other.hear()["changes"][0]["change"], "delete", "its status is gone, and that is all");
    assert_eq!(other.ask(json!({"type": "ping"}))["type"], "pong");
}

#[test]
fn hello_is_refused() {
    let server = Server::start(&[], TOKENS);
    let good = json!({"type": "hello", "token": "a-token-that-is-long-enough"});
    let mut ours = Socket::open(server.address, "slotcast.v1.json");
    assert_eq!(ours.ask(good)["user"], "ada");
    let rows = [
        (json!({"type": "hello", "user": "ada"}), "unauthorized"),
        (json!({"type": "hello", "token": "a-token-that-is-long-enougH"}), "unauthorized"),
        (json!({"type": "hello", "token": ""}), "unauthorized"),
        (json!({"type": "hello", "device": "a b"}), "bad_name"),
        (json!({"type": "ping"}), "hello_first"),
        (json!({"type": "zap"}), "unknown_type"),
    ];
    for (hello, code) in rows {
        let mut refused = Socket::open(server.address, "slotcast.v1.json");
        assert_eq!(refused.ask(hello.clone())["code"], code, "{hello}");
        assert_eq!(refused.close_code(), Some(4401), "{hello}");
    }
}

#[test]
fn a_hello_that_is_too_long_or_too_late() {
    let server = Server::dev("[limits]\nhello_ms = 300\n");
    let mut long = Socket::open(server.address, "slotcast.v1.json");
    long.say(json!({"type": "hello", "user": "x".repeat(4_096)}));
    assert_eq!(long.close_code(), Some(1009));
    let mut late = Socket::open(server.address, "slotcast.v1.json");
    assert_eq!(late.close_code(), Some(4408));
}

#[test]
fn the_same_device_again() {
    let server = Server::dev("");
    let hello = json!({"type": "hello", "user": "ada", "device": "phone"});
    let mut first = Socket::open(server.address, "slotcast.v1.json");
    assert_eq!(first.ask(hello.clone())["device"], "phone");
    let mut second = Socket::open(server.address, "slotcast.v1.json");
    assert_eq!(second.ask(hello)["type"], "welcome");
    assert_eq!(first.close_code(), Some(4409));
    assert_eq!(second.ask(json!({"type": "ping"}))["type"], "pong");
}

#[test]
fn too_many_sessions_of_one_user() {
    let server = Server::dev("[limits]\nsessions_per_user = 2\n");
    let _sessions = [Socket::json(server.address, "ada"), Socket::json(server.address, "ada")];
    let mut third = Socket::open(server.address, "slotcast.v1.json");
    assert_eq!(third.ask(json!({"type": "hello", "user": "ada"}))["code"], "too_many");
    assert_eq!(third.close_code(), Some(4429));
    let _bob = Socket::json(server.address, "bob");
}

#[test]
fn silence_is_pinged_and_then_ended() {
    let server = Server::dev("[limits]\nping_ms = 1000\npong_ms = 1000\n");
    let mut silent = Socket::json(server.address, "silent");
    assert_eq!(silent.next(), Frame::Ping);
    assert_eq!(silent.next(), Frame::End, "it did not answer");
}

#[test]
fn a_clean_close_is_answered_and_pings_are() {
    let server = Server::dev("");
    let mut ours = Socket::json(server.address, "ours");
    ours.frame(0x89, b"hi");
    assert_eq!(ours.next(), Frame::Pong(b"hi".to_vec()));
    ours.frame(0x88, &1000u16.to_be_bytes());
    assert_eq!(ours.close_code(), Some(1000));
}

#[test]
fn what_comes_right_behind_the_handshake_is_heard() {
    let server = Server::dev("");
    let hello = masked(TEXT, json!({"type": "hello", "user": "hasty"}).to_string().as_bytes());
    let mut stream = TcpStream::connect(server.address).expect("the server listens");
    stream.write_all(&[handshake(&[]), hello, masked(0x88, b"")].concat()).expect("it reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("it answers and closes");
    assert!(String::from_utf8_lossy(&answer).contains("\"hasty\""), "its welcome names it: {answer:?}");
    assert!(answer.ends_with(&[0x88, 0]), "and its close is answered");
}

#[test]
fn a_message_in_parts_with_a_ping_between_them() {
    let server = Server::dev("");
    let mut ours = Socket::json(server.address, "ours");
    ours.frame(0x01, b"{\"type\":\"pi");
    ours.frame(0x89, b"?");
    ours.frame(0x00, b"");
    ours.frame(0x80, b"ng\",\"n\":7}");
    assert_eq!(ours.next(), Frame::Pong(b"?".to_vec()));
    assert_eq!(ours.hear()["n"], 7);
}
