//! The benchmarks: a *floor* (the least that any server must do), a *load generator* that drives the floor and
//! the server alike, and the pieces of the wire that both need. It shares no code with the server, on purpose:
//! what it measures, it measures from outside.

pub mod floor;
pub mod frame;
pub mod handshake;
pub mod histogram;
pub mod load;
pub mod message;
pub mod pack;
pub mod poller;
pub mod process;
pub mod receive;
