//! How objects of a kind behave: the configuration's part in the mind.

use std::collections::BTreeMap;
use std::sync::Arc;

use slotcast_protocol::{Durability, ObjectName, Pattern, Rate, SlotName};

use crate::rule::Rule;

/// The behaviour of the objects whose names begin with a kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Kind {
    /// The first pattern that matches a slot gives its rule; without one it is `guarded`.
    pub rules: Vec<(Pattern, Rule)>,
    /// ms from the last follower's leaving to the end of an object that is not stored.
    pub linger_ms: u64,
    /// Whether clients may `clear`.
    pub clear: bool,
    /// Versions for which deletions are remembered.
    pub resync_depth: u64,
    /// What an acknowledged write survives.
    pub durability: Durability,
    /// How often followers who do not say it themselves are told; None is at once, everything.
    pub rate: Option<Rate>,
}

impl Default for Kind {
    fn default() -> Self {
        Kind {
            rules: Vec::new(),
            linger_ms: 30_000,
            clear: true,
            resync_depth: 1_000,
            durability: Durability::Memory,
            rate: None,
        }
    }
}

impl Kind {
    /// The rule of a slot that is no status slot.
    pub fn rule(&self, slot: &SlotName) -> Rule {
        self.rules.iter().find(|(pattern, _)| pattern.matches(slot)).map_or(Rule::Guarded, |(_, rule)| *rule)
    }
}

/// All kinds of a server.
#[derive(Clone, Debug, Default)]
pub struct Kinds {
    /// By the first segment of an object's name.
    pub named: BTreeMap<String, Arc<Kind>>,
    /// For all others.
    pub other: Arc<Kind>,
}

impl Kinds {
    /// Whether objects of some kind are stored.
    pub fn any_on_disk(&self) -> bool {
        self.named.values().chain([&self.other]).any(|kind| kind.durability == Durability::Disk)
    }

    /// The kind of an object.
    pub fn of(&self, object: &ObjectName) -> &Arc<Kind> {
        self.named.get(object.kind()).unwrap_or(&self.other)
    }
}
