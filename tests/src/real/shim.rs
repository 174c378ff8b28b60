//! `tests/faults/shim.c`, built once by `cc` (which is wherever Rust links), and put under a process by LD_PRELOAD.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The variables that put the shim under a process; it minds files in `folder` alone. Then what it is to do to them, see its text.
pub fn under(folder: &Path, faults: &[(&str, &Path)]) -> Vec<(OsString, OsString)> {
    let mut variables = vec![
        ("LD_PRELOAD".into(), built().into()),
        ("FAULT_FOLDER".into(), folder.canonicalize().expect("the folder is there").into()),
    ];
    let faults = faults.iter().map(|(name, value)| (format!("FAULT_{name}").into(), (*value).into()));
    variables.extend(faults);
    variables
}

fn built() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("faults/shim.c");
        let test = std::env::current_exe().expect("a test knows its own path");
        let name = test.file_name().expect("it is a file").to_string_lossy().into_owned();
        let library = test.with_file_name(format!("{name}.shim.so"));
        // Built aside and moved, so that a process that is just being started never meets half of it.
        let part = library.with_extension(std::process::id().to_string());
        let done = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"])
            .args([&part, &source])
            .arg("-ldl")
            .status();
        assert!(done.expect("cc is wherever Rust links").success(), "the shim does not build");
        std::fs::rename(&part, &library).expect("both are in one folder");
        library
    })
}
