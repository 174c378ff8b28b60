//! Friend lists that someone else keeps: the operator's own service, asked over HTTP as `protocol.md` says.
//!
//! The border is that of the mind's own registrar: [`Input`] in, [`Output`] back. So whoever keeps the lists, the caches in the shards act alike.

mod answers;
mod home;
mod service;
mod web;

use slotcast_state::roster::Input;

pub use service::{Service, run};
pub use web::Address;

/// Who keeps the lists, where the shards do not.
pub trait Roster: Send + Sync {
    /// Takes a worker's question; the answer comes as [`crate::worker::Letter::Roster`].
    fn ask(&self, worker: usize, question: Input);
}
