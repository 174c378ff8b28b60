//! `/v1/objects/{name}`: an object for whoever has nothing but requests. A GET gives it, or what is new in it; a POST writes or sends.

use std::rc::Rc;

use hyper::body::Incoming;
use hyper::header::{ACCEPT, ETAG, HeaderName, HeaderValue, IF_MATCH, IF_NONE_MATCH};
use hyper::{Request, StatusCode};
use serde_json::{Value, json};
use slotcast_protocol::{Code, Encoding};
use tokio::time::Instant;

use super::answer::{Refusal, empty, json as json_answer};
use super::asked::{Asked, Known, device, known, message};
use super::cursor::Cursor;
use super::talk::{Talk, refusal};
use super::{body, events, session};
use crate::gateway::Answer;
use crate::worker::Worker;

pub const OBJECTS: &str = "/v1/objects/";

/// What follows as little as can be, for a session that needs to use an object and not to see it.
const NOTHING: [&str; 1] = ["-"];

const CURSOR: HeaderName = HeaderName::from_static("slotcast-cursor");
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Snapshots that are taken again because the object moved between them and their fingerprint.
const TRIES: usize = 3;

/// Gives the object, or what is new in it; at once, or when something is.
pub async fn get(worker: &Rc<Worker>, request: Request<Incoming>) -> Result<Answer, Refusal> {
    let headers = request.headers();
    let mut asked = Asked::of(worker, request.uri(), headers)?;
    asked.caller.client = request.extensions().get().copied();
    let stream = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    if stream.flat_map(|value| value.split(',')).any(|kind| kind.trim().starts_with("text/event-stream")) {
        let Asked { object, caller, since, .. } = asked;
        let last = match headers.get(LAST_EVENT_ID) {
            Some(id) => Some(Cursor::read(id.to_str().unwrap_or(""), LAST_EVENT_ID.as_str())?),
            None => since,
        };
        return events::follow(worker, caller, &object, last).await;
    }
    match asked.since {
        Some(cursor) => since(worker, asked, cursor).await,
        None => now(worker, asked, known(headers, IF_NONE_MATCH)).await,
    }
}

/// All slots, or 304 if the caller knows them already.
async fn now(worker: &Rc<Worker>, asked: Asked, known: Option<Known>) -> Result<Answer, Refusal> {
    let until = Instant::now() + asked.wait;
    let object = asked.object.as_str();
    let (all, fingerprint) = (uses_all(object), fingerprint_of(object));
    let Some(known) = known else {
        return Talk::begin(worker, asked.caller, &[all])?.have(async |talk| whole(talk, object).await).await;
    };
    let first = if asked.wait.is_zero() { uses_nothing(object) } else { all.clone() };
    let conversation = async |talk: &mut Talk| {
        begun(talk).await?;
        talk.say(std::slice::from_ref(&fingerprint)).await;
        while let Some(md5) = fingerprint_heard(talk).await?.filter(|md5| known.has(md5)) {
            let changed = match asked.wait.is_zero() {
                true => None,
                false => talk.hear_until(until, &["diff", "snapshot"]).await?,
            };
            if changed.is_none() {
                return Ok(tagged(empty(StatusCode::NOT_MODIFIED), &md5));
            }
            talk.say(std::slice::from_ref(&fingerprint)).await;
        }
        talk.say(&[all]).await;
        whole(talk, object).await
    };
    Talk::begin(worker, asked.caller, &[first])?.have(conversation).await
}

/// The snapshot that comes, with the fingerprint of just that; it is taken again if the object has moved on meanwhile.
async fn whole(talk: &mut Talk, object: &str) -> Result<Answer, Refusal> {
    let mut tries = 0;
    loop {
        let snapshot = taken_anew(talk).await?;
        talk.say(&[fingerprint_of(object)]).await;
        let message = talk.hear(&["fingerprint", "error"]).await?;
        tries += 1;
        let same = message["version"] == snapshot["version"];
        if !same && message["type"] == "fingerprint" && tries < TRIES {
            talk.say(&[uses_all(object)]).await;
            continue;
        }
        let mut answer = json_answer(StatusCode::OK, snapshot.to_string());
        answer.headers_mut().insert(CURSOR, Cursor::default().after(&snapshot).header());
        return Ok(match message["md5"].as_str().filter(|_| same) {
            Some(md5) => tagged(answer, md5),
            None => answer,
        });
    }
}

/// What has happened since the cursor, when something has.
async fn since(worker: &Rc<Worker>, asked: Asked, cursor: Cursor) -> Result<Answer, Refusal> {
    let until = Instant::now() + asked.wait;
    let follow = json!({ "type": "use", "object": asked.object.as_str(), "cursor": cursor.array() });
    let talk = Talk::begin(worker, asked.caller, &[follow])?;
    talk.have(async |talk| news(talk, cursor, until).await).await
}

async fn news(talk: &mut Talk, mut cursor: Cursor, until: Instant) -> Result<Answer, Refusal> {
    let mut events = Vec::new();
    let mut next = Some(begun(talk).await?);
    while let Some(message) = next {
        cursor = cursor.after(&message);
        let says_nothing =
            message["type"] == "diff" && message["changes"].as_array().is_some_and(Vec::is_empty);
        if !says_nothing {
            events.push(message);
        }
        // What is there already goes along; if it is nothing, what comes is waited for.
        let until = if events.is_empty() { until } else { Instant::now() };
        next = match events.is_empty() || talk.has_heard() {
            true => talk.hear_until(until, &["diff", "snapshot", "sent"]).await?,
            false => None,
        };
    }
    let body = json!({ "cursor": cursor.to_string(), "events": events });
    let mut answer = json_answer(StatusCode::OK, body.to_string());
    answer.headers_mut().insert(CURSOR, cursor.header());
    Ok(answer)
}

/// Writes, or sends to all who use the object.
pub async fn post(worker: &Rc<Worker>, request: Request<Incoming>) -> Result<Answer, Refusal> {
    let (parts, body) = request.into_parts();
    let mut asked = Asked::of(worker, &parts.uri, &parts.headers).map_err(Refusal::closing)?;
    asked.caller.client = parts.extensions.get().copied();
    if session::encoding(&parts.headers)? != Encoding::Json {
        let what = "Content-Type: must be application/json";
        return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, Code::BadField, what).closing());
    }
    let body = body::read(body, worker.house.limits.message_bytes).await?;
    let mut message = message(&body, &asked.object)?;
    if let Some(device) = device(&parts.headers)? {
        asked.caller.device = Some(device);
        message["id"] = 1.into();
    }
    let object = asked.object.as_str();
    let known = known(&parts.headers, IF_MATCH);
    let first = if known.is_some() { fingerprint_of(object) } else { message.clone() };
    let talk = Talk::begin(worker, asked.caller, &[uses_nothing(object), first])?;
    talk.have(async |talk| {
        if let Some(known) = known {
            return told_if(talk, message, &known).await;
        }
        Ok(answered(&talk.hear(&["success", "reject", "error"]).await?))
    })
    .await
}

/// Says it if the object is as the caller knows it, and to nothing else.
async fn told_if(talk: &mut Talk, mut message: Value, known: &Known) -> Result<Answer, Refusal> {
    begun(talk).await?;
    let found = talk.hear(&["fingerprint", "error"]).await?;
    if !found["md5"].as_str().is_some_and(|md5| known.has(md5)) {
        return Err(not_matched());
    }
    message["at"] = found["version"].clone();
    message["seen"] = found["version"].clone();
    message["epoch"] = found["epoch"].clone();
    talk.say(&[message]).await;
    let answer = talk.hear(&["success", "reject", "error"]).await?;
    if answer["what"].as_str().is_some_and(|what| what.starts_with("at:")) {
        return Err(not_matched());
    }
    Ok(answered(&answer))
}

fn not_matched() -> Refusal {
    Refusal::new(StatusCode::PRECONDITION_FAILED, Code::Conflict, "If-Match: the object is another by now")
}

fn answered(message: &Value) -> Answer {
    let status = match message["type"].as_str() {
        Some("success") => StatusCode::OK,
        _ => refusal(message).status,
    };
    json_answer(status, message.to_string())
}

/// The whole answer to a `use` with a cursor: all parts of a snapshot as one, or a diff.
pub async fn begun(talk: &mut Talk) -> Result<Value, Refusal> {
    let message = talk.hear(&["snapshot", "diff", "error"]).await?;
    put_together(talk, message).await
}

/// The whole answer to a `use` without one; a diff before it is still of what was followed before.
async fn taken_anew(talk: &mut Talk) -> Result<Value, Refusal> {
    let message = talk.hear(&["snapshot", "error"]).await?;
    put_together(talk, message).await
}

async fn put_together(talk: &mut Talk, mut message: Value) -> Result<Value, Refusal> {
    if message["type"] == "error" {
        return Err(refusal(&message));
    }
    if message["part"].is_null() {
        return Ok(message);
    }
    let mut slots = serde_json::Map::new();
    loop {
        for record in message["slots"].as_array_mut().into_iter().flatten() {
            let name = record["slot"].as_str().unwrap_or("").to_owned();
            match record["value"].is_null() {
                true => slots.remove(&name),
                false => slots.insert(name, record.take()),
            };
        }
        if message["more"] != true {
            message["slots"] = slots.into_iter().map(|(_, record)| record).collect();
            message["part"] = Value::Null;
            message["parts"] = Value::Null;
            return Ok(message);
        }
        message = talk.hear(&["snapshot"]).await?;
    }
}

fn uses_all(object: &str) -> Value {
    json!({ "type": "use", "object": object })
}

fn uses_nothing(object: &str) -> Value {
    json!({ "type": "use", "object": object, "slots": NOTHING })
}

fn fingerprint_of(object: &str) -> Value {
    json!({ "type": "fingerprint", "object": object })
}

/// None where the caller may not know it.
async fn fingerprint_heard(talk: &mut Talk) -> Result<Option<String>, Refusal> {
    let message = talk.hear(&["fingerprint", "error"]).await?;
    Ok(message["md5"].as_str().map(str::to_owned))
}

fn tagged(mut answer: Answer, md5: &str) -> Answer {
    let tag = HeaderValue::from_str(&format!("\"{md5}\"")).expect("hex digits are plain");
    answer.headers_mut().insert(ETAG, tag);
    answer
}
