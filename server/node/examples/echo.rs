//! Says back every message, over the server's own reader of frames: what a conformance suite talks to.
//!
//! `tests/conformance/run.py` runs Autobahn's cases against it. By hand: `cargo run --example echo 127.0.0.1:9001`, then `kosoku 127.0.0.1:9001`.

#[allow(dead_code)]
#[path = "../src/frame.rs"]
mod frame;
#[path = "../src/gateway/frames/mod.rs"]
mod frames;

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use frames::{Broken, Frames, Incoming};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// The suite's longest message, in bytes.
const BYTES_MAX: usize = 16 << 20;

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".into());
    let listener = TcpListener::bind(address)?;
    println!("{}", listener.local_addr()?);
    for socket in listener.incoming() {
        let socket = socket?;
        thread::spawn(move || converse(socket));
    }
    Ok(())
}

fn converse(mut socket: TcpStream) -> io::Result<()> {
    let mut frames = Frames::new(&shake_hands(&mut socket)?);
    let mut scratch = vec![0; 16 * 1024];
    loop {
        let mut heard = frames.next(BYTES_MAX);
        if let Ok(None) = heard {
            let read = socket.read(&mut scratch)?;
            if read == 0 {
                return Ok(());
            }
            heard = frames.read(&mut scratch[..read], BYTES_MAX);
        }
        match heard {
            Ok(None | Some(Incoming::Part | Incoming::Pong)) => {}
            Ok(Some(Incoming::Text(text))) => {
                socket.write_all(&frame::whole(frame::TEXT, text.as_bytes()))?
            }
            Ok(Some(Incoming::Binary(bytes))) => socket.write_all(&frame::whole(frame::BINARY, &bytes))?,
            Ok(Some(Incoming::Ping(payload))) => socket.write_all(&frame::pong(payload))?,
            Ok(Some(Incoming::Close(code))) => return socket.write_all(&frame::close_answer(code)),
            Err(Broken { code, why }) => return socket.write_all(&frame::close(code, why)),
        }
    }
}

/// The opening handshake; what came behind it.
fn shake_hands(socket: &mut TcpStream) -> io::Result<Vec<u8>> {
    let (mut head, mut part) = (Vec::new(), [0; 4096]);
    let end = loop {
        let read = socket.read(&mut part)?;
        head.extend_from_slice(&part[..read]);
        if let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if read == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
    };
    let early = head.split_off(end);
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut fields = head.lines().filter_map(|line| line.split_once(':'));
    let key = fields.find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"));
    let accept = derive_accept_key(key.map_or("", |(_, key)| key.trim()).as_bytes());
    let switching = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade";
    write!(socket, "{switching}\r\nSec-WebSocket-Accept: {accept}\r\n\r\n")?;
    Ok(early)
}
