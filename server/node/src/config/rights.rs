//! Of a kind: who may read, write and send, and which slots are hidden from whom.

use std::collections::BTreeMap;

use slotcast_protocol::Pattern;
use slotcast_state::{Access, Kind, Role};
use toml::{Spanned, Value};

use super::kinds::Wrong;

/// `"anyone"`, or an array of roles.
pub(super) fn access(value: Option<Spanned<Value>>, key: &str) -> Result<Access, Wrong> {
    let Some(value) = value else { return Ok(Access::Anyone) };
    let at = value.span().start;
    match value.into_inner() {
        Value::String(text) if text == Role::ANYONE => Ok(Access::Anyone),
        Value::Array(names) => roles(names, at, key).map(Access::Roles),
        _other => Err(wrong(at, key, "expected \"anyone\", or an array of roles")),
    }
}

/// Slots by pattern, each with the roles that may read them.
pub(super) fn hidden(
    table: BTreeMap<Spanned<String>, Spanned<Vec<Value>>>,
) -> Result<Vec<(Pattern, Vec<Role>)>, Wrong> {
    let row = |(pattern, names): (Spanned<String>, Spanned<Vec<Value>>)| {
        let (pattern_at, names_at) = (pattern.span().start, names.span().start);
        let pattern = pattern.into_inner();
        let key = format!("hidden.\"{}\"", pattern.escape_debug());
        if pattern.starts_with('@') {
            return Err(wrong(pattern_at, &key, "who may use an object sees the status slots of all who do"));
        }
        let parsed = Pattern::parse(&pattern).map_err(|fault| wrong(pattern_at, &key, &fault.what))?;
        Ok((parsed, roles(names.into_inner(), names_at, &key)?))
    };
    table.into_iter().map(row).collect()
}

fn roles(names: Vec<Value>, at: usize, key: &str) -> Result<Vec<Role>, Wrong> {
    let role = |name: Value| {
        let parsed = name.as_str().map(Role::parse);
        parsed
            .and_then(Result::ok)
            .ok_or_else(|| wrong(at, key, "a role is 1 to 64 bytes of text, not `anyone`"))
    };
    names.into_iter().map(role).collect()
}

fn wrong(at: usize, key: &str, why: &str) -> Wrong {
    Wrong { at, key: key.to_owned(), why: why.to_owned() }
}

/// As lines of a file; what is as by default is left out.
pub(super) fn text(kind: &Kind) -> Vec<String> {
    let list = |roles: &[Role]| {
        let names = roles.iter().map(|role| Value::from(role.as_str()));
        Value::Array(names.collect()).to_string()
    };
    let accesses = [("read", &kind.read), ("write", &kind.write), ("send", &kind.send)];
    let lines = accesses.into_iter().filter_map(|(key, access)| match access {
        Access::Anyone => None,
        Access::Roles(roles) => Some(format!("{key} = {}", list(roles))),
    });
    let hidden = kind.hidden.iter();
    let hidden: Vec<String> = hidden
        .map(|(pattern, roles)| format!("{} = {}", Value::from(pattern.as_str()), list(roles)))
        .collect();
    let hidden = (!hidden.is_empty()).then(|| format!("hidden = {{ {} }}", hidden.join(", ")));
    lines.chain(hidden).collect()
}
