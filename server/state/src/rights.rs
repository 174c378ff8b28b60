//! What a session may do: the roles and objects that its token speaks of, held against what a kind asks for.
//!
//! Both have to allow it. A token opens nothing that the configuration keeps shut, and the configuration opens nothing that a token leaves out.

use std::cmp::Reverse;
use std::fmt;
use std::sync::Arc;

use slotcast_protocol::{Code, Fault, ObjectName};

/// What is done with an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right {
    /// Use it, and ask for its fingerprint.
    Read,
    /// Change it.
    Write,
    /// Tell its followers something.
    Send,
}

impl Right {
    /// All there are.
    pub const ALL: [Right; 3] = [Right::Read, Right::Write, Right::Send];

    /// Its name in tokens and in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Right::Read => "read",
            Right::Write => "write",
            Right::Send => "send",
        }
    }
}

/// A name for what some users are: 1 to 64 bytes of UTF-8 without control characters, and not `anyone`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Role(Arc<str>);

impl Role {
    /// What the configuration calls all users, whatever their roles.
    pub const ANYONE: &str = "anyone";

    /// Checks the rule.
    pub fn parse(text: &str) -> Result<Role, Fault> {
        let fits = (1..=64).contains(&text.len()) && !text.chars().any(char::is_control);
        match fits && text != Role::ANYONE {
            true => Ok(Role(text.into())),
            false => Err(Fault::new(Code::BadName, "role: 1 to 64 bytes without control characters")),
        }
    }

    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An object's name, or the beginning of one and `*`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Objects(Arc<str>);

impl Objects {
    /// Checks the rule.
    pub fn parse(text: &str) -> Result<Objects, Fault> {
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"._~-/".contains(&byte);
        let fits = match text.strip_suffix('*') {
            Some(beginning) => beginning.len() < 255 && beginning.bytes().all(letter),
            None => ObjectName::parse(text).is_ok(),
        };
        match fits {
            true => Ok(Objects(text.into())),
            false => {
                Err(Fault::new(Code::BadName, "objects: an object's name, or the beginning of one and `*`"))
            }
        }
    }

    fn matches(&self, object: &ObjectName) -> bool {
        match self.0.strip_suffix('*') {
            Some(beginning) => object.as_str().starts_with(beginning),
            None => *self.0 == *object.as_str(),
        }
    }
}

impl fmt::Debug for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// Of one session, or of many with equal tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    roles: Vec<Role>,
    /// The narrowest first; None leaves it all to the kinds.
    objects: Option<Vec<(Objects, Vec<Right>)>>,
}

impl Rights {
    /// `objects` says what may be done with which; None leaves it to the kinds, and what no row matches may not be touched.
    pub fn new(roles: Vec<Role>, objects: Option<Vec<(Objects, Vec<Right>)>>) -> Self {
        let objects = objects.map(|mut rows| {
            rows.sort_by_key(|(objects, _)| (objects.0.ends_with('*'), Reverse(objects.0.len())));
            rows
        });
        Rights { roles, objects }
    }

    /// As the narrowest row that matches says.
    fn allow(&self, object: &ObjectName, right: Right) -> bool {
        let Some(rows) = &self.objects else { return true };
        rows.iter().find(|(objects, _)| objects.matches(object)).is_some_and(|(_, may)| may.contains(&right))
    }

    fn have_any(&self, roles: &[Role]) -> bool {
        roles.iter().any(|role| self.roles.contains(role))
    }
}

/// Whom a kind lets do something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Access {
    /// All users.
    #[default]
    Anyone,
    /// Who has one of these roles.
    Roles(Vec<Role>),
}

impl Access {
    /// Whether the kind and the session's token both allow `right`.
    pub(crate) fn lets(&self, rights: Option<&Rights>, object: &ObjectName, right: Right) -> bool {
        let kind_allows = match self {
            Access::Anyone => true,
            Access::Roles(roles) => may_see(rights, roles),
        };
        kind_allows && rights.is_none_or(|rights| rights.allow(object, right))
    }
}

/// Whether a session has one of the roles that may read a hidden slot, or do what only they may.
pub(crate) fn may_see(rights: Option<&Rights>, roles: &[Role]) -> bool {
    rights.is_some_and(|rights| rights.have_any(roles))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(name: &str) -> ObjectName {
        ObjectName::parse(name).expect("a good name")
    }

    fn roles(names: &[&str]) -> Vec<Role> {
        names.iter().map(|name| Role::parse(name).expect("a good role")).collect()
    }

    fn rights(has: &[&str], objects: Option<&[(&str, &[Right])]>) -> Rights {
        let row = |(objects, may): &(&str, &[Right])| {
            (Objects::parse(objects).expect("a good pattern"), may.to_vec())
        };
        Rights::new(roles(has), objects.map(|rows| rows.iter().map(row).collect()))
    }

    #[test]
    fn the_narrowest_row_decides() {
        use Right::{Read, Send, Write};
        let rows: &[(&str, &[Right])] =
            &[("a/*", &[Read, Write]), ("a/x*", &[]), ("a/x/1", &[Read, Send]), ("b", &[Write])];
        let rights = rights(&[], Some(rows));
        for (name, right, wanted) in [
            ("a/1", Read, true),
            ("a/1", Write, true),
            ("a/1", Send, false),
            ("a", Read, false),
            ("a/x", Read, false),
            ("a/x/2", Write, false),
            ("a/x/1", Read, true),
            ("a/x/1", Write, false),
            ("a/x/1", Send, true),
            ("b", Write, true),
            ("b", Read, false),
            ("b/1", Write, false),
            ("c", Read, false),
        ] {
            assert_eq!(Access::Anyone.lets(Some(&rights), &object(name), right), wanted, "{name} {right:?}");
        }
    }

    #[test]
    fn kind_and_token_have_to_allow_it() {
        let staff = Access::Roles(roles(&["staff", "boss"]));
        let all: &[(&str, &[Right])] = &[("*", &Right::ALL)];
        let rows = [
            (None, false),
            (Some(rights(&[], None)), false),
            (Some(rights(&["guest"], Some(all))), false),
            (Some(rights(&["boss"], None)), true),
            (Some(rights(&["boss"], Some(all))), true),
            (Some(rights(&["boss"], Some(&[]))), false),
        ];
        for (rights, wanted) in rows {
            assert_eq!(staff.lets(rights.as_ref(), &object("a/1"), Right::Read), wanted, "{rights:?}");
        }
        assert!(Access::Anyone.lets(None, &object("a/1"), Right::Write));
    }

    #[test]
    fn names() {
        for (text, good) in [("a/*", true), ("*", true), ("a", true), ("a/b*", true), ("a/b-1", true)] {
            assert_eq!(Objects::parse(text).is_ok(), good, "{text}");
        }
        for text in ["", "a*b", "a**", "a b", "é*", "a//b", "/a", "a?*", "a\n*"] {
            assert!(Objects::parse(text).is_err(), "{text}");
        }
        for text in ["", "anyone", "a\nb", &"x".repeat(65)] {
            assert!(Role::parse(text).is_err(), "{text}");
        }
    }
}
