//! The stack's tokio runtime, with roomier sockets and shorter naps while a connection comes up.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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

/// Longest nap of a connection's task while it is in haste.
const NAP: Duration = Duration::from_millis(2);

/// How long the first checks of a path may take on a LAN.
pub(crate) const CHECKS: Duration = Duration::from_secs(1);

/// How long encryption and association may take once there is a path.
pub(crate) const HANDSHAKES: Duration = Duration::from_secs(5);

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
    window_within(granted.unwrap_or(0))
}

fn window_within(buffer: usize) -> u32 {
    u32::try_from(buffer / 3).unwrap_or(MAX_WINDOW).clamp(MIN_WINDOW, MAX_WINDOW)
}

/// The runtime of one connection.
///
/// The stack queues the first packets of DTLS and of SCTP only when a timer of its own runs out,
/// and the timers it has by then are those of the path checks, 200 ms apart. While it is
/// [in haste](Self::hasten), it wakes every few milliseconds and goes on at once: 20 ms
/// instead of 600 until a channel opens.
#[derive(Default)]
pub(crate) struct ConnectionRuntime {
    in_haste: AtomicBool,
    until: Mutex<Option<Instant>>,
    on_end: Mutex<Option<Callback>>,
}

type Callback = Box<dyn FnOnce() + Send>;

impl ConnectionRuntime {
    /// Naps briefly for at most this long: waiting on somebody who never answers must not cost
    /// a processor.
    pub(crate) fn hasten(&self, at_most: Duration) {
        *self.until() = Some(self.now() + at_most);
        self.in_haste.store(true, Ordering::Relaxed);
    }

    /// A channel is open, or nothing will come of it.
    pub(crate) fn relax(&self) {
        self.in_haste.store(false, Ordering::Relaxed);
    }

    /// Calls `callback` when the connection's task is over, however it ends.
    ///
    /// The stack ends that task when it can do no more, after a failed handshake for instance, and
    /// says so to nobody.
    pub(crate) fn at_end(&self, callback: impl FnOnce() + Send + 'static) {
        *self.on_end.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(callback));
    }

    fn is_in_haste(&self) -> bool {
        self.in_haste.load(Ordering::Relaxed)
            && self.until().is_some_and(|until| self.now() < until)
    }

    fn until(&self) -> MutexGuard<'_, Option<Instant>> {
        self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct AtEnd(Option<Callback>);

impl Drop for AtEnd {
    fn drop(&mut self) {
        if let Some(callback) = self.0.take() {
            callback();
        }
    }
}

impl fmt::Debug for ConnectionRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionRuntime")
            .field("in_haste", &self.in_haste)
            .finish_non_exhaustive()
    }
}

impl Runtime for ConnectionRuntime {
    fn spawn(&self, future: Boxed<'static, ()>) -> Box<dyn JoinHandle> {
        // The first task is the connection's own; those it starts itself have no callback left.
        let end = AtEnd(self.on_end.lock().unwrap_or_else(PoisonError::into_inner).take());
        TokioRuntime.spawn(Box::pin(async move {
            let _end = end;
            future.await;
        }))
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
        TokioRuntime.sleep(if self.is_in_haste() { duration.min(NAP) } else { duration })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_receive_window_fits_into_the_buffer_the_system_grants() {
        // Linux as it comes grants twice its default of 212992.
        assert_eq!(window_within(425_984), 141_994);
        assert_eq!(window_within(4 * 1024 * 1024), MAX_WINDOW);
        assert_eq!(window_within(usize::MAX), MAX_WINDOW);
        assert_eq!(window_within(0), MIN_WINDOW);
    }

    #[tokio::test]
    async fn naps_are_short_while_in_haste_and_no_longer() {
        let runtime = ConnectionRuntime::default();
        assert!(!runtime.is_in_haste());
        runtime.hasten(HANDSHAKES);
        assert!(runtime.is_in_haste());
        let hour = Duration::from_secs(3600);
        tokio::time::timeout(HANDSHAKES, runtime.sleep(hour)).await.expect("a nap is short");
        runtime.relax();
        assert!(!runtime.is_in_haste());
        runtime.hasten(Duration::ZERO);
        assert!(!runtime.is_in_haste(), "haste must end by itself");
    }
}
