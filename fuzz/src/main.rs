//! libFuzzer over one target, which SLOTCAST_TARGET names; `run.py` starts it. With SLOTCAST_SEEDS_TO it writes all seeds there instead.

#![no_main]

use std::path::Path;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use slotcast_tests::fuzz::{TARGETS, Target, seeds, target};

static CHOSEN: OnceLock<Target> = OnceLock::new();

fn choose() {
    if let Some(folder) = std::env::var_os("SLOTCAST_SEEDS_TO") {
        write_seeds(Path::new(&folder));
        std::process::exit(0);
    }
    let name = std::env::var("SLOTCAST_TARGET").unwrap_or_default();
    let known = TARGETS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    let chosen = target(&name).unwrap_or_else(|| panic!("SLOTCAST_TARGET is one of {known}"));
    CHOSEN.get_or_init(|| chosen);
}

fn write_seeds(folder: &Path) {
    for (name, _) in TARGETS {
        let folder = folder.join(name);
        std::fs::create_dir_all(&folder).expect("the folder can be written to");
        for (number, bytes) in seeds::of(name).into_iter().enumerate() {
            std::fs::write(folder.join(format!("seed-{number}")), bytes).expect("the folder has room");
        }
    }
}

fuzz_target!(init: choose(), |data: &[u8]| {
    CHOSEN.get().expect("it was chosen at the beginning")(data)
});
