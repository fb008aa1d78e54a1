//! Starts a relay, runs it, and ends it. Several can run in one process.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use time_socket::TimeSocket;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tracing::{debug, info, warn};

use crate::clock::RelayClock;
use crate::limits::Limits;
use crate::metrics::{Metrics, counted};
use crate::socket::ConnectionId;
use crate::status::{self, MetricsToken, Readiness};
use crate::swarms::{self, Enter};
use crate::time::{self, TimeGrants};
use crate::tracker::{self, TrackerCommand};
use crate::web;

/// How long connections may take to end when the relay shuts down.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(3);

/// Pause after a connection could not be accepted, most likely for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Where relays come from; see [`Relay::builder`].
pub struct Relay;

impl Relay {
    /// A relay to be configured. By itself it listens on a free port of this computer only.
    pub fn builder() -> RelayBuilder {
        RelayBuilder {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            static_dir: None,
            limits: Limits::default(),
            name: "Synced Swarm Audio relay".to_owned(),
            metrics_listen: None,
            metrics_token: None,
        }
    }
}

/// A relay that does not run yet.
#[derive(Clone, Debug)]
pub struct RelayBuilder {
    listen: SocketAddr,
    static_dir: Option<PathBuf>,
    limits: Limits,
    name: String,
    metrics_listen: Option<SocketAddr>,
    metrics_token: Option<MetricsToken>,
}

impl RelayBuilder {
    /// The address to listen on. Port 0 takes a free one.
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// A folder of files to serve at `/`: the web interface.
    pub fn static_dir(mut self, dir: Option<PathBuf>) -> Self {
        self.static_dir = dir;
        self
    }

    /// What members may ask of it.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// What it calls itself on `/health`.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// An address of its own for `/metrics`, which only the operator should reach.
    pub fn metrics_listen(mut self, address: Option<SocketAddr>) -> Self {
        self.metrics_listen = address;
        self
    }

    /// Shows `/metrics` on the relay's own address to requests with this bearer token.
    pub fn metrics_token(mut self, token: Option<String>) -> Self {
        self.metrics_token = token.map(MetricsToken::new);
        self
    }

    /// Starts the relay. It accepts connections once this returns.
    ///
    /// # Errors
    ///
    /// [`RelayError`]; nothing is left running.
    pub async fn spawn(self) -> Result<RunningRelay, RelayError> {
        if let Some(dir) = &self.static_dir
            && !dir.is_dir()
        {
            return Err(RelayError::NoStaticDir { dir: dir.clone() });
        }
        let (listener, local_addr) = bind(self.listen).await?;
        let for_metrics = match self.metrics_listen {
            Some(address) => Some(bind(address).await?),
            None => None,
        };

        // A relay whose datagrams nobody gets still serves: members ask over the WebSocket then.
        let time_socket =
            TimeSocket::bind(local_addr).inspect_err(|error| warn!(%error, "no time by UDP")).ok();
        let (relay, Mailboxes { swarms, tracker }) =
            Shared::new(self.name, self.limits, time_socket.is_some());
        if let Some(socket) = time_socket {
            relay.spawn(time::answer(relay.clone(), socket));
        }
        relay.spawn(swarms::run_registry(relay.clone(), swarms));
        relay.spawn(tracker::run(relay.clone(), tracker));
        let router = web::router(relay.clone(), self.static_dir, self.metrics_token);
        relay.spawn(accept(relay.clone(), listener, router));
        info!(%local_addr, "relay listens");
        let metrics_addr = for_metrics.map(|(listener, address)| {
            relay.spawn(accept(relay.clone(), listener, status::private(relay.clone())));
            info!(%address, "metrics are served");
            address
        });
        let abort_on_drop = relay.abort.clone().drop_guard();
        Ok(RunningRelay { local_addr, metrics_addr, relay, _abort_on_drop: abort_on_drop })
    }
}

async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), RelayError> {
    let error = |source: io::Error| match source.kind() {
        io::ErrorKind::AddrInUse => RelayError::AddressInUse { address },
        _ => RelayError::Listen { address, source },
    };
    let listener = TcpListener::bind(address).await.map_err(error)?;
    let local_addr = listener.local_addr().map_err(error)?;
    Ok((listener, local_addr))
}

/// Why a relay could not start.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// Another program listens there.
    #[error("{address} is in use by another program")]
    AddressInUse {
        /// Where.
        address: SocketAddr,
    },
    /// The system does not let this program listen there.
    #[error("cannot listen on {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The folder of files to serve does not exist.
    #[error("{} is not a folder", dir.display())]
    NoStaticDir {
        /// The folder asked for.
        dir: PathBuf,
    },
}

/// A relay at work. Dropping it ends it at once.
pub struct RunningRelay {
    local_addr: SocketAddr,
    metrics_addr: Option<SocketAddr>,
    relay: Arc<Shared>,
    _abort_on_drop: DropGuard,
}

impl RunningRelay {
    /// Where it listens, with the port it was given.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Where the metrics are served, if on an address of their own.
    pub fn metrics_addr(&self) -> Option<SocketAddr> {
        self.metrics_addr
    }

    /// Members in all swarms.
    pub fn members(&self) -> usize {
        as_count(self.relay.metrics.members.get())
    }

    /// Swarms with at least one member.
    pub fn swarms(&self) -> usize {
        as_count(self.relay.metrics.swarms.get())
    }

    /// Everything counted so far, as Prometheus reads it.
    pub fn metrics(&self) -> String {
        self.relay.metrics_page()
    }

    /// Ends the relay: members are told, connections are closed, and the port is free when
    /// this returns. Takes at most a few seconds, whatever the members do.
    pub async fn shutdown(self) {
        self.relay.closing.cancel();
        self.relay.tasks.close();
        if timeout(SHUTDOWN_GRACE, self.relay.tasks.wait()).await.is_err() {
            debug!("some connections did not end in time");
            self.relay.abort.cancel();
            self.relay.tasks.wait().await;
        }
        info!("relay ended");
    }
}

/// What every task of one relay knows.
pub(crate) struct Shared {
    pub(crate) name: String,
    pub(crate) limits: Limits,
    pub(crate) clock: RelayClock,
    /// Lets members ask for the time by UDP; none if no datagram is answered.
    pub(crate) time: Option<TimeGrants>,
    pub(crate) swarms: mpsc::Sender<Enter>,
    pub(crate) tracker: mpsc::Sender<TrackerCommand>,
    pub(crate) metrics: Metrics,
    /// Whether new members are let in.
    pub(crate) readiness: Readiness,
    /// Everyone says goodbye.
    pub(crate) closing: CancellationToken,
    connections: AtomicU64,
    /// Everyone stops where they are.
    abort: CancellationToken,
    tasks: TaskTracker,
}

/// The receiving ends of what [`Shared`] sends to.
pub(crate) struct Mailboxes {
    pub(crate) swarms: mpsc::Receiver<Enter>,
    pub(crate) tracker: mpsc::Receiver<TrackerCommand>,
}

impl Shared {
    pub(crate) fn new(
        name: String,
        limits: Limits,
        answers_datagrams: bool,
    ) -> (Arc<Self>, Mailboxes) {
        let (swarms, swarms_out) = mpsc::channel(swarms::REGISTRY_MAILBOX);
        let (tracker, tracker_out) = mpsc::channel(tracker::MAILBOX);
        let metrics = Metrics::default();
        let relay = Self {
            name,
            limits,
            clock: RelayClock::start(),
            time: answers_datagrams.then(TimeGrants::new),
            swarms,
            tracker,
            readiness: Readiness::new(&metrics.ready),
            metrics,
            closing: CancellationToken::new(),
            connections: AtomicU64::new(0),
            abort: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        (Arc::new(relay), Mailboxes { swarms: swarms_out, tracker: tracker_out })
    }

    /// Runs a task for as long as the relay may run.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(self.lifeline().run(task));
    }

    /// Ties a task that someone else runs to the relay's life, from this moment on.
    pub(crate) fn lifeline(&self) -> Lifeline {
        Lifeline { abort: self.abort.clone(), _counted: self.tasks.token() }
    }

    /// Everything counted so far, as Prometheus reads it.
    pub(crate) fn metrics_page(&self) -> String {
        let uptime = self.clock.uptime().as_secs();
        self.metrics.uptime_seconds.set(i64::try_from(uptime).unwrap_or(i64::MAX));
        self.metrics.page()
    }

    /// A name for one more connection.
    pub(crate) fn next_connection(&self) -> ConnectionId {
        ConnectionId(self.connections.fetch_add(1, Ordering::Relaxed))
    }
}

/// Keeps a shutdown waiting for a task, and ends the task when the relay is dropped.
pub(crate) struct Lifeline {
    abort: CancellationToken,
    _counted: TaskTrackerToken,
}

impl Lifeline {
    /// Runs the task.
    pub(crate) fn run(
        self,
        task: impl Future<Output = ()> + Send + 'static,
    ) -> impl Future<Output = ()> + Send + 'static {
        // Every async layer around a future stores it once more; a pointer costs less.
        let task = Box::pin(task);
        async move {
            let _ = self.abort.run_until_cancelled(task).await;
        }
    }
}

/// A gauge as a count: it is never below zero while each subtraction follows its addition.
pub(crate) fn as_count(gauge: i64) -> usize {
    usize::try_from(gauge).unwrap_or(0)
}

async fn accept(relay: Arc<Shared>, listener: TcpListener, router: axum::Router) {
    loop {
        let accepted = tokio::select! {
            biased;
            () = relay.closing.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => relay.spawn(serve(relay.clone(), stream, router.clone())),
            Err(error) => {
                // One peer that gave up is nothing; no file descriptors left is worth a pause.
                warn!(%error, "connection not accepted");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Speaks HTTP on one connection, up to its end or its upgrade to a WebSocket.
async fn serve(relay: Arc<Shared>, stream: TcpStream, router: axum::Router) {
    relay.metrics.connections_accepted.inc();
    let _counted = counted(&relay.metrics.connections);
    // Without this, a small message behind another waits up to 40 ms for an acknowledgement.
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "connection ended before it began");
        return;
    }
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(relay.limits.handshake)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .with_upgrades();
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = relay.closing.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        debug!(%error, "connection ended");
    }
}
