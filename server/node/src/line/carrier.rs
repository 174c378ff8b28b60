//! A GET that is there to carry away what a session's client is told.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use bytes::Bytes;

use super::{Line, wake};
use crate::worker::now_ms;

/// Dropped before [`Carrier::finish`], it was cut: its client is away, and nobody knows what it has got.
pub struct Carrier {
    line: Arc<Line>,
    number: u64,
    is_finished: bool,
}

impl Carrier {
    pub(super) fn new(line: Arc<Line>, number: u64) -> Self {
        Carrier { line, number, is_finished: false }
    }

    pub fn line(&self) -> &Line {
        &self.line
    }

    /// All that has gathered; None when no more will come this way: the line has ended, or a newer GET is there.
    pub fn poll_messages(&mut self, context: &mut Context<'_>) -> Poll<Option<Vec<Bytes>>> {
        let mut state = self.line.state();
        if state.carriers != self.number {
            return Poll::Ready(None);
        }
        if !state.told.is_empty() {
            let messages: Vec<_> = state.told.drain(..).collect();
            self.line.waiting.fetch_sub(std::mem::take(&mut state.told_bytes), Ordering::Relaxed);
            state.handed += messages.len() as u64;
            wake(&mut state.session);
            return Poll::Ready(Some(messages));
        }
        if state.end.is_some() {
            return Poll::Ready(None);
        }
        state.carrier = Some(context.waker().clone());
        Poll::Pending
    }

    /// Messages that were handed out before now.
    pub fn handed(&self) -> u64 {
        self.line.state().handed
    }

    /// Nothing more is wanted of it; what it was given is on its way.
    pub fn finish(mut self) {
        self.is_finished = true;
    }
}

impl Drop for Carrier {
    fn drop(&mut self) {
        let mut state = self.line.state();
        if state.carriers == self.number {
            state.is_carried = false;
            state.alive_ms = now_ms();
            state.cut_ms = (!self.is_finished).then(now_ms);
        }
    }
}
