//! The canonical form of a value, under fingerprints: equal content, equal bytes, whoever encoded it.

use crate::reader::{Reader, Token};
use crate::value::Value;
use crate::writer::Writer;

/// Whole floats within these bounds become integers, as in JavaScript they cannot be told apart.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

/// Appends the canonical form of `value`.
pub fn write(value: &Value, out: &mut Vec<u8>) {
    let mut writer = Writer(std::mem::take(out));
    item(&mut Reader::new(value.bytes()), &mut writer);
    *out = writer.0;
}

/// Recursion is bounded: a [`Value`] is at most `value_depth` deep.
fn item(reader: &mut Reader<'_>, writer: &mut Writer) {
    match reader.token().expect("a Value was checked when it was made") {
        Token::Nil => writer.nil(),
        Token::Bool(bool) => writer.bool(bool),
        Token::Negative(number) => writer.int(number),
        Token::Unsigned(number) => writer.uint(number),
        Token::Float(float) => number(float, writer),
        Token::Text(text) => writer.text(text),
        Token::Binary(bytes) => writer.binary(bytes),
        Token::Array(items) => {
            writer.array(items);
            (0..items).for_each(|_| item(reader, writer));
            writer
        }
        Token::Map(pairs) => map(pairs, reader, writer),
    };
}

fn number(float: f64, writer: &mut Writer) -> &mut Writer {
    if float.fract() == 0.0 && float.abs() <= WHOLE_MAX {
        writer.int(float as i64)
    } else {
        writer.float(float)
    }
}

fn map<'w>(pairs: usize, reader: &mut Reader<'_>, writer: &'w mut Writer) -> &'w mut Writer {
    let mut sorted = Vec::with_capacity(pairs);
    for _ in 0..pairs {
        let Ok(Token::Text(key)) = reader.token() else { unreachable!("a Value has string keys") };
        let mut inner = Writer::default();
        item(reader, &mut inner);
        sorted.push((key.as_bytes(), key, inner.0));
    }
    sorted.sort();
    writer.map(pairs);
    for (_, key, inner) in sorted {
        writer.text(key).splice(&inner);
    }
    writer
}
