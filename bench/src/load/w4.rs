//! W4: late joins to a large object: what the first costs, and those after it.

use super::fleet::Fleet;
use super::part::Part;
use super::report::{Report, round};
use super::tally::Tally;
use super::target::Target;
use crate::process::Cost;
use std::io;
use std::time::Duration;

/// A server may still be busy with the last of them.
const SETTLE: Duration = Duration::from_millis(500);
/// The slots must be there within this time.
const FILL_TIME_MAX: Duration = Duration::from_secs(30);
const SLOTS_PER_WRITE: usize = 64;

/// Clients that come when the object is there already.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct W4 {
    /// Slots of the object.
    #[arg(long, default_value_t = 10_000)]
    pub slots: usize,
    /// Bytes of each value.
    #[arg(long, default_value_t = 32)]
    pub value_bytes: usize,
    /// Joins after the first; half of them with a write before each.
    #[arg(long, default_value_t = 1_000)]
    pub joins: usize,
}

impl W4 {
    /// Runs it.
    pub fn run(&self, target: &Target) -> io::Result<Report> {
        let mut parts = Part::audience(self.joins + 2);
        // It is in every slot's record, so its length counts: it is that of the floor's.
        parts[0].user = "guest".to_owned();
        let mut parts = parts.into_iter();
        let mut fleet = Fleet::open(target, parts.by_ref().take(1).collect())?;
        self.fill(&mut fleet)?;
        let first = self.join(&mut fleet, target, parts.by_ref().take(1).collect(), false)?;
        let later = self.join(&mut fleet, target, parts.by_ref().take(self.joins / 2).collect(), false)?;
        let changing = self.join(&mut fleet, target, parts.collect(), true)?;
        Ok(self.report([first, later, changing], &fleet, target.cost()?))
    }

    fn fill(&self, fleet: &mut Fleet) -> io::Result<()> {
        for from in (0..self.slots).step_by(SLOTS_PER_WRITE) {
            fleet.clients[0].fill(from..self.slots.min(from + SLOTS_PER_WRITE), self.value_bytes);
            fleet.flush(0)?;
        }
        let filled = |fleet: &Fleet| fleet.clients[0].answered == fleet.clients[0].written;
        if !fleet.turn_until(FILL_TIME_MAX, filled)? || fleet.tally.rejects > 0 {
            let what = fleet.tally.complaint.as_deref().unwrap_or("it took too long");
            return Err(io::Error::other(format!("the slots are not there: {what}")));
        }
        fleet.turn_until(SETTLE, |_| false).map(drop)
    }

    /// One after another; each goes when it has its copy, so that no one else is told of the writes.
    fn join(&self, fleet: &mut Fleet, target: &Target, parts: Vec<Part>, writes: bool) -> io::Result<Phase> {
        let count = parts.len();
        fleet.tally = Tally::default();
        let before = target.cost()?;
        for part in parts {
            if writes {
                fleet.clients[0].write(0, self.value_bytes);
                fleet.flush(0)?;
                let answered = |fleet: &Fleet| fleet.clients[0].answered == fleet.clients[0].written;
                fleet.turn_until(FILL_TIME_MAX, answered)?;
            }
            fleet.open_more(target, vec![part])?;
            fleet.leave(fleet.clients.len() - 1)?;
        }
        fleet.turn_until(SETTLE, |_| false)?;
        Ok(Phase { joins: count, cpu_us: target.cost()?.cpu_us_since(&before), tally: fleet.tally.clone() })
    }

    fn report(&self, phases: [Phase; 3], fleet: &Fleet, end: Cost) -> Report {
        let [first, later, changing] = &phases;
        let mut report = Report::new("w4");
        report.tell("slots", self.slots).tell("joins", fleet.clients.len() - 1);
        report.tell("cpu_ms_first_join", first.cpu_ms());
        report.tell("cpu_ms_later_join", later.cpu_ms());
        report.tell("cpu_ms_join_after_write", changing.cpu_ms());
        report.tell("bytes_per_join", (later.tally.bytes / later.joins.max(1) as u64) as f64);
        report.keep("server_rss_kib", end.rss_kib);
        report.faults(&changing.tally);
        report
    }
}

/// What some joins brought.
struct Phase {
    joins: usize,
    cpu_us: f64,
    tally: Tally,
}

impl Phase {
    fn cpu_ms(&self) -> f64 {
        round(self.cpu_us / self.joins.max(1) as f64 / 1_000.0, 4)
    }
}
