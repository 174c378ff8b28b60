//! Answers, and why there is none: a status and the message `error` as JSON.

use std::convert::Infallible;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use slotcast_protocol::{Code, Fault};

use crate::gateway::Answer;

pub type Body = UnsyncBoxBody<Bytes, Infallible>;

/// Seconds after which what was refused for want of room may be tried again.
const RETRY_S: &str = "1";

/// Why a request was not served.
pub struct Refusal {
    pub status: StatusCode,
    pub fault: Fault,
    header: Option<(HeaderName, HeaderValue)>,
    /// Whether its body was left unread, so that no other request can come on this connection.
    closes: bool,
}

impl Refusal {
    pub fn new(status: StatusCode, code: Code, what: impl Into<String>) -> Self {
        Refusal { status, fault: Fault::new(code, what), header: None, closes: false }
    }

    /// For what is wrong with a request in particular.
    pub fn of(fault: Fault) -> Self {
        Refusal { status: status(fault.code), fault, header: None, closes: false }
    }

    pub fn origin() -> Self {
        Refusal::new(
            StatusCode::FORBIDDEN,
            Code::NotPermitted,
            "Origin: this page is not on the server's list",
        )
        .closing()
    }

    pub fn method() -> Self {
        Refusal::new(StatusCode::METHOD_NOT_ALLOWED, Code::UnknownType, "method: is not understood here")
            .closing()
    }

    /// The session is over, or its client is to begin anew.
    pub fn gone() -> Self {
        Refusal::new(StatusCode::GONE, Code::Gone, "session: has ended; open another and resume")
    }

    /// Nothing was done; later it may be.
    pub fn later(what: impl Into<String>) -> Self {
        let refusal = Refusal::new(StatusCode::SERVICE_UNAVAILABLE, Code::Unavailable, what);
        refusal.with(RETRY_AFTER, HeaderValue::from_static(RETRY_S))
    }

    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.header = Some((name, value));
        self
    }

    pub fn closing(mut self) -> Self {
        self.closes = true;
        self
    }
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Answer {
        let Refusal { status, fault, header, closes } = refusal;
        let body = serde_json::json!({ "type": "error", "code": fault.code.name(), "what": fault.what });
        let mut answer = json(status, body.to_string());
        answer.headers_mut().extend(header);
        if closes {
            answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        answer
    }
}

/// The status that says about the same as a code.
pub fn status(code: Code) -> StatusCode {
    match code {
        Code::Unauthorized => StatusCode::UNAUTHORIZED,
        Code::NotPermitted => StatusCode::FORBIDDEN,
        Code::Conflict | Code::WrongEpoch | Code::OutOfOrder => StatusCode::CONFLICT,
        Code::AnswerForgotten | Code::Gone => StatusCode::GONE,
        Code::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Code::TooMany | Code::TooFast => StatusCode::TOO_MANY_REQUESTS,
        Code::StorageFull => StatusCode::INSUFFICIENT_STORAGE,
        Code::StorageDamaged => StatusCode::INTERNAL_SERVER_ERROR,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::WrongType | Code::WrongRule => StatusCode::UNPROCESSABLE_ENTITY,
        Code::BadMessage | Code::UnknownType | Code::BadField | Code::BadName => StatusCode::BAD_REQUEST,
        Code::BadValue | Code::TooDeep | Code::HelloFirst | Code::NotUsed => StatusCode::BAD_REQUEST,
        Code::UnknownUser | Code::InboxFull | Code::NoFriend | Code::NoRequest => StatusCode::BAD_REQUEST,
    }
}

/// A whole body of a type; nobody on the way keeps it.
pub fn whole(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Answer {
    carried(status, content_type, Full::new(body.into()).boxed_unsync())
}

pub fn json(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    whole(status, "application/json", body)
}

/// Without a body.
pub fn empty(status: StatusCode) -> Answer {
    let mut answer = Response::new(Full::default().boxed_unsync());
    *answer.status_mut() = status;
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// A body of any kind; `no-transform` keeps proxies from gathering it to compress it.
pub fn carried(status: StatusCode, content_type: &'static str, body: Body) -> Answer {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store, no-transform"));
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    answer
}
