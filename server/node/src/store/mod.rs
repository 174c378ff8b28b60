//! The store's threads: one commits, one loads. Workers put batches and questions to them and are answered by letters; none of them waits.

mod committer;
mod loader;

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel, sync_channel};
use std::time::Duration;

use slotcast_state::Name;

use crate::engine::{Batch, Engine, Index, Reader};
use crate::worker::House;

/// The workers' end.
pub struct Store {
    orders: Sender<Order>,
    questions: Sender<Question>,
    index: Arc<dyn Index>,
}

/// The threads' end, until they are started.
pub struct Threads {
    engine: Box<dyn Engine>,
    reader: Box<dyn Reader>,
    orders: Receiver<Order>,
    questions: Receiver<Question>,
}

/// For the committer. One batch is under way per worker, so the queue is short.
enum Order {
    Commit(Batch),
    /// Everything before it is kept, then the engine is closed and the sender dropped.
    Stop(std::sync::mpsc::SyncSender<()>),
}

/// A worker asks for an object or user, once for each at a time.
struct Question {
    worker: usize,
    name: Name,
}

impl Store {
    /// Both ends. Nothing happens until [`Threads::start`].
    pub fn new(engine: Box<dyn Engine>) -> Result<(Store, Threads), crate::engine::LoadError> {
        let ((orders, orders_out), (questions, questions_out)) = (channel(), channel());
        let (index, reader) = (engine.index(), engine.reader()?);
        let threads = Threads { engine, reader, orders: orders_out, questions: questions_out };
        Ok((Store { orders, questions, index }, threads))
    }

    /// To be kept. The worker is told by [`crate::worker::Letter::Committed`].
    pub fn commit(&self, batch: Batch) {
        if self.orders.send(Order::Commit(batch)).is_err() {
            tracing::debug!("the store is closed: the batch was never acknowledged");
        }
    }

    /// Whether there is anything to load.
    pub fn has(&self, name: &Name) -> bool {
        self.index.has(name)
    }

    /// The worker is told by [`crate::worker::Letter::Loaded`].
    pub fn load(&self, worker: usize, name: Name) {
        if self.questions.send(Question { worker, name }).is_err() {
            tracing::debug!("the store is closed");
        }
    }

    /// Waits until everything that was put to it is kept and closed; false if that takes longer than `most`, as it does on a full disk.
    pub fn stop(&self, most: Duration) -> bool {
        let (done, wait) = sync_channel(0);
        let told = self.orders.send(Order::Stop(done));
        told.is_err() || wait.recv_timeout(most) != Err(RecvTimeoutError::Timeout)
    }
}

impl Threads {
    pub fn start(self, house: Arc<House>) -> io::Result<()> {
        let Threads { engine, reader, orders, questions } = self;
        let for_loader = house.clone();
        let thread = |name: &str| std::thread::Builder::new().name(name.to_owned());
        thread("committer").spawn(move || committer::run(engine, &orders, &house))?;
        thread("loader").spawn(move || loader::run(reader, &questions, &for_loader))?;
        Ok(())
    }
}
