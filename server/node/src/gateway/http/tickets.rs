//! `POST /v1/tickets`: a token in, a ticket out that can be shown where a token should not be.

use hyper::StatusCode;
use hyper::header::{AUTHORIZATION, HeaderMap};
use serde_json::json;

use super::answer::{Refusal, json as json_answer};
use super::asked::bearer;
use super::talk::origin_of;
use crate::gateway::Answer;
use crate::worker::{Worker, now_ms};

/// Answers with a ticket for the page that asks, or for none.
pub fn issue(worker: &Worker, headers: &HeaderMap) -> Result<Answer, Refusal> {
    let token = headers.get(AUTHORIZATION).map(bearer).transpose()?;
    let page = origin_of(headers);
    let exchanged = worker.house.auth.exchange(token.as_deref(), page.as_deref(), now_ms());
    let (ticket, expires_ms) = exchanged.map_err(Refusal::of)?;
    let body = json!({ "ticket": ticket, "expires_ms": expires_ms });
    Ok(json_answer(StatusCode::OK, format!("{body}\n")))
}
