//! Twenty-one hostile programs at once, for some seconds, against five hundred honest clients: each honest question is answered, nobody honest is
//! sent away, and the server's memory stays within what its limits allow.
//!
//! `SLOTCAST_TEST_HOSTILE_S` says for how long. The time that answers take is printed, and judged where the run is long (`make soak`).

mod attacks;
mod honest;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use slotcast_tests::real::server::Launch;
use slotcast_tests::real::{number, seed};

/// Small enough to be met in some seconds.
const CONFIG: &str = r#"
log = "info"
[limits]
waiting_bytes = 33554432
idle_bytes = 16777216
object_bytes = 262144
connections = 4000
hello_ms = 2000
[default]
linger_ms = 2000
"#;

/// What those limits allow beyond what a server without clients takes: bytes that wait, 4,000 connections at 24 KiB, and objects and frames of those
/// who are there.
const BUDGET_BYTES: f64 = (32 + 94 + 96) as f64 * 1048576.0;

const SECONDS: u64 = 6;

/// From here on a run is long enough to say something about time.
const SECONDS_JUDGED: u64 = 60;

const P99_MAX: Duration = Duration::from_millis(100);

#[test]
fn the_honest_do_not_notice_the_hostile() {
    let seconds = number("SLOTCAST_TEST_HOSTILE_S").unwrap_or(SECONDS);
    let seed = seed("hostile");
    let mut server = Launch::dev(CONFIG).start();
    let honest = honest::Crowd::enter(server.address);
    let before = server.memory_bytes();
    let over = Arc::new(AtomicBool::new(false));
    let threads: Vec<_> = attacks::all()
        .into_iter()
        .enumerate()
        .map(|(number, (name, attack))| {
            let (over, address) = (over.clone(), server.address);
            let run = move || {
                attacks::come_from(number as u8);
                let mut rounds = 0_u64;
                while !over.load(Ordering::Relaxed) {
                    attack(address, &over, seed + number as u64);
                    rounds += 1;
                }
                (name, rounds)
            };
            std::thread::spawn(run)
        })
        .collect();
    let peak = std::thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut peak = 0.0_f64;
            while !over.load(Ordering::Relaxed) {
                peak = peak.max(server.memory_bytes());
                std::thread::sleep(Duration::from_millis(50));
            }
            peak
        });
        let talked = honest.talk(Duration::from_secs(seconds));
        over.store(true, Ordering::Relaxed);
        talked.print();
        if seconds >= SECONDS_JUDGED {
            assert!(talked.p99() <= P99_MAX, "p99 of the honest: {:?}", talked.p99());
        }
        watch.join().expect("it only looks")
    });
    let rounds: Vec<_> =
        threads.into_iter().map(|thread| thread.join().expect("an attack goes on")).collect();
    let grown = (peak - before) / 1048576.0;
    println!("the server grew by {grown:.0} MiB at the most; {rounds:?}");
    assert!(peak - before <= BUDGET_BYTES * 1.1, "{grown:.0} MiB more than without the hostile");
    assert!(server.ended().is_none(), "the server goes on");
    let lines = server.said().lines().count() as u64;
    assert!(lines <= 200 + 100 * seconds, "{lines} lines in the log");
}
