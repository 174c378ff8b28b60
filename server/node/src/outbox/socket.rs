//! What an outbox writes to: a socket, or the line of a session over HTTP.

use std::io;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::net::TcpStream;

use super::waiting::Waiting;
use crate::line::LineSocket;

pub enum Socket {
    Tcp(TcpStream),
    Line(LineSocket),
}

impl Socket {
    /// Takes some of the bytes; a line takes whole frames, or none.
    pub fn try_write(&self, frames: &Bytes) -> io::Result<usize> {
        match self {
            Socket::Tcp(tcp) => tcp.try_write(frames),
            Socket::Line(line) => line.try_write(frames),
        }
    }

    /// Takes some of what waits.
    pub fn try_write_all(&self, waiting: &Waiting) -> io::Result<usize> {
        match self {
            Socket::Tcp(tcp) => tcp.try_write_vectored(&waiting.slices()),
            Socket::Line(line) => line.try_write(waiting.first()),
        }
    }

    pub fn poll_write_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Socket::Tcp(tcp) => tcp.poll_write_ready(context),
            Socket::Line(line) => line.poll_write_ready(context),
        }
    }

    /// A line has no bytes: it is read message by message.
    pub fn try_read(&self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(tcp) => tcp.try_read(into),
            Socket::Line(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    pub fn poll_read_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Socket::Tcp(tcp) => tcp.poll_read_ready(context),
            Socket::Line(_) => Poll::Ready(Err(io::ErrorKind::Unsupported.into())),
        }
    }

    /// When the peer gave a sign of life that only the socket knows of, in ms.
    pub fn alive_ms(&self) -> u64 {
        match self {
            Socket::Tcp(_) => 0,
            Socket::Line(line) => line.alive_ms(),
        }
    }
}
