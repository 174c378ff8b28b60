//! A registrar on a disk, a home beside it, and what they say to each other.

use std::sync::Arc;

use slotcast_protocol::roster::{Edit, Mark, Tag};
use slotcast_protocol::{Code, Limits, User};
use slotcast_state::roster::{
    Cache, CacheInput, CacheOutput, Claim, Contacts, Difference, Effects, HomeId, Input, Notice, Output,
    Registrar,
};
use slotcast_state::{EdgeId, SessionId};
use slotcast_tests::roster::Disk;

pub const HOME: HomeId = HomeId(7);
/// Leases of earlier runs are over by then.
pub const LATER_MS: u64 = 100_000;

pub fn user(name: &str) -> User {
    User::parse(name).expect("a good user")
}

pub fn session(number: u32) -> SessionId {
    SessionId::new(EdgeId(0), 1, number)
}

pub fn registrar(seed: u64) -> Registrar {
    Registrar::new(seed, Arc::new(Limits::default()))
}

/// A registrar on a disk, and a home beside it; what they say to each other arrives at once, unless someone holds it back.
pub struct Scene {
    pub now_ms: u64,
    pub registrar: Registrar,
    pub disk: Disk,
    pub cache: Cache,
    pub tickets: u64,
    /// What the home is told does not arrive.
    pub deaf: bool,
    /// What was called done, by ticket.
    pub done: Vec<(u64, Result<Mark, Code>)>,
    pub went: Vec<(u64, Arc<Contacts>, Option<Notice>)>,
    pub refused: Vec<u64>,
    pub fetches: u64,
    /// Pinned lists that have changed.
    pub changed: Vec<User>,
}

impl Scene {
    pub fn new() -> Self {
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
    pub fn friends() -> Self {
        let mut scene = Scene::new();
        scene.edit("alice", Edit::Ask(user("bob")));
        scene.edit("bob", Edit::Accept(user("alice")));
        assert!(scene.list("alice").admits(&user("bob")));
        scene
    }

    /// Time goes on; whatever is due happens.
    pub fn until(&mut self, at_ms: u64) {
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

    pub fn tick(&mut self) {
        self.tell_home(CacheInput::Tick(self.now_ms));
        self.register(Input::Tick(self.now_ms));
    }

    pub fn ticket(&mut self) -> u64 {
        self.tickets += 1;
        self.tickets
    }

    pub fn register(&mut self, input: Input) {
        let mut effects = Effects::default();
        self.registrar.handle(input, &mut effects);
        for owner in effects.loads {
            let list = Ok(self.disk.load(&owner));
            self.register(Input::Loaded { owner, list });
        }
        effects.commits.iter().for_each(|commit| self.disk.put(commit).expect("it follows"));
        effects.outputs.into_iter().for_each(|output| self.hear(output));
    }

    pub fn hear(&mut self, output: Output) {
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

    pub fn tell_home(&mut self, input: CacheInput) {
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

    pub fn edit(&mut self, owner: &str, edit: Edit) -> u64 {
        let ticket = self.ticket();
        self.register(Input::Edit { ticket, owner: user(owner), edit });
        ticket
    }

    pub fn is_done(&self, ticket: u64) -> bool {
        self.done.iter().any(|(done, _)| *done == ticket)
    }

    pub fn ask(&mut self, owner: &str, claim: Option<(SessionId, Claim)>) -> u64 {
        let ticket = self.ticket();
        self.tell_home(CacheInput::Ask { ticket, owner: user(owner), claim });
        ticket
    }

    /// The list that a packet goes on with, at the latest when a fetch before it has been given up.
    pub fn list(&mut self, owner: &str) -> Arc<Contacts> {
        let ticket = self.ask(owner, None);
        self.until(self.now_ms + 3_000);
        let (_, contacts, _) = self.went.iter().find(|(went, ..)| *went == ticket).expect("it goes on");
        contacts.clone()
    }

    /// How a packet with a claim goes on, once a second has passed.
    pub fn notice(&mut self, owner: &str, session: SessionId, claim: Claim) -> Option<Notice> {
        let ticket = self.ask(owner, Some((session, claim)));
        self.until(self.now_ms + 1_000);
        self.went.iter().find(|(went, ..)| *went == ticket).expect("it goes on").2
    }

    pub fn tag(&mut self, owner: &str) -> Tag {
        self.list(owner).tag()
    }

    pub fn read(&mut self, owner: &str, have: Option<Tag>) -> Difference {
        let mut effects = Effects::default();
        self.registrar.handle(Input::Read { ticket: 0, owner: user(owner), have }, &mut effects);
        match effects.outputs.pop() {
            Some(Output::Read { result, .. }) => result.expect("it can be had"),
            other => panic!("a read is answered, not {other:?}"),
        }
    }

    /// A crash: only the disk is left.
    pub fn crash(&mut self, seed: u64) {
        self.registrar = registrar(seed);
        self.register(Input::Tick(self.now_ms));
    }
}
