//! The load drives the floor, in either mode, and everything arrives in order.

use slotcast_bench::floor::{Floor, Mode};
use slotcast_bench::load::{R1, Report, Speaks, Target, W1, W2, W4, W5, W6, W7};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

const FLOOR_SECONDS_MAX: Duration = Duration::from_secs(10);

fn target(mode: Mode) -> Target {
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        let mut floor = Floor::listen(([127, 0, 0, 1], 0).into(), mode).expect("a port is free");
        tell.send(floor.port()).expect("the test waits for it");
        floor.run(FLOOR_SECONDS_MAX)
    });
    let port = told.recv().expect("the floor tells its port").expect("it listens");
    Target { server: ([127, 0, 0, 1], port).into(), pid: std::process::id(), speaks: Speaks::Slotcast }
}

fn faults(report: &Report) -> Vec<&str> {
    let names = ["missing", "gaps", "repeats", "versions_skipped", "rejects", "errors", "closed", "ended"];
    names.into_iter().filter(|name| report.value(name).is_some_and(|value| value != 0)).collect()
}

#[test]
fn an_audience_gets_every_change() {
    for mode in [Mode::Single, Mode::Batched] {
        let w1 = W1 { followers: 20, rate: 200.0, seconds: 0.5, value_bytes: 64 };
        let report = w1.run(&target(mode)).expect("the floor serves");
        assert_eq!(report.value("deliveries").and_then(|count| count.as_u64()), Some(2000));
        assert_eq!(faults(&report), [""; 0]);
    }
}

#[test]
fn rooms_get_only_what_is_theirs() {
    let w2 = W2 { objects: 3, rate: 20.0, seconds: 0.5, window: 1 };
    let report = w2.run(&target(Mode::Batched)).expect("the floor serves");
    assert_eq!(report.value("deliveries").and_then(|count| count.as_u64()), Some(3000));
    assert_eq!(faults(&report), [""; 0]);
}

#[test]
fn who_comes_late_gets_all_of_it() {
    let w4 = W4 { slots: 200, value_bytes: 32, joins: 10 };
    let report = w4.run(&target(Mode::Full)).expect("the floor serves");
    assert!(report.value("bytes_per_join").and_then(|bytes| bytes.as_f64()) > Some(400_000.0));
    assert_eq!(faults(&report), [""; 0]);
}

#[test]
fn those_who_stall_are_level_in_the_end() {
    let (followers, stalled, rate, value_bytes) = (6, 2, 400.0, 3900);
    let w5 = W5 { followers, stalled, rate, value_bytes, seconds_before: 0.2, seconds_stalled: 0.5 };
    let report = w5.run(&target(Mode::Single)).expect("the floor serves");
    assert_eq!(report.value("caught_up").and_then(|count| count.as_u64()), Some(2));
    assert_eq!(faults(&report), [""; 0]);
}

/// The floor knows no rates: it tells everyone of everything, and the load must see that.
#[test]
fn who_is_told_more_often_than_wanted_is_seen() {
    for (objects, burst) in [(1, 1), (3, 1), (1, 5)] {
        let w6 = W6 { objects, followers: 10, rate: 200.0, wanted: 20, burst, seconds: 0.5 };
        let report = w6.run(&target(Mode::Single)).expect("the floor serves");
        assert!(report.value("frames_per_s_min").and_then(|rate| rate.as_f64()) > Some(150.0));
        assert!(report.value("frames_per_s_max").and_then(|rate| rate.as_f64()) < Some(250.0));
        assert_eq!(report.value("behind_in_the_end").and_then(|count| count.as_u64()), Some(0));
        assert_eq!(faults(&report), [""; 0]);
    }
}

#[test]
fn a_herd_comes_back_with_its_cursors() {
    // The floor takes any.
    let token = Some("a-token-of-a-user".to_owned());
    let w7 = W7 {
        herd: 200,
        witnesses: 10,
        rate: 100.0,
        missed: 6,
        cursors: 3,
        slots: 1,
        seconds_before: 0.2,
        token,
    };
    let report = w7.run(&target(Mode::Single)).expect("the floor serves");
    assert_eq!(report.value("cursors").and_then(|count| count.as_u64()), Some(3));
    assert_eq!(report.value("by_diff").and_then(|count| count.as_u64()), Some(200));
    assert_eq!(report.value("behind_in_the_end").and_then(|count| count.as_u64()), Some(0));
    assert!(report.value("deliveries_during").and_then(|count| count.as_u64()) > Some(0));
    assert_eq!(faults(&report), [""; 0]);
}

#[test]
fn pairs_are_told_and_answered() {
    for (mode, rate) in [(Mode::Single, 400.0), (Mode::Batched, 400.0), (Mode::Batched, 0.0)] {
        let (window, window_last, seconds) = (1, 2, 0.5);
        let r1 = R1 { pairs: 5, rate, body_bytes: 64, window, window_last, seconds };
        let report = r1.run(&target(mode)).expect("the floor serves");
        let messages = report.value("messages").and_then(|count| count.as_u64());
        assert!(if rate > 0.0 { messages == Some(200) } else { messages > Some(200) }, "{messages:?}");
        assert_eq!(faults(&report), [""; 0]);
    }
}

#[test]
fn only_loopback_is_served_and_loaded() {
    let elsewhere = ([192, 0, 2, 1], 80).into();
    assert!(Floor::listen(elsewhere, Mode::Single).is_err());
    assert!(Target { server: elsewhere, pid: 1, speaks: Speaks::Slotcast }.check().is_err());
}
