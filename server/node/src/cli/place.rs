//! Places inside a value: `table.cells[3]["a key"]` as a person writes them.

use slotcast_protocol::reader::{Reader, Token};
use slotcast_protocol::{Path, Step, Value};

use super::screen::printable;
use super::value::limits;

/// An argument: keys with dots between, indices and quoted keys in brackets.
pub fn parse(text: &str) -> Result<Path, String> {
    let (mut steps, mut rest) = (Vec::new(), text);
    while !rest.is_empty() {
        let (step, after) = match rest.strip_prefix('[') {
            Some(inner) => bracket(inner)?,
            None => key(rest.strip_prefix('.').filter(|_| !steps.is_empty()).unwrap_or(rest))?,
        };
        if !after.is_empty() && !after.starts_with(['.', '[']) {
            return Err(format!("expected `.` or `[` before `{after}`"));
        }
        steps.push(step);
        rest = after;
    }
    Path::new(steps, &limits()).map_err(|fault| fault.what)
}

fn key(text: &str) -> Result<(Step, &str), String> {
    let (key, rest) = text.split_at(text.find(['.', '[', ']']).unwrap_or(text.len()));
    match key {
        "" => Err("expected a key like a.b, a[2] or a[\"b.c\"]".to_owned()),
        key => Ok((Step::Key(key.into()), rest)),
    }
}

/// What follows a `[`: an index or a key in JSON's quotes.
fn bracket(text: &str) -> Result<(Step, &str), String> {
    if text.starts_with('"') {
        let mut strings = serde_json::Deserializer::from_str(text).into_iter::<String>();
        let key = strings.next().and_then(Result::ok).ok_or("expected a string within [\"…\"]")?;
        let rest = text[strings.byte_offset()..].strip_prefix(']').ok_or("expected `]` after the string")?;
        return Ok((Step::Key(key.into()), rest));
    }
    let (index, rest) = text.split_once(']').ok_or("expected `]`")?;
    let index = index.parse().map_err(|_| format!("expected an index within [], not `{index}`"))?;
    Ok((Step::Index(index), rest))
}

/// The path as [`parse`] reads it, beginning right after the slot's name: `.a[2]`.
pub fn shown(path: &Path) -> String {
    let step = |step: &Step| match step {
        Step::Index(index) => format!("[{index}]"),
        Step::Key(key) if is_plain(key) => format!(".{key}"),
        Step::Key(key) => format!("[{}]", quoted(key)),
    };
    path.steps().iter().map(step).collect()
}

/// A name as it is, or in quotes if that could be misread.
pub fn name(text: &str) -> String {
    let harmless = |letter: char| letter.is_alphanumeric() || ".,_~@:/+#-".contains(letter);
    if !text.is_empty() && text.chars().all(harmless) { text.to_owned() } else { quoted(text) }
}

fn is_plain(key: &str) -> bool {
    !key.is_empty() && key.chars().all(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '-'))
}

fn quoted(text: &str) -> String {
    printable(&serde_json::Value::from(text).to_string())
}

/// What is at the path, if there is anything.
pub fn value_at(value: &Value, path: &Path) -> Option<Value> {
    let mut reader = Reader::new(value.bytes());
    for step in path.steps() {
        match (reader.token().ok()?, step) {
            (Token::Array(items), Step::Index(index)) if *index < items as u64 => {
                for _ in 0..*index {
                    reader.skip().ok()?;
                }
            }
            (Token::Map(pairs), Step::Key(key)) => find(&mut reader, pairs, key)?,
            _other => return None,
        }
    }
    reader.skip().ok().map(Value::trusted)
}

/// Leaves the reader at the key's value.
fn find(reader: &mut Reader<'_>, pairs: usize, key: &str) -> Option<()> {
    for _ in 0..pairs {
        if reader.token().ok()? == Token::Text(key) {
            return Some(());
        }
        reader.skip().ok()?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::value;

    #[test]
    fn paths() {
        let key = |key: &str| Step::Key(key.into());
        let rows = [
            ("a", vec![key("a")], ".a"),
            ("a.b[2].c", vec![key("a"), key("b"), Step::Index(2), key("c")], ".a.b[2].c"),
            ("[0][1]", vec![Step::Index(0), Step::Index(1)], "[0][1]"),
            ("a.2", vec![key("a"), key("2")], ".a.2"),
            ("a[\"b.c\"].d", vec![key("a"), key("b.c"), key("d")], ".a[\"b.c\"].d"),
            ("[\"x\\\"]y\"]", vec![key("x\"]y")], "[\"x\\\"]y\"]"),
            ("zoë-1_x", vec![key("zoë-1_x")], ".zoë-1_x"),
        ];
        for (text, steps, back) in rows {
            let path = parse(text).expect(text);
            assert_eq!(path.steps(), steps, "{text}");
            assert_eq!(shown(&path), back, "{text}");
        }
        let long = ["a"; 17].join(".");
        for bad in [
            "",
            ".",
            ".a",
            "a.",
            "a..b",
            "a[",
            "a[]",
            "a[x]",
            "a[-1]",
            "a[1]b",
            "a]",
            "[\"a\"",
            "[\"a]",
            "__proto__",
            &long,
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn looking_inside() {
        let held = value::parse("{\"a\":{\"b\":[1,2,{\"c\":\"x\"}]},\"n\":null}").expect("it is JSON");
        let rows = [
            ("a.b[2].c", Some("\"x\"")),
            ("a.b[1]", Some("2")),
            ("a.b[3]", None),
            ("a[0]", None),
            ("a.b.c", None),
            ("n", Some("null")),
            ("n.x", None),
        ];
        for (path, wanted) in rows {
            let found = value_at(&held, &parse(path).expect(path));
            assert_eq!(found.map(|found| value::shown(&found)).as_deref(), wanted, "{path}");
        }
    }

    #[test]
    fn names_that_could_be_misread() {
        for (text, wanted) in [
            ("price", "price"),
            ("@zoë", "@zoë"),
            ("a b", "\"a b\""),
            ("x\u{202e}", "\"x\\u202e\""),
            ("=", "\"=\""),
        ] {
            assert_eq!(name(text), wanted);
        }
    }
}
