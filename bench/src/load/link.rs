//! A client's socket: made without blocking, read through the shared buffer, written when there is room.

use rustix::net::{
    AddressFamily, SocketFlags, SocketType, bind, connect, connect_unspec, ipproto, socket_with, sockopt,
};
use std::io::{self, ErrorKind, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// Clients per source address. Of 28,000 ports the kernel finds the first half fast and searches for the others.
const CLIENTS_PER_ADDRESS: usize = 8_000;

/// A socket and what waits to go out of it.
#[derive(Debug)]
pub struct Link {
    /// The socket.
    pub stream: TcpStream,
    /// Bytes that wait. Bounded by what the scenario lets a client have on the way.
    pub out: Vec<u8>,
    /// Whether it waits for room: at first it does, for the connection to be made.
    pub waits: bool,
}

impl Link {
    /// Begins to connect. The end of the socket is a reset, so that no port waits after a run.
    pub fn connect(server: SocketAddr, number: usize, receive_bytes: Option<usize>) -> io::Result<Self> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = socket_with(family(server), SocketType::STREAM, flags, Some(ipproto::TCP))?;
        sockopt::set_tcp_nodelay(&socket, true)?;
        sockopt::set_socket_linger(&socket, Some(Duration::ZERO))?;
        if let Some(bytes) = receive_bytes {
            sockopt::set_socket_recv_buffer_size(&socket, bytes)?;
        }
        if server.is_ipv4() {
            bind(&socket, &SocketAddr::new(source(number), 0))?;
        }
        match connect(&socket, &server) {
            Ok(()) | Err(rustix::io::Errno::INPROGRESS) => {}
            Err(errno) => return Err(errno.into()),
        }
        Ok(Self { stream: TcpStream::from(socket), out: Vec::new(), waits: true })
    }

    /// Cuts the connection with a reset, and drops what waits.
    pub fn cut(&mut self) -> io::Result<()> {
        self.out.clear();
        Ok(connect_unspec(&self.stream)?)
    }

    /// Sends what waits. True when something is left; a broken socket shows itself in the next read.
    pub fn flush(&mut self) -> bool {
        while !self.out.is_empty() {
            match self.stream.write(&self.out) {
                Ok(sent) if sent == self.out.len() => self.out.clear(),
                Ok(sent) => drop(self.out.drain(..sent)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return true,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => self.out.clear(),
            }
        }
        false
    }
}

fn family(server: SocketAddr) -> AddressFamily {
    if server.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 }
}

fn source(number: usize) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(127, 0, 0, (1 + number / CLIENTS_PER_ADDRESS) as u8))
}
