//! Honest clients: each follows an object that ten share, and every second writes and waits for the answer.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use serde_json::json;
use slotcast_tests::real::socket::Socket;

const CLIENTS: usize = 500;
const THREADS: usize = 10;
const TOGETHER: usize = 10;

/// With the object of each.
pub struct Crowd(Vec<Vec<(Socket, String)>>);

/// How long each answer took.
pub struct Talked(Vec<Duration>);

impl Crowd {
    pub fn enter(address: SocketAddr) -> Crowd {
        let client = |number: usize| {
            // Ten to an address, as behind a home's router.
            let own = IpAddr::from(Ipv4Addr::new(127, 0, 1, (number / TOGETHER) as u8 + 1));
            let mut socket = Socket::json_from(own, address, &format!("honest-{number}"));
            let object = format!("honest/{}", number / TOGETHER);
            socket.ask(json!({ "type": "use", "object": object, "slots": ["-"] }));
            (socket, object)
        };
        let mut sockets = (0..CLIENTS).map(client);
        Crowd((0..THREADS).map(|_| sockets.by_ref().take(CLIENTS / THREADS).collect()).collect())
    }

    /// Every answer comes, or this panics.
    pub fn talk(self, time: Duration) -> Talked {
        let end = Instant::now() + time;
        let threads: Vec<_> =
            self.0.into_iter().map(|sockets| std::thread::spawn(move || talk(sockets, end))).collect();
        let took = threads.into_iter().flat_map(|thread| thread.join().expect("every answer comes"));
        let mut took: Vec<_> = took.collect();
        took.sort_unstable();
        Talked(took)
    }
}

impl Talked {
    pub fn p99(&self) -> Duration {
        self.0[self.0.len() * 99 / 100]
    }

    pub fn print(&self) {
        let at = |share: usize| self.0[self.0.len() * share / 100];
        println!(
            "{} honest answers: half within {:.1?}, 99 % within {:.1?}, all within {:.1?}",
            self.0.len(),
            at(50),
            self.p99(),
            self.0[self.0.len() - 1]
        );
    }
}

/// One after the other, each about once a second.
fn talk(mut sockets: Vec<(Socket, String)>, end: Instant) -> Vec<Duration> {
    let pause = Duration::from_secs(1) / sockets.len() as u32;
    let mut took = Vec::new();
    let mut n = 0_u64;
    loop {
        for (number, (socket, object)) in sockets.iter_mut().enumerate() {
            let begun = Instant::now();
            if begun >= end {
                return took;
            }
            n += 1;
            let op = json!({ "op": "set", "slot": format!("s{number}"), "value": n });
            socket.say(json!({ "type": "write", "id": n, "object": object, "seen": 0, "ops": [op] }));
            let answer = socket.hear();
            assert_eq!((&answer["type"], &answer["id"]), (&json!("success"), &json!(n)), "{answer}");
            took.push(begun.elapsed());
            std::thread::sleep(pause.saturating_sub(begun.elapsed()));
        }
    }
}
