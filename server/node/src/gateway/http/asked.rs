//! What a plain request asks: its path, parameters and headers, and the message that its body is.

use std::time::Duration;

use hyper::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, WWW_AUTHENTICATE};
use hyper::{StatusCode, Uri};
use md5::{Digest, Md5};
use serde_json::Value;
use slotcast_protocol::{Code, ObjectName};

use super::answer::Refusal;
use super::cursor::Cursor;
use super::plain::OBJECTS;
use super::talk::{Caller, origin_of};
use crate::auth;
use crate::worker::Worker;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const IDEMPOTENCY_KEY_BYTES_MAX: usize = 64;

/// The parts of a request that both methods understand.
pub struct Asked {
    pub object: ObjectName,
    pub caller: Caller,
    pub since: Option<Cursor>,
    pub wait: Duration,
}

impl Asked {
    pub fn of(worker: &Worker, uri: &Uri, headers: &HeaderMap) -> Result<Asked, Refusal> {
        let bad = |what: String| Refusal::new(StatusCode::BAD_REQUEST, Code::BadField, what);
        let object = uri.path().strip_prefix(OBJECTS).unwrap_or("");
        let object = ObjectName::parse(object).map_err(Refusal::of)?;
        let mut asked = Asked { object, caller: Caller::default(), since: None, wait: Duration::ZERO };
        let longest_s = worker.house.limits.ping_ms / 1_000;
        for (name, value) in form_urlencoded::parse(uri.query().unwrap_or("").as_bytes()) {
            match &*name {
                "user" => asked.caller.user = Some(value.into_owned()),
                "ticket" if auth::is_ticket(&value) => asked.caller.token = Some(value.into_owned()),
                "ticket" => return Err(bad("ticket: is none, and a token has no place in a URL".to_owned())),
                "since" => asked.since = Some(Cursor::read(&value, "since")?),
                "wait" => {
                    let seconds = value.parse().ok().filter(|seconds| *seconds <= longest_s);
                    let seconds =
                        seconds.ok_or_else(|| bad(format!("wait: must be 0 to {longest_s} seconds")))?;
                    asked.wait = Duration::from_secs(seconds);
                }
                _unknown => return Err(bad(format!("{name:?}: is no parameter of this request"))),
            }
        }
        if let Some(value) = headers.get(AUTHORIZATION) {
            asked.caller.token = Some(bearer(value)?);
        }
        asked.caller.origin = origin_of(headers);
        Ok(asked)
    }
}

/// The token of `Authorization: Bearer <token>`.
pub fn bearer(value: &HeaderValue) -> Result<String, Refusal> {
    let text = value.to_str().unwrap_or("");
    let token = text.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let token = token.map(|(_, token)| token.trim().to_owned()).filter(|token| !token.is_empty());
    token.ok_or_else(|| {
        let what = "Authorization: must be `Bearer <token>`";
        let refusal = Refusal::new(StatusCode::UNAUTHORIZED, Code::Unauthorized, what);
        refusal.with(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
    })
}

/// The request's body as the message of a session.
pub fn message(body: &[u8], object: &ObjectName) -> Result<Value, Refusal> {
    let bad = |what: String| Refusal::new(StatusCode::BAD_REQUEST, Code::BadMessage, what);
    let mut message: Value = serde_json::from_slice(body).map_err(|error| bad(format!("body: {error}")))?;
    let Some(fields) = message.as_object_mut() else { return Err(bad("body: must be an object".into())) };
    let name = match (fields.contains_key("ops"), fields.contains_key("name")) {
        (true, false) => "write",
        (false, true) => "send",
        _both_or_none => return Err(bad("body: must have `ops`, or `name` and `value`".into())),
    };
    fields.remove("id");
    fields.insert("type".into(), name.into());
    fields.insert("object".into(), object.as_str().into());
    Ok(message)
}

/// One key is one client that has said one thing.
pub fn device(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    let Some(key) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    if key.is_empty() || key.len() > IDEMPOTENCY_KEY_BYTES_MAX {
        let what = format!("{IDEMPOTENCY_KEY}: must have 1 to {IDEMPOTENCY_KEY_BYTES_MAX} bytes");
        return Err(Refusal::new(StatusCode::BAD_REQUEST, Code::BadField, what));
    }
    let digest = Md5::digest(key.as_bytes());
    Ok(Some(digest.iter().fold("key-".to_owned(), |name, byte| format!("{name}{byte:02x}"))))
}

/// The tags of `If-Match` or `If-None-Match`.
pub struct Known(Vec<String>);

impl Known {
    pub fn has(&self, md5: &str) -> bool {
        self.0.iter().any(|tag| tag == "*" || tag.trim_start_matches("W/").trim_matches('"') == md5)
    }
}

pub fn known(headers: &HeaderMap, name: HeaderName) -> Option<Known> {
    let mut values = headers.get_all(name).iter().peekable();
    values.peek()?;
    let texts = values.filter_map(|value| value.to_str().ok());
    Some(Known(texts.flat_map(|text| text.split(',')).map(|tag| tag.trim().to_owned()).collect()))
}
