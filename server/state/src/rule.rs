//! The merge rule of a slot, chosen by the object's kind.

use std::str::FromStr;

use slotcast_protocol::op::KEEP_MAX;
use slotcast_protocol::{Code, Fault, Op, SlotName, User};

/// Which operations a slot takes, and whether the version that the writer saw matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rule {
    /// Who has not seen another's change may not replace it.
    #[default]
    Guarded,
    /// The last writer wins.
    Last,
    /// `add` alone.
    Add,
    /// `max` alone.
    Max,
    /// `min` alone.
    Min,
    /// `once` alone.
    Once,
    /// `append` alone; 0 keeps all.
    Append { keep: u32, stamp: bool },
    /// No client.
    Server,
}

/// `guarded`, `last`, `add`, `max`, `min`, `once`, `server`, or `append[:keep][:stamp]`.
impl FromStr for Rule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text {
            "guarded" => Rule::Guarded,
            "last" => Rule::Last,
            "add" => Rule::Add,
            "max" => Rule::Max,
            "min" => Rule::Min,
            "once" => Rule::Once,
            "server" => Rule::Server,
            other => return append_rule(other).ok_or_else(|| format!("`{other}` is no rule")),
        })
    }
}

fn append_rule(text: &str) -> Option<Rule> {
    let mut parts = text.split(':');
    if parts.next() != Some("append") {
        return None;
    }
    let (mut keep, mut stamp) = (0, false);
    for part in parts {
        match part.parse() {
            _ if part == "stamp" => stamp = true,
            Ok(number) if (1..=KEEP_MAX).contains(&number) => keep = number as u32,
            Ok(_) | Err(_) => return None,
        }
    }
    Some(Rule::Append { keep, stamp })
}

impl Rule {
    /// Whether the rule takes the operation at all.
    pub fn check(self, op: &Op, slot: &SlotName) -> Result<(), Fault> {
        let fits = match self {
            Rule::Guarded | Rule::Last => true,
            Rule::Add => matches!(op, Op::Add { .. }),
            Rule::Max => matches!(op, Op::Max { .. }),
            Rule::Min => matches!(op, Op::Min { .. }),
            Rule::Once => matches!(op, Op::Once { .. }),
            Rule::Append { .. } => matches!(op, Op::Append { .. }),
            Rule::Server => {
                return Err(Fault::new(Code::NotPermitted, format!("{slot}: only the server writes it")));
            }
        };
        if fits {
            Ok(())
        } else {
            Err(Fault::new(Code::WrongRule, format!("{slot}: its rule takes another operation")))
        }
    }

    /// Whether the operation is refused when another's change was not seen.
    pub fn guards(self, op: &Op) -> bool {
        let replaces = match op {
            Op::Set { .. } | Op::Delete { .. } | Op::Patch { .. } => true,
            Op::Add { .. }
            | Op::Max { .. }
            | Op::Min { .. }
            | Op::Once { .. }
            | Op::Append { .. }
            | Op::Clear => false,
        };
        self == Rule::Guarded && replaces
    }
}

/// The rule of status slots: their user's `set`, `patch` and `delete`.
pub(crate) fn check_status(op: &Op, owner: &str, user: &User) -> Result<(), Fault> {
    if owner != user.as_str() {
        return Err(Fault::new(Code::NotPermitted, format!("@{owner}: only {owner} writes it")));
    }
    match op {
        Op::Set { .. } | Op::Delete { .. } | Op::Patch { .. } | Op::Clear => Ok(()),
        Op::Add { .. } | Op::Max { .. } | Op::Min { .. } | Op::Once { .. } | Op::Append { .. } => {
            Err(Fault::new(Code::WrongRule, format!("@{owner}: a status slot takes set, patch and delete")))
        }
    }
}
