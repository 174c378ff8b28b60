//! SIGTERM: what was acknowledged comes back, whatever was on its way.

use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use slotcast_tests::dice::Dice;
use slotcast_tests::real::folder::TempFolder;
use slotcast_tests::real::seed;
use slotcast_tests::real::server::Launch;
use slotcast_tests::real::socket::Socket;

use super::judge::{Figures, judge, since};
use super::loads::CONFIG;
use super::world::World;

const ROUNDS: u64 = 4;

#[test]
fn nothing_acknowledged_is_lost() {
    let mut dice = Dice::new(seed("SIGTERM"));
    let folder = TempFolder::new("terminate");
    let launch = Launch::dev(CONFIG).data(folder.path());
    let mut world = World::new(0, &mut dice);
    let mut figures = Figures::default();
    let mut server = launch.start();
    for _ in 0..ROUNDS {
        let before = world.answered();
        let moment = Duration::from_millis(dice.between(5, 200));
        world.load(&mut server, |server| {
            std::thread::sleep(moment);
            server.terminate();
            assert_eq!(server.wait(), Some(0));
        });
        let begun = Instant::now();
        server = launch.start();
        figures.started(since(begun));
        judge(&mut world, &server, before, &mut figures);
    }
    figures.print("SIGTERM");
}

#[test]
fn a_chat_comes_back() {
    let config = r#"
        [kind.chat]
        durability = "disk"
        rules = { log = "append:20:stamp" }
    "#;
    let folder = TempFolder::new("chat");
    let launch = Launch::dev(config).data(folder.path());
    let mut server = launch.start();
    let mut alice = enter(&server, "alice");
    slots(&mut alice);
    for n in 0..30 {
        let ops = json!([{"op": "append", "slot": "log", "value": format!("line {n}")}]);
        let answer = write(&mut alice, ops);
        assert_eq!((&answer["type"], &answer["class"]), (&json!("success"), &json!("disk")));
    }
    write(&mut alice, json!([{"op": "set", "slot": "@alice", "value": "typing"}]));
    let before = slots(&mut enter(&server, "bob"));
    server.terminate();
    drop(alice);
    assert_eq!(server.wait(), Some(0));
    let beside = std::fs::metadata(folder.join("slotcast.db-wal")).map_or(0, |file| file.len());
    assert_eq!(beside, 0, "SQLite leaves nothing beside the store after a stop that was asked for");
    let server = launch.start();
    let after = slots(&mut enter(&server, "bob"));
    assert_eq!(after["log"], before["log"]);
    assert_eq!(after["log"].as_array().map(Vec::len), Some(20));
    assert!(before.get("@alice").is_some() && after.get("@alice").is_none(), "{before} {after}");
}

fn enter(server: &slotcast_tests::real::server::Server, user: &str) -> Socket {
    Socket::json(server.address, user)
}

/// The answer; diffs that come before it are passed over.
fn write(socket: &mut Socket, ops: Json) -> Json {
    socket.say(json!({"type": "write", "object": "chat/1", "ops": ops}));
    loop {
        let event = socket.hear();
        if event["type"] == "success" {
            return event;
        }
    }
}

fn slots(socket: &mut Socket) -> Json {
    let snapshot = socket.ask(json!({"type": "use", "object": "chat/1"}));
    let slots = snapshot["slots"].as_array().expect("a snapshot has slots");
    slots
        .iter()
        .map(|slot| (slot["slot"].as_str().expect("a name").to_owned(), slot["value"].clone()))
        .collect()
}
