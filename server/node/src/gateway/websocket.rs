//! The doors `/objects` and `/relay`: the opening handshake of RFC 6455, after which the raw socket is a [`Connection`]'s.

use std::rc::Rc;

use hyper::body::Incoming;
use hyper::header::{
    CONNECTION, HeaderMap, HeaderName, HeaderValue, ORIGIN, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use hyper::{Request, StatusCode, Version};
use hyper_util::rt::TokioIo;
use slotcast_protocol::{Door, Encoding};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::connection::Connection;
use super::visitor::{Knock, Visitor};
use super::{Answer, http, origin, text};
use crate::outbox::{Other, Socket, TlsSocket};
use crate::worker::Worker;

/// Answers 101 and hands the socket on, or says what is wrong with the handshake.
pub fn upgrade(worker: &Rc<Worker>, knock: &Knock, door: Door, mut request: Request<Incoming>) -> Answer {
    if !origin::is_allowed(request.headers(), &worker.house.origins, worker.house.dev) {
        return text(StatusCode::FORBIDDEN, "this page's Origin is not on the server's list\n");
    }
    let (encoding, accept) = match check(door, request.version(), request.headers()) {
        Ok(checked) => checked,
        Err(refused) => return *refused,
    };
    let origin = request.headers().get(ORIGIN).and_then(|origin| origin.to_str().ok()).map(str::to_owned);
    let Ok(visitor) = knock.upgrade(worker, request.headers()) else { return http::too_many() };
    let socket = hyper::upgrade::on(&mut request);
    tokio::task::spawn_local(async move {
        match socket.await {
            Ok(upgraded) => run(visitor, upgraded, (door, encoding), origin),
            Err(error) => tracing::debug!(%error, "an upgrade was not carried out"),
        }
    });
    switching(encoding.subprotocol(door), &accept)
}

/// In a task of its own, so that what an idle connection keeps is only what it needs.
fn run(
    visitor: Visitor,
    upgraded: hyper::upgrade::Upgraded,
    protocol: (Door, Encoding),
    origin: Option<String>,
) {
    let (socket, early) = match upgraded.downcast::<TokioIo<TcpStream>>() {
        Ok(parts) => (Socket::Tcp(parts.io.into_inner()), parts.read_buf),
        Err(upgraded) => {
            let parts = upgraded.downcast::<TokioIo<TlsStream<TcpStream>>>();
            let parts = parts.expect("the gateway serves TCP, and TLS over it");
            let tls = TlsSocket::new(parts.io.into_inner());
            (Socket::Other(Other::Tls(Box::new(tls))), parts.read_buf)
        }
    };
    let connection = Connection::new(visitor, socket, &early, protocol);
    tokio::task::spawn_local(connection.of_page(origin).run());
}

fn check(door: Door, version: Version, headers: &HeaderMap) -> Result<(Encoding, String), Box<Answer>> {
    let refuse = |status, why: String| Err(Box::new(text(status, why)));
    if version != Version::HTTP_11
        || !has(headers, CONNECTION, "upgrade")
        || !has(headers, UPGRADE, "websocket")
    {
        let mut answer = text(StatusCode::UPGRADE_REQUIRED, "this is a WebSocket: ask for an upgrade\n");
        answer.headers_mut().insert(UPGRADE, HeaderValue::from_static("websocket"));
        answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade, close"));
        return Err(Box::new(answer));
    }
    if headers.get(SEC_WEBSOCKET_VERSION).map(HeaderValue::as_bytes) != Some(b"13") {
        let mut answer = text(StatusCode::UPGRADE_REQUIRED, "Sec-WebSocket-Version: must be 13\n");
        answer.headers_mut().insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        return Err(Box::new(answer));
    }
    let Some(key) = headers.get(SEC_WEBSOCKET_KEY).filter(|key| is_key(key.as_bytes())) else {
        return refuse(StatusCode::BAD_REQUEST, "Sec-WebSocket-Key: must be 16 bytes in base64\n".into());
    };
    let Some(encoding) = choose(door, headers) else {
        return refuse(
            StatusCode::BAD_REQUEST,
            format!(
                "Sec-WebSocket-Protocol: must name {} or {}\n",
                Encoding::MessagePack.subprotocol(door),
                Encoding::Json.subprotocol(door)
            ),
        );
    };
    Ok((encoding, derive_accept_key(key.as_bytes())))
}

/// 16 bytes are 22 digits and two signs of padding.
fn is_key(key: &[u8]) -> bool {
    let digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    key.len() == 24 && key.ends_with(b"==") && key[..22].iter().all(digit)
}

fn has(headers: &HeaderMap, name: HeaderName, wanted: &str) -> bool {
    tokens(headers, name).any(|token| token.eq_ignore_ascii_case(wanted))
}

/// The first of the client's list that we speak.
fn choose(door: Door, headers: &HeaderMap) -> Option<Encoding> {
    let named = |token: &str| Encoding::ALL.into_iter().find(|encoding| encoding.subprotocol(door) == token);
    tokens(headers, SEC_WEBSOCKET_PROTOCOL).find_map(named)
}

fn tokens(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}

fn switching(subprotocol: &'static str, accept: &str) -> Answer {
    let mut answer = http::empty(StatusCode::SWITCHING_PROTOCOLS);
    let headers = answer.headers_mut();
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, HeaderValue::from_str(accept).expect("base64 is plain"));
    headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(subprotocol));
    answer
}
