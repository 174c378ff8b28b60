//! Stops of every kind, with the real binary: what was acknowledged is there afterwards, once, and nothing that was never sent.

mod backup;
mod failed_sync;
mod follower;
mod friends;
mod full_disk;
mod judge;
mod kill;
mod loads;
mod moves;
mod power_cut;
mod refused;
mod relay;
mod roam;
mod terminate;
mod upgrade;
mod world;
mod writer;
