//! What a tag says of a list, and what becomes of those who name another one.

use slotcast_protocol::roster::{Alias, Edit};
use slotcast_state::roster::{Claim, Difference, Input, Notice};

use crate::scene::{Scene, session, user};

#[test]
fn a_list_that_becomes_what_it_was_has_the_same_md5_and_another_tag() {
    let mut scene = Scene::friends();
    let before = scene.tag("alice");
    let alias = |alias: Option<&str>| Edit::Alias {
        user: user("bob"),
        alias: alias.map(|alias| Alias::parse(alias).expect("a good alias")),
    };
    scene.edit("alice", alias(Some("Bobby")));
    scene.edit("alice", alias(None));
    let after = scene.tag("alice");
    assert_eq!((before.md5, before.mark.rev + 2), (after.md5, after.mark.rev));
    assert_eq!(scene.notice("alice", session(1), before.into()), Some(Notice::Behind));
    assert!(
        matches!(scene.read("alice", Some(before)), Difference::Delta { from, .. } if from == before.mark.rev)
    );
}

#[test]
fn an_account_that_was_deleted_and_made_again_has_no_old_tags() {
    let mut scene = Scene::friends();
    let before = scene.tag("alice");
    let ticket = scene.ticket();
    scene.register(Input::Erase { ticket, owner: user("alice") });
    assert!(scene.is_done(ticket));
    assert!(scene.list("alice").people().is_empty());
    assert!(!scene.list("bob").admits(&user("alice")), "bob's list has heard of it");
    scene.edit("alice", Edit::Ask(user("bob")));
    scene.edit("bob", Edit::Accept(user("alice")));
    let after = scene.tag("alice");
    assert_eq!(before.md5, after.md5);
    assert_ne!(before.mark.epoch, after.mark.epoch);
    assert_eq!(scene.notice("alice", session(1), before.into()), Some(Notice::Full));
    assert!(matches!(scene.read("alice", Some(before)), Difference::Full(_)));
}

#[test]
fn of_two_devices_the_stale_one_is_told_and_nothing_is_fetched() {
    let mut scene = Scene::friends();
    let old = scene.tag("alice");
    scene.edit("alice", Edit::Ask(user("carol")));
    let new = scene.tag("alice");
    let fetches = scene.fetches;
    assert_eq!(scene.notice("alice", session(1), old.into()), Some(Notice::Behind));
    assert_eq!(scene.notice("alice", session(2), new.into()), None);
    assert_eq!(scene.notice("alice", session(1), old.into()), None, "not again within 5 s");
    scene.until(scene.now_ms + 5_000);
    assert_eq!(scene.notice("alice", session(1), old.into()), Some(Notice::Behind));
    assert_eq!(scene.fetches, fetches);
}

#[test]
fn a_forged_rev_costs_a_fetch_a_second_and_no_one_else_waits() {
    let mut scene = Scene::friends();
    let tag = scene.tag("alice");
    let (fetches, begun_ms) = (scene.fetches, scene.now_ms);
    for number in 0..1_000 {
        let claim = Claim { rev: tag.mark.rev + 1 + number, ..tag.into() };
        scene.ask("alice", Some((session(1), claim)));
        let honest = scene.ask("alice", None);
        assert_eq!(scene.went.last().expect("someone went on").0, honest);
        scene.until(scene.now_ms + 10);
    }
    scene.until(scene.now_ms + 1_000);
    let seconds = (scene.now_ms - begun_ms) / 1_000;
    assert!(scene.fetches - fetches <= seconds + 1, "{} fetches in {seconds} s", scene.fetches - fetches);
    assert_eq!(scene.cache.met().denied, 1_000);
}

#[test]
fn another_md5_of_the_same_rev_gets_everything_and_costs_nothing() {
    let mut scene = Scene::friends();
    let tag = scene.tag("alice");
    let fetches = scene.fetches;
    let claim = Claim { md5: [0; 8], ..tag.into() };
    assert_eq!(scene.notice("alice", session(1), claim), Some(Notice::Full));
    assert_eq!((scene.fetches, scene.cache.met().diverged), (fetches, 1));
}
