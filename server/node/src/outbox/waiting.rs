//! What waits in one outbox, and the sum of what waits in all of a worker's.

use std::cell::Cell;
use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, Bytes};

/// Pieces that go out in one call.
const SLICES_MAX: usize = 64;

thread_local! {
    static SUM: Cell<usize> = const { Cell::new(0) };
}

/// Bytes that wait in all outboxes of this thread.
pub fn bytes() -> usize {
    SUM.get()
}

/// Pieces in their order.
#[derive(Default)]
pub struct Waiting(VecDeque<Bytes>);

impl Waiting {
    pub fn push_back(&mut self, piece: Bytes) {
        SUM.set(SUM.get() + piece.len());
        self.0.push_back(piece);
    }

    /// What one call takes.
    pub fn slices(&self) -> Vec<IoSlice<'_>> {
        self.0.iter().take(SLICES_MAX).map(|piece| IoSlice::new(piece)).collect()
    }

    /// What goes first. There is something, or the queue would not be there.
    pub fn first(&self) -> &Bytes {
        self.0.front().expect("a queue that is there is not empty")
    }

    /// So many bytes have gone; whether nothing waits any more.
    pub fn advance(&mut self, mut written: usize) -> bool {
        SUM.set(SUM.get() - written);
        while let Some(first) = self.0.front_mut() {
            if written < first.len() {
                first.advance(written);
                return false;
            }
            written -= first.len();
            self.0.pop_front();
        }
        true
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let left: usize = self.0.iter().map(Bytes::len).sum();
        // When a thread ends, its sum may be gone before its last connection.
        let _ = SUM.try_with(|sum| sum.set(sum.get() - left));
    }
}
