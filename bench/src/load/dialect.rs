//! What is spoken with a peer: a server of another make that is measured beside Slotcast. Each has a file with the
//! handful of its messages that a follower who writes needs.

mod mqtt;
mod nats;
mod nchan;
mod socket_io;

use super::part::Part;
use std::fmt::Debug;

/// What a server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Speaks {
    /// protocol.md, as the floor does.
    Slotcast,
    /// NATS over WebSocket.
    Nats,
    /// MQTT 3.1.1 over WebSocket.
    Mqtt,
    /// Plain messages, one WebSocket per channel.
    Nchan,
    /// Socket.IO 4, with the server of bench/peers.
    SocketIo,
}

impl Speaks {
    /// What a client says there; none for Slotcast.
    pub fn dialect(self, part: &Part) -> Option<Box<dyn Dialect>> {
        match self {
            Speaks::Slotcast => None,
            Speaks::Nats => Some(Box::new(nats::Nats::new(part))),
            Speaks::Mqtt => Some(Box::new(mqtt::Mqtt::new(part))),
            Speaks::Nchan => Some(Box::new(nchan::Nchan::new(part))),
            Speaks::SocketIo => Some(Box::new(socket_io::SocketIo::new(part))),
        }
    }
}

/// One client's side of a peer's protocol, over one WebSocket. What it hears goes to `hear`, in order.
pub trait Dialect: Debug {
    /// The path of the opening request.
    fn path(&self) -> String;
    /// The subprotocol of the opening request.
    fn subprotocol(&self) -> Option<&'static str>;
    /// The opcode of what is said.
    fn opcode(&self) -> u8;
    /// The WebSocket is open: what is said first is an answer to that.
    fn greet(&mut self, hear: &mut dyn FnMut(Heard<'_>));
    /// A change for all who follow the same object.
    fn publish(&self, value: &[u8]) -> Vec<u8>;
    /// A sign of life that is answered; none where the WebSocket's own has to do.
    fn ping(&self) -> Option<Vec<u8>>;
    /// A message has come.
    fn read(&mut self, payload: &[u8], hear: &mut dyn FnMut(Heard<'_>));
}

/// What a client hears from a peer.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard<'a> {
    /// It has its object.
    Following,
    /// A change of it.
    Change(&'a [u8]),
    /// The answer to a ping.
    Pong,
    /// Something that this is the answer to.
    Asked(Vec<u8>),
    /// A refusal, or what cannot be read.
    Refused(&'a [u8]),
}

const DUE_DIGITS: usize = 16;

/// A value that is text, as some peers carry nothing else: the due time in hexadecimal, then dots.
pub fn value(due_us: u64, value_bytes: usize) -> Vec<u8> {
    let mut value = format!("{due_us:0DUE_DIGITS$x}").into_bytes();
    value.resize(value_bytes.max(DUE_DIGITS), b'.');
    value
}

/// The due time of a value; 0 if it has none.
pub fn due_us(value: &[u8]) -> u64 {
    let digits = value.first_chunk::<DUE_DIGITS>().and_then(|digits| std::str::from_utf8(digits).ok());
    digits.and_then(|digits| u64::from_str_radix(digits, 16).ok()).unwrap_or_default()
}

/// A stream of bytes that was cut into messages anywhere: gives `next` all of it that has come, which answers how much it is done with.
fn stream(rest: &mut Vec<u8>, payload: &[u8], mut next: impl FnMut(&[u8]) -> usize) {
    if rest.is_empty() {
        let done = next(payload);
        rest.extend_from_slice(&payload[done..]);
        return;
    }
    rest.extend_from_slice(payload);
    let done = next(rest);
    rest.drain(..done);
}

#[cfg(test)]
fn part() -> Part {
    Part { object: "bench/7".to_owned(), user: "u7".to_owned(), ..Part::audience(1).remove(0) }
}

#[cfg(test)]
fn heard(dialect: &mut dyn Dialect, payload: &[u8]) -> Vec<String> {
    let mut all = Vec::new();
    dialect.read(payload, &mut |heard| {
        all.push(match heard {
            Heard::Change(bytes) => format!("change {}", String::from_utf8_lossy(bytes)),
            Heard::Asked(bytes) => format!("asked {}", String::from_utf8_lossy(&bytes)),
            Heard::Refused(bytes) => format!("refused {}", String::from_utf8_lossy(bytes)),
            Heard::Following => "following".to_owned(),
            Heard::Pong => "pong".to_owned(),
        })
    });
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_tells_when_it_was_due() {
        let value = value(1_234_567, 64);
        assert_eq!((value.len(), due_us(&value)), (64, 1_234_567));
        assert_eq!(due_us(b"short"), 0);
    }
}
