//! The way out of one connection. Whole frames go straight to the socket; what it does not take at once is held here, and from then on the
//! connection is *full* until all of that is gone: at most the piece in flight, and the answers to requests that were read before.
//!
//! A full connection is not read from either, so the answers are bounded by what one read gives.

mod socket;
mod tls;
pub mod waiting;

use std::cell::{Cell, RefCell};
use std::io;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use slotcast_state::Flow;

pub use socket::{Other, Socket};
pub use tls::TlsSocket;
use waiting::Waiting;

/// Shared by the connection's task and its worker, on one thread. Small, as every idle connection has one.
pub struct Outbox {
    socket: Socket,
    /// None when nothing waits: of many connections most are idle, and for them the box is smaller than the queue.
    queue: RefCell<Option<Box<Waiting>>>,
    state: Cell<State>,
    task: Cell<Option<Waker>>,
    /// When the connection last gave a sign of life, in ms.
    alive_ms: Cell<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Full,
    Lost,
}

impl Outbox {
    pub fn new(socket: Socket, now_ms: u64) -> Self {
        let (queue, task) = (RefCell::default(), Cell::default());
        Outbox { socket, queue, state: Cell::new(State::Open), task, alive_ms: Cell::new(now_ms) }
    }

    pub fn alive_ms(&self) -> u64 {
        self.alive_ms.get().max(self.socket.alive_ms())
    }

    pub fn touch(&self, now_ms: u64) {
        self.alive_ms.set(now_ms);
    }

    pub fn is_open(&self) -> bool {
        self.state.get() == State::Open
    }

    pub fn is_full(&self) -> bool {
        self.state.get() == State::Full
    }

    pub fn is_lost(&self) -> bool {
        self.state.get() == State::Lost
    }

    /// Whom to wake when the connection becomes full or is lost.
    pub fn set_task(&self, waker: &Waker) {
        let same = self.task.take().filter(|task| task.will_wake(waker));
        self.task.set(Some(same.unwrap_or_else(|| waker.clone())));
    }

    /// Puts whole frames behind what waits; they go out with the next [`Outbox::push`] or [`Outbox::flush`].
    pub fn defer(&self, frames: Bytes) {
        if !self.is_lost() {
            self.queue.borrow_mut().get_or_insert_default().push_back(frames);
        }
    }

    /// Sends whole frames now, behind what was deferred.
    pub fn push(&self, frames: Bytes) -> Flow {
        if self.is_open() && self.queue.borrow().is_none() {
            return match self.socket.try_write(&frames) {
                Ok(written) if written == frames.len() => self.taken(),
                Ok(written) => self.hold(frames.slice(written..)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.hold(frames),
                Err(_) => self.lose(),
            };
        }
        self.defer(frames);
        self.flush()
    }

    /// As [`Outbox::push`], but frames of which the socket takes nothing are not held. The connection is full until it takes something again.
    pub fn offer(&self, frames: Bytes) -> Flow {
        if self.flush() == Flow::Full {
            return Flow::Refused;
        }
        match self.socket.try_write(&frames) {
            Ok(written) if written == frames.len() => self.taken(),
            Ok(written) => self.hold(frames.slice(written..)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.fill();
                Flow::Refused
            }
            Err(_) => self.lose(),
        }
    }

    /// Sends what was deferred.
    pub fn flush(&self) -> Flow {
        while self.is_open() && self.queue.borrow().is_some() {
            match self.write_some() {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.fill(),
                Err(_) => return self.lose(),
            }
        }
        if self.is_open() { self.taken() } else { Flow::Full }
    }

    /// Ready when a full connection has taken all that was held.
    pub fn poll_drained(&self, context: &mut Context<'_>, now_ms: u64) -> Poll<io::Result<()>> {
        if self.queue.borrow().is_none() {
            std::task::ready!(self.socket.poll_write_ready(context))?;
        }
        while self.queue.borrow().is_some() {
            std::task::ready!(self.socket.poll_write_ready(context))?;
            match self.write_some() {
                Ok(()) => self.touch(now_ms),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        std::task::ready!(self.socket.poll_flush(context))?;
        self.state.set(State::Open);
        Poll::Ready(Ok(()))
    }

    /// Ends the connection from outside its task.
    pub fn lose(&self) -> Flow {
        self.state.set(State::Lost);
        self.queue.replace(None);
        self.wake();
        Flow::Full
    }

    pub fn wake(&self) {
        let task = self.task.take();
        task.iter().for_each(Waker::wake_by_ref);
        self.task.set(task);
    }

    /// The socket, when no one else needs the outbox.
    pub fn into_socket(self) -> Socket {
        self.socket
    }

    /// The socket, for reading.
    pub fn socket(&self) -> &Socket {
        &self.socket
    }

    /// All was taken; what has not left fills the connection.
    fn taken(&self) -> Flow {
        if self.socket.is_flushed() {
            return Flow::Open;
        }
        self.fill();
        Flow::Full
    }

    fn hold(&self, rest: Bytes) -> Flow {
        self.queue.borrow_mut().get_or_insert_default().push_back(rest);
        self.fill();
        Flow::Full
    }

    fn fill(&self) {
        self.state.set(State::Full);
        self.wake();
    }

    fn write_some(&self) -> io::Result<()> {
        let mut waiting = self.queue.borrow_mut();
        let Some(queue) = &mut *waiting else { return Ok(()) };
        let written = self.socket.try_write_all(queue)?;
        if queue.advance(written) {
            *waiting = None;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::AsyncReadExt;
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    /// The server's end and the client's.
    pub async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback is there");
        let address = listener.local_addr().expect("it is bound");
        let (client, server) = tokio::join!(TcpStream::connect(address), listener.accept());
        (server.expect("someone came").0, client.expect("it is there"))
    }

    #[tokio::test]
    async fn what_is_only_offered_is_not_held_and_comes_later() {
        let (server, mut client) = pair().await;
        let outbox = Outbox::new(Socket::Tcp(server), 0);
        let piece = Bytes::from(vec![7; 1_000_003]);
        let mut sent = 0;
        while outbox.push(piece.clone()) == Flow::Open {
            sent += piece.len();
        }
        sent += piece.len();
        assert!(waiting::bytes() > 0, "the rest of the last piece");
        let mut read = vec![0; sent];
        let drain = poll_fn(|context| outbox.poll_drained(context, 0));
        let (_, drained) = tokio::join!(client.read_exact(&mut read), drain);
        drained.expect("the socket is there");
        assert_eq!(waiting::bytes(), 0);

        let mut taken = 0;
        let one = Bytes::from_static(&[7]);
        while outbox.offer(one.clone()) == Flow::Open {
            taken += 1;
        }
        assert!(outbox.is_full());
        assert_eq!(waiting::bytes(), 0, "what was refused is not held");
        let mut rest = vec![0; taken];
        let drain = poll_fn(|context| outbox.poll_drained(context, 0));
        let (_, drained) = tokio::join!(client.read_exact(&mut rest), drain);
        drained.expect("the socket is there");
        assert_eq!(outbox.offer(one), Flow::Open);
    }
}
