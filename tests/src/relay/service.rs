//! A friend service outside: one registrar, which outlives the server's crashes, over links that are slow and keep no order.

use std::collections::BTreeMap;
use std::sync::Arc;

use slotcast_protocol::Limits;
use slotcast_state::Input;
use slotcast_state::roster::{self, Effects, HomeId, Output, Registrar};

use super::world::{What, World};

/// More shards than a world has: a home is one of a run's shards.
const SHARDS: u64 = 16;

pub struct Service {
    registrar: Registrar,
    /// Which run of the server is the present one.
    run: u64,
    /// Who asked: run, shard and the shard's own ticket.
    tickets: BTreeMap<u64, (u64, usize, u64)>,
    next_ticket: u64,
    wakes_ms: Option<u64>,
}

impl Service {
    pub fn new(seed: u64, limits: Arc<Limits>) -> Service {
        let registrar = Registrar::new(seed, limits).alone();
        Service { registrar, run: 1, tickets: BTreeMap::new(), next_ticket: 0, wakes_ms: None }
    }

    fn home(&self, shard: usize) -> HomeId {
        HomeId(self.run * SHARDS + shard as u64)
    }

    fn ticket(&mut self, shard: usize, ticket: u64) -> u64 {
        self.next_ticket += 1;
        self.tickets.insert(self.next_ticket, (self.run, shard, ticket));
        self.next_ticket
    }

    /// As the service knows the shard that asks.
    fn addressed(&mut self, shard: usize, question: roster::Input) -> roster::Input {
        use roster::Input as Q;
        let home = self.home(shard);
        match question {
            Q::Edit { ticket, owner, edit } => Q::Edit { ticket: self.ticket(shard, ticket), owner, edit },
            Q::Read { ticket, owner, have } => Q::Read { ticket: self.ticket(shard, ticket), owner, have },
            Q::Fetch { fetch, owner, have, at_least, .. } => Q::Fetch { home, fetch, owner, have, at_least },
            Q::Renew { fetch, .. } => Q::Renew { home, fetch },
            Q::Acknowledge { owner, mark, .. } => Q::Acknowledge { home, owner, mark },
            Q::Release { owner, fetch, .. } => Q::Release { home, owner, fetch },
            Q::Tick(_) | Q::Erase { .. } | Q::Tell(_) | Q::Heard(_) | Q::Loaded { .. } => {
                unreachable!("no shard asks a service for this")
            }
        }
    }

    /// For which shard of the present run it is, in that one's words.
    fn answered(&mut self, output: Output) -> Option<(usize, Output)> {
        let asked = |service: &mut Service, ticket| {
            let (run, shard, own) = service.tickets.remove(&ticket).expect("who is answered has asked");
            (run == service.run).then_some((shard, own))
        };
        let place = |home: HomeId| {
            (home.0 / SHARDS == self.run).then_some(((home.0 % SHARDS) as usize, HomeId(home.0 % SHARDS)))
        };
        Some(match output {
            Output::Fetched { home, fetch, owner, lease, fetched } => {
                let (shard, home) = place(home)?;
                (shard, Output::Fetched { home, fetch, owner, lease, fetched })
            }
            Output::Renewed { home, fetch, lease, stale } => {
                let (shard, home) = place(home)?;
                (shard, Output::Renewed { home, fetch, lease, stale })
            }
            Output::Invalidate { home, owner, mark } => {
                let (shard, home) = place(home)?;
                (shard, Output::Invalidate { home, owner, mark })
            }
            Output::Edited { ticket, result } => {
                let (shard, ticket) = asked(self, ticket)?;
                (shard, Output::Edited { ticket, result })
            }
            Output::Read { ticket, result } => {
                let (shard, ticket) = asked(self, ticket)?;
                (shard, Output::Read { ticket, result })
            }
            Output::Tell(_) | Output::Heard(_) => unreachable!("these stay with the service"),
        })
    }
}

impl World {
    /// A shard asks.
    pub fn ask_service(&mut self, shard: usize, question: roster::Input) {
        self.tally.service_questions += 1;
        let service = self.service.as_mut().expect("who asks has someone to ask");
        let input = service.addressed(shard, question);
        let at_ms = self.now_ms + self.delay();
        self.put(at_ms, What::ToService { input });
    }

    /// The service takes an input, or only the time.
    pub fn serve_lists(&mut self, input: Option<roster::Input>) -> Result<(), String> {
        let mut inputs: Vec<roster::Input> = input.into_iter().collect();
        let service = self.service.as_mut().expect("it is there");
        service.wakes_ms = service.wakes_ms.filter(|at_ms| *at_ms > self.now_ms);
        let mut effects = Effects::default();
        service.registrar.handle(roster::Input::Tick(self.now_ms), &mut effects);
        let mut said = Vec::new();
        loop {
            let loads = effects.loads.drain(..);
            inputs.extend(loads.map(|owner| roster::Input::Loaded { owner, list: Ok(None) }));
            for output in effects.outputs.drain(..) {
                match output {
                    Output::Tell(tell) => inputs.push(roster::Input::Tell(tell)),
                    Output::Heard(heard) => inputs.push(roster::Input::Heard(heard)),
                    output => said.push(output),
                }
            }
            if inputs.is_empty() {
                break;
            }
            inputs.drain(..).for_each(|input| service.registrar.handle(input, &mut effects));
        }
        for commit in &effects.commits {
            self.log.line(format!("{} service: {commit:?}", self.now_ms));
            self.people.committed(commit)?;
        }
        let told = said.len();
        let answers: Vec<_> = said.into_iter().filter_map(|output| service.answered(output)).collect();
        self.tally.answers_to_earlier_runs += (told - answers.len()) as u64;
        for (shard, output) in answers {
            let at_ms = self.now_ms + self.delay();
            self.put(at_ms, What::ToShard { shard, input: Input::Roster(output) });
        }
        self.remind_service();
        Ok(())
    }

    fn remind_service(&mut self) {
        let rests_ms = self.rests_ms();
        let service = self.service.as_mut().expect("it is there");
        let next_ms = service.registrar.next_deadline().map(|next_ms| next_ms.max(self.now_ms + 1));
        let next_ms = next_ms.filter(|next_ms| *next_ms < rests_ms);
        if let Some(next_ms) = next_ms.filter(|next_ms| service.wakes_ms.is_none_or(|at_ms| at_ms > *next_ms))
        {
            service.wakes_ms = Some(next_ms);
            self.put(next_ms, What::WakeService);
        }
    }

    /// The server has crashed: its homes are others from now on.
    pub fn crash_service(&mut self) {
        self.service.iter_mut().for_each(|service| service.run += 1);
    }
}
