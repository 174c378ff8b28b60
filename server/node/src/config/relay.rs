//! `[relay]` and `[roster]`: messages between users and their friend lists, as the file says it and as the mind wants it.

use serde::Deserialize;
use slotcast_state::{Policy, Relay, Rosters};
use toml::Spanned;

use super::kinds::{self, Wrong};
use super::setting;
use crate::friends::Address;

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

/// `[roster]`: friend lists, with the server or with a service. What is left out is as for messages.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RosterTable {
    durability: Option<Spanned<String>>,
    url: Option<Spanned<String>>,
    key: Option<Spanned<String>>,
}

impl RosterTable {
    /// Where the lists are, if the table says so, and the service that has them.
    pub fn rosters(self) -> Result<(Option<Rosters>, Option<Address>), Wrong> {
        let wrong = |at: usize, key: &str, why: String| Wrong { at, key: key.to_owned(), why };
        let RosterTable { durability, url, key } = self;
        match (durability, url, key) {
            (durability, None, None) => {
                Ok((durability.map(kinds::durability).transpose()?.map(Rosters::Own), None))
            }
            (None, Some(url), key) => {
                let at = url.span().start;
                if let Some(key) = &key {
                    let checked = setting::token(key.as_ref());
                    checked.map_err(|why| wrong(key.span().start, "key", why))?;
                }
                let address = Address::parse(url.as_ref(), key.map(Spanned::into_inner));
                Ok((Some(Rosters::Outside), Some(address.map_err(|why| wrong(at, "url", why))?)))
            }
            (Some(durability), Some(_), _) => {
                let why = "is the service's affair where there is a url; leave one of them out".to_owned();
                Err(wrong(durability.span().start, "durability", why))
            }
            (_, None, Some(key)) => Err(wrong(key.span().start, "key", "is for a url".to_owned())),
        }
    }
}
