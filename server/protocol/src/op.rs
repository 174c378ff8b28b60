//! The operations of a write.

use std::sync::Arc;

use crate::code::{Code, Fault};
use crate::fields::Fields;
use crate::limits::Limits;
use crate::names::{FORBIDDEN_KEYS, SlotName};
use crate::number::Number;
use crate::reader::{Reader, Token};
use crate::shape;
use crate::value::Value;
use crate::writer::Writer;

/// The most that `append` may be told to keep.
pub const KEEP_MAX: u64 = 4096;

/// One operation on one slot, or `clear` on all.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// The slot becomes the value; None deletes it.
    Set { slot: SlotName, value: Option<Value>, life: Life },
    /// The slot goes.
    Delete { slot: SlotName },
    /// Adds; an absent slot counts as 0.
    Add { slot: SlotName, number: Number },
    /// Keeps the greater.
    Max { slot: SlotName, number: Number },
    /// Keeps the smaller.
    Min { slot: SlotName, number: Number },
    /// Sets if absent.
    Once { slot: SlotName, value: Value, life: Life },
    /// Puts an item at the end and keeps the newest `keep`, 0 for all.
    Append { slot: SlotName, value: Value, keep: u32, stamp: bool },
    /// Sets a place inside the slot; None removes it.
    Patch { slot: SlotName, path: Path, value: Option<Value> },
    /// All slots but status slots go.
    Clear,
}

/// How long a slot stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Life {
    /// ms until the server deletes it.
    pub ttl_ms: Option<u64>,
    /// Whether it goes with the session that set it.
    pub tie: bool,
}

/// One step of a path into a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Into a map.
    Key(Arc<str>),
    /// Into an array.
    Index(u64),
}

/// The way to a place inside a value: 1 to 16 steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path(Arc<[Step]>);

impl Path {
    /// The steps, outermost first.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    /// Checks the number of steps and their keys.
    pub fn new(steps: Vec<Step>, limits: &Limits) -> Result<Self, Fault> {
        if steps.is_empty() || steps.len() > limits.value_depth {
            return Err(Fault::new(
                Code::BadField,
                format!("path: must have 1 to {} steps", limits.value_depth),
            ));
        }
        for step in &steps {
            if let Step::Key(key) = step
                && FORBIDDEN_KEYS.contains(&&**key)
            {
                return Err(Fault::new(Code::BadValue, format!("path: the key `{key}` is not allowed")));
            }
        }
        Ok(Path(steps.into()))
    }

    pub(crate) fn decode(count: usize, mut reader: Reader<'_>, limits: &Limits) -> Result<Self, Fault> {
        let mut steps = Vec::with_capacity(count.min(limits.value_depth + 1));
        for _ in 0..count.min(limits.value_depth + 1) {
            steps.push(match reader.token()? {
                Token::Text(key) => Step::Key(key.into()),
                Token::Unsigned(index) => Step::Index(index),
                _other => return Err(Fault::new(Code::BadField, "path: must hold strings and indices")),
            });
        }
        Path::new(steps, limits)
    }

    pub(crate) fn encode(&self, writer: &mut Writer) {
        writer.array(self.0.len());
        for step in self.0.iter() {
            match step {
                Step::Key(key) => writer.text(key),
                Step::Index(index) => writer.uint(*index),
            };
        }
    }
}

impl Op {
    /// The slot that it is about; None for `clear`.
    pub fn slot(&self) -> Option<&SlotName> {
        match self {
            Op::Set { slot, .. } | Op::Delete { slot } | Op::Add { slot, .. } | Op::Max { slot, .. } => {
                Some(slot)
            }
            Op::Min { slot, .. }
            | Op::Once { slot, .. }
            | Op::Append { slot, .. }
            | Op::Patch { slot, .. } => Some(slot),
            Op::Clear => None,
        }
    }

    pub(crate) fn decode(reader: &mut Reader<'_>, limits: &Limits) -> Result<Self, Fault> {
        let Token::Array(count) = reader.token()? else {
            return Err(Fault::new(Code::BadField, "op: must be an array"));
        };
        let code = if count == 0 { None } else { Some(reader.token()?) };
        let shape = match code {
            Some(Token::Unsigned(code)) => shape::by_code(shape::OPS, code),
            _other => None,
        };
        let shape = shape.ok_or_else(|| Fault::new(Code::BadField, "op: no such operation"))?;
        let fields = Fields::split(reader, count - 1, shape.fields)?;
        Self::from_fields(shape.name, &fields, limits)
    }

    fn from_fields(name: &str, fields: &Fields<'_>, limits: &Limits) -> Result<Self, Fault> {
        if name == "clear" {
            return Ok(Op::Clear);
        }
        let slot = SlotName::parse(fields.text(0)?)?;
        Ok(match name {
            "set" => Op::Set { slot, value: optional_value(fields, 1, limits)?, life: life(fields)? },
            "delete" => Op::Delete { slot },
            "add" => Op::Add { slot, number: number(fields)? },
            "max" => Op::Max { slot, number: number(fields)? },
            "min" => Op::Min { slot, number: number(fields)? },
            "once" => Op::Once { slot, value: value(fields, limits)?, life: life(fields)? },
            "append" => Op::Append {
                slot,
                value: value(fields, limits)?,
                keep: keep(fields)?,
                stamp: fields.flag(3)?,
            },
            "patch" => {
                let (count, reader) = fields.array(1)?;
                let path = Path::decode(count, reader, limits)?;
                Op::Patch { slot, path, value: optional_value(fields, 2, limits)? }
            }
            _other => unreachable!("the table of operations has no other name"),
        })
    }

    pub(crate) fn encode(&self, writer: &mut Writer) {
        let slot = self.slot().map_or("", SlotName::as_str);
        match self {
            Op::Set { value, life, .. } => {
                writer.array(5).uint(1).text(slot);
                encode_optional(value.as_ref(), writer).optional_uint(life.ttl_ms).bool(life.tie)
            }
            Op::Delete { .. } => writer.array(2).uint(2).text(slot),
            Op::Add { number, .. } => writer.array(3).uint(3).text(slot).splice(number.value().bytes()),
            Op::Max { number, .. } => writer.array(3).uint(4).text(slot).splice(number.value().bytes()),
            Op::Min { number, .. } => writer.array(3).uint(5).text(slot).splice(number.value().bytes()),
            Op::Once { value, life, .. } => writer
                .array(5)
                .uint(6)
                .text(slot)
                .splice(value.bytes())
                .optional_uint(life.ttl_ms)
                .bool(life.tie),
            Op::Append { value, keep, stamp, .. } => {
                let keep = Some(u64::from(*keep)).filter(|keep| *keep > 0);
                writer.array(5).uint(7).text(slot).splice(value.bytes()).optional_uint(keep).bool(*stamp)
            }
            Op::Patch { path, value, .. } => {
                path.encode(writer.array(4).uint(8).text(slot));
                encode_optional(value.as_ref(), writer)
            }
            Op::Clear => writer.array(1).uint(9),
        };
    }
}

/// The value, or nil.
pub(crate) fn encode_optional<'w>(value: Option<&Value>, writer: &'w mut Writer) -> &'w mut Writer {
    match value {
        Some(value) => writer.splice(value.bytes()),
        None => writer.nil(),
    }
}

fn value(fields: &Fields<'_>, limits: &Limits) -> Result<Value, Fault> {
    optional_value(fields, 1, limits)?.ok_or_else(|| fields.fault(1, "is missing"))
}

fn optional_value(fields: &Fields<'_>, place: usize, limits: &Limits) -> Result<Option<Value>, Fault> {
    fields.raw(place).map(|raw| Value::check(raw, limits)).transpose()
}

fn number(fields: &Fields<'_>) -> Result<Number, Fault> {
    let raw = fields.raw(1).ok_or_else(|| fields.fault(1, "is missing"))?;
    Number::read(raw).ok_or_else(|| fields.fault(1, "must be a finite number"))
}

fn keep(fields: &Fields<'_>) -> Result<u32, Fault> {
    match fields.optional_uint(2)? {
        None => Ok(0),
        Some(keep @ 1..=KEEP_MAX) => Ok(keep as u32),
        Some(_other) => Err(fields.fault(2, "must be 1 to 4096")),
    }
}

fn life(fields: &Fields<'_>) -> Result<Life, Fault> {
    let ttl_ms = fields.optional_uint(2)?;
    if ttl_ms == Some(0) {
        return Err(fields.fault(2, "must be at least 1"));
    }
    Ok(Life { ttl_ms, tie: fields.flag(3)? })
}
