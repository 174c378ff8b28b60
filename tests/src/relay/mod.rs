//! The relay in one thread from one seed: devices, links, homes and lists on several shards and their stores, with cuts, crashes, full disks and loads
//! that are late or refused. The judge (`truth`, `judge`) looks at each step.

mod body;
mod client;
mod judge;
mod people;
mod service;
mod tally;
mod truth;
mod world;

pub use tally::Tally;
pub use world::run;
