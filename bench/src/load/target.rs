//! The server under load: where it is, and what it costs.

use crate::process::Cost;
use std::io;
use std::net::SocketAddr;

/// A server on this machine.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Target {
    /// Its loopback address.
    #[arg(long)]
    pub server: SocketAddr,
    /// Its process; its CPU time and memory are measured.
    #[arg(long)]
    pub pid: u32,
}

impl Target {
    /// Refuses what is not on this machine.
    pub fn check(&self) -> io::Result<()> {
        if self.server.ip().is_loopback() {
            return Ok(());
        }
        Err(io::Error::other("load goes to loopback only"))
    }

    /// What the server has cost so far.
    pub fn cost(&self) -> io::Result<Cost> {
        Cost::read(self.pid)
    }
}
