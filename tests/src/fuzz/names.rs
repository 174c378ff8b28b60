//! Names and patterns against the rules of protocol.md section 3, written down a second time.

use slotcast_protocol::roster::Tag;
use slotcast_protocol::{Device, ObjectName, Pattern, SendName, SlotName, User};
use slotcast_state::Name;

pub fn hold(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    assert_eq!(ObjectName::parse(text).is_ok(), is_object(text), "object {text:?}");
    assert_eq!(SlotName::parse(text).is_ok(), is_slot(text), "slot {text:?}");
    assert_eq!(User::parse(text).is_ok(), is_user(text), "user {text:?}");
    assert_eq!(
        Device::parse(text).is_ok(),
        is_sized(text, 64) && text.chars().all(is_word),
        "device {text:?}"
    );
    assert_eq!(SendName::parse(text).is_ok(), is_sized(text, 64) && is_plain(text), "send {text:?}");
    if let Ok(tag) = Tag::parse(text) {
        assert_eq!(Tag::parse(&tag.to_string()).as_ref(), Ok(&tag), "tag {text:?}");
    }
    if let Ok(name) = Name::parse(text) {
        assert_eq!(Name::parse(&name.to_string()).as_ref(), Ok(&name), "name {text:?}");
    }
    let halves = text.split_once(' ').unwrap_or((text, "bid.1"));
    if let (Ok(pattern), Ok(slot)) = (Pattern::parse(halves.0), SlotName::parse(halves.1)) {
        assert_eq!(pattern.matches(&slot), shows(halves.0, halves.1), "{pattern} and {slot}");
    }
}

fn is_sized(text: &str, most: usize) -> bool {
    (1..=most).contains(&text.len())
}

fn is_word(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "._~-".contains(letter)
}

/// Without U+0000 to U+001F and U+007F to U+009F.
fn is_plain(text: &str) -> bool {
    !text.chars().any(|letter| letter < ' ' || ('\u{7f}'..='\u{9f}').contains(&letter))
}

fn is_object(text: &str) -> bool {
    let segments: Vec<&str> = text.split('/').collect();
    let is_segment = |segment: &&str| !matches!(*segment, "" | "." | "..") && segment.chars().all(is_word);
    is_sized(text, 255) && segments.len() <= 8 && segments.iter().all(is_segment)
}

fn is_slot(text: &str) -> bool {
    let forbidden = ["@", "__proto__", "constructor", "prototype"];
    is_sized(text, 128) && is_plain(text) && !text.contains('*') && !forbidden.contains(&text)
}

fn is_user(text: &str) -> bool {
    is_sized(text, 64) && is_plain(text) && !text.contains('*') && !text.starts_with('@')
}

fn shows(pattern: &str, slot: &str) -> bool {
    match pattern.split_once('*') {
        Some((beginning, _)) => slot.get(..beginning.len()) == Some(beginning),
        None => pattern == slot,
    }
}
