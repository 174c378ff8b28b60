//! What the friend service answers, read with the same care as what clients say.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value as Json;
use slotcast_protocol::roster::{Alias, Contact, Friend, Group, Mark, Sub, Tag, member};
use slotcast_protocol::{Code, Fault, User};
use slotcast_state::roster::{Contacts, Difference};

/// A list, or what is new of it: the fields of `roster`.
#[derive(Deserialize)]
pub struct List {
    tag: String,
    blocks_tag: String,
    from: Option<u64>,
    people: Vec<Person>,
    /// For a home: under which of its leases it is told.
    #[serde(default)]
    pub lease: u64,
}

#[derive(Deserialize)]
struct Person {
    user: String,
    sub: Option<String>,
    #[serde(default)]
    asked: bool,
    #[serde(default)]
    approved: bool,
    alias: Option<String>,
    #[serde(default)]
    groups: Vec<String>,
    #[serde(default)]
    blocked: bool,
    #[serde(default)]
    asks: bool,
}

/// The lease, and what must not be served any more.
#[derive(Deserialize)]
pub struct Lease {
    lease: u64,
    #[serde(default)]
    stale: Vec<(String, String)>,
}

#[derive(Deserialize)]
struct Edited {
    mark: String,
}

#[derive(Deserialize)]
struct Refused {
    code: String,
    what: String,
}

pub fn list(json: Json) -> Result<List, String> {
    read(json)
}

impl List {
    /// From what a client has to the present; MD5s that are not those of the people are refused.
    pub fn difference(self, owner: &User) -> Result<Difference, String> {
        let (tag, blocks_tag) = (tag(&self.tag)?, tag(&self.blocks_tag)?);
        let people = self.people.into_iter().map(Person::contact).collect::<Result<BTreeMap<_, _>, _>>()?;
        match self.from {
            Some(rev) if rev == tag.mark.rev && people.is_empty() => Ok(Difference::Same(tag, blocks_tag)),
            Some(from) => Ok(Difference::Delta { from, tag, blocks_tag, people }),
            None => {
                let contacts = Contacts::new(owner, tag.mark, people);
                match (contacts.tag(), contacts.blocks_tag()) == (tag, blocks_tag) {
                    true => Ok(Difference::Full(Arc::new(contacts))),
                    false => Err(format!("the list of {owner} is {}, and it says {tag}", contacts.tag())),
                }
            }
        }
    }
}

impl Person {
    fn contact(self) -> Result<(User, Contact), String> {
        let text = |fault: Fault| fault.to_string();
        let id = member(&self.user).map_err(text)?;
        let sub = self.sub.map(|name| {
            let found = Sub::ALL.into_iter().find(|sub| sub.name() == name);
            found.ok_or_else(|| format!("sub: `{name}` is none of none, to, from, both"))
        });
        let alias = self.alias.map(|alias| Alias::parse(&alias)).transpose().map_err(text)?;
        let groups =
            self.groups.iter().map(|group| Group::parse(group)).collect::<Result<_, _>>().map_err(text)?;
        let Person { asked, approved, blocked, asks, .. } = self;
        let friend =
            sub.transpose()?.map(|sub| Friend { id: id.clone(), alias, sub, asked, approved, groups });
        Ok((id, Contact { friend, blocked, asks }))
    }
}

/// The lease's number, and the owners with the marks that their lists have reached.
pub fn lease(json: Json) -> Result<(u64, Vec<(User, Mark)>), String> {
    let Lease { lease, stale } = read(json)?;
    let each = stale
        .into_iter()
        .map(|(owner, at)| Ok((member(&owner).map_err(|fault| fault.to_string())?, mark(&at)?)));
    Ok((lease, each.collect::<Result<_, String>>()?))
}

pub fn edited(json: Json) -> Result<Mark, String> {
    let Edited { mark: text } = read(json)?;
    mark(&text)
}

/// Why an edit was refused, in the words of the page.
pub fn refused(json: Json) -> Result<Fault, String> {
    let Refused { code, what } = read(json)?;
    let known = Code::ALL.iter().copied().find(|known| known.name() == code);
    known.map(|code| Fault::new(code, what)).ok_or_else(|| format!("code: `{code}` is none of the page's"))
}

fn tag(text: &str) -> Result<Tag, String> {
    Tag::parse(text).map_err(|fault| format!("{fault}, not `{text}`"))
}

/// `<epoch: 16 hex>.<rev: decimal>`
fn mark(text: &str) -> Result<Mark, String> {
    // A mark is the beginning of a tag.
    tag(&format!("{text}.{:032x}", 0))
        .map(|tag| tag.mark)
        .map_err(|_| format!("mark: must be <16 hex>.<decimal>, not `{text}`"))
}

fn read<T: serde::de::DeserializeOwned>(json: Json) -> Result<T, String> {
    serde_json::from_value(json).map_err(|why| why.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_as_the_page_says_is_refused_and_named() {
        let alice = User::parse("alice@im.test").expect("a good user");
        let tag = "0123456789abcdef.1.91247f3a3894ba4f6b92e5e5c049a5a0";
        let blocks = "0123456789abcdef.1.00000000000000000000000000000000";
        let of = |people: Json| json!({"tag": tag, "blocks_tag": blocks, "from": null, "people": people, "lease": 3});
        let bob = json!({"user": "bob@im.test", "alias": "Bob", "sub": "both", "groups": ["Friends"]});
        let rows = [
            (of(json!([bob])), "the list of alice@im.test is"),
            (of(json!([{"user": "@"}])), "user"),
            (of(json!([{"user": "bob", "sub": "friends"}])), "sub"),
            (of(json!([{"user": "bob", "sub": "both", "alias": ""}])), "alias"),
            (of(json!({})), "sequence"),
            (json!({"tag": "7"}), "blocks_tag"),
        ];
        for (json, why) in rows {
            let told = list(json.clone()).and_then(|list| list.difference(&alice));
            assert!(told.as_ref().is_err_and(|told| told.contains(why)), "{json}: {told:?}");
        }
        assert_eq!(mark("0123456789abcdef.7").map(|mark| mark.rev), Ok(7));
        assert!(mark("7").is_err());
        assert_eq!(
            refused(json!({"code": "no_request", "what": "x"})).map(|fault| fault.code),
            Ok(Code::NoRequest)
        );
        assert!(refused(json!({"code": "hungry", "what": "x"})).is_err());
    }
}
