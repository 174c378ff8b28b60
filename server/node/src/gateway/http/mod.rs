//! The doors for those who have no WebSocket: a session over requests, and plain requests without one.

mod answer;
mod asked;
mod body;
mod cors;
mod cursor;
mod events;
mod plain;
mod session;
mod talk;
mod tickets;

use std::rc::Rc;

use hyper::body::Incoming;
use hyper::{HeaderMap, Method, Request, StatusCode};

use super::{Answer, origin};
use crate::worker::Worker;

use answer::Refusal;
pub use answer::{Body, empty, whole};

/// Plain requests, as a description that tools can read.
const OPENAPI: &str = "/v1/openapi.json";

const TICKETS: &str = "/v1/tickets";

/// Whether a request is of a session over HTTP that is there.
pub fn is_of_session(worker: &Worker, headers: &HeaderMap) -> bool {
    session::is_known(worker, headers)
}

/// There is no room for another connection, or not for this client's.
pub fn too_many() -> Answer {
    Refusal::later("connections: there are too many").closing().into()
}

/// What a request to one of these doors is for; None if it is to another.
pub async fn route(worker: &Rc<Worker>, request: &mut Option<Request<Incoming>>) -> Option<Answer> {
    let path = request.as_ref()?.uri().path();
    let is_here = path == OPENAPI
        || path == TICKETS
        || matches!(path, "/poll/objects" | "/poll/relay" | "/poll" | "/stream" | "/sse")
        || path.starts_with(plain::OBJECTS);
    if !is_here {
        return None;
    }
    let request = request.take()?;
    let headers = request.headers();
    let allowed = origin::is_allowed(headers, &worker.house.origins, worker.house.dev);
    let page = cors::page(headers);
    let answer = match (allowed, request.method() == Method::OPTIONS) {
        (false, _) => Refusal::origin().into(),
        (true, true) => cors::preflight(),
        (true, false) => serve(worker, request).await.unwrap_or_else(Answer::from),
    };
    Some(cors::for_page(answer, page.filter(|_| allowed)))
}

async fn serve(worker: &Rc<Worker>, request: Request<Incoming>) -> Result<Answer, Refusal> {
    use slotcast_protocol::Door;
    match (request.method(), request.uri().path()) {
        (&Method::POST, "/poll/objects") => session::open(worker, Door::Objects, request).await,
        (&Method::POST, "/poll/relay") => session::open(worker, Door::Relay, request).await,
        (&Method::POST, "/poll") => session::say(worker, request).await,
        (&Method::GET, "/poll") => session::poll(worker, request.headers()).await,
        (&Method::GET, "/stream") => session::stream(worker, request.headers()),
        (&Method::GET, "/sse") => session::events(worker, request.headers()),
        (&Method::DELETE, "/poll") => session::hang_up(worker, request.headers()),
        (&Method::POST, TICKETS) => tickets::issue(worker, request.headers()),
        (&Method::GET, OPENAPI) => Ok(answer::json(StatusCode::OK, include_str!("openapi.json"))),
        (&Method::GET, path) if path.starts_with(plain::OBJECTS) => plain::get(worker, request).await,
        (&Method::POST, path) if path.starts_with(plain::OBJECTS) => plain::post(worker, request).await,
        (_, _) => Err(Refusal::method()),
    }
}
