//! The opening handshake: what is answered 101, and what each mistake gets.

use super::server::Server;
use super::socket::{Socket, handshake, http};

#[test]
fn mistakes_get_their_status() {
    let server = Server::dev("");
    let origin = format!("http://{}", server.address);
    let long = "x".repeat(9_000);
    let rows: Vec<(Vec<u8>, &str)> = vec![
        (handshake(&[]), "101"),
        (handshake(&[("Sec-WebSocket-Protocol", Some("other, slotcast.v1.msgpack"))]), "101"),
        (handshake(&[("Connection", Some("keep-alive, UPGRADE")), ("Upgrade", Some("WebSocket"))]), "101"),
        (handshake(&[("Origin", Some(&origin))]), "101"),
        (handshake(&[("Sec-WebSocket-Extensions", Some("permessage-deflate"))]), "101"),
        (handshake(&[("Sec-WebSocket-Protocol", None)]), "400"),
        (handshake(&[("Sec-WebSocket-Protocol", Some("slotcast.v2.json"))]), "400"),
        (handshake(&[("Sec-WebSocket-Key", None)]), "400"),
        (handshake(&[("Sec-WebSocket-Key", Some("short"))]), "400"),
        (handshake(&[("Sec-WebSocket-Key", Some("dGhlIHNhbXBsZSBub25j*Q=="))]), "400"),
        (handshake(&[("Sec-WebSocket-Version", Some("8"))]), "426"),
        (handshake(&[("Upgrade", None)]), "426"),
        (handshake(&[("Connection", Some("close"))]), "426"),
        (handshake(&[("Origin", Some("https://elsewhere.example"))]), "403"),
        (handshake(&[("Origin", Some("null"))]), "403"),
        (handshake(&[("X-Long", Some(&long))]), "431"),
        (b"GET /objects HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(), "426"),
        (b"POST /objects HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n".to_vec(), "405"),
        (b"GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(), "404"),
        (b"GET /../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(), "404"),
        (b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(), "200"),
        (b"\x16\x03\x01\x02\x00\x01\x00garbage\r\n\r\n".to_vec(), "400"),
    ];
    for (request, status) in rows {
        let answer = http(server.address, &request);
        let head = String::from_utf8_lossy(&request).into_owned();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{head:.300}\n was answered by {answer}");
    }
}

#[test]
fn the_key_is_answered_as_the_rfc_says() {
    let server = Server::dev("");
    let answer = http(server.address, &handshake(&[])).to_lowercase();
    assert!(answer.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="), "{answer}");
    assert!(answer.contains("sec-websocket-protocol: slotcast.v1.json"), "{answer}");
    assert!(!answer.contains("extensions"), "{answer}");
}

#[test]
fn metrics_are_served() {
    let server = Server::dev("");
    let _session = Socket::json(server.address, "ada");
    let mut head = http(server.address, b"GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    head.make_ascii_lowercase();
    assert!(head.starts_with("http/1.1 200") && head.contains("text/plain"), "{head}");
}
