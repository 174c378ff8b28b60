//! Messages between users under kill -9: senders with many on their way, a device that reads all the time, and one that is far behind.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};
use slotcast_tests::dice::Dice;
use slotcast_tests::real::folder::TempFolder;
use slotcast_tests::real::server::Launch;
use slotcast_tests::real::socket::{Frame, Socket};
use slotcast_tests::real::{number, seed};

const CONFIG: &str = r#"
[limits]
messages_per_s = 1000000
messages_burst = 1000000
bytes_per_s = 1000000000
tells_per_s = 1000000
tells_burst = 1000000
inbox_messages = 1000000
inbox_bytes = 500000000
inbox_per_sender = 1000000

[relay]
durability = "disk"
"#;

const ROUNDS: u64 = 8;
const ON_THE_WAY: usize = 32;

/// A device, over any number of stops.
struct Device {
    user: &'static str,
    device: &'static str,
}

impl Device {
    /// None if the server is gone already.
    fn enter(&self, address: SocketAddr) -> Option<Socket> {
        let mut socket = Socket::try_open(address, "slotcast.relay.v1.json")?;
        socket.say(json!({"type": "hello", "user": self.user, "device": self.device}));
        (hear(&mut socket)?["type"] == "welcome").then_some(socket)
    }
}

/// None when the server is gone.
fn hear(socket: &mut Socket) -> Option<Value> {
    match socket.next() {
        Frame::Text(text) => Some(serde_json::from_str(&text).expect("the server speaks JSON")),
        Frame::Close(_) | Frame::End => None,
        other => panic!("{other:?} instead of a message"),
    }
}

struct Sender {
    device: Device,
    next_id: u64,
    unanswered: Vec<u64>,
    /// Where each message lies, as the server said.
    stored: BTreeMap<u64, u64>,
}

impl Sender {
    fn new(user: &'static str) -> Sender {
        let device = Device { user, device: "phone" };
        Sender { device, next_id: 1, unanswered: Vec::new(), stored: BTreeMap::new() }
    }

    /// Repeats what had no answer, and goes on until the server is gone, or to the end of what is on its way.
    fn work(&mut self, address: SocketAddr, more: bool) {
        let Some(mut socket) = self.device.enter(address) else { return };
        for id in self.unanswered.clone() {
            self.say(&mut socket, id);
        }
        while more || !self.unanswered.is_empty() {
            while more && self.unanswered.len() < ON_THE_WAY {
                let id = self.next_id;
                self.next_id += 1;
                self.unanswered.push(id);
                self.say(&mut socket, id);
            }
            let Some(answer) = hear(&mut socket) else { return };
            assert_eq!((&answer["type"], &answer["class"]), (&json!("stored"), &json!("disk")), "{answer}");
            let (id, at) = (answer["id"].as_u64().expect("an id"), answer["at"].as_u64().expect("a place"));
            self.unanswered.retain(|waiting| *waiting != id);
            assert_eq!(self.stored.insert(id, at), None, "{}: {id} was answered before", self.device.user);
        }
    }

    fn say(&self, socket: &mut Socket, id: u64) {
        socket.say(json!({"type": "tell", "id": id, "to": "bob", "body": [self.device.user, id]}));
    }
}

/// A device of Bob's that keeps its cursor.
struct Reader {
    device: Device,
    cursor: (Value, u64),
    /// In the order in which the application got them: seq, sender, id.
    got: Vec<(u64, String, u64)>,
}

impl Reader {
    fn new(device: &'static str) -> Reader {
        Reader { device: Device { user: "bob", device }, cursor: (Value::Null, 0), got: Vec::new() }
    }

    /// Until the server is gone, or until it has everything.
    fn work(&mut self, address: SocketAddr, to_the_end: bool) {
        let Some(mut socket) = self.device.enter(address) else { return };
        let (epoch, seq) = self.cursor.clone();
        let seq = if epoch.is_null() { Value::Null } else { json!(seq) };
        socket.say(json!({"type": "open", "epoch": epoch, "seq": seq}));
        while let Some(event) = hear(&mut socket) {
            match event["type"].as_str().expect("a type") {
                "inbox" => {
                    assert!(self.cursor.0.is_null() || self.cursor.0 == event["epoch"], "another epoch");
                    self.cursor.0 = event["epoch"].clone();
                }
                "message" => self.take(&event),
                "current" if to_the_end => return,
                "current" => {}
                _other => panic!("{event}"),
            }
            socket.say(json!({"type": "ack", "seq": self.cursor.1}));
        }
    }

    fn take(&mut self, event: &Value) {
        let (seq, id) = (event["seq"].as_u64().expect("a seq"), event["id"].as_u64().expect("an id"));
        assert_eq!(
            seq,
            self.cursor.1 + 1,
            "{}: there is no hole, and nothing comes twice",
            self.device.device
        );
        let from = event["from"].as_str().expect("a sender").to_owned();
        assert_eq!(event["body"], json!([from, id]));
        self.cursor.1 = seq;
        self.got.push((seq, from, id));
    }
}

#[test]
fn stored_once_and_delivered_once_to_each_device() {
    let rounds = number("SLOTCAST_TEST_ROUNDS").map_or(ROUNDS, |rounds| rounds.div_ceil(3));
    let mut dice = Dice::new(seed("relay, kill -9"));
    let folder = TempFolder::new("relay-kill");
    let launch = Launch::dev(CONFIG).data(folder.path());
    let mut senders = ["alice", "carol", "zoë"].map(Sender::new);
    let (mut near, mut far) = (Reader::new("near"), Reader::new("far"));
    for _ in 0..rounds {
        let mut server = launch.start();
        let address = server.address;
        std::thread::scope(|scope| {
            for sender in &mut senders {
                scope.spawn(move || sender.work(address, true));
            }
            let near = &mut near;
            scope.spawn(move || near.work(address, false));
            sleep(Duration::from_millis(dice.between(30, 300)));
            server.kill();
        });
    }
    let server = launch.start();
    let in_doubt: usize = senders.iter().map(|sender| sender.unanswered.len()).sum();
    senders.iter_mut().for_each(|sender| sender.work(server.address, false));
    near.work(server.address, true);
    far.work(server.address, true);
    assert_eq!(near.got, far.got, "two devices of one user");
    for sender in &senders {
        let from = sender.device.user;
        let mine = near.got.iter().filter(|(_, who, _)| who == from);
        let mine: Vec<(u64, u64)> = mine.map(|(seq, _, id)| (*id, *seq)).collect();
        let told: Vec<(u64, u64)> = sender.stored.iter().map(|(id, at)| (*id, *at)).collect();
        assert_eq!(mine, told, "{from}: each once, in order, and where it was said to be");
        assert!(told.len() as u64 == sender.next_id - 1, "{from}: every message was answered");
    }
    println!("{rounds} kills, {} messages, {in_doubt} of them in doubt at the last", near.got.len());
    assert!(near.got.len() > 100, "there was something to lose");
}
