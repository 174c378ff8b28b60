//! The load generator as a program: one scenario per run, one line of JSON on standard output.

use clap::{Parser, Subcommand};
use slotcast_bench::load::{Disk, R1, R2, R3, R4, Target, W1, W2, W3, W4, W5, W6, W7};
use slotcast_bench::process::open_files_raise;
use std::io;

/// Drives a server on this machine and tells what it cost.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    target: Target,
    #[command(subcommand)]
    scenario: Scenario,
}

#[derive(Subcommand)]
enum Scenario {
    /// A large audience of one object, one writer.
    W1(W1),
    /// Many small objects, everyone writes.
    W2(W2),
    /// Idle followers.
    W3(W3),
    /// Late joins to a large object.
    W4(W4),
    /// Slow readers among fast ones.
    W5(W5),
    /// Followers who want to be told less often than there are changes.
    W6(W6),
    /// A crowd that is cut at once and comes back at once.
    W7(W7),
    /// Sessions that write to stored objects without waiting.
    Disk(Disk),
    /// Messages to people who are there.
    R1(R1),
    /// Messages to inboxes on the disk.
    R2(R2),
    /// Friends who all log in at once.
    R3(R3),
    /// Messages that only friends may send.
    R4(R4),
}

fn main() -> io::Result<()> {
    let Arguments { target, scenario } = Arguments::parse();
    target.check()?;
    let slotcast = |scenario| target.check_slotcast(scenario);
    open_files_raise();
    let report = match scenario {
        Scenario::W1(w1) => w1.run(&target),
        Scenario::W2(w2) => w2.run(&target),
        Scenario::W3(w3) => w3.run(&target),
        Scenario::W4(w4) => slotcast("w4").and_then(|()| w4.run(&target)),
        Scenario::W5(w5) => w5.run(&target),
        Scenario::W6(w6) => slotcast("w6").and_then(|()| w6.run(&target)),
        Scenario::W7(w7) => slotcast("w7").and_then(|()| w7.run(&target)),
        Scenario::Disk(disk) => slotcast("disk").and_then(|()| disk.run(&target)),
        Scenario::R1(r1) => slotcast("r1").and_then(|()| r1.run(&target)),
        Scenario::R2(r2) => slotcast("r2").and_then(|()| r2.run(&target)),
        Scenario::R3(r3) => slotcast("r3").and_then(|()| r3.run(&target)),
        Scenario::R4(r4) => slotcast("r4").and_then(|()| r4.run(&target)),
    }?;
    report.print();
    Ok(())
}
