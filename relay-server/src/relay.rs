//! Starts a relay, runs it, and ends it. Several can run in one process.

mod error;
mod lifeline;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use time_socket::TimeSocket;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use tracing::{debug, info, warn};

use crate::access::Access;
use crate::clock::{self, RelayClock};
use crate::door::{self, Arrival, Door, Keeper};
use crate::limits::Limits;
use crate::metrics::{Metrics, counted};
#[cfg(feature = "cluster")]
use crate::ownership::cluster::{self, ClusterPlace};
use crate::ownership::party::{self, Carrying, Knock, PartyKeeping, PartyPlace};
use crate::ownership::{Alone, Ownership, Verdict};
use crate::patience::Patient;
use crate::socket::{ConnectionId, PARTING};
use crate::status::{self, MetricsToken, Readiness};
use crate::swarms::{self, Enter};
use crate::time::{self, TimeGrant, TimeGrants};
#[cfg(feature = "tls")]
use crate::tls::{self, Tls, TlsError, TlsFiles};
use crate::tracker::{self, TrackerCommand};
use crate::turn::TurnServer;
use crate::web;
pub use error::RelayError;
pub(crate) use lifeline::Lifeline;
use lifeline::until_aborted;

/// How long connections may take to end when the relay shuts down.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(3);

/// Pause after a connection could not be accepted, most likely for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Longest HTTP request head, and what is kept ready to write of an answer. (bytes)
///
/// Browsers stay below 8 KiB, which is what most servers allow.
const MAX_REQUEST: usize = 16 * 1024;

/// Where relays come from; see [`Relay::builder`].
pub struct Relay;

impl Relay {
    /// A relay to be configured. By itself it listens on a free port of this computer only.
    pub fn builder() -> RelayBuilder {
        RelayBuilder {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            static_dir: None,
            limits: Limits::default(),
            access: Access::default(),
            name: "Synced Swarm Audio relay".to_owned(),
            metrics_listen: None,
            metrics_token: None,
            turn: None,
            #[cfg(feature = "tls")]
            tls: None,
            #[cfg(feature = "cluster")]
            cluster: None,
            party: None,
        }
    }
}

/// A relay that does not run yet.
#[derive(Clone, Debug)]
pub struct RelayBuilder {
    listen: SocketAddr,
    static_dir: Option<PathBuf>,
    limits: Limits,
    access: Access,
    name: String,
    metrics_listen: Option<SocketAddr>,
    metrics_token: Option<MetricsToken>,
    turn: Option<TurnServer>,
    #[cfg(feature = "tls")]
    tls: Option<TlsFiles>,
    #[cfg(feature = "cluster")]
    cluster: Option<ClusterPlace>,
    party: Option<PartyPlace>,
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

    /// Who may connect from where.
    pub fn access(mut self, access: Access) -> Self {
        self.access = access;
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

    /// A TURN server that members may use, with credentials made for each.
    pub fn turn(mut self, server: Option<TurnServer>) -> Self {
        self.turn = server;
        self
    }

    /// How it shares its swarms with other relays. By default it shares them with none.
    #[cfg(feature = "cluster")]
    pub fn cluster(mut self, place: Option<ClusterPlace>) -> Self {
        self.cluster = place;
        self
    }

    /// Stands by for a party inside an app; see [`RunningRelay::carrying`]. By default everyone
    /// is let in at once.
    pub fn party(mut self, place: PartyPlace) -> Self {
        self.party = Some(place);
        self
    }

    /// Speaks TLS with this certificate, which is read again whenever its files change.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, files: Option<TlsFiles>) -> Self {
        self.tls = files;
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
        #[cfg(feature = "tls")]
        let tls = self.tls.map(Tls::load).transpose()?.map(Arc::new);
        let (listener, local_addr) = bind(self.listen).await?;
        let for_metrics = match self.metrics_listen {
            Some(address) => Some(bind(address).await?),
            None => None,
        };

        // A relay whose datagrams nobody gets still serves: members ask over the WebSocket then.
        let time_socket =
            TimeSocket::bind(local_addr).inspect_err(|error| warn!(%error, "no time by UDP")).ok();
        let closing = CancellationToken::new();
        let (at_party, carrying) = match self.party.map(party::stand_by) {
            Some((keeping, knocks)) => {
                let PartyKeeping { ownership, clock, verdicts, carrying } = keeping;
                let closing = closing.clone();
                let metrics = Metrics::default();
                let keeping = Keeping { ownership, clock, verdicts, closing, metrics };
                (Some(keeping), Some((carrying, knocks)))
            }
            None => (None, None),
        };
        let by_itself = || at_party.unwrap_or_else(|| Keeping::alone(closing.clone()));
        #[cfg(feature = "cluster")]
        let (keeping, work) = match self.cluster {
            Some(place) => {
                let metrics = Metrics::default();
                let ties = (metrics.clone(), closing.clone());
                let membership = cluster::join(place, local_addr, ties).await?;
                let cluster::Membership { cluster, clock, verdicts, work } = membership;
                let ownership = Box::new(cluster);
                (
                    Keeping { ownership, clock, verdicts, closing: closing.clone(), metrics },
                    Some(work),
                )
            }
            None => (by_itself(), None),
        };
        #[cfg(not(feature = "cluster"))]
        let keeping = by_itself();
        let terms = (self.limits, self.access, self.turn);
        let (relay, Mailboxes { swarms, tracker, granted, keeper, verdicts }) =
            Shared::new(self.name, terms, time_socket.is_some(), keeping);
        #[cfg(feature = "cluster")]
        work.into_iter().for_each(|work| relay.spawn(work));
        if let Some(socket) = time_socket {
            relay.spawn(time::answer(relay.clone(), socket, granted));
        }
        relay.spawn(door::keep(relay.clone(), keeper));
        relay.spawn(clock::watch_for_sleep(relay.clone()));
        relay.spawn(swarms::run_registry(relay.clone(), swarms, verdicts));
        relay.spawn(tracker::run(relay.clone(), tracker));
        let router = web::router(relay.clone(), self.static_dir, self.metrics_token);
        let transport = Transport::Plain;
        #[cfg(feature = "tls")]
        let transport = match &tls {
            Some(tls) => {
                relay.spawn(tls::watch(tls.clone(), relay.closing.clone()));
                Transport::Tls(tls.clone())
            }
            None => transport,
        };
        relay.spawn(accept(relay.clone(), listener, router, transport));
        info!(%local_addr, "relay listens");
        let metrics_addr = for_metrics.map(|(listener, address)| {
            let router = status::private(relay.clone());
            relay.spawn(accept(relay.clone(), listener, router, Transport::Plain));
            info!(%address, "metrics are served");
            address
        });
        let abort_on_drop = relay.abort.clone().drop_guard();
        Ok(RunningRelay {
            local_addr,
            metrics_addr,
            relay,
            #[cfg(feature = "tls")]
            tls,
            carrying,
            _abort_on_drop: abort_on_drop,
        })
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

/// A relay at work. Dropping it ends it at once.
pub struct RunningRelay {
    local_addr: SocketAddr,
    metrics_addr: Option<SocketAddr>,
    relay: Arc<Shared>,
    #[cfg(feature = "tls")]
    tls: Option<Arc<Tls>>,
    carrying: Option<(Carrying, mpsc::Receiver<Knock>)>,
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

    /// The app's hand on a relay that was built with [`RelayBuilder::party`], and what happens at
    /// its door. To be taken once.
    pub fn carrying(&mut self) -> Option<(Carrying, mpsc::Receiver<Knock>)> {
        self.carrying.take()
    }

    /// Prepares the end: from now on the relay is not ready and lets nobody in. Its swarms part
    /// one after the other, each as a whole and at a moment drawn from `within`, so that their
    /// members do not all come back elsewhere at once; what they say until then is still passed
    /// on, and the time is answered. Returns once everyone has left, a second after `within` at
    /// the latest. [`Self::shutdown`] comes next.
    ///
    /// In a cluster the swarms are given to other relays first, and their members told where to
    /// go: over half of the time. The last quarter is for what could not be given away by then.
    pub async fn drain(&self, within: Duration) {
        let relay = &self.relay;
        let deadline = Instant::now() + within;
        relay.readiness.drain();
        if let Some(given_away) = relay.ownership.drain(within / 2) {
            info!(swarms = self.swarms(), "giving the swarms to other relays");
            if !matches!(timeout_at(deadline - within / 4, given_away).await, Ok(Ok(()))) {
                warn!(swarms = self.swarms(), "not every swarm could be given to another relay");
            }
        }
        // Whoever drains first says how long.
        let left = deadline.saturating_duration_since(Instant::now());
        let _ = relay.part_within.set(left);
        relay.leaving.cancel();
        relay.sockets.close();
        info!(members = self.members(), within = ?left, "relay drains");
        if timeout_at(deadline + PARTING, relay.sockets.wait()).await.is_err() {
            debug!("some connections did not end in time");
        }
    }

    /// Reads the certificate again, for new connections. One that can not be used changes
    /// nothing. Without TLS there is nothing to do.
    ///
    /// # Errors
    ///
    /// [`TlsError`]: why the new certificate is not used.
    #[cfg(feature = "tls")]
    pub fn reload_certificate(&self) -> Result<(), TlsError> {
        self.tls.as_ref().map_or(Ok(()), |tls| tls.reload())
    }

    /// Ends the relay: members are told, connections are closed, and the port is free when
    /// this returns. Takes at most a few seconds, whatever the members do.
    pub async fn shutdown(self) {
        self.relay.readiness.drain();
        self.relay.leaving.cancel();
        self.relay.closing.cancel();
        self.relay.sockets.close();
        self.relay.tasks.close();
        let ended = async {
            self.relay.sockets.wait().await;
            self.relay.tasks.wait().await;
        };
        if timeout(SHUTDOWN_GRACE, ended).await.is_err() {
            debug!("some connections did not end in time");
            self.relay.abort.cancel();
            self.relay.sockets.wait().await;
            self.relay.tasks.wait().await;
        }
        info!("relay ended");
    }
}

/// What every task of one relay knows.
pub(crate) struct Shared {
    pub(crate) name: String,
    pub(crate) limits: Limits,
    pub(crate) access: Access,
    pub(crate) door: Door,
    pub(crate) clock: RelayClock,
    pub(crate) ownership: Box<dyn Ownership>,
    /// Lets members ask for the time by UDP; none if no datagram is answered.
    pub(crate) time: Option<TimeGrants>,
    /// Lets members use a TURN server.
    pub(crate) turn: Option<TurnServer>,
    pub(crate) swarms: mpsc::Sender<Enter>,
    pub(crate) tracker: mpsc::Sender<TrackerCommand>,
    pub(crate) metrics: Metrics,
    /// Whether new members are let in.
    pub(crate) readiness: Readiness,
    /// Swarms begin to part, each when [`Self::time_to_part`] says so.
    pub(crate) leaving: CancellationToken,
    /// In which time all of them have parted.
    part_within: OnceLock<Duration>,
    /// Everyone says goodbye at once.
    pub(crate) closing: CancellationToken,
    connections: AtomicU64,
    /// Everyone stops where they are.
    abort: CancellationToken,
    tasks: TaskTracker,
    /// The WebSockets, which end first.
    sockets: TaskTracker,
}

/// The receiving ends of what [`Shared`] sends to.
pub(crate) struct Mailboxes {
    pub(crate) swarms: mpsc::Receiver<Enter>,
    pub(crate) tracker: mpsc::Receiver<TrackerCommand>,
    pub(crate) granted: mpsc::Receiver<time::Granted>,
    pub(crate) keeper: Keeper,
    pub(crate) verdicts: mpsc::Receiver<Verdict>,
}

/// Whose the swarms are, and by which clock they are kept.
pub(crate) struct Keeping {
    pub(crate) ownership: Box<dyn Ownership>,
    pub(crate) clock: RelayClock,
    pub(crate) verdicts: mpsc::Receiver<Verdict>,
    pub(crate) closing: CancellationToken,
    /// In which Redis's failures are counted.
    pub(crate) metrics: Metrics,
}

impl Keeping {
    /// A relay that owns every swarm.
    pub(crate) fn alone(closing: CancellationToken) -> Self {
        // Nobody ever says anything in there.
        let (_, verdicts) = mpsc::channel(1);
        let (ownership, clock) = (Box::new(Alone), RelayClock::start());
        Self { ownership, clock, verdicts, closing, metrics: Metrics::default() }
    }
}

impl Shared {
    pub(crate) fn new(
        name: String,
        (limits, access, turn): (Limits, Access, Option<TurnServer>),
        answers_datagrams: bool,
        keeping: Keeping,
    ) -> (Arc<Self>, Mailboxes) {
        let Keeping { ownership, clock, verdicts, closing, metrics } = keeping;
        let (swarms, swarms_out) = mpsc::channel(swarms::REGISTRY_MAILBOX);
        let (tracker, tracker_out) = mpsc::channel(tracker::MAILBOX);
        let (to_time, granted) = mpsc::channel(time::MAILBOX);
        let (door, keeper) = Door::new(&limits, clock.now());
        let relay = Self {
            name,
            limits,
            access,
            door,
            clock,
            ownership,
            time: answers_datagrams.then(|| TimeGrants::new(to_time)),
            turn,
            swarms,
            tracker,
            readiness: Readiness::default(),
            metrics,
            leaving: CancellationToken::new(),
            part_within: OnceLock::new(),
            closing,
            connections: AtomicU64::new(0),
            abort: CancellationToken::new(),
            tasks: TaskTracker::new(),
            sockets: TaskTracker::new(),
        };
        let mailboxes =
            Mailboxes { swarms: swarms_out, tracker: tracker_out, granted, keeper, verdicts };
        (Arc::new(relay), mailboxes)
    }

    /// Runs a task for as long as the relay may run.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(until_aborted(self.abort.clone(), task));
    }

    /// Ties a WebSocket's task, which someone else runs, to the relay's life from this moment on.
    pub(crate) fn lifeline(&self) -> Lifeline {
        Lifeline::new(self.abort.clone(), self.sockets.token())
    }

    /// Resolves when the caller, a swarm or a connection without one, should part because the
    /// relay drains or ends.
    pub(crate) async fn time_to_part(&self) {
        self.leaving.cancelled().await;
        let within = self.part_within.get().copied().unwrap_or_default();
        // Boxed, because thousands wait here and few ever need it.
        let pause = Box::pin(sleep(within.mul_f64(rand::random())));
        tokio::select! {
            () = self.closing.cancelled() => {}
            () = pause => {}
        }
    }

    /// Everything counted so far, as Prometheus reads it.
    pub(crate) fn metrics_page(&self) -> String {
        let uptime = self.clock.uptime().as_secs();
        self.metrics.uptime_seconds.set(i64::try_from(uptime).unwrap_or(i64::MAX));
        self.metrics.ready.set(i64::from(status::obstacles(self).is_empty()));
        self.metrics.lease_held.set(i64::from(self.ownership.holds()));
        self.metrics.page()
    }

    /// The right to ask for the time by UDP; none if nobody answers there.
    pub(crate) async fn grant_time(&self) -> Option<TimeGrant> {
        self.time.as_ref()?.grant().await
    }

    /// A name for one more connection.
    pub(crate) fn next_connection(&self) -> ConnectionId {
        ConnectionId(self.connections.fetch_add(1, Ordering::Relaxed))
    }
}

/// A gauge as a count: it is never below zero while each subtraction follows its addition.
pub(crate) fn as_count(gauge: i64) -> usize {
    usize::try_from(gauge).unwrap_or(0)
}

/// What lies between TCP and HTTP.
#[derive(Clone)]
enum Transport {
    Plain,
    #[cfg(feature = "tls")]
    Tls(Arc<Tls>),
}

async fn accept(
    relay: Arc<Shared>,
    listener: TcpListener,
    router: axum::Router,
    transport: Transport,
) {
    loop {
        let accepted = tokio::select! {
            biased;
            () = relay.closing.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                relay.spawn(serve(relay.clone(), stream, router.clone(), transport.clone()));
            }
            Err(error) => {
                // One peer that gave up is nothing; no file descriptors left is worth a pause.
                warn!(%error, "connection not accepted");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Serves one connection, up to its end or its upgrade to a WebSocket.
async fn serve(relay: Arc<Shared>, stream: TcpStream, router: axum::Router, transport: Transport) {
    relay.metrics.connections_accepted.inc();
    let _counted = counted(&relay.metrics.connections);
    // Without this, a small message behind another waits up to 40 ms for an acknowledgement.
    let peer = match stream.set_nodelay(true).and_then(|()| stream.peer_addr()) {
        Ok(peer) => peer,
        Err(error) => return debug!(%error, "connection ended before it began"),
    };
    let Some(arrival) = door::arrive(&relay, peer).await else { return };
    let stream = Patient::new(stream, relay.limits.stalled_write);
    match transport {
        Transport::Plain => speak_http(&relay, stream, router, arrival).await,
        #[cfg(feature = "tls")]
        Transport::Tls(tls) => match timeout(relay.limits.handshake, tls.accept(stream)).await {
            Ok(Ok(stream)) => speak_http(&relay, stream, router, arrival).await,
            Ok(Err(error)) => {
                relay.metrics.tls_failed.inc();
                debug!(%error, "no TLS handshake");
            }
            Err(_) => {
                relay.metrics.tls_failed.inc();
                debug!("no TLS handshake in time");
            }
        },
    }
}

async fn speak_http(
    relay: &Shared,
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    router: axum::Router,
    arrival: Arrival,
) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(relay.limits.handshake)
        .max_buf_size(MAX_REQUEST)
        .serve_connection(TokioIo::new(stream), arrival.shown_to(router))
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
