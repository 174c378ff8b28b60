//! W3: idle followers: what a connection costs to make, to keep, and after it has said something.

use super::fleet::Fleet;
use super::part::Part;
use super::report::{Report, percent, round};
use super::target::Target;
use crate::process::Cost;
use std::io;
use std::time::Duration;

/// A server may still be busy with the last of them.
const SETTLE: Duration = Duration::from_secs(1);
/// Pings on the way at the same time.
const PINGS_MAX: usize = 100;
const PONGS_TIME_MAX: Duration = Duration::from_secs(10);

/// Which objects the idle follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Objects {
    /// One for all.
    One,
    /// One for each.
    Own,
}

/// Idle followers.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct W3 {
    /// How many.
    #[arg(long, default_value_t = 10_000)]
    pub connections: usize,
    /// Which objects they follow.
    #[arg(long, value_enum, default_value_t = Objects::One)]
    pub objects: Objects,
    /// How long they are idle.
    #[arg(long, default_value_t = 5.0)]
    pub seconds: f64,
}

impl W3 {
    /// Runs it.
    pub fn run(&self, target: &Target) -> io::Result<Report> {
        let parts = match self.objects {
            Objects::One => Part::audience(self.connections),
            Objects::Own => Part::rooms(self.connections, 1),
        };
        let empty = target.cost()?;
        let mut fleet = Fleet::open(target, parts)?;
        let made_s = fleet.now_us() as f64 / 1e6;
        let made = target.cost()?;
        fleet.turn_until(SETTLE, |_| false)?;
        let settled = target.cost()?;
        fleet.turn_until(Duration::from_secs_f64(self.seconds), |_| false)?;
        let idle = target.cost()?;
        self.ping_all(&mut fleet)?;
        fleet.turn_until(SETTLE, |_| false)?;
        let talked = target.cost()?;
        Ok(self.report(&fleet, made_s, [empty, made, settled, idle, talked]))
    }

    fn ping_all(&self, fleet: &mut Fleet) -> io::Result<()> {
        for first in (0..self.connections).step_by(PINGS_MAX) {
            let last = (first + PINGS_MAX).min(self.connections);
            for number in first..last {
                fleet.clients[number].ping();
                fleet.flush(number)?;
            }
            fleet.turn_until(PONGS_TIME_MAX, |fleet| fleet.tally.pongs >= last as u64)?;
        }
        Ok(())
    }

    fn report(&self, fleet: &Fleet, made_s: f64, costs: [Cost; 5]) -> Report {
        let [empty, made, settled, idle, talked] = costs;
        let count = self.connections as f64;
        let bytes_each =
            |cost: Cost| (cost.rss_kib.saturating_sub(empty.rss_kib) as f64 * 1024.0 / count).round();
        let mut report = Report::new("w3");
        report.tell("connections", self.connections);
        report.keep("objects", format!("{:?}", self.objects).to_lowercase());
        report.tell("connects_per_s", (count / made_s).round());
        report.tell("cpu_us_per_connect", round(made.cpu_us_since(&empty) / count, 1));
        report.tell("rss_bytes_per_connection", bytes_each(settled));
        report.tell("idle_cpu_percent", percent((settled, idle), self.seconds));
        report.tell("rss_bytes_per_connection_after_traffic", bytes_each(talked));
        report.tell("pongs", fleet.tally.pongs);
        report.keep("server_rss_kib_empty", empty.rss_kib).keep("server_rss_kib", talked.rss_kib);
        report.faults(&fleet.tally);
        report
    }
}
