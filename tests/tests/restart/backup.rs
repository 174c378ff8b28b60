//! A backup that is made while writers write is a state that some moment had, and can be restored.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use serde_json::{Value as Json, json};
use slotcast_tests::real::folder::TempFolder;
use slotcast_tests::real::server::{Launch, Server, binary};
use slotcast_tests::real::socket::Socket;

use super::loads::CONFIG;

const BACKUPS: usize = 5;
const WRITERS: usize = 4;

/// What one writer has done: it adds 1 to `first/n`, and when that is acknowledged to `second/n`, and begins again.
#[derive(Default)]
struct Pair {
    asked: AtomicU64,
    done: AtomicU64,
}

#[test]
fn a_backup_is_one_moment() {
    let (data, kept) = (TempFolder::new("data"), TempFolder::new("kept"));
    let launch = Launch::dev(CONFIG).data(data.path());
    let mut server = launch.start();
    let pairs: Vec<Pair> = (0..WRITERS).map(|_| Pair::default()).collect();
    let stop = AtomicBool::new(false);
    let mut spans = Vec::new();
    thread::scope(|scope| {
        for (number, pair) in pairs.iter().enumerate() {
            let (server, stop) = (&server, &stop);
            scope.spawn(move || alternate(server, number, pair, stop));
        }
        for number in 0..BACKUPS {
            let enough = (number as u64 + 1) * 30;
            while pairs.iter().any(|pair| pair.done.load(Ordering::SeqCst) < enough) {
                thread::yield_now();
            }
            let before: Vec<u64> = pairs.iter().map(|pair| pair.done.load(Ordering::SeqCst)).collect();
            let file = kept.join(format!("{number}.db"));
            run(&["backup", path(&file), "--data", path(data.path())]);
            let after: Vec<u64> = pairs.iter().map(|pair| pair.asked.load(Ordering::SeqCst)).collect();
            spans.push((file, before, after));
        }
        stop.store(true, Ordering::SeqCst);
    });
    let epoch = enter(&server, "disk/first-0")["epoch"].clone();
    server.kill();
    for (file, before, after) in spans {
        run(&["verify", path(&file)]);
        let restored = TempFolder::new("restored");
        run(&["restore", path(&file), "--data", path(restored.path())]);
        let objects = run(&["export", "--data", path(restored.path())]);
        let objects: Vec<Json> =
            objects.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
        for number in 0..WRITERS {
            let counted = |which: &str| count(&objects, &format!("disk/{which}-{number}"));
            let (first, second) = (counted("first"), counted("second"));
            assert!(first == second || first == second + 1, "no moment had {first} and {second}");
            assert!(
                (before[number]..=after[number]).contains(&first),
                "{first}: not {before:?} to {after:?}"
            );
        }
        let server = Launch::dev(CONFIG).data(restored.path()).start();
        assert_ne!(enter(&server, "disk/first-0")["epoch"], epoch, "clients would go on from what is gone");
    }
}

fn alternate(server: &Server, number: usize, pair: &Pair, stop: &AtomicBool) {
    let mut socket = Socket::json(server.address, &format!("writer-{number}"));
    let objects = [format!("disk/first-{number}"), format!("disk/second-{number}")];
    for object in &objects {
        assert_eq!(
            socket.ask(json!({"type": "use", "object": object, "slots": ["none"]}))["type"],
            "snapshot"
        );
    }
    while !stop.load(Ordering::SeqCst) {
        pair.asked.fetch_add(1, Ordering::SeqCst);
        for (place, object) in objects.iter().enumerate() {
            let ops = json!([{"op": "add", "slot": "add", "value": 1}]);
            let answer = socket.ask(json!({"type": "write", "object": object, "ops": ops}));
            assert_eq!((&answer["type"], &answer["class"]), (&json!("success"), &json!("disk")), "{answer}");
            if place == 0 {
                pair.done.fetch_add(1, Ordering::SeqCst);
            }
        }
    }
}

fn enter(server: &Server, object: &str) -> Json {
    Socket::json(server.address, "looker").ask(json!({"type": "use", "object": object}))
}

fn count(objects: &[Json], name: &str) -> u64 {
    let object = objects.iter().find(|object| object["object"] == name);
    object.and_then(|object| object["slots"]["add"]["value"].as_u64()).unwrap_or(0)
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a temporary folder's name is UTF-8")
}

/// What the tool prints; it must do what it is asked.
fn run(words: &[&str]) -> String {
    let run = Command::new(binary()).args(words).output();
    let run = run.expect("the binary is built before the tests: `make test` does it");
    assert!(run.status.success(), "{words:?}: {run:?}");
    String::from_utf8(run.stdout).expect("it speaks UTF-8")
}
