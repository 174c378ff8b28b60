//! What the tests share: the vectors, the client's side of the JSON encoding, a naive model, a copy, the simulation.

pub mod copy;
pub mod json_wire;
pub mod vectors;
