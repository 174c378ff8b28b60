//! Requests to the friend service: JSON over HTTP/1.1, each with its time.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde_json::Value as Json;

/// Bytes of an answer that are taken: a list of 100,000 people fits.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// Connections that are kept without a request on them.
const IDLE_MAX: usize = 16;

/// Where the service is, and what it knows us by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    url: String,
    key: Option<String>,
}

impl Address {
    /// `http://host:port/path`; the key goes into the `Authorization` of each request.
    pub fn parse(url: &str, key: Option<String>) -> Result<Address, String> {
        let parsed: Uri = url.parse().map_err(|why| format!("is no URL: {why}"))?;
        if parsed.scheme_str() != Some("http") || parsed.authority().is_none() {
            return Err(format!(
                "expected http://host:port/path, not `{url}`; for https put a proxy beside the server"
            ));
        }
        if parsed.query().is_some() {
            return Err("must have no `?`".to_owned());
        }
        Ok(Address { url: url.trim_end_matches('/').to_owned(), key })
    }

    /// For whoever looks at the configuration; without the key.
    pub fn url(&self) -> &str {
        &self.url
    }
}

/// One per server; it keeps its connections.
pub struct Web {
    client: Client<HttpConnector, Full<Bytes>>,
    address: Address,
}

impl Web {
    pub fn new(address: Address) -> Web {
        let mut builder = Client::builder(TokioExecutor::new());
        builder.pool_timer(TokioTimer::new()).pool_max_idle_per_host(IDLE_MAX);
        Web { client: builder.build_http(), address }
    }

    /// The answer's status and JSON; or why there is none.
    pub async fn get(&self, path: &str, most: Duration) -> Result<(StatusCode, Json), String> {
        self.say(Method::GET, path, Bytes::new(), most).await
    }

    /// The same, with a body.
    pub async fn post(&self, path: &str, body: &Json, most: Duration) -> Result<(StatusCode, Json), String> {
        self.say(Method::POST, path, body.to_string().into(), most).await
    }

    async fn say(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        most: Duration,
    ) -> Result<(StatusCode, Json), String> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.address.url));
        if let Some(key) = &self.address.key {
            request = request.header(AUTHORIZATION, format!("Bearer {key}"));
        }
        let request = request.header(CONTENT_TYPE, "application/json").body(Full::new(body));
        let request = request.map_err(|why| why.to_string())?;
        let answered = tokio::time::timeout(most, async {
            let response = self.client.request(request).await.map_err(|why| format!("no answer: {why}"))?;
            let status = response.status();
            let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
            let body = body.map_err(|why| format!("its answer breaks off: {why}"))?.to_bytes();
            let json = serde_json::from_slice(&body)
                .map_err(|why| format!("its answer ({status}) is no JSON: {why}"))?;
            Ok((status, json))
        });
        answered.await.unwrap_or_else(|_| Err(format!("no answer within {most:?}")))
    }
}

/// A user's name as a part of a path.
pub fn segment(user: &str) -> String {
    use std::fmt::Write;
    let mut out = String::with_capacity(user.len());
    for byte in user.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(byte.into()),
            _other => write!(out, "%{byte:02X}").expect("a String takes all"),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_names() {
        for bad in ["", "friends", "https://x/", "http://", "http://x/?a=b", "ftp://x"] {
            assert!(Address::parse(bad, None).is_err(), "{bad}");
        }
        let address = Address::parse("http://127.0.0.1:9000/friends/", None).expect("a good one");
        assert_eq!(address.url(), "http://127.0.0.1:9000/friends");
        assert_eq!(segment("zoë b/%?"), "zo%C3%AB%20b%2F%25%3F");
    }
}
