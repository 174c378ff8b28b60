//! The cache of a home: what it knows of lists, and when that may be used without asking.

mod claim;
mod effects;
mod entry;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use slotcast_protocol::roster::Mark;
use slotcast_protocol::{Code, Fault, User};

use crate::ids::SessionId;
use crate::roster::contacts::Contacts;
use crate::roster::effects::Fetched;
use crate::roster::lease::LEASE_MS;

use claim::Standing;
pub use claim::{Claim, Notice};
pub use effects::{CacheInput, CacheOutput, Met};
use entry::{Entry, FETCH_MS, FLIGHT_MS, Flight, Waiter};

/// The lease is renewed so long after it was asked for, in ms.
const RENEW_MS: u64 = 10_000;

/// A packet waits so long for a list, in ms; then it is refused with `unavailable`.
const WAIT_MS: u64 = 5_000;

/// Packets that may wait for one list; more are refused with `unavailable`.
const WAITING_MAX: usize = 256;

#[derive(Clone, Copy, Debug)]
struct Lease {
    number: u64,
    until_ms: u64,
    /// The question that was answered with it.
    fetch: u64,
}

/// Pure: inputs in, outputs out, in their order. The body hands over a `Tick` with the time before anything else, and again at
/// [`Cache::next_deadline`]. At most `lists_max` lists stay beside those that are pinned; those that were used longest ago leave first.
pub struct Cache {
    now_ms: u64,
    lists_max: usize,
    /// Questions so far.
    fetch: u64,
    lease: Option<Lease>,
    /// Rises when a lease has ended: what was told under it counts no more.
    generation: u64,
    /// The renewal under way.
    renewal: Option<Flight>,
    renew_ms: u64,
    entries: BTreeMap<User, Entry>,
    /// By the second of their last use; without those that are pinned, as whoever looks for one to drop would pass over all of them.
    used: BTreeSet<(u64, User)>,
    due: BTreeSet<(u64, User)>,
    /// Owners whose changes are told, and who stay.
    pinned: BTreeSet<User>,
    met: Met,
}

impl Cache {
    /// Without a list.
    pub fn new(lists_max: usize) -> Self {
        Cache {
            now_ms: 0,
            lists_max,
            fetch: 0,
            lease: None,
            generation: 1,
            renewal: None,
            renew_ms: 0,
            entries: BTreeMap::new(),
            used: BTreeSet::new(),
            due: BTreeSet::new(),
            pinned: BTreeSet::new(),
            met: Met::default(),
        }
    }

    /// How often what happened since it was made.
    pub fn met(&self) -> Met {
        self.met
    }

    /// Lists in memory.
    pub fn lists(&self) -> usize {
        self.entries.len()
    }

    /// When something happens by itself, in ms.
    pub fn next_deadline(&self) -> Option<u64> {
        let due = self.due.first().map(|(at_ms, _)| *at_ms);
        let lease = self.lease.map(|lease| lease.until_ms.min(self.renew_ms));
        due.into_iter().chain(lease).min()
    }

    /// An owner's list, if it may be acted by without asking.
    pub fn at_hand(&mut self, owner: &User, out: &mut Vec<CacheOutput>) -> Option<&Arc<Contacts>> {
        self.touch(owner, out);
        let found = self.entries.get(owner)?.fresh(self.generation)?;
        self.met.fast += 1;
        Some(found)
    }

    /// Takes one input and appends what must happen.
    pub fn handle(&mut self, input: CacheInput, out: &mut Vec<CacheOutput>) {
        match input {
            CacheInput::Tick(now_ms) => self.tick(now_ms, out),
            CacheInput::Ask { ticket, owner, claim } => self.ask(ticket, owner, claim, out),
            CacheInput::Fetched { fetch, owner, lease, fetched } => {
                self.fetched(fetch, &owner, lease, fetched, out)
            }
            CacheInput::Renewed { fetch, lease, stale } => {
                let Some(flight) = self.renewal.take_if(|flight| flight.fetch == fetch) else { return };
                stale.into_iter().for_each(|(owner, mark)| self.invalidate(owner, mark, out));
                self.adopt(lease, flight, true, out);
            }
            CacheInput::Invalidate { owner, mark } => self.invalidate(owner, mark, out),
            CacheInput::Pin { owner, on: true } => {
                self.touch(&owner, out);
                self.used.remove(&(self.entries[&owner].used_s, owner.clone()));
                self.pinned.insert(owner);
            }
            CacheInput::Pin { owner, on: false } => {
                if self.pinned.remove(&owner) {
                    self.used.insert((self.entries[&owner].used_s, owner));
                }
            }
        }
    }

    fn ask(
        &mut self,
        ticket: u64,
        owner: User,
        claim: Option<(SessionId, Claim)>,
        out: &mut Vec<CacheOutput>,
    ) {
        self.touch(&owner, out);
        let waiter = Waiter { ticket, claim, until_ms: self.now_ms + WAIT_MS, after: self.fetch };
        let entry = self.entries.get_mut(&owner).expect("it was touched");
        if let Some(decided) = entry.decide(&waiter, self.generation, self.now_ms) {
            self.met.fast += 1;
            return self.go(waiter, decided, out);
        }
        if entry.waiting.len() >= WAITING_MAX {
            return out.push(refused(ticket, "too many packets wait for it"));
        }
        self.met.slow += 1;
        entry.waiting.push_back(waiter);
        self.pursue(&owner, out);
    }

    fn fetched(
        &mut self,
        fetch: u64,
        owner: &User,
        lease: u64,
        fetched: Fetched,
        out: &mut Vec<CacheOutput>,
    ) {
        let Some(entry) = self.entries.get_mut(owner) else { return };
        let Some(flight) = entry.flight.filter(|flight| flight.fetch == fetch) else { return };
        // Where nothing could be had there is no lease either; the one that is there goes on.
        if matches!(fetched, Fetched::Same(_) | Fetched::List(_)) {
            self.adopt(lease, flight, false, out);
        }
        let under = self.lease.filter(|held| held.number == lease).map(|_| self.generation);
        let entry = self.entries.get_mut(owner).expect("it is there");
        let before = entry.mark();
        if !entry.take(fetch, fetched, under) {
            self.met.backwards += 1;
        }
        // A list that comes before the word that it has changed is news as well.
        let changed = before.is_some() && entry.mark() != before;
        if changed && !std::mem::take(&mut entry.announced) && self.pinned.contains(owner) {
            out.push(CacheOutput::Changed { owner: owner.clone() });
        }
        for waiter in std::mem::take(&mut entry.waiting) {
            let entry = self.entries.get_mut(owner).expect("it is there");
            match entry.decide(&waiter, self.generation, self.now_ms) {
                Some(decided) => self.go(waiter, decided, out),
                None => entry.waiting.push_back(waiter),
            }
        }
        self.pursue(owner, out);
    }

    fn go(&mut self, waiter: Waiter, decided: (Arc<Contacts>, Option<Notice>), out: &mut Vec<CacheOutput>) {
        let (contacts, notice) = decided;
        if notice == Some(Notice::Full) {
            let diverged =
                waiter.claim.is_some_and(|(_, claim)| claim.against(contacts.tag()) == Standing::Diverged);
            self.met.diverged += u64::from(diverged);
            self.met.denied += u64::from(!diverged);
        }
        out.push(CacheOutput::Go { ticket: waiter.ticket, contacts, notice });
    }

    fn invalidate(&mut self, owner: User, mark: Mark, out: &mut Vec<CacheOutput>) {
        if let Some(entry) = self.entries.get_mut(&owner)
            && entry.invalidate(mark, self.fetch)
            && self.pinned.contains(&owner)
        {
            entry.announced = true;
            out.push(CacheOutput::Changed { owner: owner.clone() });
        }
        out.push(CacheOutput::Acknowledge { owner, mark });
    }

    /// The registrar has answered a question with this lease. Only a renewal, which tells what is not to be served any more, makes one that
    /// is there already last longer.
    fn adopt(&mut self, number: u64, flight: Flight, renewed: bool, out: &mut Vec<CacheOutput>) {
        let until_ms = flight.sent_ms + LEASE_MS;
        let newer = self.lease.is_none_or(|held| held.number != number && held.fetch < flight.fetch);
        let same = self.lease.is_some_and(|held| held.number == number);
        if newer {
            self.end_generation(out);
        }
        if newer || same && renewed {
            self.lease = Some(Lease { number, until_ms, fetch: flight.fetch });
            self.renew_ms = flight.sent_ms + RENEW_MS;
        }
    }

    /// What was told counts no more; whoever minds may find that something has changed since.
    fn end_generation(&mut self, out: &mut Vec<CacheOutput>) {
        let told = |owner: &&User| self.entries[*owner].fresh(self.generation).is_some();
        out.extend(
            self.pinned.iter().filter(told).map(|owner| CacheOutput::Changed { owner: owner.clone() }),
        );
        self.generation += 1;
    }

    /// Fetches a list if someone waits for it, none is under way and none was just now; and notes when to look again.
    fn pursue(&mut self, owner: &User, out: &mut Vec<CacheOutput>) {
        let entry = self.entries.get_mut(owner).expect("it is there");
        entry.flight.take_if(|flight| flight.sent_ms + FLIGHT_MS <= self.now_ms);
        if !entry.waiting.is_empty() && entry.flight.is_none() && entry.fetch_next_ms <= self.now_ms {
            self.fetch += 1;
            self.met.fetches += 1;
            entry.fetch = self.fetch;
            entry.flight = Some(Flight { fetch: self.fetch, sent_ms: self.now_ms });
            entry.fetch_next_ms = self.now_ms + FETCH_MS;
            let (owner, have, at_least) = (owner.clone(), entry.mark(), entry.at_least());
            out.push(CacheOutput::Fetch { fetch: self.fetch, owner, have, at_least });
        }
        let due_ms = entry.next_deadline();
        if due_ms != entry.due_ms {
            entry.due_ms.map(|at_ms| self.due.remove(&(at_ms, owner.clone())));
            self.due.extend(due_ms.map(|at_ms| (at_ms, owner.clone())));
            entry.due_ms = due_ms;
        }
    }

    fn tick(&mut self, now_ms: u64, out: &mut Vec<CacheOutput>) {
        self.now_ms = self.now_ms.max(now_ms);
        if self.lease.take_if(|lease| lease.until_ms <= self.now_ms).is_some() {
            self.end_generation(out);
        }
        if self.lease.is_some() && self.renew_ms <= self.now_ms {
            self.fetch += 1;
            self.renewal = Some(Flight { fetch: self.fetch, sent_ms: self.now_ms });
            self.renew_ms = self.now_ms + FLIGHT_MS;
            out.push(CacheOutput::Renew { fetch: self.fetch });
        }
        while self.due.first().is_some_and(|(at_ms, _)| *at_ms <= self.now_ms) {
            let (_, owner) = self.due.pop_first().expect("it was there");
            let entry = self.entries.get_mut(&owner).expect("who waits stays");
            entry.due_ms = None;
            while let Some(waiter) = entry.waiting.pop_front_if(|waiter| waiter.until_ms <= self.now_ms) {
                out.push(refused(waiter.ticket, "it does not answer"));
            }
            self.pursue(&owner, out);
        }
    }

    /// Makes room for the owner, and notes the use.
    fn touch(&mut self, owner: &User, out: &mut Vec<CacheOutput>) {
        let now_s = self.now_ms / 1_000;
        if !self.entries.contains_key(owner) {
            self.make_room(out);
            self.used.insert((now_s, owner.clone()));
            self.entries.entry(owner.clone()).or_default().used_s = now_s;
        }
        let entry = self.entries.get_mut(owner).expect("it is there");
        if entry.used_s != now_s {
            if self.used.remove(&(entry.used_s, owner.clone())) {
                self.used.insert((now_s, owner.clone()));
            }
            entry.used_s = now_s;
        }
    }

    /// Drops the list that was used longest ago; if all are busy there is one too many until they are not.
    fn make_room(&mut self, out: &mut Vec<CacheOutput>) {
        while self.entries.len() >= self.lists_max + self.pinned.len() {
            let idle = |(_, owner): &&(u64, User)| self.entries[owner].is_idle(self.now_ms);
            let Some(oldest) = self.used.iter().find(idle).cloned() else { return };
            self.used.remove(&oldest);
            let (_, owner) = oldest;
            let entry = self.entries.remove(&owner).expect("who was used is there");
            out.push(CacheOutput::Release { owner, fetch: entry.fetch });
        }
    }
}

fn refused(ticket: u64, why: &str) -> CacheOutput {
    CacheOutput::Refused { ticket, fault: Fault::new(Code::Unavailable, format!("roster: {why}")) }
}
