//! R3: a storm of log-ins: people who are all friends of some of the others come at once, and others write to each other meanwhile.

use super::crew::Crew;
use super::friends::{Circle, befriend, befriend_pairs};
use super::line::Line;
use super::person::{Part, Person};
use super::r1::pairs;
use super::report::{Report, percent, round};
use super::step::Step;
use super::target::Target;
use crate::message::relay::SUBPROTOCOL;
use std::io;

/// They become friends first and go away. Then pairs are there and write, and all the others come.
#[derive(Clone, Debug, clap::Args)]
pub struct R3 {
    /// People who log in.
    #[arg(long, default_value_t = 10_000)]
    pub users: usize,
    /// Friends of each; an even number.
    #[arg(long, default_value_t = 100)]
    pub friends: usize,
    /// Pairs who write to each other; they are friends, too.
    #[arg(long, default_value_t = 100)]
    pub pairs: usize,
    /// Messages per second of each pair.
    #[arg(long, default_value_t = 10.0)]
    pub rate: f64,
    /// Bytes of each body.
    #[arg(long, default_value_t = 64)]
    pub body_bytes: usize,
    /// How long the pairs are watched before the storm.
    #[arg(long, default_value_t = 3.0)]
    pub seconds_before: f64,
}

impl R3 {
    /// Runs it.
    pub fn run(&self, target: &Target) -> io::Result<Report> {
        if !self.friends.is_multiple_of(2) || self.friends >= self.users {
            return Err(io::Error::other("friends must be an even number below that of the users"));
        }
        let befriended_s = self.befriend(target)?;
        let (server, rate) = (target.server, self.rate * self.pairs as f64);
        let person = |link, part| Person::new(Line::to(server, "/relay", SUBPROTOCOL, link), part);
        let mut crew = Crew::open(self.pairs, pairs(self.pairs, self.body_bytes), server, person)?;
        let on_time = |crew: &mut Crew<Person>| crew.on_time(rate, 1, self.seconds_before);
        crew.until_delivered(on_time)?;
        let before = Step::of(1, &mut crew, target, |crew| crew.until_delivered(on_time))?;
        let users = self.users as u64;
        let storm = Step::of(1, &mut crew, target, |crew| {
            crew.until_delivered(|crew| {
                crew.join(rate, self.comers(), server, person, |seen| seen.arrivals.see_all == users)
            })
        })?;
        Ok(self.report(befriended_s, &before, &storm))
    }

    fn befriend(&self, target: &Target) -> io::Result<f64> {
        befriend_pairs(target, pairs(self.pairs, 0))?;
        let circle = Circle::places(self.users, self.friends / 2);
        befriend(target, circle.map(|place| (place.name(), place.friends())).collect())
    }

    fn comers(&self) -> Vec<Part> {
        let circle = Circle::places(self.users, self.friends / 2);
        let part =
            |place: Circle| Part { user: place.name(), reads: true, among: Some(place), ..Part::default() };
        circle.map(part).collect()
    }

    fn report(&self, befriended_s: f64, before: &Step, storm: &Step) -> Report {
        let (arrivals, users) = (&storm.seen.arrivals, self.users as u64);
        let cpu_us = storm.cost.1.cpu_us_since(&storm.cost.0);
        let mut report = Report::new("r3");
        report.tell("users", self.users).tell("friends", self.friends);
        report.keep("befriended_s", round(befriended_s, 1));
        report.tell("logged_in_s", round(arrivals.logged_in_s(), 3));
        report.tell("see_all_s", round(arrivals.see_all_s(), 3));
        report.keep("not_logged_in", users.saturating_sub(arrivals.logged_in));
        report.keep("do_not_see_all", users.saturating_sub(arrivals.see_all));
        report.keep("friends_missing", (users * self.friends as u64).saturating_sub(arrivals.friends));
        report.keep("presence_frames", arrivals.frames).keep("statuses", arrivals.statuses);
        report.tell("presence_frames_per_s_max", arrivals.frames_per_s_max);
        let frames_per_s = arrivals.frames as f64 / users as f64 / storm.seconds;
        report.tell("presence_frames_per_s", round(frames_per_s, 2));
        report.tell("p99_ms_before", before.seen.delivered.quantile_ms(0.99));
        report.tell("p99_ms_during", storm.seen.delivered.quantile_ms(0.99));
        report.tell("max_ms_during", storm.seen.delivered.max_us() as f64 / 1000.0);
        report.keep("messages_during", storm.seen.successes);
        report
            .tell("cpu_s", round(cpu_us / 1e6, 2))
            .tell("cpu_us_per_login", round(cpu_us / users as f64, 1));
        report.keep("server_cpu_percent_before", percent(before.cost, before.seconds));
        report.tell("rss_kib_before", before.cost.1.rss_kib);
        storm.tell(&mut report);
        report
    }
}
