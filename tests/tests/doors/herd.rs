//! Many who were away and come back: what they missed is encoded once for each cursor, and not for each of them.

use serde_json::{Value, json};

use super::server::Server;
use super::socket::Socket;

const HERD: usize = 30;
/// Versions that they have.
const CURSORS: [u64; 3] = [0, 3, 7];
const FIRST_WRITES: u64 = 10;
const OBJECT: &str = "game/1";
const RULES: &str = "[kind.game]\nrules = { \"*\" = \"last\" }\n";

struct Stage {
    server: Server,
    writer: Socket,
    epoch: Value,
    version: u64,
}

impl Stage {
    /// An object that changed ten times, and its writer, who sees none of it: no one who stays has the view of those who come back.
    fn new() -> Stage {
        let server = Server::dev(RULES);
        let mut writer = Socket::json(server.address, "writer");
        let snapshot = writer.ask(json!({"type": "use", "object": OBJECT, "slots": ["none"]}));
        let mut stage = Stage { server, writer, epoch: snapshot["epoch"].clone(), version: 0 };
        (0..FIRST_WRITES).for_each(|_| stage.write());
        stage
    }

    /// One more version, of a slot of its own.
    fn write(&mut self) {
        self.version += 1;
        let ops = json!([{"op": "set", "slot": format!("s{}", self.version), "value": self.version}]);
        let answer = self.writer.ask(json!({"type": "write", "object": OBJECT, "ops": ops}));
        assert_eq!((&answer["type"], &answer["version"]), (&json!("success"), &json!(self.version)));
    }

    /// Each of them in a turn of its own, and the cursors in turn; how many encodings that took.
    fn come_back(&self, herd: &mut [Socket]) -> f64 {
        let before = self.server.metric("slotcast_caught_up_total");
        for (number, socket) in herd.iter_mut().enumerate() {
            let from = CURSORS[number % CURSORS.len()];
            let cursor = json!([self.epoch, from, 0]);
            let diff = socket.ask(json!({"type": "use", "object": OBJECT, "cursor": cursor}));
            assert_eq!((&diff["type"], &diff["from"]), (&json!("diff"), &json!(from)));
            let changes = diff["changes"].as_array().expect("a diff has changes");
            let values: Vec<_> = changes.iter().filter_map(|change| change["value"].as_u64()).collect();
            assert_eq!(values, Vec::from_iter(from + 1..=self.version), "client {number}: {diff}");
        }
        self.server.metric("slotcast_caught_up_total") - before
    }
}

#[test]
fn a_herd_with_a_few_cursors_costs_as_many_encodings() {
    let mut stage = Stage::new();
    let mut herd: Vec<_> =
        (0..HERD).map(|number| Socket::json(stage.server.address, &format!("user{number}"))).collect();
    assert_eq!(stage.come_back(&mut herd), CURSORS.len() as f64);
    // What is kept says nothing about what was written behind it; and who comes once more is told once more.
    stage.write();
    herd.iter_mut().for_each(|socket| assert_eq!(socket.hear()["to"], stage.version));
    assert_eq!(stage.come_back(&mut herd), CURSORS.len() as f64);
}
