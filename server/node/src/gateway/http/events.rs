//! An object as server-sent events, for a browser's `EventSource`: `Last-Event-ID` is a cursor, so that it resumes by itself.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::StatusCode;
use hyper::body::{Body, Frame};
use serde_json::{Value, json};
use slotcast_protocol::ObjectName;
use tokio::time::{Instant, Sleep, sleep};

use super::answer::{Refusal, carried};
use super::cursor::Cursor;
use super::plain::begun;
use super::talk::{Caller, Talk};
use crate::gateway::Answer;
use crate::worker::Worker;

/// What says that the connection lives, to whoever is on the way.
const BEAT: &[u8] = b":\n\n";

/// How many beats one answer lives for. A client that is gone without a word is found out by then; one that is there comes back by itself.
const BEATS_MAX: u32 = 12;

/// Follows the object from the cursor on.
pub async fn follow(
    worker: &Rc<Worker>,
    caller: Caller,
    object: &ObjectName,
    last: Option<Cursor>,
) -> Result<Answer, Refusal> {
    let cursor = last.map(Cursor::array);
    let follow = json!({ "type": "use", "object": object.as_str(), "cursor": cursor });
    let mut talk = Talk::begin(worker, caller, &[follow])?;
    let first = begun(&mut talk).await?;
    let time = Duration::from_millis(worker.house.limits.ping_ms);
    let mut events = Events {
        talk: Some(talk),
        cursor: last.unwrap_or_default(),
        first: None,
        time,
        beat: Box::pin(sleep(time)),
        beats: 0,
    };
    events.first = Some(events.event(&first));
    let mut answer = carried(StatusCode::OK, "text/event-stream", events.boxed_unsync());
    answer.headers_mut().insert("x-accel-buffering", hyper::header::HeaderValue::from_static("no"));
    Ok(answer)
}

struct Events {
    /// None when it has ended.
    talk: Option<Talk>,
    cursor: Cursor,
    first: Option<String>,
    time: Duration,
    beat: Pin<Box<Sleep>>,
    beats: u32,
}

impl Events {
    fn event(&mut self, message: &Value) -> String {
        self.cursor = self.cursor.after(message);
        format!("id: {}\ndata: {message}\n\n", self.cursor)
    }

    /// None at the end.
    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(first.into()));
        }
        loop {
            let Some(talk) = &mut self.talk else { return Poll::Ready(None) };
            match talk.poll_next(context) {
                Poll::Ready(Ok(message)) if is_of_object(&message) => {
                    return Poll::Ready(Some(self.event(&message).into()));
                }
                Poll::Ready(Ok(_other)) => {}
                Poll::Ready(Err(_ended)) => self.talk = None,
                Poll::Pending => {
                    std::task::ready!(self.beat.as_mut().poll(context));
                    self.beat.as_mut().reset(Instant::now() + self.time);
                    talk.is_alive();
                    self.beats += 1;
                    if self.beats == BEATS_MAX {
                        self.talk = None;
                    }
                    return Poll::Ready(Some(Bytes::from_static(BEAT)));
                }
            }
        }
    }
}

impl Body for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.poll_piece(context).map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}

fn is_of_object(message: &Value) -> bool {
    matches!(message["type"].as_str(), Some("diff" | "snapshot" | "sent" | "error"))
}
