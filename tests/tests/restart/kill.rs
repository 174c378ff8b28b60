//! kill -9 at a random moment under load, and a new start on what is left. `SLOTCAST_TEST_ROUNDS` says how often.

use std::thread::sleep;
use std::time::{Duration, Instant};

use slotcast_tests::dice::Dice;
use slotcast_tests::real::folder::TempFolder;
use slotcast_tests::real::server::Launch;
use slotcast_tests::real::{number, seed};

use super::judge::{Figures, judge, since};
use super::loads::CONFIG;
use super::world::World;

const ROUNDS: u64 = 20;

/// Stops that one set of objects goes through.
const ROUNDS_PER_WORLD: u64 = 4;

#[test]
fn nothing_acknowledged_is_lost() {
    let rounds = number("SLOTCAST_TEST_ROUNDS").unwrap_or(ROUNDS);
    let mut dice = Dice::new(seed("kill -9"));
    let folder = TempFolder::new("kill");
    let launch = Launch::dev(CONFIG).data(folder.path());
    let (mut figures, mut world) = (Figures::default(), World::new(0, &mut dice));
    let mut server = launch.start();
    for round in 0..rounds {
        if round % ROUNDS_PER_WORLD == 0 {
            world = World::new(round, &mut dice);
        }
        let before = world.answered();
        let moment = Duration::from_millis(dice.between(5, 300));
        world.load(&mut server, |server| {
            sleep(moment);
            server.kill();
        });
        let begun = Instant::now();
        server = launch.start();
        figures.started(since(begun));
        judge(&mut world, &server, before, &mut figures);
    }
    figures.print("kill -9");
}
