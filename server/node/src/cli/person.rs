//! How friends read: one line each.
//!
//! ```text
//! bob      both  Bobby  [work, chess]
//! carol    to    (asked)
//! dave     -     asks
//! eve      -     blocked
//! 12:03:05.001 bob      is online "at the desk"
//! 12:03:07.310 carol    gone from the list
//! ```

use slotcast_protocol::roster::{Contact, Friend};
use slotcast_protocol::{State, Status, User};

use super::line::clock;
use super::place::name;
use super::screen::Paint;
use super::value::clipped;

/// What the list says of someone.
pub fn contact(user: &User, contact: &Contact, paint: Paint) -> String {
    let sub = contact.friend.as_ref().map_or("-", |friend| friend.sub.name());
    let mut words = vec![format!("{} {sub:<4}", who(user))];
    words.extend(contact.friend.iter().flat_map(|friend| friend_words(friend, paint)));
    words.extend(contact.asks.then(|| paint.odd("asks")));
    words.extend(contact.blocked.then(|| paint.odd("blocked")));
    words.join("  ").trim_end().to_owned()
}

fn friend_words(friend: &Friend, paint: Paint) -> Vec<String> {
    let Friend { alias, asked, approved, groups, .. } = friend;
    let mut words = Vec::new();
    words.extend(alias.as_ref().map(|alias| paint.strong(&name(alias.as_str()))));
    words.extend((!groups.is_empty()).then(|| {
        let groups: Vec<_> = groups.iter().map(|group| name(group.as_str())).collect();
        format!("[{}]", groups.join(", "))
    }));
    words.extend(asked.then(|| paint.faint("(asked)")));
    words.extend(approved.then(|| paint.faint("(approved)")));
    words
}

/// What it says of them now; nothing means that they are gone.
pub fn change(user: &User, now: &Contact, at_ms: u64, paint: Paint) -> String {
    let time = paint.faint(&clock(at_ms));
    match now.is_nothing() {
        true => format!("{time} {} {}", who(user), paint.before("gone from the list")),
        false => format!("{time} {}", contact(user, now, paint)),
    }
}

/// How someone is.
pub fn status(user: &User, status: &Status, at_ms: u64, paint: Paint) -> String {
    let state = match status.state {
        State::Online => paint.after(status.state.name()),
        State::Away | State::Busy => paint.odd(status.state.name()),
        State::Invisible | State::Offline => paint.faint(status.state.name()),
    };
    let body = status.body.as_ref().map_or(String::new(), |body| format!(" {}", clipped(body)));
    format!("{} {} is {state}{body}", paint.faint(&clock(at_ms)), who(user))
}

fn who(user: &User) -> String {
    format!("{:<8}", name(user.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::value;
    use slotcast_protocol::roster::{Alias, Group, Sub};

    fn user(name: &str) -> User {
        User::parse(name).expect("a good name")
    }

    fn friend(sub: Sub, alias: Option<&str>, groups: &[&str]) -> Friend {
        let alias = alias.map(|alias| Alias::parse(alias).expect("a good alias"));
        let groups = groups.iter().map(|group| Group::parse(group).expect("a good group")).collect();
        let asked = sub == Sub::None;
        Friend { id: user("bob"), alias, sub, asked, approved: false, groups }
    }

    #[test]
    fn a_list() {
        let rows = [
            (
                Some(friend(Sub::Both, Some("Bobby"), &["work", "chess"])),
                false,
                false,
                "bob      both  Bobby  [chess, work]",
            ),
            (
                Some(friend(Sub::To, Some("my \u{202e}Bob"), &[])),
                false,
                false,
                "bob      to    \"my \\u202eBob\"",
            ),
            (Some(friend(Sub::None, None, &[])), false, false, "bob      none  (asked)"),
            (Some(friend(Sub::From, None, &[])), true, false, "bob      from  blocked"),
            (None, false, true, "bob      -     asks"),
            (None, true, true, "bob      -     asks  blocked"),
        ];
        for (friend, blocked, asks, wanted) in rows {
            let row = Contact { friend, blocked, asks };
            assert_eq!(contact(&user("bob"), &row, Paint::PLAIN), wanted);
            assert_eq!(change(&user("bob"), &row, 1, Paint::PLAIN), format!("00:00:00.001 {wanted}"));
        }
        let gone = change(&user("zoë b"), &Contact::default(), 1, Paint::PLAIN);
        assert_eq!(gone, "00:00:00.001 \"zoë b\"  gone from the list");
    }

    #[test]
    fn statuses() {
        let body = Some(value::parse("\"at the desk\"").expect("it is JSON"));
        let busy = Status { state: State::Busy, body, since_ms: None };
        assert_eq!(
            status(&user("bob"), &busy, 0, Paint::PLAIN),
            "00:00:00.000 bob      is busy \"at the desk\""
        );
        assert_eq!(
            status(&user("bob"), &Status::OFFLINE, 0, Paint::PLAIN),
            "00:00:00.000 bob      is offline"
        );
    }
}
