//! MQTT 3.1.1 over WebSocket, quality of service 0: packets in a stream that frames cut anywhere.
//!
//! ```text
//! 0        1 .. 4        then
//! +--------+-------------+------+
//! | kind   | length (7   | body |     PUBLISH's body: topic (2 bytes of length, then it), payload
//! | flags  | bits each)  |      |
//! +--------+-------------+------+
//! ```

use super::{Dialect, Heard, Part, stream};
use crate::frame;

const CONNECT: u8 = 0x10;
const CONNACK: u8 = 0x20;
const PUBLISH: u8 = 0x30;
const SUBSCRIBE: u8 = 0x82;
const SUBACK: u8 = 0x90;
const PINGREQ: u8 = 0xc0;
const PINGRESP: u8 = 0xd0;
/// A body of 2 MiB; no value here comes near it.
const LENGTH_BYTES_MAX: usize = 3;

/// A client.
#[derive(Debug)]
pub struct Mqtt {
    object: String,
    user: String,
    rest: Vec<u8>,
}

impl Mqtt {
    pub fn new(part: &Part) -> Self {
        Self { object: part.object.clone(), user: part.user.clone(), rest: Vec::new() }
    }
}

impl Dialect for Mqtt {
    fn path(&self) -> String {
        "/mqtt".to_owned()
    }

    fn subprotocol(&self) -> Option<&'static str> {
        Some("mqtt")
    }

    fn opcode(&self) -> u8 {
        frame::BINARY
    }

    /// Level 4, a clean session, no keep-alive; then the one subscription, with the packet's number 1.
    fn greet(&mut self, hear: &mut dyn FnMut(Heard<'_>)) {
        let head = [&text(b"MQTT")[..], &[4, 2, 0, 0]].concat();
        let mut words = packet(CONNECT, &[head, text(self.user.as_bytes())].concat());
        words.extend(packet(SUBSCRIBE, &[&[0, 1], &text(self.object.as_bytes())[..], &[0]].concat()));
        hear(Heard::Asked(words));
    }

    fn publish(&self, value: &[u8]) -> Vec<u8> {
        packet(PUBLISH, &[&text(self.object.as_bytes())[..], value].concat())
    }

    fn ping(&self) -> Option<Vec<u8>> {
        Some(packet(PINGREQ, &[]))
    }

    fn read(&mut self, payload: &[u8], hear: &mut dyn FnMut(Heard<'_>)) {
        stream(&mut self.rest, payload, |bytes| {
            let mut at = 0;
            while let Some((kind, body_at, end)) = head(&bytes[at..])
                && let Some(body) = bytes[at..].get(body_at..end)
            {
                heard(kind, body).into_iter().for_each(&mut *hear);
                at += end;
            }
            at
        });
    }
}

fn heard(kind: u8, body: &[u8]) -> Option<Heard<'_>> {
    match (kind, body) {
        (PUBLISH, [high, low, rest @ ..]) => {
            let topic_bytes = usize::from(u16::from_be_bytes([*high, *low]));
            Some(rest.get(topic_bytes..).map_or(Heard::Refused(body), Heard::Change))
        }
        (SUBACK, [_, _, 0..=2]) => Some(Heard::Following),
        (PINGRESP, _) => Some(Heard::Pong),
        // Nothing has to be said: the subscription is on its way already.
        (CONNACK, [_, 0]) => None,
        _ => Some(Heard::Refused(body)),
    }
}

/// The kind, where the body begins and where it ends; `None` if the header is not all there.
fn head(bytes: &[u8]) -> Option<(u8, usize, usize)> {
    let (&kind, digits) = bytes.split_first()?;
    let mut len = 0;
    for (index, digit) in digits.iter().take(LENGTH_BYTES_MAX).enumerate() {
        len |= usize::from(digit & 0x7f) << (7 * index);
        if digit & 0x80 == 0 {
            return Some((kind, index + 2, index + 2 + len));
        }
    }
    None
}

fn packet(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![kind];
    let mut left = body.len();
    while left > 0x7f {
        out.push((left & 0x7f) as u8 | 0x80);
        left >>= 7;
    }
    out.push(left as u8);
    out.extend_from_slice(body);
    out
}

fn text(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u16).to_be_bytes()[..], bytes].concat()
}

#[cfg(test)]
mod tests {
    use super::super::{heard, part};
    use super::{CONNACK, Dialect, Mqtt, PINGRESP, SUBACK, packet};

    #[test]
    fn a_stream_that_is_cut_anywhere_is_heard_once() {
        let mut mqtt = Mqtt::new(&part());
        let long = "x".repeat(300);
        let words =
            [packet(SUBACK, &[0, 1, 0]), mqtt.publish(long.as_bytes()), packet(PINGRESP, &[])].concat();
        for cut in 0..words.len() {
            let mut all = heard(&mut mqtt, &words[..cut]);
            all.extend(heard(&mut mqtt, &words[cut..]));
            assert_eq!(all, ["following", &format!("change {long}"), "pong"]);
        }
    }

    #[test]
    fn who_is_not_let_in_is_refused() {
        assert_eq!(heard(&mut Mqtt::new(&part()), &packet(CONNACK, &[0, 5])), ["refused \0\u{5}"]);
    }

    #[test]
    fn a_change_is_the_packet_of_the_standard() {
        assert_eq!(Mqtt::new(&part()).publish(b"ab"), b"\x30\x0b\x00\x07bench/7ab");
    }
}
