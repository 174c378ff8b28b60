//! What a client asks for.

use crate::Door;
use crate::code::{Code, Fault};
use crate::event::Cursor;
use crate::fields::{Fields, text_item, uint_item};
use crate::limits::Limits;
use crate::names::{Device, ObjectName, Pattern, SendName, SlotName, User};
use crate::op::Op;
use crate::rate::Rate;
use crate::reader::{Reader, Token};
use crate::relay::RelayRequest;
use crate::shape;
use crate::value::Value;

/// One message from a client.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// Who the client is; the first message.
    Hello { token: Option<String>, device: Option<Device>, user: Option<User> },
    /// Follow an object.
    Use(Use),
    /// Leave it.
    Release { object: ObjectName },
    /// Change it.
    Write(Write),
    /// Tell its followers something.
    Send(Send),
    /// Ask for the MD5 of its canonical form.
    Fingerprint { object: ObjectName },
    /// Ask for a sign of life.
    Ping { n: Option<u64> },
    /// Go on with another token.
    Renew { token: String },
    /// Said on the relay.
    Relay(RelayRequest),
}

/// `use`.
#[derive(Clone, Debug, PartialEq)]
pub struct Use {
    /// Which.
    pub object: ObjectName,
    /// What the client has of it.
    pub cursor: Option<Cursor>,
    /// What it wants to see; sorted, no pattern twice. None is all.
    pub slots: Option<Vec<Pattern>>,
    /// How often it wants to be told; None is as the object's kind says.
    pub rate: Option<Rate>,
}

/// `write`.
#[derive(Clone, Debug, PartialEq)]
pub struct Write {
    /// For retries; rising per device.
    pub id: Option<u64>,
    /// Which object.
    pub object: ObjectName,
    /// The epoch that it must have.
    pub epoch: Option<u64>,
    /// The version up to which the writer had seen it.
    pub seen: u64,
    /// Exact versions that slots must have; 0 is absent.
    pub conditions: Vec<(SlotName, u64)>,
    /// All or none.
    pub ops: Vec<Op>,
    /// The version that the whole object must have.
    pub at: Option<u64>,
}

/// `send`.
#[derive(Clone, Debug, PartialEq)]
pub struct Send {
    /// For retries; rising per device.
    pub id: Option<u64>,
    /// Whose followers.
    pub object: ObjectName,
    /// What the message is called.
    pub name: SendName,
    /// Its content; may be nil.
    pub value: Value,
}

/// A message that could not be taken, and how to answer it.
#[derive(Clone, Debug, PartialEq)]
pub struct Refused {
    /// Why.
    pub fault: Fault,
    /// Some for what is answered by `reject` or, on the relay, by `refused`, with this id; None for what is answered by `error`.
    pub reject_id: Option<Option<u64>>,
    /// Which object it was about, where that could be read.
    pub object: Option<ObjectName>,
}

impl Request {
    /// Reads one MessagePack message that came in by a door.
    pub fn decode(door: Door, bytes: &[u8], limits: &Limits) -> Result<Request, Refused> {
        let (shape, fields) =
            open(door, bytes).map_err(|fault| Refused { fault, reject_id: None, object: None })?;
        Self::from_fields(shape, &fields, limits).map_err(|fault| {
            let place = |name| shape.fields.iter().position(|field| field.name == name);
            let object = place("object").and_then(|place| fields.optional_text(place).ok().flatten());
            let reject_id = place("id").map(|place| fields.optional_uint(place).ok().flatten());
            Refused { fault, reject_id, object: object.and_then(|name| ObjectName::parse(name).ok()) }
        })
    }

    fn from_fields(shape: &shape::Shape, fields: &Fields<'_>, limits: &Limits) -> Result<Request, Fault> {
        let object = |place| fields.text(place).and_then(ObjectName::parse);
        Ok(match shape.name {
            "hello" => Request::Hello {
                token: fields.optional_text(0)?.map(str::to_owned),
                device: fields.optional_text(1)?.map(Device::parse).transpose()?,
                user: fields.optional_text(2)?.map(User::parse).transpose()?,
            },
            "use" => Request::Use(Use {
                object: object(0)?,
                cursor: cursor(fields)?,
                slots: patterns(fields, limits)?,
                rate: fields.optional_uint(3)?.map(Rate::new).transpose()?,
            }),
            "release" => Request::Release { object: object(0)? },
            "write" => Request::Write(Write {
                id: fields.optional_uint(0)?,
                object: object(1)?,
                epoch: fields.optional_uint(2)?,
                seen: fields.optional_uint(3)?.unwrap_or(0),
                conditions: conditions(fields, limits)?,
                ops: ops(fields, limits)?,
                at: fields.optional_uint(6)?,
            }),
            "send" => Request::Send(Send {
                id: fields.optional_uint(0)?,
                object: object(1)?,
                name: SendName::parse(fields.text(2)?)?,
                value: Value::check(fields.raw(3).unwrap_or(&[0xc0]), limits)?,
            }),
            "fingerprint" => Request::Fingerprint { object: object(0)? },
            "ping" => Request::Ping { n: fields.optional_uint(0)? },
            "renew" => Request::Renew { token: fields.text(0)?.to_owned() },
            relay => Request::Relay(RelayRequest::from_fields(relay, fields, limits)?),
        })
    }
}

/// Splits a message into its shape and fields.
fn open(door: Door, bytes: &[u8]) -> Result<(&'static shape::Shape, Fields<'_>), Fault> {
    let mut reader = Reader::new(bytes);
    let count = match reader.token()? {
        Token::Array(count @ 1..) => count,
        _other => {
            return Err(Fault::new(Code::BadMessage, "a message is an array that begins with its code"));
        }
    };
    let Token::Unsigned(code) = reader.token()? else {
        return Err(Fault::new(Code::BadMessage, "a message begins with its code, a whole number"));
    };
    let shape = shape::by_code(shape::requests(door), code);
    let shape =
        shape.ok_or_else(|| Fault::new(Code::UnknownType, format!("no message has the code {code}")))?;
    let fields = Fields::split(&mut reader, count - 1, shape.fields)?;
    if !reader.is_done() {
        return Err(Fault::new(Code::BadMessage, "bytes after the message's end"));
    }
    Ok((shape, fields))
}

fn cursor(fields: &Fields<'_>) -> Result<Option<Cursor>, Fault> {
    let Some((count, mut reader)) = fields.optional_array(1)? else { return Ok(None) };
    if count < 2 {
        return Err(fields.fault(1, "must hold an epoch and a version"));
    }
    let mut item = || uint_item(&mut reader, "cursor");
    Ok(Some(Cursor { epoch: item()?, version: item()?, sends: if count > 2 { Some(item()?) } else { None } }))
}

fn patterns(fields: &Fields<'_>, limits: &Limits) -> Result<Option<Vec<Pattern>>, Fault> {
    let Some((count, mut reader)) = fields.optional_array(2)? else { return Ok(None) };
    if count > limits.patterns {
        return Err(Fault::new(
            Code::TooMany,
            format!("slots: {count} patterns, the limit is {}", limits.patterns),
        ));
    }
    let each = (0..count).map(|_| Pattern::parse(text_item(&mut reader, "slots")?));
    let mut patterns = each.collect::<Result<Vec<_>, Fault>>()?;
    patterns.sort_unstable();
    patterns.dedup();
    Ok(Some(patterns))
}

fn conditions(fields: &Fields<'_>, limits: &Limits) -> Result<Vec<(SlotName, u64)>, Fault> {
    let Some((count, mut reader)) = fields.optional_map(4)? else { return Ok(Vec::new()) };
    if count > limits.ops {
        return Err(Fault::new(Code::TooMany, format!("if: {count} slots, the limit is {}", limits.ops)));
    }
    let each = (0..count).map(|_| {
        let slot = SlotName::parse(text_item(&mut reader, "if")?)?;
        Ok((slot, uint_item(&mut reader, "if")?))
    });
    each.collect()
}

fn ops(fields: &Fields<'_>, limits: &Limits) -> Result<Vec<Op>, Fault> {
    let (count, mut reader) = fields.array(5)?;
    if count == 0 {
        return Err(fields.fault(5, "must hold at least one operation"));
    }
    if count > limits.ops {
        return Err(Fault::new(
            Code::TooMany,
            format!("ops: {count} operations, the limit is {}", limits.ops),
        ));
    }
    let each = (0..count).map(|place| {
        let op = Op::decode(&mut reader, limits);
        op.map_err(|fault| fault.inside(format_args!("ops[{place}]")))
    });
    each.collect()
}
