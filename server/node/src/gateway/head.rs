//! What every request's head must be, whatever it asks for. What cannot be read at all hyper has refused before.

use hyper::body::Body;
use hyper::header::{HOST, HeaderMap, HeaderName, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE};
use hyper::{Request, Version};

/// RFC 6455 section 11.3: each is there once.
const ONCE: [HeaderName; 3] = [SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, HOST];

/// Why a request is not answered with more than 400.
pub fn mistake(request: &Request<impl Body>) -> Option<&'static str> {
    let headers = request.headers();
    if request.version() == Version::HTTP_11 && !headers.contains_key(HOST) {
        return Some("Host: is missing\n");
    }
    if ONCE.into_iter().any(|name| is_repeated(headers, name)) {
        return Some("Host:, Sec-WebSocket-Key: and Sec-WebSocket-Version: may be there once\n");
    }
    if request.uri().path().is_empty() {
        return Some("the target must be a path\n");
    }
    // What is behind such a head could be a body to one reader and frames to another.
    if headers.contains_key(UPGRADE) && !request.body().is_end_stream() {
        return Some("a request for an upgrade has no body\n");
    }
    None
}

fn is_repeated(headers: &HeaderMap, name: HeaderName) -> bool {
    headers.get_all(name).iter().nth(1).is_some()
}
