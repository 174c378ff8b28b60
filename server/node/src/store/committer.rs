//! Keeps what the workers commit: everything that has gathered in one group, while it syncs the next group gathers.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use super::Order;
use crate::engine::{Batch, CommitError, Engine};
use crate::worker::{House, Letter};

/// How often a full disk is asked for room again.
const FULL_WAIT: Duration = Duration::from_millis(500);

/// What the process ends with when the disk can no longer be trusted (EX_SOFTWARE of sysexits).
const EXIT_FAILED: i32 = 70;

/// Until [`Order::Stop`]. Ends the process if the engine fails: a write that is refused by the disk once may be taken for written the next
/// time, so nothing is tried again and nothing acknowledged any more (Rebello et al., "Can Applications Recover from fsync Failures?", 2020).
pub fn run(engine: Box<dyn Engine>, orders: &Receiver<Order>, house: &House) {
    let mut committer = Committer { engine, house, full: false };
    committer.reserve();
    let stop = committer.serve(orders);
    drop(committer);
    drop(stop);
}

struct Committer<'h> {
    engine: Box<dyn Engine>,
    house: &'h House,
    full: bool,
}

impl Committer<'_> {
    /// Who asked to stop, to be told when the engine is closed.
    fn serve(&mut self, orders: &Receiver<Order>) -> Option<SyncSender<()>> {
        loop {
            let first = match orders.recv_timeout(if self.full { FULL_WAIT } else { Duration::MAX }) {
                Ok(order) => Some(order),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return None,
            };
            let (mut group, mut stop) = (Vec::new(), None);
            for order in first.into_iter().chain(orders.try_iter()) {
                match order {
                    Order::Commit(batch) => group.push(batch),
                    Order::Stop(asked) => stop = Some(asked),
                }
            }
            self.commit(&group);
            // What is tidied up is first written a second time: not while there is no room.
            if self.full {
                self.reserve();
            } else {
                self.tidy();
            }
            if stop.is_some() {
                return stop;
            }
        }
    }

    fn commit(&mut self, group: &[Batch]) {
        if group.is_empty() {
            return;
        }
        let begun = Instant::now();
        while let Err(error) = self.engine.commit(group) {
            match error {
                CommitError::Full(why) => self.wait_for_room(&why),
                CommitError::NotOwner { .. } | CommitError::Failed(_) => fail(&error),
            }
        }
        let metrics = &self.house.metrics;
        metrics.commit_seconds.observe(begun.elapsed().as_secs_f64());
        metrics.commits.inc();
        for batch in group {
            metrics.commit_changes.inc_by(batch.names.len() as u64);
            metrics.commit_bytes.inc_by(batch.bytes() as u64);
            metrics.stores.inc_by(batch.stores.len() as u64);
            self.tell(batch.shard.into(), Letter::Committed);
        }
    }

    /// New writes are refused from now on. The group that does not fit gets the reserve, and if that is not enough it waits: it was not
    /// acknowledged and is not lost.
    fn wait_for_room(&mut self, why: &str) {
        if !self.full {
            tracing::error!(
                why,
                "the disk is full: writes to stored objects are refused until there is room"
            );
            self.say_full(true);
            self.engine.give_up_reserve();
            return;
        }
        std::thread::sleep(FULL_WAIT);
    }

    /// Takes the reserve again; when that succeeds there is room.
    fn reserve(&mut self) {
        match (self.engine.reserve(), self.full) {
            (true, true) => {
                tracing::info!("there is room on the disk again");
                self.say_full(false);
            }
            (false, false) => {
                tracing::error!("the disk is full: writes to stored objects are refused until there is room");
                self.say_full(true);
            }
            (true, false) | (false, true) => {}
        }
    }

    fn say_full(&mut self, full: bool) {
        self.full = full;
        self.house.metrics.storage_full.set(full.into());
        for worker in 0..self.house.boxes.len() {
            self.tell(worker, Letter::StorageFull(full));
        }
    }

    fn tidy(&mut self) {
        let wanted = match self.engine.tidy() {
            Ok(wanted) => wanted,
            Err(CommitError::Full(why)) => {
                tracing::debug!(why, "no room to tidy up");
                Vec::new()
            }
            Err(error) => fail(&error),
        };
        let size = self.engine.size();
        self.house.metrics.stored_objects.set(size.names as i64);
        self.house.metrics.log_bytes.set(size.log_bytes as i64);
        let mut by_worker: Vec<Vec<_>> = self.house.boxes.iter().map(|_| Vec::new()).collect();
        for name in wanted {
            by_worker[self.house.owner(&name)].push(name);
        }
        for (worker, names) in by_worker.into_iter().enumerate().filter(|(_, names)| !names.is_empty()) {
            self.tell(worker, Letter::Wanted(names));
        }
    }

    fn tell(&self, worker: usize, letter: Letter) {
        if self.house.boxes[worker].send(letter).is_err() {
            tracing::debug!(worker, "is gone already");
        }
    }
}

fn fail(error: &CommitError) -> ! {
    tracing::error!(%error, "the store cannot be trusted any more; nothing that was not acknowledged is kept, and the server stops here");
    std::process::exit(EXIT_FAILED)
}
