//! Brings stored objects back into memory.

use std::sync::mpsc::Receiver;

use slotcast_protocol::{Code, Fault};
use slotcast_state::Found;

use super::Question;
use crate::engine::{LoadError, Reader};
use crate::worker::{House, Letter};

/// Answers questions until no one can ask any more.
pub fn run(mut reader: Box<dyn Reader>, questions: &Receiver<Question>, house: &House) {
    for Question { worker, object } in questions {
        let found = match reader.load(&object) {
            Ok(Some(contents)) => Found::Contents(Box::new(contents)),
            Ok(None) => Found::Nothing,
            Err(error) => {
                tracing::error!(%object, %error, "an object cannot be loaded");
                Found::Refused(refusal(&error))
            }
        };
        house.metrics.loads.inc();
        if house.boxes[worker].send(Letter::Loaded { object, found }).is_err() {
            tracing::debug!(worker, "is gone already");
        }
    }
}

/// What the client is told; the operator finds the whole story in the log.
fn refusal(error: &LoadError) -> Fault {
    match error {
        LoadError::Damaged(_) => Fault::new(
            Code::StorageDamaged,
            "the object's stored copy is damaged, and nothing of it is served",
        ),
        LoadError::Failed(_) => Fault::new(Code::Unavailable, "the object cannot be read from the store now"),
    }
}
