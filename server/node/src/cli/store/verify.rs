//! `slotcast verify`: looks whether everything in a store is what was written.

use std::path::PathBuf;

use clap::Args;

use super::{Data, Failure, count};
use crate::cli::failure::say;
use crate::cli::screen::print;
use crate::engine::embedded::tools;

/// Arguments.
#[derive(Args)]
pub struct Verify {
    /// A backup to look at instead of the data folder
    file: Option<PathBuf>,
    #[command(flatten)]
    data: Data,
}

pub fn run(verify: Verify) -> Result<(), Failure> {
    let place = verify.file.unwrap_or(verify.data.folder);
    let mut faults = 0;
    let verified = tools::verify(&place, |fault| {
        faults += 1;
        say(&fault);
    })?;
    let tools::Verified { objects, bytes, in_log } = verified;
    let seen = format!(
        "{}: {} of {bytes} bytes, {} newer in the log",
        place.display(),
        count(objects, "whole object"),
        count(in_log, "object")
    );
    match faults {
        0 => print(&format!("{seen}; all is well")),
        faults => Err(Failure::Failed(format!("{seen}; {}", count(faults, "fault")))),
    }
}
