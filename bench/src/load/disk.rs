//! Disk: sessions that do not wait for one answer before the next write, each to objects of its own. What counts is the
//! time until `success`, which for a stored object means: on the disk.

mod writer;

use super::crew::Crew;
use super::line::Line;
use super::report::Report;
use super::step::{Step, best};
use super::target::Target;
use crate::handshake::SUBPROTOCOL;
use serde_json::{Value, json};
use std::io;
use std::time::{SystemTime, UNIX_EPOCH};
use writer::{Part, Writer};

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

impl Disk {
    /// Runs it.
    pub fn run(&self, target: &Target) -> io::Result<Report> {
        if self.sessions == 0 || !self.objects.is_multiple_of(self.sessions) {
            return Err(io::Error::other("every session needs the same number of objects"));
        }
        let server = target.server;
        let mut crew = Crew::open(self.sessions, self.parts(), server, |link, part| {
            Writer::new(Line::to(server, "/objects", SUBPROTOCOL, link), part)
        })?;
        let mut report = Report::new("disk");
        report.keep("kind", self.kind.as_str()).keep("sessions", self.sessions);
        report.keep("objects", self.objects).keep("slots", self.slots);
        let steps = self.steps(&mut crew, target)?;
        tell(best(&steps), &mut report);
        report.keep("steps", steps.iter().map(row).collect::<Vec<_>>());
        Ok(report)
    }

    fn steps(&self, crew: &mut Crew<Writer>, target: &Target) -> io::Result<Vec<Step>> {
        if self.fill {
            let writes = self.slots * self.objects as u64;
            let fill = |crew: &mut Crew<Writer>| crew.keep_full(self.window_last, f64::INFINITY, writes);
            return Ok(vec![said(Step::of(self.window_last, crew, target, fill)?)]);
        }
        if self.rate > 0.0 {
            crew.on_time(self.rate, self.burst, 1.0)?;
            let on_time = |crew: &mut Crew<Writer>| crew.on_time(self.rate, self.burst, self.seconds);
            return Ok(vec![said(Step::of(self.burst, crew, target, on_time)?)]);
        }
        let mut steps = Vec::new();
        let mut window = self.window;
        while window <= self.window_last {
            crew.keep_full(window, 0.5, u64::MAX)?;
            let full = |crew: &mut Crew<Writer>| crew.keep_full(window, self.seconds, u64::MAX);
            steps.push(said(Step::of(window, crew, target, full)?));
            window *= 2;
        }
        Ok(steps)
    }

    /// Users and their objects. Names are short, so that a change takes about 116 bytes of the log, and the objects' are new in each run.
    fn parts(&self) -> Vec<Part> {
        let ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
        let run = format!("{:x}", ms % (1 << 24));
        let each = self.objects / self.sessions;
        let object = |number: usize| format!("{}/{run}-{number}", self.kind);
        let part = |session: usize| Part {
            user: format!("u{session}"),
            objects: (session * each..(session + 1) * each).map(object).collect(),
            slots: self.slots,
            value: vec![0x2e; self.value_bytes],
        };
        (0..self.sessions).map(part).collect()
    }
}

fn said(step: Step) -> Step {
    eprintln!("  {}", row(&step));
    step
}

fn row(step: &Step) -> Value {
    json!({
        "window": step.window,
        "acknowledged_per_s": step.rate().round(),
        "changes_per_fdatasync": step.per_fdatasync(step.changes()),
        "cpu_us_per_write": step.cpu_us(),
        "server_cpu_percent": step.server_cpu_percent(),
        "load_cpu_percent": step.load_cpu_percent(),
        "p50_ms": step.seen.latency.quantile_ms(0.5),
        "p99_ms": step.seen.latency.quantile_ms(0.99),
    })
}

fn tell(step: &Step, report: &mut Report) {
    report.tell("class", step.seen.class.as_str()).keep("writes", step.seen.successes);
    report.tell("acknowledged_per_s", step.rate().round());
    report.tell("changes_per_fdatasync", step.per_fdatasync(step.changes()));
    report.tell("cpu_us_per_write", step.cpu_us());
    step.tell(report);
}
