//! Standard output: lines that a terminal can show whatever is in them, in colour where someone looks.

use std::io::{ErrorKind, IsTerminal, Write};

use super::failure::Failure;

/// Prints one line at once.
pub fn print(line: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    let done = writeln!(out, "{line}").and_then(|()| out.flush());
    done.map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Failure::Unread,
        _other => Failure::Failed(format!("cannot write: {error}")),
    })
}

/// What a terminal could obey or be fooled by, as `\uXXXX`: control characters and those that turn the direction of writing.
/// JSON stays the same JSON, because it holds such characters only inside strings.
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_control() || is_invisible(letter) {
            out.push_str(&format!("\\u{:04x}", u32::from(letter)));
        } else {
            out.push(letter);
        }
    }
    out
}

fn is_invisible(letter: char) -> bool {
    matches!(letter, '\u{61c}' | '\u{200b}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Colours, or none.
#[derive(Clone, Copy)]
pub struct Paint {
    on: bool,
}

impl Paint {
    /// None: for files, pipes and tests.
    pub const PLAIN: Paint = Paint { on: false };

    /// On a terminal, unless `NO_COLOR` is set to something (no-color.org).
    pub fn of_stdout() -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|text| !text.is_empty());
        Paint { on: std::io::stdout().is_terminal() && !refused }
    }

    /// What is there for order's sake.
    pub fn faint(self, text: &str) -> String {
        self.wrap("2", text)
    }

    /// What it is about.
    pub fn strong(self, text: &str) -> String {
        self.wrap("1", text)
    }

    /// What was.
    pub fn before(self, text: &str) -> String {
        self.wrap("31", text)
    }

    /// What is.
    pub fn after(self, text: &str) -> String {
        self.wrap("32", text)
    }

    /// What is out of the ordinary.
    pub fn odd(self, text: &str) -> String {
        self.wrap("33", text)
    }

    fn wrap(self, colour: &str, text: &str) -> String {
        if self.on { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys() {
        let rows = [
            ("tea", "tea"),
            ("zoë 茶", "zoë 茶"),
            ("\x1b[31m", "\\u001b[31m"),
            ("a\u{9b}2J\u{7f}", "a\\u009b2J\\u007f"),
            ("x\u{202e}y\u{2066}", "x\\u202ey\\u2066"),
            ("a\nb", "a\\u000ab"),
        ];
        for (text, wanted) in rows {
            assert_eq!(printable(text), wanted, "{text:?}");
        }
    }
}
