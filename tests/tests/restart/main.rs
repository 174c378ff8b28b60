//! Stops of every kind, with the real binary: what was acknowledged is there afterwards, once, and nothing that was never sent.

mod follower;
mod judge;
mod kill;
mod loads;
mod world;
mod writer;
