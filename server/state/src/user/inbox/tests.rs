//! What waits, what makes room, and who is told what.

use slotcast_protocol::Value;

use super::*;

fn user(name: &str) -> User {
    User::parse(name).expect("a good user")
}

fn device(name: &str) -> Device {
    Device::parse(name).expect("a good device")
}

fn message(seq: u64, from: &str, bytes: usize) -> Filed {
    let body = Value::trusted(vec![1; bytes]);
    let matter = Matter::Message { from: user(from), id: seq, body, kind: None };
    Filed { entry: Entry { seq, time_ms: seq, matter }, device: Some(device("d")) }
}

fn own(seq: u64, matter: Matter) -> Filed {
    Filed { entry: Entry { seq, time_ms: seq, matter }, device: Some(device("phone")) }
}

fn copy(seq: u64) -> Filed {
    own(seq, Matter::Copy { to: user("bob"), id: seq, body: Value::trusted([1]), kind: None, at: seq })
}

fn receipt(seq: u64, delivered: u64) -> Filed {
    own(seq, Matter::Receipt { user: user("bob"), delivered, read: 0 })
}

fn limits() -> Limits {
    Limits { inbox_messages: 4, inbox_per_sender: 3, inbox_bytes: 1_000, inbox_days: 1, ..Limits::default() }
}

fn numbers(inbox: &Inbox) -> Vec<u64> {
    inbox.iter().map(|filed| filed.entry.seq).collect()
}

/// Entries in their order, and up to where some device then has them.
fn filled(entries: impl IntoIterator<Item = Filed>, delivered: u64) -> Inbox {
    let mut inbox = Inbox::default();
    entries.into_iter().for_each(|filed| inbox.append(filed, &limits()));
    inbox.deliver(delivered);
    inbox
}

#[test]
fn what_waits_stays_and_its_senders_are_refused() {
    let from_alice = || (1..=3).map(|seq| message(seq, "alice", 10));
    let rows = [
        (filled(from_alice(), 0), "alice", 10, Some("inbox_per_sender")),
        (filled(from_alice(), 0), "carol", 10, None),
        (filled(from_alice(), 1), "alice", 10, None),
        (filled(from_alice().chain([message(4, "carol", 10)]), 0), "dave", 10, Some("inbox_messages")),
        (filled(from_alice().chain([message(4, "carol", 10)]), 1), "dave", 10, None),
        (filled([message(1, "alice", 800)], 0), "dave", 100, Some("inbox_bytes")),
        (filled([message(1, "alice", 800)], 1), "dave", 100, None),
    ];
    for (number, (inbox, from, bytes, wanted)) in rows.into_iter().enumerate() {
        let room = inbox.room(&user(from), bytes, &limits());
        let refused = room.err().map(|fault| fault.what);
        assert_eq!(refused.is_some(), wanted.is_some(), "row {number}: {refused:?}");
        assert!(refused.unwrap_or_default().contains(wanted.unwrap_or_default()), "row {number}");
    }
}

#[test]
fn what_some_device_has_makes_room_the_oldest_first() {
    let mut inbox = filled((1..=4).map(|seq| message(seq, "alice", 10)), 2);
    inbox.append(message(5, "carol", 10), &limits());
    assert_eq!((numbers(&inbox), inbox.lost_to()), (vec![2, 3, 4, 5], 1));
    inbox.append(copy(6), &limits());
    inbox.append(copy(7), &limits());
    assert_eq!((numbers(&inbox), inbox.lost_to()), (vec![3, 4, 5, 7], 6));
    inbox.append(message(8, "dave", 10), &limits());
    inbox.append(copy(9), &limits());
    assert_eq!((numbers(&inbox), inbox.lost_to(), inbox.last()), (vec![3, 4, 5, 8], 9, 9));
}

#[test]
fn a_receipt_replaces_the_last_one_about_the_same_user() {
    let inbox = filled([receipt(1, 5), copy(2), receipt(3, 7)], 0);
    assert_eq!((numbers(&inbox), inbox.lost_to()), (vec![2, 3], 0));
    let wanted = Matter::Receipt { user: user("bob"), delivered: 7, read: 0 };
    assert_eq!(inbox.mark(false, &user("bob")), Some(&wanted));
    assert_eq!(inbox.mark(true, &user("bob")), None);
}

#[test]
fn a_day_later() {
    let mut inbox = filled((1..=3).map(|seq| message(seq, "alice", 10)), 0);
    inbox.append(message(4 + DAY_MS, "alice", 10), &limits());
    assert_eq!((numbers(&inbox), inbox.lost_to()), (vec![4 + DAY_MS], 3));
    assert_eq!(inbox.room(&user("alice"), 10, &limits()), Ok(()));
}

#[test]
fn senders_are_told_up_to_where() {
    let mut inbox = filled([message(1, "alice", 1), message(2, "carol", 1), message(3, "alice", 1)], 0);
    assert_eq!(inbox.deliver(2), [(user("alice"), 1), (user("carol"), 2)]);
    assert_eq!(inbox.deliver(1), []);
    assert_eq!(inbox.deliver(3), [(user("alice"), 3)]);
}

#[test]
fn a_device_is_not_told_what_it_did() {
    let inbox = filled([copy(1), message(2, "alice", 1)], 0);
    let next = |name: &str, seq| inbox.next_for(&device(name), seq).map(|filed| filed.entry.seq);
    assert_eq!((next("phone", 0), next("laptop", 0), next("laptop", 2)), (Some(2), Some(1), None));
}
