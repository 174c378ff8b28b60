//! Changes one place inside a value by splicing bytes. MessagePack containers count items and not bytes, so only the header
//! of the innermost one can change.

use slotcast_protocol::op::{Path, Step};
use slotcast_protocol::reader::{Reader, Token};
use slotcast_protocol::writer::Writer;
use slotcast_protocol::{Code, Fault, Limits, SlotName, Value};

/// The value with `new` at `path`, or without what is there; None if there was nothing to remove.
pub fn patch(
    slot: &SlotName,
    held: &Value,
    path: &Path,
    new: Option<&Value>,
    limits: &Limits,
) -> Result<Option<Value>, Fault> {
    if let Some(new) = new {
        let value_depth = limits.value_depth.saturating_sub(path.steps().len());
        Value::check(new.bytes(), &Limits { value_depth, ..limits.clone() })?;
    }
    let (last, way) = path.steps().split_last().expect("a Path has a step");
    let start = descend(slot, held.bytes(), way)?;
    let Some((spot, count, is_map)) = find(slot, &held.bytes()[start..], last)? else {
        return nowhere(slot, new);
    };
    Ok(splice(held.bytes(), start, last, spot, count, is_map, new))
}

/// Where, within the container's bytes: its first item, the place, and what follows the place. They are the same twice for a
/// place that is not there yet.
struct Spot {
    items: usize,
    from: usize,
    to: usize,
}

fn nowhere(slot: &SlotName, new: Option<&Value>) -> Result<Option<Value>, Fault> {
    match new {
        None => Ok(None),
        Some(_) => {
            Err(Fault::new(Code::WrongType, format!("{slot}: the path's index is beyond the array's end")))
        }
    }
}

fn leads_nowhere(slot: &SlotName) -> Fault {
    Fault::new(Code::WrongType, format!("{slot}: the path leads to nothing there"))
}

/// The offset of the container that the last step looks into.
fn descend(slot: &SlotName, bytes: &[u8], way: &[Step]) -> Result<usize, Fault> {
    let mut start = 0;
    for step in way {
        let found = find(slot, &bytes[start..], step)?;
        let (spot, _, is_map) =
            found.filter(|(spot, ..)| spot.from < spot.to).ok_or_else(|| leads_nowhere(slot))?;
        let mut reader = Reader::new(&bytes[start + spot.from..]);
        if is_map {
            reader.skip()?;
        }
        start += spot.from + reader.at();
    }
    Ok(start)
}

/// The place of one step in the container that `bytes` begin with; None for an index that is out of range.
fn find(slot: &SlotName, bytes: &[u8], step: &Step) -> Result<Option<(Spot, usize, bool)>, Fault> {
    let mut reader = Reader::new(bytes);
    match (reader.token()?, step) {
        (Token::Map(count), Step::Key(key)) => Ok(Some((find_key(&mut reader, count, key)?, count, true))),
        (Token::Array(count), Step::Index(index)) => {
            let spot = find_index(&mut reader, count, *index)?;
            Ok(spot.map(|spot| (spot, count, false)))
        }
        (_, Step::Key(key)) => {
            Err(Fault::new(Code::WrongType, format!("{slot}: `{key}` of the path needs a map")))
        }
        (_, Step::Index(index)) => {
            Err(Fault::new(Code::WrongType, format!("{slot}: {index} of the path needs an array")))
        }
    }
}

fn find_key(reader: &mut Reader<'_>, count: usize, wanted: &str) -> Result<Spot, Fault> {
    let items = reader.at();
    for _ in 0..count {
        let from = reader.at();
        let key = reader.token()?;
        reader.skip()?;
        if key == Token::Text(wanted) {
            return Ok(Spot { items, from, to: reader.at() });
        }
    }
    Ok(Spot { items, from: reader.at(), to: reader.at() })
}

fn find_index(reader: &mut Reader<'_>, count: usize, wanted: u64) -> Result<Option<Spot>, Fault> {
    let items = reader.at();
    if wanted > count as u64 {
        return Ok(None);
    }
    for _ in 0..wanted {
        reader.skip()?;
    }
    let from = reader.at();
    if wanted < count as u64 {
        reader.skip()?;
    }
    Ok(Some(Spot { items, from, to: reader.at() }))
}

fn splice(
    bytes: &[u8],
    start: usize,
    step: &Step,
    spot: Spot,
    count: usize,
    is_map: bool,
    new: Option<&Value>,
) -> Option<Value> {
    let there = spot.from < spot.to;
    let count = match (there, new) {
        (true, Some(_)) => count,
        (false, Some(_)) => count + 1,
        (true, None) => count - 1,
        (false, None) => return None,
    };
    let mut writer = Writer::with_capacity(bytes.len() + new.map_or(0, |new| new.bytes().len()) + 8);
    writer.splice(&bytes[..start]);
    if is_map {
        writer.map(count)
    } else {
        writer.array(count)
    };
    writer.splice(&bytes[start + spot.items..start + spot.from]);
    if let Some(new) = new {
        if let Step::Key(key) = step {
            writer.text(key);
        }
        writer.splice(new.bytes());
    }
    writer.splice(&bytes[start + spot.to..]);
    Some(Value::trusted(writer.0))
}
