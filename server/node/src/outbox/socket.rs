//! What an outbox writes to: a socket, one under TLS, or the line of a session over HTTP.

use std::io::{self, IoSlice};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::net::TcpStream;

use super::tls::TlsSocket;
use super::waiting::Waiting;
use crate::line::LineSocket;

pub enum Socket {
    Tcp(TcpStream),
    Other(Other),
}

/// A type of its own, as a second one beside `Tcp` fits into what a socket leaves unused, and a third would cost every connection 8 bytes.
pub enum Other {
    Tls(Box<TlsSocket>),
    Line(LineSocket),
}

impl Socket {
    /// Takes some of the bytes; a line takes whole frames, or none.
    pub fn try_write(&self, frames: &Bytes) -> io::Result<usize> {
        match self {
            Socket::Tcp(tcp) => tcp.try_write(frames),
            Socket::Other(Other::Tls(tls)) => tls.try_write(&[IoSlice::new(frames)]),
            Socket::Other(Other::Line(line)) => line.try_write(frames),
        }
    }

    /// Takes some of what waits.
    pub fn try_write_all(&self, waiting: &Waiting) -> io::Result<usize> {
        match self {
            Socket::Tcp(tcp) => tcp.try_write_vectored(&waiting.slices()),
            Socket::Other(Other::Tls(tls)) => tls.try_write(&waiting.slices()),
            Socket::Other(Other::Line(line)) => line.try_write(waiting.first()),
        }
    }

    pub fn poll_write_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Socket::Tcp(tcp) => tcp.poll_write_ready(context),
            Socket::Other(Other::Tls(tls)) => tls.poll_write_ready(context),
            Socket::Other(Other::Line(line)) => line.poll_write_ready(context),
        }
    }

    /// Whether what was taken has left: under TLS some of it may still wait here.
    pub fn is_flushed(&self) -> bool {
        match self {
            Socket::Tcp(_) | Socket::Other(Other::Line(_)) => true,
            Socket::Other(Other::Tls(tls)) => tls.is_flushed(),
        }
    }

    /// Ready when what was taken has left.
    pub fn poll_flush(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Socket::Tcp(_) | Socket::Other(Other::Line(_)) => Poll::Ready(Ok(())),
            Socket::Other(Other::Tls(tls)) => tls.poll_flush(context),
        }
    }

    /// A line has no bytes: it is read message by message.
    pub fn try_read(&self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(tcp) => tcp.try_read(into),
            Socket::Other(Other::Tls(tls)) => tls.try_read(into),
            Socket::Other(Other::Line(_)) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    pub fn poll_read_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Socket::Tcp(tcp) => tcp.poll_read_ready(context),
            Socket::Other(Other::Tls(tls)) => tls.poll_read_ready(context),
            Socket::Other(Other::Line(_)) => Poll::Ready(Err(io::ErrorKind::Unsupported.into())),
        }
    }

    /// When the peer gave a sign of life that only the socket knows of, in ms.
    pub fn alive_ms(&self) -> u64 {
        match self {
            Socket::Tcp(_) | Socket::Other(Other::Tls(_)) => 0,
            Socket::Other(Other::Line(line)) => line.alive_ms(),
        }
    }
}
