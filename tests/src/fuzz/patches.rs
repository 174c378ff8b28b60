//! Patches: what is put at a path makes a value, and putting it there again changes nothing.

use slotcast_protocol::reader::{Reader, Token};
use slotcast_protocol::{Limits, Path, SlotName, Step, Value};
use slotcast_state::patch;

use super::wide;

/// An array: the value, the steps, and what to put there; without the last, what is there is removed.
pub fn hold(data: &[u8]) {
    let limits = Limits::default();
    let Some((held, path, new)) = read(data, &limits) else { return };
    let slot = SlotName::parse("s").expect("a good name");
    let Ok(Some(patched)) = patch(&slot, &held, &path, new.as_ref(), &limits) else { return };
    Value::check(patched.bytes(), &wide())
        .unwrap_or_else(|fault| panic!("{held:?}, {path:?}, {new:?}: {fault}"));
    match &new {
        Some(_) => {
            let again = patch(&slot, &patched, &path, new.as_ref(), &limits);
            assert_eq!(again, Ok(Some(patched)), "{held:?}, {path:?}, {new:?}: the same again");
        }
        None => assert!(patched.bytes().len() < held.bytes().len() + 4, "{held:?}, {path:?}: it has grown"),
    }
}

fn read(data: &[u8], limits: &Limits) -> Option<(Value, Path, Option<Value>)> {
    let mut reader = Reader::new(data);
    let Ok(Token::Array(2..=3)) = reader.token() else { return None };
    let held = Value::check(reader.skip().ok()?, limits).ok()?;
    let mut steps = Reader::new(reader.skip().ok()?);
    let Ok(Token::Array(count @ 1..=16)) = steps.token() else { return None };
    let step = |_| match steps.token().ok()? {
        Token::Text(key) => Some(Step::Key(key.into())),
        Token::Unsigned(index) => Some(Step::Index(index)),
        _other => None,
    };
    let path = Path::new((0..count).map(step).collect::<Option<_>>()?, limits).ok()?;
    let new = match reader.is_done() {
        true => None,
        false => Some(Value::check(reader.skip().ok()?, limits).ok()?),
    };
    Some((held, path, new))
}
