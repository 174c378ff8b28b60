//! A WebSocket client that can do everything wrong.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};

pub const TEXT: u8 = 0x81;
pub const BINARY: u8 = 0x82;
/// The answer to a ping.
pub const PONG: u8 = 0x8a;

/// Nothing that is waited for here takes longer, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

pub struct Socket {
    stream: Box<dyn Stream>,
    unread: Vec<u8>,
}

/// What a WebSocket lies over: TCP, or TLS.
pub trait Stream: Read + Write + Send {}

impl<S: Read + Write + Send> Stream for S {}

#[derive(Debug, PartialEq)]
pub enum Frame {
    Text(String),
    Binary(Vec<u8>),
    Close(u16),
    Ping,
    Pong(Vec<u8>),
    /// The connection is over without a close frame.
    End,
}

/// From one of the addresses that a machine has for itself, all of 127.0.0.0/8.
pub fn connect_from(own: IpAddr, address: SocketAddr) -> std::io::Result<TcpStream> {
    use socket2::{Domain, Socket, Type};
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.bind(&SocketAddr::new(own, 0).into())?;
    socket.connect(&address.into())?;
    socket.set_tcp_nodelay(true)?;
    Ok(socket.into())
}

/// Says something to a door and reads all of its answer until the head's end or the close.
pub fn http(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).expect("the server listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a duration that is not zero");
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    let mut byte = [0];
    while !answer.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
        answer.push(byte[0]);
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// Says something to a door that closes after its answer, and reads all of it.
pub fn read_all(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).expect("the server listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a duration that is not zero");
    stream.write_all(request).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers in text and closes");
    answer
}

/// An opening handshake with these lines instead of, or beside, the usual ones; to the door of the subprotocol.
pub fn handshake(lines: &[(&str, Option<&str>)]) -> Vec<u8> {
    let mut head = vec![
        ("Host", "localhost"),
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("Sec-WebSocket-Protocol", "slotcast.v1.json"),
    ];
    for (name, value) in lines {
        head.retain(|(known, _)| known != name);
        head.extend(value.map(|value| (*name, value)));
    }
    let relay = head.iter().any(|(_, value)| value.starts_with("slotcast.relay."));
    let path = if relay { "/relay" } else { "/objects" };
    let lines: String = head.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("GET {path} HTTP/1.1\r\n{lines}\r\n").into_bytes()
}

/// A whole frame as a client sends it.
pub fn masked(kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![kind];
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
    let mask = [1, 2, 3, 4];
    frame.extend_from_slice(&mask);
    frame.extend(payload.iter().enumerate().map(|(at, byte)| byte ^ mask[at % 4]));
    frame
}

impl Socket {
    /// Connected, nothing said.
    pub fn open(address: SocketAddr, subprotocol: &str) -> Socket {
        Socket::try_open(address, subprotocol).expect("the server listens and answers the handshake")
    }

    /// The same, as a browser's page does it.
    pub fn of_page(address: SocketAddr, subprotocol: &str, origin: &str) -> Socket {
        let lines = [("Sec-WebSocket-Protocol", Some(subprotocol)), ("Origin", Some(origin))];
        Socket::shake_hands(address, &lines).expect("the server listens and answers the handshake")
    }

    /// Connected, nothing said; None if the server is gone before it has answered.
    pub fn try_open(address: SocketAddr, subprotocol: &str) -> Option<Socket> {
        Socket::shake_hands(address, &[("Sec-WebSocket-Protocol", Some(subprotocol))])
    }

    fn shake_hands(address: SocketAddr, lines: &[(&str, Option<&str>)]) -> Option<Socket> {
        let stream = TcpStream::connect(address).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).expect("a duration that is not zero");
        stream.set_nodelay(true).expect("a TCP socket");
        Socket::begin(Box::new(stream), lines)
    }

    /// A JSON session that has said hello, of someone at this address of ours.
    pub fn json_from(own: IpAddr, address: SocketAddr, user: &str) -> Socket {
        let stream = connect_from(own, address).expect("the server listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a duration that is not zero");
        let mut socket =
            Socket::over(Box::new(stream), "slotcast.v1.json").expect("it answers the handshake");
        socket.say(json!({"type": "hello", "user": user}));
        assert_eq!(socket.hear()["type"], "welcome");
        socket
    }

    /// The same over what is connected already.
    pub fn over(stream: Box<dyn Stream>, subprotocol: &str) -> Option<Socket> {
        Socket::begin(stream, &[("Sec-WebSocket-Protocol", Some(subprotocol))])
    }

    fn begin(mut stream: Box<dyn Stream>, lines: &[(&str, Option<&str>)]) -> Option<Socket> {
        stream.write_all(&handshake(lines)).ok()?;
        let mut socket = Socket { stream, unread: Vec::new() };
        while !socket.unread.ends_with(b"\r\n\r\n") {
            if !socket.fill(1) {
                return None;
            }
        }
        assert!(socket.unread.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&socket.unread));
        socket.unread.clear();
        Some(socket)
    }

    /// A JSON session that has said hello.
    pub fn json(address: SocketAddr, user: &str) -> Socket {
        let mut socket = Socket::open(address, "slotcast.v1.json");
        socket.say(json!({"type": "hello", "user": user}));
        assert_eq!(socket.hear()["type"], "welcome");
        socket
    }

    /// A JSON session on the relay, as one device of a user, that has said hello.
    pub fn relay(address: SocketAddr, user: &str, device: &str) -> Socket {
        let mut socket = Socket::open(address, "slotcast.relay.v1.json");
        socket.say(json!({"type": "hello", "user": user, "device": device}));
        assert_eq!(socket.hear()["type"], "welcome");
        socket
    }

    pub fn say(&mut self, message: Value) {
        self.frame(TEXT, message.to_string().as_bytes());
    }

    /// The next message.
    pub fn hear(&mut self) -> Value {
        match self.next() {
            Frame::Text(text) => serde_json::from_str(&text).expect("the server speaks JSON"),
            other => panic!("{other:?} instead of a message"),
        }
    }

    /// Says it and gives the next message.
    pub fn ask(&mut self, message: Value) -> Value {
        self.say(message);
        self.hear()
    }

    /// A whole masked frame.
    pub fn frame(&mut self, kind: u8, payload: &[u8]) {
        self.raw(&masked(kind, payload));
    }

    /// Bytes as they are; the server may have hung up already.
    pub fn raw(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// The next frame; whole messages are never fragmented by the server.
    #[expect(clippy::should_implement_trait, reason = "it has no end, and panics when the server is silent")]
    pub fn next(&mut self) -> Frame {
        if !self.fill_to(2) {
            return Frame::End;
        }
        let (kind, length) = (self.unread[0], self.unread[1]);
        assert_eq!(length & 0x80, 0, "a server does not mask");
        let (head, length) = match length {
            126 => (4, self.number(2, 2)),
            127 => (10, self.number(2, 8)),
            short => (2, usize::from(short)),
        };
        if !self.fill_to(head + length) {
            return Frame::End;
        }
        let payload = self.unread.drain(..head + length).skip(head).collect::<Vec<u8>>();
        match kind {
            0x81 => Frame::Text(String::from_utf8(payload).expect("text is UTF-8")),
            0x82 => Frame::Binary(payload),
            0x88 => {
                Frame::Close(payload.get(..2).map_or(1005, |code| u16::from_be_bytes([code[0], code[1]])))
            }
            0x89 => Frame::Ping,
            0x8a => Frame::Pong(payload),
            other => panic!("a frame of the kind {other:#x}"),
        }
    }

    /// The code with which the server closes, whatever it says before.
    pub fn close_code(&mut self) -> Option<u16> {
        loop {
            match self.next() {
                Frame::Close(code) => return Some(code),
                Frame::End => return None,
                Frame::Text(_) | Frame::Binary(_) | Frame::Ping | Frame::Pong(_) => {}
            }
        }
    }

    fn number(&mut self, from: usize, width: usize) -> usize {
        self.fill_to(from + width);
        self.unread[from..from + width].iter().fold(0, |number, byte| number << 8 | usize::from(*byte))
    }

    fn fill_to(&mut self, bytes: usize) -> bool {
        while self.unread.len() < bytes {
            if !self.fill(4096) {
                return false;
            }
        }
        true
    }

    fn fill(&mut self, most: usize) -> bool {
        let mut buffer = vec![0; most];
        match self.stream.read(&mut buffer) {
            Ok(0) => false,
            Ok(read) => {
                self.unread.extend_from_slice(&buffer[..read]);
                true
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                panic!("the server was silent for {PATIENCE:?}")
            }
            Err(_) => false,
        }
    }
}
