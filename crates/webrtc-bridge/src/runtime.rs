//! The stack's tokio runtime, with roomier sockets and a shorter nap while a connection comes up.

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use socket2::SockRef;
use webrtc::runtime::{
    AsyncInterval, AsyncTcpListener, AsyncTcpStream, AsyncUdpSocket, JoinHandle, Runtime,
    TokioRuntime,
};

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What is asked of the system for each socket's receive buffer. (bytes)
///
/// The system gives what its administrator allows, 416 KiB where nobody changed it.
const WANTED_RECEIVE_BUFFER: usize = 2 * 1024 * 1024;

/// Largest receive window that is ever useful here: 100 Mbit/s over 80 ms. (bytes)
const MAX_WINDOW: u32 = 1024 * 1024;

/// Least receive window that still keeps a wireless LAN busy. (bytes)
const MIN_WINDOW: u32 = 128 * 1024;

/// Longest nap of a connection's task while it comes up.
const NAP: Duration = Duration::from_millis(2);

/// A connection that has not come up after this long is left to the stack's own timers.
const PATIENCE: Duration = Duration::from_secs(10);

/// The receive window that a socket of this system can hold without loss. (bytes)
///
/// Everything a window allows may arrive in one burst while the task that reads it waits for a
/// processor. What does not fit into the socket's buffer is lost, and a loss costs up to a second
/// of silence: with the stack's fixed window of 1 MiB over a buffer of 208 KiB, transfers ran at a
/// fifth of their speed. The system counts about twice a datagram's payload; a third is safe.
pub(crate) fn receive_window() -> u32 {
    let granted = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).and_then(|socket| {
        let socket = SockRef::from(&socket);
        socket.set_recv_buffer_size(WANTED_RECEIVE_BUFFER)?;
        socket.recv_buffer_size()
    });
    let granted = granted.ok().and_then(|bytes| u32::try_from(bytes).ok()).unwrap_or(0);
    (granted / 3).clamp(MIN_WINDOW, MAX_WINDOW)
}

/// The runtime of one connection.
#[derive(Debug, Default)]
pub(crate) struct ConnectionRuntime {
    coming_up: AtomicBool,
    since: OnceLock<Instant>,
}

impl ConnectionRuntime {
    /// Both descriptions are known: from here on every step waits for the one before.
    ///
    /// The stack queues the first packets of DTLS and SCTP only when a timer of its own runs out,
    /// and the timers it has by then are those of the path checks, 200 ms apart. Short naps
    /// in between let it go on at once: 60 ms instead of 600 until a channel opens.
    pub(crate) fn begin_coming_up(&self) {
        self.since.get_or_init(Instant::now);
        self.coming_up.store(true, Ordering::Relaxed);
    }

    /// A channel is open, or nothing will come of it.
    pub(crate) fn end_coming_up(&self) {
        self.coming_up.store(false, Ordering::Relaxed);
    }

    fn is_coming_up(&self) -> bool {
        self.coming_up.load(Ordering::Relaxed)
            && self.since.get().is_some_and(|since| since.elapsed() < PATIENCE)
    }
}

impl Runtime for ConnectionRuntime {
    fn spawn(&self, future: Boxed<'static, ()>) -> Box<dyn JoinHandle> {
        TokioRuntime.spawn(future)
    }

    fn spawn_reactor(&self, pool: usize, future: Boxed<'static, ()>) -> Box<dyn JoinHandle> {
        TokioRuntime.spawn_reactor(pool, future)
    }

    fn wrap_udp_socket(&self, socket: UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        if let Err(error) = SockRef::from(&socket).set_recv_buffer_size(WANTED_RECEIVE_BUFFER) {
            tracing::debug!(%error, "left a socket's receive buffer as it was");
        }
        TokioRuntime.wrap_udp_socket(socket)
    }

    fn wrap_tcp_listener(
        &self,
        listener: std::net::TcpListener,
    ) -> io::Result<Arc<dyn AsyncTcpListener>> {
        TokioRuntime.wrap_tcp_listener(listener)
    }

    fn connect_tcp<'a>(
        &'a self,
        remote: SocketAddr,
    ) -> Boxed<'a, io::Result<Arc<dyn AsyncTcpStream>>> {
        TokioRuntime.connect_tcp(remote)
    }

    fn resolve_host<'a>(&'a self, host: &'a str) -> Boxed<'a, io::Result<Vec<SocketAddr>>> {
        TokioRuntime.resolve_host(host)
    }

    fn now(&self) -> Instant {
        TokioRuntime.now()
    }

    fn sleep(&self, duration: Duration) -> Boxed<'static, ()> {
        TokioRuntime.sleep(if self.is_coming_up() { duration.min(NAP) } else { duration })
    }

    fn interval(&self, period: Duration) -> Box<dyn AsyncInterval> {
        TokioRuntime.interval(period)
    }

    fn block_on(&self, future: Pin<Box<dyn Future<Output = ()> + '_>>) {
        TokioRuntime.block_on(future);
    }

    fn yield_now(&self) -> Boxed<'static, ()> {
        TokioRuntime.yield_now()
    }

    fn name(&self) -> &'static str {
        TokioRuntime.name()
    }
}
