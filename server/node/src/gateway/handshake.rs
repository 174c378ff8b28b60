//! TLS handshakes: each in its time, and no more of them than the server can bear.

use std::sync::Mutex;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::HEAD_TIME_MAX;
use crate::tls::Tls;
use crate::worker::{Worker, now_ms};

/// How long a handshake may wait for its turn; whoever would wait longer is turned away.
const TURN_TIME_MAX: Duration = Duration::from_secs(1);

/// A rate over the whole server: handshakes are given turns, evenly spaced when they come too fast. One second's worth may come at once.
#[derive(Default)]
pub struct Turns(Mutex<u64>);

impl Turns {
    /// How long to wait for a turn; None if that is too long.
    fn take(&self, per_s: u32, now_us: u64) -> Option<Duration> {
        let mut next_us = self.0.lock().expect("nothing panics while it is held");
        let turn_us = (*next_us).max(now_us.saturating_sub(1_000_000));
        let wait = Duration::from_micros(turn_us.saturating_sub(now_us));
        if wait > TURN_TIME_MAX {
            return None;
        }
        *next_us = turn_us + 1_000_000 / u64::from(per_s);
        Some(wait)
    }
}

/// None if it came to nothing.
pub async fn shake_hands(worker: &Worker, tls: &Tls, tcp: TcpStream) -> Option<TlsStream<TcpStream>> {
    let metrics = &worker.house.metrics;
    let per_s = worker.house.limits.handshakes_per_s;
    let Some(wait) = worker.house.turns.take(per_s, now_ms() * 1_000) else {
        metrics.handshakes_refused.inc();
        return None;
    };
    sleep(wait).await;
    metrics.handshakes.inc();
    let handshake = worker.admission.admit(TlsAcceptor::from(tls.config()).accept(tcp));
    let shaken = timeout(HEAD_TIME_MAX, handshake).await;
    match shaken {
        Ok(Ok(stream)) => return Some(stream),
        Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
        Err(_) => tracing::debug!("a TLS handshake took too long"),
    }
    metrics.handshakes_failed.inc();
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_s_worth_at_once_and_then_one_turn_after_the_other() {
        let (turns, now_us) = (Turns::default(), 7_000_000);
        assert!((0..10).all(|_| turns.take(10, now_us) == Some(Duration::ZERO)));
        let waits: Vec<_> = (0..11).map(|_| turns.take(10, now_us)).collect();
        assert_eq!(waits[1], Some(Duration::from_millis(100)));
        assert_eq!(waits[10], Some(Duration::from_secs(1)));
        assert_eq!(turns.take(10, now_us), None);
        assert_eq!(turns.take(10, now_us + 200_000), Some(Duration::from_millis(900)));
    }
}
