//! What a browser must be told before a page of another origin may ask here. No cookies, so never credentials.

use hyper::StatusCode;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, HeaderMap, HeaderValue, ORIGIN, VARY,
};

use super::answer;
use crate::gateway::Answer;

const METHODS: &str = "GET, POST, DELETE";
const HEADERS: &str = "authorization, content-type, slotcast-session, slotcast-batch, slotcast-have, last-event-id, \
     if-match, if-none-match, idempotency-key";
const EXPOSED: &str = "slotcast-session, slotcast-batch, slotcast-cursor, etag, retry-after";
const MAX_AGE_S: &str = "7200";

/// The page that asks, if a browser says so.
pub fn page(headers: &HeaderMap) -> Option<HeaderValue> {
    headers.get(ORIGIN).cloned()
}

pub fn preflight() -> Answer {
    let mut answer = answer::empty(StatusCode::NO_CONTENT);
    let headers = answer.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(METHODS));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(HEADERS));
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(MAX_AGE_S));
    answer
}

/// The same answer, for a page that is on the list.
pub fn for_page(mut answer: Answer, page: Option<HeaderValue>) -> Answer {
    let headers = answer.headers_mut();
    headers.insert(VARY, HeaderValue::from_name(ORIGIN));
    if let Some(page) = page {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, page);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    }
    answer
}
