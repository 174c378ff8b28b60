//! What the operator sees: counters and gauges in the text format of Prometheus.

use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use crate::auth::Refusals;

/// A histogram from 100 microseconds to 13 seconds.
#[derive(Clone, Debug)]
pub struct Seconds(Histogram);

impl Default for Seconds {
    fn default() -> Self {
        Seconds(Histogram::new(exponential_buckets(0.0001, 2.0, 18)))
    }
}

impl Seconds {
    /// One more.
    pub fn observe(&self, seconds: f64) {
        self.0.observe(seconds);
    }
}

impl EncodeMetric for Seconds {
    fn encode(&self, encoder: MetricEncoder<'_>) -> Result<(), std::fmt::Error> {
        self.0.encode(encoder)
    }

    fn metric_type(&self) -> MetricType {
        self.0.metric_type()
    }
}

macro_rules! metrics {
    ($($(#[doc = $help:literal])* $name:ident: $type:ty = $public:literal,)*) => {
        /// Cheap to clone a part of: each metric is shared.
        #[derive(Default)]
        pub struct Metrics { $($(#[doc = $help])* pub $name: $type,)* }

        impl Metrics {
            /// All of them, as text.
            pub fn text(&self) -> String {
                let mut registry = Registry::with_prefix("slotcast");
                $(registry.register($public, concat!($($help),*).trim(), self.$name.clone());)*
                let mut text = String::new();
                encode(&mut text, &registry).expect("a String takes all");
                text
            }
        }
    };
}

metrics! {
    /// Sockets that are open
    connections: Gauge = "connections",
    /// Sessions that have said hello
    sessions: Gauge = "sessions",
    /// Sessions over HTTP, and those that ended a moment ago
    lines: Gauge = "http_sessions",
    /// Bytes that wait for HTTP requests to carry them
    line_bytes: Gauge = "http_waiting_bytes",
    /// Objects in memory
    objects: Gauge = "objects",
    /// What objects in memory weigh, in bytes
    objects_bytes: Gauge = "objects_bytes",
    /// Objects that could not be opened: no room, too many views, or a store that does not answer
    no_room: Counter = "objects_refused",
    /// Messages from clients
    messages: Counter = "messages",
    /// Messages that were answered by error or reject before they reached an object
    refused: Counter = "messages_refused",
    /// Versions made
    versions: Counter = "versions",
    /// Frames encoded for followers: one per change, view and encoding
    encodings: Counter = "encodings",
    /// Snapshots encoded; of a large object one serves all of an audience who join within some seconds
    snapshots_encoded: Counter = "snapshots_encoded",
    /// Pieces handed to followers' sockets; one may hold many frames
    pushes: Counter = "pushes",
    /// Bytes handed to followers' sockets
    pushed_bytes: Counter = "pushed_bytes",
    /// Diffs and snapshots encoded for those who begin, or begin again: one serves all of an audience who come with the same cursor within some seconds
    caught_up: Counter = "caught_up",
    /// Bytes that wait in the server for sockets that are full
    waiting_bytes: Gauge = "waiting_bytes",
    /// Pieces that were not kept for a full socket, as too many bytes waited; their followers are told later, from their cursors
    not_kept: Counter = "pieces_not_kept",
    /// What rings of recent frames take in memory, in bytes
    rings_bytes: Gauge = "rings_bytes",
    /// Bytes that the largest rings let go of, as all together held too much; followers who lag are told by a diff instead
    rings_cut_bytes: Counter = "rings_cut_bytes",
    /// Connections that became full
    full: Counter = "connections_full",
    /// Connections ended because they were silent
    silent: Counter = "connections_silent",
    /// Groups that the store has committed, each with one fdatasync
    commits: Counter = "store_commits",
    /// Seconds that a group took, until it was on the disk
    commit_seconds: Seconds = "store_commit_seconds",
    /// Answers of stored objects that were committed
    commit_changes: Counter = "store_commit_changes",
    /// Bytes of commits and whole objects that were committed
    commit_bytes: Counter = "store_commit_bytes",
    /// Whole objects that were committed
    stores: Counter = "store_objects_written",
    /// Stored objects that were brought into memory
    loads: Counter = "store_loads",
    /// Stored objects that left memory because others needed the room
    evictions: Counter = "store_evictions",
    /// Objects in the store
    stored_objects: Gauge = "store_objects",
    /// Bytes of commits that are in no whole object yet
    log_bytes: Gauge = "store_log_bytes",
    /// 1 while the disk is full and writes to stored objects are refused
    storage_full: Gauge = "store_full",
    /// Users who have said how they are, or watch how others are
    people: Gauge = "people",
    /// Messages that went on by a friend list at hand
    lists_at_hand: Counter = "lists_at_hand",
    /// Messages and questions that had to wait for a friend list
    lists_waited: Counter = "lists_waited",
    /// Friend lists fetched from where they are kept
    lists_fetched: Counter = "lists_fetched",
    /// Tags of clients that never were
    lists_denied: Counter = "lists_denied",
    /// Tags of clients with another MD5 than the list has
    lists_diverged: Counter = "lists_diverged",
    /// TLS handshakes begun
    handshakes: Counter = "tls_handshakes",
    /// TLS handshakes that failed or took too long
    handshakes_failed: Counter = "tls_handshakes_failed",
    /// Connections closed because too many handshakes were waiting
    handshakes_refused: Counter = "tls_handshakes_refused",
    /// Connections refused because there were too many
    turned_away: Counter = "connections_turned_away",
    /// Tokens that were refused, by reason
    tokens_refused: Refusals = "tokens_refused",
    /// Tickets issued
    tickets: Counter = "tickets",
    /// Sessions ended because their token has ended
    sessions_expired: Counter = "sessions_expired",
    /// Sessions ended because their user may not be here any more
    sessions_revoked: Counter = "sessions_revoked",
    /// Connections refused because there were too many from their address
    turned_away_address: Counter = "connections_turned_away_address",
    /// Connections refused because too many had not said who they are
    turned_away_strangers: Counter = "connections_turned_away_strangers",
    /// Connections that have not said who they are
    strangers: Gauge = "strangers",
    /// Times that a session's next message, or a connection's next request, was read later because it had sent too much
    slowed: Counter = "sessions_slowed",
    /// Connections ended because of too many pings or pongs
    overrun: Counter = "connections_control_flood",
    /// Connections ended because a message in parts took too long
    parts_late: Counter = "connections_fragments_late",
}
