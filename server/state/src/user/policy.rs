//! Who may write to whom: what the operator chose, and what the recipient's own lists say.

use std::collections::BTreeSet;

use slotcast_protocol::{Code, Durability, Fault, ObjectName, User};

/// Who may write to a user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// Every user.
    #[default]
    Anyone,
    /// Who uses an object at this moment that the other uses too.
    SharedObject,
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
}

/// A user's own lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Relations {
    /// Those who may not reach the user.
    pub blocked: BTreeSet<User>,
}

impl Relay {
    /// Whether there can be such a user. Under a policy that keeps strangers away no one learns who exists.
    pub(crate) fn check_exists(&self, user: &User) -> Result<(), Fault> {
        match (&self.users, self.policy) {
            (Some(users), Policy::Anyone) if !users.contains(user) => {
                Err(Fault::new(Code::UnknownUser, format!("to: there is no user {user}")))
            }
            (Some(users), Policy::SharedObject) if !users.contains(user) => Err(not_permitted(user)),
            (Some(_) | None, Policy::Anyone | Policy::SharedObject) => Ok(()),
        }
    }

    /// Whether `from`, who uses the objects `theirs`, may write to `to`.
    pub(crate) fn check_permits(
        &self,
        (from, theirs): (&User, &BTreeSet<ObjectName>),
        (to, own): (&User, &BTreeSet<ObjectName>),
        relations: &Relations,
    ) -> Result<(), Fault> {
        let met = match self.policy {
            Policy::Anyone => true,
            Policy::SharedObject => from == to || !own.is_disjoint(theirs),
        };
        if met && !relations.blocked.contains(from) { Ok(()) } else { Err(not_permitted(to)) }
    }
}

/// The same words whatever the reason: who is blocked is not told so.
fn not_permitted(to: &User) -> Fault {
    Fault::new(Code::NotPermitted, format!("to: {to} does not take this"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str) -> User {
        User::parse(name).expect("a good user")
    }

    fn objects(names: &[&str]) -> BTreeSet<ObjectName> {
        names.iter().map(|name| ObjectName::parse(name).expect("a good name")).collect()
    }

    #[test]
    fn who_may_write_to_bob() {
        let relations = Relations { blocked: [user("mallory")].into() };
        let (anyone, shared) = (Policy::Anyone, Policy::SharedObject);
        let rows = [
            (anyone, "alice", &[][..], &[][..], true),
            (anyone, "mallory", &["a"], &["a"], false),
            (shared, "alice", &["a", "b"], &["b", "c"], true),
            (shared, "alice", &["a"], &["b"], false),
            (shared, "alice", &[], &[], false),
            (shared, "mallory", &["b"], &["b"], false),
            (shared, "bob", &[], &[], true),
        ];
        for (policy, from, theirs, own, permitted) in rows {
            let relay = Relay { policy, ..Relay::default() };
            let sender = (&user(from), &objects(theirs));
            let checked = relay.check_permits(sender, (&user("bob"), &objects(own)), &relations);
            assert_eq!(checked.is_ok(), permitted, "{policy:?} {from} {theirs:?} {own:?}");
        }
    }

    #[test]
    fn who_exists() {
        let known = Some([user("bob")].into());
        let rows = [
            (Policy::Anyone, "bob", None),
            (Policy::Anyone, "nobody", Some(Code::UnknownUser)),
            (Policy::SharedObject, "nobody", Some(Code::NotPermitted)),
        ];
        for (policy, to, refused) in rows {
            let relay = Relay { policy, users: known.clone(), ..Relay::default() };
            assert_eq!(relay.check_exists(&user(to)).err().map(|fault| fault.code), refused, "{to}");
        }
        assert_eq!(Relay::default().check_exists(&user("anyone")), Ok(()));
    }
}
