//! The data folder: who has it, and the room that is kept for bad days.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use super::error::StoreError;

/// The store itself; SQLite puts its log beside it, and so do we.
pub const STORE: &str = "slotcast.db";

const LOCK: &str = "lock";
const READING: &str = "reading";
const RESERVE: &str = "reserve";

/// bytes; what waits for the disk when it becomes full fits into it several times.
const RESERVE_BYTES: u64 = 8 * 1024 * 1024;

/// A data folder that this process has for itself.
pub struct Folder {
    path: PathBuf,
    /// Held by the kernel until the process ends, however it ends.
    _lock: File,
}

impl Folder {
    /// Makes it if need be; refused while another process has it.
    pub fn claim(path: &Path) -> Result<Folder, StoreError> {
        let named = |error: io::Error| StoreError::io(path, &error);
        if !path.exists() {
            std::fs::create_dir_all(path).map_err(named)?;
            sync_parent(path).map_err(named)?;
        }
        let lock_path = path.join(LOCK);
        let named = |error: io::Error| StoreError::io(&lock_path, &error);
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&lock_path);
        let mut lock = open.map_err(named)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(in_use(path, &mut lock)),
            Err(TryLockError::Error(error)) => return Err(named(error)),
        }
        let write_id = |lock: &mut File| {
            lock.set_len(0)?;
            lock.rewind()?;
            writeln!(lock, "{}", std::process::id())
        };
        if let Err(error) = write_id(&mut lock) {
            tracing::debug!(%error, "the lock file does not tell who has it");
        }
        Ok(Folder { path: path.to_owned(), _lock: lock })
    }

    /// As [`Folder::claim`], for someone who only looks: None while another process has it, or if it is not there.
    pub fn claim_if_free(path: &Path) -> Result<Option<Folder>, StoreError> {
        if !path.join(STORE).exists() {
            return Ok(None);
        }
        match Folder::claim(path) {
            Ok(folder) => Ok(Some(folder)),
            Err(StoreError::InUse(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub fn store(&self) -> PathBuf {
        self.path.join(STORE)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether no one reads the log while the server has the store open; until what is given back is dropped, no one begins to.
    pub fn claim_log(&self) -> Option<File> {
        let file = open_reading(&self.path).ok()?;
        file.try_lock().is_ok().then_some(file)
    }

    /// Takes room from the disk for the day when there is none; false if there is none today.
    pub fn reserve(&self) -> bool {
        let path = self.path.join(RESERVE);
        if std::fs::metadata(&path).is_ok_and(|found| found.len() >= RESERVE_BYTES) {
            return true;
        }
        let reserved = File::create(&path).and_then(|mut file| {
            let zeros = vec![0; 1024 * 1024];
            (0..RESERVE_BYTES / zeros.len() as u64).try_for_each(|_| file.write_all(&zeros))?;
            file.sync_all()
        });
        if let Err(error) = &reserved {
            tracing::debug!(%error, "no room for the reserve");
            self.give_up_reserve();
        }
        reserved.is_ok()
    }

    /// Gives the room back to whoever needs it.
    pub fn give_up_reserve(&self) {
        match std::fs::remove_file(self.path.join(RESERVE)) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => tracing::warn!(%error, "the reserve cannot be given up"),
        }
    }
}

/// Until what is given back is dropped, nothing that the store needs of its log is written over, however long the log becomes within reason.
pub fn hold_log(path: &Path) -> Result<File, StoreError> {
    let held = open_reading(path).and_then(|file| file.lock_shared().map(|()| file));
    held.map_err(|error| StoreError::io(&path.join(READING), &error))
}

fn open_reading(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path.join(READING))
}

/// A new folder is there after a power cut only if its parent says so.
pub fn sync_parent(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}

fn in_use(path: &Path, lock: &mut File) -> StoreError {
    let mut holder = String::new();
    let known = lock.read_to_string(&mut holder).is_ok() && !holder.trim().is_empty();
    let holder = if known { format!(" (process {})", holder.trim()) } else { String::new() };
    StoreError::InUse(format!(
        "{} is in use by another slotcast{holder}; stop that one first, or give this one a folder of its own",
        path.display()
    ))
}
