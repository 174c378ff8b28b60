//! A planned restart under many clients by all doors: each is told when to come back, comes back once, and has everything.

use std::net::SocketAddr;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use slotcast_protocol::{Event, ObjectName, Request};
use slotcast_tests::copy::Copy;
use slotcast_tests::dice::Dice;
use slotcast_tests::real::folder::TempFolder;
use slotcast_tests::real::server::Launch;
use slotcast_tests::real::session::{Session, Way};
use slotcast_tests::real::{number, seed};

use super::judge::{Figures, judge};
use super::loads::CONFIG;
use super::world::World;

/// `SLOTCAST_TEST_CLIENTS` says how many.
const CLIENTS: u64 = 2_000;

/// All come from one address.
const LIMITS: &str =
    "drain_ms = 30000\nconnections_per_address = 0\nstrangers = 20000\nstrangers_per_address = 0";

/// Nothing that is waited for takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Each client is a thread that mostly waits.
const STACK_BYTES: usize = 256 * 1024;

/// What a thread of a client may say.
enum Told {
    /// It follows.
    Live,
    /// The server stops; come back after so many ms.
    Goaway(u64),
    /// It has come back after so many tries, and has what the object is.
    Back { tries: u32 },
}

#[test]
fn each_comes_back_once_and_has_everything() {
    let clients = number("SLOTCAST_TEST_CLIENTS").unwrap_or(CLIENTS);
    let mut dice = Dice::new(seed("upgrade"));
    let folder = TempFolder::new("upgrade");
    let launch = Launch::dev(&CONFIG.replace("drain_ms = 5000", LIMITS)).data(folder.path());
    let mut old = launch.start();
    let address = old.address;
    let mut world = World::new(0, &mut dice);
    let object = world.objects[0].clone();
    let (told, hears) = channel();
    let threads: Vec<_> = (0..clients)
        .map(|number| {
            let (told, object) = (told.clone(), object.clone());
            let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
            let client = move || client(number, address, &object, &told);
            thread.spawn(client).expect("the machine has room for a thread that waits")
        })
        .collect();
    drop(told);
    for _ in 0..clients {
        let live = hears.recv_timeout(PATIENCE);
        assert!(matches!(live, Ok(Told::Live)), "all follow before the server is told to stop");
    }
    let (before, mut figures) = (world.answered(), Figures::default());
    let mut stopped = Instant::now();
    world.load(&mut old, |old| {
        std::thread::sleep(Duration::from_millis(300));
        stopped = Instant::now();
        old.terminate();
        assert_eq!(old.wait(), Some(0));
    });
    let drained = stopped.elapsed();
    let server = launch.clone().at(address).start();
    let away = stopped.elapsed();
    let (mut waits, mut tries_max) = (Vec::new(), 0);
    let mut back = 0;
    while back < clients {
        match hears.recv_timeout(PATIENCE).expect("each comes back") {
            Told::Goaway(retry_ms) => waits.push(retry_ms),
            Told::Back { tries } => {
                back += 1;
                tries_max = tries.max(tries_max);
            }
            Told::Live => panic!("a client came back twice"),
        }
    }
    threads.into_iter().for_each(|thread| thread.join().expect("no client met anything"));
    assert_eq!((waits.len() as u64, back), (clients, clients), "each is told once, and comes back once");
    waits.sort_unstable();
    let busiest = waits.chunk_by(|a, b| a / 100 == b / 100).map(<[u64]>::len).max().unwrap_or(0);
    assert!(busiest as u64 <= clients / 10, "{busiest} of {clients} come back within the same 100 ms");
    judge(&mut world, &server, before, &mut figures);
    figures.print("upgrade");
    println!(
        "{clients} clients: drained in {drained:.0?}, served again after {away:.0?}, back within {:.0?}; at most {busiest} in 100 ms, \
         and {tries_max} tries",
        stopped.elapsed()
    );
}

fn client(number: u64, address: SocketAddr, object: &ObjectName, told: &Sender<Told>) {
    let say = |word| told.send(word).expect("the test listens");
    let (way, json) = (Way::ALL[number as usize % Way::ALL.len()], number.is_multiple_of(3));
    // Sixteen sessions are a user's limit; here each is a user.
    let name = format!("client-{number}");
    let mut copy = Copy::default();
    let mut session = Session::open_by(way, address, (&name, &name), json).expect("the server is there");
    session.follow(object, None, None);
    let mut is_live = false;
    let mut retry_ms = None;
    while let Some(event) = session.hear() {
        if let Event::Goaway { retry_ms: wait, .. } = event {
            retry_ms = Some(wait);
        }
        take(&mut copy, object, &event);
        if copy.complete && !std::mem::replace(&mut is_live, true) {
            say(Told::Live);
        }
    }
    drop(session);
    let retry_ms = retry_ms.expect("the server said when to come back");
    say(Told::Goaway(retry_ms));
    std::thread::sleep(Duration::from_millis(retry_ms));
    copy.cut();
    let mut tries = 1;
    let mut session = loop {
        match Session::open_by(way, address, (&name, &name), json) {
            Some(session) => break session,
            None => {
                tries += 1;
                assert!(tries < 100, "the server does not come back");
                std::thread::sleep(Duration::from_millis(100));
            }
        }
    };
    session.follow(object, copy.cursor(), None);
    session.say(&Request::Fingerprint { object: object.clone() });
    let (mut begun, mut wanted) = (false, None);
    while !begun || wanted.is_none() {
        let event = session.hear().expect("the new server goes on");
        if let Event::Fingerprint { md5, .. } = &event {
            wanted = Some(md5.clone());
        }
        begun |= matches!(event, Event::Snapshot(_) | Event::Diff(_));
        take(&mut copy, object, &event);
        begun &= copy.complete;
    }
    assert_eq!(Some(copy.fingerprint()), wanted, "{name} by {way:?}");
    say(Told::Back { tries });
}

fn take(copy: &mut Copy, object: &ObjectName, event: &Event) {
    match event {
        Event::Snapshot(snapshot) if snapshot.object == *object => {}
        Event::Diff(diff) if diff.object == *object => {}
        Event::Sent(sent) if sent.object == *object => {}
        _other => return,
    }
    copy.take(event).unwrap_or_else(|broken| panic!("{broken:?} in {event:?}"));
}
