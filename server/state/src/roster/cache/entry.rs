//! What a home has of one owner's list, and who waits for it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use slotcast_protocol::roster::Mark;

use crate::ids::SessionId;
use crate::roster::cache::claim::{Claim, Notice, Standing};
use crate::roster::contacts::Contacts;
use crate::roster::effects::Fetched;

/// From one fetch of a list to the next, in ms at least.
pub(super) const FETCH_MS: u64 = 1_000;

/// A fetch without an answer is given up, in ms.
pub(super) const FLIGHT_MS: u64 = 2_000;

/// From one word to a session that it is behind to the next, in ms at least.
const BEHIND_MS: u64 = 5_000;

/// Epochs that are over and are remembered, so that an answer that is late by a life is known.
const RETIRED_MAX: usize = 4;

/// A fetch under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flight {
    pub fetch: u64,
    pub sent_ms: u64,
}

/// Nothing before this may be served.
#[derive(Clone, Copy, Debug)]
struct Floor {
    mark: Mark,
    /// Fetches up to this one may have been answered before the floor was there.
    fetch: u64,
}

/// A packet that cannot go on yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiter {
    pub ticket: u64,
    pub claim: Option<(SessionId, Claim)>,
    pub until_ms: u64,
    /// The last fetch before it came: an answer to a later one decides about its claim.
    pub after: u64,
}

#[derive(Debug, Default)]
pub(super) struct Entry {
    contacts: Option<Arc<Contacts>>,
    /// Under which of the home's leases it was told.
    generation: u64,
    floor: Option<Floor>,
    retired: VecDeque<u64>,
    pub flight: Option<Flight>,
    /// The last fetch that was sent.
    pub fetch: u64,
    /// The last fetch that was answered.
    answered: u64,
    pub fetch_next_ms: u64,
    /// It was said that it has changed, and the change has not come yet.
    pub announced: bool,
    pub waiting: VecDeque<Waiter>,
    behind: BTreeMap<SessionId, u64>,
    pub used_s: u64,
    /// Where it stands in the cache's queue.
    pub due_ms: Option<u64>,
}

impl Entry {
    /// How far it is.
    pub fn mark(&self) -> Option<Mark> {
        self.contacts.as_ref().map(|contacts| contacts.mark())
    }

    /// The list, if it may be served under the lease of this generation.
    pub fn fresh(&self, generation: u64) -> Option<&Arc<Contacts>> {
        let contacts = self.contacts.as_ref().filter(|_| self.generation == generation)?;
        let reaches = |floor: Floor| contacts.mark() == floor.mark || floor.mark.is_before(contacts.mark());
        self.floor.is_none_or(reaches).then_some(contacts)
    }

    /// The least that an answer must have reached, as far as that is known or claimed.
    pub fn at_least(&self) -> Option<Mark> {
        let base = self.floor.map(|floor| floor.mark).or(self.mark());
        let claimed = self.waiting.iter().filter_map(|waiter| {
            let (_, claim) = waiter.claim?;
            let epoch = claim.epoch.or(base.map(|base| base.epoch))?;
            Some(Mark { epoch, rev: claim.rev })
        });
        let known = base.into_iter().chain(self.mark());
        let epoch = base.map(|base| base.epoch);
        known
            .chain(claimed)
            .filter(|mark| epoch.is_none_or(|epoch| epoch == mark.epoch))
            .max_by_key(|mark| mark.rev)
    }

    /// Nothing before `mark` may be served; false if that is no news. `fetch` is the last one that was sent to anyone.
    pub fn invalidate(&mut self, mark: Mark, fetch: u64) -> bool {
        let known = self.mark().is_some_and(|at| at == mark || mark.is_before(at));
        let higher = self.floor.is_some_and(|floor| floor.mark == mark || mark.is_before(floor.mark));
        let news = !known && !higher && !self.retired.contains(&mark.epoch);
        if news {
            self.floor = Some(Floor { mark, fetch });
            // Whoever waits does so for something that is there: only claims may not make us ask at once.
            self.fetch_next_ms = 0;
        }
        news
    }

    /// Takes the answer to the fetch under way, which was given under the lease of this generation; false if it is older than what is here.
    pub fn take(&mut self, fetch: u64, fetched: Fetched, generation: Option<u64>) -> bool {
        self.flight = None;
        self.answered = fetch;
        let mark = match &fetched {
            Fetched::Same(mark) => *mark,
            Fetched::List(contacts) => contacts.mark(),
            Fetched::Behind | Fetched::Failed(_) => return true,
        };
        // What was asked for later than the floor was told tells which epoch is the present one.
        let outdated = |floor: &mut Floor| floor.mark.epoch != mark.epoch && floor.fetch < fetch;
        if self.retired.contains(&mark.epoch) || self.mark().is_some_and(|at| mark.is_before(at)) {
            return false;
        }
        self.floor.take_if(outdated);
        if let Fetched::List(contacts) = fetched {
            self.replace(contacts);
        }
        if let Some(generation) = generation.filter(|_| self.mark() == Some(mark)) {
            self.generation = generation;
        }
        true
    }

    fn replace(&mut self, contacts: Arc<Contacts>) {
        if let Some(old) = self.mark().filter(|old| old.epoch != contacts.mark().epoch) {
            self.retired.push_back(old.epoch);
            self.retired.drain(..self.retired.len().saturating_sub(RETIRED_MAX));
        }
        self.contacts = Some(contacts);
    }

    /// Whether a packet may go on with the list, and what its client is told; None if it must wait for an answer.
    pub fn decide(
        &mut self,
        waiter: &Waiter,
        generation: u64,
        now_ms: u64,
    ) -> Option<(Arc<Contacts>, Option<Notice>)> {
        let contacts = self.fresh(generation)?.clone();
        let Some((session, claim)) = waiter.claim else { return Some((contacts, None)) };
        let notice = match claim.against(contacts.tag()) {
            Standing::Equal => None,
            Standing::Older => self.tell_behind(session, now_ms).then_some(Notice::Behind),
            Standing::Diverged => Some(Notice::Full),
            Standing::Newer | Standing::OtherEpoch if self.answered > waiter.after => Some(Notice::Full),
            Standing::Newer | Standing::OtherEpoch => return None,
        };
        Some((contacts, notice))
    }

    /// When something happens by itself, in ms.
    pub fn next_deadline(&self) -> Option<u64> {
        let given_up = self.waiting.front()?.until_ms;
        let next = self.flight.map_or(self.fetch_next_ms, |flight| flight.sent_ms + FLIGHT_MS);
        Some(given_up.min(next))
    }

    /// Whether no one would miss it, and nothing would be fetched or told too early without it.
    pub fn is_idle(&self, now_ms: u64) -> bool {
        let told = self.behind.values().any(|told_ms| *told_ms + BEHIND_MS > now_ms);
        !told && self.waiting.is_empty() && self.flight.is_none() && self.fetch_next_ms <= now_ms
    }

    fn tell_behind(&mut self, session: SessionId, now_ms: u64) -> bool {
        self.behind.retain(|_, told_ms| *told_ms + BEHIND_MS > now_ms);
        let again = !self.behind.contains_key(&session);
        if again {
            self.behind.insert(session, now_ms);
        }
        again
    }
}
