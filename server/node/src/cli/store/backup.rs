//! `slotcast backup`: a copy of the store as it is at one moment, while it is in use.

use std::path::PathBuf;

use clap::Args;

use super::{Data, Failure};
use crate::cli::screen::print;
use crate::engine::embedded::tools;

/// Arguments.
#[derive(Args)]
pub struct Backup {
    /// The file to make; it must not be there yet
    file: PathBuf,
    #[command(flatten)]
    data: Data,
}

pub fn run(backup: Backup) -> Result<(), Failure> {
    let Backup { file, data } = backup;
    let bytes = tools::backup(&data.folder, &file)?;
    print(&format!(
        "{} holds the store of {} as it was just now: {bytes} bytes",
        file.display(),
        data.folder.display()
    ))
}
