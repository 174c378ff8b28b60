//! Who may still say yes: the homes that keep lists, each under one lease of its own.
//!
//! A home measures its lease from the moment at which it asked for it, the registrar from the later one at which it granted it, so that the
//! home's ends first. What a lease covers ends with it; the next one has another number, under which nothing is covered yet.

use std::collections::{BTreeMap, BTreeSet};

use slotcast_protocol::User;
use slotcast_protocol::roster::Mark;

/// One run of one home.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HomeId(pub u64);

/// A lease lasts so long, in ms, unless it is renewed.
pub const LEASE_MS: u64 = 30_000;

/// So often what is not acknowledged is pushed again, in ms.
const PUSH_MS: u64 = 1_000;

/// A home that has not acknowledged something for so long, in ms, is heard no more until it does, or until its lease has ended: whoever speaks
/// and does not listen must not hold up others for ever.
const DEAF_MS: u64 = 5_000;

#[derive(Debug)]
struct Lease {
    number: u64,
    until_ms: u64,
    covers: BTreeSet<User>,
    /// Lists of which the home is to hear that they are further than it has them, and since when, in ms.
    unheard: BTreeMap<User, u64>,
}

/// A home that may have a list.
#[derive(Debug)]
struct Member {
    /// The number of its last fetch.
    fetch: u64,
    /// It serves nothing before this.
    has: Mark,
}

#[derive(Debug)]
pub(crate) struct Leases {
    number: u64,
    homes: BTreeMap<HomeId, Lease>,
    members: BTreeMap<(User, HomeId), Member>,
    /// When what is unheard is pushed again.
    push_ms: u64,
}

impl Leases {
    /// Leases are numbered from `number`, which no earlier run has reached.
    pub fn new(number: u64) -> Self {
        Leases { number, homes: BTreeMap::new(), members: BTreeMap::new(), push_ms: 0 }
    }

    /// The home's lease, for so long from now; a new one if there is none any more. None if the home is deaf.
    pub fn renew(&mut self, home: HomeId, now_ms: u64) -> Option<u64> {
        let number = self.number + 1;
        let lease = self.homes.entry(home).or_insert_with(|| {
            self.number = number;
            Lease { number, until_ms: 0, covers: BTreeSet::new(), unheard: BTreeMap::new() }
        });
        if lease.unheard.values().any(|since_ms| since_ms + DEAF_MS <= now_ms) {
            return None;
        }
        lease.until_ms = now_ms + LEASE_MS;
        Some(lease.number)
    }

    /// The home is given a list as of `mark`, by its fetch of this number. What it had before, it may still serve.
    pub fn join(&mut self, home: HomeId, fetch: u64, owner: &User, mark: Mark) {
        let lease = self.homes.get_mut(&home).expect("a fetch renews the lease");
        lease.covers.insert(owner.clone());
        let member = self.members.entry((owner.clone(), home)).or_insert(Member { fetch, has: mark });
        member.fetch = member.fetch.max(fetch);
    }

    /// The home serves nothing before `mark` any more; the list is at `now`.
    pub fn acknowledge(&mut self, home: HomeId, owner: &User, mark: Mark, now: Mark) {
        let Some(member) = self.members.get_mut(&(owner.clone(), home)) else { return };
        // A mark of another epoch than the present one is older, whatever its rev.
        if mark.epoch == now.epoch && !mark.is_before(member.has) {
            member.has = mark;
        }
        if member.has == now {
            self.homes.get_mut(&home).map(|lease| lease.unheard.remove(owner));
        }
    }

    /// The home has dropped the list that it fetched under this number, and any before it; false if it has fetched it again since.
    pub fn release(&mut self, home: HomeId, owner: &User, fetch: u64) -> bool {
        let key = (owner.clone(), home);
        let dropped = self.members.get(&key).is_some_and(|member| member.fetch <= fetch);
        if dropped {
            self.members.remove(&key);
            let lease = self.homes.get_mut(&home).expect("a member has a lease");
            lease.covers.remove(owner);
            lease.unheard.remove(owner);
        }
        dropped
    }

    /// The owner's list is as far as this now: the homes that must hear of it.
    pub fn changed(&mut self, owner: &User, mark: Mark, now_ms: u64) -> BTreeSet<HomeId> {
        let homes = self.behind(owner, mark);
        if self.homes.values().all(|lease| lease.unheard.is_empty()) {
            self.push_ms = now_ms + PUSH_MS;
        }
        for home in &homes {
            let lease = self.homes.get_mut(home).expect("a member has a lease");
            lease.unheard.entry(owner.clone()).or_insert(now_ms);
        }
        homes
    }

    /// Homes that may serve something before `mark`.
    pub fn behind(&self, owner: &User, mark: Mark) -> BTreeSet<HomeId> {
        let range = (owner.clone(), HomeId(0))..=(owner.clone(), HomeId(u64::MAX));
        let behind = self.members.range(range).filter(|(_, member)| member.has != mark);
        behind.map(|((_, home), _)| *home).collect()
    }

    /// What the home has not acknowledged.
    pub fn unheard_by(&self, home: HomeId) -> impl Iterator<Item = &User> {
        self.homes.get(&home).into_iter().flat_map(|lease| lease.unheard.keys())
    }

    /// Whether a home may have the list.
    pub fn has_members(&self, owner: &User) -> bool {
        let range = (owner.clone(), HomeId(0))..=(owner.clone(), HomeId(u64::MAX));
        self.members.range(range).next().is_some()
    }

    /// Ends what is over: the homes whose leases have ended and whom these covered; and all that is to be pushed again.
    pub fn tick(&mut self, now_ms: u64) -> (Vec<HomeId>, Vec<User>, Vec<(User, HomeId)>) {
        let is_over = |_: &HomeId, lease: &mut Lease| lease.until_ms <= now_ms;
        let over: Vec<(HomeId, Lease)> = self.homes.extract_if(.., is_over).collect();
        for (home, lease) in &over {
            lease.covers.iter().for_each(|owner| _ = self.members.remove(&(owner.clone(), *home)));
        }
        let uncovered = over.iter().flat_map(|(_, lease)| lease.covers.iter().cloned()).collect();
        let over = over.into_iter().map(|(home, _)| home).collect();
        if now_ms < self.push_ms {
            return (over, uncovered, Vec::new());
        }
        let again = self
            .homes
            .iter()
            .flat_map(|(home, lease)| lease.unheard.keys().map(|owner| (owner.clone(), *home)));
        let again: Vec<_> = again.collect();
        if !again.is_empty() {
            self.push_ms = now_ms + PUSH_MS;
        }
        (over, uncovered, again)
    }

    /// When something happens by itself, in ms.
    pub fn next_deadline(&self) -> Option<u64> {
        let unheard = self.homes.values().any(|lease| !lease.unheard.is_empty());
        self.homes.values().map(|lease| lease.until_ms).chain(unheard.then_some(self.push_ms)).min()
    }
}
