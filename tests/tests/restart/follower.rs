//! Keeps copies of objects as section 5 of protocol.md says, over any number of stops of the server.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::mpsc::Sender;

use slotcast_protocol::{Event, ObjectName, Request};
use slotcast_tests::copy::Copy;
use slotcast_tests::dice::Dice;
use slotcast_tests::real::session::Session;

use super::roam::Roam;

/// How often a copy that is being overtaken is compared anew.
const TRIES: usize = 100;

pub struct Follower {
    name: String,
    json: bool,
    pub copies: BTreeMap<ObjectName, Copy>,
    session: Option<Session>,
    roam: Roam,
}

impl Follower {
    pub fn new(number: usize, objects: &[ObjectName]) -> Follower {
        let copies = objects.iter().map(|object| (object.clone(), Copy::default())).collect();
        Follower {
            name: format!("follower-{number}"),
            json: number == 1,
            copies,
            session: None,
            roam: Roam::default(),
        }
    }

    /// The same, who comes in by any door and goes when it likes.
    pub fn roaming(number: usize, objects: &[ObjectName], dice: &mut Dice) -> Follower {
        Follower { roam: Roam::new(dice), ..Follower::new(number, objects) }
    }

    /// Follows until the server is gone, or it goes itself.
    pub fn work(&mut self, address: SocketAddr, begun: &Sender<()>) {
        if self.session.is_none() && !self.enter(address) {
            return;
        }
        begun.send(()).expect("someone waits until all have begun");
        let mut life = self.roam.life();
        while life.goes_on() && self.hear().is_some() {}
        if let Some(session) = self.session.take() {
            self.roam.leave(session);
        }
        self.copies.values_mut().for_each(Copy::cut);
        // An object to which nothing has happened is not stored, and begins anew.
        let nothing = |copy: &&mut Copy| copy.have == 0 && copy.sends == 0;
        self.copies.values_mut().filter(nothing).for_each(|copy| *copy = Copy::default());
    }

    /// After a stop: the cursors of before lead on, by a diff.
    pub fn resume(&mut self, address: SocketAddr) {
        assert!(self.enter(address), "the server goes on");
    }

    fn enter(&mut self, address: SocketAddr) -> bool {
        let way = self.roam.way();
        let Some(mut session) = Session::open_by(way, address, (&self.name, &self.name), self.json) else {
            return false;
        };
        for (object, copy) in &self.copies {
            session.follow(object, copy.cursor(), None);
        }
        self.session = Some(session);
        let waited: Vec<_> =
            self.copies.iter().map(|(object, copy)| (object.clone(), copy.complete)).collect();
        let mut begun: BTreeMap<ObjectName, ()> = BTreeMap::new();
        while begun.len() < waited.len() {
            let Some(event) = self.hear() else { return false };
            let (object, is_diff, done) = match &event {
                Event::Snapshot(snapshot) => (&snapshot.object, false, !snapshot.more),
                Event::Diff(diff) => (&diff.object, true, true),
                _other => continue,
            };
            let had = waited.iter().any(|(waited, had)| waited == object && *had);
            let first = !begun.contains_key(object);
            assert!(
                !first || had == is_diff,
                "{}: a cursor of {object} did not lead on: {event:?}",
                self.name
            );
            if done {
                begun.insert(object.clone(), ());
            }
        }
        true
    }

    /// Takes the next event; None when the server is gone.
    fn hear(&mut self) -> Option<Event> {
        let event = self.session.as_mut().expect("it has entered").hear()?;
        let object = match &event {
            Event::Snapshot(snapshot) => Some(&snapshot.object),
            Event::Diff(diff) => Some(&diff.object),
            Event::Sent(sent) => Some(&sent.object),
            Event::Error { fault, .. } => panic!("{}: {fault}", self.name),
            _other => None,
        };
        if let Some(copy) = object.and_then(|object| self.copies.get_mut(object)) {
            copy.take(&event).unwrap_or_else(|broken| panic!("{}: {broken:?} in {event:?}", self.name));
        }
        Some(event)
    }

    /// Reads until the copy of an object is what the server says that the object is.
    pub fn catch_up(&mut self, object: &ObjectName) {
        for _ in 0..TRIES {
            let request = Request::Fingerprint { object: object.clone() };
            self.session.as_mut().expect("it has entered").say(&request);
            let (version, md5) = loop {
                match self.hear().expect("the server goes on") {
                    Event::Fingerprint { version, md5, .. } => break (version, md5),
                    _other => {}
                }
            };
            while self.copies[object].have < version {
                self.hear().expect("the server goes on");
            }
            if self.copies[object].have == version {
                return assert_eq!(self.copies[object].fingerprint(), md5, "{}: {object}", self.name);
            }
        }
        panic!("{object} does not come to rest");
    }
}
