//! SIGTERM: everyone is told when to come back, nothing that was accepted is lost on the way out.

use serde_json::json;

use super::server::Server;
use super::socket::{Frame, Socket};

#[test]
fn each_is_told_when_to_come_back() {
    let mut server = Server::dev("");
    let mut sockets: Vec<Socket> =
        (0..20).map(|n| Socket::json(server.address, &format!("user{n}"))).collect();
    let mut early = Socket::open(server.address, "slotcast.v1.json");
    server.terminate();
    let mut moments = Vec::new();
    for socket in &mut sockets {
        let goaway = socket.hear();
        assert_eq!(goaway["type"], "goaway");
        moments.push(goaway["retry_ms"].as_u64().expect("a number of ms"));
        assert_eq!(socket.next(), Frame::Close(1001));
    }
    assert_eq!(early.ask(json!({"type": "hello", "user": "late"}))["code"], "unavailable");
    assert_eq!(early.close_code(), Some(1001));
    moments.sort_unstable();
    moments.dedup();
    assert!(moments.len() > 5, "they do not all come back at once: {moments:?}");
    drop((sockets, early));
    assert_eq!(server.wait(), Some(0));
}
