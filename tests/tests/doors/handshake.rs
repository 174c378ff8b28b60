//! The opening handshake's answer; what each mistake gets is in `requests`.

use super::server::Server;
use super::socket::{Socket, handshake, http};

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
    let mut head =
        http(server.address, b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    head.make_ascii_lowercase();
    assert!(head.starts_with("http/1.1 200") && head.contains("text/plain"), "{head}");
}
