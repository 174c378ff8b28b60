//! The floor: the least that a server with this wire must do. One thread, one epoll; it checks nothing, keeps no
//! state but followers and versions, and gives each change to each follower as a ready frame.

mod audience;
mod connection;
mod inboxes;

use crate::frame::{self, Head};
use crate::handshake;
use crate::message::relay::{self, Tell};
use crate::message::{self, Cursor, Write};
use crate::poller::{Interest, Poller, Ready};
use crate::receive::{ReceiveBuffer, Received};
use audience::Audiences;
use connection::Connection;
use inboxes::Inboxes;
use slab::Slab;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

const LISTENER: usize = usize::MAX;
const ACCEPTS_PER_TURN_MAX: usize = 64;
const CONNECTS_WAITING_MAX: i32 = 4096;

/// How frames go to the sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Mode {
    /// Each frame in a `send` of its own.
    Single,
    /// All frames that one turn of the loop brought, in one `send` per socket.
    Batched,
    /// As single, and `use` is answered by a ready snapshot of 10,000 slots of 32 bytes.
    Full,
}

/// The server.
pub struct Floor {
    mode: Mode,
    listener: TcpListener,
    poller: Poller,
    connections: Slab<Connection>,
    audiences: Audiences,
    inboxes: Inboxes,
}

impl Floor {
    /// Listens on a loopback address; port 0 takes a free one.
    pub fn listen(address: SocketAddr, mode: Mode) -> io::Result<Self> {
        if !address.ip().is_loopback() {
            return Err(io::Error::other("the floor serves loopback only"));
        }
        let listener = TcpListener::bind(address)?;
        // The standard library lets 128 wait.
        rustix::net::listen(&listener, CONNECTS_WAITING_MAX)?;
        listener.set_nonblocking(true)?;
        let poller = Poller::new()?;
        poller.add(&listener, LISTENER, Interest { read: true, write: false })?;
        let (connections, audiences, inboxes) = (Slab::new(), Audiences::default(), Inboxes::default());
        Ok(Self { mode, listener, poller, connections, audiences, inboxes })
    }

    /// The port it listens on.
    pub fn port(&self) -> io::Result<u16> {
        Ok(self.listener.local_addr()?.port())
    }

    /// Serves for so long.
    pub fn run(&mut self, duration: Duration) -> io::Result<()> {
        let end = Instant::now() + duration;
        let mut buffer = ReceiveBuffer::default();
        let mut ready = Vec::new();
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            self.poller.wait(left, &mut ready)?;
            for event in ready.drain(..) {
                self.on_ready(event, &mut buffer)?;
            }
            self.flush_audiences();
            self.flush_inboxes();
        }
        Ok(())
    }

    fn on_ready(&mut self, event: Ready, buffer: &mut ReceiveBuffer) -> io::Result<()> {
        if event.token == LISTENER {
            return self.accept();
        }
        if event.write
            && let Some(connection) = self.connections.get_mut(event.token)
        {
            connection.flush(&self.poller, event.token);
        }
        if event.read && self.connections.contains(event.token) && self.read(event.token, buffer).is_none() {
            self.close(event.token);
        }
        Ok(())
    }

    fn accept(&mut self) -> io::Result<()> {
        for _ in 0..ACCEPTS_PER_TURN_MAX {
            // Out of files, or the peer is gone again: the next turn tries anew.
            let Ok((stream, _)) = self.listener.accept() else { break };
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            let entry = self.connections.vacant_entry();
            self.poller.add(&stream, entry.key(), Interest { read: true, write: false })?;
            entry.insert(Connection::new(stream));
        }
        Ok(())
    }

    /// Reads once and acts on what is complete. `None`: the connection is over.
    fn read(&mut self, token: usize, buffer: &mut ReceiveBuffer) -> Option<()> {
        let connection = &mut self.connections[token];
        let rest = std::mem::take(&mut connection.rest);
        let bytes = match buffer.read(&connection.stream, &rest) {
            Received::Bytes(len) => buffer.filled(len),
            Received::Nothing => {
                connection.rest = rest;
                return Some(());
            }
            Received::Closed => return None,
        };
        let mut at = if connection.open { 0 } else { self.upgrade(token, bytes)? };
        let mut answers = Vec::new();
        while let Some(head) = Head::read(&bytes[at..]).filter(|head| head.frame_bytes() <= bytes.len() - at)
        {
            let payload = &mut bytes[at + head.header_bytes..at + head.frame_bytes()];
            frame::mask(payload, head.mask?);
            self.on_frame(token, head.opcode, payload, &mut answers)?;
            at += head.frame_bytes();
        }
        let connection = &mut self.connections[token];
        connection.rest.extend_from_slice(&bytes[at..]);
        connection.send(&answers, &self.poller, token);
        Some(())
    }

    /// Answers the opening request; the answer is how many bytes it had, 0 while it is not complete.
    fn upgrade(&mut self, token: usize, bytes: &[u8]) -> Option<usize> {
        let Some(end) = handshake::head_end(bytes) else {
            return (bytes.len() < handshake::HEAD_BYTES_MAX).then_some(0);
        };
        let response = handshake::response(&bytes[..end])?;
        let connection = &mut self.connections[token];
        connection.open = true;
        connection.relay = bytes.starts_with(b"GET /relay ");
        connection.send(response.as_bytes(), &self.poller, token);
        Some(end)
    }

    fn on_frame(&mut self, token: usize, opcode: u8, payload: &[u8], answers: &mut Vec<u8>) -> Option<()> {
        match opcode {
            frame::BINARY => self.on_message(token, payload, answers),
            frame::PING => {
                frame::server(answers, frame::PONG, payload);
                Some(())
            }
            frame::PONG => Some(()),
            _ => None,
        }
    }

    fn on_message(&mut self, token: usize, payload: &[u8], answers: &mut Vec<u8>) -> Option<()> {
        let (code, mut reader) = message::open(payload)?;
        match code {
            message::HELLO => {
                if self.connections[token].relay {
                    reader.skip(2)?;
                    self.inboxes.join(reader.str()?, token);
                }
                frame::server(answers, frame::BINARY, &message::welcome());
            }
            message::USE => {
                let name = reader.str()?;
                self.on_use(token, name, Cursor::read(&mut reader), answers);
            }
            message::WRITE => self.on_write(token, &Write::read(reader)?, answers)?,
            message::PING => frame::server(answers, frame::BINARY, &message::pong()),
            relay::OPEN => {
                frame::server(answers, frame::BINARY, &relay::inbox());
                frame::server(answers, frame::BINARY, &relay::current(0));
            }
            relay::TELL => self.on_tell(token, &Tell::read(reader)?, answers)?,
            relay::ACK => {}
            _ => return None,
        }
        Some(())
    }

    /// A cursor is believed, and what changed since is not told: the floor keeps no values.
    fn on_use(&mut self, token: usize, name: &[u8], cursor: Option<Cursor>, answers: &mut Vec<u8>) {
        let (object, version) = self.audiences.find(name);
        let objects = &mut self.connections[token].objects;
        if !objects.contains(&object) {
            objects.push(object);
            self.audiences.join(object, token);
        }
        let answer = match (cursor, self.mode) {
            (Some(cursor), _) => message::empty_diff(name, cursor.version, version),
            (None, Mode::Full) => return answers.extend_from_slice(self.audiences.full(object, name)),
            (None, Mode::Single | Mode::Batched) => message::snapshot(name, version),
        };
        frame::server(answers, frame::BINARY, &answer);
    }

    fn on_write(&mut self, token: usize, write: &Write<'_>, answers: &mut Vec<u8>) -> Option<()> {
        let (object, version) = self.audiences.append(write)?;
        frame::server(answers, frame::BINARY, &message::success(write.id, version));
        if self.mode != Mode::Batched {
            self.connections[token].send(answers, &self.poller, token);
            answers.clear();
            self.flush(object);
        }
        Some(())
    }

    /// Two sends: one to whoever told it, one to whoever is told.
    fn on_tell(&mut self, token: usize, tell: &Tell<'_>, answers: &mut Vec<u8>) -> Option<()> {
        let (recipient, at) = self.inboxes.append(token, tell)?;
        frame::server(answers, frame::BINARY, &relay::stored(tell.id, at));
        if self.mode != Mode::Batched {
            self.connections[token].send(answers, &self.poller, token);
            answers.clear();
            self.flush_inbox(recipient);
        }
        Some(())
    }

    fn flush_audiences(&mut self) {
        while let Some(object) = self.audiences.next_dirty() {
            self.flush(object);
        }
    }

    fn flush(&mut self, object: usize) {
        let (frames, followers) = self.audiences.take(object);
        for &token in followers {
            self.connections[token].send(frames, &self.poller, token);
        }
        self.audiences.taken(object);
    }

    fn flush_inboxes(&mut self) {
        while let Some(token) = self.inboxes.next_dirty() {
            self.flush_inbox(token);
        }
    }

    fn flush_inbox(&mut self, token: usize) {
        let Self { inboxes, connections, poller, .. } = self;
        inboxes.take(token, |frames| connections[token].send(frames, poller, token));
    }

    fn close(&mut self, token: usize) {
        self.inboxes.leave(token);
        let connection = self.connections.remove(token);
        for object in connection.objects {
            self.audiences.leave(object, token);
        }
    }
}
