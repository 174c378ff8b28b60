//! What the store keeps things under.

use std::fmt;

use slotcast_protocol::{Fault, ObjectName, User};

/// An object or a user. As text an object is its name, and a user `@` and his: no object's name begins so.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Name {
    /// What [`crate::Contents`] are about.
    Object(ObjectName),
    /// What [`crate::UserContents`] are about.
    User(User),
}

impl Name {
    /// Reads what [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Result<Name, Fault> {
        match text.strip_prefix('@') {
            Some(user) => User::parse(user).map(Name::User),
            None => ObjectName::parse(text).map(Name::Object),
        }
    }

    /// The object, if it is one.
    pub fn object(&self) -> Option<&ObjectName> {
        match self {
            Name::Object(object) => Some(object),
            Name::User(_) => None,
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Name::Object(object) => f.write_str(object.as_str()),
            Name::User(user) => write!(f, "@{user}"),
        }
    }
}

impl From<ObjectName> for Name {
    fn from(object: ObjectName) -> Self {
        Name::Object(object)
    }
}

impl From<User> for Name {
    fn from(user: User) -> Self {
        Name::User(user)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_text_and_back() {
        for text in ["auction/42", "~alice", "@alice", "@zoë b", "@a/b"] {
            let name = Name::parse(text).expect(text);
            assert_eq!(name.to_string(), text);
            assert_eq!(name.object().is_none(), text.starts_with('@'), "{text}");
        }
        for bad in ["", "@", "@@a", "a b"] {
            assert!(Name::parse(bad).is_err(), "{bad}");
        }
    }
}
