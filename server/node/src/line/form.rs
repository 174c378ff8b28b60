//! How messages stand in the bodies of HTTP requests and answers.

use bytes::{BufMut, Bytes};
use slotcast_protocol::{Code, Encoding, Event, Fault, json};

use crate::frame;

/// How many bytes a message's length takes.
const LENGTH_BYTES: usize = 4;

/// The messages in whole frames of ours; pings and pongs say nothing on a line.
pub fn messages(frames: &Bytes, encoding: Encoding) -> Vec<Bytes> {
    let mut rest = frames.clone();
    let mut messages = Vec::new();
    while let Some((kind, payload)) = frame::split(&mut rest) {
        match kind {
            frame::TEXT | frame::BINARY => messages.push(payload),
            frame::CLOSE => messages.push(close(&payload, encoding)),
            _ping_or_pong => {}
        }
    }
    messages
}

/// What is a frame of its own on a WebSocket.
fn close(payload: &[u8], encoding: Encoding) -> Bytes {
    let (code, reason) = payload.split_at_checked(2).unwrap_or((&[0, 0], &[]));
    let code = u16::from_be_bytes([code[0], code[1]]).into();
    let message = Event::Close { code, reason: String::from_utf8_lossy(reason).into_owned() }.encode();
    match encoding {
        Encoding::MessagePack => message.into(),
        Encoding::Json => json::event_text(&message).into(),
    }
}

/// The messages of a batch.
pub fn batch(body: &Bytes, encoding: Encoding) -> Result<Vec<Bytes>, Fault> {
    match encoding {
        Encoding::Json => {
            let lines = body.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
            Ok(lines.map(|line| body.slice_ref(line)).collect())
        }
        Encoding::MessagePack => lengths(body.clone()),
    }
}

fn lengths(mut body: Bytes) -> Result<Vec<Bytes>, Fault> {
    let cut = || Fault::new(Code::BadMessage, "batch: ends in the midst of a message");
    let mut messages = Vec::new();
    while !body.is_empty() {
        let length = body.first_chunk::<LENGTH_BYTES>().ok_or_else(cut)?;
        let length = u32::from_be_bytes(*length) as usize;
        body = body.slice(LENGTH_BYTES..);
        if length > body.len() {
            return Err(cut());
        }
        let message = body.split_to(length);
        if !message.is_empty() {
            messages.push(message);
        }
    }
    Ok(messages)
}

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A line each, or each with its length before it.
    Plain,
    /// Server-sent events, numbered from this on.
    Events { number: u64 },
}

impl Form {
    pub fn content_type(self, encoding: Encoding) -> &'static str {
        match (self, encoding) {
            (Form::Plain, Encoding::Json) => "application/json",
            (Form::Plain, Encoding::MessagePack) => "application/msgpack",
            (Form::Events { .. }, _) => "text/event-stream",
        }
    }

    /// What says nothing, but shows that bytes come through.
    pub fn nothing(self, encoding: Encoding) -> Bytes {
        Bytes::from_static(match (self, encoding) {
            (Form::Plain, Encoding::Json) => b"\n",
            (Form::Plain, Encoding::MessagePack) => &[0; LENGTH_BYTES],
            (Form::Events { .. }, _) => b":\n\n",
        })
    }

    /// The messages, in one piece.
    pub fn put(&mut self, messages: &[Bytes], encoding: Encoding) -> Bytes {
        let mut out = Vec::with_capacity(messages.iter().map(|message| message.len() + 16).sum());
        for message in messages {
            match (&mut *self, encoding) {
                (Form::Plain, Encoding::Json) => {
                    out.put_slice(message);
                    out.put_u8(b'\n');
                }
                (Form::Plain, Encoding::MessagePack) => {
                    out.put_u32(message.len() as u32);
                    out.put_slice(message);
                }
                (Form::Events { number }, _) => {
                    out.put_slice(format!("id: {number}\ndata: ").as_bytes());
                    *number += 1;
                    put_data(message, encoding, &mut out);
                    out.put_slice(b"\n\n");
                }
            }
        }
        out.into()
    }
}

fn put_data(message: &[u8], encoding: Encoding, out: &mut Vec<u8>) {
    use base64::Engine;
    match encoding {
        Encoding::Json => out.put_slice(message),
        Encoding::MessagePack => {
            out.put_slice(base64::prelude::BASE64_STANDARD.encode(message).as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use slotcast_protocol::CloseCode;

    use super::*;

    #[test]
    fn frames_become_messages() {
        let pong = Event::Pong { n: Some(7), time_ms: 1 };
        for (encoding, closing) in [
            (Encoding::Json, &b"{\"type\":\"close\",\"code\":4401,\"reason\":\"no\"}"[..]),
            (Encoding::MessagePack, b"\x93\x1c\xcd\x11\x31\xa2no"),
        ] {
            let mut frames = frame::ping().to_vec();
            frame::put(&pong, encoding, &mut frames);
            frames.extend_from_slice(&frame::close(CloseCode::Unauthorized, "no"));
            let messages = messages(&frames.into(), encoding);
            assert_eq!(messages.len(), 2);
            assert_eq!(messages[1], closing);
            let read = batch(&Form::Plain.put(&messages, encoding), encoding).expect("what was put");
            assert_eq!(read, messages);
        }
    }

    #[test]
    fn events_are_numbered() {
        let mut form = Form::Events { number: 41 };
        let put = form.put(&[Bytes::from_static(b"{}"), Bytes::from_static(b"[]")], Encoding::Json);
        assert_eq!(put, "id: 41\ndata: {}\n\nid: 42\ndata: []\n\n");
        let put = form.put(&[Bytes::from_static(&[0x91, 1])], Encoding::MessagePack);
        assert_eq!(put, "id: 43\ndata: kQE=\n\n");
    }

    #[test]
    fn batches_that_are_cut() {
        for body in [&[0, 0, 0, 2, 1][..], &[0, 0], &[0, 0, 0, 1, 9, 0, 0, 0, 1], &[0xff, 0xff, 0xff, 0xff]] {
            assert!(batch(&Bytes::from_static(body), Encoding::MessagePack).is_err(), "{body:?}");
        }
        let nothing = batch(&Bytes::from_static(&[0; 8]), Encoding::MessagePack).expect("twice nothing");
        assert!(nothing.is_empty());
    }
}
