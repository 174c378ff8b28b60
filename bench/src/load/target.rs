//! The server under load: where it is, and what it costs.

use super::dialect::Speaks;
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
    /// What it speaks.
    #[arg(long, value_enum, default_value_t = Speaks::Slotcast)]
    pub speaks: Speaks,
}

impl Target {
    /// Refuses what is not on this machine.
    pub fn check(&self) -> io::Result<()> {
        if self.server.ip().is_loopback() {
            return Ok(());
        }
        Err(io::Error::other("load goes to loopback only"))
    }

    /// Refuses a peer, for what only Slotcast has.
    pub fn check_slotcast(&self, scenario: &str) -> io::Result<()> {
        if self.speaks == Speaks::Slotcast {
            return Ok(());
        }
        Err(io::Error::other(format!(
            "{scenario} is for servers that speak Slotcast; a peer can do w1, w2, w3, w5"
        )))
    }

    /// What the server has cost so far.
    pub fn cost(&self) -> io::Result<Cost> {
        Cost::read(self.pid)
    }
}
