//! Values as the command line takes and shows them: JSON.

use slotcast_protocol::{Limits, Number, Value, json};

use super::screen::printable;

/// Characters of a value in a line; `get` and `--json` show all.
const CHARACTERS_MAX: usize = 160;

/// For values that the server has bounded, or will.
pub fn limits() -> Limits {
    Limits { value_bytes: usize::MAX, ..Limits::default() }
}

/// An argument; nil is allowed.
pub fn parse(text: &str) -> Result<Value, String> {
    let json = serde_json::from_str(text).map_err(|error| {
        let hint =
            if text.starts_with(['{', '[', '"']) { "" } else { "; a string needs its quotes: '\"text\"'" };
        format!("not JSON: {error}{hint}")
    })?;
    checked(json)
}

/// A message: JSON, or else the text as it is.
pub fn parse_or_text(text: &str) -> Result<Value, String> {
    checked(serde_json::from_str(text).unwrap_or_else(|_| text.into()))
}

fn checked(json: serde_json::Value) -> Result<Value, String> {
    let bytes = json::value_bytes(json).map_err(|fault| fault.what)?;
    Value::check(&bytes, &limits()).map_err(|fault| fault.what)
}

/// An argument that is a number.
pub fn parse_number(text: &str) -> Result<Number, String> {
    Number::read(parse(text)?.bytes()).ok_or_else(|| "not a number".to_owned())
}

/// All of it, on one line.
pub fn shown(value: &Value) -> String {
    printable(&json::value_text(value.bytes()))
}

/// Its beginning, if it is long.
pub fn clipped(value: &Value) -> String {
    let text = shown(value);
    match text.char_indices().nth(CHARACTERS_MAX) {
        None => text,
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], value.bytes().len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        for text in [
            "null",
            "-1",
            "18446744073709551615",
            "1.5",
            "\"tea\"",
            "[1,{\"a\":true}]",
            "{\"$bin\":\"AAE=\"}",
        ] {
            assert_eq!(parse(text).map(|value| shown(&value)), Ok(text.to_owned()));
        }
        assert_eq!(
            parse("\"\\u001b[2J\\u009b\"").map(|value| shown(&value)),
            Ok("\"\\u001b[2J\\u009b\"".to_owned())
        );
        assert!(parse("tea").is_err_and(|why| why.contains("needs its quotes")));
        assert!(parse("{\"__proto__\":1}").is_err());
    }

    #[test]
    fn messages() {
        let rows = [
            ("on my way", "\"on my way\""),
            ("\"tea\"", "\"tea\""),
            ("42", "42"),
            ("null", "null"),
            ("{\"a\": 1}\n", "{\"a\":1}"),
            ("{\"a\":", "\"{\\\"a\\\":\""),
            ("", "\"\""),
        ];
        for (text, wanted) in rows {
            assert_eq!(parse_or_text(text).map(|value| shown(&value)), Ok(wanted.to_owned()), "{text}");
        }
        assert!(parse_or_text("{\"__proto__\":1}").is_err());
    }

    #[test]
    fn long_values_are_clipped() {
        let value = parse(&format!("\"{}\"", "ä".repeat(1000))).expect("it is JSON");
        assert_eq!(clipped(&value).chars().count(), CHARACTERS_MAX + "… (2003 bytes)".chars().count());
    }
}
