//! A session over HTTP: section 14 of `protocol.md` and no more. Messages go up in a thread of their own, so that one can be told things meanwhile.

use std::collections::VecDeque;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::http::Http;

/// How the client is told things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Down {
    Poll,
    Stream,
    Events,
}

pub struct Requests {
    down: Down,
    json: bool,
    key: String,
    have: u64,
    heard: VecDeque<Vec<u8>>,
    http: Http,
    /// What came of a stream and is no whole message yet; None while there is no stream.
    stream: Option<Vec<u8>>,
    /// None until something is said.
    poster: Option<Poster>,
    address: SocketAddr,
    /// Whether it says goodbye when it goes.
    pub is_polite: bool,
}

/// The thread that says things.
struct Poster {
    said: Sender<Vec<u8>>,
    thread: JoinHandle<()>,
    connection: TcpStream,
}

impl Requests {
    /// Says the first message; None if the server is gone.
    pub fn open(address: SocketAddr, down: Down, json: bool, hello: &[u8]) -> Option<Requests> {
        let mut http = Http::connect(address)?;
        let kind = content_type(json);
        let answer = http.ask("POST /poll/objects", &[("content-type", kind)], &framed(json, hello))?;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let key = answer.header("slotcast-session").expect("a session has a key").to_owned();
        let mut requests = Requests {
            down,
            json,
            key,
            have: 0,
            heard: VecDeque::new(),
            http,
            stream: None,
            poster: None,
            address,
            is_polite: true,
        };
        requests.take(&answer.body, Down::Poll);
        Some(requests)
    }

    pub fn say(&mut self, message: &[u8]) {
        if self.poster.is_none() {
            self.poster = Poster::start(self.address, self.key.clone(), self.json);
        }
        if let Some(poster) = &self.poster {
            let _ = poster.said.send(framed(self.json, message));
        }
    }

    /// The next message; None when the session is over.
    pub fn hear(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(message) = self.heard.pop_front() {
                return Some(message);
            }
            match self.down {
                Down::Poll => self.poll()?,
                Down::Stream | Down::Events => self.read_on()?,
            }
        }
    }

    fn poll(&mut self) -> Option<()> {
        let have = self.have.to_string();
        let headers = [("slotcast-session", self.key.as_str()), ("slotcast-have", &have)];
        let answer = match self.http.ask("GET /poll", &headers, b"") {
            Some(answer) => answer,
            // A connection that was kept alive may be closed; a new one is not.
            None => {
                self.http = Http::connect(self.address)?;
                self.http.ask("GET /poll", &headers, b"")?
            }
        };
        match answer.status {
            200 => _ = self.take(&answer.body, Down::Poll),
            204 => {}
            410 => return None,
            other => panic!("{other}: {}", answer.text()),
        }
        Some(())
    }

    fn read_on(&mut self) -> Option<()> {
        if self.stream.is_none() {
            let (have, events) = (self.have.to_string(), self.down == Down::Events);
            let (line, name) =
                if events { ("GET /sse", "last-event-id") } else { ("GET /stream", "slotcast-have") };
            self.http = Http::connect(self.address)?;
            let answer = self.http.begin(line, &[("slotcast-session", &self.key), (name, &have)], b"")?;
            if answer.status == 410 {
                return None;
            }
            assert_eq!(answer.status, 200, "{}", answer.text());
            self.stream = Some(Vec::new());
        }
        match self.http.piece()? {
            Some(piece) => {
                let mut read = self.stream.take().expect("it was just made");
                read.extend(piece);
                let whole = self.take(&read, self.down);
                self.stream = Some(read.split_off(whole));
            }
            None => self.stream = None,
        }
        Some(())
    }

    /// Takes the whole messages; how many bytes they were.
    fn take(&mut self, bytes: &[u8], down: Down) -> usize {
        let mut at = 0;
        while let Some((length, message)) = first(&bytes[at..], down, self.json) {
            at += length;
            if let Some((id, message)) = message {
                self.have += 1;
                assert!(id.is_none_or(|id| id == self.have), "event {id:?} is number {}", self.have);
                self.heard.push_back(message);
            }
        }
        at
    }
}

impl Drop for Requests {
    fn drop(&mut self) {
        if self.is_polite
            && let Some(mut http) = Http::connect(self.address)
        {
            let _ = http.ask("DELETE /poll", &[("slotcast-session", &self.key)], b"");
        }
        let Some(Poster { said, thread, connection }) = self.poster.take() else { return };
        drop(said);
        let _ = connection.shutdown(Shutdown::Both);
        let panicked = thread.join().is_err();
        assert!(!panicked || std::thread::panicking(), "the thread that posts has met something");
    }
}

impl Poster {
    /// None if the server is gone.
    fn start(address: SocketAddr, key: String, json: bool) -> Option<Poster> {
        let http = Http::connect(address)?;
        let connection = http.handle();
        let (said, gathered) = channel();
        let thread = std::thread::spawn(move || say(http, &key, json, &gathered));
        Some(Poster { said, thread, connection })
    }
}

fn content_type(json: bool) -> &'static str {
    if json { "application/json" } else { "application/msgpack" }
}

fn framed(json: bool, message: &[u8]) -> Vec<u8> {
    match json {
        true => [message, b"\n"].concat(),
        false => [&(message.len() as u32).to_be_bytes(), message].concat(),
    }
}

/// The first whole message, if it is one that says something: with its number, if it has one.
type Whole = Option<(Option<u64>, Vec<u8>)>;

fn first(bytes: &[u8], down: Down, json: bool) -> Option<(usize, Whole)> {
    if down == Down::Events {
        let end = bytes.windows(2).position(|pair| pair == b"\n\n")?;
        let event = std::str::from_utf8(&bytes[..end]).expect("events are text");
        let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
        let message = field("data: ").map(|data| match json {
            true => data.as_bytes().to_vec(),
            false => BASE64_STANDARD.decode(data).expect("base64"),
        });
        let id = field("id: ").and_then(|id| id.parse().ok());
        return Some((end + 2, message.map(|message| (id, message))));
    }
    let (head, length) = match json {
        true => (0, bytes.iter().position(|byte| *byte == b'\n')?),
        false => (4, u32::from_be_bytes(*bytes.first_chunk()?) as usize),
    };
    let message = bytes.get(head..head + length)?.to_vec();
    let tail = usize::from(json);
    Some((head + length + tail, (length > 0).then_some((None, message))))
}

/// Batches, one at a time: all that has gathered, and again as long as there is no answer.
fn say(mut http: Http, key: &str, json: bool, gathered: &Receiver<Vec<u8>>) {
    let mut number = 1;
    while let Ok(first) = gathered.recv() {
        let mut batch = first;
        while batch.len() < 60_000
            && let Ok(more) = gathered.try_recv()
        {
            batch.extend(more);
        }
        number += 1;
        let text = number.to_string();
        let headers =
            [("slotcast-session", key), ("slotcast-batch", &text), ("content-type", content_type(json))];
        let Some(answer) = http.ask("POST /poll", &headers, &batch) else { return };
        match answer.status {
            204 => {}
            410 => return,
            other => panic!("{other}: {}", answer.text()),
        }
    }
}
