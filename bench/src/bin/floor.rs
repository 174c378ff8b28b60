//! The floor as a program. Prints its port, serves until its time is over or it is ended.

use clap::Parser;
use slotcast_bench::floor::{Floor, Mode};
use slotcast_bench::process::open_files_raise;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::Duration;

/// The least that a server must do: what the real one is compared with.
#[derive(Parser)]
struct Arguments {
    /// Loopback address to listen on; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// How frames go to the sockets.
    #[arg(long, value_enum, default_value_t = Mode::Single)]
    mode: Mode,
    /// Ends by itself after so many seconds.
    #[arg(long, default_value_t = 900)]
    seconds_max: u64,
}

fn main() -> io::Result<()> {
    let arguments = Arguments::parse();
    open_files_raise();
    let mut floor = Floor::listen(arguments.listen, arguments.mode)?;
    println!("{}", floor.port()?);
    io::stdout().flush()?;
    floor.run(Duration::from_secs(arguments.seconds_max))
}
