//! All lines of a server, by their keys.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dashmap::DashMap;
use slotcast_protocol::{Door, Encoding, Limits};

use super::Line;
use crate::metrics::Metrics;

/// Bytes of a key, which nobody can guess: whoever has it is the session's client.
const KEY_BYTES: usize = 16;

pub struct Lines {
    by_key: DashMap<String, Arc<Line>>,
    waiting: Arc<AtomicUsize>,
    waiting_max: usize,
}

impl Lines {
    /// Half of what may wait in the whole server may wait here.
    pub fn new(limits: &Limits) -> Self {
        let (by_key, waiting) = (DashMap::new(), Arc::default());
        Lines { by_key, waiting, waiting_max: limits.waiting_bytes / 2 }
    }

    /// A new one, which is not found by its key yet.
    pub fn line(&self, protocol: (Door, Encoding)) -> Arc<Line> {
        Arc::new(Line::new(protocol, self.waiting.clone(), self.waiting_max))
    }

    /// From now on it is found by the key that this gives.
    pub fn insert(&self, line: Arc<Line>) -> std::io::Result<String> {
        let mut bytes = [0; KEY_BYTES];
        getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
        let key: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        self.by_key.insert(key.clone(), line);
        Ok(key)
    }

    pub fn get(&self, key: &str) -> Option<Arc<Line>> {
        self.by_key.get(key).map(|line| line.clone())
    }

    /// Cuts those whose clients did not come back, and forgets those that have ended. Once a second.
    pub fn sweep(&self, now_ms: u64) {
        self.by_key.retain(|_, line| !line.is_over(now_ms));
    }

    pub fn report(&self, metrics: &Metrics) {
        metrics.lines.set(self.by_key.len() as i64);
        metrics.line_bytes.set(self.waiting.load(Ordering::Relaxed) as i64);
    }
}
