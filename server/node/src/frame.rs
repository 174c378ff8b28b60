//! Server frames of RFC 6455: never masked, always whole, made once for all who get them.
//!
//! ```text
//! 0           1                        2 or 4 or 10
//! | FIN, op   | length, or 126, or 127 | length in 2 or 8 bytes | payload
//! ```

use bytes::{Buf, Bytes};
use slotcast_protocol::{CloseCode, Encoding, Event, json};

pub const TEXT: u8 = 0x81;
pub const BINARY: u8 = 0x82;
pub const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;

/// An empty ping.
pub fn ping() -> Bytes {
    Bytes::from_static(&[PING, 0])
}

/// The answer to a ping, with what that brought: at most 125 bytes.
pub fn pong(payload: &[u8]) -> Bytes {
    whole(PONG, payload).into()
}

/// The answer to a close frame, with its code.
pub fn close_answer(code: Option<u16>) -> Bytes {
    whole(CLOSE, code.map(u16::to_be_bytes).as_ref().map_or(&[], |code| code)).into()
}

/// A close frame with its code and a reason of at most 123 bytes.
pub fn close(code: CloseCode, reason: &str) -> Bytes {
    let mut payload = code.number().to_be_bytes().to_vec();
    payload.extend_from_slice(&reason.as_bytes()[..reason.len().min(123)]);
    whole(CLOSE, &payload).into()
}

/// Appends the event as a complete frame.
pub fn put(event: &Event, encoding: Encoding, out: &mut Vec<u8>) {
    let message = event.encode();
    match encoding {
        Encoding::MessagePack => put_frame(BINARY, &message, out),
        Encoding::Json => put_frame(TEXT, json::event_text(&message).as_bytes(), out),
    }
}

/// The event as a complete frame.
pub fn of(event: &Event, encoding: Encoding) -> Bytes {
    let mut out = Vec::new();
    put(event, encoding, &mut out);
    out.into()
}

/// A complete frame.
pub fn whole(kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() + 10);
    put_frame(kind, payload, &mut out);
    out
}

/// Takes the first of several whole frames; its first byte and payload.
pub fn split(frames: &mut Bytes) -> Option<(u8, Bytes)> {
    let (kind, length) = (*frames.first()?, *frames.get(1)?);
    frames.advance(2);
    let length = match length {
        126 => usize::from(frames.try_get_u16().ok()?),
        127 => frames.try_get_u64().ok()? as usize,
        short => usize::from(short),
    };
    (length <= frames.len()).then(|| (kind, frames.split_to(length)))
}

fn put_frame(kind: u8, payload: &[u8], out: &mut Vec<u8>) {
    out.reserve(payload.len() + 10);
    out.push(kind);
    match payload.len() {
        short @ 0..=125 => out.push(short as u8),
        medium @ 126..=0xffff => {
            out.push(126);
            out.extend_from_slice(&(medium as u16).to_be_bytes());
        }
        long => {
            out.push(127);
            out.extend_from_slice(&(long as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(payload);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths() {
        for (length, head) in [(0, 2), (125, 2), (126, 4), (0xffff, 4), (0x1_0000, 10)] {
            let frame = whole(BINARY, &vec![7; length]);
            assert_eq!(frame.len(), head + length);
            let mut frames = Bytes::from([frame, whole(PONG, &[1])].concat());
            assert_eq!(split(&mut frames), Some((BINARY, vec![7; length].into())));
            assert_eq!(split(&mut frames), Some((PONG, vec![1].into())));
            assert_eq!(split(&mut frames), None);
        }
        assert_eq!(whole(TEXT, &[1; 200])[..4], [0x81, 126, 0, 200]);
    }
}
