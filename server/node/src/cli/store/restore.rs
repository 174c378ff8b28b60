//! `slotcast restore`: makes a data folder of a backup.

use std::path::PathBuf;

use clap::Args;

use super::{Data, Failure, count, fresh_epoch};
use crate::cli::screen::print;
use crate::engine::embedded::tools;

/// Arguments.
#[derive(Args)]
pub struct Restore {
    /// A file that `slotcast backup` made
    file: PathBuf,
    #[command(flatten)]
    data: Data,
}

pub fn run(restore: Restore) -> Result<(), Failure> {
    let Restore { file, data } = restore;
    let objects = tools::restore(&file, &data.folder, fresh_epoch)?;
    let objects = count(objects, "object");
    print(&format!(
        "{} holds {objects}, each in a new epoch: clients take them afresh",
        data.folder.display()
    ))
}
