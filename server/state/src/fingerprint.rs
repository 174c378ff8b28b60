//! The MD5 of an object's canonical form: a cache tag, not a security measure. `protocol.md` section 7 draws the bytes.

use md5::{Digest, Md5};
use slotcast_protocol::{SlotName, Value, canonical};

/// The fingerprint of slots that are given in the order of their names, as 32 hex digits.
pub fn md5_of<'a>(count: usize, slots: impl Iterator<Item = (&'a SlotName, &'a Value)>) -> String {
    let mut hash = Md5::new();
    hash.update(b"slotcast-object/1\0");
    hash.update((count as u32).to_be_bytes());
    let mut bytes = Vec::new();
    for (slot, value) in slots {
        bytes.clear();
        canonical::write(value, &mut bytes);
        prefixed(&mut hash, slot.as_str().as_bytes());
        prefixed(&mut hash, &bytes);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn prefixed(hash: &mut Md5, bytes: &[u8]) {
    hash.update((bytes.len() as u32).to_be_bytes());
    hash.update(bytes);
}
