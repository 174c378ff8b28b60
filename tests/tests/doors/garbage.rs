//! Ten million random bytes in ten thousand connections, while one honest client talks: it hears every answer, and the log stays short.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use slotcast_tests::dice::Dice;
use slotcast_tests::real;

use super::server::Server;
use super::socket::{Socket, handshake};

const CONNECTIONS: usize = 10_000;
const BYTES: usize = 10_000_000;
const AT_ONCE: usize = 8;
const LOG_LINES_MAX: usize = 200;

/// Nothing that garbage is answered with comes later.
const PATIENCE: Duration = Duration::from_secs(20);

/// What was sent and heard.
#[derive(Default)]
struct Tally {
    connections: AtomicUsize,
    bytes: AtomicUsize,
    switched: AtomicUsize,
    refused: AtomicUsize,
}

#[test]
fn garbage_ends_no_one_else_and_fills_no_log() {
    let seed = real::seed("garbage");
    let server = Server::dev("[limits]\nmessages_per_s = 1000000\nmessages_burst = 1000000\n");
    let (tally, over) = (Tally::default(), AtomicBool::new(false));
    let mut took = std::thread::scope(|scope| {
        let honest = scope.spawn(|| talk(server.address, &over));
        let throwers: Vec<_> = (0..AT_ONCE)
            .map(|number| {
                scope.spawn({
                    let (tally, address) = (&tally, server.address);
                    move || throw(address, Dice::new(seed + number as u64), tally)
                })
            })
            .collect();
        throwers.into_iter().for_each(|thrower| thrower.join().expect("it has said why"));
        over.store(true, Ordering::Relaxed);
        honest.join().expect("it has said why")
    });
    took.sort_unstable();
    let count = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
    let (switched, refused) = (count(&tally.switched), count(&tally.refused));
    println!(
        "{} bytes in {} connections, {switched} of them WebSockets, {refused} refused over HTTP; the honest client had {} answers, \
         half of them within {:?}, 99 % within {:?}",
        count(&tally.bytes),
        count(&tally.connections),
        took.len(),
        took[took.len() / 2],
        took[took.len() * 99 / 100]
    );
    assert_eq!((count(&tally.connections), count(&tally.bytes)), (CONNECTIONS, BYTES));
    assert!(switched > CONNECTIONS / 5 && refused > CONNECTIONS / 10, "there was garbage of each sort");
    assert!(took.len() > 20, "the honest client talked all the time");
    let said = server.said();
    assert!(said.lines().count() < LOG_LINES_MAX, "{} lines:\n{said:.2000}", said.lines().count());
    let mut later = Socket::json(server.address, "later");
    assert_eq!(later.ask(json!({"type": "ping", "n": 1}))["n"], 1);
}

/// Writes and hears of it, again and again, on one connection; how long each took.
fn talk(address: SocketAddr, over: &AtomicBool) -> Vec<Duration> {
    let mut honest = Socket::json(address, "honest");
    assert_eq!(honest.ask(json!({"type": "use", "object": "k/1"}))["type"], "snapshot");
    let (mut took, mut id) = (Vec::new(), 0);
    while !over.load(Ordering::Relaxed) {
        id += 1;
        let begun = Instant::now();
        let ops = json!([{"op": "set", "slot": "n", "value": id}]);
        let success = honest.ask(json!({"type": "write", "id": id, "object": "k/1", "ops": ops}));
        assert_eq!((&success["type"], &success["id"]), (&json!("success"), &json!(id)), "{success}");
        let diff = honest.hear();
        assert_eq!((&diff["to"], &diff["changes"][0]["value"]), (&json!(id), &json!(id)), "{diff}");
        took.push(begun.elapsed());
    }
    took
}

/// One thrower's share, a connection after the other.
fn throw(address: SocketAddr, mut dice: Dice, tally: &Tally) {
    for _ in 0..CONNECTIONS / AT_ONCE {
        let noise: Vec<u8> = (0..BYTES / CONNECTIONS).map(|_| dice.roll() as u8).collect();
        let opening = opening(&mut dice);
        let mut stream = TcpStream::connect(address).expect("the server listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a duration that is not zero");
        // The server may have hung up in the midst of it.
        let _ = stream.write_all(&[opening, noise].concat());
        let _ = stream.shutdown(Shutdown::Write);
        let mut answer = Vec::new();
        match stream.read_to_end(&mut answer) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                panic!("it is held open for {PATIENCE:?}")
            }
            Ok(_) | Err(_) => {}
        }
        tally.connections.fetch_add(1, Ordering::Relaxed);
        tally.bytes.fetch_add(BYTES / CONNECTIONS, Ordering::Relaxed);
        tally.switched.fetch_add(usize::from(answer.starts_with(b"HTTP/1.1 101 ")), Ordering::Relaxed);
        tally.refused.fetch_add(usize::from(answer.starts_with(b"HTTP/1.1 4")), Ordering::Relaxed);
    }
}

/// What comes before the noise: nothing, half a handshake, a whole one, and such a one with a hello or the head of a frame.
fn opening(dice: &mut Dice) -> Vec<u8> {
    let protocol =
        ["slotcast.v1.json", "slotcast.v1.msgpack", "slotcast.relay.v1.json"][dice.below(3) as usize];
    let shaken = handshake(&[("Sec-WebSocket-Protocol", Some(protocol))]);
    let half = dice.below(shaken.len() as u64) as usize;
    let hello = b"{\"type\":\"hello\",\"user\":\"noise\"}";
    match dice.below(6) {
        0 | 1 => Vec::new(),
        2 => shaken[..half].to_vec(),
        3 => shaken,
        4 => [&shaken[..], &[0x81, 0x80 | hello.len() as u8, 0, 0, 0, 0], hello].concat(),
        _a_long_frame => [&shaken[..], &[0x82, 0xfe, 0xff, 0xff, 1, 2, 3, 4]].concat(),
    }
}
