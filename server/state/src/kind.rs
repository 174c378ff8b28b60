//! How objects of a kind behave: the configuration's part in the mind.

use std::collections::BTreeMap;
use std::sync::Arc;

use slotcast_protocol::{Durability, ObjectName, Pattern, Rate, SlotName};

use crate::rights::{Access, Right, Rights, Role, may_see};
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
    /// Who may use its objects.
    pub read: Access,
    /// Who may change them, of those who may use them.
    pub write: Access,
    /// Who may send to their followers, of those who may use them.
    pub send: Access,
    /// Slots that only those with one of the roles may read. A slot that several patterns match is for those whom all of them let in. Status slots
    /// are never hidden.
    pub hidden: Vec<(Pattern, Vec<Role>)>,
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
            read: Access::Anyone,
            write: Access::Anyone,
            send: Access::Anyone,
            hidden: Vec::new(),
        }
    }
}

impl Kind {
    /// The rule of a slot that is no status slot.
    pub fn rule(&self, slot: &SlotName) -> Rule {
        self.rules.iter().find(|(pattern, _)| pattern.matches(slot)).map_or(Rule::Guarded, |(_, rule)| *rule)
    }
}

impl Kind {
    /// Whether a session with these rights may do this with an object of the kind. Whatever is done needs `read` too, as only who uses an
    /// object can write or send.
    pub fn lets(&self, rights: Option<&Rights>, object: &ObjectName, right: Right) -> bool {
        let access = match right {
            Right::Read => &self.read,
            Right::Write => &self.write,
            Right::Send => &self.send,
        };
        access.lets(rights, object, right)
    }

    /// The patterns of the slots that a session with these rights may not read.
    pub fn hidden_from(&self, rights: Option<&Rights>) -> Vec<Pattern> {
        let hidden = self.hidden.iter().filter(|(_, roles)| !may_see(rights, roles));
        hidden.map(|(pattern, _)| pattern.clone()).collect()
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

    /// Whether some kind does not leave everything to everyone.
    pub(crate) fn ask_for_rights(&self) -> bool {
        let asks = |kind: &Kind| {
            let accesses = [&kind.read, &kind.write, &kind.send];
            !kind.hidden.is_empty() || accesses.into_iter().any(|access| *access != Access::Anyone)
        };
        self.named.values().chain([&self.other]).any(|kind| asks(kind))
    }

    /// The kind of an object.
    pub fn of(&self, object: &ObjectName) -> &Arc<Kind> {
        self.named.get(object.kind()).unwrap_or(&self.other)
    }
}
