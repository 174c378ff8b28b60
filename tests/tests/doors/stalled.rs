//! Readers that stall while the server may keep next to nothing for them.

use serde_json::json;

use super::server::Server;
use super::socket::{Socket, read_all};

const WRITES: u64 = 200;

#[test]
fn who_stalls_costs_little_and_has_the_present_when_he_reads_again() {
    let server = Server::dev(
        "[limits]\nwaiting_bytes = 1\nmessages_per_s = 100000\nmessages_burst = 100000\nbytes_per_s = 1000000000\n[kind.game]\nrules = { x = \"last\" }\n",
    );
    let stalled = (0..3).map(|number| {
        let mut socket = Socket::json(server.address, &format!("stalled{number}"));
        assert_eq!(socket.ask(json!({"type": "use", "object": "game/1"}))["type"], "snapshot");
        socket
    });
    let stalled: Vec<Socket> = stalled.collect();
    let mut writer = Socket::json(server.address, "writer");
    assert_eq!(writer.ask(json!({"type": "use", "object": "game/1"}))["type"], "snapshot");
    let long = "x".repeat(30_000);
    for id in 1..=WRITES {
        writer.say(json!({"type": "write", "id": id, "object": "game/1",
            "ops": [{"op": "set", "slot": "x", "value": format!("{id}{long}")}]}));
        while writer.hear()["to"] != json!(id) {}
    }
    let metrics =
        read_all(server.address, b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert!(metrics.contains("\nslotcast_waiting_bytes "), "{metrics}");
    for mut socket in stalled {
        let mut have = 0;
        while have < WRITES {
            let diff = socket.hear();
            assert!(diff["from"].as_u64().is_some_and(|from| from <= have), "after {have}: a gap");
            have = diff["to"].as_u64().expect("a diff has a version");
            let value = diff["changes"][0]["value"].as_str().expect("it is a text");
            assert!(value.starts_with(&format!("{have}x")), "version {have} with the value of another");
        }
    }
}
