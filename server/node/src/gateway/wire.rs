//! The wire of one WebSocket: what its frames say is decoded, pings and closes are answered; what goes out goes through the outbox.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use slotcast_protocol::request::Refused;
use slotcast_protocol::{CloseCode, Door, Encoding, Limits, Request, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::frames::{Broken, Frames, Incoming};
use crate::frame;
use crate::outbox::{Other, Outbox, Socket};
use crate::worker::now_ms;

/// Bytes that are read from a socket at a time.
const READ_BYTES: usize = 16 * 1024;

/// How long a connection that is closed from here may take to read what is left.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Bytes that are read and dropped in that time.
const LAST_BYTES_MAX: usize = 256 * 1024;

thread_local! {
    /// What all connections of a worker read into: one call takes all that a socket has, and no connection keeps room for it.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_BYTES].into());
}

/// Small, as every idle connection has one.
pub struct Wire {
    pub outbox: Rc<Outbox>,
    frames: Frames,
    pub door: Door,
    pub encoding: Encoding,
    /// Bytes that were read since [`Wire::take_read`].
    read: u32,
}

/// A message's request, or how to refuse it.
pub type Said = Result<Request, Refused>;

/// What a frame brought.
pub enum Heard {
    Said(Said),
    /// A part of a message that goes on.
    Part,
    /// A ping or a pong.
    Control,
}

/// Why a connection ends.
pub enum Ending {
    /// Its socket is gone, or its peer has closed it.
    Gone,
    /// It is closed from here.
    Close(CloseCode, &'static str),
}

impl From<Broken> for Ending {
    fn from(broken: Broken) -> Self {
        Ending::Close(broken.code, broken.why)
    }
}

impl Wire {
    /// `early` is what the client said right behind the opening handshake.
    pub fn new(socket: Socket, early: &[u8], (door, encoding): (Door, Encoding)) -> Self {
        Wire {
            outbox: Rc::new(Outbox::new(socket, now_ms())),
            frames: Frames::new(early),
            door,
            encoding,
            read: 0,
        }
    }

    /// How many bytes were read since this was asked last.
    pub fn take_read(&mut self) -> usize {
        std::mem::take(&mut self.read) as usize
    }

    /// The next message, or a frame that ended none.
    pub fn poll_next(
        &mut self,
        context: &mut Context<'_>,
        bytes_max: usize,
        limits: &Limits,
    ) -> Poll<Result<Heard, Ending>> {
        match self.outbox.socket() {
            Socket::Tcp(_) | Socket::Other(Other::Tls(_)) => self.poll_frame(context, bytes_max, limits),
            Socket::Other(Other::Line(line)) => line.poll_said(context).map(|said| match said {
                Ok(message) => {
                    self.read += message.len() as u32;
                    hear_message(&message, (self.door, self.encoding), bytes_max, limits)
                }
                Err(_) => Err(Ending::Gone),
            }),
        }
    }

    /// The next frame: what it said, if it ended a message.
    fn poll_frame(
        &mut self,
        context: &mut Context<'_>,
        bytes_max: usize,
        limits: &Limits,
    ) -> Poll<Result<Heard, Ending>> {
        if let Some(incoming) = self.frames.next(bytes_max)? {
            return Poll::Ready(hear(incoming, &self.outbox, (self.door, self.encoding), limits));
        }
        loop {
            match self.read_frame(bytes_max, limits) {
                Ok(Some(heard)) => return Poll::Ready(heard),
                Ok(None) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    match std::task::ready!(self.outbox.socket().poll_read_ready(context)) {
                        Ok(()) => {}
                        Err(_) => return Poll::Ready(Err(Ending::Gone)),
                    }
                }
                Err(_) => return Poll::Ready(Err(Ending::Gone)),
            }
        }
    }

    /// Reads once. None if that did not complete a frame.
    fn read_frame(&mut self, bytes_max: usize, limits: &Limits) -> io::Result<Option<Result<Heard, Ending>>> {
        let Wire { outbox, frames, door, encoding, read: bytes_read } = self;
        SCRATCH.with_borrow_mut(|scratch| {
            let read = outbox.socket().try_read(scratch)?;
            if read == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            *bytes_read += read as u32;
            let incoming = frames.read(&mut scratch[..read], bytes_max).transpose();
            Ok(incoming.map(|incoming| hear(incoming?, outbox, (*door, *encoding), limits)))
        })
    }

    /// Says why, lets the peer read what is left, and ends.
    pub async fn close(self, code: CloseCode, reason: &str) {
        if let Socket::Other(Other::Line(line)) = self.outbox.socket() {
            line.finish();
        }
        self.outbox.defer(frame::close(code, reason));
        let Wire { outbox, .. } = self;
        let _ = timeout(LAST_WORDS, poll_fn(|context| outbox.poll_drained(context, now_ms()))).await;
        let Some(outbox) = Rc::into_inner(outbox) else { return };
        let mut tcp = match outbox.into_socket() {
            Socket::Tcp(tcp) => tcp,
            Socket::Other(Other::Tls(tls)) => tls.finish(),
            Socket::Other(Other::Line(line)) => {
                let fetched = timeout(LAST_WORDS, poll_fn(|context| line.poll_fetched(context))).await;
                if fetched.is_err() {
                    tracing::debug!("a client did not fetch what it was told last");
                }
                return;
            }
        };
        let _ = tcp.shutdown().await;
        let _ = timeout(LAST_WORDS, read_to_end(&tcp)).await;
    }
}

/// Answers a ping or a close, and decodes a message; the wrong kind of message ends the connection.
fn hear(
    incoming: Incoming<'_>,
    outbox: &Outbox,
    (door, encoding): (Door, Encoding),
    limits: &Limits,
) -> Result<Heard, Ending> {
    outbox.touch(now_ms());
    match (incoming, encoding) {
        (Incoming::Binary(bytes), Encoding::MessagePack) => {
            Ok(Heard::Said(Request::decode(door, &bytes, limits)))
        }
        (Incoming::Text(text), Encoding::Json) => Ok(Heard::Said(json::request(door, &text, limits))),
        (Incoming::Text(_), Encoding::MessagePack) => {
            Err(Ending::Close(CloseCode::WrongFrame, "binary frames only"))
        }
        (Incoming::Binary(_), Encoding::Json) => {
            Err(Ending::Close(CloseCode::WrongFrame, "text frames only"))
        }
        (Incoming::Ping(payload), _) => {
            outbox.push(frame::pong(payload));
            Ok(Heard::Control)
        }
        (Incoming::Pong, _) => Ok(Heard::Control),
        (Incoming::Part, _) => Ok(Heard::Part),
        (Incoming::Close(code), _) => {
            outbox.push(frame::close_answer(code));
            Err(Ending::Gone)
        }
    }
}

/// A message that came by a request.
fn hear_message(
    message: &[u8],
    (door, encoding): (Door, Encoding),
    bytes_max: usize,
    limits: &Limits,
) -> Result<Heard, Ending> {
    if message.len() > bytes_max {
        return Err(Ending::Close(CloseCode::TooLarge, "a message is longer than its limit"));
    }
    match encoding {
        Encoding::MessagePack => Ok(Heard::Said(Request::decode(door, message, limits))),
        Encoding::Json => match std::str::from_utf8(message) {
            Ok(text) => Ok(Heard::Said(json::request(door, text, limits))),
            Err(_) => Err(Ending::Close(CloseCode::NotUtf8, "a message is not UTF-8")),
        },
    }
}

/// Reads and drops what the peer still says, so that its last frames do not turn our close into a reset. Whoever says more than was on its way gets
/// the reset: reading it would cost the others more than him.
async fn read_to_end(tcp: &TcpStream) {
    let (mut dropped, mut left) = ([0; 4096], LAST_BYTES_MAX);
    while left > 0 && tcp.readable().await.is_ok() {
        match tcp.try_read(&mut dropped) {
            Ok(read @ 1..) => left = left.saturating_sub(read),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Ok(0) | Err(_) => return,
        }
    }
}
