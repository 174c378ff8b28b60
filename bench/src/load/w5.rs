//! W5: slow readers among fast ones.

use super::client::Stage;
use super::fleet::Fleet;
use super::part::Part;
use super::report::Report;
use super::schedule::Schedule;
use super::tally::Tally;
use super::target::Target;
use crate::process::Cost;
use std::io;
use std::time::{Duration, Instant};

/// With a larger buffer the kernel would hide that they do not read.
const STALLED_RECEIVE_BYTES: usize = 8 * 1024;
/// After they read again, they may take this long to hold what is latest.
const CATCH_UP_MAX: Duration = Duration::from_secs(30);

/// Followers of one object, some of which stop reading for a while.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct W5 {
    /// Clients, the writer and the stalled among them.
    #[arg(long, default_value_t = 300)]
    pub followers: usize,
    /// Those that stop reading.
    #[arg(long, default_value_t = 50)]
    pub stalled: usize,
    /// Changes per second.
    #[arg(long, default_value_t = 100.0)]
    pub rate: f64,
    /// Bytes of each value. Small ones would never leave the kernel's buffers.
    #[arg(long, default_value_t = 3900)]
    pub value_bytes: usize,
    /// How long all read.
    #[arg(long, default_value_t = 10.0)]
    pub seconds_before: f64,
    /// How long the stalled do not.
    #[arg(long, default_value_t = 20.0)]
    pub seconds_stalled: f64,
}

impl W5 {
    /// Runs it.
    pub fn run(&self, target: &Target) -> io::Result<Report> {
        let mut parts = Part::audience(self.followers);
        let first_stalled = self.followers - self.stalled;
        parts[first_stalled..].iter_mut().for_each(|part| part.receive_bytes = Some(STALLED_RECEIVE_BYTES));
        let mut fleet = Fleet::open(target, parts)?;
        let stalled = first_stalled..self.followers;

        self.row(1.0, self.followers).run(&mut fleet)?;
        let before = self.phase(&mut fleet, target, self.seconds_before, self.followers)?;
        for number in stalled.clone() {
            // A server that pings after a silence must not take the stalled for dead in the middle of the run.
            fleet.clients[number].live();
            fleet.flush(number)?;
            fleet.stall(number)?;
        }
        let during = self.phase(&mut fleet, target, self.seconds_stalled, first_stalled)?;
        let latest = fleet.clients[0].have.version;
        fleet.tally = Tally::default();
        stalled.clone().try_for_each(|number| fleet.resume(number))?;
        let caught_up_ms = self.catch_up(&mut fleet, stalled, latest)?;
        Ok(self.report(&fleet, [before, during], caught_up_ms, target.cost()?))
    }

    fn row(&self, seconds: f64, receivers: usize) -> Schedule {
        let (rate, value_bytes) = (self.rate, self.value_bytes);
        Schedule { rate, seconds, writers: 1, value_bytes, receivers: receivers as u64, burst: 1 }
    }

    fn phase(&self, fleet: &mut Fleet, target: &Target, seconds: f64, receivers: usize) -> io::Result<Phase> {
        fleet.tally = Tally::default();
        self.row(seconds, receivers).run(fleet)?;
        Ok(Phase { tally: fleet.tally.clone(), cost: target.cost()? })
    }

    /// For each of the stalled, the ms until it holds `latest`; it is missing for one that never does.
    fn catch_up(
        &self,
        fleet: &mut Fleet,
        stalled: std::ops::Range<usize>,
        latest: u64,
    ) -> io::Result<Vec<f64>> {
        let start = Instant::now();
        let mut waiting: Vec<usize> = stalled.collect();
        let mut caught_up_ms = Vec::new();
        while !waiting.is_empty() && start.elapsed() < CATCH_UP_MAX {
            fleet.turn(Duration::from_millis(20))?;
            let now_ms = start.elapsed().as_secs_f64() * 1000.0;
            waiting.retain(|&number| {
                let client = &fleet.clients[number];
                let there = client.have.version >= latest;
                if there {
                    caught_up_ms.push(now_ms);
                }
                !there && client.stage != Stage::Closed
            });
        }
        Ok(caught_up_ms)
    }

    fn report(
        &self,
        fleet: &Fleet,
        [before, during]: [Phase; 2],
        caught_up_ms: Vec<f64>,
        end: Cost,
    ) -> Report {
        let grown_kib = |cost: Cost| cost.rss_kib as i64 - before.cost.rss_kib as i64;
        let closed = before.tally.closed + during.tally.closed + fleet.tally.closed;
        let mut report = Report::new("w5");
        report.tell("followers", self.followers).tell("stalled", self.stalled);
        report.tell("p99_ms_before", before.tally.latency.quantile_ms(0.99));
        report.tell("p99_ms_during", during.tally.latency.quantile_ms(0.99));
        report.keep("p50_ms_before", before.tally.latency.quantile_ms(0.5));
        report.keep("p50_ms_during", during.tally.latency.quantile_ms(0.5));
        report.tell("rss_grown_kib", grown_kib(during.cost));
        report.keep("rss_grown_kib_after", grown_kib(end)).keep("server_rss_kib", end.rss_kib);
        report.tell("caught_up", caught_up_ms.len());
        report.tell("caught_up_ms_max", caught_up_ms.last().copied().map(f64::round));
        report.tell("versions_skipped_catching_up", fleet.tally.versions_skipped);
        report.tell("deliveries_catching_up", fleet.tally.deliveries);
        report.tell("ended", closed);
        report.keep("gaps", before.tally.gaps + during.tally.gaps + fleet.tally.gaps);
        report
    }
}

/// What one part of the run brought.
struct Phase {
    tally: Tally,
    cost: Cost,
}
