//! The reader of frames: it says the same however the bytes come, and never keeps more than came.

// The server's own, which is nobody else's business.
#[path = "../../../server/node/src/gateway/frames/mod.rs"]
mod reader;

use reader::{Broken, Frames, Incoming};

use crate::dice::Dice;

const LIMITS: [usize; 4] = [0, 100, 4_096, 65_536];

#[derive(Debug, PartialEq)]
enum Said {
    Text(String),
    Binary(Vec<u8>),
    Part,
    Ping(Vec<u8>),
    Pong,
    Close(Option<u16>),
    Broken(Broken),
}

/// The first byte says how long a message may be and where the bytes are cut.
pub fn hold(data: &[u8]) {
    let Some((&first, bytes)) = data.split_first() else { return };
    let bytes_max = LIMITS[usize::from(first) % LIMITS.len()];
    let whole = read(bytes, &[], bytes_max);
    let mut dice = Dice::new(first.into());
    let cuts: Vec<usize> = (0..8).map(|_| dice.below(bytes.len() as u64 + 1) as usize).collect();
    assert_eq!(read(bytes, &cuts, bytes_max), whole, "cut at {cuts:?}");
    let each: Vec<usize> = (0..bytes.len().min(600)).collect();
    assert_eq!(read(bytes, &each, bytes_max), whole, "byte by byte");
    if let Some(payload) = short_frame(bytes).filter(|payload| payload.len() <= bytes_max) {
        assert_eq!(whole.first(), Some(&Said::Binary(payload)), "a short frame");
    }
    for said in whole {
        match said {
            Said::Text(text) => assert!(text.len() <= bytes_max, "a text of {} bytes", text.len()),
            Said::Binary(bytes) => assert!(bytes.len() <= bytes_max, "a message of {} bytes", bytes.len()),
            Said::Ping(payload) => assert!(payload.len() <= 125, "a ping of {} bytes", payload.len()),
            Said::Close(code) => assert!(code.is_none_or(|code| (1000..5000).contains(&code)), "{code:?}"),
            Said::Broken(broken) => assert!(!broken.why.is_empty(), "{broken:?}"),
            Said::Part | Said::Pong => {}
        }
    }
}

/// What a binary frame of less than 126 bytes at the beginning says.
fn short_frame(bytes: &[u8]) -> Option<Vec<u8>> {
    let [0x82, length @ 0x80..=0xfd, a, b, c, d, rest @ ..] = bytes else { return None };
    let payload = rest.get(..usize::from(length & 0x7f))?;
    Some(payload.iter().zip([a, b, c, d].into_iter().cycle()).map(|(byte, mask)| byte ^ mask).collect())
}

/// All that is said until a close or a fault; the first piece is what came with the handshake.
fn read(bytes: &[u8], cuts: &[usize], bytes_max: usize) -> Vec<Said> {
    let mut cuts = cuts.to_vec();
    cuts.push(bytes.len());
    cuts.sort_unstable();
    let (mut frames, mut said, mut from) = (Frames::new(&bytes[..cuts[0]]), Vec::new(), cuts[0]);
    drain(&mut frames, bytes_max, &mut said);
    for to in cuts {
        let mut piece = bytes[from..to].to_vec();
        from = to;
        if is_over(&said) || piece.is_empty() {
            continue;
        }
        if take(frames.read(&mut piece, bytes_max), &mut said) {
            drain(&mut frames, bytes_max, &mut said);
        }
    }
    said
}

fn drain(frames: &mut Frames, bytes_max: usize, said: &mut Vec<Said>) {
    while !is_over(said) && take(frames.next(bytes_max), said) {}
}

fn is_over(said: &[Said]) -> bool {
    matches!(said.last(), Some(Said::Close(_) | Said::Broken(_)))
}

/// Whether something was said.
fn take(heard: Result<Option<Incoming<'_>>, Broken>, said: &mut Vec<Said>) -> bool {
    said.push(match heard {
        Ok(None) => return false,
        Ok(Some(Incoming::Text(text))) => Said::Text(text.into_owned()),
        Ok(Some(Incoming::Binary(bytes))) => Said::Binary(bytes.into_owned()),
        Ok(Some(Incoming::Part)) => Said::Part,
        Ok(Some(Incoming::Ping(payload))) => Said::Ping(payload.to_vec()),
        Ok(Some(Incoming::Pong)) => Said::Pong,
        Ok(Some(Incoming::Close(code))) => Said::Close(code),
        Err(broken) => Said::Broken(broken),
    });
    true
}
