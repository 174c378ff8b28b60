//! Costly work for those who come in (tokens to check, TLS handshakes), between the turns of those who are in.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use tokio::task::yield_now;

/// What those who come in may take of the thread before everyone else who is ready has had a turn.
const SPENT_MAX: Duration = Duration::from_millis(2);

/// One per worker: one after the other, in the order in which they came.
#[derive(Default)]
pub struct Admission {
    /// Since everyone else last had a turn.
    spent: Mutex<Duration>,
}

impl Admission {
    /// Does `work`, step by step as it becomes ready. Each step waits until there is time for it.
    pub async fn admit<F: Future>(&self, work: F) -> F::Output {
        let mut work = pin!(work);
        loop {
            let mut spent = self.spent.lock().await;
            if *spent >= SPENT_MAX {
                yield_now().await;
                *spent = Duration::ZERO;
            }
            let begun = Instant::now();
            let step = poll_fn(|context| Poll::Ready(work.as_mut().poll(context))).await;
            *spent += begun.elapsed();
            drop(spent);
            match step {
                Poll::Ready(done) => return done,
                // Nothing is waited for between the step and this: who wakes the work wakes this task from here on.
                Poll::Pending => pending_once().await,
            }
        }
    }
}

async fn pending_once() {
    let mut is_first = true;
    poll_fn(|_| if std::mem::take(&mut is_first) { Poll::Pending } else { Poll::Ready(()) }).await;
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use tokio::task::{LocalSet, spawn_local};

    use super::*;

    /// Steps of one who comes in, of 1 ms at the least.
    const STEPS: usize = 2;

    async fn come_in() {
        for _ in 0..STEPS {
            std::thread::sleep(Duration::from_millis(1));
            yield_now().await;
        }
    }

    #[tokio::test]
    async fn those_who_are_in_have_turns_between_those_who_come() {
        let (admission, turns) = (Rc::new(Admission::default()), Rc::new(Cell::new(0)));
        let those_who_are_in = turns.clone();
        let local = LocalSet::new();
        local.spawn_local(async move {
            loop {
                those_who_are_in.set(those_who_are_in.get() + 1);
                yield_now().await;
            }
        });
        let come = (0..50).map(|_| {
            let admission = admission.clone();
            async move { admission.admit(come_in()).await }
        });
        local
            .run_until(async {
                let all: Vec<_> = come.map(spawn_local).collect();
                for one in all {
                    one.await.expect("it does not panic");
                }
            })
            .await;
        // Two steps of 1 ms between two turns, or three where the first were a little short.
        assert!(turns.get() >= 50 * STEPS / 3, "{} turns", turns.get());
    }

    #[tokio::test]
    async fn who_waits_for_its_peer_holds_up_no_one() {
        let admission = Rc::new(Admission::default());
        let (say, hear) = tokio::sync::oneshot::channel();
        let slow = admission.admit(async { hear.await.expect("it is said") });
        let quick = async {
            assert_eq!(admission.admit(async { 7 }).await, 7);
            say.send(8).expect("it is waited for");
        };
        let (slow, ()) = tokio::join!(slow, quick);
        assert_eq!(slow, 8);
    }
}
