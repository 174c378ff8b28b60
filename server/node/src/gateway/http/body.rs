//! Bodies: read within their limits, and written as a session's client is told things.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::StatusCode;
use hyper::body::{Body, Frame, Incoming};
use slotcast_protocol::Code;
use tokio::time::{Sleep, sleep, timeout};

use super::answer::Refusal;
use crate::line::{Carrier, Form};

/// How long a body may take to come.
const BODY_TIME_MAX: Duration = Duration::from_secs(10);

/// A whole body of at most `bytes_max`.
pub async fn read(body: Incoming, bytes_max: usize) -> Result<Bytes, Refusal> {
    let too_large = || {
        let what = format!("body: has more than {bytes_max} bytes");
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, Code::TooLarge, what).closing()
    };
    if body.size_hint().lower() > bytes_max as u64 {
        return Err(too_large());
    }
    let late = |_| {
        Refusal::new(StatusCode::REQUEST_TIMEOUT, Code::BadMessage, "body: is not here after 10 s").closing()
    };
    match timeout(BODY_TIME_MAX, Limited::new(body, bytes_max).collect()).await.map_err(late)? {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
        Err(_) => Err(Refusal::new(StatusCode::BAD_REQUEST, Code::BadMessage, "body: breaks off").closing()),
    }
}

/// What a client is told, as it comes, until the time is over.
pub struct Stream {
    /// None when it has ended.
    carrier: Option<Carrier>,
    form: Form,
    has_begun: bool,
    end: Pin<Box<Sleep>>,
}

impl Stream {
    pub fn new(carrier: Carrier, form: Form, time: Duration) -> Self {
        Stream { carrier: Some(carrier), form, has_begun: false, end: Box::pin(sleep(time)) }
    }
}

impl Body for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let stream = &mut *self;
        let Some(carrier) = &mut stream.carrier else { return Poll::Ready(None) };
        let encoding = carrier.line().encoding;
        if !std::mem::replace(&mut stream.has_begun, true) {
            return Poll::Ready(Some(Ok(Frame::data(stream.form.nothing(encoding)))));
        }
        let messages = match carrier.poll_messages(context) {
            Poll::Ready(messages) => messages,
            Poll::Pending => {
                std::task::ready!(stream.end.as_mut().poll(context));
                None
            }
        };
        match messages {
            Some(messages) => {
                let piece = stream.form.put(&messages, encoding);
                Poll::Ready(Some(Ok(Frame::data(piece))))
            }
            None => {
                if let Some(carrier) = stream.carrier.take() {
                    carrier.finish();
                }
                Poll::Ready(None)
            }
        }
    }
}
