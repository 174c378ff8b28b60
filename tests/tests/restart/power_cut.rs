//! The power goes. The data folder lies on a file system of its own in a file; under load the server is stopped where it stands, the file
//! is copied, and a server is started on the copy.
//!
//! What the file holds is what the file system has handed to its device. What a process has written and not synced is still in the page
//! cache of the mounted file system, above the device: it is not in the file, as it would not be on a disk. So an acknowledgement that
//! came before its fdatasync shows as a loss here, and never with kill -9. The copy goes through the journal's recovery, as a disk does.
//!
//! Not shown: what a disk does that says "written" while the bytes are in a cache of its own.
//!
//! Needs root, loop devices and ext4; without them it says so and is skipped. `SLOTCAST_TEST_CUTS` says how often.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use slotcast_tests::dice::Dice;
use slotcast_tests::real::folder::TempFolder;
use slotcast_tests::real::server::Launch;
use slotcast_tests::real::{number, seed};

use super::judge::{Figures, judge, since};
use super::loads::CONFIG;
use super::world::World;

const CUTS: u64 = 5;
const IMAGE_BYTES: u64 = 48 * 1024 * 1024;

/// So often a file that is being written to is copied anew.
const COPIES_MAX: usize = 50;

#[test]
fn nothing_acknowledged_is_lost() {
    let cuts = number("SLOTCAST_TEST_CUTS").unwrap_or(CUTS);
    let folder = TempFolder::new("power");
    let image = match Image::new(&folder) {
        Ok(image) => image,
        Err(why) => return skip(cuts, &why),
    };
    let mut dice = Dice::new(seed("power cut"));
    let mut figures = Figures::default();
    for round in 0..cuts {
        let before =
            Mounted::new(&image.copy(&folder.join("before")), &folder.join("disk")).expect("it did once");
        let data = before.path.join("data");
        let mut server = Launch::dev(CONFIG).data(&data).start();
        let mut world = World::new(round, &mut dice);
        let moment = Duration::from_millis(dice.between(5, 300));
        let after = folder.join("after");
        world.load(&mut server, |server| {
            std::thread::sleep(moment);
            server.signal("STOP");
            copy_at_rest(&folder.join("before"), &after);
            server.kill();
        });
        drop(before);
        let disk = Mounted::new(&after, &folder.join("disk")).expect("a file system survives a power cut");
        let begun = Instant::now();
        let mut server = Launch::dev(CONFIG).data(&disk.path.join("data")).start();
        figures.started(since(begun));
        judge(&mut world, &server, 0, &mut figures);
        server.kill();
    }
    figures.print("power cut");
}

fn skip(cuts: u64, why: &str) {
    // Past the test's own capture, so that nobody takes it for done.
    let _ = writeln!(std::io::stderr(), "power cut: {cuts} cuts SKIPPED, not tried: {why}");
}

/// An empty file system in a file.
struct Image(PathBuf);

impl Image {
    fn new(folder: &TempFolder) -> Result<Image, String> {
        let path = folder.join("empty");
        let file = std::fs::File::create(&path).and_then(|file| file.set_len(IMAGE_BYTES));
        file.map_err(|error| error.to_string())?;
        run("mkfs.ext4", &["-q", "-F", "-E", "lazy_itable_init=0,nodiscard"], &[&path])?;
        let image = Image(path);
        // Whether it can be mounted at all.
        Mounted::new(&image.copy(&folder.join("try")), &folder.join("disk"))?;
        Ok(image)
    }

    fn copy(&self, to: &Path) -> PathBuf {
        std::fs::copy(&self.0, to).expect("there is room for a small file system");
        to.to_owned()
    }
}

/// As long as it is held.
struct Mounted {
    path: PathBuf,
}

impl Mounted {
    fn new(image: &Path, at: &Path) -> Result<Mounted, String> {
        std::fs::create_dir_all(at).map_err(|error| error.to_string())?;
        run("mount", &["-o", "loop"], &[image, at])?;
        Ok(Mounted { path: at.to_owned() })
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if let Err(why) = run("umount", &["-l"], &[&self.path]) {
            println!("{} stays mounted: {why}", self.path.display());
        }
    }
}

fn run(program: &str, flags: &[&str], paths: &[&Path]) -> Result<(), String> {
    let done = Command::new(program).args(flags).args(paths).output();
    let done = done.map_err(|error| format!("{program}: {error}"))?;
    let said = String::from_utf8_lossy(&done.stderr);
    if done.status.success() { Ok(()) } else { Err(format!("{program}: {}", said.trim())) }
}

/// The kernel may still be writing what the server had asked for before it was stopped, or of its own accord. Two copies that are equal
/// are what the disk held at one moment.
fn copy_at_rest(from: &Path, to: &Path) {
    let read = || std::fs::read(from).expect("it is a file");
    let mut last = read();
    for _ in 0..COPIES_MAX {
        let next = read();
        if next == last {
            return std::fs::write(to, next).expect("there is room for a small file system");
        }
        last = next;
    }
    panic!("{} does not come to rest", from.display());
}
