//! A disk without room: writes to stored objects are refused, everything else goes on, and nothing that was acknowledged is lost.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use slotcast_tests::dice::Dice;
use slotcast_tests::real::folder::TempFolder;
use slotcast_tests::real::server::{Launch, Server};
use slotcast_tests::real::socket::Socket;
use slotcast_tests::real::{seed, shim};

use super::judge::{Figures, judge};
use super::loads::CONFIG;
use super::world::World;

const RESERVE: u64 = 8 * 1024 * 1024;
const PLENTY: u64 = 1 << 40;

/// A data folder whose disk has the room that a file says.
struct Disk {
    folder: TempFolder,
    control: TempFolder,
}

impl Disk {
    fn new() -> Disk {
        Disk { folder: TempFolder::new("full"), control: TempFolder::new("control") }
    }

    fn launch(&self) -> Launch {
        let launch = Launch::dev(CONFIG).data(self.folder.path());
        launch.with(shim::under(self.folder.path(), &[("ROOM", &self.room())]))
    }

    fn room(&self) -> PathBuf {
        self.control.join("room")
    }

    fn set_room(&self, bytes: u64) {
        let part = self.control.join("part");
        std::fs::write(&part, bytes.to_string()).expect("the temporary folder has room");
        std::fs::rename(part, self.room()).expect("both are in one folder");
    }

    fn used(&self) -> u64 {
        let entries = std::fs::read_dir(self.folder.path()).expect("it is there").flatten();
        entries.map(|entry| entry.metadata().map_or(0, |file| file.len())).sum()
    }

    fn has(&self, name: &str) -> bool {
        self.folder.join(name).exists()
    }
}

#[test]
fn writes_are_refused_and_go_on_when_there_is_room() {
    let disk = Disk::new();
    let mut server = disk.launch().start();
    let mut alice = Alice::enter(&server);
    assert_eq!(alice.write("disk/a")["type"], "success");
    assert!(disk.has("reserve"));
    disk.set_room(disk.used());
    let refused = alice.write_until_full();
    assert_eq!(refused["winners"], json!([]));
    assert_eq!(server.metric("slotcast_store_full"), 1.0);
    // It is there for a moment each time that the server looks for room.
    wait_for("the end of the reserve", || !disk.has("reserve"));
    assert_eq!(alice.write("memory/a")["type"], "success", "objects in memory do not mind");
    let kept = alice.kept;
    assert_eq!(read(&server), kept, "reading goes on");
    let again = alice.ids;
    disk.set_room(disk.used() + RESERVE - 1);
    assert_eq!(alice.say_again(again)["code"], "storage_full", "there is not yet room for the reserve");
    disk.set_room(PLENTY);
    wait_for("room", || server.metric("slotcast_store_full") == 0.0);
    assert!(disk.has("reserve"));
    assert_eq!(alice.say_again(again)["type"], "success", "a refusal for want of room is no answer");
    assert_eq!(read(&server), kept + 1);
    assert!(server.said().contains("there is room on the disk again"), "{}", server.said());
    server.kill();
    assert_eq!(read(&disk.launch().start()), kept + 1);
}

#[test]
fn what_does_not_fit_waits_and_a_stop_does_not_wait_for_it() {
    let disk = Disk::new();
    let mut server = disk.launch().start();
    let mut alice = Alice::enter(&server);
    assert_eq!(alice.write("disk/a")["type"], "success");
    let mut bob = Alice::enter(&server);
    // Even without the reserve there is nothing left.
    disk.set_room(disk.used() - RESERVE);
    alice.say("disk/a");
    wait_for("the full disk", || server.metric("slotcast_store_full") == 1.0);
    assert_eq!(bob.write("memory/a")["type"], "success", "objects in memory do not mind");
    server.terminate();
    let told = Instant::now();
    drop((alice, bob));
    assert_eq!(server.wait(), Some(1), "it says that something was left out");
    let said = server.said();
    assert!(said.contains("what was not acknowledged is left out"), "{said}");
    assert!(told.elapsed() < Duration::from_secs(15), "a stop took {:?}", told.elapsed());
    disk.set_room(PLENTY);
    let there = read(&disk.launch().start());
    assert!((1..=2).contains(&there), "the second was never acknowledged, and may be there or not");
}

#[test]
fn a_start_on_a_full_disk() {
    let disk = Disk::new();
    let mut server = disk.launch().start();
    let mut alice = Alice::enter(&server);
    for _ in 0..50 {
        assert_eq!(alice.write("disk/a")["type"], "success");
    }
    server.kill();
    disk.set_room(disk.used());
    let mut server = disk.launch().start();
    assert_eq!(read(&server), 50);
    let mut alice = Alice::enter(&server);
    alice.ids = 50;
    alice.write_until_full();
    let kept = 50 + alice.kept;
    assert_eq!(read(&server), kept);
    server.kill();
    // Not even the reserve is left.
    for name in ["reserve", "slotcast.db-shm"] {
        let _ = std::fs::remove_file(disk.folder.join(name));
    }
    disk.set_room(disk.used());
    let refusal = disk.launch().try_start();
    match refusal {
        Err(refusal) => {
            assert!(refusal.said.contains("full") || refusal.said.contains("room"), "{refusal:?}")
        }
        Ok(mut server) => server.kill(),
    }
    disk.set_room(PLENTY);
    assert_eq!(read(&disk.launch().start()), kept);
}

#[test]
fn full_and_empty_under_load() {
    let mut dice = Dice::new(seed("full disk"));
    let disk = Disk::new();
    let mut world = World::new(0, &mut dice);
    let mut figures = Figures::default();
    for _ in 0..3 {
        disk.set_room(PLENTY);
        let mut server = disk.launch().start();
        wait_for("the reserve", || disk.has("reserve"));
        let before = world.answered();
        let left = dice.below(200_000);
        world.load(&mut server, |server| {
            disk.set_room(disk.used() + left);
            wait_for("the full disk", || server.metric("slotcast_store_full") == 1.0);
            disk.set_room(PLENTY);
            wait_for("room", || server.metric("slotcast_store_full") == 0.0);
            disk.set_room(disk.used() + left);
            wait_for("the full disk", || server.metric("slotcast_store_full") == 1.0);
            server.kill();
        });
        disk.set_room(PLENTY);
        let mut server = disk.launch().start();
        figures.started(0);
        judge(&mut world, &server, before, &mut figures);
        server.kill();
    }
    figures.print("full disk");
}

/// Someone who writes one at a time.
struct Alice {
    socket: Socket,
    ids: u64,
    kept: u64,
}

impl Alice {
    fn enter(server: &Server) -> Alice {
        let mut socket = Socket::json(server.address, "alice");
        for object in ["disk/a", "disk/b", "memory/a"] {
            let nothing = json!({"type": "use", "object": object, "slots": ["nothing"]});
            assert_eq!(socket.ask(nothing)["type"], "snapshot");
        }
        Alice { socket, ids: 0, kept: 0 }
    }

    fn say(&mut self, object: &str) {
        self.ids += 1;
        self.socket.say(write(object, self.ids));
    }

    fn write(&mut self, object: &str) -> Json {
        self.say(object);
        let answer = self.socket.hear();
        self.kept += u64::from(object == "disk/a" && answer["type"] == "success");
        answer
    }

    fn write_until_full(&mut self) -> Json {
        for _ in 0..100 {
            let answer = self.write("disk/a");
            if answer["code"] == "storage_full" {
                return answer;
            }
            assert_eq!(answer["type"], "success");
        }
        panic!("the disk does not become full");
    }

    fn say_again(&mut self, id: u64) -> Json {
        self.socket.ask(write("disk/a", id))
    }
}

fn write(object: &str, id: u64) -> Json {
    let ops = json!([{"op": "add", "slot": "add", "value": 1}]);
    json!({"type": "write", "id": id, "object": object, "ops": ops})
}

/// How many writes `disk/a` has seen, as someone new sees it.
fn read(server: &Server) -> u64 {
    let mut socket = Socket::json(server.address, "reader");
    let snapshot = socket.ask(json!({"type": "use", "object": "disk/a"}));
    assert_eq!(snapshot["type"], "snapshot");
    snapshot["slots"][0]["value"].as_u64().unwrap_or(0)
}

/// Looks until it is so.
fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(20), "{what} does not come");
        std::thread::sleep(Duration::from_millis(5));
    }
}
