//! Crashes, and words of lives that are over.

use slotcast_protocol::roster::{Edit, Mark};
use slotcast_state::roster::{
    CacheInput, CacheOutput, Claim, Difference, Effects, Fetched, Input, LEASE_MS, Stance, Tell,
};

use crate::scene::{HOME, Scene, session, user};

#[test]
fn a_removal_under_a_crash_is_done_when_leases_of_the_run_before_are_over() {
    let mut scene = Scene::friends();
    scene.deaf = true;
    let begun_ms = scene.now_ms;
    scene.edit("alice", Edit::Remove(user("bob")));
    scene.crash(2);
    let again = scene.edit("alice", Edit::Remove(user("bob")));
    assert!(!scene.is_done(again), "nothing is to be done, and the home still lets bob in");
    assert!(scene.went.iter().any(|(_, contacts, _)| contacts.admits(&user("bob"))));
    scene.until(begun_ms + LEASE_MS - 1);
    assert!(!scene.is_done(again));
    scene.until(begun_ms + LEASE_MS);
    assert!(scene.is_done(again));
    let ticket = scene.ask("alice", None);
    assert!(!scene.went.iter().any(|(went, ..)| *went == ticket));
    scene.deaf = false;
    assert!(!scene.list("alice").admits(&user("bob")));
}

#[test]
fn a_service_that_answers_with_older_data_takes_nothing_back() {
    let mut scene = Scene::friends();
    let old = scene.list("alice");
    scene.edit("alice", Edit::Ask(user("carol")));
    let new = scene.list("alice");
    let claim = Claim { rev: new.mark().rev + 1, ..new.tag().into() };
    scene.until(scene.now_ms + 1_000);
    let mut out = Vec::new();
    scene.cache.handle(
        CacheInput::Ask { ticket: 900, owner: user("alice"), claim: Some((session(1), claim)) },
        &mut out,
    );
    let CacheOutput::Fetch { fetch, owner, have, at_least } = out.remove(0) else { panic!("it fetches") };
    assert_eq!((have, at_least), (Some(new.mark()), Some(Mark { rev: claim.rev, ..new.mark() })));
    scene.tell_home(CacheInput::Fetched { fetch, owner, lease: 1, fetched: Fetched::List(old) });
    assert_eq!(scene.cache.met().backwards, 1);
    assert_eq!(scene.list("alice").mark(), new.mark());
}

#[test]
fn a_service_that_answers_with_a_life_that_is_over_takes_nothing_back() {
    let mut scene = Scene::friends();
    let old = scene.list("alice");
    let ticket = scene.ticket();
    scene.register(Input::Erase { ticket, owner: user("alice") });
    let new = scene.tag("alice");
    let mut out = Vec::new();
    let claim = Claim { rev: new.mark.rev + 1, ..new.into() };
    let claim = Some((session(1), claim));
    scene.cache.handle(CacheInput::Ask { ticket: 900, owner: user("alice"), claim }, &mut out);
    let CacheOutput::Fetch { fetch, owner, .. } = out.remove(0) else { panic!("it fetches") };
    scene.tell_home(CacheInput::Fetched { fetch, owner, lease: 1, fetched: Fetched::List(old) });
    assert_eq!(scene.cache.met().backwards, 1);
    assert_eq!(scene.tag("alice"), new);
}

#[test]
fn an_acknowledgement_from_a_life_that_is_over_is_none() {
    let mut scene = Scene::friends();
    let old = scene.list("alice").mark();
    scene.deaf = true;
    let erasure = scene.ticket();
    scene.register(Input::Erase { ticket: erasure, owner: user("alice") });
    let Difference::Full(new) = scene.read("alice", None) else { panic!("everything") };
    scene.register(Input::Acknowledge { home: HOME, owner: user("alice"), mark: Mark { rev: 1_000, ..old } });
    assert!(!scene.is_done(erasure));
    scene.register(Input::Acknowledge { home: HOME, owner: user("alice"), mark: new.mark() });
    assert!(scene.is_done(erasure));
}

#[test]
fn an_older_word_of_the_other_side_counts_no_more() {
    let mut scene = Scene::friends();
    let word = |rev: u64, stance: Stance| {
        let mark = Mark { epoch: 77, rev };
        Input::Tell(Tell {
            from: user("carol"),
            to: user("alice"),
            mark,
            stance,
            heard: Stance::NONE,
            ends: None,
        })
    };
    // Carol is no one whom this registrar could ask again.
    let tell = |scene: &mut Scene, input| scene.registrar.handle(input, &mut Effects::default());
    tell(&mut scene, word(5, Stance::BOTH));
    tell(&mut scene, word(3, Stance::NONE));
    let Difference::Full(contacts) = scene.read("alice", None) else { panic!("everything") };
    assert!(contacts.people()[&user("carol")].asks);
    tell(&mut scene, word(6, Stance::NONE));
    let Difference::Full(contacts) = scene.read("alice", None) else { panic!("everything") };
    assert!(!contacts.people().contains_key(&user("carol")));
}
