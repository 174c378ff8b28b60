//! A device that writes to several objects, many at a time, until the server is gone; then it repeats what had no answer.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::mpsc::Sender;

use slotcast_protocol::{Event, ObjectName, Pattern, Success};
use slotcast_tests::dice::Dice;
use slotcast_tests::real::session::Session;

use super::loads::{self, Answered, Wrote};
use super::roam::Roam;

/// Answered ones that are repeated, per device.
const REPEATED: usize = 6;

/// Says nothing about the id: the write can be tried again.
const NO_ANSWER: Answered = Answered::Reject("storage_full");

pub struct Writer {
    pub user: String,
    json: bool,
    window: usize,
    /// On the way at the moment.
    waiting: usize,
    dice: Dice,
    roam: Roam,
    seen: BTreeMap<usize, u64>,
    /// In the order in which it was sent; ids are places in it, from 1.
    pub wrote: Vec<Wrote>,
}

impl Writer {
    pub fn new(number: usize, dice: &mut Dice) -> Writer {
        Writer {
            user: format!("writer-{number}"),
            json: number.is_multiple_of(2),
            window: dice.between(1, 32) as usize,
            waiting: 0,
            dice: Dice::new(dice.roll()),
            roam: Roam::default(),
            seen: BTreeMap::new(),
            wrote: Vec::new(),
        }
    }

    /// The same, who comes in by any door and goes when it likes.
    pub fn roaming(number: usize, dice: &mut Dice) -> Writer {
        let roam = Roam::new(dice);
        Writer { roam, ..Writer::new(number, dice) }
    }

    /// Writes until the server is gone, or it goes itself.
    pub fn work(&mut self, address: SocketAddr, objects: &[ObjectName], begun: &Sender<()>) {
        let Some(mut session) = self.enter(address, objects) else { return };
        begun.send(()).expect("someone waits until all have begun");
        self.waiting = 0;
        let mut life = self.roam.life();
        loop {
            if !life.goes_on() {
                return self.roam.leave(session);
            }
            while self.waiting < self.window {
                self.write_one(&mut session, objects);
            }
            let Some((id, answered)) = answer(&mut session) else { return };
            self.take(id, answered);
        }
    }

    /// Says again what had no answer, in order, and some of what had one.
    pub fn repeat(&mut self, address: SocketAddr, objects: &[ObjectName]) {
        let mut session = self.enter(address, objects).expect("the server goes on");
        let kept = |wrote: &&Wrote| wrote.answer.as_ref().is_some_and(|answer| *answer != NO_ANSWER);
        let answered = self.wrote.iter().rev().filter(kept).take(REPEATED);
        let answered: Vec<Wrote> = answered.cloned().collect();
        for wrote in answered {
            session.say(&wrote.request);
            let (id, again) = answer(&mut session).expect("the server goes on");
            assert_eq!(id, wrote.id, "{}: another's answer", self.user);
            assert_eq!(Some(again), wrote.answer, "{}: another answer to {:?}", self.user, wrote.request);
        }
        for wrote in self.wrote.iter().filter(|wrote| wrote.answer.is_none()) {
            session.say(&wrote.request);
        }
        while self.wrote.iter().any(|wrote| wrote.answer.is_none()) {
            let (id, answered) = answer(&mut session).expect("the server goes on");
            self.take(id, answered);
        }
    }

    /// Sees nothing of the objects but the answers.
    fn enter(&mut self, address: SocketAddr, objects: &[ObjectName]) -> Option<Session> {
        let way = self.roam.way();
        let mut session = Session::open_by(way, address, (&self.user, &self.user), self.json)?;
        for object in objects {
            let nothing = Pattern::parse("nothing").expect("a good pattern");
            session.follow(object, None, Some(vec![nothing]));
            while !matches!(session.hear()?, Event::Snapshot(_)) {}
        }
        Some(session)
    }

    fn write_one(&mut self, session: &mut Session, objects: &[ObjectName]) {
        let object = self.dice.below(objects.len() as u64) as usize;
        let id = self.wrote.len() as u64 + 1;
        let seen = self.seen.get(&object).copied().unwrap_or(0);
        let request = loads::request(&mut self.dice, &objects[object], &self.user, id, seen);
        session.say(&request);
        self.wrote.push(Wrote { object, id, request, answer: None });
        self.waiting += 1;
    }

    fn take(&mut self, id: u64, answered: Answered) {
        let wrote = &mut self.wrote[id as usize - 1];
        assert_eq!(wrote.answer, None, "{}: a second answer to {id}", self.user);
        if let Answered::Success { version, .. } = answered {
            self.seen.insert(wrote.object, version);
        }
        wrote.answer = Some(answered);
        self.waiting = self.waiting.saturating_sub(1);
    }
}

/// The next answer; what followers hear of sends and jumps is passed over. None when the server is gone.
fn answer(session: &mut Session) -> Option<(u64, Answered)> {
    loop {
        match session.hear()? {
            Event::Success(Success { id: Some(id), version, class, changed }) => {
                assert_eq!(class.name(), "disk");
                return Some((id, Answered::Success { version, changed }));
            }
            Event::Reject(reject) => {
                return Some((reject.id.expect("it had one"), Answered::Reject(reject.fault.code.name())));
            }
            Event::Sent(_) | Event::Diff(_) | Event::Goaway { .. } => {}
            other => panic!("{other:?} instead of an answer"),
        }
    }
}
