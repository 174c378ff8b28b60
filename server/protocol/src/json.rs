//! The JSON subprotocol: named fields, made from the tables in [`crate::shape`], so that MessagePack stays the one form that
//! the server looks into.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value as Json};

use crate::Door;
use crate::code::{Code, Fault};
use crate::limits::Limits;
use crate::names::ObjectName;
use crate::reader::{Reader, Token};
use crate::request::{Refused, Request};
use crate::shape::{self, Field, Form, Shape};
use crate::writer::Writer;

/// Reads a client's JSON message that came in by a door.
pub fn request(door: Door, text: &str, limits: &Limits) -> Result<Request, Refused> {
    let unnamed = |fault| Refused { fault, reject_id: None, object: None };
    let (shape, members) = open(door, text).map_err(unnamed)?;
    let has_id = shape.fields.iter().any(|field| field.name == "id");
    let reject_id = has_id.then(|| members.get("id").and_then(Json::as_u64));
    let object = members.get("object").and_then(Json::as_str).and_then(|name| ObjectName::parse(name).ok());
    let mut writer = Writer::default();
    put_shape(shape, members, &mut writer).map_err(|fault| Refused { fault, reject_id, object })?;
    Request::decode(door, &writer.0, limits)
}

fn open(door: Door, text: &str) -> Result<(&'static Shape, Map<String, Json>), Fault> {
    let json = serde_json::from_str(text).map_err(|error| Fault::new(Code::BadMessage, error.to_string()))?;
    let Json::Object(mut members) = json else {
        return Err(Fault::new(Code::BadMessage, "a message is an object with a type"));
    };
    let shape = named_shape(&mut members, "type", shape::requests(door))?;
    let shape =
        shape.map_err(|name| Fault::new(Code::UnknownType, format!("no message is called `{name}`")))?;
    Ok((shape, members))
}

/// A server's MessagePack message as JSON. `bytes` is what [`crate::Event::encode`] made.
pub fn event_text(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2);
    take_shape(&mut Reader::new(bytes), "type", shape::events(), &mut out);
    out
}

/// A value as JSON.
pub fn value_text(bytes: &[u8]) -> String {
    let mut out = String::new();
    take_value(&mut Reader::new(bytes), &mut out);
    out
}

/// JSON as a MessagePack value.
pub fn value_bytes(json: Json) -> Result<Vec<u8>, Fault> {
    let mut writer = Writer::default();
    put_value(json, &mut writer)?;
    Ok(writer.0)
}

/// The outer result is about the member that names the shape, the inner one gives back a name that is not in the table.
fn named_shape(
    members: &mut Map<String, Json>,
    tag: &str,
    shapes: impl IntoIterator<Item = &'static Shape>,
) -> Result<Result<&'static Shape, String>, Fault> {
    match members.remove(tag) {
        Some(Json::String(name)) => Ok(shape::by_name(shapes, &name).ok_or(name)),
        Some(_other) => Err(Fault::new(Code::BadField, format!("{tag}: must be a string"))),
        None => Err(Fault::new(Code::BadField, format!("{tag}: is missing"))),
    }
}

fn put_shape(shape: &Shape, mut members: Map<String, Json>, writer: &mut Writer) -> Result<(), Fault> {
    writer.array(1 + shape.fields.len()).uint(shape.code);
    for field in shape.fields {
        let member = members.remove(field.name).unwrap_or(Json::Null);
        put_field(field, member, writer).map_err(|fault| fault.inside(field.name))?;
    }
    Ok(())
}

fn put_field(field: &Field, member: Json, writer: &mut Writer) -> Result<(), Fault> {
    match (field.form, member) {
        (Form::Ops, Json::Array(ops)) => {
            writer.array(ops.len());
            ops.into_iter().try_for_each(|op| put_op(op, writer))
        }
        (Form::Plain | Form::Ops | Form::Changes | Form::Rows(_), member) => put_value(member, writer),
    }
}

fn put_op(op: Json, writer: &mut Writer) -> Result<(), Fault> {
    let Json::Object(mut members) = op else {
        return Err(Fault::new(Code::BadField, "op: must be an object"));
    };
    let shape = named_shape(&mut members, "op", shape::OPS)?;
    let shape =
        shape.map_err(|name| Fault::new(Code::BadField, format!("op: no operation is called `{name}`")))?;
    put_shape(shape, members, writer)
}

/// Recursion is bounded: serde_json refuses text that is deeper than 128.
fn put_value(json: Json, writer: &mut Writer) -> Result<(), Fault> {
    match json {
        Json::Null => _ = writer.nil(),
        Json::Bool(bool) => _ = writer.bool(bool),
        Json::Number(number) => put_number(&number, writer),
        Json::String(text) => _ = writer.text(&text),
        Json::Array(items) => {
            writer.array(items.len());
            items.into_iter().try_for_each(|item| put_value(item, writer))?;
        }
        Json::Object(members) => put_members(members, writer)?,
    }
    Ok(())
}

fn put_number(number: &serde_json::Number, writer: &mut Writer) {
    match (number.as_u64(), number.as_i64(), number.as_f64()) {
        (Some(unsigned), _, _) => writer.uint(unsigned),
        (None, Some(signed), _) => writer.int(signed),
        (None, None, Some(float)) => writer.float(float),
        (None, None, None) => unreachable!("a JSON number is one of the three"),
    };
}

fn put_members(members: Map<String, Json>, writer: &mut Writer) -> Result<(), Fault> {
    if let (1, Some(Json::String(text))) = (members.len(), members.get("$bin")) {
        let bytes = BASE64_STANDARD.decode(text);
        let bytes = bytes.map_err(|_| Fault::new(Code::BadValue, "$bin: is not base64 with padding"))?;
        writer.binary(&bytes);
        return Ok(());
    }
    writer.map(members.len());
    for (key, member) in members {
        put_value(member, writer.text(&key))?;
    }
    Ok(())
}

const OURS: &str = "the server encodes only what its tables hold";

fn take_shape(
    reader: &mut Reader<'_>,
    tag: &str,
    shapes: impl IntoIterator<Item = &'static Shape>,
    out: &mut String,
) {
    let Ok(Token::Array(count)) = reader.token() else { unreachable!("{OURS}") };
    let Ok(Token::Unsigned(code)) = reader.token() else { unreachable!("{OURS}") };
    let shape = shape::by_code(shapes, code).expect(OURS);
    out.push_str("{\"");
    out.push_str(tag);
    out.push_str("\":\"");
    out.push_str(shape.name);
    out.push('"');
    for field in &shape.fields[..count - 1] {
        out.push(',');
        take_field(field, reader, out);
    }
    out.push('}');
}

fn take_field(field: &Field, reader: &mut Reader<'_>, out: &mut String) {
    out.push('"');
    out.push_str(field.name);
    out.push_str("\":");
    match field.form {
        Form::Plain => take_value(reader, out),
        Form::Ops => take_list(reader, out, |reader, out| take_shape(reader, "op", shape::OPS, out)),
        Form::Changes => {
            take_list(reader, out, |reader, out| take_shape(reader, "change", shape::CHANGES, out))
        }
        Form::Rows(fields) => take_list(reader, out, |reader, out| take_row(fields, reader, out)),
    }
}

fn take_list(reader: &mut Reader<'_>, out: &mut String, each: impl Fn(&mut Reader<'_>, &mut String)) {
    let Ok(Token::Array(count)) = reader.token() else { unreachable!("{OURS}") };
    out.push('[');
    for place in 0..count {
        if place > 0 {
            out.push(',');
        }
        each(reader, out);
    }
    out.push(']');
}

fn take_row(fields: &[Field], reader: &mut Reader<'_>, out: &mut String) {
    let Ok(Token::Array(_)) = reader.token() else { unreachable!("{OURS}") };
    for (place, field) in fields.iter().enumerate() {
        out.push(if place == 0 { '{' } else { ',' });
        take_field(field, reader, out);
    }
    out.push('}');
}

fn take_value(reader: &mut Reader<'_>, out: &mut String) {
    match reader.token().expect(OURS) {
        Token::Nil => out.push_str("null"),
        Token::Bool(bool) => out.push_str(if bool { "true" } else { "false" }),
        Token::Negative(number) => out.push_str(&number.to_string()),
        Token::Unsigned(number) => out.push_str(&number.to_string()),
        Token::Float(float) => out.push_str(&Json::from(float).to_string()),
        Token::Text(text) => push_text(text, out),
        Token::Binary(bytes) => {
            out.push_str("{\"$bin\":\"");
            BASE64_STANDARD.encode_string(bytes, out);
            out.push_str("\"}");
        }
        Token::Array(items) => {
            out.push('[');
            for place in 0..items {
                out.push_str(if place > 0 { "," } else { "" });
                take_value(reader, out);
            }
            out.push(']');
        }
        Token::Map(pairs) => {
            for place in 0..pairs {
                out.push(if place == 0 { '{' } else { ',' });
                take_value(reader, out);
                out.push(':');
                take_value(reader, out);
            }
            out.push_str(if pairs == 0 { "{}" } else { "}" });
        }
    }
}

fn push_text(text: &str, out: &mut String) {
    out.push_str(&serde_json::to_string(text).expect("a string is always JSON"));
}
