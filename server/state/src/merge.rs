//! The operations that merge at home: what they make of what a slot holds.

use slotcast_protocol::reader::{Reader, Token};
use slotcast_protocol::writer::Writer;
use slotcast_protocol::{Code, Fault, Number, SlotName, User, Value};

fn wrong_type(slot: &SlotName, needed: &str) -> Fault {
    Fault::new(Code::WrongType, format!("{slot}: does not hold {needed}"))
}

fn number(slot: &SlotName, held: &Value) -> Result<Number, Fault> {
    Number::read(held.bytes()).ok_or_else(|| wrong_type(slot, "a number"))
}

/// The sum of what is held and `number`; None if nothing moves.
pub(crate) fn add(slot: &SlotName, held: Option<&Value>, by: Number) -> Result<Option<Value>, Fault> {
    let Some(held) = held else { return Ok(Some(by.value())) };
    let sum = number(slot, held)?.plus(by)?.value();
    Ok(Some(sum).filter(|sum| sum != held))
}

/// `other` if it is on the `wanted` side of what is held; None if nothing moves.
pub(crate) fn extreme(
    slot: &SlotName,
    held: Option<&Value>,
    other: Number,
    wanted: std::cmp::Ordering,
) -> Result<Option<Value>, Fault> {
    let Some(held) = held else { return Ok(Some(other.value())) };
    let held = number(slot, held)?;
    Ok((other.order(held) == wanted).then(|| other.beside(held).value()))
}

/// The array with `item` at its end and only the newest `keep` items; 0 keeps all.
pub fn append(slot: &SlotName, held: Option<&Value>, item: &Value, keep: u32) -> Result<Value, Fault> {
    let empty = Value::trusted([0x90]);
    let mut reader = Reader::new(held.unwrap_or(&empty).bytes());
    let Ok(Token::Array(count)) = reader.token() else { return Err(wrong_type(slot, "an array")) };
    let kept = if keep == 0 { count + 1 } else { (count + 1).min(keep as usize) };
    for _ in 0..count + 1 - kept {
        reader.skip()?;
    }
    let stay = &held.unwrap_or(&empty).bytes()[reader.at()..];
    let mut writer = Writer::with_capacity(stay.len() + item.bytes().len() + 5);
    writer.array(kept).splice(stay).splice(item.bytes());
    Ok(Value::trusted(writer.0))
}

/// What `stamp` makes of an item: who, when, in which version.
pub fn append_stamped(item: &Value, by: &User, at_ms: u64, version: u64) -> Value {
    let mut writer = Writer::with_capacity(item.bytes().len() + 48);
    writer.map(4).text("by").text(by.as_str()).text("at").uint(at_ms).text("v").uint(version);
    writer.text("item").splice(item.bytes());
    Value::trusted(writer.0)
}
