//! The server stays; its clients come and go by all doors, WebSockets, polls, streams and events, and move between them.

use std::time::{Duration, Instant};

use slotcast_tests::dice::Dice;
use slotcast_tests::real::folder::TempFolder;
use slotcast_tests::real::server::{Launch, Server};
use slotcast_tests::real::{number, seed};

use super::judge::{Figures, judge};
use super::loads::CONFIG;
use super::world::World;

const ROUNDS: u64 = 8;

/// Rounds that one set of objects goes through.
const ROUNDS_PER_WORLD: u64 = 4;

/// So that those who are gone without a word are found out soon.
const SILENCE: &str = "ping_ms = 1000\npong_ms = 1000\n";

#[test]
fn by_whatever_door_nothing_is_lost_or_doubled() {
    let rounds = number("SLOTCAST_TEST_ROUNDS").unwrap_or(ROUNDS);
    let mut dice = Dice::new(seed("moves"));
    let folder = TempFolder::new("moves");
    let config = CONFIG.replace("drain_ms", &format!("{SILENCE}drain_ms"));
    let mut server = Launch::dev(&config).data(folder.path()).start();
    let (mut figures, mut world) = (Figures::default(), World::roaming(0, &mut dice));
    for round in 0..rounds {
        if round % ROUNDS_PER_WORLD == 0 {
            world = World::roaming(round, &mut dice);
        }
        let before = world.answered();
        world.load(&mut server, |_| {});
        all_are_gone(&server);
        figures.started(0);
        judge(&mut world, &server, before, &mut figures);
    }
    figures.print("moves");
    assert!(figures.in_doubt > 0, "no session was cut with something on its way");
    // The last words to those who did not come back are kept for a while.
    comes_to_nothing(&server, "slotcast_http_waiting_bytes");
}

fn all_are_gone(server: &Server) {
    comes_to_nothing(server, "slotcast_sessions");
}

fn comes_to_nothing(server: &Server, metric: &str) {
    let patience = Instant::now() + Duration::from_secs(20);
    while server.metric(metric) > 0.0 {
        assert!(Instant::now() < patience, "{metric} outlives the clients");
        std::thread::yield_now();
    }
}
