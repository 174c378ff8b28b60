//! Each rule with its bytes; every way to cut a stream in two; and bytes that mean nothing.

use super::*;

const BYTES_MAX: usize = 1_000;
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        short @ 0..=125 => frame.push(0x80 | short as u8),
        medium @ 126..=0xffff => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&(medium as u16).to_be_bytes());
        }
        long => {
            frame.push(0x80 | 127);
            frame.extend_from_slice(&(long as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(&MASK);
    frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// A close frame's payload.
fn closing(code: u16, reason: &[u8]) -> Vec<u8> {
    [&code.to_be_bytes(), reason].concat()
}

fn told(incoming: Incoming<'_>) -> String {
    match incoming {
        Incoming::Text(text) if text.len() > 20 => format!("text of {}", text.len()),
        Incoming::Text(text) => format!("text {text}"),
        Incoming::Binary(bytes) => format!("binary {bytes:?}"),
        Incoming::Part => "part".into(),
        Incoming::Ping(payload) => format!("ping {payload:?}"),
        Incoming::Pong => "pong".into(),
        Incoming::Close(code) => format!("close {code:?}"),
    }
}

/// What is heard when the stream comes in these reads, and what broke it.
fn hear(reads: &[&[u8]]) -> (Vec<String>, Option<CloseCode>) {
    let mut frames = Frames::new(&[]);
    let mut heard = Vec::new();
    for read in reads {
        let mut read = read.to_vec();
        match frames.read(&mut read, BYTES_MAX) {
            Ok(incoming) => heard.extend(incoming.map(told)),
            Err(broken) => return (heard, Some(broken.code)),
        }
        loop {
            match frames.next(BYTES_MAX) {
                Ok(Some(incoming)) => heard.push(told(incoming)),
                Ok(None) => break,
                Err(broken) => return (heard, Some(broken.code)),
            }
        }
    }
    (heard, None)
}

#[test]
fn what_breaks_a_rule_or_a_limit() {
    let long = vec![b'x'; BYTES_MAX + 1];
    let parts = [frame(0x01, b""), frame(0x00, b"").repeat(15)].concat();
    let mut unmasked = frame(0x81, b"x");
    unmasked[1] &= 0x7f;
    let rows: Vec<(&str, Vec<u8>, CloseCode)> = vec![
        ("a frame without a mask", unmasked, CloseCode::Protocol),
        ("reserved bit 1", frame(0xc1, b"x"), CloseCode::Protocol),
        ("reserved bit 2", frame(0xa1, b"x"), CloseCode::Protocol),
        ("reserved bit 3 on a ping", frame(0x99, b"x"), CloseCode::Protocol),
        ("a reserved opcode", frame(0x83, b"x"), CloseCode::Protocol),
        ("a reserved control opcode", frame(0x8b, b"x"), CloseCode::Protocol),
        ("a ping in parts", frame(0x09, b"x"), CloseCode::Protocol),
        ("a ping that is too long", frame(0x89, &[0; 126]), CloseCode::Protocol),
        ("a close that is too long", frame(0x88, &[0; 126]), CloseCode::Protocol),
        ("a continuation of nothing", frame(0x80, b"x"), CloseCode::Protocol),
        ("one that goes on", frame(0x00, b"x"), CloseCode::Protocol),
        ("text inside text", [frame(0x01, b"a"), frame(0x81, b"b")].concat(), CloseCode::Protocol),
        ("half a close code", frame(0x88, &[3]), CloseCode::Protocol),
        ("close code 999", frame(0x88, &closing(999, b"")), CloseCode::Protocol),
        ("close code 1004", frame(0x88, &closing(1004, b"")), CloseCode::Protocol),
        ("close code 1005", frame(0x88, &closing(1005, b"")), CloseCode::Protocol),
        ("close code 1006", frame(0x88, &closing(1006, b"")), CloseCode::Protocol),
        ("close code 1015", frame(0x88, &closing(1015, b"")), CloseCode::Protocol),
        ("close code 2999", frame(0x88, &closing(2999, b"")), CloseCode::Protocol),
        ("close code 5000", frame(0x88, &closing(5000, b"")), CloseCode::Protocol),
        ("a close reason that is no text", frame(0x88, &closing(1000, &[0xff])), CloseCode::NotUtf8),
        ("text that is none", frame(0x81, &[b'a', 0xc3]), CloseCode::NotUtf8),
        ("such in parts", [frame(0x01, &[0xc3]), frame(0x80, b"a")].concat(), CloseCode::NotUtf8),
        ("a long message", frame(0x81, &long), CloseCode::TooLarge),
        ("its head alone", frame(0x81, &long)[..4].to_vec(), CloseCode::TooLarge),
        ("a length that lies", [vec![0x82, 0xff], vec![0xff; 8]].concat(), CloseCode::TooLarge),
        ("a long one in parts", [frame(0x01, &long[1..]), frame(0x80, b"x")].concat(), CloseCode::TooLarge),
        ("many parts of nothing", [parts, frame(0x80, b"")].concat(), CloseCode::TooLarge),
    ];
    for (what, bytes, code) in rows {
        assert_eq!(hear(&[&bytes]).1, Some(code), "{what}");
        let heard = hear(&[&frame(0x89, b"first"), &bytes]);
        assert_eq!(heard.1, Some(code), "{what}, behind a ping");
        let bytewise: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(hear(&bytewise).1, Some(code), "{what}, byte by byte");
    }
}

/// One of everything that is allowed, and what it says.
fn stream() -> (Vec<u8>, Vec<String>) {
    let long = vec![b'x'; BYTES_MAX];
    let rows = [
        (frame(0x81, b"hi"), "text hi"),
        (frame(0x82, &[1, 0, 255]), "binary [1, 0, 255]"),
        (frame(0x81, b""), "text "),
        (frame(0x01, &"ä".as_bytes()[..1]), "part"),
        (frame(0x89, &[7]), "ping [7]"),
        (frame(0x00, b""), "part"),
        (frame(0x8a, b"unasked"), "pong"),
        (frame(0x80, &"ä".as_bytes()[1..]), "text ä"),
        (frame(0x81, &long), "text of 1000"),
        (frame(0x02, &[1]), "part"),
        (frame(0x80, &[2]), "binary [1, 2]"),
        (frame(0x89, b""), "ping []"),
        ([vec![0x81, 0xfe, 0, 1], MASK.to_vec(), vec![b'a' ^ MASK[0]]].concat(), "text a"),
        (frame(0x88, &closing(4999, b"bye")), "close Some(4999)"),
        (frame(0x88, b""), "close None"),
    ];
    let (bytes, said): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
    (bytes.concat(), said.into_iter().map(String::from).collect())
}

#[test]
fn wherever_the_stream_is_cut() {
    let (bytes, said) = stream();
    for cut in 0..=bytes.len() {
        let (first, second) = bytes.split_at(cut);
        assert_eq!(hear(&[first, second]), (said.clone(), None), "cut at {cut}");
    }
    let bytewise: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(hear(&bytewise), (said, None));
}

#[test]
fn what_lies_whole_in_a_read_is_handed_out_from_there_and_nothing_is_kept() {
    let mut frames = Frames::new(&[]);
    let mut read = frame(0x82, &[5; 300]);
    let at = read.as_ptr_range();
    let Ok(Some(Incoming::Binary(Cow::Borrowed(payload)))) = frames.read(&mut read, BYTES_MAX) else {
        panic!("a message of one frame is borrowed")
    };
    assert!(payload == [5; 300] && at.contains(&payload.as_ptr()));
    assert!(frames.kept.is_none() && std::mem::size_of::<Frames>() == 8);
}

#[test]
fn what_was_kept_is_given_back() {
    let (bytes, said) = stream();
    let mut frames = Frames::new(&bytes[..10]);
    assert!(frames.next(BYTES_MAX).is_ok_and(|incoming| incoming.map(told).as_ref() == Some(&said[0])));
    let mut rest = bytes[10..].to_vec();
    let mut heard = frames.read(&mut rest, BYTES_MAX).expect("it is well made").into_iter().count();
    while frames.next(BYTES_MAX).expect("it is well made").is_some() {
        heard += 1;
    }
    assert_eq!(heard, said.len() - 1);
    assert!(frames.kept.is_none());
}

#[test]
fn bytes_that_mean_nothing() {
    let mut seed = 42u64;
    let mut dice = move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize
    };
    let (good, _) = stream();
    for _ in 0..20_000 {
        let mut bytes = good.clone();
        for _ in 0..dice() % 4 {
            let at = dice() % bytes.len();
            bytes[at] = dice() as u8;
        }
        if dice() % 4 == 0 {
            bytes.drain(..dice() % 40);
        }
        let (first, second) = bytes.split_at(dice() % bytes.len());
        assert_eq!(hear(&[first, second]), hear(&[&bytes]), "{bytes:?}");
    }
}
