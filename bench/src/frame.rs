//! WebSocket frames (RFC 6455, section 5.2), what the floor and the load generator need of them.
//! Neither fragments, and a fragment that comes in is told as a message that cannot be read.
//!
//! ```text
//! 0        1        2 ..           then            then
//! +--------+--------+--------------+---------------+---------+
//! | 1000op | m len7 | 0, 2, 8 len  | 4 if m: mask  | payload |
//! +--------+--------+--------------+---------------+---------+
//! ```

/// Opcode of a text message.
pub const TEXT: u8 = 1;
/// Opcode of a binary message.
pub const BINARY: u8 = 2;
/// Opcode of a close.
pub const CLOSE: u8 = 8;
/// Opcode of a ping.
pub const PING: u8 = 9;
/// Opcode of a pong.
pub const PONG: u8 = 10;

const FINAL: u8 = 0x80;
const MASKED: u8 = 0x80;

/// A frame's header, and how long header and payload are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// What kind of frame it is.
    pub opcode: u8,
    /// The key of a client's frame.
    pub mask: Option<[u8; 4]>,
    /// Bytes before the payload.
    pub header_bytes: usize,
    /// Bytes of the payload.
    pub payload_bytes: usize,
}

impl Head {
    /// Reads a header from the beginning of `bytes`; `None` if it is not all there.
    #[inline]
    pub fn read(bytes: &[u8]) -> Option<Head> {
        let (&first, &second) = (bytes.first()?, bytes.get(1)?);
        let (payload_bytes, mask_at) = match second & 0x7f {
            126 => (usize::from(u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?)), 4),
            127 => (u64::from_be_bytes(*bytes.get(2..)?.first_chunk()?) as usize, 10),
            len => (usize::from(len), 2),
        };
        let mask = if second & MASKED == 0 { None } else { Some(*bytes.get(mask_at..)?.first_chunk()?) };
        let header_bytes = mask_at + if mask.is_some() { 4 } else { 0 };
        Some(Head { opcode: first & 0x0f, mask, header_bytes, payload_bytes })
    }

    /// Bytes of the whole frame.
    #[inline]
    pub fn frame_bytes(&self) -> usize {
        self.header_bytes.saturating_add(self.payload_bytes)
    }
}

/// Appends a server's frame: no mask.
pub fn server(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    header(out, opcode, payload.len(), 0);
    out.extend_from_slice(payload);
}

/// Appends a client's frame, masked with `key`.
pub fn client(out: &mut Vec<u8>, opcode: u8, payload: &[u8], key: [u8; 4]) {
    header(out, opcode, payload.len(), MASKED);
    out.extend_from_slice(&key);
    let payload_at = out.len();
    out.extend_from_slice(payload);
    mask(&mut out[payload_at..], key);
}

/// Masks or unmasks in place: it is its own inverse.
pub fn mask(payload: &mut [u8], key: [u8; 4]) {
    for chunk in payload.chunks_mut(4) {
        chunk.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
    }
}

fn header(out: &mut Vec<u8>, opcode: u8, payload_bytes: usize, masked: u8) {
    out.push(FINAL | opcode);
    match payload_bytes {
        0..=125 => out.push(masked | payload_bytes as u8),
        126..=0xffff => {
            out.push(masked | 126);
            out.extend_from_slice(&(payload_bytes as u16).to_be_bytes());
        }
        _ => {
            out.push(masked | 127);
            out.extend_from_slice(&(payload_bytes as u64).to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_of_each_length_comes_back() {
        for len in [0, 1, 125, 126, 0xffff, 0x1_0000] {
            let payload: Vec<u8> = (0..len).map(|n| n as u8).collect();
            let mut out = Vec::new();
            server(&mut out, BINARY, &payload);
            let head = Head::read(&out).expect("the header is complete");
            assert_eq!((head.opcode, head.mask), (BINARY, None));
            assert_eq!(head.frame_bytes(), out.len());
            assert_eq!(&out[head.header_bytes..], &payload[..]);
        }
    }

    #[test]
    fn a_masked_frame_unmasks_to_what_it_was() {
        let mut out = Vec::new();
        client(&mut out, BINARY, b"seven b", [1, 2, 3, 250]);
        let head = Head::read(&out).expect("the header is complete");
        assert_ne!(&out[head.header_bytes..], b"seven b");
        mask(&mut out[head.header_bytes..], head.mask.expect("a client's frame has a key"));
        assert_eq!(&out[head.header_bytes..], b"seven b");
    }

    #[test]
    fn a_header_cut_anywhere_waits_for_more() {
        let mut out = Vec::new();
        client(&mut out, PING, &[7; 300], [9; 4]);
        let header_bytes = Head::read(&out).expect("the header is complete").header_bytes;
        assert_eq!(header_bytes, 8);
        for cut in 0..header_bytes {
            assert_eq!(Head::read(&out[..cut]), None);
        }
    }

    #[test]
    fn the_example_of_the_rfc() {
        // Section 5.7: a single-frame masked text message "Hello".
        let frame = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
        let head = Head::read(&frame).expect("the header is complete");
        let mut payload = frame[head.header_bytes..].to_vec();
        mask(&mut payload, head.mask.expect("the example is masked"));
        assert_eq!(payload, b"Hello");
    }
}
