//! A UDP socket that tells when each datagram arrived, to the microsecond where the system
//! stamps them itself.
//!
//! A program learns of a datagram late: it sleeps, or another one runs. Linux, Android and
//! Apple's systems note the moment of arrival in the kernel (`SO_TIMESTAMPNS`,
//! `SO_TIMESTAMP`); elsewhere the moment of reading has to do. What a datagram means is not
//! this crate's business.
//!
//! Beside it stands [`slept_so_far`]: a clock that stood still while the computer slept is of no
//! use to those who were awake.

#![forbid(unsafe_code)]

mod sleep;
#[cfg(unix)]
mod stamp;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::time::Instant;

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::io::Interest;
use tokio::net::UdpSocket;

pub use sleep::slept_so_far;

/// A bound socket.
#[derive(Debug)]
pub struct TimeSocket {
    socket: UdpSocket,
    /// Speaks IPv6, and IPv4 as part of it.
    is_v6: bool,
}

/// A datagram that has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Bytes of the buffer that it fills; a longer datagram is cut there.
    pub length: usize,
    /// Who sent it. IPv4 addresses are plain ones.
    pub from: SocketAddr,
    /// When it arrived.
    pub at: Instant,
}

impl TimeSocket {
    /// Binds to `address`. Must be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let is_v6 = address.is_ipv6();
        let domain = if is_v6 { Domain::IPV6 } else { Domain::IPV4 };
        let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
        if is_v6 {
            socket.set_only_v6(false)?;
        }
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        #[cfg(unix)]
        stamp::ask_for(&socket);
        Ok(Self { socket: UdpSocket::from_std(socket.into())?, is_v6 })
    }

    /// Binds to a free port on every address of this computer.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn bind_anywhere() -> io::Result<Self> {
        // Where IPv6 is switched off the first one fails.
        Self::bind(SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)))
            .or_else(|_| Self::bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))))
    }

    /// The port it is bound to.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn port(&self) -> io::Result<u16> {
        Ok(self.socket.local_addr()?.port())
    }

    /// Waits for the next datagram.
    ///
    /// # Errors
    ///
    /// What the system says; the socket stays usable.
    pub async fn receive(&self, buffer: &mut [u8]) -> io::Result<Arrival> {
        let read = || self.try_receive(buffer);
        let mut arrival = self.socket.async_io(Interest::READABLE, read).await?;
        arrival.from.set_ip(arrival.from.ip().to_canonical());
        Ok(arrival)
    }

    #[cfg(unix)]
    fn try_receive(&self, buffer: &mut [u8]) -> io::Result<Arrival> {
        stamp::receive(&self.socket, buffer)
    }

    #[cfg(not(unix))]
    fn try_receive(&self, buffer: &mut [u8]) -> io::Result<Arrival> {
        let (length, from) = self.socket.try_recv_from(buffer)?;
        Ok(Arrival { length, from, at: Instant::now() })
    }

    /// Sends a datagram now or not at all: one that waits tells the wrong time.
    ///
    /// # Errors
    ///
    /// What the system says, for instance that its queue is full.
    pub fn send(&self, bytes: &[u8], to: SocketAddr) -> io::Result<()> {
        let to = match to.ip() {
            IpAddr::V4(v4) if self.is_v6 => {
                SocketAddrV6::new(v4.to_ipv6_mapped(), to.port(), 0, 0).into()
            }
            _ => to,
        };
        // Past the runtime, which takes a fresh socket for one that is not ready.
        SockRef::from(&self.socket).send_to(bytes, &to.into()).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn a_datagram_is_stamped_when_it_arrives_not_when_it_is_read() {
        let receiver = TimeSocket::bind_anywhere().unwrap();
        let to = SocketAddr::from((Ipv4Addr::LOCALHOST, receiver.port().unwrap()));
        let sender = TimeSocket::bind_anywhere().unwrap();
        // Linux begins to stamp a moment after it was first asked to.
        let mut stamped = Duration::MAX;
        for _ in 0..50 {
            let before = Instant::now();
            sender.send(b"hello", to).unwrap();
            let after = Instant::now();
            // Busy with other things, as a program on a loaded machine is.
            while after.elapsed() < Duration::from_millis(30) {
                std::hint::spin_loop();
            }
            let mut buffer = [0; 16];
            let arrival = receiver.receive(&mut buffer).await.unwrap();
            assert_eq!(&buffer[..arrival.length], b"hello");
            assert_eq!(arrival.from.ip(), IpAddr::V4(Ipv4Addr::LOCALHOST), "a plain address");
            assert!(arrival.at + Duration::from_millis(1) > before, "before it was sent");
            stamped = arrival.at.saturating_duration_since(after);
            if stamped < Duration::from_millis(10) {
                break;
            }
        }
        assert!(!cfg!(unix) || stamped < Duration::from_millis(10), "stamped {stamped:?} late");
    }

    #[tokio::test]
    async fn a_longer_datagram_is_cut_and_an_empty_one_is_one() {
        let receiver = TimeSocket::bind_anywhere().unwrap();
        let to = SocketAddr::from((Ipv4Addr::LOCALHOST, receiver.port().unwrap()));
        let sender = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        for (sent, seen) in [(100, 8), (0, 0), (8, 8)] {
            sender.send_to(&vec![7; sent], to).await.unwrap();
            let arrival = receiver.receive(&mut [0; 8]).await.unwrap();
            assert_eq!(arrival.length, seen);
        }
    }
}
