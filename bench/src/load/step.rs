//! What a crew's sessions did for some seconds, and what that cost.

use super::crew::{Crew, Session};
use super::metrics::Commits;
use super::report::{Report, percent, round};
use super::seen::Seen;
use super::target::Target;
use crate::process::Cost;
use std::io;

/// One step of a run.
pub struct Step {
    /// How many a session had on the way, or sent at a time.
    pub window: u64,
    pub seconds: f64,
    pub seen: Seen,
    pub cost: (Cost, Cost),
    own: (Cost, Cost),
    commits: Commits,
}

impl Step {
    /// Runs it; the answer of `run` is the time that it took, in s.
    pub fn of<S: Session>(
        window: u64,
        crew: &mut Crew<S>,
        target: &Target,
        run: impl FnOnce(&mut Crew<S>) -> io::Result<f64>,
    ) -> io::Result<Step> {
        crew.seen = Seen::default();
        let before = Commits::read(target.server)?;
        let (cost, own) = (target.cost()?, Cost::read(std::process::id())?);
        let seconds = run(crew)?;
        let cost = (cost, target.cost()?);
        let own = (own, Cost::read(std::process::id())?);
        let commits = Commits::read(target.server)?.since(&before);
        Ok(Step { window, seconds, seen: std::mem::take(&mut crew.seen), cost, own, commits })
    }

    /// What was answered, per second.
    pub fn rate(&self) -> f64 {
        self.seen.successes as f64 / self.seconds
    }

    /// Of the server, for each that was answered.
    pub fn cpu_us(&self) -> f64 {
        round(self.cost.1.cpu_us_since(&self.cost.0) / self.seen.successes.max(1) as f64, 3)
    }

    pub fn server_cpu_percent(&self) -> f64 {
        percent(self.cost, self.seconds)
    }

    pub fn load_cpu_percent(&self) -> f64 {
        percent(self.own, self.seconds)
    }

    /// So many of `count` were in a group that the store committed; none where it had nothing to do.
    pub fn per_fdatasync(&self, count: u64) -> Option<f64> {
        (self.commits.groups > 0).then(|| round(count as f64 / self.commits.groups as f64, 1))
    }

    /// The changes that the store committed.
    pub fn changes(&self) -> u64 {
        self.commits.changes
    }

    /// The fields that every step has: load, latency, and what should not be.
    pub fn tell(&self, report: &mut Report) {
        let seen = &self.seen;
        report.tell("server_cpu_percent", self.server_cpu_percent());
        report.tell("load_cpu_percent", self.load_cpu_percent());
        report.tell("p50_ms", seen.latency.quantile_ms(0.5));
        report.tell("p99_ms", seen.latency.quantile_ms(0.99));
        report.keep("max_ms", seen.latency.max_us() as f64 / 1000.0);
        report.keep("window", self.window).keep("seconds", round(self.seconds, 3));
        report.keep("server_rss_kib", self.cost.1.rss_kib);
        report.keep("missing", seen.missing).keep("rejects", seen.rejects).keep("errors", seen.errors);
        report.keep("closed", seen.closed);
        if let Some(what) = &seen.complaint {
            report.tell("complaint", what.as_str());
        }
    }
}

/// The one that got most done.
pub fn best(steps: &[Step]) -> &Step {
    let best = steps.iter().max_by(|one, other| one.rate().total_cmp(&other.rate()));
    best.expect("there is at least one step")
}
