//! What an outbox writes to: a socket, one under TLS, or the line of a session over HTTP.

use std::io::{self, ErrorKind, IoSlice, Read};
use std::task::{Context, Poll};

use bytes::Bytes;
use socket2::SockRef;
use tokio::io::Interest;
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
            Socket::Tcp(tcp) => try_read(tcp, into),
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

/// As [`TcpStream::try_read`], but bytes that leave some of `into` empty were all there are: the socket is asked again when there are more, which
/// saves the call that would say so.
pub fn try_read(tcp: &TcpStream, into: &mut [u8]) -> io::Result<usize> {
    let mut last = 0;
    let read = tcp.try_io(Interest::READABLE, || {
        let read = (&*SockRef::from(tcp)).read(into)?;
        if read == 0 || read == into.len() {
            return Ok(read);
        }
        last = read;
        // It is what makes tokio take the socket for empty. Bytes that come from now on make it ready again.
        Err(ErrorKind::WouldBlock.into())
    });
    if last > 0 { Ok(last) } else { read }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpStream;

    use super::*;
    use crate::outbox::tests::pair;

    /// What the next read brings, without a try before the socket says that it is ready.
    async fn read(tcp: &TcpStream, into: &mut [u8]) -> usize {
        poll_fn(|context| tcp.poll_read_ready(context)).await.expect("the socket is there");
        try_read(tcp, into).expect("it said that it is ready")
    }

    #[tokio::test]
    async fn after_some_bytes_the_socket_is_asked_again_when_there_are_more() {
        let (server, mut client) = pair().await;
        let mut room = [0; 8];
        for said in [&b"abc"[..], b"defgh"] {
            client.write_all(said).await.expect("the server is there");
            assert_eq!(read(&server, &mut room).await, said.len());
            assert!(room.starts_with(said));
            let again = try_read(&server, &mut room).expect_err("nothing is there");
            assert_eq!(again.kind(), ErrorKind::WouldBlock);
        }
        client.write_all(b"ijklmnopqr").await.expect("the server is there");
        assert_eq!(read(&server, &mut room).await, 8, "all that there is room for");
        assert_eq!(try_read(&server, &mut room).expect("the rest is there"), 2);
    }

    #[tokio::test]
    async fn an_end_right_behind_the_last_bytes_is_seen() {
        let (server, mut client) = pair().await;
        client.write_all(b"abc").await.expect("the server is there");
        drop(client);
        let mut room = [0; 8];
        assert_eq!(read(&server, &mut room).await, 3);
        assert_eq!(read(&server, &mut room).await, 0);
    }
}
