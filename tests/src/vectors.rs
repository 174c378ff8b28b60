//! The files in `tests/vectors/`: cases that Rust and TypeScript both read.

use serde_json::Value as Json;
use slotcast_protocol::{Value, json};

/// A file of vectors.
pub fn load(name: &str) -> Json {
    let path = format!("{}/vectors/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The rows of one table of a file; never none.
pub fn rows<'a>(file: &'a Json, table: &str) -> &'a [Json] {
    let rows = file[table].as_array().unwrap_or_else(|| panic!("{table} is a table"));
    assert!(!rows.is_empty(), "{table} has rows");
    rows
}

/// What a row is called.
pub fn name(row: &Json) -> &str {
    row["name"].as_str().expect("every row has a name")
}

/// Bytes out of hex: one string, or a list of parts, where `[hex, n]` stands for n times `hex`.
pub fn bytes(hex: &Json) -> Vec<u8> {
    match hex {
        Json::String(hex) => unhex(hex),
        Json::Array(parts) => parts.iter().flat_map(part).collect(),
        other => panic!("{other} is no hex"),
    }
}

fn part(part: &Json) -> Vec<u8> {
    match part.as_array() {
        None => bytes(part),
        Some(repeated) => {
            let times = repeated[1].as_u64().expect("a part is repeated n times") as usize;
            bytes(&repeated[0]).repeat(times)
        }
    }
}

fn unhex(hex: &str) -> Vec<u8> {
    let digit = |digit: u8| (digit as char).to_digit(16).expect("hex has hex digits") as u8;
    hex.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

/// Hex out of bytes.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A value out of its JSON form.
pub fn value(form: &Json) -> Value {
    Value::trusted(json::value_bytes(form.clone()).expect("vectors hold good values"))
}

/// A JSON form out of a value.
pub fn form(value: &Value) -> Json {
    serde_json::from_str(&json::value_text(value.bytes())).expect("what we write is JSON")
}
