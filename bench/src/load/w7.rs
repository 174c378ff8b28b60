//! W7: a herd: a crowd that is cut at once and comes back at once, and some who are not cut and look on.

use super::client::Client;
use super::fleet::Fleet;
use super::herd::Herd;
use super::part::Part;
use super::report::{Report, percent, round};
use super::tally::Tally;
use super::target::Target;
use super::witnesses::Witnesses;
use crate::process::Cost;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Clients cut before the witnesses have their turn.
const CUTS_PER_TURN: usize = 500;
/// All must be back within this time, or the run has failed.
const RETURN_TIME_MAX: Duration = Duration::from_secs(60);
/// After the last change was due, deliveries may take this long.
const DRAIN_MAX: Duration = Duration::from_secs(5);
const VALUE_BYTES: usize = 64;

/// The herd follows one object, the witnesses another. The herd's own object changes while it is away.
#[derive(Clone, Debug, clap::Args)]
pub struct W7 {
    /// Clients that are cut. One more follows their object and is not cut: it writes.
    #[arg(long, default_value_t = 10_000)]
    pub herd: usize,
    /// Clients that are not cut, the writer among them.
    #[arg(long, default_value_t = 300)]
    pub witnesses: usize,
    /// Changes per second that the witnesses get.
    #[arg(long, default_value_t = 20.0)]
    pub rate: f64,
    /// Writes that the herd misses.
    #[arg(long, default_value_t = 20)]
    pub missed: usize,
    /// Cursors that the herd comes back with: it is cut in so many parts, and with each some of the writes are missed.
    #[arg(long, default_value_t = 1)]
    pub cursors: usize,
    /// Slots that each of these writes changes, 64 at the most.
    #[arg(long, default_value_t = 1)]
    pub slots: usize,
    /// How long the witnesses are watched before the cut.
    #[arg(long, default_value_t = 5.0)]
    pub seconds_before: f64,
    /// What each of the herd shows instead of coming as a guest.
    #[arg(long)]
    pub token: Option<String>,
}

impl W7 {
    /// Runs it.
    pub fn run(&self, target: &Target) -> io::Result<Report> {
        let mut parts = Part::rooms(2, (self.herd + 1).max(self.witnesses));
        let witnesses = parts.split_off(parts.len() / 2).into_iter().take(self.witnesses).collect();
        parts.truncate(self.herd + 1);
        let token: Option<Rc<str>> = self.token.as_deref().map(Rc::from);
        parts.iter_mut().for_each(|part| part.token.clone_from(&token));
        let witnesses = Fleet::open(target, witnesses)?;
        let herd = Herd::new(*target, Fleet::open(target, parts)?);
        let mut scene = Scene { herd, witnesses: Witnesses::new(witnesses, self.rate) };
        self.cut_early(&mut scene)?;
        scene.settle()?;
        scene.watch(Duration::from_secs_f64(self.seconds_before), |_| false)?;
        let before = scene.settle()?;
        let start = (target.cost()?, Cost::read(std::process::id())?);
        let back = self.cut_and_return(&mut scene)?;
        let end = (target.cost()?, Cost::read(std::process::id())?);
        let during = scene.settle()?;
        let behind = self.last_change(&mut scene.herd)?;
        Ok(self.report(&scene, [before, during], &back, [start, end], behind))
    }

    /// All parts of the herd but the last, each with an older cursor than the next.
    fn cut_early(&self, scene: &mut Scene) -> io::Result<()> {
        for part in 1..self.cursors {
            self.cut(scene, part - 1)?;
            self.write(&mut scene.herd, self.missed / self.cursors)?;
            self.wait_until_level(scene, self.herd * part / self.cursors)?;
        }
        Ok(())
    }

    fn cut_and_return(&self, scene: &mut Scene) -> io::Result<Back> {
        let start = Instant::now();
        self.cut(scene, self.cursors - 1)?;
        self.write(&mut scene.herd, self.missed.div_ceil(self.cursors))?;
        scene.herd.fleet.tally = Tally::default();
        scene.herd.return_now(0..self.herd);
        scene.watch(RETURN_TIME_MAX, |herd| herd.answers() >= self.herd as u64 / 2)?;
        let half_s = start.elapsed().as_secs_f64();
        let all = scene.watch(RETURN_TIME_MAX, |herd| herd.is_back(self.herd))?;
        let last_s = start.elapsed().as_secs_f64();
        if !all {
            let count = scene.herd.answers();
            let what = scene.herd.fleet.tally.complaint.as_deref().unwrap_or("no one was refused");
            return Err(io::Error::other(format!("only {count} were back in time: {what}")));
        }
        Ok(Back { half_s, last_s, tally: scene.herd.fleet.tally.clone() })
    }

    fn cut(&self, scene: &mut Scene, part: usize) -> io::Result<()> {
        let end = self.herd * (part + 1) / self.cursors;
        for first in (self.herd * part / self.cursors..end).step_by(CUTS_PER_TURN) {
            scene.herd.cut(first..end.min(first + CUTS_PER_TURN))?;
            scene.turn()?;
        }
        Ok(())
    }

    /// Those who are not cut yet have all that was written: they will come back with the same cursor.
    fn wait_until_level(&self, scene: &mut Scene, first: usize) -> io::Result<()> {
        let is_level = |herd: &Herd| {
            let writer = &herd.fleet.clients[self.herd];
            let has_all = |client: &Client| client.have.version == writer.have.version;
            writer.answered == writer.written && herd.fleet.clients[first..].iter().all(has_all)
        };
        match scene.watch(DRAIN_MAX, is_level)? {
            true => Ok(()),
            false => Err(io::Error::other("those who were not cut did not get what was written")),
        }
    }

    fn write(&self, herd: &mut Herd, writes: usize) -> io::Result<()> {
        let due_us = herd.fleet.now_us();
        let writer = &mut herd.fleet.clients[self.herd];
        for _ in 0..writes {
            match self.slots {
                1 => writer.write(due_us, VALUE_BYTES),
                slots => writer.fill(0..slots, VALUE_BYTES),
            }
        }
        herd.fleet.flush(self.herd)
    }

    /// One more change; the answer is how many of the herd do not get it.
    fn last_change(&self, herd: &mut Herd) -> io::Result<usize> {
        let due_us = herd.fleet.now_us();
        herd.fleet.clients[self.herd].write(due_us, VALUE_BYTES);
        herd.fleet.flush(self.herd)?;
        let wrote_us = herd.fleet.clients[self.herd].wrote_us;
        let behind =
            |fleet: &Fleet| fleet.clients.iter().filter(|client| client.latest_us != wrote_us).count();
        herd.fleet.turn_until(DRAIN_MAX, |fleet| behind(fleet) == 0)?;
        Ok(behind(&herd.fleet))
    }

    fn report(
        &self,
        scene: &Scene,
        [before, during]: [Watch; 2],
        back: &Back,
        [start, end]: [(Cost, Cost); 2],
        behind: usize,
    ) -> Report {
        let cpu_us = end.0.cpu_us_since(&start.0);
        let mut report = Report::new("w7");
        report.tell("herd", self.herd).tell("witnesses", self.witnesses).tell("cursors", self.cursors);
        report.tell("half_back_s", round(back.half_s, 3)).tell("all_back_s", round(back.last_s, 3));
        report.tell("by_diff", back.tally.resumed).tell("by_snapshot", back.tally.snapshots);
        report.tell("turned_away", scene.herd.turned_away);
        report.tell("p99_ms_before", before.tally.latency.quantile_ms(0.99));
        report.tell("p99_ms_during", during.tally.latency.quantile_ms(0.99));
        report.keep("max_ms_during", during.tally.latency.max_us() as f64 / 1000.0);
        report.keep("deliveries_during", during.tally.deliveries);
        report.keep("missing", before.missing + during.missing);
        report.tell("cpu_ms", round(cpu_us / 1000.0, 1));
        report.tell("cpu_us_per_return", round(cpu_us / self.herd as f64, 1));
        report.tell("load_cpu_percent", percent((start.1, end.1), back.last_s));
        report.tell("rss_grown_kib", end.0.rss_kib as i64 - start.0.rss_kib as i64);
        report.tell("behind_in_the_end", behind);
        report.faults(&faults(&scene.herd.fleet.tally, during.tally));
        report
    }
}

/// What should not be, of both; that the herd was turned away is told by itself.
fn faults(herd: &Tally, witnesses: Tally) -> Tally {
    Tally {
        gaps: witnesses.gaps + herd.gaps,
        repeats: witnesses.repeats + herd.repeats,
        rejects: witnesses.rejects + herd.rejects,
        errors: witnesses.errors + herd.errors,
        complaint: witnesses.complaint.or_else(|| herd.complaint.clone()),
        ..witnesses
    }
}

/// When they were back, and what the herd saw on the way.
struct Back {
    half_s: f64,
    last_s: f64,
    tally: Tally,
}

/// Both, turned by one loop.
struct Scene {
    herd: Herd,
    witnesses: Witnesses,
}

impl Scene {
    fn turn(&mut self) -> io::Result<()> {
        self.witnesses.write_due()?;
        self.witnesses.turn()?;
        self.herd.turn()
    }

    /// Turns until `done` or for `time` at the most; the answer is whether it was done.
    fn watch(&mut self, time: Duration, done: impl Fn(&Herd) -> bool) -> io::Result<bool> {
        let end = Instant::now() + time;
        while !done(&self.herd) {
            if Instant::now() >= end {
                return Ok(false);
            }
            self.turn()?;
        }
        Ok(true)
    }

    /// Ends the witnesses' row: what they saw of it, and what did not come.
    fn settle(&mut self) -> io::Result<Watch> {
        let end = Instant::now() + DRAIN_MAX;
        while self.witnesses.missing() > 0 && Instant::now() < end {
            self.witnesses.turn()?;
            self.herd.turn()?;
        }
        Ok(Watch { missing: self.witnesses.missing(), tally: self.witnesses.take() })
    }
}

/// What the witnesses saw of a row.
struct Watch {
    tally: Tally,
    missing: u64,
}
