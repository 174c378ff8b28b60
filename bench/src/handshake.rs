//! The opening of a WebSocket (RFC 6455, section 4), seen from both ends.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};
use std::net::SocketAddr;

/// The subprotocol that the benchmark speaks at the door to objects.
pub const SUBPROTOCOL: &str = "slotcast.v1.msgpack";
/// A head longer than this is refused, by either end.
pub const HEAD_BYTES_MAX: usize = 8192;

const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// A client's request to a server that speaks Slotcast.
pub fn request(server: SocketAddr) -> String {
    request_to(server, "/objects", Some(SUBPROTOCOL))
}

/// A client's request. The key is always the same: no cache stands between the two.
pub fn request_to(server: SocketAddr, path: &str, subprotocol: Option<&str>) -> String {
    let protocol = subprotocol.map(|name| format!("Sec-WebSocket-Protocol: {name}\r\n")).unwrap_or_default();
    format!(
        "GET {path} HTTP/1.1\r\nHost: {server}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n{protocol}\r\n"
    )
}

/// The server's answer to a request's head, or `None` if that is no upgrade.
pub fn response(head: &[u8]) -> Option<String> {
    let head = std::str::from_utf8(head).ok()?;
    let key = header(head, "sec-websocket-key")?;
    let subprotocol = header(head, "sec-websocket-protocol").unwrap_or(SUBPROTOCOL);
    Some(format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\nSec-WebSocket-Protocol: {subprotocol}\r\n\r\n",
        accept(key)
    ))
}

/// Whether the head of a response opens the WebSocket; the error is its first line.
pub fn accepted(head: &[u8]) -> Result<(), String> {
    let head = String::from_utf8_lossy(head);
    let first = head.lines().next().unwrap_or_default();
    let good =
        first.starts_with("HTTP/1.1 101") && header(&head, "sec-websocket-accept") == Some(&accept(KEY));
    if good { Ok(()) } else { Err(first.to_owned()) }
}

/// Where the head ends, the empty line included.
pub fn head_end(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4)
}

fn accept(key: &str) -> String {
    STANDARD.encode(Sha1::new().chain_update(key).chain_update(GUID).finalize())
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let pairs = head.lines().filter_map(|line| line.split_once(':'));
    pairs.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_rfc() {
        assert_eq!(accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn the_ends_agree() {
        let request = request(SocketAddr::from(([127, 0, 0, 1], 80)));
        assert_eq!(head_end(request.as_bytes()), Some(request.len()));
        let response = response(request.as_bytes()).expect("it asks for an upgrade");
        assert_eq!(accepted(response.as_bytes()), Ok(()));
    }

    #[test]
    fn a_refusal_is_told_by_its_first_line() {
        assert_eq!(accepted(b"HTTP/1.1 403 Forbidden\r\n\r\n"), Err("HTTP/1.1 403 Forbidden".to_owned()));
        assert_eq!(response(b"GET /healthz HTTP/1.1\r\n\r\n"), None);
    }
}
