//! The roster under test: a naive model of what lists say, a client's copy, a disk.

mod copy;
mod disk;
mod model;

pub use copy::Copy;
pub use disk::Disk;
pub use model::Model;
