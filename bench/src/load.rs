//! The load generator: one thread, one epoll, thousands of clients, the same for every server.
//!
//! Time is counted from when a change was *due*, not from when it could be sent: a server (or a generator) that
//! stalls is charged for all that waited meanwhile. The due time travels in the first 8 bytes of the value.

mod client;
mod crew;
mod dialect;
mod disk;
mod fleet;
mod friends;
mod herd;
mod line;
mod link;
mod metrics;
mod part;
mod person;
mod r1;
mod r2;
mod r3;
mod r4;
mod report;
mod saturate;
mod schedule;
mod seen;
mod step;
mod tally;
mod target;
mod w1;
mod w2;
mod w3;
mod w4;
mod w5;
mod w6;
mod w7;
mod witnesses;

pub use dialect::Speaks;
pub use disk::Disk;
pub use r1::R1;
pub use r2::R2;
pub use r3::R3;
pub use r4::R4;
pub use report::Report;
pub use target::Target;
pub use w1::W1;
pub use w2::W2;
pub use w3::W3;
pub use w4::W4;
pub use w5::W5;
pub use w6::W6;
pub use w7::W7;
