//! W6: a slot that changes far more often than its followers want to be told.

use super::client::{Client, Stage};
use super::fleet::Fleet;
use super::part::Part;
use super::report::{Report, percent, round};
use super::schedule::Schedule;
use super::tally::Tally;
use super::target::Target;
use crate::process::Cost;
use std::io;
use std::time::Duration;

const WARM_SECONDS: f64 = 1.0;
/// The answers to the second `use` must be there within this time.
const FOLLOW_TIME_MAX: Duration = Duration::from_secs(10);

/// First as many changes as the followers want, each delivered to all; then many more, of which each follower gets
/// the latest so many times a second; in the end the writers alone. Each is one of its object's followers.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct W6 {
    /// Objects, each with its own followers and its own writer.
    #[arg(long, default_value_t = 1)]
    pub objects: usize,
    /// Clients of each object, its writer among them.
    #[arg(long, default_value_t = 1000)]
    pub followers: usize,
    /// Changes per second, to one slot of each object.
    #[arg(long, default_value_t = 1000.0)]
    pub rate: f64,
    /// Changes per second that a follower wants at the most.
    #[arg(long, default_value_t = 20)]
    pub wanted: u64,
    /// So many of a writer's changes come at once: a page that writes all the while says them once per frame of its screen.
    #[arg(long, default_value_t = 1)]
    pub burst: u64,
    /// For so long, each of the three.
    #[arg(long, default_value_t = 5.0)]
    pub seconds: f64,
}

impl W6 {
    /// Runs it.
    pub fn run(&self, target: &Target) -> io::Result<Report> {
        let mut fleet = Fleet::open(target, self.parts(self.followers))?;
        let all = self.phase(&mut fleet, target, (self.followers, self.wanted as f64, 1))?;
        self.follow_at(&mut fleet)?;
        let latest = self.phase(&mut fleet, target, (self.followers, self.rate, self.burst))?;
        let writer = self.writer_alone(target)?;
        Ok(self.report(&fleet, [all, latest, writer]))
    }

    /// Those who write come first, one of each object; then the others, object by object.
    fn parts(&self, followers: usize) -> Vec<Part> {
        let parts = Part::rooms(self.objects, followers).into_iter().enumerate();
        let (writers, others): (Vec<_>, Vec<_>) = parts.partition(|(number, _)| number % followers == 0);
        writers.into_iter().chain(others).map(|(_, part)| part).collect()
    }

    /// Whose object the client follows.
    fn writer_of(&self, number: usize) -> usize {
        if number < self.objects { number } else { (number - self.objects) / (self.followers - 1) }
    }

    /// Every client uses its object anew, with a rate.
    fn follow_at(&self, fleet: &mut Fleet) -> io::Result<()> {
        for number in 0..fleet.clients.len() {
            fleet.clients[number].follow_at(self.wanted);
            fleet.flush(number)?;
        }
        let follows = |client: &Client| client.stage == Stage::Following;
        if fleet.turn_until(FOLLOW_TIME_MAX, |fleet| fleet.clients.iter().all(follows))? {
            return Ok(());
        }
        let what = fleet.tally.complaint.as_deref().unwrap_or("no answer in time");
        Err(io::Error::other(format!("use with a rate: {what}")))
    }

    /// What the writes beyond those that are wanted cost by themselves: other objects, which no one but their writers follow.
    fn writer_alone(&self, target: &Target) -> io::Result<Phase> {
        let mut fleet = Fleet::open(target, self.parts(1))?;
        self.follow_at(&mut fleet)?;
        self.phase(&mut fleet, target, (1, self.rate - self.wanted as f64, self.burst))
    }

    fn phase(
        &self,
        fleet: &mut Fleet,
        target: &Target,
        (followers, rate, burst): (usize, f64, u64),
    ) -> io::Result<Phase> {
        let (writers, rate, receivers) = (self.objects, rate * self.objects as f64, followers as u64);
        let row = Schedule { rate, seconds: self.seconds, writers, value_bytes: 64, receivers, burst };
        Schedule { seconds: WARM_SECONDS, ..row }.run(fleet)?;
        fleet.tally = Tally::default();
        fleet.clients.iter_mut().for_each(|client| client.diffs = 0);
        let (before, own) = (target.cost()?, Cost::read(std::process::id())?);
        let seconds = row.run(fleet)?;
        let cost = (before, target.cost()?);
        let own = (own, Cost::read(std::process::id())?);
        Ok(Phase { seconds, tally: fleet.tally.clone(), cost, own })
    }

    fn report(&self, fleet: &Fleet, [all, latest, writer]: [Phase; 3]) -> Report {
        let frames = fleet.clients.iter().map(|client| client.diffs as f64 / latest.seconds);
        let is_level = |number: &usize| {
            fleet.clients[*number].latest_us == fleet.clients[self.writer_of(*number)].wrote_us
        };
        let level = (0..fleet.clients.len()).filter(is_level).count();
        let mut report = Report::new("w6");
        report.tell("objects", self.objects);
        report
            .tell("followers", self.followers)
            .tell("rate", self.rate)
            .tell("burst", self.burst)
            .tell("wanted", self.wanted);
        report.tell("cpu_percent_all", percent(all.cost, all.seconds));
        report.tell("cpu_percent_latest", percent(latest.cost, latest.seconds));
        report.tell("cpu_percent_writer", percent(writer.cost, writer.seconds));
        report.tell("frames_per_s_min", round(frames.clone().fold(f64::INFINITY, f64::min), 2));
        report.tell("frames_per_s_max", round(frames.fold(0.0, f64::max), 2));
        report.tell("behind_in_the_end", fleet.clients.len() - level);
        report.keep("p99_ms_all", all.tally.latency.quantile_ms(0.99));
        report.tell_row(latest.seconds, &latest.tally, latest.cost, latest.own);
        report
    }
}

/// What one part of the run brought.
struct Phase {
    seconds: f64,
    tally: Tally,
    cost: (Cost, Cost),
    own: (Cost, Cost),
}
