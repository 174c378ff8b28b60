//! What the store keeps things under.

use std::fmt;

use slotcast_protocol::{Fault, ObjectName, User};

/// An object, a user or a user's roster. As text an object is its name, a user `@` and his, a roster `&` and its owner's: no object's name begins so.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Name {
    /// What [`crate::Contents`] are about.
    Object(ObjectName),
    /// What [`crate::UserContents`] are about.
    User(User),
    /// What [`crate::roster::List`] is about.
    Roster(User),
}

impl Name {
    /// Reads what [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Result<Name, Fault> {
        match text.split_at_checked(1) {
            Some(("@", user)) => User::parse(user).map(Name::User),
            Some(("&", owner)) => User::parse(owner).map(Name::Roster),
            Some(_) | None => ObjectName::parse(text).map(Name::Object),
        }
    }

    /// The object, if it is one.
    pub fn object(&self) -> Option<&ObjectName> {
        match self {
            Name::Object(object) => Some(object),
            Name::User(_) | Name::Roster(_) => None,
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Name::Object(object) => f.write_str(object.as_str()),
            Name::User(user) => write!(f, "@{user}"),
            Name::Roster(owner) => write!(f, "&{owner}"),
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
        for text in ["auction/42", "~alice", "@alice", "@zoë b", "@a/b", "&alice", "&&", "@&"] {
            let name = Name::parse(text).expect(text);
            assert_eq!(name.to_string(), text);
            assert_eq!(name.object().is_none(), text.starts_with(['@', '&']), "{text}");
        }
        for bad in ["", "@", "@@a", "&", "&@a", "a b"] {
            assert!(Name::parse(bad).is_err(), "{bad}");
        }
    }
}
