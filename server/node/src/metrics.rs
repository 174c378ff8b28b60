//! What the operator sees: counters and gauges in the text format of Prometheus.

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

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
    /// Objects in memory
    objects: Gauge = "objects",
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
    /// Followers that were brought up to date by a diff or a snapshot
    caught_up: Counter = "caught_up",
    /// Connections that became full
    full: Counter = "connections_full",
    /// Connections ended because they were silent
    silent: Counter = "connections_silent",
    /// Connections refused because there were too many
    turned_away: Counter = "connections_turned_away",
}
