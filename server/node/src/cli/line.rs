//! How news reads: one line each.
//!
//! ```text
//! 12:03:05.001      8 alice    price: 100 -> 120
//! 12:03:05.214      9 bob      table.cells[3]: "" -> "x"
//! 12:03:06.000      9 bob    ! cheer "hi"
//! 12:03:07.310 … versions 10..14 folded
//! ```

use slotcast_protocol::{ObjectName, Record, Sent, User, Value};

use super::object_copy::{News, What};
use super::place::{self, name};
use super::screen::Paint;
use super::value::{clipped, shown};

/// One line; `at_ms` is Unix time.
pub fn news(object: &ObjectName, news: &News, at_ms: u64, paint: Paint) -> String {
    let time = paint.faint(&clock(at_ms));
    match news {
        News::Whole { epoch, version, slots, anew } => {
            let anew = if *anew { ", made anew" } else { "" };
            let whole = whole(object, *slots, *version, *epoch);
            format!("{time} {}", paint.strong(&format!("= {whole}{anew}")))
        }
        News::Folded { first, last } if first == last => {
            format!("{time} {}", paint.odd(&format!("… version {first}")))
        }
        News::Folded { first, last } => {
            format!("{time} {}", paint.odd(&format!("… versions {first}..{last} folded")))
        }
        News::Skipped(sends) => format!("{time} {}", paint.odd(&format!("… {sends} sends lost"))),
        News::Slot { version, by, slot, what } => {
            format!(
                "{time} {}   {}",
                head(*version, by.as_ref(), paint),
                slot_text(slot.as_str(), what, paint)
            )
        }
        News::Cleared { version, by, slots } => {
            format!(
                "{time} {}   {}",
                head(*version, Some(by), paint),
                paint.odd(&format!("cleared, {slots} slots gone"))
            )
        }
        News::Sent(Sent { version, name: sent, value, by, .. }) => {
            let text = format!("{} {}", paint.strong(&name(sent.as_str())), clipped(value));
            format!("{time} {} {} {text}", head(*version, Some(by), paint), paint.odd("!"))
        }
    }
}

/// What an object is, in a line's words.
pub fn whole(object: &ObjectName, slots: usize, version: u64, epoch: u64) -> String {
    format!(
        "{object}: {slots} {} at version {version}, epoch {epoch}",
        if slots == 1 { "slot" } else { "slots" }
    )
}

/// A slot as it is, in full.
pub fn record(record: &Record, paint: Paint) -> String {
    let value = record.value.as_ref().map_or("(absent)".to_owned(), shown);
    let head = head(record.version, Some(&record.by), paint);
    format!("{head}   {} = {}", paint.strong(&name(record.slot.as_str())), value)
}

/// A number, as a version, and who it is of, in columns while they are short.
pub fn head(version: u64, by: Option<&User>, paint: Paint) -> String {
    let by = match by.map(User::as_str) {
        None => "-".to_owned(),
        Some("") => "(server)".to_owned(),
        Some(user) => name(user),
    };
    format!("{} {by:<8}", paint.faint(&format!("{version:>6}")))
}

fn slot_text(slot: &str, what: &What, paint: Paint) -> String {
    let slot = name(slot);
    let or = |value: &Option<Value>, none: &str| value.as_ref().map_or(none.to_owned(), clipped);
    let arrow = |place: &str, old: &str, new: &str| {
        format!("{}: {} -> {}", paint.strong(place), paint.before(old), paint.after(new))
    };
    match what {
        What::Set { old: None, new } => format!("{} = {}", paint.strong(&slot), paint.after(&clipped(new))),
        What::Set { old: Some(old), new } => arrow(&slot, &clipped(old), &clipped(new)),
        What::Deleted { old } => arrow(&slot, &or(old, "(absent)"), "(deleted)"),
        What::Patched { path, old, new } => {
            let place = format!("{slot}{}", place::shown(path));
            arrow(&place, &or(old, "(absent)"), &or(new, "(deleted)"))
        }
        What::Appended { item } => format!("{} + {}", paint.strong(&slot), paint.after(&clipped(item))),
    }
}

/// Time of day, UTC.
pub fn clock(at_ms: u64) -> String {
    let (seconds, ms) = (at_ms / 1000 % 86_400, at_ms % 1000);
    format!("{:02}:{:02}:{:02}.{ms:03}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::object_copy::ObjectCopy;
    use crate::cli::value;
    use slotcast_protocol::{Change, ChangeKind, Diff, SendName, SlotName, Snapshot};

    fn object() -> ObjectName {
        ObjectName::parse("auction/42").expect("a good name")
    }

    fn slot(name: &str) -> SlotName {
        SlotName::parse(name).expect("a good name")
    }

    fn json(text: &str) -> Value {
        value::parse(text).expect("it is JSON")
    }

    fn user(name: &str) -> User {
        if name.is_empty() { User::server() } else { User::parse(name).expect("a good name") }
    }

    fn snapshot(
        epoch: u64,
        version: u64,
        slots: &[(&str, u64, &str)],
        (part, parts): (u64, u64),
    ) -> Snapshot {
        let record = |(name, version, text): &(&str, u64, &str)| Record {
            slot: slot(name),
            version: *version,
            by: user("alice"),
            value: Some(json(text)),
        };
        let (object, slots, more) = (object(), slots.iter().map(record).collect(), part < parts);
        Snapshot { object, epoch, version, sends: 0, slots, more, skipped: 0, part, parts }
    }

    fn diff(from: u64, to: u64, changes: Vec<(u64, &str, ChangeKind)>, skipped: u64) -> Diff {
        let change = |(version, by, kind)| Change { version, by: user(by), kind };
        Diff { object: object(), from, to, changes: changes.into_iter().map(change).collect(), skipped }
    }

    fn lines(news: &[News]) -> Vec<String> {
        news.iter().map(|each| super::news(&object(), each, 43_385_001, Paint::PLAIN)).collect()
    }

    fn set(name: &str, text: &str) -> ChangeKind {
        ChangeKind::Set { slot: slot(name), value: json(text) }
    }

    #[test]
    fn an_evening_at_the_auction() {
        let mut copy = ObjectCopy::new(false);
        assert!(copy.take_snapshot(snapshot(5, 7, &[("price", 7, "100")], (1, 2))).is_empty());
        let news = copy.take_snapshot(snapshot(5, 7, &[("table", 3, "{\"cells\":[1,2]}")], (2, 2)));
        assert_eq!(
            lines(&news),
            [
                "12:03:05.001 = auction/42: 2 slots at version 7, epoch 5",
                "12:03:05.001      7 alice      price = 100",
                "12:03:05.001      3 alice      table = {\"cells\":[1,2]}",
            ]
        );
        let patch = |path: &str, value: Option<&str>| ChangeKind::Patch {
            slot: slot("table"),
            path: place::parse(path).expect(path),
            value: value.map(json),
        };
        let append = |items: &[&str]| ChangeKind::Append {
            slot: slot("log"),
            items: items.iter().map(|item| json(item)).collect(),
            keep: 2,
        };
        let rows = [
            (
                diff(7, 8, vec![(8, "bob", set("price", "120"))], 0),
                vec!["     8 bob        price: 100 -> 120"],
            ),
            (
                diff(8, 9, vec![(9, "bob", patch("cells[1]", Some("\"x\"")))], 0),
                vec!["     9 bob        table.cells[1]: 2 -> \"x\""],
            ),
            (
                diff(9, 10, vec![(10, "bob", patch("cells[0]", None))], 0),
                vec!["    10 bob        table.cells[0]: 1 -> (deleted)"],
            ),
            (
                diff(10, 11, vec![(11, "zoë b", append(&["1", "\"\u{9b}2J\""]))], 0),
                vec!["    11 \"zoë b\"    log + 1", "    11 \"zoë b\"    log + \"\\u009b2J\""],
            ),
            (
                diff(8, 14, vec![(10, "bob", set("price", "1")), (14, "", set("price", "130"))], 3),
                vec!["… versions 12..14 folded", "… 3 sends lost", "    14 (server)   price: 120 -> 130"],
            ),
            (
                diff(14, 15, vec![(15, "bob", ChangeKind::Delete { slot: slot("price") })], 0),
                vec!["    15 bob        price: 130 -> (deleted)"],
            ),
            (diff(15, 16, vec![(16, "bob", set("@bob", "{}"))], 0), vec!["    16 bob        @bob = {}"]),
            (
                diff(16, 17, vec![(17, "bob", ChangeKind::Clear)], 0),
                vec!["    17 bob        cleared, 2 slots gone"],
            ),
        ];
        for (diff, wanted) in rows {
            let said = lines(&copy.take_diff(diff.clone()).expect("it fits"));
            let wanted: Vec<_> = wanted.into_iter().map(|line| format!("12:03:05.001 {line}")).collect();
            assert_eq!(said, wanted, "{diff:?}");
        }
        let names: Vec<_> = copy.slots().map(|record| record.slot.as_str()).collect();
        assert_eq!(names, ["@bob"]);
    }

    #[test]
    fn a_gap_is_a_fault() {
        let mut copy = ObjectCopy::new(false);
        assert!(copy.take_diff(diff(0, 1, Vec::new(), 0)).is_err());
        copy.take_snapshot(snapshot(5, 7, &[], (1, 1)));
        assert!(copy.take_diff(diff(8, 9, Vec::new(), 0)).is_err());
        let append = ChangeKind::Append { slot: slot("a"), items: [json("1")].into(), keep: 0 };
        assert!(copy.take_diff(diff(7, 9, vec![(8, "bob", set("a", "1")), (9, "bob", append)], 0)).is_err());
    }

    #[test]
    fn another_life() {
        let mut copy = ObjectCopy::new(true);
        copy.take_snapshot(snapshot(5, 7, &[("a", 1, "1"), ("b", 2, "2"), ("c", 3, "3")], (1, 1)));
        let news = copy.take_snapshot(snapshot(6, 2, &[("a", 1, "1"), ("b", 2, "9")], (1, 1)));
        assert_eq!(
            lines(&news),
            [
                "12:03:05.001 = auction/42: 2 slots at version 2, epoch 6, made anew",
                "12:03:05.001      2 alice      b: 2 -> 9",
                "12:03:05.001      2 -          c: 3 -> (deleted)",
            ]
        );
    }

    #[test]
    fn with_patterns_a_jump_is_nothing_special() {
        let mut copy = ObjectCopy::new(true);
        copy.take_snapshot(snapshot(5, 7, &[], (1, 1)));
        let news = copy.take_diff(diff(7, 12, vec![(12, "bob", set("a", "1"))], 0)).expect("it fits");
        assert_eq!(lines(&news), ["12:03:05.001     12 bob        a = 1"]);
    }

    #[test]
    fn sends() {
        let mut copy = ObjectCopy::new(false);
        copy.take_snapshot(snapshot(5, 7, &[], (1, 1)));
        let name = SendName::parse("cheer").expect("a good name");
        let sent = Sent { object: object(), version: 7, name, value: json("\"hi\\u001b\""), by: user("bob") };
        assert_eq!(lines(&[copy.take_sent(sent)]), ["12:03:05.001      7 bob      ! cheer \"hi\\u001b\""]);
        assert_eq!(copy.cursor().and_then(|cursor| cursor.sends), Some(1));
    }
}
