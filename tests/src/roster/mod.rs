//! The roster under test: a naive model of what lists say, a client's copy, and a simulation with a judge.
//!
//! ```text
//! clients -- edits, reads --> registrars <-- tells --> registrars        what is committed reaches a disk later, and then what was to be said
//!    | packets with claims        ^  |
//!    v                            |  v  lost, doubled, late
//!  homes (caches) -- fetches, renewals, acknowledgements
//! ```

mod client;
mod copy;
mod disk;
mod judge;
mod model;
mod trouble;
mod world;

pub use copy::Copy;
pub use disk::Disk;
pub use model::Model;
pub use world::{Tally, run};
