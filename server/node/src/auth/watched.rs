//! A file that is read again when it changes. One that cannot be used leaves in force what was read before.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

/// A file that changed so shortly before it was read may have changed again, unseen by its times.
const UNSETTLED: Duration = Duration::from_secs(2);

type Read<T> = fn(&Path) -> Result<T, String>;

pub struct Watched<T> {
    path: PathBuf,
    read: Read<T>,
    held: RwLock<Arc<T>>,
    last: Mutex<Last>,
}

/// What was met when the file was read last.
struct Last {
    stamp: Option<Stamp>,
    error: Option<String>,
}

/// By which a change is seen.
#[derive(Clone, Copy, PartialEq)]
struct Stamp {
    modified: SystemTime,
    bytes: u64,
    inode: u64,
    /// Whether the times can be trusted to show the next change.
    is_settled: bool,
}

impl<T: PartialEq> Watched<T> {
    pub fn new(path: PathBuf, read: Read<T>) -> Result<Self, String> {
        let stamp = stamp(&path);
        let held = RwLock::new(Arc::new(read(&path)?));
        Ok(Watched { path, read, held, last: Mutex::new(Last { stamp, error: None }) })
    }

    /// What is in force.
    pub fn held(&self) -> Arc<T> {
        self.held.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the file if it may have changed; whether it says something else now. An error is logged once.
    pub fn look_again(&self) -> bool {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = stamp(&self.path);
        if stamp == last.stamp && stamp.is_none_or(|stamp| stamp.is_settled) {
            return false;
        }
        last.stamp = stamp;
        match (self.read)(&self.path) {
            Ok(read) => {
                last.error = None;
                let changed = *self.held() != read;
                if changed {
                    tracing::info!(file = %self.path.display(), "was read again");
                    *self.held.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(read);
                }
                changed
            }
            Err(error) => {
                if last.error.as_ref() != Some(&error) {
                    tracing::error!(%error, "what was read before stays in force");
                    last.error = Some(error);
                }
                false
            }
        }
    }
}

/// None if there is no such file.
fn stamp(path: &Path) -> Option<Stamp> {
    let about = std::fs::metadata(path).ok()?;
    let modified = about.modified().ok()?;
    let is_settled = SystemTime::now().duration_since(modified).is_ok_and(|since| since > UNSETTLED);
    // A change of rights counts as one of the file.
    let inode = about.ino() ^ u64::from(about.mode()) << 48;
    Some(Stamp { modified, bytes: about.len(), inode, is_settled })
}
