//! What the hostile do. Each is called again and again until it is over; none of them waits for long.

use std::cell::Cell;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use slotcast_tests::dice::Dice;
use slotcast_tests::real::socket::{connect_from, handshake, masked};

/// Whom it is against, until when, and a number of its own, which says from where it comes.
type Attack = fn(SocketAddr, &AtomicBool, u64);

thread_local! {
    /// Each program has an address of its own, and its thread.
    static OWN: Cell<Ipv4Addr> = const { Cell::new(Ipv4Addr::LOCALHOST) };
}

/// From now on this thread comes from an address of its own.
pub fn come_from(number: u8) {
    OWN.set(Ipv4Addr::new(127, 0, 2, number + 1));
}

pub fn all() -> Vec<(&'static str, Attack)> {
    vec![
        ("sockets that say nothing", silent),
        ("heads that never end, byte by byte", dribbled_head),
        ("a head of a megabyte", huge_head),
        ("random bytes", garbage),
        ("frames that lie about their length", lying_frames),
        ("a message of endless empty parts", endless_parts),
        ("a message in parts of one byte", tiny_parts),
        ("pings without end", pings),
        ("followers that never read", deaf_followers),
        ("values nested deeper than they may be", deep_values),
        ("talk that goes on after the close", talk_after_the_close),
        ("tokens that are guessed", guesses),
        ("objects without end", many_objects),
        ("views without end", many_views),
        ("the largest objects", large_objects),
        ("messages to one inbox", full_inbox),
        ("sessions over HTTP that are left alone", left_sessions),
        ("bodies that never end", endless_bodies),
        ("streams that are not read", deaf_streams),
        ("requests in a row without reading", pipelined),
        ("connections that come and go", churn),
    ]
}

fn connect(address: SocketAddr) -> Option<TcpStream> {
    let stream = connect_from(OWN.get().into(), address).ok()?;
    stream.set_read_timeout(Some(Duration::from_millis(500))).expect("a duration that is not zero");
    stream.set_write_timeout(Some(Duration::from_millis(500))).expect("a duration that is not zero");
    Some(stream)
}

/// A JSON session that has said hello and does not care for the answer.
fn session(address: SocketAddr, subprotocol: &str, user: &str) -> Option<TcpStream> {
    let mut stream = connect(address)?;
    stream.write_all(&handshake(&[("Sec-WebSocket-Protocol", Some(subprotocol))])).ok()?;
    say(&mut stream, &json!({ "type": "hello", "user": user }).to_string())?;
    Some(stream)
}

fn say(stream: &mut TcpStream, text: &str) -> Option<()> {
    stream.write_all(&masked(0x81, text.as_bytes())).ok()
}

/// Writes the same again until the server has had enough, or it is over.
fn pour(stream: &mut TcpStream, bytes: &[u8], over: &AtomicBool) {
    let begun = Instant::now();
    while !over.load(Ordering::Relaxed) && begun.elapsed() < Duration::from_secs(2) {
        if stream.write_all(bytes).is_err() {
            return;
        }
    }
}

/// Until the others are gone too, in short steps.
fn hold(time: Duration, over: &AtomicBool) {
    let begun = Instant::now();
    while !over.load(Ordering::Relaxed) && begun.elapsed() < time {
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// What the server says is read and thrown away, until it has nothing more to say, or for a second.
fn swallow(stream: &mut TcpStream) {
    let (begun, mut dropped) = (Instant::now(), [0; 4096]);
    while begun.elapsed() < Duration::from_secs(1) && matches!(stream.read(&mut dropped), Ok(1..)) {}
}

fn silent(address: SocketAddr, over: &AtomicBool, _seed: u64) {
    let sockets: Vec<_> = (0..200).map_while(|_| connect(address)).collect();
    hold(Duration::from_secs(3), over);
    drop(sockets);
}

fn dribbled_head(address: SocketAddr, over: &AtomicBool, _seed: u64) {
    let mut sockets: Vec<_> = (0..50).map_while(|_| connect(address)).collect();
    let head = handshake(&[("Cookie", Some(&"x".repeat(4_000)))]);
    for byte in head.chunks(1).take(300) {
        sockets.retain_mut(|socket| socket.write_all(byte).is_ok());
        hold(Duration::from_millis(10), over);
    }
}

fn huge_head(address: SocketAddr, over: &AtomicBool, _seed: u64) {
    let Some(mut socket) = connect(address) else { return };
    let _ = socket.write_all(b"GET /objects HTTP/1.1\r\n");
    for _ in 0..1_000 {
        if over.load(Ordering::Relaxed) || socket.write_all(&[b'x'; 1_024]).is_err() {
            return;
        }
    }
    swallow(&mut socket);
}

fn garbage(address: SocketAddr, over: &AtomicBool, seed: u64) {
    let mut dice = Dice::new(seed);
    for _ in 0..50 {
        let Some(mut socket) = connect(address) else { return };
        let bytes: Vec<u8> = (0..1_000).map(|_| dice.below(256) as u8).collect();
        if over.load(Ordering::Relaxed) || socket.write_all(&bytes).is_err() {
            return;
        }
    }
}

fn lying_frames(address: SocketAddr, _over: &AtomicBool, _seed: u64) {
    for length in [u64::MAX >> 1, 1 << 32, 65_537] {
        let Some(mut socket) = session(address, "slotcast.v1.json", "liar") else { return };
        let head = [&[0x81, 0x80 | 127][..], &length.to_be_bytes(), &[0; 4]].concat();
        let _ = socket.write_all(&head);
        swallow(&mut socket);
    }
}

fn endless_parts(address: SocketAddr, over: &AtomicBool, _seed: u64) {
    let Some(mut socket) = session(address, "slotcast.v1.json", "parts") else { return };
    let _ = socket.write_all(&masked(0x01, b""));
    pour(&mut socket, &masked(0x00, b"").repeat(100), over);
}

fn tiny_parts(address: SocketAddr, over: &AtomicBool, _seed: u64) {
    let Some(mut socket) = session(address, "slotcast.v1.json", "parts") else { return };
    let _ = socket.write_all(&masked(0x01, b"{"));
    pour(&mut socket, &masked(0x00, b" ").repeat(100), over);
}

fn pings(address: SocketAddr, over: &AtomicBool, _seed: u64) {
    let Some(mut socket) = session(address, "slotcast.v1.json", "pings") else { return };
    pour(&mut socket, &masked(0x89, b"x").repeat(100), over);
}

fn deaf_followers(address: SocketAddr, over: &AtomicBool, _seed: u64) {
    let follow = json!({ "type": "use", "object": "noise/1" }).to_string();
    let mut deaf = Vec::new();
    for number in 0..20 {
        let Some(mut socket) = session(address, "slotcast.v1.json", &format!("deaf-{number}")) else {
            return;
        };
        if say(&mut socket, &follow).is_none() {
            return;
        }
        deaf.push(socket);
    }
    let Some(mut writer) = session(address, "slotcast.v1.json", "noise") else { return };
    let _ = say(&mut writer, &json!({ "type": "use", "object": "noise/1", "slots": ["-"] }).to_string());
    let op = json!({ "op": "set", "slot": "noise", "value": "x".repeat(20_000) });
    let write = json!({ "type": "write", "object": "noise/1", "seen": 0, "ops": [op] }).to_string();
    pour(&mut writer, &masked(0x81, write.as_bytes()), over);
}

fn deep_values(address: SocketAddr, over: &AtomicBool, _seed: u64) {
    let Some(mut socket) = connect(address) else { return };
    let _ = socket.write_all(&handshake(&[("Sec-WebSocket-Protocol", Some("slotcast.v1.msgpack"))]));
    let _ = socket.write_all(&masked(0x82, b"\x94\x01\xc0\xc0\xa4deep"));
    let deep = [&[0x95, 5, 0xc0, 0xa1, b'a', 0xa1, b'b'][..], &[0x91; 60_000]].concat();
    pour(&mut socket, &masked(0x82, &deep), over);
}

fn talk_after_the_close(address: SocketAddr, over: &AtomicBool, _seed: u64) {
    // Text is no message of this subprotocol.
    let Some(mut socket) = session(address, "slotcast.v1.msgpack", "deaf") else { return };
    pour(&mut socket, &masked(0x82, &[0; 60_000]), over);
}

fn guesses(address: SocketAddr, over: &AtomicBool, seed: u64) {
    for number in 0..50 {
        let Some(mut socket) = connect(address) else { return };
        let _ = socket.write_all(&handshake(&[]));
        let token = format!("guess-{seed}-{number}-{}", "x".repeat(1_000));
        if over.load(Ordering::Relaxed)
            || say(&mut socket, &json!({ "type": "hello", "token": token }).to_string()).is_none()
        {
            return;
        }
        swallow(&mut socket);
    }
}

fn many_objects(address: SocketAddr, over: &AtomicBool, seed: u64) {
    let Some(mut socket) = session(address, "slotcast.v1.json", "hoarder") else { return };
    for number in 0..2_000 {
        let object = format!("hoard/{seed}/{number}/{}", "x".repeat(200));
        let follow = json!({ "type": "use", "object": object }).to_string();
        let release = json!({ "type": "release", "object": object }).to_string();
        if over.load(Ordering::Relaxed)
            || say(&mut socket, &follow).is_none()
            || say(&mut socket, &release).is_none()
        {
            return;
        }
    }
    swallow(&mut socket);
}

fn many_views(address: SocketAddr, over: &AtomicBool, _seed: u64) {
    let Some(mut socket) = session(address, "slotcast.v1.json", "viewer") else { return };
    for number in 0..1_000 {
        let patterns: Vec<String> = (0..16).map(|n| format!("a{number}.{n}*")).collect();
        let follow =
            json!({ "type": "use", "object": "views/1", "slots": patterns, "rate": 1 + number % 100 });
        if over.load(Ordering::Relaxed) || say(&mut socket, &follow.to_string()).is_none() {
            return;
        }
    }
    swallow(&mut socket);
}

fn large_objects(address: SocketAddr, over: &AtomicBool, seed: u64) {
    let Some(mut socket) = session(address, "slotcast.v1.json", "large") else { return };
    for number in 0..50 {
        let object = format!("large/{seed}/{number}");
        let _ = say(&mut socket, &json!({ "type": "use", "object": object, "slots": ["-"] }).to_string());
        for slot in 0..10 {
            let op = json!({ "op": "set", "slot": format!("s{slot}"), "value": "x".repeat(30_000) });
            let write = json!({ "type": "write", "object": object, "ops": [op] }).to_string();
            if over.load(Ordering::Relaxed) || say(&mut socket, &write).is_none() {
                return;
            }
        }
    }
    swallow(&mut socket);
}

fn full_inbox(address: SocketAddr, over: &AtomicBool, seed: u64) {
    let user = format!("spammer-{seed}");
    let Some(mut socket) = session(address, "slotcast.relay.v1.json", &user) else { return };
    for id in 1..2_000 {
        let tell =
            json!({ "type": "tell", "id": id, "to": "victim", "body": "x".repeat(20_000) }).to_string();
        if over.load(Ordering::Relaxed) || say(&mut socket, &tell).is_none() {
            return;
        }
    }
    swallow(&mut socket);
}

fn request(address: SocketAddr, text: &str) -> Option<TcpStream> {
    let mut socket = connect(address)?;
    socket.write_all(text.as_bytes()).ok()?;
    Some(socket)
}

fn open_by_http(user: &str) -> String {
    let hello = json!({ "type": "hello", "user": user });
    let follow = json!({ "type": "use", "object": "noise/1" });
    let body = format!("{hello}\n{follow}\n");
    format!(
        "POST /poll/objects HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn left_sessions(address: SocketAddr, over: &AtomicBool, seed: u64) {
    for number in 0..30 {
        let left = request(address, &open_by_http(&format!("left-{seed}-{number}")));
        if over.load(Ordering::Relaxed) || left.is_none() {
            return;
        }
    }
}

fn endless_bodies(address: SocketAddr, over: &AtomicBool, _seed: u64) {
    let head = "POST /poll/objects HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    let Some(mut socket) = request(address, head) else { return };
    pour(&mut socket, b"400\r\n", over);
    let Some(mut socket) = request(address, head) else { return };
    let chunk = [b"400\r\n", &[b' '; 1_024][..], b"\r\n"].concat();
    pour(&mut socket, &chunk, over);
}

fn deaf_streams(address: SocketAddr, over: &AtomicBool, _seed: u64) {
    let get =
        "GET /v1/objects/noise/1?user=deaf HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n\r\n";
    let streams: Vec<_> = (0..10).map_while(|_| request(address, get)).collect();
    hold(Duration::from_secs(2), over);
    drop(streams);
}

fn pipelined(address: SocketAddr, over: &AtomicBool, _seed: u64) {
    let get = "GET /v1/objects/noise/1?user=row HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let Some(mut socket) = request(address, get) else { return };
    pour(&mut socket, get.repeat(50).as_bytes(), over);
}

fn churn(address: SocketAddr, over: &AtomicBool, seed: u64) {
    for number in 0..100 {
        let socket = session(address, "slotcast.v1.json", &format!("churn-{seed}-{}", number % 10));
        if over.load(Ordering::Relaxed) || socket.is_none() {
            return;
        }
    }
}
