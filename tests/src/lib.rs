//! What the tests share: the vectors, the client's side of the JSON encoding, a naive model, a copy, the simulation, the real server.

pub mod arithmetic;
mod asked;
pub mod copy;
pub mod dice;
#[cfg(feature = "node")]
pub mod engines;
pub mod fuzz;
pub mod json_wire;
pub mod ledger;
pub mod model;
pub mod real;
pub mod relay;
pub mod rights;
pub mod roster;
pub mod seeds;
pub mod sim;
pub mod store;
mod tally;
mod told;
pub mod trial;
pub mod vectors;
pub mod verdicts;
pub mod wishes;
