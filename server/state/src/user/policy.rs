//! Who may write to whom: what the operator chose, and what the recipient's own lists say.

use std::collections::BTreeSet;

use slotcast_protocol::{Code, Durability, Fault, ObjectName, User};

use crate::roster::Contacts;

/// Who may write to a user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// Every user.
    #[default]
    Anyone,
    /// Whom the user's list lets in.
    Friends,
    /// Who uses an object at this moment that the other uses too.
    SharedObject,
}

/// Where the friend lists are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rosters {
    /// With the server itself; an edit is called done when it has reached this class.
    Own(Durability),
    /// With a service outside.
    Outside,
}

impl Default for Rosters {
    fn default() -> Self {
        Rosters::Own(Durability::Memory)
    }
}

/// The relay, as the operator wants it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Relay {
    /// What `stored` stands for.
    pub durability: Durability,
    /// Who may write to whom.
    pub policy: Policy,
    /// All users that there are; None if anyone who comes is one.
    pub users: Option<BTreeSet<User>>,
    /// Who keeps the friend lists.
    pub rosters: Rosters,
}

impl Relay {
    /// Whether there is such a user, as far as is known.
    pub(crate) fn has(&self, user: &User) -> bool {
        self.users.as_ref().is_none_or(|users| users.contains(user))
    }

    /// Whether there can be such a user. Under a policy that keeps strangers away no one learns who exists.
    pub(crate) fn check_exists(&self, user: &User) -> Result<(), Fault> {
        match (&self.users, self.policy) {
            (Some(users), Policy::Anyone) if !users.contains(user) => {
                Err(Fault::new(Code::UnknownUser, format!("to: there is no user {user}")))
            }
            (Some(users), Policy::Friends | Policy::SharedObject) if !users.contains(user) => {
                Err(not_permitted(user))
            }
            (Some(_) | None, Policy::Anyone | Policy::Friends | Policy::SharedObject) => Ok(()),
        }
    }

    /// Whether someone can be asked to be a friend. Under a policy that keeps strangers away one who does not exist never answers.
    pub(crate) fn check_can_be_asked(&self, user: &User) -> Result<(), Fault> {
        match self.policy {
            Policy::Anyone => self.check_exists(user),
            Policy::Friends | Policy::SharedObject => Ok(()),
        }
    }

    /// Whether `from`, who uses the objects `theirs`, may write to `to`, who uses `own` and has this list.
    pub(crate) fn check_permits(
        &self,
        (from, theirs): (&User, &BTreeSet<ObjectName>),
        (to, own): (&User, &BTreeSet<ObjectName>),
        contacts: &Contacts,
    ) -> Result<(), Fault> {
        let met = match self.policy {
            Policy::Anyone => true,
            Policy::Friends => from == to || contacts.admits(from),
            Policy::SharedObject => from == to || !own.is_disjoint(theirs),
        };
        if met && !contacts.blocks(from) { Ok(()) } else { Err(not_permitted(to)) }
    }
}

/// The same words whatever the reason: who is blocked is not told so.
fn not_permitted(to: &User) -> Fault {
    Fault::new(Code::NotPermitted, format!("to: {to} does not take this"))
}

#[cfg(test)]
mod tests {
    use slotcast_protocol::roster::{Contact, Friend, Mark, Sub};

    use super::*;

    fn user(name: &str) -> User {
        User::parse(name).expect("a good user")
    }

    fn objects(names: &[&str]) -> BTreeSet<ObjectName> {
        names.iter().map(|name| ObjectName::parse(name).expect("a good name")).collect()
    }

    /// Of bob: alice is let in, carol is only wanted, mallory is blocked although let in.
    fn contacts() -> Contacts {
        let friend = |name: &str, sub| Friend { sub, ..Friend::new(user(name)) };
        let of = |name, sub, blocked| {
            (user(name), Contact { friend: Some(friend(name, sub)), blocked, asks: false })
        };
        let people =
            [of("alice", Sub::Both, false), of("carol", Sub::To, false), of("mallory", Sub::From, true)];
        Contacts::new(&user("bob"), Mark { epoch: 1, rev: 3 }, people.into())
    }

    #[test]
    fn who_may_write_to_bob() {
        let (anyone, friends, shared) = (Policy::Anyone, Policy::Friends, Policy::SharedObject);
        let rows = [
            (anyone, "alice", &[][..], &[][..], true),
            (anyone, "stranger", &[], &[], true),
            (anyone, "mallory", &["a"], &["a"], false),
            (friends, "alice", &[], &[], true),
            (friends, "carol", &["a"], &["a"], false),
            (friends, "stranger", &[], &[], false),
            (friends, "mallory", &[], &[], false),
            (friends, "bob", &[], &[], true),
            (shared, "alice", &["a", "b"], &["b", "c"], true),
            (shared, "alice", &["a"], &["b"], false),
            (shared, "alice", &[], &[], false),
            (shared, "mallory", &["b"], &["b"], false),
            (shared, "bob", &[], &[], true),
        ];
        for (policy, from, theirs, own, permitted) in rows {
            let relay = Relay { policy, ..Relay::default() };
            let sender = (&user(from), &objects(theirs));
            let checked = relay.check_permits(sender, (&user("bob"), &objects(own)), &contacts());
            assert_eq!(checked.is_ok(), permitted, "{policy:?} {from} {theirs:?} {own:?}");
        }
    }

    #[test]
    fn who_exists() {
        let known = Some([user("bob")].into());
        let rows = [
            (Policy::Anyone, "bob", None),
            (Policy::Anyone, "nobody", Some(Code::UnknownUser)),
            (Policy::Friends, "nobody", Some(Code::NotPermitted)),
            (Policy::SharedObject, "nobody", Some(Code::NotPermitted)),
        ];
        for (policy, to, refused) in rows {
            let relay = Relay { policy, users: known.clone(), ..Relay::default() };
            assert_eq!(relay.check_exists(&user(to)).err().map(|fault| fault.code), refused, "{to}");
        }
        assert_eq!(Relay::default().check_exists(&user("anyone")), Ok(()));
    }
}
