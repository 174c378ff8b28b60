//! The session's end of a line: what its outbox writes to, and its connection reads from.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use bytes::Bytes;

use super::{End, Line, State, TOLD_BYTES_MAX, messages, wake};
use crate::worker::now_ms;

/// The session's end of a line, for its outbox.
pub struct LineSocket(Arc<Line>);

impl LineSocket {
    pub fn new(line: Arc<Line>) -> Self {
        LineSocket(line)
    }

    /// The next message that the client said.
    pub fn poll_said(&self, context: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        let mut state = self.0.state();
        match state.said.pop_front() {
            Some(message) => {
                if state.said.is_empty() {
                    self.0.read.notify_waiters();
                }
                Poll::Ready(Ok(message))
            }
            None if state.end == Some(End::Cut) => Poll::Ready(Err(ErrorKind::UnexpectedEof.into())),
            None => {
                state.session = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }

    /// Takes whole frames, as many as there are, or nothing.
    pub fn try_write(&self, frames: &Bytes) -> io::Result<usize> {
        let mut state = self.0.state();
        match state.end {
            Some(End::Cut) => return Err(ErrorKind::BrokenPipe.into()),
            Some(End::Closed { .. }) => {}
            None if self.is_open(&state) => {}
            None => return Err(ErrorKind::WouldBlock.into()),
        }
        for message in messages(frames, self.0.encoding) {
            state.told_bytes += message.len();
            self.0.waiting.fetch_add(message.len(), Ordering::Relaxed);
            state.told.push_back(message);
        }
        wake(&mut state.carrier);
        Ok(frames.len())
    }

    pub fn poll_write_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.0.state();
        match state.end {
            Some(End::Cut) => Poll::Ready(Err(ErrorKind::BrokenPipe.into())),
            Some(End::Closed { .. }) => Poll::Ready(Ok(())),
            None if self.is_open(&state) => Poll::Ready(Ok(())),
            None => {
                state.session = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }

    /// Ready when all that was written has been fetched.
    pub fn poll_fetched(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.0.state();
        if state.told.is_empty() || state.end == Some(End::Cut) {
            return Poll::Ready(());
        }
        state.session = Some(context.waker().clone());
        Poll::Pending
    }

    /// Nothing more is read; what is written from now on is kept until it is fetched.
    pub fn finish(&self) {
        let mut state = self.0.state();
        if state.end.is_none() {
            state.end = Some(End::Closed { at_ms: now_ms() });
        }
        state.said.clear();
        self.0.read.notify_waiters();
    }

    pub fn alive_ms(&self) -> u64 {
        self.0.state().alive_ms
    }

    fn is_open(&self, state: &State) -> bool {
        let room = state.told.is_empty() || self.0.waiting.load(Ordering::Relaxed) < self.0.waiting_max;
        state.is_carried && room && state.told_bytes < TOLD_BYTES_MAX
    }
}

/// The session has ended, if not by [`LineSocket::finish`] then without a word.
impl Drop for LineSocket {
    fn drop(&mut self) {
        let mut state = self.0.state();
        if state.end.is_none() {
            state.cut();
        }
        state.has_ended = true;
        wake(&mut state.carrier);
        self.0.read.notify_waiters();
        self.0.over.notify_waiters();
    }
}
