//! The program `slotcast`.

use std::process::ExitCode;

/// Asked for blocks of sizes that a connection needs, it rounds up less than others do.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    slotcast_node::cli::main()
}
