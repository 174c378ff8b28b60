//! Events as a client reads them: for the command line and the tests.

use crate::code::{Code, Fault};
use crate::event::{
    Change, ChangeKind, Diff, Event, Record, Reject, Sent, Snapshot, Success, Welcome, code_named,
};
use crate::fields::{Fields, text_item, uint_item};
use crate::limits::Limits;
use crate::names::{Device, ObjectName, SendName, SlotName, User};
use crate::op::Path;
use crate::reader::{Reader, Token};
use crate::relay::RelayEvent;
use crate::shape;
use crate::value::Value;

impl Event {
    /// Reads one MessagePack message; None if its type is not known to this version.
    pub fn decode(bytes: &[u8]) -> Result<Option<Event>, Fault> {
        let mut reader = Reader::new(bytes);
        let (count, code) = head(&mut reader)?;
        let Some(shape) = shape::by_code(shape::events(), code) else { return Ok(None) };
        let fields = Fields::split(&mut reader, count - 1, shape.fields)?;
        from_fields(shape.name, &fields).map(Some)
    }
}

/// What the server sends was bounded by the server; only the depth is held down here.
fn limits() -> Limits {
    Limits { value_bytes: usize::MAX, ..Limits::default() }
}

impl Change {
    /// Reads one of a diff's changes; None if its type is not known to this version.
    pub fn decode(reader: &mut Reader<'_>) -> Result<Option<Change>, Fault> {
        let (items, code) = head(reader)?;
        match shape::by_code(shape::CHANGES, code) {
            Some(shape) => change(shape, &Fields::split(reader, items - 1, shape.fields)?).map(Some),
            None => Fields::split(reader, items - 1, &[]).map(|_passed_over| None),
        }
    }
}

fn head(reader: &mut Reader<'_>) -> Result<(usize, u64), Fault> {
    let Token::Array(count @ 1..) = reader.token()? else {
        return Err(Fault::new(Code::BadMessage, "not an array with a code"));
    };
    let Token::Unsigned(code) = reader.token()? else {
        return Err(Fault::new(Code::BadMessage, "the code is not a number"));
    };
    Ok((count, code))
}

fn from_fields(name: &str, fields: &Fields<'_>) -> Result<Event, Fault> {
    let object = |place| fields.text(place).and_then(ObjectName::parse);
    Ok(match name {
        "welcome" => Event::Welcome(Welcome {
            session: fields.text(0)?.to_owned(),
            user: User::parse(fields.text(1)?)?,
            device: Device::parse(fields.text(2)?)?,
            time_ms: fields.uint(3)?,
            limits: named_numbers(fields, 4)?,
            expires_ms: fields.optional_uint(5)?,
        }),
        "success" => Event::Success(Success {
            id: fields.optional_uint(0)?,
            version: fields.uint(1)?,
            class: fields.text(2)?.parse().map_err(|()| fields.fault(2, "no such class"))?,
            changed: fields.flag(3)?,
        }),
        "reject" => Event::Reject(Reject {
            id: fields.optional_uint(0)?,
            fault: fault(fields, 1)?,
            version: fields.uint(3)?,
            winners: records(fields, 4)?,
        }),
        "error" => Event::Error {
            fault: fault(fields, 0)?,
            object: fields.optional_text(2)?.map(ObjectName::parse).transpose()?,
        },
        "snapshot" => Event::Snapshot(Snapshot {
            object: object(0)?,
            epoch: fields.uint(1)?,
            version: fields.uint(2)?,
            sends: fields.uint(3)?,
            slots: records(fields, 4)?,
            more: fields.flag(5)?,
            skipped: fields.optional_uint(6)?.unwrap_or(0),
            part: fields.optional_uint(7)?.unwrap_or(1),
            parts: fields.optional_uint(8)?.unwrap_or(1),
        }),
        "diff" => Event::Diff(Diff {
            object: object(0)?,
            from: fields.uint(1)?,
            to: fields.uint(2)?,
            changes: changes(fields, 3)?,
            skipped: fields.optional_uint(4)?.unwrap_or(0),
        }),
        "sent" => Event::Sent(Sent {
            object: object(0)?,
            version: fields.uint(1)?,
            name: SendName::parse(fields.text(2)?)?,
            value: value(fields, 3)?,
            by: author(fields.text(4)?)?,
        }),
        "fingerprint" => Event::Fingerprint {
            object: object(0)?,
            epoch: fields.uint(1)?,
            version: fields.uint(2)?,
            md5: fields.text(3)?.to_owned(),
        },
        "pong" => Event::Pong { n: fields.optional_uint(0)?, time_ms: fields.uint(1)? },
        "released" => Event::Released { object: object(0)? },
        "goaway" => Event::Goaway { retry_ms: fields.uint(0)?, reason: fields.text(1)?.to_owned() },
        "renewed" => Event::Renewed { expires_ms: fields.optional_uint(0)? },
        "close" => Event::Close { code: fields.uint(0)?, reason: fields.text(1)?.to_owned() },
        relay => Event::Relay(RelayEvent::from_fields(relay, fields)?),
    })
}

fn author(text: &str) -> Result<User, Fault> {
    if text.is_empty() { Ok(User::server()) } else { User::parse(text) }
}

pub(crate) fn fault(fields: &Fields<'_>, place: usize) -> Result<Fault, Fault> {
    let code = code_named(fields.text(place)?).ok_or_else(|| fields.fault(place, "no such code"))?;
    Ok(Fault::new(code, fields.text(place + 1)?))
}

fn named_numbers(fields: &Fields<'_>, place: usize) -> Result<Vec<(String, u64)>, Fault> {
    let Some((count, mut reader)) = fields.optional_map(place)? else { return Ok(Vec::new()) };
    (0..count)
        .map(|_| Ok((text_item(&mut reader, "limits")?.to_owned(), uint_item(&mut reader, "limits")?)))
        .collect()
}

/// Any value, nil included.
pub(crate) fn value(fields: &Fields<'_>, place: usize) -> Result<Value, Fault> {
    Value::check(fields.raw_or_nil(place)?, &limits())
}

fn optional_value(raw: Option<&[u8]>) -> Result<Option<Value>, Fault> {
    raw.map(|raw| Value::check(raw, &limits())).transpose()
}

fn records(fields: &Fields<'_>, place: usize) -> Result<Vec<Record>, Fault> {
    let (count, mut reader) = fields.array(place)?;
    let mut records = Vec::with_capacity(count);
    for _ in 0..count {
        let Token::Array(items) = reader.token()? else {
            return Err(fields.fault(place, "must hold arrays"));
        };
        let record = Fields::split(&mut reader, items, shape::RECORD)?;
        records.push(Record {
            slot: SlotName::parse(record.text(0)?)?,
            version: record.uint(1)?,
            by: author(record.text(2)?)?,
            value: optional_value(record.raw(3))?,
        });
    }
    Ok(records)
}

fn changes(fields: &Fields<'_>, place: usize) -> Result<Vec<Change>, Fault> {
    let (count, mut reader) = fields.array(place)?;
    let mut changes = Vec::with_capacity(count);
    for _ in 0..count {
        changes.extend(Change::decode(&mut reader)?);
    }
    Ok(changes)
}

fn change(shape: &shape::Shape, fields: &Fields<'_>) -> Result<Change, Fault> {
    let slot = || fields.text(0).and_then(SlotName::parse);
    let kind = match shape.name {
        "clear" => {
            return Ok(Change {
                version: fields.uint(0)?,
                by: author(fields.text(1)?)?,
                kind: ChangeKind::Clear,
            });
        }
        "set" => ChangeKind::Set { slot: slot()?, value: value(fields, 3)? },
        "delete" => ChangeKind::Delete { slot: slot()? },
        "patch" => {
            let (count, reader) = fields.array(3)?;
            let path = Path::decode(count, reader, &limits())?;
            ChangeKind::Patch { slot: slot()?, path, value: optional_value(fields.raw(4))? }
        }
        "append" => {
            ChangeKind::Append { slot: slot()?, items: items(fields)?.into(), keep: fields.uint(4)? as u32 }
        }
        _other => unreachable!("the table of changes has no other name"),
    };
    Ok(Change { version: fields.uint(1)?, by: author(fields.text(2)?)?, kind })
}

fn items(fields: &Fields<'_>) -> Result<Vec<Value>, Fault> {
    let (count, mut reader) = fields.array(3)?;
    (0..count).map(|_| Value::check(reader.skip()?, &limits())).collect()
}
