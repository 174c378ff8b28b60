//! Stores that were written once and for all: every form that there ever was is read by this version, and shows the same. What a form has of users is
//! in no export: `relay.jsonl` has what their devices hear. The clock of the server that wrote form 2 stood in the year 2100, so that no day of it is over.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};
use slotcast_tests::real::folder::TempFolder;
use slotcast_tests::real::server::{Launch, binary};
use slotcast_tests::real::socket::Socket;

const CONFIG: &str = "[default]\ndurability = \"disk\"\n[relay]\ndurability = \"disk\"";

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden")
}

fn tool(words: &[&str], data: &Path) -> Output {
    let run = Command::new(binary()).args(words).arg("--data").arg(data).output();
    run.expect("the binary is built before the tests: `make test` does it")
}

#[test]
fn every_form_is_read() {
    for form in std::fs::read_dir(golden()).expect("there is one form at least") {
        let form = form.expect("the folder can be read").path();
        let data = TempFolder::new("golden");
        std::fs::copy(form.join("slotcast.db"), data.join("slotcast.db")).expect("it has room");
        let beside = |name| std::fs::read_to_string(form.join(name)).expect("it is beside the store");
        let wanted = beside("export.jsonl");
        let verified = tool(&["verify"], data.path());
        assert!(verified.status.success(), "{}: {verified:?}", form.display());
        let before = tool(&["export"], data.path());
        assert_eq!(String::from_utf8_lossy(&before.stdout), wanted, "{}", form.display());
        let relay = if form.ends_with("form-1") { String::new() } else { beside("relay.jsonl") };
        serve(data.path(), &wanted, &relay);
        let after = tool(&["export"], data.path());
        assert_eq!(String::from_utf8_lossy(&after.stdout), wanted, "{}: after a server", form.display());
    }
}

/// A server has the same objects, in the same incarnations, and tells devices the same.
fn serve(data: &Path, wanted: &str, relay: &str) {
    let mut server = Launch::dev(CONFIG).data(data).start();
    let mut socket = Socket::json(server.address, "zoë");
    for line in wanted.lines() {
        let object: Value = serde_json::from_str(line).expect("a line of JSON");
        let snapshot = socket.ask(json!({"type": "use", "object": object["object"]}));
        for field in ["object", "epoch", "version", "sends"] {
            assert_eq!(snapshot[field], object[field], "{field} of {line}");
        }
        let slots = snapshot["slots"].as_array().expect("slots are an array");
        let told = slots.iter().map(|slot| (slot["slot"].as_str().unwrap_or_default(), &slot["value"]));
        let kept = object["slots"].as_object().expect("slots are a map");
        assert!(
            told.eq(kept.iter().map(|(slot, kept)| (slot.as_str(), &kept["value"]))),
            "{snapshot} of {line}"
        );
    }
    relay.lines().for_each(|line| told_the_same(server.address, line));
    drop(socket);
    server.terminate();
    assert_eq!(server.wait(), Some(0));
}

/// One that says this hears that.
fn told_the_same(server: SocketAddr, line: &str) {
    let row: Value = serde_json::from_str(line).expect("a line of JSON");
    let name = |field: &str| row[field].as_str().expect("a name");
    let mut socket = Socket::relay(server, name("user"), name("device"));
    socket.say(row["say"].clone());
    for wanted in row["heard"].as_array().expect("heard is an array") {
        assert_eq!(socket.hear(), *wanted, "{line}");
    }
}

#[test]
fn a_backup_is_no_store_until_it_is_restored() {
    let (kept, data) = (TempFolder::new("kept"), TempFolder::new("data"));
    std::fs::copy(golden().join("form-1/slotcast.db"), kept.join("slotcast.db")).expect("it has room");
    let copy = data.join("slotcast.db");
    let made = tool(&["backup", copy.to_str().expect("a temporary folder's name is UTF-8")], kept.path());
    assert!(made.status.success(), "{made:?}");
    let refusal = Launch::dev("[default]\ndurability = \"disk\"").data(data.path()).refusal();
    assert!(refusal.said.contains("`slotcast restore` makes a store of it"), "{refusal:?}");
}
