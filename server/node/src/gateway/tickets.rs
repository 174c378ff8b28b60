//! `POST /v1/tickets`: a token in, a ticket out that can be shown where a token should not be.

use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue, ORIGIN};
use hyper::{Request, Response, StatusCode};
use serde_json::json;
use slotcast_protocol::{Code, Fault};

use super::{Answer, origin, text};
use crate::worker::{Worker, now_ms};

/// Answers with a ticket for the page that asks, or for none.
pub fn issue(worker: &Worker, request: &Request<Incoming>) -> Answer {
    let (house, headers) = (&worker.house, request.headers());
    if !origin::is_allowed(headers, &house.origins, house.dev) {
        return text(StatusCode::FORBIDDEN, "this page's Origin is not on the server's list\n");
    }
    let page = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok());
    match house.auth.exchange(bearer(headers), page, now_ms()) {
        Ok((ticket, expires_ms)) => {
            answer(StatusCode::OK, &json!({"ticket": ticket, "expires_ms": expires_ms}))
        }
        Err(fault) => refusal(&fault),
    }
}

/// The token of `Authorization: Bearer …`.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

fn refusal(fault: &Fault) -> Answer {
    let status = match fault.code {
        Code::Unauthorized => StatusCode::UNAUTHORIZED,
        Code::TooMany => StatusCode::TOO_MANY_REQUESTS,
        _no_randomness => StatusCode::SERVICE_UNAVAILABLE,
    };
    answer(status, &json!({"type": "error", "code": fault.code.name(), "what": fault.what}))
}

fn answer(status: StatusCode, body: &serde_json::Value) -> Answer {
    let mut answer = Response::new(Full::new(format!("{body}\n").into()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}
