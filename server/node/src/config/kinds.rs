//! `[kind.NAME]` and `[default]`: how objects behave, as the file says it and as the mind wants it.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::Deserialize;
use slotcast_protocol::{Durability, ObjectName, Pattern, Rate};
use slotcast_state::{Kind, Rule};
use toml::Spanned;

use super::rights;

/// One kind as it stands in the file; what is left out is as in [`Kind::default`].
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    linger_ms: Option<Spanned<i64>>,
    clear: Option<bool>,
    resync_depth: Option<Spanned<i64>>,
    durability: Option<Spanned<String>>,
    rate: Option<Spanned<i64>>,
    read: Option<Spanned<toml::Value>>,
    write: Option<Spanned<toml::Value>>,
    send: Option<Spanned<toml::Value>>,
    #[serde(default)]
    hidden: BTreeMap<Spanned<String>, Spanned<Vec<toml::Value>>>,
    #[serde(default)]
    rules: BTreeMap<Spanned<String>, Spanned<String>>,
}

/// What is wrong, the key below the kind's own, and where in the file.
pub(super) struct Wrong {
    pub at: usize,
    pub key: String,
    pub why: String,
}

/// ms; longer is no lingering but a store.
const LINGER_MS_MAX: i64 = 30 * 24 * 3_600_000;

const RESYNC_DEPTH_MAX: i64 = 1_000_000_000;

const RULES: &str =
    "guarded, last, add, max, min, once, server or append[:KEEP][:stamp] (KEEP from 1 to 4096)";

impl Table {
    pub fn kind(self) -> Result<Kind, Wrong> {
        let default = Kind::default();
        let durability = self.durability.map(durability).transpose()?;
        let linger_ms = number(self.linger_ms, "linger_ms", 0, LINGER_MS_MAX)?;
        let resync_depth = number(self.resync_depth, "resync_depth", 1, RESYNC_DEPTH_MAX)?;
        let rate = number(self.rate, "rate", 1, Rate::MAX as i64)?;
        Ok(Kind {
            rate: rate.map(|rate| Rate::new(rate).expect("it was just checked")),
            rules: rules(self.rules)?,
            linger_ms: linger_ms.unwrap_or(default.linger_ms),
            clear: self.clear.unwrap_or(default.clear),
            resync_depth: resync_depth.unwrap_or(default.resync_depth),
            durability: durability.unwrap_or(default.durability),
            read: rights::access(self.read, "read")?,
            write: rights::access(self.write, "write")?,
            send: rights::access(self.send, "send")?,
            hidden: rights::hidden(self.hidden)?,
        })
    }
}

/// The first segment of an object's name.
pub(super) fn check_name(name: &str) -> Result<(), String> {
    if name.contains('/') {
        return Err("a kind is the first segment of an object's name: it holds no `/`".to_owned());
    }
    ObjectName::parse(name).map(drop).map_err(|fault| fault.what.replacen("object:", "a kind's name", 1))
}

pub(super) fn durability(class: Spanned<String>) -> Result<Durability, Wrong> {
    let named = class.as_ref().parse();
    named.map_err(|()| {
        let why = match class.as_ref().as_str() {
            "quorum" => {
                "`quorum` needs a cluster, which this version has not; expected \"memory\" or \"disk\""
                    .to_owned()
            }
            other => format!("expected \"memory\" or \"disk\", not `{other}`"),
        };
        Wrong { at: class.span().start, key: "durability".to_owned(), why }
    })
}

fn number(number: Option<Spanned<i64>>, key: &str, min: i64, max: i64) -> Result<Option<u64>, Wrong> {
    let Some(number) = number else { return Ok(None) };
    let at = number.span().start;
    let number = number.into_inner();
    if !(min..=max).contains(&number) {
        let why = format!("expected {min} to {max}, not {number}");
        return Err(Wrong { at, key: key.to_owned(), why });
    }
    Ok(Some(number.unsigned_abs()))
}

/// Exact names first, then longer patterns first, so that the narrower of two that match decides.
fn rules(rules: BTreeMap<Spanned<String>, Spanned<String>>) -> Result<Vec<(Pattern, Rule)>, Wrong> {
    let mut parsed = Vec::with_capacity(rules.len());
    for (pattern, rule) in rules {
        let (pattern_at, rule_at) = (pattern.span().start, rule.span().start);
        let (pattern, rule) = (pattern.into_inner(), rule.into_inner());
        let wrong = |at, why| Wrong { at, key: format!("rules.\"{}\"", pattern.escape_debug()), why };
        if pattern.starts_with('@') {
            let why = "status slots have a rule of their own: their user writes them";
            return Err(wrong(pattern_at, why.to_owned()));
        }
        let parsed_pattern = Pattern::parse(&pattern).map_err(|fault| wrong(pattern_at, fault.what))?;
        let parsed_rule =
            rule.parse().map_err(|_| wrong(rule_at, format!("expected {RULES}, not `{rule}`")))?;
        parsed.push((parsed_pattern, parsed_rule));
    }
    parsed.sort_by_key(|(pattern, _)| {
        let pattern = pattern.as_str();
        (pattern.ends_with('*'), Reverse(pattern.len()), pattern.to_owned())
    });
    Ok(parsed)
}

/// A rule as it is written in the file.
pub(super) fn rule_text(rule: Rule) -> String {
    match rule {
        Rule::Guarded => "guarded".to_owned(),
        Rule::Last => "last".to_owned(),
        Rule::Add => "add".to_owned(),
        Rule::Max => "max".to_owned(),
        Rule::Min => "min".to_owned(),
        Rule::Once => "once".to_owned(),
        Rule::Server => "server".to_owned(),
        Rule::Append { keep, stamp } => {
            let keep = if keep == 0 { String::new() } else { format!(":{keep}") };
            format!("append{keep}{}", if stamp { ":stamp" } else { "" })
        }
    }
}
