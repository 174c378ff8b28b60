//! The log: lines to standard error. What clients say may be in them, so no line holds what a terminal would obey, none is endless, and so
//! many a second are enough.

use std::io::{self, IsTerminal, Write};
use std::sync::Mutex;

use tracing::{Level, Metadata};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::config::Config;
use crate::worker::now_ms;

/// Lines a second; errors are always written.
const LINES_PER_S: u64 = 100;

/// Bytes of one line. A field has room for what it says of a client: 256 bytes, escaped.
const LINE_BYTES_MAX: usize = 2 * 1024;

/// Bytes of what a client said, in a line.
const SAID_BYTES_MAX: usize = 256;

/// Begins to log as the operator decided; standard output is for what people wait for.
pub fn start(config: &Config) {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|text| !text.is_empty());
    let colours = !config.log_json && io::stderr().is_terminal() && !refused;
    let lines = Lines { colours, count: Mutex::default(), write: io::stderr };
    let builder = tracing_subscriber::fmt().with_env_filter(EnvFilter::new(&config.log)).with_writer(lines);
    if config.log_json {
        builder.json().init();
    } else {
        builder.with_ansi(colours).init();
    }
}

/// What a client said, for a line: cut where it is long.
pub fn said(text: &str) -> &str {
    &text[..text.floor_char_boundary(SAID_BYTES_MAX)]
}

/// Where lines go to.
struct Lines<W> {
    colours: bool,
    count: Mutex<Count>,
    write: fn() -> W,
}

/// Of one second.
#[derive(Default)]
struct Count {
    second: u64,
    lines: u64,
    left_out: u64,
}

impl Count {
    /// Whether one more may be written, and how many were left out in a second before.
    fn take(&mut self, second: u64, is_error: bool) -> (bool, u64) {
        let mut left_out = 0;
        if second != self.second {
            left_out = self.left_out;
            *self = Count { second, ..Count::default() };
        }
        let is_written = is_error || self.lines < LINES_PER_S;
        self.lines += 1;
        self.left_out += u64::from(!is_written);
        (is_written, left_out)
    }
}

impl<'a, W: Write + 'a> MakeWriter<'a> for Lines<W> {
    type Writer = Line<W>;

    fn make_writer(&'a self) -> Line<W> {
        Line { out: Some((self.write)()), colours: self.colours }
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> Line<W> {
        let is_error = *metadata.level() == Level::ERROR;
        let mut count = self.count.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (is_written, left_out) = count.take(now_ms() / 1_000, is_error);
        drop(count);
        if left_out > 0 {
            // Who cannot log has nobody to tell.
            let _ = writeln!(
                (self.write)(),
                "{left_out} lines were left out: more than {LINES_PER_S} in a second"
            );
        }
        Line { out: is_written.then(|| (self.write)()), colours: self.colours }
    }
}

/// One line, written at once.
struct Line<W> {
    /// None if it is left out.
    out: Option<W>,
    colours: bool,
}

impl<W: Write> Write for Line<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Some(out) = &mut self.out {
            out.write_all(plain(&String::from_utf8_lossy(line), self.colours).as_bytes())?;
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.as_mut().map_or(Ok(()), Write::flush)
    }
}

/// A line without what moves a cursor or turns text round; as JSON writes it, so that a line of JSON stays one.
fn plain(line: &str, colours: bool) -> String {
    let text = line.strip_suffix('\n').unwrap_or(line);
    let cut = &text[..text.floor_char_boundary(LINE_BYTES_MAX)];
    let mut out = String::with_capacity(cut.len() + 1);
    for letter in cut.chars() {
        match letter {
            // Our own colours; what is logged is escaped before they are put round it.
            '\x1b' if colours => out.push(letter),
            _ if is_harmful(letter) => out.push_str(&format!("\\u{:04x}", u32::from(letter))),
            _ => out.push(letter),
        }
    }
    if cut.len() < text.len() {
        out.push('…');
    }
    out.push('\n');
    out
}

/// C0, C1, and the letters that change the direction of a line or end it.
fn is_harmful(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_one_line_and_obeys_nobody() {
        let rows = [
            ("a name\n", "a name\n"),
            ("two\r\nlines\n", "two\\u000d\\u000alines\n"),
            ("\x1b[2J\u{9b}2J", "\\u001b[2J\\u009b2J\n"),
            ("a\u{202e}b\u{2066}c\u{2028}d\u{200f}", "a\\u202eb\\u2066c\\u2028d\\u200f\n"),
            ("zoë \u{1f600}", "zoë \u{1f600}\n"),
        ];
        for (line, wanted) in rows {
            assert_eq!(plain(line, false), wanted);
        }
        assert_eq!(plain("\x1b[2mfaint\x1b[0m", true), "\x1b[2mfaint\x1b[0m\n");
        let long = plain(&"ë".repeat(3_000), false);
        assert_eq!(long, format!("{}…\n", "ë".repeat(1_024)));
        assert_eq!(said(&"ë".repeat(200)), "ë".repeat(128));
    }

    #[test]
    fn so_many_a_second_and_one_that_says_how_many_were_not() {
        let mut count = Count::default();
        assert_eq!((0..150).filter(|_| count.take(7, false).0).count(), 100);
        assert_eq!(count.take(7, true), (true, 0));
        assert_eq!(count.take(9, false), (true, 50));
        assert_eq!(count.take(9, false), (true, 0));
    }
}
