//! The MD5s of a roster's canonical forms: cache tags, not a security measure.

use md5::{Digest, Md5};
use slotcast_protocol::User;
use slotcast_protocol::roster::{Friend, blocks_form, friends_form};

/// The fingerprint of a friend list that comes in the order of its ids.
pub fn friends_md5<'a>(owner: &User, friends: impl ExactSizeIterator<Item = &'a Friend>) -> [u8; 16] {
    Md5::digest(friends_form(owner, friends)).into()
}

/// The fingerprint of a block list that comes in order.
pub fn blocks_md5<'a>(owner: &User, blocks: impl ExactSizeIterator<Item = &'a User>) -> [u8; 16] {
    Md5::digest(blocks_form(owner, blocks)).into()
}
