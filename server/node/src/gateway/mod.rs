//! The doors: one port, HTTP first. Each transport is a sibling here and turns foreign bytes into requests, and events into foreign bytes.

mod budget;
mod connection;
mod frames;
mod handshake;
mod head;
mod http;
mod origin;
pub mod pages;
mod porter;
mod proxy;
mod visitor;
mod websocket;
mod wire;

use std::convert::Infallible;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use slotcast_protocol::Door;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};

pub use handshake::Turns;
use porter::Network;
pub use porter::Porter;
pub use proxy::Block;
use tokio::time::sleep;
use visitor::Knock;

use crate::worker::Worker;

/// Head of a request: bytes, headers, and the time it may take.
const HEAD_BYTES_MAX: usize = 8 * 1024;
const HEADERS_MAX: usize = 64;
const HEAD_TIME_MAX: Duration = Duration::from_secs(5);

/// Bytes that the kernel holds for a connection beyond what the network has taken.
const UNSENT_BYTES_MAX: u32 = 128 * 1024;

type Answer = Response<http::Body>;

/// Accepts connections; while the server drains too, as whoever polls comes by a new one to hear of it. The runtime lets it take 128 at a time
/// before every other task that is ready has its turn, the worker's among them: however many wait at the door, those who are in are served
/// between. bench's W7 holds that to a number.
pub async fn accept(worker: Rc<Worker>, listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((tcp, peer)) => {
                if let Ok(knock) = Knock::new(&worker, peer.ip()) {
                    tokio::task::spawn_local(Box::pin(serve(worker.clone(), knock, tcp)));
                }
            }
            Err(error) => {
                tracing::warn!(%error, "accept failed; trying again in 100 ms");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn serve(worker: Rc<Worker>, knock: Knock, tcp: TcpStream) {
    tune(&tcp);
    match &worker.house.tls {
        None => serve_http(&worker, knock, tcp).await,
        Some(tls) => {
            if let Some(stream) = handshake::shake_hands(&worker, tls, tcp).await {
                serve_http(&worker, knock, stream).await;
            }
        }
    }
}

/// Requests, one after the other, until one asks for an upgrade.
async fn serve_http(
    worker: &Rc<Worker>,
    knock: Knock,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) {
    let knock = Rc::new(knock);
    let service = service_fn(|request| {
        let (worker, knock) = (worker.clone(), knock.clone());
        async move { Ok::<_, Infallible>(route(&worker, &knock, request).await) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIME_MAX);
    http.max_buf_size(HEAD_BYTES_MAX).max_headers(HEADERS_MAX).half_close(false);
    // One that comes while the server stops has one question, and is not let go before it has asked.
    let comes_late = worker.is_draining();
    http.keep_alive(!comes_late);
    let mut served = pin!(http.serve_connection(TokioIo::new(stream), service).with_upgrades());
    // When the server stops, whoever waits with nothing to ask is let go, and who has asked is answered first.
    let served = tokio::select! {
        served = &mut served => served,
        () = worker.drained_soon(), if !comes_late => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, "an HTTP connection ended badly");
    }
}

/// Small writes go at once; and what a stalled reader has not been sent stays here as a cursor instead of filling the kernel's buffer, or it
/// would have to read megabytes of the past before it sees the present.
fn tune(tcp: &TcpStream) {
    let tuned = tcp
        .set_nodelay(true)
        .and_then(|()| socket2::SockRef::from(tcp).set_tcp_notsent_lowat(UNSENT_BYTES_MAX));
    if let Err(error) = tuned {
        tracing::debug!(%error, "a socket could not be tuned");
    }
}

async fn route(worker: &Rc<Worker>, knock: &Knock, mut request: Request<Incoming>) -> Answer {
    if let Some(mistake) = head::mistake(&request) {
        return closing(text(StatusCode::BAD_REQUEST, mistake));
    }
    if let Some(wait) = knock.wait(worker) {
        worker.house.metrics.slowed.inc();
        sleep(wait).await;
    }
    if !origin::is_host_allowed(request.headers(), worker.house.dev) {
        return text(
            StatusCode::MISDIRECTED_REQUEST,
            "with --dev the host must be localhost, 127.0.0.1 or [::1]\n",
        );
    }
    if http::is_of_session(worker, request.headers()) {
        knock.meet();
    }
    let client = knock.client(worker, request.headers());
    request.extensions_mut().insert(Network::from(client));
    let mut request = Some(request);
    if let Some(answer) = http::route(worker, &mut request).await {
        return answer;
    }
    let request = request.expect("it was to none of those doors");
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/objects") => websocket::upgrade(worker, knock, Door::Objects, request),
        (&Method::GET, "/relay") => websocket::upgrade(worker, knock, Door::Relay, request),
        (&Method::GET, "/healthz") => health(worker),
        (&Method::GET, "/metrics") if knock.may_measure(worker, request.headers()) => {
            text(StatusCode::OK, worker.house.metrics.text())
        }
        (&Method::GET | &Method::HEAD, path) => worker.house.pages.answer(path),
        (_, _) => text(StatusCode::METHOD_NOT_ALLOWED, "only GET is understood here\n"),
    }
}

fn health(worker: &Worker) -> Answer {
    match worker.is_draining() {
        false => text(StatusCode::OK, "ok\n"),
        true => text(StatusCode::SERVICE_UNAVAILABLE, "draining\n"),
    }
}

/// Nothing more is read behind this answer.
fn closing(mut answer: Answer) -> Answer {
    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    answer
}

fn text(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    http::whole(status, "text/plain; charset=utf-8", body)
}
