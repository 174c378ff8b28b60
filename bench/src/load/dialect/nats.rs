//! NATS over WebSocket: lines of text and payloads, in a stream that frames cut anywhere.
//!
//! ```text
//! > INFO {..}\r\n
//! < CONNECT {..}\r\n  SUB object 1\r\n  PING\r\n
//! > PONG\r\n
//! < PUB object 64\r\n<64 bytes>\r\n
//! > MSG object 1 64\r\n<64 bytes>\r\n
//! ```

use super::{Dialect, Heard, Part, stream};
use crate::frame;

/// A line of the server's; INFO, the longest, has about 500 bytes.
const LINE_BYTES_MAX: usize = 4096;

/// A client.
#[derive(Debug)]
pub struct Nats {
    object: String,
    following: bool,
    rest: Vec<u8>,
}

impl Nats {
    pub fn new(part: &Part) -> Self {
        Self { object: part.object.clone(), following: false, rest: Vec::new() }
    }
}

impl Dialect for Nats {
    fn path(&self) -> String {
        "/".to_owned()
    }

    fn subprotocol(&self) -> Option<&'static str> {
        None
    }

    fn opcode(&self) -> u8 {
        frame::BINARY
    }

    fn greet(&mut self, hear: &mut dyn FnMut(Heard<'_>)) {
        let words = format!("CONNECT {{\"verbose\":false}}\r\nSUB {} 1\r\nPING\r\n", self.object);
        hear(Heard::Asked(words.into_bytes()));
    }

    fn publish(&self, value: &[u8]) -> Vec<u8> {
        let mut out = format!("PUB {} {}\r\n", self.object, value.len()).into_bytes();
        out.extend_from_slice(value);
        out.extend_from_slice(b"\r\n");
        out
    }

    fn ping(&self) -> Option<Vec<u8>> {
        Some(b"PING\r\n".to_vec())
    }

    fn read(&mut self, payload: &[u8], hear: &mut dyn FnMut(Heard<'_>)) {
        let following = &mut self.following;
        stream(&mut self.rest, payload, |bytes| {
            let mut at = 0;
            while let Some(done) = read_one(&bytes[at..], following, hear) {
                at += done;
            }
            at
        });
    }
}

/// Reads one line and its payload; `None` if it is not all there.
fn read_one(bytes: &[u8], following: &mut bool, hear: &mut dyn FnMut(Heard<'_>)) -> Option<usize> {
    let line_bytes = bytes.iter().take(LINE_BYTES_MAX).position(|&byte| byte == b'\n')? + 1;
    let line = bytes[..line_bytes].trim_ascii_end();
    match line.split(|&byte| byte == b' ').next() {
        Some(b"MSG") => return read_message(bytes, line, line_bytes, hear),
        Some(b"PING") => hear(Heard::Asked(b"PONG\r\n".to_vec())),
        Some(b"PONG") if *following => hear(Heard::Pong),
        Some(b"PONG") => {
            *following = true;
            hear(Heard::Following);
        }
        Some(b"INFO" | b"+OK") => {}
        _ => hear(Heard::Refused(line)),
    }
    Some(line_bytes)
}

fn read_message(
    bytes: &[u8],
    line: &[u8],
    line_bytes: usize,
    hear: &mut dyn FnMut(Heard<'_>),
) -> Option<usize> {
    let digits = line.rsplit(|&byte| byte == b' ').next().unwrap_or_default();
    let Some(len) = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse::<usize>().ok()) else {
        hear(Heard::Refused(line));
        return Some(line_bytes);
    };
    let end = line_bytes + len + 2;
    hear(Heard::Change(&bytes.get(..end)?[line_bytes..line_bytes + len]));
    Some(end)
}

#[cfg(test)]
mod tests {
    use super::super::{heard, part};
    use super::*;

    #[test]
    fn a_stream_that_is_cut_anywhere_is_heard_once() {
        let words = b"INFO {}\r\nPONG\r\nMSG bench/7 1 5\r\na\r\nbc\r\nPING\r\nPONG\r\n";
        for cut in 0..words.len() {
            let mut nats = Nats::new(&part());
            let mut all = heard(&mut nats, &words[..cut]);
            all.extend(heard(&mut nats, &words[cut..]));
            assert_eq!(all, ["following", "change a\r\nbc", "asked PONG\r\n", "pong"]);
        }
    }

    #[test]
    fn an_error_is_a_refusal() {
        let mut nats = Nats::new(&part());
        assert_eq!(heard(&mut nats, b"-ERR 'Slow Consumer'\r\n"), ["refused -ERR 'Slow Consumer'"]);
    }

    #[test]
    fn a_change_names_its_object_and_its_length() {
        assert_eq!(Nats::new(&part()).publish(b"ab"), b"PUB bench/7 2\r\nab\r\n");
    }
}
