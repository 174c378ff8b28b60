//! The tables' form. A line is
//!
//! ```text
//! let NAME = BYTES                   {NAME} stands for them from there on
//! dev                                from here on to a server with --dev
//! EXPECTED | BYTES                   what the answer must be, and the request
//! ```
//!
//! EXPECTED is a status (`400 or 404` for either) or `silent`, then, if wanted, ` NAME: VALUE` of the answer's header (`none` where there is
//! to be none), then `, closes`, `, stays` or `once`: the connection is over behind the answer, or goes on, or either, but nothing else is answered.
//! In BYTES `\r`, `\n`, `\t`, `\0`, `\\` and `\xHH` are bytes, `{9:ab}` is `ab` nine times, and `{end}` ends the client's half.

use std::collections::HashMap;

#[derive(Debug)]
pub struct Case {
    pub line: usize,
    pub text: String,
    pub dev: bool,
    /// Any of them; none if there must be no answer.
    pub statuses: Vec<String>,
    pub field: Option<(String, String)>,
    pub after: After,
    pub request: Vec<u8>,
    pub ends: bool,
}

#[derive(Clone, Copy, Debug)]
pub enum After {
    /// It is a WebSocket, which answers a close.
    Socket,
    Closes,
    Stays,
    Once,
}

pub fn cases(table: &str) -> Vec<Case> {
    let (mut names, mut dev, mut cases) = (HashMap::new(), false, Vec::new());
    let lines = table.lines().enumerate().map(|(number, line)| (number + 1, line));
    for (number, line) in lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
        if line == "dev" {
            dev = true;
        } else if let Some(name) = line.strip_prefix("let ") {
            let (name, bytes) = name.split_once(" = ").expect("let NAME = BYTES");
            let text = expand(bytes, &names);
            names.insert(name.to_owned(), text);
        } else {
            cases.push(case(number, line, dev, &names));
        }
    }
    cases
}

fn case(line: usize, text: &str, dev: bool, names: &HashMap<String, String>) -> Case {
    let (expected, bytes) = text.split_once(" | ").unwrap_or_else(|| panic!("line {line}: EXPECTED | BYTES"));
    let expanded = expand(bytes, names);
    let (request, ends) = match expanded.strip_suffix("{end}") {
        Some(request) => (request, true),
        None => (&*expanded, false),
    };
    let (expected, after) = after(expected);
    let (statuses, field) = match expected.split_once(' ') {
        Some((status, field)) if field.contains(": ") => (status, field.split_once(": ")),
        Some(_) | None => (expected, None),
    };
    let statuses: Vec<String> =
        statuses.split(" or ").filter(|word| *word != "silent").map(str::to_owned).collect();
    assert!(statuses.iter().all(|status| status.len() == 3), "line {line}: {statuses:?} is no status");
    let after = if statuses.iter().any(|status| status == "101") { After::Socket } else { after };
    let field = field.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Case { line, text: text.to_owned(), dev, statuses, field, after, request: unescape(request), ends }
}

fn after(expected: &str) -> (&str, After) {
    let words = [("closes", After::Closes), ("stays", After::Stays), ("once", After::Once)];
    let named = words
        .into_iter()
        .find_map(|(word, after)| Some((expected.strip_suffix(word)?.trim_end_matches([',', ' ']), after)));
    named.unwrap_or((expected, After::Once))
}

/// `{NAME}` and `{9:ab}` as what they stand for.
fn expand(text: &str, names: &HashMap<String, String>) -> String {
    let mut parts = text.split('{');
    let mut expanded = parts.next().unwrap_or("").to_owned();
    for part in parts {
        let (name, rest) = part.split_once('}').expect("a { has its }");
        match (names.get(name), name.split_once(':')) {
            (Some(text), _) => expanded += text,
            (None, Some((times, text))) => {
                expanded += &text.repeat(times.parse().expect("a number of times"))
            }
            (None, None) => expanded += &format!("{{{name}}}"),
        }
        expanded += rest;
    }
    expanded
}

fn unescape(text: &str) -> Vec<u8> {
    let (mut bytes, mut rest) = (Vec::new(), text.bytes());
    while let Some(byte) = rest.next() {
        let escaped = match byte {
            b'\\' => match rest.next().expect("something behind a backslash") {
                b'r' => b'\r',
                b'n' => b'\n',
                b't' => b'\t',
                b'0' => 0,
                b'\\' => b'\\',
                b'x' => hex(&mut rest) << 4 | hex(&mut rest),
                other => panic!("\\{} is no escape", char::from(other)),
            },
            plain => plain,
        };
        bytes.push(escaped);
    }
    bytes
}

fn hex(digits: &mut impl Iterator<Item = u8>) -> u8 {
    let digit = digits.next().and_then(|digit| char::from(digit).to_digit(16));
    digit.expect("two hex digits behind \\x") as u8
}
