//! Each limit of the doors, met from outside, and the metric that counts it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;
use slotcast_tests::real::folder::TempFolder;

use super::server::{Server, binary};
use super::socket::{Frame, Socket, TEXT, handshake, http};

const JSON: &str = "slotcast.v1.json";

/// Until the server counts so much.
fn await_metric(server: &Server, name: &str, wanted: f64) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while server.metric(name) < wanted {
        assert!(Instant::now() < deadline, "{name} does not reach {wanted}");
        std::thread::yield_now();
    }
}

/// An opening handshake as a proxy passes it on, and its answer's status.
fn forwarded(server: &Server, name: &str, value: &str) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(server.address).expect("the server listens");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("it is not zero");
    stream.write_all(&handshake(&[(name, Some(value))])).expect("it reads");
    let mut status = [0; 12];
    let read = stream.read_exact(&mut status);
    (
        stream,
        read.map_or_else(|_| "closed".to_owned(), |()| String::from_utf8_lossy(&status[9..]).into_owned()),
    )
}

/// Whether the server hangs up on it without a word.
fn is_closed(mut stream: TcpStream) -> bool {
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("it is not zero");
    !matches!(stream.read(&mut [0]), Ok(1..))
}

#[test]
fn connections_of_one_address_through_a_proxy() {
    let config = "behind_proxy = [\"127.0.0.0/8\", \"10.0.0.0/8\"]\n[limits]\nconnections_per_address = 3\n";
    let server = Server::dev(config);
    let one: Vec<_> = (0..3).map(|_| forwarded(&server, "X-Forwarded-For", "6.6.6.6, 9.9.9.9")).collect();
    assert!(one.iter().all(|(_, status)| status == "101"), "{one:?}");
    for value in ["9.9.9.9", "1.2.3.4, 9.9.9.9", "9.9.9.9, 10.0.0.7"] {
        assert_eq!(forwarded(&server, "X-Forwarded-For", value).1, "503", "{value}");
    }
    assert_eq!(forwarded(&server, "Forwarded", "for=9.9.9.9").1, "503", "the same, in the standard's words");
    assert_eq!(forwarded(&server, "X-Forwarded-For", "9.9.9.8").1, "101", "another address is let in");
    let subnet: Vec<_> =
        (0..3).map(|host| forwarded(&server, "X-Forwarded-For", &format!("2001:db8::{host}"))).collect();
    assert!(subnet.iter().all(|(_, status)| status == "101"));
    assert_eq!(forwarded(&server, "X-Forwarded-For", "2001:db8::1:1:1:1").1, "503", "a /64 is one address");
    let head = http(
        server.address,
        b"POST /poll/objects HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 9.9.9.9\r\n\
          Content-Type: application/json\r\nContent-Length: 2\r\n\r\n\r\n",
    );
    assert!(head.starts_with("HTTP/1.1 503") && head.to_lowercase().contains("retry-after: 1"), "{head}");
    assert!(server.metric("slotcast_connections_turned_away_address_total") >= 6.0);
}

#[test]
fn whoever_is_no_proxy_is_not_believed() {
    let server = Server::dev("behind_proxy = [\"10.0.0.0/8\"]\n[limits]\nconnections_per_address = 3\n");
    let open: Vec<_> =
        (0..3).map(|number| forwarded(&server, "X-Forwarded-For", &format!("9.9.9.{number}"))).collect();
    assert!(open.iter().all(|(_, status)| status == "101"));
    assert_eq!(forwarded(&server, "X-Forwarded-For", "9.9.9.9").1, "closed", "they are all 127.0.0.1");
    assert_eq!(forwarded(&server, "Forwarded", "for=9.9.9.9").1, "closed");
}

#[test]
fn strangers() {
    let server = Server::dev("[limits]\nstrangers_per_address = 3\nhello_ms = 600000\n");
    let strangers: Vec<_> = (0..3).map(|_| Socket::open(server.address, JSON)).collect();
    assert!(is_closed(TcpStream::connect(server.address).expect("the kernel takes it")));
    let mut known: Vec<Socket> = Vec::new();
    for (number, mut stranger) in strangers.into_iter().enumerate() {
        stranger.say(json!({"type": "hello", "user": format!("ada{number}")}));
        assert_eq!(stranger.hear()["type"], "welcome");
        known.push(stranger);
    }
    let more: Vec<_> = (0..2).map(|_| Socket::json(server.address, "bob")).collect();
    assert_eq!(known[0].ask(json!({"type": "ping", "n": 1}))["n"], 1);
    assert_eq!(more.len(), 2, "whoever has said hello takes no stranger's place");
    assert_eq!(server.metric("slotcast_connections_turned_away_strangers_total"), 1.0);
}

#[test]
fn strangers_of_the_whole_server() {
    let config = "behind_proxy = [\"127.0.0.1\"]\n[limits]\nstrangers = 3\nhello_ms = 600000\n";
    let server = Server::dev(config);
    let open: Vec<_> =
        (0..3).map(|number| forwarded(&server, "X-Forwarded-For", &format!("9.9.9.{number}"))).collect();
    assert!(open.iter().all(|(_, status)| status == "101"));
    assert_eq!(forwarded(&server, "X-Forwarded-For", "8.8.8.8").1, "closed");
    drop(open);
    let come_in = || forwarded(&server, "X-Forwarded-For", "8.8.8.8").1;
    let deadline = Instant::now() + Duration::from_secs(20);
    while come_in() != "101" {
        assert!(Instant::now() < deadline, "there is room again when they are gone");
    }
}

#[test]
fn no_more_connections_than_descriptors() {
    let folder = TempFolder::new("descriptors");
    let said = std::fs::File::create(folder.join("stderr")).expect("the temporary folder has room");
    let serve = "ulimit -n 600 && exec \"$0\" serve --dev --listen 127.0.0.1:0";
    let mut server = Command::new("sh")
        .args(["-c", serve])
        .arg(binary())
        .stdout(Stdio::piped())
        .stderr(said)
        .spawn()
        .expect("a shell is everywhere");
    let mut greeting = [0; 8];
    server.stdout.take().expect("it is piped").read_exact(&mut greeting).expect("it starts");
    server.kill().expect("it is our child");
    server.wait().expect("it is our child");
    let said = std::fs::read_to_string(folder.join("stderr")).expect("it is there");
    assert!(said.contains("connections=150 descriptors=600"), "{said}");
}

#[test]
fn bytes_beyond_the_rate_are_read_later() {
    let server = Server::dev(
        "[limits]\nbytes_per_s = 100000\nbytes_burst = 60000\n[kind.k]\nrules = { x = \"last\" }\n",
    );
    let mut ours = Socket::json(server.address, "ours");
    let mut other = Socket::json(server.address, "other");
    assert_eq!(ours.ask(json!({"type": "use", "object": "k/1", "slots": ["-"]}))["type"], "snapshot");
    let begun = Instant::now();
    let long = "x".repeat(30_000);
    for id in 1..=6 {
        ours.say(json!({"type": "write", "id": id, "object": "k/1", "ops": [{"op": "set", "slot": "x", "value": long}]}));
    }
    assert_eq!(other.ask(json!({"type": "ping", "n": 1}))["n"], 1, "another's are his own");
    for id in 1..=6 {
        assert_eq!(ours.hear()["id"], id, "nothing is lost");
    }
    // 180 kB are 120 kB more than the burst; the last message is read before it is paid for.
    let elapsed = begun.elapsed();
    assert!(elapsed > Duration::from_millis(800), "{elapsed:?}");
    assert!(server.metric("slotcast_sessions_slowed_total") >= 1.0);
}

#[test]
fn requests_of_one_connection_have_a_rate() {
    let server = Server::dev("[limits]\nmessages_per_s = 20\nmessages_burst = 5\n");
    let mut stream = TcpStream::connect(server.address).expect("the server listens");
    let begun = Instant::now();
    stream.write_all(&b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(24)).expect("it reads");
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .expect("it reads");
    let mut answers = String::new();
    stream.read_to_string(&mut answers).expect("it answers and closes");
    assert_eq!(answers.matches("HTTP/1.1 200").count(), 25);
    assert!(begun.elapsed() > Duration::from_millis(900), "{:?}", begun.elapsed());
}

#[test]
fn a_flood_of_pings_ends() {
    let server = Server::dev("");
    let mut other = Socket::json(server.address, "other");
    for kind in [0x89, 0x8a] {
        let mut ours = Socket::json(server.address, "ours");
        for _ in 0..50 {
            ours.frame(kind, b"x");
        }
        ours.say(json!({"type": "ping", "n": 1}));
        while !matches!(ours.next(), Frame::Text(_)) {}
        ours.raw(&[kind, 0x80, 0, 0, 0, 0].repeat(1_000));
        assert_eq!(ours.close_code(), Some(1008));
    }
    let mut stranger = Socket::open(server.address, JSON);
    stranger.raw(&[0x89, 0x80, 0, 0, 0, 0].repeat(10_000));
    assert_eq!(stranger.close_code(), Some(1008), "before hello there is less room");
    assert_eq!(other.ask(json!({"type": "ping", "n": 1}))["n"], 1);
    assert_eq!(server.metric("slotcast_connections_control_flood_total"), 2.0);
}

#[test]
fn a_message_in_parts_has_its_time() {
    let server = Server::dev("[limits]\nfragments_ms = 300\n");
    let mut ours = Socket::json(server.address, "ours");
    let text = json!({"type": "ping", "n": 7}).to_string();
    ours.frame(0x01, &text.as_bytes()[..5]);
    ours.frame(0x80, &text.as_bytes()[5..]);
    assert_eq!(ours.hear()["n"], 7, "parts that come are a message");
    ours.frame(TEXT & 0x7f, b"{");
    assert_eq!(ours.close_code(), Some(1008), "nothing more comes");
    assert_eq!(server.metric("slotcast_connections_fragments_late_total"), 1.0);
}

#[test]
fn http_sessions_are_connections() {
    let server = Server::dev("[limits]\nconnections_per_address = 4\nhello_ms = 600000\n");
    let hello = json!({"type": "hello", "user": "ada"}).to_string();
    let open = || {
        http(
            server.address,
            format!(
                "POST /poll/objects HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
                 Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{hello}",
                hello.len()
            )
            .as_bytes(),
        )
    };
    for number in 0..3 {
        assert!(open().starts_with("HTTP/1.1 200"), "session {number}");
    }
    let refused = open();
    assert!(refused.starts_with("HTTP/1.1 503"), "{refused}");
}

#[test]
fn metrics_are_for_this_machine_and_for_nobody_behind_a_proxy() {
    let (local, public) = (Server::dev(""), Server::dev("metrics = \"public\"\n"));
    for (header, at_local, at_public) in [
        ("", "200", "200"),
        ("X-Forwarded-For: 9.9.9.9\r\n", "404", "200"),
        ("Forwarded: for=127.0.0.1\r\n", "404", "200"),
        ("Via: 1.1 proxy\r\n", "404", "200"),
        ("Host: evil.example\r\n", "421", "421"),
    ] {
        let host = if header.starts_with("Host") { "" } else { "Host: localhost\r\n" };
        let request = format!("GET /metrics HTTP/1.1\r\n{host}{header}\r\n");
        for (server, wanted) in [(&local, at_local), (&public, at_public)] {
            let answer = http(server.address, request.as_bytes());
            assert!(answer.starts_with(&format!("HTTP/1.1 {wanted} ")), "{header:?}: {answer}");
        }
    }
}

#[test]
fn who_asks_from_another_site_without_saying_so_gets_nothing() {
    let server = Server::dev("");
    for (site, wanted) in [("cross-site", "403"), ("same-origin", "200"), ("none", "200")] {
        let request = format!(
            "GET /v1/objects/k/1?user=ada HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: {site}\r\nConnection: close\r\n\r\n"
        );
        let answer = http(server.address, request.as_bytes());
        assert!(answer.starts_with(&format!("HTTP/1.1 {wanted} ")), "{site}: {answer}");
    }
}

#[test]
fn what_clients_say_makes_no_line_of_the_log() {
    let server = Server::dev("log = \"debug,hyper=info\"\n");
    let name = "\u{202e}evil\u{2066}";
    let mut socket = Socket::json(server.address, name);
    socket.say(json!({"type": "use", "object": "a\r\nb"}));
    assert_eq!(socket.hear()["code"], "bad_name");
    socket.say(json!({"type": "\u{1b}[2J"}));
    assert_eq!(socket.hear()["code"], "unknown_type");
    for _ in 0..2_000 {
        // Each of them is a line at this level, and more than 100 a second are not written.
        let _ = TcpStream::connect(server.address)
            .map(|mut stream| stream.write_all(b"\x1b[2J\xe2\x80\xae\r\n\r\n"));
    }
    socket.frame(TEXT, json!({"type": "ping", "n": 1}).to_string().as_bytes());
    assert!(matches!(socket.next(), Frame::Text(_)));
    await_metric(&server, "slotcast_sessions", 1.0);
    let said = server.said();
    assert!(said.chars().all(|letter| letter == '\n' || !letter.is_control()), "{said:?}");
    assert!(!said.contains(['\u{202e}', '\u{2066}']), "{said:?}");
    assert!(said.lines().count() < 1_000, "{} lines", said.lines().count());
}

#[test]
fn views_of_one_object_and_the_room_of_all() {
    let server = Server::dev("[limits]\naudiences = 2\nobjects_bytes = 1048576\n[default]\nlinger_ms = 0\n");
    let mut ours = Socket::json(server.address, "ours");
    let sees = |slots: &str| json!({"type": "use", "object": "k/1", "slots": [slots]});
    let mut others: Vec<Socket> = ["a*", "b*"]
        .into_iter()
        .map(|slots| {
            let mut other = Socket::json(server.address, slots.trim_end_matches('*'));
            assert_eq!(other.ask(sees(slots))["type"], "snapshot");
            other
        })
        .collect();
    let refused = ours.ask(sees("c*"));
    assert_eq!((&refused["type"], &refused["code"]), (&json!("error"), &json!("too_many")));
    assert_eq!(ours.ask(sees("b*"))["type"], "snapshot");
    assert_eq!(ours.ask(sees("c*"))["type"], "released", "a second use that is refused ends the first");
    assert_eq!(ours.hear()["code"], "too_many");
    let long = "x".repeat(30_000);
    let write = |number: usize, op: &str| json!({"type": "write", "id": number, "object": "k/1", "ops": [{"op": op, "slot": format!("s{number}"), "value": long}]});
    let refused =
        (1..100).map(|number| others[0].ask(write(number, "set"))).find(|answer| answer["type"] == "reject");
    assert_eq!(refused.expect("it does not go on for ever")["code"], "storage_full");
    let clear = json!({"type": "write", "id": 1_000, "object": "k/1", "ops": [{"op": "clear"}]});
    assert_eq!(others[0].ask(clear)["type"], "success", "what makes room is done");
    assert!(matches!(others[0].next(), Frame::Text(_)));
    assert_eq!(others[0].ask(write(1_001, "set"))["type"], "success");
    await_metric(&server, "slotcast_objects_refused_total", 2.0);
    await_metric(&server, "slotcast_objects_bytes", 1.0);
}

#[test]
fn the_rings_of_all_objects_together() {
    let server = Server::dev("[limits]\nrings_bytes = 65536\n[default]\nrules = { x = \"last\" }\n");
    let mut ours = Socket::json(server.address, "ours");
    let objects: Vec<String> = (0..4).map(|number| format!("k/{number}")).collect();
    for object in &objects {
        assert_eq!(ours.ask(json!({"type": "use", "object": object}))["type"], "snapshot");
    }
    let long = "x".repeat(10_000);
    for number in 0..40 {
        ours.say(json!({"type": "write", "id": number + 1, "object": objects[number % 4],
            "ops": [{"op": "set", "slot": "x", "value": format!("{number}{long}")}]}));
        while ours.hear()["type"] != "diff" {}
    }
    await_metric(&server, "slotcast_rings_cut_bytes_total", 400_000.0 - 65_536.0);
    assert!((1.0..=65_536.0).contains(&server.metric("slotcast_rings_bytes")));
    drop(ours);
    let deadline = Instant::now() + Duration::from_secs(20);
    while server.metric("slotcast_rings_bytes") > 0.0 {
        assert!(Instant::now() < deadline, "rings are kept though all have left");
        std::thread::yield_now();
    }
}
