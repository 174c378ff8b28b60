//! One client's connection, from hello to the end: when it is read, and what becomes of what it says.

use std::future::{Future, poll_fn};
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use slotcast_protocol::event::Reject;
use slotcast_protocol::request::Refused;
use slotcast_protocol::{
    CloseCode, Code, Device, Door, Encoding, Event, Fault, RelayEvent, Request, Welcome,
};
use slotcast_state::{Author, SessionId};
use tokio::time::{Sleep, sleep, timeout};

use super::budget::{Budget, Taken};
use super::visitor::Visitor;
use super::wire::{Ending, Heard, Said, Wire};
use crate::auth::{Grant, Shown};
use crate::frame;
use crate::outbox::Socket;
use crate::worker::now_ms;

/// Frames taken from one connection before the others get a turn.
const FRAMES_PER_TURN: usize = 32;

/// What is read before `hello` is complete, pings and all, as a multiple of its limit.
const READ_PER_HELLO: usize = 4;

/// How long no one is read when the store has not kept up.
const BEHIND_WAIT: Duration = Duration::from_millis(10);

pub struct Connection {
    worker: Talking,
    wire: Wire,
    /// The page that it comes from, until it has said hello. Boxed, as it is kept for all who are idle.
    #[expect(clippy::box_collection, reason = "16 bytes less")]
    origin: Option<Box<String>>,
}

/// Whose connection it is, for as long as it may have something to say.
struct Talking(Visitor);

impl Talking {
    fn new(visitor: Visitor) -> Self {
        visitor.house.conversations.fetch_add(1, Ordering::Relaxed);
        Talking(visitor)
    }
}

impl Deref for Talking {
    type Target = Visitor;

    fn deref(&self) -> &Visitor {
        &self.0
    }
}

impl Drop for Talking {
    fn drop(&mut self) {
        self.0.house.conversations.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Connection {
    /// `early` is what the client said right behind the opening handshake.
    pub fn new(visitor: Visitor, socket: Socket, early: &[u8], protocol: (Door, Encoding)) -> Self {
        Connection { worker: Talking::new(visitor), wire: Wire::new(socket, early, protocol), origin: None }
    }

    /// The same, from a page.
    pub fn of_page(self, origin: Option<String>) -> Self {
        Connection { origin: origin.map(Box::new), ..self }
    }

    /// From hello to the end. An `async fn` would keep a second place for `self`, and this is what an idle connection costs.
    #[allow(clippy::manual_async_fn)]
    pub fn run(mut self) -> impl Future<Output = ()> {
        async move {
            let origin = self.origin.take().map(|origin| *origin);
            let hello = Box::pin(self.hello(origin)).await;
            let ending = match hello {
                Ok((session, author)) => {
                    let ending = self.converse(session).await;
                    self.worker.close(session, &author, self.wire.door);
                    ending
                }
                Err(ending) => ending,
            };
            if let Ending::Close(code, reason) = ending {
                Box::pin(self.wire.close(code, reason)).await;
            }
        }
    }

    async fn hello(&mut self, origin: Option<String>) -> Result<(SessionId, Arc<Author>), Ending> {
        let wait = Duration::from_millis(self.worker.house.limits.hello_ms);
        let mut read = 0;
        let first = timeout(wait, poll_fn(|context| self.poll_first(context, &mut read))).await;
        let fault = match first.map_err(|_| Ending::Close(CloseCode::HelloTimeout, "no hello in time"))?? {
            Ok(Request::Hello { token, device, user }) => {
                let device = device.unwrap_or_else(|| self.worker.fresh_device());
                let shown = Shown { token: token.as_deref(), user, origin: origin.as_deref() };
                match self.worker.admission.admit(async { self.identify(&shown) }).await {
                    Ok(grant) => return Ok(self.welcome(grant, device)),
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
        self.wire.outbox.defer(frame::of(&Event::Error { fault, object: None }, self.wire.encoding));
        Err(Ending::Close(code, "hello was refused"))
    }

    /// The first message, which may be no longer than a hello.
    fn poll_first(&mut self, context: &mut Context<'_>, read: &mut usize) -> Poll<Result<Said, Ending>> {
        let limits = &self.worker.house.limits;
        loop {
            if self.wire.outbox.is_full() {
                match std::task::ready!(self.wire.outbox.poll_drained(context, now_ms())) {
                    Ok(()) => {}
                    Err(_) => return Poll::Ready(Err(Ending::Gone)),
                }
            }
            if let Heard::Said(said) =
                std::task::ready!(self.wire.poll_next(context, limits.hello_bytes, limits))?
            {
                return Poll::Ready(Ok(said));
            }
            *read += self.wire.take_read();
            if *read > limits.hello_bytes * READ_PER_HELLO {
                return Poll::Ready(Err(Ending::Close(CloseCode::Policy, "too much before hello")));
            }
        }
    }

    fn identify(&self, shown: &Shown<'_>) -> Result<Grant, Fault> {
        if self.worker.is_draining() {
            return Err(Fault::new(Code::Unavailable, "the server stops"));
        }
        let identities = &self.worker.house.identities;
        let guest = format!("guest-{}", &self.worker.fresh_device().as_str()[6..]);
        let grant = self.worker.house.auth.admit(shown, &guest, now_ms())?;
        match identities.admit(&grant.user, self.wire.door) {
            true => Ok(grant),
            false => Err(Fault::new(Code::TooMany, "sessions of this user")),
        }
    }

    fn welcome(&mut self, grant: Grant, device: Device) -> (SessionId, Arc<Author>) {
        let author = Arc::new(Author { user: grant.user.clone(), device });
        let limits = &self.worker.house.limits;
        let told = match self.wire.door {
            Door::Objects => {
                &["message_bytes", "value_bytes", "value_depth", "objects", "ops", "inflight"][..]
            }
            Door::Relay => &[
                "message_bytes",
                "tell_bytes",
                "value_depth",
                "inflight",
                "window_messages",
                "tells_per_s",
                "tells_burst",
                "status_bytes",
            ],
        };
        let limits = limits.table().into_iter().filter(|(name, _)| told.contains(name));
        let limits = limits.map(|(name, value)| (name.to_owned(), value)).collect();
        let protocol = (self.wire.door, self.wire.encoding);
        self.worker.meet();
        let session = self.worker.open(author.clone(), &grant, protocol, &self.wire.outbox);
        let (user, device) = (author.user.clone(), author.device.clone());
        let name = format!("{:x}", session.number());
        let (time_ms, expires_ms) = (now_ms(), grant.expires_ms);
        let welcome = Event::Welcome(Welcome { session: name, user, device, time_ms, limits, expires_ms });
        self.wire.outbox.push(frame::of(&welcome, self.wire.encoding));
        (session, author)
    }

    /// The session's life. Nothing is read while the socket is full: a client that does not listen is not heard.
    fn converse(&mut self, session: SessionId) -> impl Future<Output = Ending> {
        let mut budget = Budget::new(&self.worker.house.limits, now_ms());
        let mut pause: Option<Pin<Box<Sleep>>> = None;
        let mut late: Option<Pin<Box<Sleep>>> = None;
        poll_fn(move |context| {
            self.wire.outbox.set_task(context.waker());
            for _ in 0..FRAMES_PER_TURN {
                if self.wire.outbox.is_lost() {
                    return Poll::Ready(Ending::Gone);
                }
                if let Some(code) = self.worker.told_to_close(session) {
                    return Poll::Ready(Ending::Close(code, reason(code)));
                }
                if self.wire.outbox.is_full() {
                    match std::task::ready!(self.wire.outbox.poll_drained(context, now_ms())) {
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
                let limits = &self.worker.house.limits;
                let next = self.wire.poll_next(context, limits.message_bytes, limits);
                if let Some(ending) = self.is_late(context, &mut late, &next) {
                    return Poll::Ready(ending);
                }
                let heard = match std::task::ready!(next) {
                    Ok(heard) => heard,
                    Err(ending) => return Poll::Ready(ending),
                };
                let bytes = self.wire.take_read();
                let taken = match heard {
                    Heard::Said(said) => {
                        self.take(session, said);
                        Taken::message(bytes)
                    }
                    Heard::Part => Taken::part(bytes),
                    Heard::Control => Taken::control(bytes),
                };
                pause = self.wait(&mut budget, taken);
                if budget.is_overrun() {
                    self.worker.house.metrics.overrun.inc();
                    return Poll::Ready(Ending::Close(CloseCode::Policy, "too many pings or pongs"));
                }
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
    }

    /// A message in parts has its time, from the first to the last.
    fn is_late(
        &self,
        context: &mut Context<'_>,
        late: &mut Option<Pin<Box<Sleep>>>,
        next: &Poll<Result<Heard, Ending>>,
    ) -> Option<Ending> {
        match next {
            Poll::Ready(Ok(Heard::Said(_))) => *late = None,
            Poll::Ready(Ok(Heard::Part)) => {
                let time = Duration::from_millis(self.worker.house.limits.fragments_ms);
                late.get_or_insert_with(|| Box::pin(sleep(time)));
            }
            Poll::Ready(_) | Poll::Pending => {}
        }
        if late.as_mut()?.as_mut().poll(context).is_pending() {
            return None;
        }
        self.worker.house.metrics.parts_late.inc();
        Some(Ending::Close(CloseCode::Policy, "a message in parts took too long"))
    }

    /// Takes what was read from the budget; what to wait for before more is.
    fn wait(&self, budget: &mut Budget, taken: Taken) -> Option<Pin<Box<Sleep>>> {
        let house = &self.worker.house;
        let wait = budget.take(&house.limits, now_ms(), taken)?;
        house.metrics.slowed.inc();
        Some(Box::pin(sleep(wait)))
    }

    fn take(&self, session: SessionId, said: Said) {
        let metrics = &self.worker.house.metrics;
        metrics.messages.inc();
        match said {
            Ok(request) => self.worker.request(session, request),
            Err(refused) => {
                metrics.refused.inc();
                self.worker.answer(session, &answer(self.wire.door, refused));
            }
        }
    }
}

/// Why a worker ends a session that did nothing wrong.
fn reason(code: CloseCode) -> &'static str {
    match code {
        CloseCode::Replaced => "this user and device connected again",
        CloseCode::Unauthorized => "the token has ended",
        CloseCode::Revoked => "this user may not be here any more",
        _stop => "the server stops",
    }
}

fn answer(door: Door, refused: Refused) -> Event {
    let Refused { fault, reject_id, object } = refused;
    match (reject_id, door) {
        (Some(id), Door::Objects) => Event::Reject(Reject { id, fault, version: 0, winners: Vec::new() }),
        (Some(id), Door::Relay) => Event::Relay(RelayEvent::Refused { id, fault, retry_ms: None }),
        (None, _) => Event::Error { fault, object },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbox::Outbox;

    /// The allocator's blocks, in bytes, that tokio's cell round a task (96 and the future, aligned to 128) and an `Rc` (16 more) must fit into.
    const TASK_BLOCK: usize = 256;
    const OUTBOX_BLOCK: usize = 96;

    fn future_bytes<F: Future>(_task: impl FnOnce(Connection) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn what_is_kept_of_an_idle_connection_fits_its_blocks() {
        let (future, outbox) = (future_bytes(Connection::run), size_of::<Outbox>());
        assert!(96 + future <= TASK_BLOCK, "the future has {future} bytes");
        assert!(16 + outbox <= OUTBOX_BLOCK, "the outbox has {outbox} bytes");
    }
}
