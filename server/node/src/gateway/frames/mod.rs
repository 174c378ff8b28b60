//! What a client's bytes say: frames of RFC 6455 in, whole messages out. No socket, no clock.
//!
//! ```text
//! 0             1                           2 or 4 or 10   +4
//! | FIN, 0, op  | mask = 1, length, 126, 127 | length      | mask | payload, masked
//! ```
//!
//! A frame that lies whole in what was read is handed out from there; only what is left over is kept, so that who is idle costs a pointer.

use std::borrow::Cow;

use slotcast_protocol::CloseCode;

const CONTROL_BYTES_MAX: u8 = 125;

/// Bytes of a message's limit for each part that it may come in: what a part costs beyond its bytes is bounded with them.
const BYTES_PER_PART: usize = 64;

/// What one frame brought.
#[derive(Debug, PartialEq, Eq)]
pub enum Incoming<'a> {
    Text(Cow<'a, str>),
    Binary(Cow<'a, [u8]>),
    /// A part of a message that goes on.
    Part,
    Ping(&'a [u8]),
    Pong,
    /// With the code, if the peer gave one.
    Close(Option<u16>),
}

/// Why nothing more can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken {
    pub code: CloseCode,
    pub why: &'static str,
}

/// One connection's frames.
pub struct Frames {
    kept: Option<Box<Kept>>,
}

/// What waits for the rest of a frame or of a message.
struct Kept {
    /// Read and, from `at` on, not handed out: at most the frame that is not whole, or what one read gave beyond the frame in hand.
    bytes: Vec<u8>,
    at: usize,
    message: Option<Message>,
}

/// The parts of a message that have come.
struct Message {
    is_text: bool,
    payload: Vec<u8>,
    parts: usize,
}

impl Frames {
    /// `early` is what was read before.
    pub fn new(early: &[u8]) -> Self {
        let mut frames = Frames { kept: None };
        frames.keep(early, None);
        frames
    }

    /// The next frame of what is kept; None if more has to be read. A message may have `bytes_max`.
    pub fn next(&mut self, bytes_max: usize) -> Result<Option<Incoming<'_>>, Broken> {
        self.tidy();
        let Some(Kept { bytes, at, message }) = self.kept.as_deref_mut() else { return Ok(None) };
        let Some(head) = Head::of(&bytes[*at..], message.as_ref(), bytes_max)? else { return Ok(None) };
        let frame = &mut bytes[*at..][..head.frame_bytes()];
        *at += frame.len();
        let (incoming, begun) = head.open(frame, message.take(), bytes_max)?;
        *message = begun;
        Ok(Some(incoming))
    }

    /// The first frame of what was read when [`Frames::next`] had no more; what is behind it is kept.
    pub fn read<'a>(
        &'a mut self,
        read: &'a mut [u8],
        bytes_max: usize,
    ) -> Result<Option<Incoming<'a>>, Broken> {
        self.tidy();
        if let Some(kept) = self.kept.as_mut().filter(|kept| !kept.bytes.is_empty()) {
            kept.bytes.drain(..std::mem::take(&mut kept.at));
            kept.bytes.extend_from_slice(read);
            return self.next(bytes_max);
        }
        let message = self.kept.take().and_then(|kept| kept.message);
        let Some(head) = Head::of(read, message.as_ref(), bytes_max)? else {
            self.keep(read, message);
            return Ok(None);
        };
        let (frame, rest) = read.split_at_mut(head.frame_bytes());
        let (incoming, begun) = head.open(frame, message, bytes_max)?;
        self.keep(rest, begun);
        Ok(Some(incoming))
    }

    fn keep(&mut self, rest: &[u8], message: Option<Message>) {
        if !rest.is_empty() || message.is_some() {
            self.kept = Some(Box::new(Kept { bytes: rest.to_vec(), at: 0, message }));
        }
    }

    /// Gives back what is no longer needed.
    fn tidy(&mut self) {
        if let Some(kept) = self.kept.as_mut().filter(|kept| kept.at == kept.bytes.len()) {
            (kept.bytes, kept.at) = (Vec::new(), 0);
            if kept.message.is_none() {
                self.kept = None;
            }
        }
    }
}

/// The head of a frame that is there as a whole.
struct Head {
    is_final: bool,
    kind: Kind,
    mask: [u8; 4],
    head_bytes: usize,
    payload_bytes: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

impl Head {
    /// What the first frame in `bytes` is, if all of it is there; what breaks a rule or a limit is refused before the rest is.
    fn of(bytes: &[u8], begun: Option<&Message>, bytes_max: usize) -> Result<Option<Head>, Broken> {
        let &[first, second, ref rest @ ..] = bytes else { return Ok(None) };
        let (is_final, kind) = (first & 0x80 != 0, Kind::of(first)?);
        let short = second & 0x7f;
        check(second & 0x80 != 0, "a frame is not masked")?;
        if kind.is_control() {
            check(is_final, "a control frame is in parts")?;
            check(short <= CONTROL_BYTES_MAX, "a control frame is too long")?;
        } else {
            let goes_on = kind == Kind::Continuation;
            check(!goes_on || begun.is_some(), "a continuation of nothing")?;
            check(goes_on || begun.is_none(), "a message begins inside another")?;
        }
        let Some((payload_bytes, rest)) = length(short, rest) else { return Ok(None) };
        let before = begun.filter(|_| !kind.is_control()).map_or(0, |begun| begun.payload.len());
        if payload_bytes > (bytes_max.saturating_sub(before)) as u64 && !kind.is_control() {
            return Err(Broken { code: CloseCode::TooLarge, why: "a message is too long" });
        }
        let Some((mask, rest)) = rest.split_first_chunk() else { return Ok(None) };
        let (head_bytes, payload_bytes) = (bytes.len() - rest.len(), payload_bytes as usize);
        let head = Head { is_final, kind, mask: *mask, head_bytes, payload_bytes };
        Ok((rest.len() >= payload_bytes).then_some(head))
    }

    fn frame_bytes(&self) -> usize {
        self.head_bytes + self.payload_bytes
    }

    /// What the frame brings, and the message that it leaves begun.
    fn open<'a>(
        &self,
        frame: &'a mut [u8],
        begun: Option<Message>,
        bytes_max: usize,
    ) -> Result<(Incoming<'a>, Option<Message>), Broken> {
        let payload = &mut frame[self.head_bytes..];
        unmask(payload, self.mask);
        let payload = &*payload;
        Ok(match (self.kind, begun) {
            (Kind::Ping, begun) => (Incoming::Ping(payload), begun),
            (Kind::Pong, begun) => (Incoming::Pong, begun),
            (Kind::Close, begun) => (Incoming::Close(close_code(payload)?), begun),
            (kind, None) if self.is_final => (whole(kind == Kind::Text, Cow::Borrowed(payload))?, None),
            (kind, begun) => {
                let begun =
                    begun.unwrap_or(Message { is_text: kind == Kind::Text, payload: Vec::new(), parts: 0 });
                let message = begun.with(payload, bytes_max)?;
                match self.is_final {
                    true => (whole(message.is_text, Cow::Owned(message.payload))?, None),
                    false => (Incoming::Part, Some(message)),
                }
            }
        })
    }
}

impl Kind {
    /// From a frame's first byte.
    fn of(first: u8) -> Result<Kind, Broken> {
        check(first & 0x70 == 0, "a reserved bit is set")?;
        match first & 0x0f {
            0 => Ok(Kind::Continuation),
            1 => Ok(Kind::Text),
            2 => Ok(Kind::Binary),
            8 => Ok(Kind::Close),
            9 => Ok(Kind::Ping),
            10 => Ok(Kind::Pong),
            _reserved => Err(broken("a reserved opcode")),
        }
    }

    fn is_control(self) -> bool {
        matches!(self, Kind::Close | Kind::Ping | Kind::Pong)
    }
}

impl Message {
    fn with(mut self, payload: &[u8], bytes_max: usize) -> Result<Message, Broken> {
        self.parts += 1;
        if self.parts > bytes_max.div_ceil(BYTES_PER_PART) {
            return Err(Broken { code: CloseCode::TooLarge, why: "a message has too many parts" });
        }
        self.payload.extend_from_slice(payload);
        Ok(self)
    }
}

fn whole(is_text: bool, payload: Cow<'_, [u8]>) -> Result<Incoming<'_>, Broken> {
    if !is_text {
        return Ok(Incoming::Binary(payload));
    }
    let text = match payload {
        Cow::Borrowed(bytes) => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
        Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
    };
    let not_utf8 = Broken { code: CloseCode::NotUtf8, why: "a text message is not UTF-8" };
    text.map(Incoming::Text).ok_or(not_utf8)
}

/// The length that the second byte announces, and what is behind it.
fn length(short: u8, rest: &[u8]) -> Option<(u64, &[u8])> {
    match short {
        126 => rest.split_first_chunk().map(|(length, rest)| (u16::from_be_bytes(*length).into(), rest)),
        127 => rest.split_first_chunk().map(|(length, rest)| (u64::from_be_bytes(*length), rest)),
        short => Some((short.into(), rest)),
    }
}

/// The code of a close frame: of RFC 6455 section 7.4, of IANA's registry, or an application's own.
fn close_code(payload: &[u8]) -> Result<Option<u16>, Broken> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        return check(payload.is_empty(), "half a close code").map(|()| None);
    };
    let code = u16::from_be_bytes(*code);
    check(matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999), "a close code that may not be sent")?;
    match std::str::from_utf8(reason) {
        Ok(_) => Ok(Some(code)),
        Err(_) => Err(Broken { code: CloseCode::NotUtf8, why: "a close reason is not UTF-8" }),
    }
}

/// Eight bytes at a time.
fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let [a, b, c, d] = mask;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (eights, rest) = payload.as_chunks_mut::<8>();
    for eight in eights {
        *eight = (u64::from_ne_bytes(*eight) ^ wide).to_ne_bytes();
    }
    rest.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
}

fn check(holds: bool, why: &'static str) -> Result<(), Broken> {
    if holds { Ok(()) } else { Err(broken(why)) }
}

fn broken(why: &'static str) -> Broken {
    Broken { code: CloseCode::Protocol, why }
}

#[cfg(test)]
mod tests;
