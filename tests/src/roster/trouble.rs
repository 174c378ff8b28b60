//! What befalls registrars and homes: they crash at any moment, and homes do not hear.

use std::collections::VecDeque;

use crate::roster::world::{What, World};

impl World {
    /// Comes again until everyone is quiet.
    pub fn trouble(&mut self) -> Result<(), String> {
        if self.quiet {
            return Ok(());
        }
        let pause = self.dice.between(1, self.weather.pace_ms * 4);
        self.put(self.now_ms + pause, What::Trouble);
        if self.dice.percent(self.weather.deafness) {
            self.deafen();
        }
        if !self.dice.percent(self.weather.crashes) {
            return Ok(());
        }
        if self.dice.percent(60) {
            let registrar = self.dice.below(self.desks.len() as u64) as usize;
            self.crash_registrar(registrar)
        } else {
            let home = self.dice.below(self.homes.len() as u64) as usize;
            self.crash_home(home);
            Ok(())
        }
    }

    /// What was on its way to the disk has reached it up to some point, without anyone's having been told.
    fn crash_registrar(&mut self, at: usize) -> Result<(), String> {
        self.log.line(format!("{} registrar {at} crashes", self.now_ms));
        self.tally.registrar_crashes += 1;
        let mut disk = std::mem::take(&mut self.desks[at].disk);
        let pending: VecDeque<_> = std::mem::take(&mut self.desks[at].pending);
        let kept = self.dice.below(pending.len() as u64 + 1) as usize;
        for (place, (commits, _)) in pending.iter().enumerate() {
            if place < kept {
                self.tally.commits_kept_untold += commits.len() as u64;
                commits.iter().try_for_each(|commit| disk.put(commit))?;
            } else {
                self.tally.commits_lost += commits.len() as u64;
            }
        }
        self.desks[at] = self.fresh_desk(disk);
        self.put(self.now_ms, What::WakeRegistrar { registrar: at });
        Ok(())
    }

    /// A home speaks and does not hear.
    fn deafen(&mut self) {
        let home = self.dice.below(self.homes.len() as u64) as usize;
        let long = self.dice.between(1_000, 60_000);
        self.log.line(format!("{} {:?} is deaf for {long} ms", self.now_ms, self.homes[home].id));
        self.tally.deafnesses += 1;
        self.homes[home].deaf_until_ms = self.now_ms + long;
    }

    fn crash_home(&mut self, at: usize) {
        self.log.line(format!("{} {:?} crashes", self.now_ms, self.homes[at].id));
        self.tally.home_crashes += 1;
        self.homes[at] = self.fresh_home(self.homes[at].registrar);
    }
}
