//! R1: people who write to someone who is there.

use super::crew::Crew;
use super::line::Line;
use super::person::{Part, Person};
use super::report::Report;
use super::step::{Step, best};
use super::target::Target;
use crate::message::relay::SUBPROTOCOL;
use serde_json::{Value, json};
use std::io;

/// Pairs: one tells, the other has opened its inbox, reads and acknowledges. Who tells has opened too and gets the receipts.
#[derive(Clone, Debug, clap::Args)]
pub struct R1 {
    /// Pairs of sessions.
    #[arg(long, default_value_t = 200)]
    pub pairs: usize,
    /// Messages per second, over all pairs; 0: as many as the server takes.
    #[arg(long, default_value_t = 5000.0)]
    pub rate: f64,
    /// Bytes of each body.
    #[arg(long, default_value_t = 64)]
    pub body_bytes: usize,
    /// With rate 0: the first bound on the messages of a session that have no answer; it doubles from step to step.
    #[arg(long, default_value_t = 1)]
    pub window: u64,
    /// With rate 0: the last bound.
    #[arg(long, default_value_t = 64)]
    pub window_last: u64,
    /// For so long; with rate 0: each step.
    #[arg(long, default_value_t = 5.0)]
    pub seconds: f64,
}

impl R1 {
    /// Runs it.
    pub fn run(&self, target: &Target) -> io::Result<Report> {
        let server = target.server;
        let mut crew = Crew::open(self.pairs, self.parts(), server, |link, part| {
            Person::new(Line::to(server, "/relay", SUBPROTOCOL, link), part)
        })?;
        let steps = self.steps(&mut crew, target)?;
        let mut report = Report::new("r1");
        report.tell("pairs", self.pairs);
        if self.rate > 0.0 {
            report.tell("rate", self.rate);
        }
        tell(best(&steps), &mut report);
        report.keep("steps", steps.iter().map(row).collect::<Vec<_>>());
        Ok(report)
    }

    fn steps(&self, crew: &mut Crew<Person>, target: &Target) -> io::Result<Vec<Step>> {
        if self.rate > 0.0 {
            crew.until_delivered(|crew| crew.on_time(self.rate, 1, 1.0))?;
            let on_time = |crew: &mut Crew<Person>| crew.on_time(self.rate, 1, self.seconds);
            return Ok(vec![Step::of(1, crew, target, |crew| crew.until_delivered(on_time))?]);
        }
        let mut steps = Vec::new();
        let mut window = self.window;
        while window <= self.window_last {
            crew.until_delivered(|crew| crew.keep_full(window, 0.3, u64::MAX))?;
            let full = |crew: &mut Crew<Person>| crew.keep_full(window, self.seconds, u64::MAX);
            let step = Step::of(window, crew, target, |crew| crew.until_delivered(full))?;
            eprintln!("  {}", row(&step));
            steps.push(step);
            window *= 2;
        }
        Ok(steps)
    }

    fn parts(&self) -> Vec<Part> {
        pairs(self.pairs, self.body_bytes)
    }
}

/// The first half of them tell, each someone of the second half. All read.
pub fn pairs(pairs: usize, body_bytes: usize) -> Vec<Part> {
    let part = |user, to| Part { user, to, reads: true, body_bytes, ..Part::default() };
    let tells = (0..pairs).map(|pair| part(format!("a{pair}"), vec![format!("b{pair}")]));
    let reads = (0..pairs).map(|pair| part(format!("b{pair}"), Vec::new()));
    tells.chain(reads).collect()
}

fn row(step: &Step) -> Value {
    json!({
        "window": step.window,
        "messages_per_s": step.rate().round(),
        "cpu_us_per_message": step.cpu_us(),
        "server_cpu_percent": step.server_cpu_percent(),
        "load_cpu_percent": step.load_cpu_percent(),
        "p99_ms": step.seen.delivered.quantile_ms(0.99),
    })
}

fn tell(step: &Step, report: &mut Report) {
    report.keep("class", step.seen.class.as_str()).keep("messages", step.seen.successes);
    report.tell("messages_per_s", step.rate().round());
    report.tell("cpu_us_per_message", step.cpu_us());
    report.tell("p99_ms_delivered", step.seen.delivered.quantile_ms(0.99));
    report.keep("p50_ms_delivered", step.seen.delivered.quantile_ms(0.5));
    step.tell(report);
}
