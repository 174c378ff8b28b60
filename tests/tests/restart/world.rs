//! Writers and followers of a few objects, through several stops.

use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use slotcast_protocol::ObjectName;
use slotcast_tests::dice::Dice;
use slotcast_tests::real::server::Server;

use super::follower::Follower;
use super::writer::Writer;

const OBJECTS: usize = 3;
const WRITERS: usize = 5;
const FOLLOWERS: usize = 2;

/// Nothing that is waited for takes longer.
const PATIENCE: Duration = Duration::from_secs(20);

pub struct World {
    pub objects: Vec<ObjectName>,
    pub writers: Vec<Writer>,
    pub followers: Vec<Follower>,
    /// When the last stop was.
    pub stopped: Instant,
}

impl World {
    /// `number` tells its objects from those of others in the same store.
    pub fn new(number: u64, dice: &mut Dice) -> World {
        let name = |object| ObjectName::parse(&format!("disk/{number}/{object}")).expect("a good name");
        let objects: Vec<_> = (0..OBJECTS).map(name).collect();
        World {
            writers: (0..WRITERS).map(|number| Writer::new(number, dice)).collect(),
            followers: (0..FOLLOWERS).map(|number| Follower::new(number, &objects)).collect(),
            objects,
            stopped: Instant::now(),
        }
    }

    /// The same, with clients who come in by any door and go when they like.
    pub fn roaming(number: u64, dice: &mut Dice) -> World {
        let mut world = World::new(number, dice);
        world.writers = (0..WRITERS).map(|number| Writer::roaming(number, dice)).collect();
        let objects = &world.objects;
        world.followers = (0..FOLLOWERS).map(|number| Follower::roaming(number, objects, dice)).collect();
        world
    }

    /// All write and follow until the server is gone; `stop` sees to that when all have begun.
    pub fn load(&mut self, server: &mut Server, stop: impl FnOnce(&mut Server)) {
        let address = server.address;
        let (begun, all) = channel();
        let World { objects, writers, followers, .. } = self;
        let count = writers.len() + followers.len();
        std::thread::scope(|scope| {
            for writer in writers {
                let (begun, objects) = (begun.clone(), &*objects);
                scope.spawn(move || writer.work(address, objects, &begun));
            }
            for follower in followers {
                let begun = begun.clone();
                scope.spawn(move || follower.work(address, &begun));
            }
            let waited = (0..count).try_for_each(|_| all.recv_timeout(PATIENCE));
            if waited.is_err() {
                server.kill();
                panic!("not all have begun");
            }
            stop(server);
        });
        self.stopped = Instant::now();
    }

    /// Whoever knows nothing more says again what had no answer.
    pub fn repeat(&mut self, server: &Server) {
        for writer in &mut self.writers {
            writer.repeat(server.address, &self.objects);
        }
    }

    /// Writes and sends without an answer.
    pub fn in_doubt(&self) -> usize {
        self.writers.iter().flat_map(|writer| &writer.wrote).filter(|wrote| wrote.answer.is_none()).count()
    }

    /// Those with one.
    pub fn answered(&self) -> usize {
        self.writers.iter().flat_map(|writer| &writer.wrote).filter(|wrote| wrote.answer.is_some()).count()
    }
}
