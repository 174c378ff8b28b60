//! The operator's friend service: a thread that carries the workers' questions to it, each in its own time, and the answers back.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use serde_json::json;
use slotcast_protocol::roster::{Edit, Mark, Tag};
use slotcast_protocol::{Code, Fault, User, json as wire};
use slotcast_state::roster::{Difference, Fetched, HomeId, Input, Output};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::{LocalSet, spawn_local};

use super::Roster;
use super::answers;
use super::home::Home;
use super::web::{Address, Web, segment};
use crate::worker::{House, Letter};

/// A list that does not come within is asked for again by those who still want it.
const FETCH: Duration = Duration::from_secs(2);
const READ: Duration = Duration::from_secs(5);
/// A revoking edit waits for leases, 30 s at the most.
const EDIT: Duration = Duration::from_secs(40);
/// So long the service may keep a home waiting for news.
const LISTEN_MS: u64 = 10_000;
const LISTEN: Duration = Duration::from_secs(15);
const AGAIN: Duration = Duration::from_secs(1);

/// Requests under way, those for leases aside; more wait for their turn. An edit may take long, so edits have turns of their own.
const REQUESTS_MAX: usize = 64;

/// The workers' end. What waits is bounded by what the caches let wait and the sessions' budgets let be asked.
pub struct Service {
    questions: UnboundedSender<(usize, Input)>,
}

impl Roster for Service {
    fn ask(&self, worker: usize, question: Input) {
        if self.questions.send((worker, question)).is_err() {
            tracing::debug!("the friend service is not asked any more");
        }
    }
}

impl Service {
    /// The workers' end and the thread's, for [`run`].
    pub fn new() -> (Service, UnboundedReceiver<(usize, Input)>) {
        let (questions, asked) = unbounded_channel();
        (Service { questions }, asked)
    }
}

/// Until no one can ask any more.
pub fn run(address: Address, run: u64, asked: UnboundedReceiver<(usize, Input)>, house: Arc<House>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("the kernel gives an epoll to the thread");
    let homes = (0..house.boxes.len()).map(|worker| Home::new(run, worker)).collect();
    let desk =
        Rc::new(Desk { web: Web::new(address), homes, turns: [REQUESTS_MAX; 2].map(Semaphore::new), house });
    LocalSet::new().block_on(&runtime, desk.serve(asked));
}

struct Desk {
    web: Web,
    homes: Vec<Home>,
    /// For questions, and for edits.
    turns: [Semaphore; 2],
    house: Arc<House>,
}

impl Desk {
    async fn serve(self: Rc<Self>, mut asked: UnboundedReceiver<(usize, Input)>) {
        while let Some((worker, question)) = asked.recv().await {
            match question {
                Input::Acknowledge { owner, mark, .. } => {
                    if !self.homes[worker].acknowledge(owner, mark) {
                        continue;
                    }
                }
                Input::Release { owner, fetch, .. } => {
                    self.homes[worker].release(owner, fetch);
                    continue;
                }
                Input::Renew { fetch, .. } => {
                    spawn_local(self.clone().renew(worker, Some(fetch)));
                    continue;
                }
                question => {
                    spawn_local(self.clone().answer(worker, question));
                    continue;
                }
            }
            spawn_local(self.clone().renew(worker, None));
        }
    }

    async fn answer(self: Rc<Self>, worker: usize, question: Input) {
        let (turns, most) = match question {
            Input::Edit { .. } => (&self.turns[1], EDIT),
            Input::Read { .. } => (&self.turns[0], READ),
            _ => (&self.turns[0], FETCH),
        };
        // What no one waits for any more when its turn comes would only hold up others.
        let Ok(turn) = tokio::time::timeout(most, turns.acquire()).await else {
            return self.turn_away(worker, question);
        };
        let _turn = turn.expect("it is never closed");
        match question {
            Input::Fetch { home, fetch, owner, have, at_least } => {
                let (lease, fetched) = self.fetch(worker, fetch, &owner, have, at_least).await;
                self.tell(worker, Output::Fetched { home, fetch, owner, lease, fetched });
                if !self.homes[worker].listens.replace(true) {
                    spawn_local(self.clone().listen(worker));
                }
            }
            Input::Read { ticket, owner, have } => {
                let result = self.read(&owner, have).await.map_err(unavailable);
                self.tell(worker, Output::Read { ticket, result });
            }
            Input::Edit { ticket, owner, edit } => {
                let result = self.edit(&owner, &edit).await;
                if let Ok(mark) = &result {
                    // Nothing older is served here from now on, whoever else the service has to tell.
                    let home = HomeId(worker as u64);
                    self.tell(worker, Output::Invalidate { home, owner, mark: *mark });
                }
                self.tell(worker, Output::Edited { ticket, result });
            }
            Input::Tick(_)
            | Input::Erase { .. }
            | Input::Tell(_)
            | Input::Heard(_)
            | Input::Loaded { .. } => {
                unreachable!("no shard asks a service for this")
            }
            Input::Renew { .. } | Input::Acknowledge { .. } | Input::Release { .. } => {
                unreachable!("these wait for no turn")
            }
        }
    }

    fn turn_away(&self, worker: usize, question: Input) {
        let fault = || unavailable("it has too much to do".to_owned());
        match question {
            Input::Fetch { home, fetch, owner, .. } => {
                self.tell(
                    worker,
                    Output::Fetched { home, fetch, owner, lease: 0, fetched: Fetched::Failed(fault()) },
                );
            }
            Input::Read { ticket, .. } => self.tell(worker, Output::Read { ticket, result: Err(fault()) }),
            Input::Edit { ticket, .. } => self.tell(worker, Output::Edited { ticket, result: Err(fault()) }),
            _other => unreachable!("these wait for no turn"),
        }
    }

    async fn fetch(
        &self,
        worker: usize,
        fetch: u64,
        owner: &User,
        have: Option<Mark>,
        at_least: Option<Mark>,
    ) -> (u64, Fetched) {
        let (user, home) = (segment(owner.as_str()), self.homes[worker].name());
        let mut path = format!("/rosters/{user}?home={home}&fetch={fetch}");
        have.iter().for_each(|mark| path += &format!("&have={mark}"));
        at_least.iter().for_each(|mark| path += &format!("&at_least={mark}"));
        let answered = match self.web.get(&path, FETCH).await {
            Ok((StatusCode::CONFLICT, _)) => return (0, Fetched::Behind),
            Ok((StatusCode::OK, json)) => answers::list(json),
            Ok((status, _)) => Err(format!("it answers {status}")),
            Err(why) => Err(why),
        };
        let answered = answered.and_then(|list| Ok((list.lease, list.difference(owner)?)));
        match answered {
            Ok((lease, Difference::Full(contacts))) => (lease, Fetched::List(contacts)),
            Ok((lease, Difference::Same(tag, _))) => (lease, Fetched::Same(tag.mark)),
            Ok((_, Difference::Delta { .. })) => {
                (0, self.failed("a home takes no part of a list".to_owned()))
            }
            Err(why) => (0, self.failed(why)),
        }
    }

    fn failed(&self, why: String) -> Fetched {
        Fetched::Failed(unavailable(why))
    }

    async fn read(&self, owner: &User, have: Option<Tag>) -> Result<Difference, String> {
        let mut path = format!("/rosters/{}", segment(owner.as_str()));
        have.iter().for_each(|tag| path += &format!("?have={tag}"));
        match self.web.get(&path, READ).await? {
            (StatusCode::OK, json) => answers::list(json)?.difference(owner),
            (status, _) => Err(format!("it answers {status}")),
        }
    }

    async fn edit(&self, owner: &User, edit: &Edit) -> Result<Mark, Fault> {
        let path = format!("/rosters/{}/edits", segment(owner.as_str()));
        let (name, user, value) = (edit.name(), edit.user().as_str(), wire::value_text(&edit.value()));
        let value: serde_json::Value = serde_json::from_str(&value).expect("what we write is JSON");
        let body = json!({"edit": name, "user": user, "value": value});
        let answered = match self.web.post(&path, &body, EDIT).await {
            Ok((StatusCode::OK, json)) => answers::edited(json),
            Ok((status, json)) if status.is_client_error() => match answers::refused(json) {
                Ok(fault) => return Err(fault),
                Err(why) => Err(format!("it answers {status}: {why}")),
            },
            Ok((status, _)) => Err(format!("it answers {status}")),
            Err(why) => Err(why),
        };
        answered.map_err(unavailable)
    }

    /// Says what the home has to say, and hears what is stale; `renewal` is the cache's question, if it asked.
    async fn renew(self: Rc<Self>, worker: usize, renewal: Option<u64>) {
        let Ok((lease, stale)) = self.home_word(worker, 0, FETCH).await else { return };
        let home = HomeId(worker as u64);
        match renewal {
            Some(fetch) => self.tell(worker, Output::Renewed { home, fetch, lease, stale }),
            None => self.invalidate(worker, stale),
        }
    }

    /// As long as the server runs.
    async fn listen(self: Rc<Self>, worker: usize) {
        loop {
            match self.home_word(worker, LISTEN_MS, LISTEN).await {
                Ok((_, stale)) => self.invalidate(worker, stale),
                Err(_) => tokio::time::sleep(AGAIN).await,
            }
        }
    }

    async fn home_word(
        &self,
        worker: usize,
        wait_ms: u64,
        most: Duration,
    ) -> Result<(u64, Vec<(User, Mark)>), String> {
        let home = &self.homes[worker];
        let answered = self.web.post(&format!("/homes/{}", home.name()), &home.word(wait_ms), most).await;
        let answered = answered.and_then(|(status, json)| match status {
            StatusCode::OK => answers::lease(json),
            status => Err(format!("it answers {status}")),
        });
        answered.inspect_err(|why| tracing::warn!(why, "the friend service gives no lease"))
    }

    fn invalidate(&self, worker: usize, stale: Vec<(User, Mark)>) {
        let home = HomeId(worker as u64);
        stale
            .into_iter()
            .for_each(|(owner, mark)| self.tell(worker, Output::Invalidate { home, owner, mark }));
    }

    fn tell(&self, worker: usize, output: Output) {
        if self.house.boxes[worker].send(Letter::Roster(output)).is_err() {
            tracing::debug!(worker, "is gone already");
        }
    }
}

/// What the client is told; the operator finds the whole story in the log.
fn unavailable(why: String) -> Fault {
    tracing::warn!(why, "the friend service");
    Fault::new(Code::Unavailable, "roster: the friend service cannot be asked now")
}
