//! Friend lists under kill -9: what was called done holds at the next start, and who was blocked before is not heard after it.

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
policy = "friends"

[roster]
durability = "disk"
"#;

const ROUNDS: u64 = 8;

/// None if the server is gone already.
fn enter(address: SocketAddr, user: &str) -> Option<Socket> {
    let mut socket = Socket::try_open(address, "slotcast.relay.v1.json")?;
    socket.say(json!({"type": "hello", "user": user, "device": user}));
    (hear(&mut socket)?["type"] == "welcome").then_some(socket)
}

/// None when the server is gone.
fn hear(socket: &mut Socket) -> Option<Value> {
    match socket.next() {
        Frame::Text(text) => Some(serde_json::from_str(&text).expect("the server speaks JSON")),
        Frame::Close(_) | Frame::End => None,
        other => panic!("{other:?} instead of a message"),
    }
}

/// The answer to what was said with this id.
fn answer(socket: &mut Socket, said: Value) -> Option<Value> {
    let id = said["id"].clone();
    socket.say(said);
    loop {
        let event = hear(socket)?;
        if event["id"] == id {
            return Some(event);
        }
    }
}

fn edit(socket: &mut Socket, id: u64, (edit, value): (&str, Value)) -> Option<()> {
    let said = json!({"type": "edit", "id": id, "edit": edit, "user": "alice", "value": value});
    let answered = answer(socket, said)?;
    assert_eq!(answered["type"], "edited", "{answered}");
    Some(())
}

/// What bob's list says of alice.
fn alice(socket: &mut Socket) -> Option<Value> {
    socket.say(json!({"type": "friends"}));
    loop {
        let event = hear(socket)?;
        if event["type"] == "roster" {
            let people = event["people"].as_array().expect("people");
            return people.iter().find(|person| person["user"] == "alice").cloned();
        }
    }
}

/// What bob was told to be done, and the edit that has no answer yet.
#[derive(Default)]
struct Bob {
    ids: u64,
    blocked: bool,
    alias: u64,
    doubt: Option<(&'static str, u64)>,
}

impl Bob {
    fn value(edit: &str, number: u64) -> Value {
        if edit == "alias" { json!(format!("alice {number}")) } else { Value::Null }
    }

    fn done(&mut self, edit: &str, number: u64) {
        match edit {
            "block" => self.blocked = true,
            "unblock" => self.blocked = false,
            _alias => self.alias = number,
        }
        self.doubt = None;
    }

    /// Edits until the server is gone; after each alice tries.
    fn work(&mut self, address: SocketAddr, dice: &mut Dice) -> Option<()> {
        let (mut bob, mut her) = (enter(address, "bob")?, enter(address, "alice")?);
        if let Some((edit_again, number)) = self.doubt {
            self.ids += 1;
            edit(&mut bob, self.ids, (edit_again, Bob::value(edit_again, number)))?;
            self.done(edit_again, number);
        }
        self.judge(&mut bob, &mut her)?;
        loop {
            self.ids += 1;
            let next = dice.pick(&["block", "unblock", "alias"]);
            self.doubt = Some((next, self.ids));
            edit(&mut bob, self.ids, (next, Bob::value(next, self.ids)))?;
            self.done(next, self.ids);
            self.try_out(&mut her)?;
        }
    }

    fn try_out(&mut self, her: &mut Socket) -> Option<()> {
        self.ids += 1;
        let told = answer(her, json!({"type": "tell", "id": self.ids, "to": "bob", "body": 1}))?;
        let wanted = if self.blocked { json!("not_permitted") } else { Value::Null };
        assert_eq!(told["code"], wanted, "blocked: {}", self.blocked);
        Some(())
    }

    fn judge(&mut self, bob: &mut Socket, her: &mut Socket) -> Option<()> {
        self.try_out(her)?;
        let person = alice(bob)?;
        assert_eq!((&person["blocked"], &person["sub"]), (&json!(self.blocked), &json!("both")));
        let alias = if self.alias > 0 { Bob::value("alias", self.alias) } else { Value::Null };
        assert_eq!(person["alias"], alias);
        Some(())
    }
}

#[test]
fn what_was_called_done_holds() {
    let rounds = number("SLOTCAST_TEST_ROUNDS").map_or(ROUNDS, |rounds| rounds.div_ceil(3));
    let mut dice = Dice::new(seed("friends, kill -9"));
    let folder = TempFolder::new("friends-kill");
    let launch = Launch::dev(CONFIG).data(folder.path());
    {
        let server = launch.start();
        let mut her = enter(server.address, "alice").expect("it has just started");
        let asked = answer(&mut her, json!({"type": "edit", "id": 1, "edit": "ask", "user": "bob"}));
        assert_eq!(asked.expect("it runs")["type"], "edited");
        let mut bob = enter(server.address, "bob").expect("it runs");
        while alice(&mut bob).is_none_or(|alice| alice["asks"] != true) {}
        edit(&mut bob, 1, ("accept", Value::Null)).expect("it runs");
        let told = answer(&mut her, json!({"type": "tell", "id": 2, "to": "bob", "body": 1}));
        assert_eq!(told.expect("it runs")["type"], "stored");
    }
    let mut bob = Bob { ids: 10, ..Bob::default() };
    for _ in 0..rounds {
        let mut server = launch.start();
        let (address, moment) = (server.address, Duration::from_millis(dice.between(30, 300)));
        std::thread::scope(|scope| {
            let (bob, dice) = (&mut bob, &mut dice);
            scope.spawn(move || _ = bob.work(address, dice));
            sleep(moment);
            server.kill();
        });
    }
    println!("{rounds} kills, {} edits and messages", bob.ids);
    assert!(bob.ids > 100, "there was something to lose");
}
