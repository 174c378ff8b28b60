//! W1: a large audience of one object, one writer.

use super::fleet::Fleet;
use super::part::Part;
use super::report::Report;
use super::saturate::Saturate;
use super::schedule::Schedule;
use super::target::Target;
use std::io;

/// The writer follows too: there are `followers` clients in all, and each change is delivered to all of them.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct W1 {
    /// Clients, the writer among them.
    #[arg(long, default_value_t = 1000)]
    pub followers: usize,
    /// Changes per second; 0: as many as the server takes.
    #[arg(long, default_value_t = 40.0)]
    pub rate: f64,
    /// For so long; with rate 0: each step.
    #[arg(long, default_value_t = 10.0)]
    pub seconds: f64,
    /// Bytes of each value.
    #[arg(long, default_value_t = 64)]
    pub value_bytes: usize,
}

impl W1 {
    /// Runs it.
    pub fn run(&self, target: &Target) -> io::Result<Report> {
        let mut fleet = Fleet::open(target, Part::audience(self.followers))?;
        let mut report = Report::new("w1");
        report.tell("followers", self.followers);
        if self.rate > 0.0 {
            self.steady(&mut fleet, target, &mut report)?
        } else {
            self.saturated(&mut fleet, target, &mut report)?
        }
        Ok(report)
    }

    fn steady(&self, fleet: &mut Fleet, target: &Target, report: &mut Report) -> io::Result<()> {
        let row = Schedule {
            rate: self.rate,
            seconds: self.seconds,
            writers: 1,
            value_bytes: self.value_bytes,
            receivers: self.followers as u64,
            burst: 1,
        };
        report.tell("rate", self.rate);
        row.measure(fleet, target, report)
    }

    fn saturated(&self, fleet: &mut Fleet, target: &Target, report: &mut Report) -> io::Result<()> {
        let search = Saturate {
            seconds: self.seconds,
            writers: 1,
            value_bytes: self.value_bytes,
            receivers: self.followers as u64,
            window_first: 8,
            window_last: 2048,
        };
        search.measure(fleet, target, report)
    }
}
