//! Folders that a server must not take: in words, and without changing them.

use std::path::Path;

use serde_json::json;
use slotcast_tests::engines::stored_in;
use slotcast_tests::real::folder::TempFolder;
use slotcast_tests::real::server::{Launch, Refusal};
use slotcast_tests::real::socket::Socket;

use super::loads::CONFIG;

/// Where SQLite keeps `user_version` in the first page, and the `application_id` behind it.
const USER_VERSION_AT: usize = 60;
const APPLICATION_ID_AT: usize = 68;

#[test]
fn a_folder_in_use() {
    let folder = TempFolder::new("twice");
    let launch = Launch::dev(CONFIG).data(folder.path());
    let first = launch.start();
    let refusal = launch.refusal();
    says(&refusal, &["is in use by another slotcast", "process"]);
    let mut socket = Socket::json(first.address, "alice");
    assert_eq!(
        socket.ask(json!({"type": "use", "object": "disk/a"}))["type"],
        "snapshot",
        "the first goes on"
    );
}

#[test]
fn a_store_of_a_later_form() {
    let folder = stored();
    let mut form = 0;
    change(folder.path(), |bytes| {
        form = bytes[USER_VERSION_AT + 3];
        bytes[USER_VERSION_AT + 3] = form + 1;
    });
    let before = contents(folder.path());
    let later = format!("has the form {} of a later version", form + 1);
    says(&refusal(folder.path()), &[&later, "Nothing was changed"]);
    assert!(contents(folder.path()) == before, "something was changed");
    change(folder.path(), |bytes| bytes[USER_VERSION_AT + 3] = form);
    Launch::dev(CONFIG).data(folder.path()).start();
}

#[test]
fn something_else_of_that_name() {
    let text = b"these are the minutes of our last meeting, and no store".repeat(200);
    let folder = TempFolder::new("other");
    std::fs::write(folder.join("slotcast.db"), &text).expect("the temporary folder has room");
    says(&refusal(folder.path()), &["file is not a database"]);
    assert_eq!(std::fs::read(folder.join("slotcast.db")).expect("it is there"), text);

    let folder = stored();
    change(folder.path(), |bytes| bytes[APPLICATION_ID_AT] ^= 1);
    let before = contents(folder.path());
    says(&refusal(folder.path()), &["is an SQLite file, but no store of slotcast"]);
    assert!(contents(folder.path()) == before, "something was changed");
}

#[test]
fn a_store_that_was_taken_away_from_its_log() {
    let folder = stored();
    let mut server = Launch::dev(CONFIG).data(folder.path()).start();
    let mut socket = Socket::json(server.address, "alice");
    socket.ask(json!({"type": "use", "object": "disk/a"}));
    let ops = json!([{"op": "set", "slot": "price", "value": 2}]);
    assert_eq!(
        socket.ask(json!({"type": "write", "object": "disk/a", "seen": 1, "ops": ops}))["type"],
        "success"
    );
    server.kill();
    std::fs::rename(folder.join("slotcast.db"), folder.join("elsewhere")).expect("it is there");
    says(&refusal(folder.path()), &["is there, and the store is not"]);
    std::fs::rename(folder.join("elsewhere"), folder.join("slotcast.db")).expect("it is there");
    Launch::dev(CONFIG).data(folder.path()).start();
}

#[test]
fn a_folder_that_is_none() {
    let folder = TempFolder::new("file");
    std::fs::write(folder.join("data"), "a file").expect("the temporary folder has room");
    says(&refusal(&folder.join("data")), &["data"]);
}

#[test]
fn a_damaged_object_is_named_and_the_others_are_served() {
    let folder = stored();
    change(folder.path(), |bytes| {
        let at = bytes.windows(6).rposition(|bytes| bytes == b"worth!").expect("the value is in there");
        bytes[at] ^= 0x20;
    });
    let server = Launch::dev(CONFIG).data(folder.path()).start();
    let mut socket = Socket::json(server.address, "bob");
    let error = socket.ask(json!({"type": "use", "object": "disk/a"}));
    assert_eq!((&error["type"], &error["code"]), (&json!("error"), &json!("storage_damaged")));
    assert_eq!(error["object"], "disk/a");
    assert_eq!(socket.ask(json!({"type": "use", "object": "disk/b"}))["type"], "snapshot");
    assert!(server.said().contains("disk/a fails its checksum"), "{}", server.said());
}

/// A folder after a stop that was asked for, with one object.
fn stored() -> TempFolder {
    let folder = TempFolder::new("stored");
    let mut server = Launch::dev(CONFIG).data(folder.path()).start();
    let mut socket = Socket::json(server.address, "alice");
    socket.ask(json!({"type": "use", "object": "disk/a"}));
    let ops = json!([{"op": "set", "slot": "price", "value": "worth!"}]);
    assert_eq!(socket.ask(json!({"type": "write", "object": "disk/a", "ops": ops}))["type"], "success");
    server.kill();
    let mut server = Launch::dev(CONFIG).data(folder.path()).start();
    server.terminate();
    assert_eq!(server.wait(), Some(0));
    folder
}

fn refusal(folder: &Path) -> Refusal {
    Launch::dev(CONFIG).data(folder).refusal()
}

fn says(refusal: &Refusal, words: &[&str]) {
    assert!(refusal.code.is_some_and(|code| code != 0), "{refusal:?}");
    for word in words {
        assert!(refusal.said.contains(word), "{word} is not in {}", refusal.said);
    }
}

fn change(folder: &Path, change: impl FnOnce(&mut [u8])) {
    let path = folder.join("slotcast.db");
    let mut bytes = std::fs::read(&path).expect("it is there");
    change(&mut bytes);
    std::fs::write(&path, bytes).expect("it has room");
}

/// The store itself, and what is in the logs beside it.
fn contents(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let read = |name: String| (name.clone(), std::fs::read(folder.join(name)).expect("it is there"));
    stored_in(folder).into_iter().map(read).filter(|(_, bytes)| !bytes.is_empty()).collect()
}
