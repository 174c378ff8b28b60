//! Users whose tokens are no longer good: a file with a line for each.
//!
//! ```text
//! mallory                 no token of hers
//! bob 1767225600          none that was made up to then, in seconds of the Unix clock
//! ```

use std::collections::BTreeMap;
use std::path::Path;

use slotcast_protocol::User;

/// By user: up to when tokens were made that are no longer good; None for all.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Revoked(BTreeMap<User, Option<u64>>);

impl Revoked {
    fn parse(text: &str) -> Result<Revoked, String> {
        let mut users = BTreeMap::new();
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let (name, until_s) = split(line.trim());
            let user = User::parse(name);
            let user =
                user.map_err(|_| format!("line {}: expected a user, or a user and a time", number + 1))?;
            let wider = |known: &Option<u64>| known.is_none() || until_s.is_some_and(|s| Some(s) < *known);
            if !users.get(&user).is_some_and(wider) {
                users.insert(user, until_s);
            }
        }
        Ok(Revoked(users))
    }

    /// Whether the user's token is no longer good. One of which it is not known when it was made is as old as can be.
    pub fn holds(&self, user: &User, issued_s: Option<u64>) -> bool {
        match self.0.get(user) {
            None => false,
            Some(None) => true,
            Some(Some(until_s)) => issued_s.is_none_or(|issued_s| issued_s <= *until_s),
        }
    }
}

/// A number at the end is a time, as names may have blanks in them.
fn split(line: &str) -> (&str, Option<u64>) {
    let parts = line.rsplit_once([' ', '\t']);
    let timed = parts.and_then(|(name, time)| Some((name.trim_end(), Some(time.parse().ok()?))));
    timed.unwrap_or((line, None))
}

/// Reads the file.
pub fn read(path: &Path) -> Result<Revoked, String> {
    let text = std::fs::read_to_string(path);
    let text = text.map_err(|why| format!("{}: cannot be read: {why}", path.display()))?;
    Revoked::parse(&text).map_err(|why| format!("{}: {why}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str) -> User {
        User::parse(name).expect("a good user")
    }

    #[test]
    fn lines() {
        let text = "mallory\n\n bob 100\nold friend\t50\nbob 7 100\neve 1\neve\nzoe 5\nzoe 9\nzoe 7\n";
        let revoked = Revoked::parse(text).expect("it is good");
        for (name, issued_s, wanted) in [
            ("mallory", Some(u64::MAX), true),
            ("mallory", None, true),
            ("alice", None, false),
            ("bob", Some(100), true),
            ("bob", Some(101), false),
            ("bob", None, true),
            ("old friend", Some(50), true),
            ("old friend", Some(51), false),
            ("bob 7", Some(100), true),
            ("eve", Some(2), true),
            ("zoe", Some(9), true),
            ("zoe", Some(10), false),
        ] {
            assert_eq!(revoked.holds(&user(name), issued_s), wanted, "{name} {issued_s:?}");
        }
        let why = Revoked::parse("a\n\n@b\n").expect_err("@b is no user");
        assert_eq!(why, "line 3: expected a user, or a user and a time");
    }
}
