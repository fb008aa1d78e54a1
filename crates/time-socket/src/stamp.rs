//! The kernel's stamps, and how they become instants of this process.
//!
//! The stamps are on the wall clock, which may be stepped. Only a stamp's age is used: the
//! difference to the wall clock's present reading, taken off the monotonic clock's.

use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::cmsg_space;
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrLike, SockaddrStorage, recvmsg, setsockopt, sockopt,
};
#[cfg(any(target_os = "linux", target_os = "android"))]
use nix::sys::time::TimeSpec;
use nix::sys::time::TimeVal;
use socket2::Socket;
use tokio::net::UdpSocket;

use crate::Arrival;

/// An age beyond this is no age: the wall clock was stepped while the datagram waited.
const OLDEST: Duration = Duration::from_secs(1);

/// Readings of both clocks that are further apart than this are taken again: the process was
/// interrupted between them.
const CLOSE: Duration = Duration::from_micros(10);

/// How often they are taken at most.
const ATTEMPTS: u32 = 4;

/// Asks the system to stamp what arrives. A system that refuses leaves the moment of reading.
pub(crate) fn ask_for(socket: &Socket) {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let _ = setsockopt(socket, sockopt::ReceiveTimestampns, &true);
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = setsockopt(socket, sockopt::ReceiveTimestamp, &true);
}

pub(crate) fn receive(socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<Arrival> {
    let mut slices = [IoSliceMut::new(buffer)];
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let mut space = cmsg_space!(TimeSpec);
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let mut space = cmsg_space!(TimeVal);
    let flags = MsgFlags::MSG_DONTWAIT;
    let message =
        recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut slices, Some(&mut space), flags)?;
    let stamp = message.cmsgs()?.find_map(|control| match control {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        ControlMessageOwned::ScmTimestampns(stamp) => Some(Duration::from(stamp)),
        ControlMessageOwned::ScmTimestamp(stamp) => since_epoch(stamp),
        _ => None,
    });
    let from = message.address.as_ref().and_then(plain_address);
    let from = from.ok_or_else(|| io::Error::other("a datagram without a sender"))?;
    Ok(Arrival { length: message.bytes, from, at: arrived(stamp) })
}

fn since_epoch(stamp: TimeVal) -> Option<Duration> {
    let seconds = u64::try_from(stamp.tv_sec()).ok()?;
    let micros = u64::try_from(stamp.tv_usec()).ok()?;
    Some(Duration::from_secs(seconds) + Duration::from_micros(micros))
}

/// The instant at which the wall clock showed `stamp`.
fn arrived(stamp: Option<Duration>) -> Instant {
    let mut best: Option<(Duration, Instant, SystemTime)> = None;
    for _ in 0..ATTEMPTS {
        let before = Instant::now();
        let wall = SystemTime::now();
        let apart = before.elapsed();
        if best.is_none_or(|(least, ..)| apart < least) {
            best = Some((apart, before + apart / 2, wall));
        }
        if apart < CLOSE {
            break;
        }
    }
    let (_, now, wall) = best.expect("at least one attempt was made");
    let age = stamp
        .and_then(|stamp| wall.duration_since(UNIX_EPOCH).ok()?.checked_sub(stamp))
        .filter(|age| *age < OLDEST)
        .unwrap_or_default();
    now.checked_sub(age).unwrap_or(now)
}

fn plain_address(address: &SockaddrStorage) -> Option<SocketAddr> {
    address
        .as_sockaddr_in()
        .map(|v4| SocketAddr::from(SocketAddrV4::from(*v4)))
        .or_else(|| address.as_sockaddr_in6().map(|v6| SocketAddrV6::from(*v6).into()))
        .filter(|_| address.family().is_some())
}
