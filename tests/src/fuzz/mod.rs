//! What must hold for any bytes whatever: a function a target, which panics where it does not. `fuzz/` looks for such bytes, and
//! `tests/corpus.rs` goes through those that are kept.

#[cfg(feature = "node")]
mod config;
mod frames;
mod messages;
mod names;
mod patches;
pub mod seeds;
mod stored;
mod values;

use slotcast_protocol::Limits;

pub type Target = fn(&[u8]);

pub const TARGETS: &[(&str, Target)] = &[
    ("frames", frames::hold),
    ("objects", messages::objects),
    ("objects_json", messages::objects_json),
    ("relay", messages::relay),
    ("relay_json", messages::relay_json),
    ("events", messages::events),
    ("names", names::hold),
    ("values", values::hold),
    ("patches", patches::hold),
    ("stored", stored::hold),
    #[cfg(feature = "node")]
    ("config", config::hold),
];

pub fn target(name: &str) -> Option<Target> {
    TARGETS.iter().find(|(known, _)| *known == name).map(|(_, target)| *target)
}

/// Limits that no input of a fuzzer reaches.
fn wide() -> Limits {
    Limits { value_bytes: usize::MAX, value_depth: 64, ..Limits::default() }
}

/// Whether JSON can say the value in one way only: a map with `$bin` as its only key is read as binary.
fn is_plain(bytes: &[u8]) -> bool {
    !bytes.windows(4).any(|four| four == b"$bin")
}
