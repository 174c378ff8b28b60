//! One WebSocket: tungstenite reads and answers control frames over the raw socket; what goes out goes through the outbox.

use std::future::{Future, poll_fn};
use std::io::ErrorKind;
use std::ops::Deref;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use slotcast_protocol::event::Reject;
use slotcast_protocol::request::Refused;
use slotcast_protocol::{
    CloseCode, Code, Door, Encoding, Event, Fault, RelayEvent, Request, User, Welcome, json,
};
use slotcast_state::{Author, SessionId};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep, timeout};
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, WebSocket};

use super::budget::Budget;
use crate::frame;
use crate::outbox::{Outbox, UnderWebSocket};
use crate::worker::{Worker, now_ms};

/// Bytes; what a connection at rest keeps for reading.
const READ_BUFFER_BYTES: usize = 128;

/// Messages taken from one connection before the others get a turn.
const MESSAGES_PER_TURN: usize = 32;

/// How long no one is read when the store has not kept up.
const BEHIND_WAIT: Duration = Duration::from_millis(10);

/// How long a connection that is closed from here may take to read what is left.
const LAST_WORDS: Duration = Duration::from_secs(2);

pub struct Connection {
    worker: Counted,
    outbox: Rc<Outbox>,
    socket: WebSocket<UnderWebSocket>,
    door: Door,
    encoding: Encoding,
}

/// The worker, for as long as the connection counts among its own.
struct Counted(Rc<Worker>);

impl Counted {
    fn new(worker: Rc<Worker>) -> Self {
        worker.house.metrics.connections.inc();
        Counted(worker)
    }
}

impl Deref for Counted {
    type Target = Worker;

    fn deref(&self) -> &Worker {
        &self.0
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.house.metrics.connections.dec();
    }
}

/// Why a connection ends.
enum Ending {
    /// Its socket is gone, or its peer has closed it.
    Gone,
    /// It is closed from here.
    Close(CloseCode, &'static str),
}

impl Connection {
    pub fn new(worker: Rc<Worker>, tcp: TcpStream, early: Bytes, (door, encoding): (Door, Encoding)) -> Self {
        let outbox = Rc::new(Outbox::new(tcp, now_ms()));
        let limit = Some(worker.house.limits.message_bytes);
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER_BYTES)
            .write_buffer_size(0)
            .max_write_buffer_size(1_024)
            .max_message_size(limit)
            .max_frame_size(limit);
        let under = UnderWebSocket::new(outbox.clone());
        let socket = WebSocket::from_partially_read(under, early.to_vec(), Role::Server, Some(config));
        Connection { worker: Counted::new(worker), outbox, socket, door, encoding }
    }

    /// From hello to the end. An `async fn` would keep a second place for `self`, and this is what an idle connection costs.
    #[allow(clippy::manual_async_fn)]
    pub fn run(mut self) -> impl Future<Output = ()> {
        async move {
            let hello = Box::pin(self.hello()).await;
            let ending = match hello {
                Ok((session, author)) => {
                    let ending = self.converse(session).await;
                    self.worker.close(session, &author, self.door);
                    ending
                }
                Err(ending) => ending,
            };
            if let Ending::Close(code, reason) = ending {
                Box::pin(self.close(code, reason)).await;
            }
        }
    }

    async fn hello(&mut self) -> Result<(SessionId, Arc<Author>), Ending> {
        let wait = Duration::from_millis(self.worker.house.limits.hello_ms);
        let first = timeout(wait, poll_fn(|context| self.poll_message(context))).await;
        let first = first.map_err(|_| Ending::Close(CloseCode::HelloTimeout, "no hello in time"))??;
        if message_bytes(&first) > self.worker.house.limits.hello_bytes {
            return Err(Ending::Close(CloseCode::TooLarge, "hello is too long"));
        }
        let fault = match self.decode(first)? {
            Ok(Request::Hello { token, device, user }) => {
                let device = device.unwrap_or_else(|| self.worker.fresh_device());
                match self.identify(token.as_deref(), user) {
                    Ok(user) => return Ok(self.welcome(Arc::new(Author { user, device }))),
                    Err(fault) => fault,
                }
            }
            Ok(_other) => Fault::new(Code::HelloFirst, "the first message must be hello"),
            Err(refused) => refused.fault,
        };
        let code = match fault.code {
            Code::TooMany => CloseCode::TooMany,
            Code::Unavailable => CloseCode::GoingAway,
            _not_a_good_hello => CloseCode::Unauthorized,
        };
        self.outbox.defer(frame::of(&Event::Error { fault, object: None }, self.encoding));
        Err(Ending::Close(code, "hello was refused"))
    }

    fn identify(&self, token: Option<&str>, wanted: Option<User>) -> Result<User, Fault> {
        if self.worker.is_draining() {
            return Err(Fault::new(Code::Unavailable, "the server stops"));
        }
        let identities = &self.worker.house.identities;
        let guest = format!("guest-{}", &self.worker.fresh_device().as_str()[6..]);
        let user = identities.user(token, wanted, &guest)?;
        match identities.admit(&user, self.door) {
            true => Ok(user),
            false => Err(Fault::new(Code::TooMany, "sessions of this user")),
        }
    }

    fn welcome(&mut self, author: Arc<Author>) -> (SessionId, Arc<Author>) {
        let limits = &self.worker.house.limits;
        let told = match self.door {
            Door::Objects => {
                &["message_bytes", "value_bytes", "value_depth", "objects", "ops", "inflight"][..]
            }
            Door::Relay => &["message_bytes", "tell_bytes", "value_depth", "inflight", "window_messages"],
        };
        let limits = limits.table().into_iter().filter(|(name, _)| told.contains(name));
        let limits = limits.map(|(name, value)| (name.to_owned(), value)).collect();
        let session = self.worker.open(author.clone(), (self.door, self.encoding), &self.outbox);
        let (user, device) = (author.user.clone(), author.device.clone());
        let name = format!("{:x}", session.number());
        let welcome = Event::Welcome(Welcome { session: name, user, device, time_ms: now_ms(), limits });
        self.outbox.push(frame::of(&welcome, self.encoding));
        (session, author)
    }

    /// The session's life. Nothing is read while the socket is full: a client that does not listen is not heard.
    fn converse(&mut self, session: SessionId) -> impl Future<Output = Ending> {
        let mut budget = Budget::new(&self.worker.house.limits, now_ms());
        let mut pause: Option<Pin<Box<Sleep>>> = None;
        poll_fn(move |context| {
            self.outbox.set_task(context.waker());
            for _ in 0..MESSAGES_PER_TURN {
                if self.outbox.is_lost() {
                    return Poll::Ready(Ending::Gone);
                }
                if let Some(code) = self.worker.told_to_close(session) {
                    return Poll::Ready(Ending::Close(code, reason(code)));
                }
                if self.outbox.is_full() {
                    match std::task::ready!(self.outbox.poll_drained(context, now_ms())) {
                        Ok(()) => self.worker.drained(session),
                        Err(_) => return Poll::Ready(Ending::Gone),
                    }
                    continue;
                }
                if pause.is_none() && self.worker.house.is_behind() {
                    pause = Some(Box::pin(sleep(BEHIND_WAIT)));
                }
                if let Some(sleep) = &mut pause {
                    std::task::ready!(sleep.as_mut().poll(context));
                    pause = None;
                }
                let taken = std::task::ready!(self.poll_message(context))
                    .and_then(|message| self.take(session, message));
                if let Err(ending) = taken {
                    return Poll::Ready(ending);
                }
                let wait = budget.take(&self.worker.house.limits, now_ms());
                pause = wait.map(|wait| Box::pin(sleep(wait)));
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
    }

    fn take(&mut self, session: SessionId, message: Message) -> Result<(), Ending> {
        let metrics = &self.worker.house.metrics;
        metrics.messages.inc();
        match self.decode(message)? {
            Ok(request) => self.worker.request(session, request),
            Err(refused) => {
                metrics.refused.inc();
                self.worker.answer(session, &answer(self.door, refused));
            }
        }
        Ok(())
    }

    /// A message's request, or how to refuse it; the wrong kind of frame ends the connection.
    fn decode(&self, message: Message) -> Result<Result<Request, Refused>, Ending> {
        let limits = &self.worker.house.limits;
        match (message, self.encoding) {
            (Message::Binary(bytes), Encoding::MessagePack) => Ok(Request::decode(self.door, &bytes, limits)),
            (Message::Text(text), Encoding::Json) => Ok(json::request(self.door, &text, limits)),
            (_, Encoding::MessagePack) => Err(Ending::Close(CloseCode::WrongFrame, "binary frames only")),
            (_, Encoding::Json) => Err(Ending::Close(CloseCode::WrongFrame, "text frames only")),
        }
    }

    /// The next text or binary message.
    fn poll_message(&mut self, context: &mut Context<'_>) -> Poll<Result<Message, Ending>> {
        loop {
            match self.socket.read() {
                Ok(message @ (Message::Text(_) | Message::Binary(_))) => {
                    self.outbox.touch(now_ms());
                    return Poll::Ready(Ok(message));
                }
                Ok(Message::Close(_)) => {
                    // tungstenite puts its answer into the outbox and then says that all is over, without flushing.
                    let _over = self.socket.flush();
                    self.outbox.flush();
                    return Poll::Ready(Err(Ending::Gone));
                }
                Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => self.outbox.touch(now_ms()),
                Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => {
                    match std::task::ready!(self.outbox.socket().poll_read_ready(context)) {
                        Ok(()) => {}
                        Err(_) => return Poll::Ready(Err(Ending::Gone)),
                    }
                }
                Err(error) => return Poll::Ready(Err(ending(&error))),
            }
        }
    }

    /// Says why, lets the peer read what is left, and ends.
    async fn close(self, code: CloseCode, reason: &str) {
        self.outbox.defer(frame::close(code, reason));
        let Connection { outbox, socket, .. } = self;
        drop(socket);
        let _ = timeout(LAST_WORDS, poll_fn(|context| outbox.poll_drained(context, now_ms()))).await;
        let Some(outbox) = Rc::into_inner(outbox) else { return };
        let mut tcp = outbox.into_socket();
        let _ = tcp.shutdown().await;
        let _ = timeout(LAST_WORDS, read_to_end(&tcp)).await;
    }
}

/// Reads and drops what the peer still says, so that its last frames do not turn our close into a reset.
async fn read_to_end(tcp: &TcpStream) {
    let mut dropped = [0; 1024];
    while tcp.readable().await.is_ok() {
        match tcp.try_read(&mut dropped) {
            Ok(1..) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Ok(0) | Err(_) => return,
        }
    }
}

/// Why a worker ends a session that did nothing wrong.
fn reason(code: CloseCode) -> &'static str {
    if code == CloseCode::Replaced { "this user and device connected again" } else { "the server stops" }
}

fn message_bytes(message: &Message) -> usize {
    message.len()
}

fn answer(door: Door, refused: Refused) -> Event {
    let Refused { fault, reject_id, object } = refused;
    match (reject_id, door) {
        (Some(id), Door::Objects) => Event::Reject(Reject { id, fault, version: 0, winners: Vec::new() }),
        (Some(id), Door::Relay) => Event::Relay(RelayEvent::Refused { id, fault, retry_ms: None }),
        (None, _) => Event::Error { fault, object },
    }
}

fn ending(error: &Error) -> Ending {
    match error {
        Error::Capacity(_) => Ending::Close(CloseCode::TooLarge, "a message is too long"),
        Error::Utf8(_) => Ending::Close(CloseCode::NotUtf8, "a text message is not UTF-8"),
        Error::Protocol(
            tokio_tungstenite::tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
        ) => Ending::Gone,
        Error::Protocol(_) => Ending::Close(CloseCode::Protocol, "the frames break RFC 6455"),
        _closed_or_lost => Ending::Gone,
    }
}
