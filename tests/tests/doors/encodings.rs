//! However many follow, a change is encoded once per view and encoding.

use serde_json::json;
use slotcast_protocol::{Door, Encoding, ObjectName, Request, Use, User};

use super::server::Server;
use super::socket::{BINARY, Frame, Socket, read_all};

const FOLLOWERS: usize = 30;
const CHANGES: usize = 50;

#[test]
fn one_per_change_and_encoding() {
    let server =
        Server::dev("[limits]\nmessages_per_s = 100000\nmessages_burst = 100000\nbytes_per_s = 1000000000\n");
    let mut json: Vec<Socket> = (0..FOLLOWERS).map(|n| follower(&server, Encoding::Json, n)).collect();
    let mut binary: Vec<Socket> =
        (0..FOLLOWERS).map(|n| follower(&server, Encoding::MessagePack, n)).collect();
    for n in 0..CHANGES {
        let add = json!({"type": "write", "id": n + 1, "object": "game/1", "ops": [{"op": "add", "slot": "n", "value": 1}]});
        json[0].say(add);
    }
    for socket in json.iter_mut().chain(&mut binary) {
        let mut diffs = 0;
        while diffs < CHANGES {
            diffs += usize::from(is_diff(socket.next()));
        }
    }
    let metrics =
        read_all(server.address, b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let encodings = metrics.lines().find_map(|line| line.strip_prefix("slotcast_encodings_total "));
    assert_eq!(encodings, Some(&*(2 * CHANGES).to_string()), "{metrics}");
}

fn follower(server: &Server, encoding: Encoding, number: usize) -> Socket {
    let user = format!("follower{number}");
    match encoding {
        Encoding::Json => {
            let mut socket = Socket::json(server.address, &user);
            assert_eq!(socket.ask(json!({"type": "use", "object": "game/1"}))["type"], "snapshot");
            socket
        }
        Encoding::MessagePack => {
            let mut socket = Socket::open(server.address, encoding.subprotocol(Door::Objects));
            let user = Some(User::parse(&user).expect("a good name"));
            socket.frame(BINARY, &Request::Hello { token: None, device: None, user }.encode());
            let object = ObjectName::parse("game/1").expect("a good name");
            socket
                .frame(BINARY, &Request::Use(Use { object, cursor: None, slots: None, rate: None }).encode());
            (0..2).for_each(|_| assert!(matches!(socket.next(), Frame::Binary(_))));
            socket
        }
    }
}

fn is_diff(frame: Frame) -> bool {
    match frame {
        Frame::Text(text) => text.starts_with("{\"type\":\"diff\""),
        Frame::Binary(bytes) => bytes[1] == 21,
        other => panic!("{other:?} instead of a diff"),
    }
}
