//! The simulation: clients, links, sockets, edges and shards in one thread, from one seed, in virtual time.
//!
//! ```text
//! client  <- bytes ->  socket of an edge  <- inputs, mail ->  shard
//!    |  judged: every event                      |  judged: every answer, commit, start
//!    +------------------- ledger ----------------+
//! ```
//!
//! Every arrow is a queue in order with delays of its own; sockets have windows; connections are cut at any moment, and what was
//! under way is lost. The same seed gives the same log.

mod body;
mod client;
mod engine;
mod judge;
pub mod log;
mod socket;
mod tally;
mod trouble;
mod weather;
mod world;

pub use log::Log;
pub use tally::Tally;
pub use world::{Failure, run};
