//! Brings stored objects and users back into memory.

use std::sync::mpsc::Receiver;

use slotcast_protocol::{Code, Fault};
use slotcast_state::Found;

use super::Question;
use crate::engine::{Kept, LoadError, Reader};
use crate::worker::{House, Letter};

/// Answers questions until no one can ask any more.
pub fn run(mut reader: Box<dyn Reader>, questions: &Receiver<Question>, house: &House) {
    for Question { worker, name } in questions {
        let found = match reader.load(&name) {
            Ok(Some(Kept::Object(contents))) => Found::Contents(Box::new(contents)),
            Ok(Some(Kept::User(contents))) => Found::User(Box::new(contents)),
            Ok(Some(Kept::Roster(list))) => Found::Roster(list),
            Ok(None) => Found::Nothing,
            Err(error) => {
                tracing::error!(%name, %error, "it cannot be loaded");
                Found::Refused(refusal(&error))
            }
        };
        house.metrics.loads.inc();
        if house.boxes[worker].send(Letter::Loaded { name, found }).is_err() {
            tracing::debug!(worker, "is gone already");
        }
    }
}

/// What the client is told; the operator finds the whole story in the log.
fn refusal(error: &LoadError) -> Fault {
    match error {
        LoadError::Damaged(_) => {
            Fault::new(Code::StorageDamaged, "the stored copy is damaged, and nothing of it is served")
        }
        LoadError::Failed(_) => Fault::new(Code::Unavailable, "it cannot be read from the store now"),
    }
}
