//! `[relay]` and `[roster]`: messages between users and their friend lists, as the file says it and as the mind wants it.

use serde::Deserialize;
use slotcast_state::{Policy, Relay, Rosters};
use toml::Spanned;

use super::kinds::{self, Wrong};

/// The table as it stands in the file; what is left out is as in [`Relay::default`].
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    durability: Option<Spanned<String>>,
    policy: Option<Spanned<String>>,
}

impl Table {
    pub fn relay(self) -> Result<Relay, Wrong> {
        let default = Relay::default();
        let durability = self.durability.map(kinds::durability).transpose()?;
        let policy = self.policy.map(policy).transpose()?;
        Ok(Relay {
            durability: durability.unwrap_or(default.durability),
            policy: policy.unwrap_or(default.policy),
            users: None,
            rosters: default.rosters,
        })
    }
}

fn policy(text: Spanned<String>) -> Result<Policy, Wrong> {
    let why = match text.as_ref().as_str() {
        "anyone" => return Ok(Policy::Anyone),
        "shared-object" => return Ok(Policy::SharedObject),
        "friends" => return Ok(Policy::Friends),
        other => format!("expected \"anyone\", \"friends\" or \"shared-object\", not `{other}`"),
    };
    Err(Wrong { at: text.span().start, key: "policy".to_owned(), why })
}

/// A policy as it is written in the file.
pub(super) fn policy_text(policy: Policy) -> &'static str {
    match policy {
        Policy::Anyone => "anyone",
        Policy::Friends => "friends",
        Policy::SharedObject => "shared-object",
    }
}

/// `[roster]`: friend lists. What is left out is as for messages.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RosterTable {
    durability: Option<Spanned<String>>,
}

impl RosterTable {
    pub fn rosters(self) -> Result<Option<Rosters>, Wrong> {
        Ok(self.durability.map(kinds::durability).transpose()?.map(Rosters::Own))
    }
}
