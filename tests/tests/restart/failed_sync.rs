//! fdatasync fails once and says so once: the kernel takes the pages for written afterwards, so nothing may be tried again, and nothing be
//! acknowledged any more (Rebello et al., "Can Applications Recover from fsync Failures?", 2020).

use std::path::Path;
use std::time::{Duration, Instant};

use slotcast_tests::dice::Dice;
use slotcast_tests::real::folder::TempFolder;
use slotcast_tests::real::server::Launch;
use slotcast_tests::real::{seed, shim};

use super::judge::{Figures, judge, since};
use super::loads::CONFIG;
use super::world::World;

const ROUNDS: u64 = 5;

/// Syncs that a start needs at the most, on a folder as the tests leave it.
const SYNCS_OF_A_START_MAX: u64 = 40;

#[test]
fn the_server_stops_and_nothing_acknowledged_is_lost() {
    let mut dice = Dice::new(seed("fdatasync fails"));
    let (folder, control) = (TempFolder::new("sync"), TempFolder::new("control"));
    let faulty = Launch::dev(CONFIG).data(folder.path());
    let faulty = faulty.with(shim::under(folder.path(), &[("SYNC", &control.join("sync"))]));
    let mut world = World::new(0, &mut dice);
    let mut figures = Figures::default();
    for _ in 0..ROUNDS {
        let mut server = faulty.start();
        let before = world.answered();
        let nth = dice.between(1, 25);
        world.load(&mut server, |server| {
            fail(&control.join("sync"), nth);
            assert_eq!(server.wait(), Some(70));
        });
        assert_eq!(outcome(&control.join("sync")), "failed\n", "it was tried again");
        let said = server.said();
        assert!(said.contains("the store cannot be trusted any more") && is_told(&said), "{said}");
        std::fs::remove_file(control.join("sync")).expect("it is there");
        let begun = Instant::now();
        server = Launch::dev(CONFIG).data(folder.path()).start();
        figures.started(since(begun));
        judge(&mut world, &server, before, &mut figures);
        server.kill();
    }
    figures.print("fdatasync fails");
}

#[test]
fn a_start_whose_sync_fails_is_none() {
    let mut dice = Dice::new(seed("fdatasync fails at a start"));
    let (folder, control) = (TempFolder::new("start"), TempFolder::new("control"));
    let good = Launch::dev(CONFIG).data(folder.path());
    let faulty = good.clone().with(shim::under(folder.path(), &[("SYNC", &control.join("sync"))]));
    let mut world = World::new(0, &mut dice);
    world.load(&mut good.start(), |server| {
        std::thread::sleep(Duration::from_millis(100));
        server.kill();
    });
    let mut nth = 1;
    loop {
        fail(&control.join("sync"), nth);
        match faulty.try_start() {
            Err(refusal) => {
                assert!(refusal.code.is_some_and(|code| code != 0), "{refusal:?}");
                assert!(is_told(&refusal.said), "{refusal:?}");
                assert_eq!(outcome(&control.join("sync")), "failed\n", "it was tried again");
            }
            Ok(mut server) => {
                server.kill();
                break;
            }
        }
        nth += 1;
        assert!(nth < SYNCS_OF_A_START_MAX, "a start has an end");
    }
    assert!(nth > 3, "a start syncs, and {nth} of its syncs were seen");
    judge(&mut world, &good.start(), 0, &mut Figures::default());
}

/// In SQLite's words, or in the system's.
fn is_told(said: &str) -> bool {
    said.contains("disk I/O error") || said.contains("Input/output error")
}

fn fail(control: &Path, nth: u64) {
    // In one step, as the shim may read it at any moment.
    let part = control.with_extension("part");
    std::fs::write(&part, nth.to_string()).expect("the temporary folder has room");
    std::fs::rename(&part, control).expect("both are in one folder");
}

fn outcome(control: &Path) -> String {
    std::fs::read_to_string(control).expect("the shim has written it")
}
