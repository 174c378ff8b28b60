//! `[relay]`: messages between users, as the file says it and as the mind wants it.

use serde::Deserialize;
use slotcast_state::{Policy, Relay};
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
        })
    }
}

fn policy(text: Spanned<String>) -> Result<Policy, Wrong> {
    let why = match text.as_ref().as_str() {
        "anyone" => return Ok(Policy::Anyone),
        "shared-object" => return Ok(Policy::SharedObject),
        "friends" => "`friends` is not available yet; expected \"anyone\" or \"shared-object\"".to_owned(),
        other => format!("expected \"anyone\" or \"shared-object\", not `{other}`"),
    };
    Err(Wrong { at: text.span().start, key: "policy".to_owned(), why })
}

/// A policy as it is written in the file.
pub(super) fn policy_text(policy: Policy) -> &'static str {
    match policy {
        Policy::Anyone => "anyone",
        Policy::SharedObject => "shared-object",
    }
}
