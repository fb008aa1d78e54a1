//! A bad network in user space: TCP and UDP on one port, passed on to another port of this
//! machine with delay, jitter, loss, overtaking and stalls.
//!
//! [`path`] is the rule, [`mod@line`] hands things over on time, [`datagrams`] and [`streams`]
//! move them. Packets cost the network 0.1 to 0.2 ms each way on top of what was asked for.

mod datagrams;
pub mod line;
pub mod path;
mod streams;

#[cfg(test)]
mod tests;

use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use protocol::LocalTime;

use crate::clock;
use path::{Kind, Leg, Path};

/// How often threads that wait for packets look whether they should end.
const LOOK: Duration = Duration::from_millis(100);

/// Ports that are tried: one that is free for TCP may be taken for UDP.
const TRIES: usize = 20;

/// The largest piece that is read at once. (bytes)
const PIECE: usize = 65_536;

/// What both directions are like.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Weather {
    /// From the one who connects to the one who listens.
    pub up: Leg,
    /// And back.
    pub down: Leg,
}

/// A running proxy; it closes when it is dropped.
pub struct Proxy {
    port: u16,
    route: Arc<Route>,
}

/// What every thread of a proxy knows.
struct Route {
    target: SocketAddr,
    weather: Weather,
    seed: u64,
    opened: LocalTime,
    paths: AtomicU64,
    is_closing: AtomicBool,
}

impl Proxy {
    /// Listens on a free port of this machine and passes on to `target`.
    ///
    /// # Errors
    ///
    /// When no port is free for both.
    pub fn open(target: u16, weather: Weather, seed: u64) -> Result<Self> {
        let route = Arc::new(Route {
            target: SocketAddr::from((Ipv4Addr::LOCALHOST, target)),
            weather,
            seed,
            opened: clock::now(),
            paths: AtomicU64::new(0),
            is_closing: AtomicBool::new(false),
        });
        let (listener, socket) = both()?;
        let port = socket.local_addr()?.port();
        socket.set_read_timeout(Some(LOOK))?;
        let own = Arc::clone(&route);
        std::thread::spawn(move || streams::accept(&listener, &own));
        let own = Arc::clone(&route);
        std::thread::spawn(move || datagrams::pass(&Arc::new(socket), &own));
        Ok(Self { port, route })
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.route.is_closing.store(true, Ordering::Relaxed);
        // Wakes the thread that waits for connections.
        let _ = std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

impl Route {
    fn is_closing(&self) -> bool {
        self.is_closing.load(Ordering::Relaxed)
    }

    /// The two directions of a new connection.
    fn paths(&self, kind: Kind) -> (Path, Path) {
        let number = self.paths.fetch_add(1, Ordering::Relaxed);
        let path = |leg, seed| Path::new(leg, kind, (seed, number), self.opened);
        (path(self.weather.up, self.seed), path(self.weather.down, !self.seed))
    }
}

/// A socket of each kind on the same port.
fn both() -> Result<(TcpListener, UdpSocket)> {
    for _ in 0..TRIES {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port is free")?;
        let port = listener.local_addr()?.port();
        if let Ok(socket) = UdpSocket::bind((Ipv4Addr::LOCALHOST, port)) {
            return Ok((listener, socket));
        }
    }
    bail!("no port is free for TCP and UDP")
}

/// Whether a socket has only nothing to say yet, or an answer that belongs to an earlier packet.
fn is_passing(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionRefused, Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), WouldBlock | TimedOut | Interrupted | ConnectionRefused)
}
