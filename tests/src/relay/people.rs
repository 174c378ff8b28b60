//! The people's side of a device: its copy of the list, what it knows of others, what it says; and the judge of all that.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use slotcast_protocol::roster::{Alias, Edit, Group};
use slotcast_protocol::{Durability, RelayRequest, Roster, State, Status, User, Value};
use slotcast_state::roster::{Commit, Contacts, Difference, List};
use slotcast_state::{HomeInput, Input, Policy, Rosters, SessionId};

use super::client::user;
use super::world::World;
use crate::roster::Copy;
use crate::vectors::value;

/// What a device has, and has asked for.
#[derive(Default)]
pub struct Side {
    copy: Copy,
    /// This connection has asked for the list.
    pub watches: bool,
    asking: bool,
    stale: bool,
    presence: BTreeMap<User, Status>,
    /// Without an answer: the edit, and the number of the wish when it was said last.
    edits: BTreeMap<u64, (Edit, u64)>,
    next_edit: u64,
    /// Messages that were said first when their recipient had shut the user out.
    shut: BTreeSet<u64>,
}

/// What is true of people.
#[derive(Default)]
pub struct People {
    pub lists: BTreeMap<User, List>,
    /// What each session's last word was, and the how-manieth.
    said: BTreeMap<SessionId, (User, State, Option<Value>, u64)>,
    words: u64,
    /// Since when a user looks offline to others.
    offline_ms: BTreeMap<User, u64>,
    wishes: u64,
    /// Who was shut out by whom, as far as the owner was told.
    shut_out: BTreeSet<(User, User)>,
    /// The last wish of an owner that may let someone in.
    let_in: BTreeMap<(User, User), u64>,
    /// How far the list was when the last of those that were answered was done.
    let_in_at: BTreeMap<(User, User), u64>,
    /// Those under way.
    letting_in: BTreeSet<(SessionId, u64, User, User)>,
}

type Judged = Result<(), String>;

impl People {
    /// A shard says that this has happened.
    pub fn committed(&mut self, commit: &Commit) -> Judged {
        let fresh = || List::new(commit.owner.clone(), commit.mark.epoch);
        let list = self.lists.entry(commit.owner.clone()).or_insert_with(fresh);
        list.replay(commit).map_err(|fault| fault.to_string())
    }

    /// What a store has of a list is the list.
    pub fn stands(&self, owner: &User, list: &List) -> Judged {
        let (stored, mut now) =
            (list.encode(), self.lists.get(owner).ok_or("a list that never was")?.clone());
        _ = now.contacts();
        if stored == now.encode() {
            Ok(())
        } else {
            Err(format!("{owner}'s list is stored as {list:?}, not {now:?}"))
        }
    }

    /// A home hears a session's word, or that it is over.
    pub fn hear(&mut self, input: &Input, now_ms: u64) {
        let Input::Home { user, input } = input else { return };
        match input {
            HomeInput::Request { session, request: RelayRequest::Status { state, body }, .. } => {
                self.words += 1;
                self.said.remove(session);
                let word = state.map(|state| (user.clone(), state, body.clone(), self.words));
                self.said.extend(word.map(|word| (*session, word)));
            }
            HomeInput::Gone { session } => _ = self.said.remove(session),
            HomeInput::Request { .. } | HomeInput::Letter(_) | HomeInput::Drained { .. } => return,
        }
        self.note_offline(user, now_ms);
    }

    /// Nothing that the session has said and that has not arrived will be heard.
    pub fn closed(&mut self, session: SessionId) {
        self.letting_in.retain(|(other, ..)| *other != session);
    }

    fn answered(&mut self, session: SessionId, id: u64) {
        self.letting_in.retain(|(other, edit, ..)| (*other, *edit) != (session, id));
    }

    fn note_offline(&mut self, user: &User, now_ms: u64) {
        match self.shown(user).0 {
            State::Offline => _ = self.offline_ms.entry(user.clone()).or_insert(now_ms),
            _there => _ = self.offline_ms.remove(user),
        }
    }

    /// How a user looks to others, by the table of the page.
    fn shown(&self, user: &User) -> (State, Option<Value>) {
        let of = |state: State| {
            let said = self.said.values().filter(|(other, said, ..)| other == user && *said == state);
            said.max_by_key(|(.., number)| *number).map(|(_, state, body, _)| (*state, body.clone()))
        };
        if of(State::Invisible).is_some() {
            return (State::Offline, None);
        }
        let seen = of(State::Busy).or_else(|| of(State::Online)).or_else(|| of(State::Away));
        seen.unwrap_or((State::Offline, None))
    }

    fn crash(&mut self, lists: BTreeMap<User, List>, now_ms: u64) -> Judged {
        self.said.clear();
        self.letting_in.clear();
        for (owner, list) in &lists {
            let before =
                self.lists.get(owner).ok_or_else(|| format!("{owner}'s list is left and never was"))?;
            if list.mark() != before.mark() && !list.mark().is_before(before.mark()) {
                return Err(format!("more is left of {owner}'s list than there was"));
            }
        }
        self.lists = lists;
        let users: Vec<User> = self.offline_ms.keys().cloned().collect();
        users.iter().for_each(|user| self.note_offline(user, now_ms));
        Ok(())
    }

    fn contacts(&self, owner: &User) -> Option<Arc<Contacts>> {
        self.lists.get(owner).cloned().map(|mut list| list.contacts())
    }
}

impl World {
    /// Something about people that a device does by itself.
    pub fn wish_people(&mut self, at: usize) {
        match self.dice.below(10) {
            0..3 if !self.clients[at].side.watches => self.ask_friends(at),
            0..6 => self.edit(at),
            6..9 => self.say_status(at),
            _again => self.ask_friends(at),
        }
    }

    /// A new connection: what was asked and not answered is asked again.
    pub fn connect_people(&mut self, at: usize) {
        let side = &mut self.clients[at].side;
        (side.watches, side.asking, side.stale) = (false, false, false);
        side.presence.clear();
        let edits: Vec<(u64, Edit)> = side.edits.iter().map(|(id, (edit, _))| (*id, edit.clone())).collect();
        edits.into_iter().for_each(|(id, edit)| self.say_edit(at, id, edit));
        if self.quiet || self.dice.percent(50) {
            self.ask_friends(at);
        }
    }

    pub fn ask_friends(&mut self, at: usize) {
        let side = &mut self.clients[at].side;
        if std::mem::replace(&mut side.asking, true) {
            side.stale = true;
            return;
        }
        (side.watches, side.stale) = (true, false);
        let have = side.copy.tag.filter(|_| self.dice.percent(90));
        self.speak(at, RelayRequest::Friends { have });
    }

    fn edit(&mut self, at: usize) {
        let other = user(self.dice.below(self.weather.users));
        let side = &mut self.clients[at].side;
        side.next_edit += 1;
        let (id, dice) = (1_000_000 + side.next_edit, &mut self.dice);
        let edit = match dice.below(14) {
            0..4 => Edit::Ask(other),
            4..6 => Edit::Accept(other),
            6 => Edit::Decline(other),
            7 | 8 => Edit::Remove(other),
            9 => Edit::Approve { user: other, on: dice.percent(60) },
            10 => Edit::Block(other),
            11 => Edit::Unblock(other),
            12 => Edit::Alias { user: other, alias: Alias::parse("É").ok().filter(|_| dice.percent(70)) },
            _groups => Edit::Groups { user: other, groups: Group::parse("Work").into_iter().collect() },
        };
        self.say_edit(at, id, edit);
    }

    fn say_edit(&mut self, at: usize, id: u64, edit: Edit) {
        self.people.wishes += 1;
        let number = self.people.wishes;
        let client = &mut self.clients[at];
        client.side.edits.insert(id, (edit.clone(), number));
        let (owner, session) = (client.user.clone(), client.session.expect("it speaks"));
        if lets_in(&edit) {
            let (owner, other) = (owner, edit.user().clone());
            let pair = (owner.clone(), other.clone());
            self.people.shut_out.remove(&pair);
            self.people.let_in.insert(pair, number);
            self.people.letting_in.insert((session, id, owner.clone(), other.clone()));
            for client in self.clients.iter_mut().filter(|client| client.user == other) {
                let to_owner = client.unanswered.iter().filter(|tell| tell.to == owner);
                to_owner.for_each(|tell| _ = client.side.shut.remove(&tell.id));
            }
        }
        self.speak(at, RelayRequest::Edit { id, edit });
    }

    /// An edit was refused, for now or for good; it is not tried again.
    pub fn edit_refused(&mut self, at: usize, id: u64) -> bool {
        let known = self.clients[at].side.edits.remove(&id).is_some();
        let session = self.clients[at].session.expect("it hears");
        self.people.answered(session, id);
        self.tally.edits_refused += u64::from(known);
        known
    }

    /// An edit is called done.
    pub fn edited(&mut self, at: usize, id: u64, rev: u64) -> Judged {
        let client = &mut self.clients[at];
        let (edit, number) = client.side.edits.remove(&id).ok_or("an edit that no one made")?;
        let session = client.session.expect("it hears");
        let pair = (client.user.clone(), edit.user().clone());
        self.people.answered(session, id);
        self.tally.edits += 1;
        let open =
            self.people.letting_in.iter().any(|(_, _, owner, other)| (owner, other) == (&pair.0, &pair.1));
        let later = self.people.let_in.get(&pair).is_some_and(|let_in| *let_in > number);
        let let_in_at = self.people.let_in_at.entry(pair.clone()).or_default();
        // What was said later may have been done first, as two devices' ways are not equally long.
        let done_later = *let_in_at >= rev;
        if lets_in(&edit) {
            *let_in_at = rev.max(*let_in_at);
        }
        if shuts_out(&edit, self.relay.policy) && !open && !later && !done_later {
            self.tally.shut_out += 1;
            self.people.shut_out.insert(pair);
        }
        Ok(())
    }

    /// A message is said for the first time.
    pub fn note_shut(&mut self, at: usize, id: u64, to: &User) {
        let client = &mut self.clients[at];
        if self.people.shut_out.contains(&(to.clone(), client.user.clone())) {
            client.side.shut.insert(id);
        }
    }

    /// A message was taken.
    pub fn judge_shut(&mut self, at: usize, id: u64) -> Judged {
        if self.clients[at].side.shut.contains(&id) {
            return Err(format!("{id} was taken, and who said it had been shut out before"));
        }
        Ok(())
    }

    fn say_status(&mut self, at: usize) {
        let states = [State::Online, State::Away, State::Busy, State::Invisible];
        let state = self.dice.percent(85).then(|| self.dice.pick(&states));
        let body = self.dice.percent(40).then(|| value(&serde_json::json!(self.dice.below(3))));
        self.speak(at, RelayRequest::Status { state, body: body.filter(|_| state.is_some()) });
    }

    /// A device is given its list.
    pub fn take_roster(&mut self, at: usize, roster: &Roster) -> Judged {
        let client = &mut self.clients[at];
        if !std::mem::replace(&mut client.side.asking, false) {
            return Err("no one asked".to_owned());
        }
        let Roster { tag, blocks_tag, from, people } = roster.clone();
        let people: BTreeMap<_, _> = people.into_iter().collect();
        let difference = match from {
            None => Difference::Full(Arc::new(Contacts::new(&client.user, tag.mark, people))),
            Some(rev) if rev == tag.mark.rev && people.is_empty() => Difference::Same(tag, blocks_tag),
            Some(from) => Difference::Delta { from, tag, blocks_tag, people },
        };
        client.side.copy.take(&client.user, &difference)?;
        match difference {
            Difference::Same(..) => self.tally.same += 1,
            Difference::Delta { .. } => self.tally.deltas += 1,
            Difference::Full(contacts) => {
                self.tally.fulls += 1;
                if (contacts.tag(), contacts.blocks_tag()) != (tag, blocks_tag) {
                    return Err(format!("the list is {}, not {tag}", contacts.tag()));
                }
            }
        }
        if self.clients[at].side.stale {
            self.ask_friends(at);
        }
        Ok(())
    }

    pub fn told_stale(&mut self, at: usize) {
        self.tally.stale += 1;
        self.ask_friends(at);
    }

    pub fn take_presence(&mut self, at: usize, people: &[(User, Status)]) -> Judged {
        let client = &mut self.clients[at];
        if !client.side.watches {
            return Err("no one asked how others are".to_owned());
        }
        self.tally.presences += 1;
        for (user, status) in people {
            if status.state == State::Invisible && *user != client.user {
                return Err(format!("{user} is invisible, and seen so"));
            }
            client.side.presence.insert(user.clone(), status.clone());
        }
        Ok(())
    }

    /// The server has crashed; these lists are left. Where they were in memory alone, no one is shut out any more.
    pub fn crash_people(&mut self, lists: BTreeMap<User, List>) -> Judged {
        let lists = if self.service.is_some() { self.people.lists.clone() } else { lists };
        self.people.crash(lists, self.now_ms)?;
        if self.weather.rosters == Rosters::Own(Durability::Memory) {
            self.people.shut_out.clear();
            self.people.let_in_at.clear();
            self.clients.iter_mut().for_each(|client| client.side.shut.clear());
        }
        Ok(())
    }

    /// No one is seen long after leaving, where lists can be had and statuses do not queue.
    pub fn judge_ghosts(&mut self) -> Judged {
        let weather = &self.weather;
        if weather.refusals > 0 || self.limits.statuses_per_s < 1_000 {
            return Ok(());
        }
        let bound_ms = self.limits.status_ms + 30 * weather.delay_ms + 20 * weather.disk_ms + 50;
        let mut looked = 0;
        for client in self.clients.iter().filter(|client| client.session.is_some() && client.side.watches) {
            for (user, status) in &client.side.presence {
                let since_ms = self.people.offline_ms.get(user).copied().unwrap_or(u64::MAX);
                let is_over = since_ms.saturating_add(bound_ms) <= self.now_ms;
                looked += u64::from(is_over);
                if is_over && status.state != State::Offline && *user != client.user {
                    return Err(format!(
                        "{} sees {user} as {status:?}, who is gone since {since_ms} ms",
                        client.user
                    ));
                }
            }
        }
        self.tally.ghosts_looked_for += looked;
        Ok(())
    }

    /// Everyone has the own list, and sees whom it is theirs to see, as they are.
    pub fn judge_people(&mut self) -> Judged {
        for at in 0..self.clients.len() {
            let (client, side) = (&self.clients[at], &self.clients[at].side);
            if !side.watches || side.asking || !side.edits.is_empty() {
                let (asking, edits) = (side.asking, &side.edits);
                return Err(format!("client {at} at rest: asking {asking}, edits {edits:?}"));
            }
            let own = self.people.contacts(&client.user);
            let people = own.as_ref().map(|own| own.people().clone()).unwrap_or_default();
            if side.copy.people != people {
                return Err(format!("client {at} has {:?}, not {people:?}", side.copy.people));
            }
            for number in 0..self.weather.users {
                let other = user(number);
                if other != client.user {
                    self.judge_seen(at, &other, own.as_deref())?;
                }
            }
        }
        Ok(())
    }

    fn judge_seen(&self, at: usize, other: &User, own: Option<&Contacts>) -> Judged {
        let client = &self.clients[at];
        let lets = self.people.contacts(other).is_some_and(|theirs| theirs.admits(&client.user));
        let wanted = match own.is_some_and(|own| own.sees(other)) && lets {
            true => self.people.shown(other),
            false => (State::Offline, None),
        };
        let seen = client.side.presence.get(other).unwrap_or(&Status::OFFLINE);
        match (seen.state, &seen.body) == (wanted.0, &wanted.1) {
            true => Ok(()),
            false => Err(format!("client {at} of {} sees {other} as {seen:?}, not {wanted:?}", client.user)),
        }
    }
}

fn lets_in(edit: &Edit) -> bool {
    match edit {
        Edit::Ask(_) | Edit::Accept(_) | Edit::Approve { on: true, .. } | Edit::Unblock(_) => true,
        Edit::Decline(_) | Edit::Remove(_) | Edit::Approve { on: false, .. } | Edit::Block(_) => false,
        Edit::Alias { .. } | Edit::Groups { .. } => false,
    }
}

/// Whether the other may not write any more when it is called done.
fn shuts_out(edit: &Edit, policy: Policy) -> bool {
    match edit {
        Edit::Block(_) => true,
        Edit::Remove(_) | Edit::Approve { on: false, .. } => policy == Policy::Friends,
        Edit::Ask(_) | Edit::Accept(_) | Edit::Decline(_) | Edit::Approve { on: true, .. } => false,
        Edit::Alias { .. } | Edit::Groups { .. } | Edit::Unblock(_) => false,
    }
}
