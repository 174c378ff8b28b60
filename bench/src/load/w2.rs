//! W2: many small objects, everyone writes.

use super::fleet::Fleet;
use super::part::Part;
use super::report::Report;
use super::saturate::Saturate;
use super::schedule::Schedule;
use super::target::Target;
use std::io;

const MEMBERS: usize = 10;

/// Sessions in objects of ten, each with a slot of its own.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct W2 {
    /// Objects of ten sessions.
    #[arg(long, default_value_t = 100)]
    pub objects: usize,
    /// Writes per second of each session; 0: as many as the server takes.
    #[arg(long, default_value_t = 1.0)]
    pub rate: f64,
    /// For so long; with rate 0: each step.
    #[arg(long, default_value_t = 10.0)]
    pub seconds: f64,
    /// With rate 0: writes that a session may have on the way, at the most. With one, nothing is batched but
    /// what meets in the server.
    #[arg(long, default_value_t = 1)]
    pub window: u64,
}

impl W2 {
    /// Runs it.
    pub fn run(&self, target: &Target) -> io::Result<Report> {
        let sessions = self.objects * MEMBERS;
        let mut fleet = Fleet::open(target, Part::rooms(self.objects, MEMBERS))?;
        let mut report = Report::new("w2");
        report.tell("sessions", sessions);
        let (value_bytes, receivers) = (64, MEMBERS as u64);
        if self.rate > 0.0 {
            report.tell("rate_per_session", self.rate);
            let rate = self.rate * sessions as f64;
            let row =
                Schedule { rate, seconds: self.seconds, writers: sessions, value_bytes, receivers, burst: 1 };
            row.measure(&mut fleet, target, &mut report)?;
        } else {
            let seconds = self.seconds;
            let (window_first, window_last) = (1, self.window);
            Saturate { seconds, writers: sessions, value_bytes, receivers, window_first, window_last }
                .measure(&mut fleet, target, &mut report)?;
        }
        Ok(report)
    }
}
