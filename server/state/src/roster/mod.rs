//! The roster: who is whose friend, who is blocked, and who may know of it without asking again.
//!
//! ```text
//! client -- edit, read --> Registrar (owns lists) <-- Tell, Heard --> Registrar of the other side
//!                            ^   | Fetched, Renewed, Invalidate
//!                Fetch, Ack  |   v
//!                          Cache (in a home) <-- packet with a claim --- client
//! ```
//!
//! The [`Registrar`] is the friend subsystem: the single writer of its share of the lists. A [`Cache`] is what a home knows of lists, under a
//! lease. What a list allows is decided by its owner's side alone; what the other side has said is a copy that only makes it look right.

mod cache;
mod commit;
mod contacts;
mod debts;
mod difference;
mod effects;
mod fingerprint;
mod lease;
mod list;
mod log;
mod registrar;
mod stored;
mod tell;
mod tie;
mod waits;

pub use cache::{Cache, CacheInput, CacheOutput, Claim, Met, Notice};
pub use commit::{Commit, Line};
pub use contacts::Contacts;
pub use difference::Difference;
pub use effects::{Effects, Fetched, Input, Output};
pub use fingerprint::{blocks_md5, friends_md5};
pub use lease::{HomeId, LEASE_MS};
pub use list::List;
pub use registrar::Registrar;
pub use tell::{Heard, Stance, Tell};
pub use tie::{Card, Tie};
