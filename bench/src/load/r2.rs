//! R2: many messages to people who are away, in inboxes that are kept on the disk.

use super::crew::Crew;
use super::line::Line;
use super::person::{Part, Person};
use super::report::Report;
use super::step::{Step, best};
use super::target::Target;
use crate::message::relay::SUBPROTOCOL;
use serde_json::{Value, json};
use std::io;

/// Sessions that do not wait for one answer before the next message, each to recipients of its own.
#[derive(Clone, Debug, clap::Args)]
pub struct R2 {
    /// Sessions.
    #[arg(long, default_value_t = 200)]
    pub senders: usize,
    /// Users whom they tell something, the same number for each session. None of them is there.
    #[arg(long, default_value_t = 1000)]
    pub recipients: usize,
    /// Bytes of each body.
    #[arg(long, default_value_t = 64)]
    pub body_bytes: usize,
    /// The first bound on the messages of a session that have no answer; it doubles from step to step.
    #[arg(long, default_value_t = 16)]
    pub window: u64,
    /// The last bound.
    #[arg(long, default_value_t = 64)]
    pub window_last: u64,
    /// Seconds of each step.
    #[arg(long, default_value_t = 3.0)]
    pub seconds: f64,
}

impl R2 {
    /// Runs it.
    pub fn run(&self, target: &Target) -> io::Result<Report> {
        if self.senders == 0 || !self.recipients.is_multiple_of(self.senders) {
            return Err(io::Error::other("every session needs the same number of recipients"));
        }
        let server = target.server;
        let mut crew = Crew::open(self.senders, self.parts(), server, |link, part| {
            Person::new(Line::to(server, "/relay", SUBPROTOCOL, link), part)
        })?;
        let steps = self.steps(&mut crew, target)?;
        let mut report = Report::new("r2");
        report.keep("senders", self.senders).keep("recipients", self.recipients);
        tell(best(&steps), &mut report);
        report.keep("steps", steps.iter().map(row).collect::<Vec<_>>());
        Ok(report)
    }

    fn steps(&self, crew: &mut Crew<Person>, target: &Target) -> io::Result<Vec<Step>> {
        let mut steps = Vec::new();
        let mut window = self.window;
        while window <= self.window_last {
            crew.keep_full(window, 0.5, u64::MAX)?;
            let full = |crew: &mut Crew<Person>| crew.keep_full(window, self.seconds, u64::MAX);
            let step = Step::of(window, crew, target, full)?;
            eprintln!("  {}", row(&step));
            steps.push(step);
            window *= 2;
        }
        Ok(steps)
    }

    fn parts(&self) -> Vec<Part> {
        let each = self.recipients / self.senders;
        let part = |sender: usize| Part {
            user: format!("a{sender}"),
            to: (sender * each..(sender + 1) * each).map(|recipient| format!("b{recipient}")).collect(),
            body_bytes: self.body_bytes,
            ..Part::default()
        };
        (0..self.senders).map(part).collect()
    }
}

fn row(step: &Step) -> Value {
    json!({
        "window": step.window,
        "stored_per_s": step.rate().round(),
        "messages_per_fdatasync": step.per_fdatasync(step.seen.successes),
        "cpu_us_per_message": step.cpu_us(),
        "server_cpu_percent": step.server_cpu_percent(),
        "load_cpu_percent": step.load_cpu_percent(),
        "p50_ms": step.seen.latency.quantile_ms(0.5),
        "p99_ms": step.seen.latency.quantile_ms(0.99),
    })
}

fn tell(step: &Step, report: &mut Report) {
    report.tell("class", step.seen.class.as_str()).keep("messages", step.seen.successes);
    report.tell("stored_per_s", step.rate().round());
    report.tell("messages_per_fdatasync", step.per_fdatasync(step.seen.successes));
    report.tell("cpu_us_per_message", step.cpu_us());
    step.tell(report);
}
