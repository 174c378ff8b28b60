//! Disk: sessions that do not wait for one answer before the next write, each to objects of its own. What counts is the
//! time until `success`, which for a stored object means: on the disk.

mod crew;
mod metrics;
mod writer;

use super::report::{Report, percent, round};
use super::target::Target;
use crate::process::Cost;
use crew::{Crew, Seen};
use metrics::Commits;
use serde_json::{Value, json};
use std::io;

/// Sessions that write to stored objects; with another kind the same without the store, to see what it costs.
#[derive(Clone, Debug, clap::Args)]
pub struct Disk {
    /// The kind of the objects; the server's configuration says whether it is stored.
    #[arg(long, default_value = "disk")]
    pub kind: String,
    /// Sessions.
    #[arg(long, default_value_t = 200)]
    pub sessions: usize,
    /// Objects, the same number for each session.
    #[arg(long, default_value_t = 1000)]
    pub objects: usize,
    /// Slots of each object, written in turn.
    #[arg(long, default_value_t = 10)]
    pub slots: u64,
    /// Bytes of each value.
    #[arg(long, default_value_t = 64)]
    pub value_bytes: usize,
    /// Writes per second, over all sessions; 0: as many as the server takes.
    #[arg(long, default_value_t = 0.0)]
    pub rate: f64,
    /// Writes that a session sends at a time when there is a rate.
    #[arg(long, default_value_t = 16)]
    pub burst: u64,
    /// Without a rate: the first bound on a session's unanswered writes; it doubles from step to step.
    #[arg(long, default_value_t = 4)]
    pub window: u64,
    /// Without a rate: the last bound.
    #[arg(long, default_value_t = 64)]
    pub window_last: u64,
    /// For so long; without a rate: each step.
    #[arg(long, default_value_t = 3.0)]
    pub seconds: f64,
    /// Every slot once, as fast as it goes with the last bound, and no more.
    #[arg(long)]
    pub fill: bool,
}

/// What one step brought.
struct Step {
    window: u64,
    seconds: f64,
    seen: Seen,
    cost: (Cost, Cost),
    own: (Cost, Cost),
    commits: Commits,
}

impl Disk {
    /// Runs it.
    pub fn run(&self, target: &Target) -> io::Result<Report> {
        if self.sessions == 0 || !self.objects.is_multiple_of(self.sessions) {
            return Err(io::Error::other("every session needs the same number of objects"));
        }
        let mut crew = Crew::open(target.server, self)?;
        let mut report = Report::new("disk");
        report.keep("kind", self.kind.as_str()).keep("sessions", self.sessions);
        report.keep("objects", self.objects).keep("slots", self.slots);
        let steps = self.steps(&mut crew, target)?;
        let best = steps.iter().max_by(|one, other| one.rate().total_cmp(&other.rate()));
        best.expect("there is at least one step").tell(&mut report);
        report.keep("steps", steps.iter().map(Step::row).collect::<Vec<_>>());
        Ok(report)
    }

    fn steps(&self, crew: &mut Crew, target: &Target) -> io::Result<Vec<Step>> {
        if self.fill {
            let writes = self.slots * self.objects as u64;
            return Ok(vec![Step::of(self.window_last, crew, target, |crew| {
                crew.keep_full(self.window_last, f64::INFINITY, writes)
            })?]);
        }
        if self.rate > 0.0 {
            crew.on_time(self.rate, self.burst, 1.0)?;
            return Ok(vec![Step::of(self.burst, crew, target, |crew| {
                crew.on_time(self.rate, self.burst, self.seconds)
            })?]);
        }
        let mut steps = Vec::new();
        let mut window = self.window;
        while window <= self.window_last {
            crew.keep_full(window, 0.5, u64::MAX)?;
            steps
                .push(Step::of(window, crew, target, |crew| crew.keep_full(window, self.seconds, u64::MAX))?);
            window *= 2;
        }
        Ok(steps)
    }
}

impl Step {
    fn of(
        window: u64,
        crew: &mut Crew,
        target: &Target,
        run: impl FnOnce(&mut Crew) -> io::Result<f64>,
    ) -> io::Result<Step> {
        crew.seen = Seen::default();
        let before = Commits::read(target.server)?;
        let (cost, own) = (target.cost()?, Cost::read(std::process::id())?);
        let seconds = run(crew)?;
        let cost = (cost, target.cost()?);
        let own = (own, Cost::read(std::process::id())?);
        let commits = Commits::read(target.server)?.since(&before);
        let step = Step { window, seconds, seen: std::mem::take(&mut crew.seen), cost, own, commits };
        eprintln!("  {}", step.row());
        Ok(step)
    }

    fn rate(&self) -> f64 {
        self.seen.successes as f64 / self.seconds
    }

    fn cpu_us_per_write(&self) -> f64 {
        round(self.cost.1.cpu_us_since(&self.cost.0) / self.seen.successes.max(1) as f64, 3)
    }

    fn row(&self) -> Value {
        json!({
            "window": self.window,
            "acknowledged_per_s": self.rate().round(),
            "changes_per_fdatasync": self.changes_per_fdatasync(),
            "cpu_us_per_write": self.cpu_us_per_write(),
            "server_cpu_percent": percent(self.cost, self.seconds),
            "load_cpu_percent": percent(self.own, self.seconds),
            "p50_ms": self.seen.latency.quantile_ms(0.5),
            "p99_ms": self.seen.latency.quantile_ms(0.99),
        })
    }

    fn changes_per_fdatasync(&self) -> Option<f64> {
        (self.commits.groups > 0).then(|| round(self.commits.changes as f64 / self.commits.groups as f64, 1))
    }

    fn tell(&self, report: &mut Report) {
        let seen = &self.seen;
        report.tell("class", seen.class.as_str()).keep("window", self.window);
        report.keep("seconds", round(self.seconds, 3)).keep("writes", seen.successes);
        report.tell("acknowledged_per_s", self.rate().round());
        report.tell("changes_per_fdatasync", self.changes_per_fdatasync());
        report.tell("cpu_us_per_write", self.cpu_us_per_write());
        report.tell("server_cpu_percent", percent(self.cost, self.seconds));
        report.tell("load_cpu_percent", percent(self.own, self.seconds));
        report.tell("p50_ms", seen.latency.quantile_ms(0.5));
        report.tell("p99_ms", seen.latency.quantile_ms(0.99));
        report.keep("max_ms", seen.latency.max_us() as f64 / 1000.0);
        report.keep("server_rss_kib", self.cost.1.rss_kib);
        report.keep("missing", seen.missing).keep("rejects", seen.rejects).keep("errors", seen.errors);
        report.keep("closed", seen.closed);
        if let Some(what) = &seen.complaint {
            report.tell("complaint", what.as_str());
        }
    }
}
