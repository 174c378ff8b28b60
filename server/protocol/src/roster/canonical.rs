//! The bytes under a roster's fingerprints; `protocol.md` draws them. Each form is injective and has one order.

use crate::names::User;
use crate::roster::friend::Friend;

/// The form of a friend list. `friends` come in the order of their ids, none twice.
pub fn friends_form<'a>(owner: &User, friends: impl ExactSizeIterator<Item = &'a Friend>) -> Vec<u8> {
    let mut form = head(b"roster-fp/1\0", owner, friends.len());
    for friend in friends {
        prefixed(friend.id.as_str(), &mut form);
        prefixed(friend.alias.as_ref().map_or("", |alias| alias.as_str()), &mut form);
        form.extend([friend.sub as u8, friend.flags()]);
        form.extend((friend.groups.len() as u32).to_be_bytes());
        friend.groups.iter().for_each(|group| prefixed(group.as_str(), &mut form));
    }
    form
}

/// The form of a block list. `blocks` come in their order, none twice.
pub fn blocks_form<'a>(owner: &User, blocks: impl ExactSizeIterator<Item = &'a User>) -> Vec<u8> {
    let mut form = head(b"block-fp/1\0", owner, blocks.len());
    blocks.for_each(|user| prefixed(user.as_str(), &mut form));
    form
}

fn head(label: &[u8], owner: &User, count: usize) -> Vec<u8> {
    let mut form = label.to_vec();
    prefixed(owner.as_str(), &mut form);
    form.extend((count as u32).to_be_bytes());
    form
}

fn prefixed(text: &str, form: &mut Vec<u8>) {
    form.extend((text.len() as u32).to_be_bytes());
    form.extend(text.as_bytes());
}
