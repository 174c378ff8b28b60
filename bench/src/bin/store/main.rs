//! The store's and the shard's own cost, in this process and without sockets, beside the floor of the same disk. Unlike load and
//! floor it is made of the server's code: it measures parts, not the whole.

mod commits;
mod floor;
mod objects;
mod recovery;
mod shard;

use clap::{Parser, Subcommand};
use std::error::Error;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Measures one part and prints a line of JSON.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    part: Part,
}

#[derive(Subcommand)]
enum Part {
    /// Bytes appended to a file and one fdatasync, again and again.
    Floor(floor::Floor),
    /// The engine's group commits, in turn with the floor of as many bytes.
    Commits(commits::Commits),
    /// Writes to objects in memory.
    Shard(shard::Shard),
    /// Makes a store of many objects, part of it only in the log, and ends as a kill would.
    Fill(recovery::Fill),
    /// Opens a store.
    Open(recovery::Open),
}

fn main() -> Result<(), Box<dyn Error>> {
    let fields = match Arguments::parse().part {
        Part::Floor(part) => part.run()?,
        Part::Commits(part) => part.run()?,
        Part::Shard(part) => part.run(),
        Part::Fill(part) => part.run()?,
        Part::Open(part) => part.run()?,
    };
    println!("{fields}");
    Ok(())
}
