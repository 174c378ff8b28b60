//! Lists at hand: how long they may be used, and how they stay true.

use slotcast_protocol::roster::Edit;
use slotcast_protocol::{Code, Fault, User};
use slotcast_state::roster::{Cache, CacheInput, CacheOutput, Claim, Difference, Fetched, LEASE_MS};

use crate::scene::{Scene, session, user};

#[test]
fn a_list_that_cannot_be_had_takes_nothing_away_that_is_at_hand() {
    for fetched in [Fetched::Failed(Fault::new(Code::Unavailable, "no")), Fetched::Behind] {
        let mut scene = Scene::friends();
        scene.tell_home(CacheInput::Pin { owner: user("alice"), on: true });
        scene.list("alice");
        let (mut out, fetches) = (Vec::new(), scene.fetches);
        scene.cache.handle(CacheInput::Ask { ticket: 900, owner: user("dave"), claim: None }, &mut out);
        let CacheOutput::Fetch { fetch, owner, .. } = out.remove(0) else { panic!("it fetches") };
        scene.tell_home(CacheInput::Fetched { fetch, owner, lease: 0, fetched });
        let ticket = scene.ask("alice", None);
        assert_eq!(scene.went.last().map(|(went, ..)| *went), Some(ticket));
        assert_eq!(
            (scene.fetches, scene.changed),
            (fetches, Vec::new()),
            "it was at hand, and no one hears of a change"
        );
    }
}

#[test]
fn a_lease_lasts_from_the_question_and_not_from_the_answer() {
    let mut cache = Cache::new(100);
    let mut out = Vec::new();
    let ask = |ticket| CacheInput::Ask { ticket, owner: user("alice"), claim: None };
    cache.handle(CacheInput::Tick(1_000), &mut out);
    cache.handle(ask(1), &mut out);
    cache.handle(CacheInput::Tick(2_900), &mut out);
    let Difference::Full(contacts) = Scene::friends().read("alice", None) else { panic!("everything") };
    let fetched = Fetched::List(contacts);
    cache.handle(CacheInput::Fetched { fetch: 1, owner: user("alice"), lease: 1, fetched }, &mut out);
    for (now_ms, goes_on) in [(1_000 + LEASE_MS - 1, true), (1_000 + LEASE_MS, false)] {
        cache.handle(CacheInput::Tick(now_ms), &mut out);
        out.clear();
        cache.handle(ask(2), &mut out);
        assert_eq!(matches!(out[0], CacheOutput::Go { .. }), goes_on, "{now_ms} ms: {out:?}");
    }
}

#[test]
fn a_lease_that_is_renewed_in_bulk_brings_what_was_lost() {
    let mut scene = Scene::friends();
    scene.list("bob");
    scene.list("alice");
    // Between a change and the next time it is pushed.
    let renewal_ms = scene.cache.next_deadline().expect("a renewal is due");
    scene.until(renewal_ms - 500);
    scene.deaf = true;
    scene.edit("alice", Edit::Ask(user("carol")));
    scene.deaf = false;
    let fetches = scene.fetches;
    scene.until(renewal_ms);
    assert_eq!(scene.fetches, fetches, "nothing is fetched that no one needs");
    scene.ask("alice", None);
    let (_, contacts, _) = scene.went.last().expect("it goes on");
    assert!(contacts.people().contains_key(&user("carol")));
}

#[test]
fn a_list_that_someone_watches_stays_and_its_changes_are_told() {
    let mut scene = Scene::friends();
    scene.cache = Cache::new(1);
    scene.tell_home(CacheInput::Tick(scene.now_ms));
    scene.tell_home(CacheInput::Pin { owner: user("alice"), on: true });
    scene.list("alice");
    for other in ["bob", "carol", "dave", "erin"] {
        scene.list(other);
    }
    scene.edit("alice", Edit::Ask(user("carol")));
    scene.edit("dave", Edit::Ask(user("carol")));
    assert_eq!(scene.changed, [user("alice")], "once, and of no one else");
    assert!(scene.list("alice").people().contains_key(&user("carol")));
    scene.tell_home(CacheInput::Pin { owner: user("alice"), on: false });
    scene.until(scene.now_ms + 10_000);
    for other in ["bob", "carol", "dave"] {
        scene.list(other);
    }
    scene.edit("alice", Edit::Remove(user("carol")));
    assert_eq!(scene.changed.len(), 1, "who does not watch is not told");
    assert_eq!(scene.cache.lists(), 1);
}

#[test]
fn a_change_whose_word_was_lost_is_told_when_the_list_comes() {
    let mut scene = Scene::friends();
    scene.tell_home(CacheInput::Pin { owner: user("alice"), on: true });
    scene.tag("alice");
    scene.deaf = true;
    scene.edit("alice", Edit::Ask(user("carol")));
    scene.deaf = false;
    let Difference::Full(newest) = scene.read("alice", None) else { panic!("everything") };
    let claim = Claim::from(newest.tag());
    assert_eq!(scene.notice("alice", session(1), claim), None, "it is fetched, and the claim holds");
    assert_eq!(scene.changed, [user("alice")]);
    scene.until(scene.now_ms + 5_000);
    assert_eq!(scene.changed.len(), 1, "the word that comes late is no news");
}

#[test]
fn the_slow_path_is_rare() {
    let mut scene = Scene::new();
    let users = 100;
    for number in 0..users {
        let (one, two) = (format!("user-{number}"), format!("user-{}", (number + 1) % users));
        scene.edit(&one, Edit::Ask(user(&two)));
        scene.edit(&two, Edit::Accept(user(&one)));
    }
    (0..users).for_each(|number| _ = scene.ask(&format!("user-{number}"), None));
    let before = scene.cache.met();
    assert_eq!(before.slow, users);
    let owners: Vec<User> = (0..users).map(|number| user(&format!("user-{number}"))).collect();
    let mut out = Vec::new();
    for message in 0..1_000_000_u64 {
        if message % 10_000 == 0 {
            scene.until(scene.now_ms + 3_000);
        }
        let owner = owners[(message % users) as usize].clone();
        scene.cache.handle(CacheInput::Ask { ticket: message, owner, claim: None }, &mut out);
        assert!(matches!(out.pop(), Some(CacheOutput::Go { .. })), "message {message}");
    }
    let after = scene.cache.met();
    assert_eq!(
        (after.slow, after.fetches),
        (before.slow, before.fetches),
        "in five minutes, over thirty renewals"
    );
}
