//! TLS: the same doors, encrypted; and what is not TLS, too slow or too much of it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use slotcast_tests::real::tls::Certificates;

use super::server::{Launch, Server, binary};
use super::socket::Socket;

const JSON: &str = "slotcast.v1.json";

fn serve(config: &str) -> (Server, Certificates) {
    let certificates = Certificates::new();
    (Server::dev(&format!("{config}\n{}", certificates.config())), certificates)
}

fn session(server: &Server, certificates: &Certificates, user: &str) -> Socket {
    let stream = certificates.connect(server.address).expect("the certificate is trusted");
    let mut socket = Socket::over(Box::new(stream), JSON).expect("the handshake is answered");
    socket.say(json!({"type": "hello", "user": user}));
    assert_eq!(socket.hear()["type"], "welcome");
    socket
}

fn metric(server: &Server, certificates: &Certificates, name: &str) -> f64 {
    let page = certificates
        .request(server.address, "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    value(&page, name)
}

fn value(page: &str, name: &str) -> f64 {
    let line = page.lines().find(|line| line.split(' ').next() == Some(name));
    let value = line.and_then(|line| line.split(' ').nth(1)).and_then(|value| value.parse().ok());
    value.unwrap_or_else(|| panic!("no metric {name} in {page}"))
}

#[test]
fn a_slow_reader_has_every_value_that_counts_and_the_others_do_not_wait() {
    const WRITES: u64 = 300;
    let (server, certificates) = serve(
        "[limits]\nmessages_per_s = 100000\nmessages_burst = 100000\nbytes_per_s = 1000000000\n[kind.game]\nrules = { x = \"last\" }\n",
    );
    let mut slow = session(&server, &certificates, "slow");
    assert_eq!(slow.ask(json!({"type": "use", "object": "game/1"}))["type"], "snapshot");
    let mut writer = session(&server, &certificates, "writer");
    assert_eq!(writer.ask(json!({"type": "use", "object": "game/1"}))["type"], "snapshot");
    let long = "x".repeat(30_000);
    for id in 1..=WRITES {
        writer.say(json!({"type": "write", "id": id, "object": "game/1",
            "ops": [{"op": "set", "slot": "x", "value": format!("{id}{long}")}]}));
        while writer.hear()["to"] != json!(id) {}
    }
    let (mut have, mut diffs) = (0, 0);
    while have < WRITES {
        let diff = slow.hear();
        assert!(diff["from"].as_u64().is_some_and(|from| from <= have), "after {have}: a gap");
        have = diff["to"].as_u64().expect("a diff has a version");
        diffs += 1;
        let value = diff["changes"][0]["value"].as_str().expect("it is a text");
        assert!(value.starts_with(&format!("{have}x")), "version {have} with the value of another");
    }
    assert!(diffs < WRITES, "it was slow, so some were folded");
    assert_eq!(slow.ask(json!({"type": "ping", "n": 7}))["n"], 7, "and it can speak");
}

#[test]
fn the_doors_of_http() {
    let (server, certificates) = serve("");
    let write = r#"{"ops":[{"op":"set","slot":"tea","value":1}]}"#;
    let posted = certificates.request(
        server.address,
        &format!(
            "POST /v1/objects/votes/1?user=ada HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{write}",
            write.len()
        ),
    );
    assert!(posted.starts_with("HTTP/1.1 200") && posted.contains("success"), "{posted}");
    let read = "GET /v1/objects/votes/1?user=bob HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let read = certificates.request(server.address, read);
    assert!(read.starts_with("HTTP/1.1 200") && read.contains(r#""slot":"tea""#), "{read}");
}

#[test]
fn who_closes_is_told_good_bye() {
    let (server, certificates) = serve("");
    let mut socket = session(&server, &certificates, "ada");
    socket.raw(&[0x83, 0x80, 0, 0, 0, 0]);
    assert_eq!(socket.close_code(), Some(1002));
}

#[test]
fn a_new_certificate_is_taken_while_connections_live_and_a_bad_one_is_not() {
    let (server, mut certificates) = serve("");
    let mut before = session(&server, &certificates, "before");
    certificates.put_chain("no certificate at all\n");
    server.signal("HUP");
    wait_for(&server, "the new certificate is not taken");
    session(&server, &certificates, "the old pair is in force");
    certificates.renew();
    wait_for(&server, "the certificate was read again");
    session(&server, &certificates, "the new pair is in force");
    assert_eq!(before.ask(json!({"type": "ping", "n": 1}))["n"], 1, "who was there does not notice");
}

/// Until the server has said it.
fn wait_for(server: &Server, words: &str) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !server.said().contains(words) {
        assert!(Instant::now() < deadline, "{words}: {}", server.said());
        std::thread::yield_now();
    }
}

#[test]
fn what_is_no_tls_of_today_is_refused_and_a_stall_ends() {
    let (server, certificates) = serve("");
    let mut other = session(&server, &certificates, "other");
    // A ClientHello that offers TLS 1.0 and a cipher of its time.
    let body = [&[3, 1][..], &[7; 32], &[0, 0, 2, 0, 0x2f, 1, 0]].concat();
    let hello = [&[1, 0, 0, body.len() as u8][..], &body].concat();
    let tls_1_0 = [&[0x16, 3, 1, 0, hello.len() as u8][..], &hello].concat();
    let rows: [(&str, &[u8]); 4] = [
        ("TLS 1.0", &tls_1_0),
        ("plain HTTP", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        ("garbage", &[0xff; 600]),
        ("nothing, for 5 s", &[]),
    ];
    for (what, bytes) in rows {
        let mut stream = TcpStream::connect(server.address).expect("the server listens");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("it is not zero");
        stream.write_all(bytes).expect("it reads");
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer);
        assert!(
            !matches!(&read, Err(error) if error.kind() == std::io::ErrorKind::WouldBlock),
            "{what}: it is left open"
        );
        assert!(answer.is_empty() || answer[0] == 0x15, "{what}: an alert or nothing, not {answer:?}");
    }
    assert_eq!(metric(&server, &certificates, "slotcast_tls_handshakes_failed_total"), 4.0);
    assert_eq!(other.ask(json!({"type": "ping", "n": 1}))["n"], 1);
}

#[test]
fn a_flood_of_handshakes_has_its_rate() {
    let (server, certificates) = serve("[limits]\nhandshakes_per_s = 5\n");
    let begun = Instant::now();
    let flood: Vec<_> = (0..200).map(|_| TcpStream::connect(server.address).expect("it listens")).collect();
    let honest = std::iter::repeat_with(|| certificates.connect(server.address)).find_map(Result::ok);
    let mut honest = Socket::over(Box::new(honest.expect("it is tried until it is let in")), JSON)
        .expect("the handshake is answered");
    honest.say(json!({"type": "hello", "user": "honest"}));
    assert_eq!(honest.hear()["type"], "welcome");
    drop(flood);
    let page = std::iter::repeat_with(|| certificates.connect(server.address)).find_map(Result::ok);
    let mut page = page.expect("it is tried until it is let in");
    page.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .expect("it reads");
    let mut text = String::new();
    page.read_to_string(&mut text).expect("it answers");
    let (begun_handshakes, refused) = (
        value(&text, "slotcast_tls_handshakes_total"),
        value(&text, "slotcast_tls_handshakes_refused_total"),
    );
    // Five at once, five that wait for a turn, and then the rate.
    let most = 11.0 + 5.0 * (begun.elapsed().as_secs_f64() + 1.0);
    assert!(
        begun_handshakes <= most && refused >= 200.0 - most,
        "{begun_handshakes} begun, {refused} refused"
    );
}

#[test]
fn a_key_that_others_can_read_and_one_of_another_certificate_are_refused() {
    let certificates = Certificates::new();
    certificates.set_key_mode(0o644);
    let refusal = Launch::dev(&certificates.config()).refusal();
    assert_eq!(refusal.code, Some(2));
    assert!(refusal.said.contains("others may read it"), "{}", refusal.said);
    certificates.set_key_mode(0o640);
    let other = Certificates::new();
    certificates.put_chain(&std::fs::read_to_string(other.chain()).expect("it is there"));
    let refusal = Launch::dev(&certificates.config()).refusal();
    assert!(refusal.said.contains("is not the key of"), "{}", refusal.said);
}

#[test]
fn the_terminal_speaks_it_to_whom_it_trusts() {
    let (server, certificates) = serve("");
    let run = |words: &[&str]| {
        let url = format!("wss://localhost:{}", server.address.port());
        let mut command = Command::new(binary());
        command.args(words).args(["--user", "ada", "--json", "--url", &url]).env_remove("SLOTCAST_TOKEN");
        command.output().expect("the binary is built before the tests")
    };
    let ca = certificates.chain();
    let ca = ca.to_str().expect("a plain path");
    let set = run(&["set", "votes/1", "tea", "1", "--ca", ca]);
    assert!(set.status.success(), "{set:?}");
    let success: Value = serde_json::from_slice(&set.stdout).expect("it is JSON");
    assert_eq!(success["version"], 1);
    let stranger = run(&["get", "votes/1", "--timeout", "5"]);
    assert_eq!(stranger.status.code(), Some(1), "the certificate is nobody's whom browsers trust");
}
