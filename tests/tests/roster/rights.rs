//! Who has been let in or shut out, and from when on that is so at every home.

use slotcast_protocol::roster::{Edit, Mark};
use slotcast_state::roster::{Cache, CacheInput, CacheOutput, Difference, Fetched, LEASE_MS};

use crate::scene::{Scene, session, user};

#[test]
fn whoever_has_just_been_let_in_is_let_in_where_the_owner_says_so() {
    let mut scene = Scene::friends();
    let old = scene.list("alice");
    scene.deaf = true;
    scene.edit("alice", Edit::Ask(user("carol")));
    let Difference::Delta { tag, .. } = scene.read("alice", Some(old.tag())) else { panic!("a delta") };
    scene.deaf = false;
    let ticket = scene.ask("alice", Some((session(1), tag.into())));
    scene.until(scene.now_ms + 1_000);
    let (_, contacts, notice) = scene.went.iter().find(|(went, ..)| *went == ticket).expect("it goes on");
    assert_eq!((contacts.mark(), *notice), (tag.mark, None));
}

#[test]
fn a_removal_is_done_when_the_home_has_heard_of_it() {
    let mut scene = Scene::friends();
    scene.deaf = true;
    let removal = scene.edit("alice", Edit::Remove(user("bob")));
    assert!(!scene.is_done(removal), "the home may still let bob in");
    assert!(scene.list("alice").admits(&user("bob")));
    scene.deaf = false;
    scene.until(scene.now_ms + 1_000);
    assert!(scene.is_done(removal), "it is told again every second");
    assert!(!scene.list("alice").admits(&user("bob")));
}

#[test]
fn a_home_that_hears_nothing_holds_a_removal_up_for_a_lease_and_serves_nothing_afterwards() {
    let mut scene = Scene::friends();
    scene.deaf = true;
    let begun_ms = scene.now_ms;
    let removal = scene.edit("alice", Edit::Remove(user("bob")));
    while !scene.is_done(removal) {
        scene.ask("alice", None);
        scene.until(scene.now_ms + 100);
        assert!(scene.now_ms - begun_ms <= 5_000 + LEASE_MS + 100, "{} ms", scene.now_ms - begun_ms);
    }
    let ticket = scene.ask("alice", None);
    scene.until(scene.now_ms + 6_000);
    assert!(scene.refused.contains(&ticket), "the home has no list that it may use");
}

#[test]
fn an_answer_that_was_under_way_when_the_list_changed_lets_no_one_in() {
    let mut scene = Scene::friends();
    let old = scene.list("alice");
    scene.until(scene.now_ms + 1_000);
    // The cache begins anew, so that it has to fetch; the answer is held back.
    scene.cache = Cache::new(100);
    let mut out = Vec::new();
    scene.cache.handle(CacheInput::Tick(scene.now_ms), &mut out);
    scene.cache.handle(CacheInput::Ask { ticket: 900, owner: user("alice"), claim: None }, &mut out);
    let CacheOutput::Fetch { fetch, owner, .. } = out.remove(0) else { panic!("it fetches") };
    let removed = Mark { rev: old.mark().rev + 1, ..old.mark() };
    scene.tell_home(CacheInput::Invalidate { owner: owner.clone(), mark: removed });
    scene.tell_home(CacheInput::Fetched { fetch, owner, lease: 1, fetched: Fetched::List(old) });
    assert!(!scene.went.iter().any(|(went, ..)| *went == 900));
}
