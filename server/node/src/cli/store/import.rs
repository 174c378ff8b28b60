//! `slotcast import`: puts objects, a line of JSON each as `slotcast export` writes them, into a store that no server has open.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::sync::Arc;

use clap::Args;
use serde::Deserialize;
use serde_json::Value as Json;
use slotcast_protocol::{Device, Limits, ObjectName, SlotName, User, Value, json};
use slotcast_state::{Author, Contents, Kinds};

use super::{Data, Failure, count, fresh_epoch};
use crate::cli::screen::print;
use crate::engine::embedded::tools;

/// Arguments.
#[derive(Args)]
pub struct Import {
    /// Put objects in place of those that are there already
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    data: Data,
}

/// One object; its epoch and versions are made anew.
#[derive(Deserialize)]
struct Line {
    object: String,
    slots: BTreeMap<String, Slot>,
}

#[derive(Deserialize)]
struct Slot {
    value: Json,
    #[serde(default)]
    version: u64,
    #[serde(default)]
    by: String,
    expires_ms: Option<u64>,
}

/// All lines, or nothing if one of them is bad.
pub fn run(import: Import) -> Result<(), Failure> {
    let Import { replace, data } = import;
    let mut store = tools::Import::open(&data.folder, &Kinds::default(), &Limits::default())?;
    let mut objects = 0;
    for (number, line) in std::io::stdin().lock().lines().enumerate() {
        let at = |why: String| Failure::Failed(format!("line {}: {why}; nothing was imported", number + 1));
        let line = line.map_err(|error| at(error.to_string()))?;
        if line.trim().is_empty() {
            continue;
        }
        let (object, contents) = parse(&line).map_err(at)?;
        if !replace && store.has(&object)? {
            return Err(at(format!(
                "{object} is in the store already; --replace puts this one in its place"
            )));
        }
        store.put(&object, &contents)?;
        objects += 1;
    }
    store.finish()?;
    print(&format!("{} imported into {}", count(objects, "object"), data.folder.display()))
}

fn parse(text: &str) -> Result<(ObjectName, Contents), String> {
    let Line { object, slots } = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let object = ObjectName::parse(&object).map_err(|fault| fault.what)?;
    let mut contents = Contents::new(fresh_epoch());
    let mut slots: Vec<(String, Slot)> = slots.into_iter().collect();
    slots.sort_by_key(|(_, slot)| slot.version);
    for (name, slot) in slots {
        let named = |why: String| format!("{object}, slot {}: {why}", name.escape_debug());
        let (name, author) = names(&name, &slot.by).map_err(named)?;
        contents.import(name, value(slot.value).map_err(named)?, author, slot.expires_ms);
    }
    Ok((object, contents))
}

fn names(slot: &str, by: &str) -> Result<(SlotName, Arc<Author>), String> {
    let slot = SlotName::parse(slot).map_err(|fault| fault.what)?;
    if slot.status_of().is_some() {
        return Err("a status slot belongs to a session and cannot be imported".to_owned());
    }
    let user = if by.is_empty() { Ok(User::server()) } else { User::parse(by) };
    let device = Device::parse("import").expect("a good name");
    Ok((slot, Arc::new(Author { user: user.map_err(|fault| fault.what)?, device })))
}

fn value(json: Json) -> Result<Value, String> {
    let bytes = json::value_bytes(json).map_err(|fault| fault.what)?;
    let value = Value::check(&bytes, &crate::cli::value::limits()).map_err(|fault| fault.what)?;
    if value.is_nil() { Err("null is no value of a slot".to_owned()) } else { Ok(value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let rows = [
            (r#"{"object":"a/1","slots":{}}"#, ""),
            (
                r#"{"object":"a/1","epoch":3,"version":9,"slots":{"x":{"value":[1,{"$bin":"AAE="}],"by":"zoë"}}}"#,
                "",
            ),
            (r#"{"object":"a//1","slots":{}}"#, "object: must have no segment that is empty"),
            (
                r#"{"object":"a","slots":{"@b":{"value":1}}}"#,
                "a, slot @b: a status slot belongs to a session",
            ),
            (r#"{"object":"a","slots":{"b*":{"value":1}}}"#, "a, slot b*: slot: must not hold `*`"),
            (r#"{"object":"a","slots":{"b":{"value":null}}}"#, "a, slot b: null is no value"),
            (r#"{"object":"a","slots":{"b":{"value":{"__proto__":1}}}}"#, "a, slot b: value: the key"),
            (r#"{"object":"a"}"#, "missing field `slots`"),
            ("{", "EOF while parsing"),
        ];
        for (text, wanted) in rows {
            match parse(text) {
                Ok(_) => assert_eq!(wanted, "", "{text}"),
                Err(said) => assert!(!wanted.is_empty() && said.starts_with(wanted), "{text}: {said}"),
            }
        }
    }

    #[test]
    fn versions_keep_their_order() {
        let text = r#"{"object":"a","slots":{"x":{"value":1,"version":9},"y":{"value":2,"version":4}}}"#;
        let (_, contents) = parse(text).expect("a good line");
        let versions: Vec<_> =
            contents.lasting_records().map(|record| (record.slot.to_string(), record.version)).collect();
        assert_eq!(versions, [("x".to_owned(), 2), ("y".to_owned(), 1)]);
    }
}
