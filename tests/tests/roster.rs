//! Stories of the roster: a registrar and a home's cache, and what the one makes of the other's words.

use std::sync::Arc;

use slotcast_protocol::roster::{Alias, Edit, Mark, Tag};
use slotcast_protocol::{Code, Fault, Limits, User};
use slotcast_state::roster::{
    Cache, CacheInput, CacheOutput, Claim, Contacts, Difference, Effects, Fetched, HomeId, Input, LEASE_MS,
    Notice, Output, Registrar, Stance, Tell,
};
use slotcast_state::{EdgeId, SessionId};
use slotcast_tests::roster::Disk;

const HOME: HomeId = HomeId(7);
/// Leases of earlier runs are over by then.
const LATER_MS: u64 = 100_000;

fn user(name: &str) -> User {
    User::parse(name).expect("a good user")
}

fn session(number: u32) -> SessionId {
    SessionId::new(EdgeId(0), 1, number)
}

fn registrar(seed: u64) -> Registrar {
    Registrar::new(seed, Arc::new(Limits::default()))
}

/// A registrar on a disk, and a home beside it; what they say to each other arrives at once, unless someone holds it back.
struct Scene {
    now_ms: u64,
    registrar: Registrar,
    disk: Disk,
    cache: Cache,
    tickets: u64,
    /// What the home is told does not arrive.
    deaf: bool,
    /// What was called done, by ticket.
    done: Vec<(u64, Result<Mark, Code>)>,
    went: Vec<(u64, Arc<Contacts>, Option<Notice>)>,
    refused: Vec<u64>,
    fetches: u64,
    /// Pinned lists that have changed.
    changed: Vec<User>,
}

impl Scene {
    fn new() -> Self {
        let mut scene = Scene {
            now_ms: 0,
            registrar: registrar(1),
            disk: Disk::default(),
            cache: Cache::new(100),
            tickets: 0,
            deaf: false,
            done: Vec::new(),
            went: Vec::new(),
            refused: Vec::new(),
            fetches: 0,
            changed: Vec::new(),
        };
        scene.until(1_000);
        scene.until(LATER_MS);
        scene
    }

    /// Alice and bob are friends.
    fn friends() -> Self {
        let mut scene = Scene::new();
        scene.edit("alice", Edit::Ask(user("bob")));
        scene.edit("bob", Edit::Accept(user("alice")));
        assert!(scene.list("alice").admits(&user("bob")));
        scene
    }

    /// Time goes on; whatever is due happens.
    fn until(&mut self, at_ms: u64) {
        while let Some(next_ms) =
            self.registrar.next_deadline().into_iter().chain(self.cache.next_deadline()).min()
        {
            if next_ms > at_ms {
                break;
            }
            self.now_ms = self.now_ms.max(next_ms);
            self.tick();
        }
        self.now_ms = at_ms;
        self.tick();
    }

    fn tick(&mut self) {
        self.tell_home(CacheInput::Tick(self.now_ms));
        self.register(Input::Tick(self.now_ms));
    }

    fn ticket(&mut self) -> u64 {
        self.tickets += 1;
        self.tickets
    }

    fn register(&mut self, input: Input) {
        let mut effects = Effects::default();
        self.registrar.handle(input, &mut effects);
        for owner in effects.loads {
            let list = Ok(self.disk.load(&owner));
            self.register(Input::Loaded { owner, list });
        }
        effects.commits.iter().for_each(|commit| self.disk.put(commit).expect("it follows"));
        effects.outputs.into_iter().for_each(|output| self.hear(output));
    }

    fn hear(&mut self, output: Output) {
        let to_home = match output {
            Output::Edited { ticket, result } => {
                return self.done.push((ticket, result.map_err(|fault| fault.code)));
            }
            Output::Tell(tell) => return self.register(Input::Tell(tell)),
            Output::Heard(heard) => return self.register(Input::Heard(heard)),
            Output::Read { .. } => panic!("no one reads by the way"),
            Output::Fetched { fetch, owner, lease, fetched, .. } => {
                CacheInput::Fetched { fetch, owner, lease, fetched }
            }
            Output::Renewed { fetch, lease, stale, .. } => CacheInput::Renewed { fetch, lease, stale },
            Output::Invalidate { owner, mark, .. } => CacheInput::Invalidate { owner, mark },
        };
        if !self.deaf {
            self.tell_home(to_home);
        }
    }

    fn tell_home(&mut self, input: CacheInput) {
        let mut out = Vec::new();
        self.cache.handle(input, &mut out);
        for output in out {
            match output {
                CacheOutput::Fetch { fetch, owner, have, at_least } => {
                    self.fetches += 1;
                    self.register(Input::Fetch { home: HOME, fetch, owner, have, at_least });
                }
                CacheOutput::Renew { fetch } => self.register(Input::Renew { home: HOME, fetch }),
                CacheOutput::Acknowledge { owner, mark } => {
                    self.register(Input::Acknowledge { home: HOME, owner, mark });
                }
                CacheOutput::Release { owner, fetch } => {
                    self.register(Input::Release { home: HOME, owner, fetch });
                }
                CacheOutput::Go { ticket, contacts, notice } => self.went.push((ticket, contacts, notice)),
                CacheOutput::Changed { owner } => self.changed.push(owner),
                CacheOutput::Refused { ticket, fault } => {
                    assert_eq!(fault.code, Code::Unavailable);
                    self.refused.push(ticket);
                }
            }
        }
    }

    fn edit(&mut self, owner: &str, edit: Edit) -> u64 {
        let ticket = self.ticket();
        self.register(Input::Edit { ticket, owner: user(owner), edit });
        ticket
    }

    fn is_done(&self, ticket: u64) -> bool {
        self.done.iter().any(|(done, _)| *done == ticket)
    }

    fn ask(&mut self, owner: &str, claim: Option<(SessionId, Claim)>) -> u64 {
        let ticket = self.ticket();
        self.tell_home(CacheInput::Ask { ticket, owner: user(owner), claim });
        ticket
    }

    /// The list that a packet goes on with, at the latest when a fetch before it has been given up.
    fn list(&mut self, owner: &str) -> Arc<Contacts> {
        let ticket = self.ask(owner, None);
        self.until(self.now_ms + 3_000);
        let (_, contacts, _) = self.went.iter().find(|(went, ..)| *went == ticket).expect("it goes on");
        contacts.clone()
    }

    /// How a packet with a claim goes on, once a second has passed.
    fn notice(&mut self, owner: &str, session: SessionId, claim: Claim) -> Option<Notice> {
        let ticket = self.ask(owner, Some((session, claim)));
        self.until(self.now_ms + 1_000);
        self.went.iter().find(|(went, ..)| *went == ticket).expect("it goes on").2
    }

    fn tag(&mut self, owner: &str) -> Tag {
        self.list(owner).tag()
    }

    fn read(&mut self, owner: &str, have: Option<Tag>) -> Difference {
        let mut effects = Effects::default();
        self.registrar.handle(Input::Read { ticket: 0, owner: user(owner), have }, &mut effects);
        match effects.outputs.pop() {
            Some(Output::Read { result, .. }) => result.expect("it can be had"),
            other => panic!("a read is answered, not {other:?}"),
        }
    }

    /// A crash: only the disk is left.
    fn crash(&mut self, seed: u64) {
        self.registrar = registrar(seed);
        self.register(Input::Tick(self.now_ms));
    }
}

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
