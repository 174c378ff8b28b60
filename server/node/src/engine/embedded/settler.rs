//! Brings what was committed to SQLite into the store, on a thread of its own: with a busy disk that takes many times as long as a group, and no
//! answer waits for it.

use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::JoinHandle;

use rusqlite::Connection;

use super::error::StoreError;
use super::schema;

/// See the module's text. One settling is under way at a time.
pub struct Settler {
    orders: Option<SyncSender<()>>,
    done: Receiver<Result<(), StoreError>>,
    thread: Option<JoinHandle<()>>,
}

impl Settler {
    pub fn start(store: &Path) -> Result<Settler, StoreError> {
        let connection = schema::open_to_settle(store)?;
        let (orders, orders_out) = sync_channel(1);
        let (done_in, done) = sync_channel(1);
        let store = store.to_owned();
        let run = move || run(&connection, &store, &orders_out, &done_in);
        let thread = std::thread::Builder::new().name("settler".to_owned()).spawn(run);
        let thread =
            thread.map_err(|error| StoreError::Failed(format!("no thread for the store: {error}")))?;
        Ok(Settler { orders: Some(orders), done, thread: Some(thread) })
    }

    /// Everything that is committed by now is on the disk when this is done.
    pub fn begin(&mut self) -> Result<(), StoreError> {
        let orders = self.orders.as_ref().expect("it is there until the end");
        orders.send(()).map_err(|_| gone())
    }

    /// Whether what was begun is done; waits for it if asked to.
    pub fn is_done(&mut self, wait: bool) -> Result<bool, StoreError> {
        let outcome = match self.done.try_recv() {
            Err(TryRecvError::Empty) if wait => self.done.recv().map_err(|_| gone())?,
            Err(TryRecvError::Empty) => return Ok(false),
            outcome => outcome.map_err(|_| gone())?,
        };
        outcome.map(|()| true)
    }
}

fn gone() -> StoreError {
    StoreError::Failed("the thread that settles the store is gone".to_owned())
}

fn run(
    connection: &Connection,
    store: &Path,
    orders: &Receiver<()>,
    done: &SyncSender<Result<(), StoreError>>,
) {
    for () in orders {
        if done.send(schema::settle(connection, store)).is_err() {
            return;
        }
    }
}

/// Nothing is under way any more when it is gone.
impl Drop for Settler {
    fn drop(&mut self) {
        self.orders = None;
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that settles the store has panicked");
        }
    }
}
