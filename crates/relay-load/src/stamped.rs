//! A TCP stream that tells when what was read from it arrived, by the stamp of the kernel.
//!
//! The crowd shares two processors with the server and reads one socket after the other: the
//! 200th member of a swarm would look at its frame long after the frame was there, and that wait
//! would be taken for the server's. A member of a real swarm has a computer of its own.

use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use nix::cmsg_space;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt, sockopt};
use nix::sys::time::TimeSpec;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;

use crate::clock::{now_ms, when_wall_showed};

/// See the head of this file.
pub struct Stamped {
    stream: TcpStream,
    arrival: Arrival,
}

/// When the bytes that were read last arrived. Of several that were read at once it is the last
/// one's moment.
#[derive(Clone, Default)]
pub struct Arrival(Arc<AtomicU64>);

impl Arrival {
    /// On the clock of this process. (milliseconds)
    pub fn ms(&self) -> f64 {
        f64::from_bits(self.0.load(Ordering::Relaxed))
    }
}

impl Stamped {
    /// Asks the kernel to stamp what `stream` receives.
    ///
    /// # Errors
    ///
    /// When the system knows no stamps.
    pub fn new(stream: TcpStream) -> io::Result<Self> {
        setsockopt(&stream, sockopt::ReceiveTimestampns, &true)?;
        Ok(Self { stream, arrival: Arrival::default() })
    }

    /// Follows the reading.
    pub fn arrival(&self) -> Arrival {
        self.arrival.clone()
    }

    /// Reads what is there. None: nothing.
    fn try_read(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let mut read = None;
        let whole = buffer.len();
        let attempt = self.stream.try_io(Interest::READABLE, || {
            let (length, stamp) = receive(&self.stream, buffer)?;
            let arrived = stamp.map_or_else(now_ms, when_wall_showed);
            self.arrival.0.store(arrived.to_bits(), Ordering::Relaxed);
            read = Some(length);
            // Less than was asked for was all there is: tokio is spared the attempt to read more.
            if length > 0 && length < whole {
                Err(io::ErrorKind::WouldBlock.into())
            } else {
                Ok(())
            }
        });
        match attempt {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(read),
        }
    }
}

fn receive(stream: &TcpStream, buffer: &mut [u8]) -> io::Result<(usize, Option<Duration>)> {
    let mut space = cmsg_space!(TimeSpec);
    let mut slices = [IoSliceMut::new(buffer)];
    let flags = MsgFlags::MSG_DONTWAIT;
    let message = recvmsg::<()>(stream.as_raw_fd(), &mut slices, Some(&mut space), flags)?;
    let stamp = message.cmsgs()?.find_map(|control| match control {
        ControlMessageOwned::ScmTimestampns(stamp) => Some(Duration::from(stamp)),
        _ => None,
    });
    Ok((message.bytes, stamp))
}

impl AsyncRead for Stamped {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(self.stream.poll_read_ready(context))?;
            if let Some(length) = self.try_read(buffer.initialize_unfilled())? {
                buffer.advance(length);
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl AsyncWrite for Stamped {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl AsFd for Stamped {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn bytes_are_stamped_when_they_arrive_not_when_they_are_read() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let near = TcpStream::connect(address).await.expect("it listens");
        let mut near = Stamped::new(near).expect("stamps");
        let (mut far, _) = listener.accept().await.expect("a connection");
        let mut late = f64::INFINITY;
        // Linux begins to stamp a moment after it was first asked to.
        for _ in 0..50 {
            far.write_all(b"hello").await.expect("sent");
            let sent = now_ms();
            // Busy with other things, as a crowd is.
            while now_ms() - sent < 30.0 {
                std::hint::spin_loop();
            }
            let mut read = [0; 16];
            assert_eq!(near.read(&mut read).await.expect("read"), 5);
            late = near.arrival().ms() - sent;
            if late < 10.0 {
                break;
            }
        }
        assert!(late < 10.0, "stamped {late} ms late");
    }

    #[tokio::test]
    async fn more_than_one_read_takes_arrives_whole() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let near = TcpStream::connect(address).await.expect("it listens");
        let mut near = Stamped::new(near).expect("stamps");
        let (mut far, _) = listener.accept().await.expect("a connection");
        let sent: Vec<u8> = (0..200_000_u32).map(|number| number as u8).collect();
        let bytes = sent.clone();
        let writing = tokio::spawn(async move { far.write_all(&bytes).await });
        let mut read = Vec::new();
        near.read_to_end(&mut read).await.expect("read up to the end");
        writing.await.expect("no panic").expect("sent");
        assert!(read == sent, "{} of {} bytes", read.len(), sent.len());
    }
}
