//! A session over HTTP: opened by a POST, told things by long polls, streams or server-sent events, spoken to by more POSTs.

use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::{Request, StatusCode};
use slotcast_protocol::{Code, Door, Encoding};
use tokio::time::timeout;

use super::answer::{Refusal, carried, empty, whole};
use super::body::{self, Stream};
use super::talk::origin_of;
use crate::gateway::Answer;
use crate::gateway::connection::Connection;
use crate::gateway::porter::Network;
use crate::gateway::visitor::Visitor;
use crate::line::{Carrier, Form, Line, LineSocket, Taken, batch};
use crate::outbox::{Other, Socket};
use crate::worker::Worker;

const SESSION: HeaderName = HeaderName::from_static("slotcast-session");
const BATCH: HeaderName = HeaderName::from_static("slotcast-batch");
const HAVE: HeaderName = HeaderName::from_static("slotcast-have");
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// A message that is as long as it may be fits into a batch, with its length.
const LENGTH_BYTES: usize = 4;

/// How long a batch waits for those before it to be read.
const ROOM_TIME_MAX: Duration = Duration::from_secs(10);

/// The first batch makes the session; the answer is what it is told first.
pub async fn open(worker: &Rc<Worker>, door: Door, request: Request<Incoming>) -> Result<Answer, Refusal> {
    let (parts, body) = request.into_parts();
    let encoding = encoding(&parts.headers)?;
    if worker.is_draining() {
        return Err(Refusal::later("the server stops").closing());
    }
    let client = parts.extensions.get::<Network>().copied();
    let visitor = enter(worker, client)?;
    let messages = read_batch(worker, body, encoding).await?;
    let line = worker.house.lines.line((door, encoding));
    line.take(1, &messages);
    let carrier = line.carry(0).ok_or_else(Refusal::gone)?;
    start(visitor, &line, origin_of(&parts.headers));
    let key = worker.house.lines.insert(line).map_err(|error| Refusal::later(error.to_string()))?;
    let mut answer = gathered(worker, carrier).await;
    answer.headers_mut().insert(SESSION, HeaderValue::from_str(&key).expect("hex digits are plain"));
    Ok(answer)
}

/// A session counts as a connection of its client, beside those that carry it.
pub fn enter(worker: &Rc<Worker>, client: Option<Network>) -> Result<Visitor, Refusal> {
    let full = |_| Refusal::later("connections: there are too many").closing();
    Visitor::enter(worker, client).map_err(full)
}

/// A task on this worker, like that of any other connection.
pub fn start(visitor: Visitor, line: &Arc<Line>, origin: Option<String>) {
    let socket = Socket::Other(Other::Line(LineSocket::new(line.clone())));
    let connection = Connection::new(visitor, socket, &[], (line.door, line.encoding));
    tokio::task::spawn_local(connection.of_page(origin).run());
}

/// Whether a request names a session that is there.
pub fn is_known(worker: &Worker, headers: &HeaderMap) -> bool {
    headers.contains_key(&SESSION) && line(worker, headers).is_ok()
}

/// A later batch.
pub async fn say(worker: &Rc<Worker>, request: Request<Incoming>) -> Result<Answer, Refusal> {
    let (parts, body) = request.into_parts();
    let line = line(worker, &parts.headers).map_err(Refusal::closing)?;
    let number = number(&parts.headers, &BATCH).map_err(Refusal::closing)?;
    if encoding(&parts.headers)? != line.encoding {
        return Err(unsupported("Content-Type: is not that of the session").closing());
    }
    let messages = read_batch(worker, body, line.encoding).await?;
    let taken = timeout(ROOM_TIME_MAX, async {
        loop {
            match line.take(number, &messages) {
                Taken::NoRoom => line.room().await,
                taken => return taken,
            }
        }
    });
    match taken.await.map_err(|_| Refusal::later("batch: those before it have not been read"))? {
        Taken::Now | Taken::Before => Ok(empty(StatusCode::NO_CONTENT)),
        Taken::OutOfOrder(newest) => {
            let what = format!("{BATCH}: must be {}", newest + 1);
            Err(Refusal::new(StatusCode::CONFLICT, Code::OutOfOrder, what).with(BATCH, newest.into()))
        }
        Taken::Gone | Taken::NoRoom => Err(Refusal::gone()),
    }
}

/// What has gathered, as soon as there is something.
pub async fn poll(worker: &Rc<Worker>, headers: &HeaderMap) -> Result<Answer, Refusal> {
    let carrier = carrier(worker, headers, &HAVE)?;
    Ok(gathered(worker, carrier).await)
}

/// One message a line, as they come.
pub fn stream(worker: &Rc<Worker>, headers: &HeaderMap) -> Result<Answer, Refusal> {
    let carrier = carrier(worker, headers, &HAVE)?;
    Ok(streamed(worker, carrier, Form::Plain))
}

/// One event a message, numbered by how many there were.
pub fn events(worker: &Rc<Worker>, headers: &HeaderMap) -> Result<Answer, Refusal> {
    let name = if headers.contains_key(&HAVE) { &HAVE } else { &LAST_EVENT_ID };
    let carrier = carrier(worker, headers, name)?;
    let number = carrier.handed() + 1;
    Ok(streamed(worker, carrier, Form::Events { number }))
}

/// The client is leaving.
pub fn hang_up(worker: &Rc<Worker>, headers: &HeaderMap) -> Result<Answer, Refusal> {
    line(worker, headers)?.hang_up();
    Ok(empty(StatusCode::NO_CONTENT))
}

/// How long a GET waits: as long as a WebSocket may be silent, so that whoever is gone is found out as soon.
fn hold_time(worker: &Worker) -> Duration {
    Duration::from_millis(worker.house.limits.ping_ms)
}

async fn gathered(worker: &Worker, mut carrier: Carrier) -> Answer {
    let messages = poll_fn(|context| carrier.poll_messages(context));
    let messages = timeout(hold_time(worker), messages).await.ok().flatten();
    let encoding = carrier.line().encoding;
    carrier.finish();
    match messages {
        Some(messages) => {
            let body = Form::Plain.clone().put(&messages, encoding);
            whole(StatusCode::OK, Form::Plain.content_type(encoding), body)
        }
        None => empty(StatusCode::NO_CONTENT),
    }
}

fn streamed(worker: &Worker, carrier: Carrier, form: Form) -> Answer {
    let content_type = form.content_type(carrier.line().encoding);
    let body = Stream::new(carrier, form, hold_time(worker));
    let mut answer = carried(StatusCode::OK, content_type, body.boxed_unsync());
    // nginx gathers answers unless it is told not to.
    answer.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    answer
}

fn carrier(worker: &Worker, headers: &HeaderMap, have: &HeaderName) -> Result<Carrier, Refusal> {
    let line = line(worker, headers)?;
    line.carry(number(headers, have)?).ok_or_else(Refusal::gone)
}

fn line(worker: &Worker, headers: &HeaderMap) -> Result<Arc<Line>, Refusal> {
    let key = headers.get(SESSION).and_then(|key| key.to_str().ok());
    let key = key.ok_or_else(|| {
        Refusal::new(StatusCode::BAD_REQUEST, Code::BadField, format!("{SESSION}: is missing"))
    })?;
    worker.house.lines.get(key).ok_or_else(Refusal::gone)
}

fn number(headers: &HeaderMap, name: &HeaderName) -> Result<u64, Refusal> {
    let number = headers.get(name).and_then(|value| value.to_str().ok()).and_then(|text| text.parse().ok());
    number.ok_or_else(|| {
        Refusal::new(StatusCode::BAD_REQUEST, Code::BadField, format!("{name}: must be a number"))
    })
}

/// As the request says, for both ways.
pub fn encoding(headers: &HeaderMap) -> Result<Encoding, Refusal> {
    let text = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    match text.split(';').next().unwrap_or("").trim().to_ascii_lowercase().as_str() {
        "application/json" => Ok(Encoding::Json),
        "application/msgpack" => Ok(Encoding::MessagePack),
        _other => Err(unsupported("Content-Type: must be application/json or application/msgpack").closing()),
    }
}

fn unsupported(what: &str) -> Refusal {
    Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, Code::BadField, what)
}

async fn read_batch(
    worker: &Worker,
    body: Incoming,
    encoding: Encoding,
) -> Result<Vec<bytes::Bytes>, Refusal> {
    let limits = &worker.house.limits;
    let batch_bytes = limits.batch_bytes.max(limits.message_bytes + LENGTH_BYTES);
    let body = body::read(body, batch_bytes).await?;
    batch(&body, encoding).map_err(Refusal::of)
}
