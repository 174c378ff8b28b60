//! The roster: who is whose friend.

mod fingerprint;

pub use fingerprint::{blocks_md5, friends_md5};
