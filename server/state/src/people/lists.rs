//! The lists at hand, and what waits for one.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use slotcast_protocol::User;
use slotcast_protocol::roster::{Mark, Tag, member};

use crate::ids::SessionId;
use crate::roster::{Cache, CacheInput, CacheOutput, Claim, Contacts, HomeId, Input, Met};
use crate::user::HomeInput;

/// What is asked for a list, or of the subsystem.
#[derive(Debug)]
pub(super) enum Purpose {
    /// Something for a home that its user's list decides about.
    Letter(User, Box<HomeInput>),
    /// A session says which list it has.
    Claim { session: SessionId },
    /// Someone's status is to be passed on, and that of the friends asked for.
    Spread(User),
    /// `from` wants to know how `of` is.
    Probe { of: User, from: User },
    /// A session edits.
    Edit { session: SessionId, id: u64 },
    /// A session reads.
    Read { session: SessionId, owner: User },
}

pub(crate) struct Lists {
    home: HomeId,
    cache: Cache,
    tickets: u64,
    /// As much as the sessions' own budgets let them ask, and what the cache lets wait.
    open: BTreeMap<u64, Purpose>,
    out: VecDeque<CacheOutput>,
    scratch: Vec<CacheOutput>,
    nobody: Arc<Contacts>,
}

impl Lists {
    pub fn new(number: u16, lists_max: usize) -> Self {
        let nobody = Contacts::new(&User::server(), Mark { epoch: 0, rev: 0 }, BTreeMap::new());
        Lists {
            home: HomeId(number.into()),
            cache: Cache::new(lists_max),
            tickets: 0,
            open: BTreeMap::new(),
            out: VecDeque::new(),
            scratch: Vec::new(),
            nobody: Arc::new(nobody),
        }
    }

    pub fn met(&self) -> Met {
        self.cache.met()
    }

    pub fn next_deadline(&self) -> Option<u64> {
        self.cache.next_deadline()
    }

    /// The list of one who has none.
    pub fn nobody(&self) -> Arc<Contacts> {
        self.nobody.clone()
    }

    /// The user's list, if it may be acted by; who cannot have one has nobody on it.
    pub fn at_hand(&mut self, user: &User) -> Option<Arc<Contacts>> {
        if member(user.as_str()).is_err() {
            return Some(self.nobody.clone());
        }
        let found = self.cache.at_hand(user, &mut self.scratch).cloned();
        self.out.extend(self.scratch.drain(..));
        found
    }

    /// It goes on when the user's list is at hand.
    pub fn wait(&mut self, user: User, input: HomeInput) {
        self.ask(user.clone(), Purpose::Letter(user, Box::new(input)));
    }

    /// A session of the user's has this list.
    pub fn claim(&mut self, user: &User, session: SessionId, have: Tag) {
        if member(user.as_str()).is_ok() {
            let ticket = self.open(Purpose::Claim { session });
            let claim = Some((session, Claim::from(have)));
            self.handle(CacheInput::Ask { ticket, owner: user.clone(), claim });
        }
    }

    pub(super) fn ask(&mut self, owner: User, purpose: Purpose) {
        let ticket = self.open(purpose);
        self.handle(CacheInput::Ask { ticket, owner, claim: None });
    }

    /// Whether its changes are told, and it stays at hand.
    pub fn pin(&mut self, owner: &User, on: bool) {
        self.handle(CacheInput::Pin { owner: owner.clone(), on });
    }

    pub fn handle(&mut self, input: CacheInput) {
        self.cache.handle(input, &mut self.scratch);
        self.out.extend(self.scratch.drain(..));
    }

    pub(super) fn next_output(&mut self) -> Option<CacheOutput> {
        self.out.pop_front()
    }

    /// A ticket for a question.
    pub(super) fn open(&mut self, purpose: Purpose) -> u64 {
        self.tickets += 1;
        self.open.insert(self.tickets, purpose);
        self.tickets
    }

    /// The ticket was answered.
    pub(super) fn close(&mut self, ticket: u64) -> Option<Purpose> {
        self.open.remove(&ticket)
    }

    /// What the friend subsystem is to be asked.
    pub(super) fn question(&self, output: CacheOutput) -> Input {
        let home = self.home;
        match output {
            CacheOutput::Fetch { fetch, owner, have, at_least } => {
                Input::Fetch { home, fetch, owner, have, at_least }
            }
            CacheOutput::Renew { fetch } => Input::Renew { home, fetch },
            CacheOutput::Acknowledge { owner, mark } => Input::Acknowledge { home, owner, mark },
            CacheOutput::Release { owner, fetch } => Input::Release { home, owner, fetch },
            CacheOutput::Go { .. } | CacheOutput::Refused { .. } | CacheOutput::Changed { .. } => {
                unreachable!("these are no questions")
            }
        }
    }
}
