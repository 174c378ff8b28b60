//! Stories of one shard and its users: what it keeps of those who are not there, and whom it believes.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use slotcast_protocol::roster::{Contact, Edit, Friend, Mark, Sub};
use slotcast_protocol::{
    Code, Device, Event, Limits, RelayEvent, RelayRequest, State, Status, Tell, User, Value,
};
use slotcast_state::roster::{Contacts, Difference, Fetched, Input as Question, Output};
use slotcast_state::{
    Author, Delivery, EdgeId, Effects, Found, HomeInput, Input, Kinds, Letter, PersonLetter, Policy, Relay,
    Rosters, SessionId, Shard,
};

fn user(name: &str) -> User {
    User::parse(name).expect("a good user")
}

/// Everything in memory; what is said from home to home arrives at once, and a service outside does not answer by itself.
struct Scene {
    shard: Shard,
    now_ms: u64,
    questions: Vec<Question>,
    told: Vec<RelayEvent>,
    /// Whose lists have changed.
    changed: Vec<User>,
    /// Who was told not to know any more how someone is.
    withdrawn: Vec<User>,
}

impl Scene {
    fn new(relay: Relay) -> Self {
        Scene::with(relay, Limits::default())
    }

    fn with(relay: Relay, limits: Limits) -> Self {
        let limits = Arc::new(Limits { tells_burst: 1_000, ..limits });
        let shard = Shard::new(0, 1, Arc::new(Kinds::default()), limits, 1 << 20);
        let shard = shard.with_relay(Arc::new(relay), 1);
        let (questions, told, changed) = (Vec::new(), Vec::new(), Vec::new());
        let withdrawn = Vec::new();
        let mut scene = Scene { shard, now_ms: 1_000, questions, told, changed, withdrawn };
        scene.input(Input::Tick(1_000));
        scene
    }

    fn input(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let mut effects = Effects::default();
            self.shard.handle(input, &mut effects);
            self.withdrawn.extend(effects.letters.iter().filter_map(|(to, letter)| match letter {
                Letter::Person(PersonLetter::Status { status: None, .. }) => Some(to.clone()),
                _other => None,
            }));
            let home = |(user, letter)| Input::Home { user, input: HomeInput::Letter(letter) };
            inputs.extend(effects.letters.into_iter().map(home));
            inputs
                .extend(effects.loads.into_iter().map(|name| Input::Loaded { name, found: Found::Nothing }));
            self.questions.extend(effects.questions);
            self.changed.extend(effects.roster_commits.into_iter().map(|(commit, _)| commit.owner));
            for delivery in effects.deliveries.into_iter().chain(effects.held) {
                match delivery {
                    Delivery::Reply { event: Event::Relay(event), .. }
                    | Delivery::News { event: Event::Relay(event), .. } => self.told.push(event),
                    Delivery::Roster(output) => inputs.push_back(Input::Roster(output)),
                    Delivery::Letter { to, letter } => inputs.push_back(home((to, letter))),
                    other => panic!("nothing else happens here: {other:?}"),
                }
            }
        }
    }

    fn until(&mut self, at_ms: u64) {
        while let Some(next_ms) = self.shard.next_deadline().filter(|next_ms| *next_ms <= at_ms) {
            self.now_ms = self.now_ms.max(next_ms);
            self.input(Input::Tick(self.now_ms));
        }
        self.now_ms = at_ms;
        self.input(Input::Tick(at_ms));
    }

    /// What the service is asked about the owner it answers: a list with one friend.
    fn serve(&mut self, owner: &str, friend: &str) {
        let friend = Friend { sub: Sub::Both, ..Friend::new(user(friend)) };
        let people = [(friend.id.clone(), Contact { friend: Some(friend), blocked: false, asks: false })];
        let list = Arc::new(Contacts::new(&user(owner), Mark { epoch: 1, rev: 1 }, people.into()));
        for question in std::mem::take(&mut self.questions) {
            let output = match question {
                Question::Read { ticket, .. } => {
                    Output::Read { ticket, result: Ok(Difference::Full(list.clone())) }
                }
                Question::Fetch { home, fetch, owner, .. } => {
                    Output::Fetched { home, fetch, owner, lease: 1, fetched: Fetched::List(list.clone()) }
                }
                other => panic!("nothing else is asked: {other:?}"),
            };
            self.input(Input::Roster(output));
        }
    }

    /// How someone is, as far as anyone was told.
    fn seen(&self, name: &str) -> Option<State> {
        let mut told = self.told.iter().filter_map(|event| match event {
            RelayEvent::Presence(people) => people.iter().rev().find(|(of, _)| *of == user(name)),
            _other => None,
        });
        told.next_back().map(|(_, status)| status.state)
    }

    /// On the one session of the user's.
    fn ask(&mut self, name: &str, request: RelayRequest) {
        let device = Device::parse("phone").expect("a good device");
        let author = Arc::new(Author { user: user(name), device });
        let input = HomeInput::Request { session: SessionId::new(EdgeId(0), 1, 1), author, request };
        self.input(Input::Home { user: user(name), input });
    }
}

#[test]
fn a_message_that_waited_for_a_list_in_vain_leaves_nothing_behind() {
    let mut scene = Scene::new(Relay { rosters: Rosters::Outside, ..Relay::default() });
    for id in 1..=50 {
        let (to, body) =
            (user(&format!("nobody-{id}")), Value::check(&[0xc0], &Limits::default()).expect("nil"));
        scene.ask("mallory", RelayRequest::Tell(Tell { id, to, body, kind: None, have: None }));
    }
    assert_eq!(scene.told, [], "they wait");
    scene.until(10_000);
    let refused = |event: &RelayEvent| matches!(event, RelayEvent::Refused { fault, .. } if fault.code == Code::Unavailable);
    assert_eq!(scene.told.iter().filter(|event| refused(event)).count(), 50);
    assert_eq!(scene.shard.homes(), 0);
}

#[test]
fn who_does_not_exist_has_no_list_however_often_asked() {
    let users = Some([user("alice")].into());
    let mut scene = Scene::new(Relay { users, policy: Policy::Friends, ..Relay::default() });
    for id in 0..50 {
        let other = user(&format!("nobody-{id}"));
        scene.ask("alice", RelayRequest::Edit { id: 2 * id, edit: Edit::Ask(other.clone()) });
        scene.ask("alice", RelayRequest::Edit { id: 2 * id + 1, edit: Edit::Remove(other) });
    }
    scene.until(60_000);
    assert_eq!(scene.told.len(), 100, "as if they did");
    assert!(scene.told.iter().all(|event| matches!(event, RelayEvent::Edited { .. })), "{:?}", scene.told);
    scene.changed.retain(|owner| *owner != user("alice"));
    assert_eq!(scene.changed, []);
}

#[test]
fn who_is_not_on_the_list_is_not_seen_before_it_is_there_either() {
    let mut scene = Scene::new(Relay { rosters: Rosters::Outside, ..Relay::default() });
    scene.ask("alice", RelayRequest::Friends { have: None });
    let status = Some(Status { state: State::Online, ..Status::OFFLINE });
    let letter = Letter::Person(PersonLetter::Status { of: user("mallory"), status });
    scene.input(Input::Home { user: user("alice"), input: HomeInput::Letter(letter) });
    let ticket = scene.questions.iter().find_map(|question| match question {
        Question::Read { ticket, .. } => Some(*ticket),
        _other => None,
    });
    let list = Arc::new(Contacts::new(&user("alice"), Mark { epoch: 1, rev: 0 }, BTreeMap::new()));
    let result = Ok(Difference::Full(list));
    scene.input(Input::Roster(Output::Read { ticket: ticket.expect("the list is asked for"), result }));
    assert!(matches!(scene.told[..], [RelayEvent::Roster(_)]), "{:?}", scene.told);
}

#[test]
fn to_have_read_what_was_never_written_makes_no_inbox() {
    let mut scene = Scene::new(Relay { users: Some([user("alice")].into()), ..Relay::default() });
    let body = Value::check(&[0xc0], &Limits::default()).expect("nil");
    scene.ask("alice", RelayRequest::Tell(Tell { id: 1, to: user("alice"), body, kind: None, have: None }));
    for number in 0..50 {
        scene.ask("alice", RelayRequest::Read { user: user(&format!("nobody-{number}")), seq: 1 });
    }
    assert_eq!(scene.shard.homes(), 1);
}

#[test]
fn no_ghost_while_the_service_is_away() {
    let mut scene = Scene::new(Relay { rosters: Rosters::Outside, ..Relay::default() });
    scene.ask("alice", RelayRequest::Status { state: Some(State::Online), body: None });
    scene.serve("alice", "bob");
    scene.ask("bob", RelayRequest::Friends { have: None });
    scene.serve("bob", "alice");
    assert_eq!(scene.seen("alice"), Some(State::Online));
    scene.until(60_000);
    assert_eq!(scene.seen("alice"), Some(State::Online), "leases are over, and she is there");
    let input = HomeInput::Gone { session: SessionId::new(EdgeId(0), 1, 1) };
    scene.input(Input::Home { user: user("alice"), input });
    scene.until(100_000);
    assert_eq!(scene.seen("alice"), Some(State::Offline));
    assert_eq!(scene.shard.persons(), 1, "bob is there");
}

/// The friends' turn to be told has not come yet when one of them asks, and is shut out at once.
#[test]
fn who_asked_and_was_told_is_told_the_end() {
    let mut scene = Scene::with(Relay::default(), Limits { statuses_per_s: 1, ..Limits::default() });
    scene.ask("alice", RelayRequest::Status { state: Some(State::Online), body: None });
    let approve = Edit::Approve { user: user("bob"), on: true };
    scene.ask("alice", RelayRequest::Edit { id: 1, edit: approve });
    scene.ask("bob", RelayRequest::Edit { id: 1, edit: Edit::Ask(user("alice")) });
    let probe = Letter::Person(PersonLetter::Probe { from: user("bob") });
    scene.input(Input::Home { user: user("alice"), input: HomeInput::Letter(probe) });
    scene.ask("alice", RelayRequest::Edit { id: 2, edit: Edit::Block(user("bob")) });
    assert_eq!(scene.withdrawn, [], "their turn has not come");
    scene.until(20_000);
    assert_eq!(scene.withdrawn, [user("bob")]);
}
