//! A folder of a test's own, for as long as it is held.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

pub struct TempFolder(PathBuf);

impl TempFolder {
    pub fn new(what: &str) -> TempFolder {
        TempFolder::inside(&std::env::temp_dir(), what)
    }

    /// Where writing costs least: in memory, if the machine has a folder there. For tests that make folders by the thousand.
    pub fn quick(what: &str) -> TempFolder {
        let memory = Path::new("/dev/shm");
        TempFolder::inside(if memory.is_dir() { memory } else { return TempFolder::new(what) }, what)
    }

    fn inside(parent: &Path, what: &str) -> TempFolder {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = parent.join(format!("slotcast-{what}-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).expect("the temporary folder can be written to");
        TempFolder(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for TempFolder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
