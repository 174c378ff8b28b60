//! How an inbox reads: one line an entry, with the day, as some have waited for long.
//!
//! ```text
//! 2026-11-25 12:03:05.001     41 alice      "hi"
//! 2026-11-25 12:03:05.214     42 alice      chat {"text":"there?"}
//! 2026-11-25 12:03:06.000     43 bob      > 17: "yes"
//! 2026-11-25 12:03:07.310     44 bob      ✓ delivered 17, read 16
//! 2026-11-25 12:03:08.000     45 alice    ✓ read 42 on another device
//! … entries up to 12: some are gone
//! ```

use slotcast_protocol::{Entry, Matter, MessageKind, Value};

use super::line::{clock, head};
use super::place::name;
use super::screen::Paint;
use super::value::shown;

const DAY_MS: u64 = 86_400_000;

/// All of it.
pub fn line(entry: &Entry, paint: Paint) -> String {
    let Entry { seq, time_ms, matter } = entry;
    let time = paint.faint(&format!("{} {}", day(*time_ms), clock(*time_ms)));
    let (who, text) = match matter {
        Matter::Message { from, body, kind, .. } => (from, format!("  {}", message(kind, body, paint))),
        Matter::Copy { to, body, kind, at, .. } => {
            (to, format!("{} {at}: {}", paint.odd(">"), message(kind, body, paint)))
        }
        Matter::Receipt { user, delivered, read } => {
            (user, paint.faint(&format!("✓ delivered {delivered}, read {read}")))
        }
        Matter::Seen { user, read } => (user, paint.faint(&format!("✓ read {read} on another device"))),
    };
    format!("{time} {} {text}", head(*seq, Some(who), paint))
}

/// What the server no longer has.
pub fn missed(to: u64, paint: Paint) -> String {
    paint.odd(&format!("… entries up to {to}: some are gone"))
}

fn message(kind: &Option<MessageKind>, body: &Value, paint: Paint) -> String {
    match kind {
        Some(kind) => format!("{} {}", paint.strong(&name(kind.as_str())), shown(body)),
        None => shown(body),
    }
}

/// The day, UTC, of the Gregorian calendar: `civil_from_days` of Howard Hinnant's "chrono-Compatible Low-Level Date Algorithms".
fn day(at_ms: u64) -> String {
    let days = at_ms / DAY_MS + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    format!("{:04}-{month:02}-{day:02}", era * 400 + year + next)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::value;
    use slotcast_protocol::User;

    fn user(name: &str) -> User {
        User::parse(name).expect("a good name")
    }

    fn json(text: &str) -> Value {
        value::parse(text).expect("it is JSON")
    }

    fn kind(name: &str) -> Option<MessageKind> {
        Some(MessageKind::parse(name).expect("a good kind"))
    }

    #[test]
    fn an_evening_with_bob() {
        let rows = [
            (
                Matter::Message { from: user("alice"), id: 7, body: json("\"hi\\u001b\""), kind: None },
                "alice      \"hi\\u001b\"",
            ),
            (
                Matter::Message {
                    from: user("zoë b"), id: 7, body: json("{\"a\":[1]}"), kind: kind("chat")
                },
                "\"zoë b\"    chat {\"a\":[1]}",
            ),
            (
                Matter::Message { from: user("bob"), id: 7, body: json("null"), kind: kind("a wave") },
                "bob        \"a wave\" null",
            ),
            (
                Matter::Copy { to: user("bob"), id: 7, body: json("1"), kind: kind("chat"), at: 17 },
                "bob      > 17: chat 1",
            ),
            (
                Matter::Receipt { user: user("bob"), delivered: 17, read: 16 },
                "bob      ✓ delivered 17, read 16",
            ),
            (Matter::Seen { user: user("bob"), read: 42 }, "bob      ✓ read 42 on another device"),
        ];
        for (matter, wanted) in rows {
            let entry = Entry { seq: 41, time_ms: 1_795_608_185_001, matter };
            assert_eq!(line(&entry, Paint::PLAIN), format!("2026-11-25 12:03:05.001     41 {wanted}"));
        }
        assert_eq!(missed(12, Paint::PLAIN), "… entries up to 12: some are gone");
    }

    #[test]
    fn a_message_is_shown_to_its_end() {
        let body = json(&format!("\"{}\"", "x".repeat(5000)));
        let matter = Matter::Message { from: user("bob"), id: 1, body, kind: None };
        let line = line(&Entry { seq: 1, time_ms: 0, matter }, Paint::PLAIN);
        assert!(line.ends_with(&format!("\"{}\"", "x".repeat(5000))), "{line}");
    }

    #[test]
    fn days() {
        let rows = [
            (0, "1970-01-01"),
            (58, "1970-02-28"),
            (59, "1970-03-01"),
            (10_956, "1999-12-31"),
            (11_016, "2000-02-29"),
            (11_017, "2000-03-01"),
            (20_782, "2026-11-25"),
            (47_540, "2100-02-28"),
            (47_541, "2100-03-01"),
        ];
        for (days, wanted) in rows {
            assert_eq!(day(days * DAY_MS), wanted);
            assert_eq!(day(days * DAY_MS + DAY_MS - 1), wanted);
        }
        day(u64::MAX);
    }
}
