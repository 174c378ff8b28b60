//! What all workers share.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use slotcast_protocol::Limits;
use slotcast_state::Name;
use tokio::sync::mpsc::UnboundedSender;

use super::desk::{self, Letter};
use crate::auth::Auth;
use crate::friends::Roster;
use crate::gateway::pages::Pages;
use crate::gateway::{Block, Porter, Turns};
use crate::identity::Identities;
use crate::line::Lines;
use crate::metrics::Metrics;
use crate::store::Store;
use crate::tls::Tls;

/// One per server.
pub struct House {
    pub limits: Arc<Limits>,
    pub auth: Auth,
    pub identities: Identities,
    pub metrics: Metrics,
    pub origins: Vec<String>,
    pub dev: bool,
    pub pages: Pages,
    /// What connections are encrypted with; None if they are not.
    pub tls: Option<Tls>,
    /// How many are there.
    pub porter: Porter,
    /// Whether everyone is shown the metrics.
    pub public_metrics: bool,
    /// Who may say for whom it speaks.
    pub proxies: Vec<Block>,
    /// The handshakes' turns.
    pub turns: Turns,
    /// A letter box per worker. Unbounded: what is in them is bounded by the sessions' budgets and by the turns' size.
    pub boxes: Vec<UnboundedSender<Letter>>,
    /// The sessions that come by HTTP.
    pub lines: Lines,
    /// Where stored objects are kept; None if no kind is stored.
    pub store: Option<Store>,
    /// Who keeps the friend lists; None if the shards do.
    pub roster: Option<Box<dyn Roster>>,
    /// Sessions and those that would be one, until the last word of each is on its way.
    pub conversations: AtomicUsize,
    /// Workers for whose store too much waits.
    pub behind: AtomicUsize,
}

impl House {
    /// The worker whose shard owns an object or user.
    pub fn owner(&self, name: &Name) -> usize {
        desk::owner(name, self.boxes.len())
    }

    /// Whether the store is behind, so that no session should be read.
    pub fn is_behind(&self) -> bool {
        self.behind.load(Ordering::Relaxed) > 0
    }
}
