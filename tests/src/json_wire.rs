//! The client's side of the JSON encoding, which the server has no use for: requests to text, events from text. Made from the
//! same tables as the server's side.

use serde_json::{Map, Value as Json};
use slotcast_protocol::reader::{Reader, Token};
use slotcast_protocol::shape::{self, Field, Form, Shape};
use slotcast_protocol::writer::Writer;
use slotcast_protocol::{Door, Event, Fault, Request, json};

/// A request as a JSON message. Members that are nil are left out.
pub fn request_text(request: &Request) -> String {
    let bytes = request.encode();
    shape_form(
        &mut Reader::new(&bytes),
        "type",
        shape::requests(Door::Objects).chain(shape::requests(Door::Relay)),
    )
    .to_string()
}

/// A JSON message as an event; None if its type is not known.
pub fn event(text: &str) -> Result<Option<Event>, Fault> {
    let message: Json = serde_json::from_str(text).expect("the server sends JSON");
    let mut writer = Writer::default();
    if put_shape(&message, "type", shape::events(), &mut writer).is_none() {
        return Ok(None);
    }
    Event::decode(&writer.0)
}

fn shape_form(reader: &mut Reader<'_>, tag: &str, shapes: impl IntoIterator<Item = &'static Shape>) -> Json {
    let Ok(Token::Array(count)) = reader.token() else { panic!("a message is an array") };
    let Ok(Token::Unsigned(code)) = reader.token() else { panic!("it begins with a code") };
    let shape = shape::by_code(shapes, code).expect("the code is in the table");
    let mut members = Map::from_iter([(tag.to_owned(), Json::from(shape.name))]);
    for field in &shape.fields[..count - 1] {
        let member = match field.form {
            Form::Ops => ops_form(reader),
            Form::Plain | Form::Changes | Form::Rows(_) => plain_form(reader),
        };
        if !member.is_null() {
            members.insert(field.name.to_owned(), member);
        }
    }
    Json::Object(members)
}

fn ops_form(reader: &mut Reader<'_>) -> Json {
    let Ok(Token::Array(count)) = reader.token() else { panic!("operations are an array") };
    (0..count).map(|_| shape_form(reader, "op", shape::OPS)).collect()
}

fn plain_form(reader: &mut Reader<'_>) -> Json {
    let item = reader.skip().expect("we encoded it");
    serde_json::from_str(&json::value_text(item)).expect("it is JSON")
}

fn put_shape(
    form: &Json,
    tag: &str,
    shapes: impl IntoIterator<Item = &'static Shape>,
    writer: &mut Writer,
) -> Option<()> {
    let shape = shape::by_name(shapes, form[tag].as_str()?)?;
    writer.array(1 + shape.fields.len()).uint(shape.code);
    shape.fields.iter().for_each(|field| put_field(field, &form[field.name], writer));
    Some(())
}

fn put_field(field: &Field, member: &Json, writer: &mut Writer) {
    match (field.form, member) {
        (Form::Changes, Json::Array(changes)) => {
            writer.array(changes.len());
            for change in changes {
                put_shape(change, "change", shape::CHANGES, writer).expect("the change is in the table");
            }
        }
        (Form::Rows(fields), Json::Array(rows)) => {
            writer.array(rows.len());
            for row in rows {
                writer.array(fields.len());
                fields.iter().for_each(|field| put_field(field, &row[field.name], writer));
            }
        }
        (Form::Plain | Form::Ops | Form::Changes | Form::Rows(_), member) => {
            writer.splice(&json::value_bytes(member.clone()).expect("the server's values are good"));
        }
    }
}
