//! Names: parsed once at the door, right everywhere inside.

use std::fmt;
use std::sync::Arc;

use crate::code::{Code, Fault};

/// Map keys and slots that a JavaScript client could trip over; refused everywhere.
pub const FORBIDDEN_KEYS: [&str; 3] = ["__proto__", "constructor", "prototype"];

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $field:literal, $rule:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks `text` against the rule; the fault names what is wrong with it.
            pub fn parse(text: &str) -> Result<Self, Fault> {
                let rule: fn(&str) -> Result<(), &'static str> = $rule;
                match rule(text) {
                    Ok(()) => Ok($name(text.into())),
                    Err(why) => Err(Fault::new(Code::BadName, format!("{}: {why}", $field))),
                }
            }

            /// The name itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

name! {
    /// `kind/rest`: at most 255 bytes, 8 segments of `[A-Za-z0-9._~-]`, none of them `.` or `..`. Never a file path.
    ObjectName, "object", object_rule
}

name! {
    /// A slot of an object: 1 to 128 bytes of UTF-8 without control characters and `*`.
    SlotName, "slot", slot_rule
}

name! {
    /// A slot name, or the beginning of one and `*`.
    Pattern, "pattern", pattern_rule
}

name! {
    /// An identity: 1 to 64 bytes of UTF-8 without control characters and `*`, not beginning with `@`.
    User, "user", user_rule
}

name! {
    /// One running copy of a client: 1 to 64 bytes of `[A-Za-z0-9._~-]`.
    Device, "device", device_rule
}

name! {
    /// The name of a `send`: 1 to 64 bytes of UTF-8 without control characters.
    SendName, "name", |text| plain_rule(text, 64)
}

name! {
    /// What a message between users is, as clients agree: 1 to 64 bytes of UTF-8 without control characters.
    MessageKind, "kind", |text| plain_rule(text, 64)
}

impl ObjectName {
    /// The first segment, which chooses the configuration.
    pub fn kind(&self) -> &str {
        self.0.split('/').next().unwrap_or(&self.0)
    }
}

impl SlotName {
    /// The user whose status this slot is, if its name begins with `@`.
    pub fn status_of(&self) -> Option<&str> {
        self.0.strip_prefix('@')
    }

    /// Sorts before every name that can be; for the beginning of a range.
    pub fn least() -> Self {
        SlotName("".into())
    }

    /// The status slot of a user.
    pub fn status(user: &User) -> Self {
        SlotName(format!("@{user}").into())
    }
}

impl Pattern {
    /// Whether a slot is in view under this pattern.
    pub fn matches(&self, slot: &SlotName) -> bool {
        match self.0.strip_suffix('*') {
            Some(beginning) => slot.0.starts_with(beginning),
            None => self.0 == slot.0,
        }
    }
}

impl User {
    /// The author of what the server does by itself: the empty name, which no one can have.
    pub fn server() -> Self {
        User("".into())
    }
}

fn object_rule(text: &str) -> Result<(), &'static str> {
    if text.is_empty() || text.len() > 255 {
        return Err("must have 1 to 255 bytes");
    }
    if !text.bytes().all(|byte| byte == b'/' || is_word(byte)) {
        return Err("may hold only letters, digits, `.`, `_`, `~`, `-` and `/`");
    }
    if text.split('/').count() > 8 {
        return Err("must have at most 8 segments");
    }
    if text.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
        return Err("must have no segment that is empty, `.` or `..`");
    }
    Ok(())
}

fn slot_rule(text: &str) -> Result<(), &'static str> {
    plain_rule(text, 128)?;
    if text.contains('*') {
        return Err("must not hold `*`");
    }
    if text == "@" {
        return Err("must name a user after `@`");
    }
    if FORBIDDEN_KEYS.contains(&text) {
        return Err("must not be `__proto__`, `constructor` or `prototype`");
    }
    Ok(())
}

fn pattern_rule(text: &str) -> Result<(), &'static str> {
    match text.strip_suffix('*') {
        Some("") => Ok(()),
        Some(beginning) => {
            plain_rule(beginning, 128)?;
            if beginning.contains('*') { Err("may hold `*` only at its end") } else { Ok(()) }
        }
        None => slot_rule(text),
    }
}

fn user_rule(text: &str) -> Result<(), &'static str> {
    plain_rule(text, 64)?;
    if text.contains('*') || text.starts_with('@') {
        return Err("must not hold `*` or begin with `@`");
    }
    Ok(())
}

fn device_rule(text: &str) -> Result<(), &'static str> {
    if text.is_empty() || text.len() > 64 || !text.bytes().all(is_word) {
        return Err("must be 1 to 64 letters, digits, `.`, `_`, `~`, `-`");
    }
    Ok(())
}

fn plain_rule(text: &str, bytes_max: usize) -> Result<(), &'static str> {
    if text.is_empty() || text.len() > bytes_max {
        return Err(match bytes_max {
            64 => "must have 1 to 64 bytes",
            _ => "must have 1 to 128 bytes",
        });
    }
    if text.chars().any(char::is_control) {
        return Err("must not hold control characters");
    }
    Ok(())
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'~' | b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn object_names() {
        for good in ["a", "auction/42", "a/b/c/d/e/f/g/h", "~alice", "x/...", "A-b_c.d~"] {
            assert!(ObjectName::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "/",
            "a/",
            "/a",
            "a//b",
            "a/../b",
            ".",
            "a/.",
            "a b",
            "a\\b",
            "a%2e",
            "é",
            "a/b/c/d/e/f/g/h/i",
            "a\0",
        ] {
            assert!(ObjectName::parse(bad).is_err(), "{bad}");
        }
        assert!(ObjectName::parse(&"a".repeat(255)).is_ok());
        assert!(ObjectName::parse(&"a".repeat(256)).is_err());
    }

    #[test]
    fn patterns() {
        let slot = SlotName::parse("bid.7").expect("a good slot");
        for (pattern, hit) in [("bid.*", true), ("*", true), ("bid.7", true), ("bid", false), ("@*", false)] {
            assert_eq!(Pattern::parse(pattern).expect(pattern).matches(&slot), hit, "{pattern}");
        }
        assert!(Pattern::parse("a*b").is_err());
        assert!(Pattern::parse("a**").is_err());
    }

    #[test]
    fn slots_and_users() {
        for bad in ["", "a*", "a\n", "__proto__", "@", "\u{85}"] {
            assert!(SlotName::parse(bad).is_err(), "{bad:?}");
        }
        assert_eq!(SlotName::parse("@zoë").expect("fine").status_of(), Some("zoë"));
        assert!(User::parse("@alice").is_err());
    }
}
