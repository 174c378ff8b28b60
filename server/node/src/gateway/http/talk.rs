//! A plain request's session: it says hello, asks, and is gone with the answer. It is a client like any other, so that a plain request may
//! do what a session may, and nothing else.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{HeaderMap, ORIGIN};
use serde_json::{Value, json};
use slotcast_protocol::{Code, Door, Encoding};
use tokio::time::{Instant, timeout_at};

use super::answer::{Refusal, status};
use super::session;
use crate::gateway::porter::Network;
use crate::line::{Carrier, Line, Taken};
use crate::worker::Worker;

/// How long an answer may take, that does not wait for anything to happen.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(10);

/// Who asks.
#[derive(Clone, Default)]
pub struct Caller {
    pub token: Option<String>,
    /// A guest's name.
    pub user: Option<String>,
    /// Two that say the same are one and the same client.
    pub device: Option<String>,
    /// Where from.
    pub client: Option<Network>,
    /// The page that asks.
    pub origin: Option<String>,
}

/// The page that asks, if a browser says so.
pub fn origin_of(headers: &HeaderMap) -> Option<String> {
    headers.get(ORIGIN).and_then(|origin| origin.to_str().ok()).map(str::to_owned)
}

pub struct Talk {
    line: Arc<Line>,
    carrier: Carrier,
    heard: VecDeque<Bytes>,
    batches: u64,
}

impl Talk {
    /// Says hello and, right behind it, these.
    pub fn begin(worker: &Rc<Worker>, caller: Caller, messages: &[Value]) -> Result<Talk, Refusal> {
        if worker.is_draining() {
            return Err(Refusal::later("the server stops").closing());
        }
        let visitor = session::enter(worker, caller.client)?;
        let line = worker.house.lines.line((Door::Objects, Encoding::Json));
        let carrier = line.carry(0).ok_or_else(Refusal::gone)?;
        let Caller { token, user, device, origin, client: _ } = caller;
        let hello = json!({ "type": "hello", "token": token, "user": user, "device": device });
        let batch: Vec<Bytes> = [&hello].into_iter().chain(messages).map(bytes).collect();
        line.take(1, &batch);
        session::start(visitor, &line, origin);
        Ok(Talk { line, carrier, heard: VecDeque::new(), batches: 1 })
    }

    /// Says these, when what was said before has been read.
    pub async fn say(&mut self, messages: &[Value]) {
        let batch: Vec<Bytes> = messages.iter().map(bytes).collect();
        self.batches += 1;
        while self.line.take(self.batches, &batch) == Taken::NoRoom {
            let Talk { line, carrier, heard, .. } = self;
            // A session that is not listened to is not read.
            tokio::select! {
                () = line.room() => {}
                messages = poll_fn(|context| carrier.poll_messages(context)) => {
                    heard.extend(messages.into_iter().flatten());
                }
            }
        }
    }

    /// Has the conversation, and ends it: whatever came of it, the user may have another session by then.
    pub async fn have<T>(mut self, conversation: impl AsyncFnOnce(&mut Talk) -> T) -> T {
        let outcome = conversation(&mut self).await;
        self.line.end().await;
        outcome
    }

    /// The next message of one of these types, in the time that any answer may take.
    pub async fn hear(&mut self, types: &[&str]) -> Result<Value, Refusal> {
        let until = Instant::now() + ANSWER_TIME_MAX;
        self.hear_until(until, types).await?.ok_or_else(|| Refusal::later("the server is too busy"))
    }

    /// The next message of one of these types; None if there was none until then. Why the session was not let in, or has ended, is an error.
    pub async fn hear_until(&mut self, until: Instant, types: &[&str]) -> Result<Option<Value>, Refusal> {
        loop {
            let next = timeout_at(until, poll_fn(|context| self.poll_next(context)));
            let Ok(message) = next.await else { return Ok(None) };
            let message = message?;
            if message["type"].as_str().is_some_and(|name| types.contains(&name)) {
                return Ok(Some(message));
            }
        }
    }

    /// The next message, whatever it is.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Result<Value, Refusal>> {
        while self.heard.is_empty() {
            match ready!(self.carrier.poll_messages(context)) {
                Some(messages) => self.heard.extend(messages),
                None => return Poll::Ready(Err(Refusal::later("the session has ended"))),
            }
        }
        let message = self.heard.pop_front().expect("it is not empty");
        Poll::Ready(read(&message))
    }

    /// Whoever reads the answer still does.
    pub fn is_alive(&self) {
        self.line.touch();
    }

    /// What has been heard and not been asked for.
    pub fn has_heard(&self) -> bool {
        !self.heard.is_empty()
    }
}

/// Gone at once, and not found out later.
impl Drop for Talk {
    fn drop(&mut self) {
        self.line.hang_up();
    }
}

fn bytes(message: &Value) -> Bytes {
    message.to_string().into()
}

/// An error about no object, or a close, is the end of the session.
fn read(message: &[u8]) -> Result<Value, Refusal> {
    let message: Value = serde_json::from_slice(message).expect("the server speaks JSON");
    match message["type"].as_str() {
        Some("error") if message["object"].is_null() => Err(refusal(&message)),
        Some("close") => Err(closed(&message)),
        _ => Ok(message),
    }
}

/// The HTTP form of an `error` or a `reject`.
pub fn refusal(message: &Value) -> Refusal {
    let code = Code::ALL.iter().find(|code| Some(code.name()) == message["code"].as_str());
    let code = *code.expect("the server's own codes");
    Refusal::new(status(code), code, message["what"].as_str().unwrap_or(""))
}

/// Closed without an error before: the server stops, or a request with the same key came.
fn closed(message: &Value) -> Refusal {
    match message["code"].as_u64() {
        Some(4409) => {
            Refusal::new(StatusCode::CONFLICT, Code::Unavailable, "Idempotency-Key: is in use; ask again")
        }
        Some(1009) => Refusal::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            Code::TooLarge,
            "body: is longer than a message may be",
        ),
        _ => Refusal::later("the server stops"),
    }
}
