//! R4: how often a message that only a friend may send has to wait for the recipient's list.

use super::crew::Crew;
use super::friends::befriend_pairs;
use super::line::Line;
use super::metrics::Lists;
use super::person::Person;
use super::r1::pairs;
use super::report::Report;
use super::step::Step;
use super::target::Target;
use crate::message::relay::SUBPROTOCOL;
use std::io;

/// Pairs of friends, under the policy `friends`; one of each tells, as fast as the server takes it, for longer than a lease of the lists lasts.
#[derive(Clone, Debug, clap::Args)]
pub struct R4 {
    /// Pairs of sessions.
    #[arg(long, default_value_t = 200)]
    pub pairs: usize,
    /// Messages of a session that have no answer.
    #[arg(long, default_value_t = 32)]
    pub window: u64,
    /// Bytes of each body.
    #[arg(long, default_value_t = 64)]
    pub body_bytes: usize,
    /// For so long.
    #[arg(long, default_value_t = 40.0)]
    pub seconds: f64,
}

impl R4 {
    /// Runs it.
    pub fn run(&self, target: &Target) -> io::Result<Report> {
        let server = target.server;
        befriend_pairs(target, pairs(self.pairs, 0))?;
        let mut crew = Crew::open(self.pairs, pairs(self.pairs, self.body_bytes), server, |link, part| {
            Person::new(Line::to(server, "/relay", SUBPROTOCOL, link), part)
        })?;
        let window = self.window;
        crew.until_delivered(|crew| crew.keep_full(window, 1.0, u64::MAX))?;
        let before = Lists::settled(server)?;
        let full = |crew: &mut Crew<Person>| crew.keep_full(window, self.seconds, u64::MAX);
        let step = Step::of(window, &mut crew, target, |crew| crew.until_delivered(full))?;
        let lists = Lists::settled(server)?.since(&before);
        Ok(self.report(&step, &lists))
    }

    fn report(&self, step: &Step, lists: &Lists) -> Report {
        let mut report = Report::new("r4");
        report.tell("pairs", self.pairs).tell("messages", step.seen.successes);
        report.tell("lists_at_hand", lists.at_hand).tell("lists_waited", lists.waited);
        report.keep("lists_fetched", lists.fetched).keep("lists_denied", lists.denied);
        report.tell(
            "waited_per_100000",
            lists.waited as f64 * 1e5 / (lists.at_hand + lists.waited).max(1) as f64,
        );
        report.tell("messages_per_s", step.rate().round());
        report.tell("cpu_us_per_message", step.cpu_us());
        report.keep("p99_ms_delivered", step.seen.delivered.quantile_ms(0.99));
        step.tell(&mut report);
        report
    }
}
