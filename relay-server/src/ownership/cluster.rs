//! A relay that shares its swarms with others, by way of Redis.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use protocol::SwarmHash;
use protocol::ids::hex;
use redis::RedisError;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::keeper::{Command, Keeper, Ties};
use super::lease::{Lease, LeaseTerms};
use super::ledger::{Connection, Ledger, Node, NodeState, Renewal};
use super::pace::{EXCHANGES, Exchange, best};
use super::{Leaving, Ownership, Record, Settled, Stored, Unsettled, Verdict};
use crate::clock::{RelayClock, awake_or_not};
use crate::metrics::Metrics;

/// Commands that may wait for the keeper. Whoever finds it full is told that nothing can be
/// settled at the moment.
const MAILBOX: usize = 1_024;

/// Verdicts that may wait for the registry. The keeper waits when it is full.
const VERDICTS: usize = 256;

/// How long Redis may take to be reached when the relay starts.
const FIRST_CONTACT: Duration = Duration::from_secs(10);

/// Pause between two attempts to start.
const PAUSE: Duration = Duration::from_millis(100);

/// A relay's place in a cluster.
#[derive(Clone, PartialEq, Eq)]
pub struct ClusterPlace {
    /// Where Redis is: `redis://[user:password@]host:port[/database]`, the same with `rediss://`
    /// for TLS, or `unix:` and a path.
    pub redis_url: String,
    /// The name of this relay: another one in every relay, the same after each restart.
    pub node_id: String,
    /// Where members reach this very relay, for instance `wss://a.relay.example/ws`. Without
    /// it the other relays pass its members' messages on.
    pub public_url: Option<String>,
    /// Where the other relays reach it, for instance `ws://10.0.0.1:8080/ws`. By default where
    /// it listens.
    pub inside_url: Option<String>,
    /// How long after its death the swarms of a relay are free. 600 ms at least.
    pub lease: Duration,
    /// PEM file with the certificates that Redis's must come from, for `rediss://`. By default the
    /// well-known ones of the web.
    pub redis_ca: Option<PathBuf>,
}

impl ClusterPlace {
    /// The usual lease: long enough for a pause of a busy machine, short enough that nobody
    /// misses the controls.
    pub const DEFAULT_LEASE: Duration = Duration::from_secs(3);
}

/// Without the password that the URL may carry.
impl fmt::Debug for ClusterPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClusterPlace")
            .field("node_id", &self.node_id)
            .field("public_url", &self.public_url)
            .field("inside_url", &self.inside_url)
            .field("lease", &self.lease)
            .field("redis_ca", &self.redis_ca)
            .finish_non_exhaustive()
    }
}

/// Why a relay can not take part.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// The settings contradict themselves.
    #[error("{0}")]
    Settings(&'static str),
    /// The file of [`ClusterPlace::redis_ca`] can not be read.
    #[error("{} can not be read", file.display())]
    ReadCa {
        /// Which file.
        file: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// There is no certificate in it.
    #[error("{} holds no certificate", file.display())]
    NoCa {
        /// Which file.
        file: PathBuf,
    },
    /// Redis does not answer, or not as it should.
    #[error("Redis can not be used")]
    Redis(#[from] RedisError),
    /// Another process lives under the same name.
    #[error("another relay lives under the node id `{0}`; every relay needs one of its own")]
    NodeTaken(String),
}

/// The relay's side of its keeper.
pub(crate) struct Cluster {
    lease: Arc<Lease>,
    commands: mpsc::Sender<Command>,
    relays: watch::Receiver<Vec<String>>,
}

/// A cluster that was joined, and the work that goes with it.
pub(crate) struct Membership {
    pub(crate) cluster: Cluster,
    pub(crate) clock: RelayClock,
    pub(crate) verdicts: mpsc::Receiver<Verdict>,
    pub(crate) work: std::pin::Pin<Box<dyn Future<Output = ()> + Send>>,
}

/// Takes part: has a lease and Redis's time when it returns.
///
/// # Errors
///
/// [`ClusterError`]; the lease, if there is one, runs out by itself.
pub(crate) async fn join(
    settings: ClusterPlace,
    local_addr: SocketAddr,
    (metrics, closing): (Metrics, CancellationToken),
) -> Result<Membership, ClusterError> {
    let terms = LeaseTerms::new(settings.lease);
    let node = node(&settings, local_addr)?;
    let ca = settings.redis_ca.as_deref().map(certificates).transpose()?;
    let ledger = Ledger::new((&settings.redis_url, ca), node, terms)?;
    let clock = RelayClock::start();
    let (connection, asked) = first_lease(&ledger, &settings.node_id, terms).await?;
    let asked = set_clock(&ledger, &connection, &clock).await?.max(asked);
    info!(node = settings.node_id, "in the cluster");

    let lease = Arc::new(Lease::default());
    let (commands, commands_out) = mpsc::channel(MAILBOX);
    let (verdicts, verdicts_out) = mpsc::channel(VERDICTS);
    let (relays, relays_out) = watch::channel(Vec::new());
    let ties = Ties {
        ledger,
        lease: lease.clone(),
        terms,
        clock: clock.clone(),
        verdicts,
        relays,
        metrics,
        closing,
    };
    let keeper = Keeper::new(ties, connection, asked);
    Ok(Membership {
        cluster: Cluster { lease, commands, relays: relays_out },
        clock,
        verdicts: verdicts_out,
        work: Box::pin(keeper.run(commands_out)),
    })
}

/// The PEM file, if there is any certificate in it.
fn certificates(file: &Path) -> Result<Vec<u8>, ClusterError> {
    let read = std::fs::read(file);
    let pem = read.map_err(|source| ClusterError::ReadCa { file: file.to_owned(), source })?;
    match CertificateDer::pem_slice_iter(&pem).next() {
        Some(Ok(_)) => Ok(pem),
        Some(Err(_)) | None => Err(ClusterError::NoCa { file: file.to_owned() }),
    }
}

fn node(settings: &ClusterPlace, local_addr: SocketAddr) -> Result<Node, ClusterError> {
    let id = settings.node_id.clone();
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if id.is_empty() || id.len() > 64 || !id.chars().all(is_name) {
        return Err(ClusterError::Settings(
            "a node id has 1 to 64 letters, digits, hyphens, underscores and dots",
        ));
    }
    let listens = || (!local_addr.ip().is_unspecified()).then(|| format!("ws://{local_addr}/ws"));
    let inside =
        settings.inside_url.clone().or_else(listens).or_else(|| settings.public_url.clone());
    let Some(inside) = inside else {
        return Err(ClusterError::Settings(
            "this relay listens on every address; say where the other relays reach it, or members",
        ));
    };
    let incarnation = hex(&rand::random::<[u8; 16]>());
    Ok(Node { id, incarnation, inside, public: settings.public_url.clone() })
}

/// The first lease, and when it was asked for. A former process of the same name may have
/// ended a moment ago: its lease is waited for.
async fn first_lease(
    ledger: &Ledger,
    name: &str,
    terms: LeaseTerms,
) -> Result<(Connection, Duration), ClusterError> {
    let began = Instant::now();
    let (contact, fenced) = (began + FIRST_CONTACT, began + terms.ttl() + terms.patience());
    loop {
        let attempt = async {
            let connection = ledger.connect().await?;
            let asked = awake_or_not();
            let renewal = ledger.renew(connection.clone(), NodeState::Up).await?;
            Ok::<_, RedisError>((connection, asked, renewal))
        };
        let silence = |_| Err(io::Error::from(io::ErrorKind::TimedOut).into());
        match timeout(FIRST_CONTACT, attempt).await.unwrap_or_else(silence) {
            Ok((connection, asked, Renewal::Renewed { .. })) => return Ok((connection, asked)),
            Ok((_, _, Renewal::Fenced)) if Instant::now() > fenced => {
                return Err(ClusterError::NodeTaken(name.to_owned()));
            }
            Ok((_, _, Renewal::Fenced)) => {}
            Err(error) if Instant::now() > contact => return Err(error.into()),
            Err(error) => warn!(%error, "Redis can not be reached yet"),
        }
        sleep(PAUSE).await;
    }
}

/// Sets the clock to Redis's, by the best of several exchanges. Returns when the last one began.
async fn set_clock(
    ledger: &Ledger,
    connection: &Connection,
    clock: &RelayClock,
) -> Result<Duration, ClusterError> {
    let mut exchanges = Vec::new();
    let mut last = Duration::ZERO;
    for _ in 0..EXCHANGES {
        last = awake_or_not();
        let asked = clock.now();
        let renewal = ledger.renew(connection.clone(), NodeState::Up).await?;
        if let Renewal::Renewed { told, .. } = renewal {
            exchanges.push(Exchange { asked, told, answered: clock.now() });
        }
    }
    clock.shift(best(exchanges).unwrap_or_default());
    Ok(last)
}

impl Cluster {
    /// Gives the keeper what must not be lost, of which there is no more than there are swarms.
    fn put(&self, command: Command) {
        match self.commands.try_send(command) {
            Ok(()) => {}
            Err(TrySendError::Full(command)) => {
                let commands = self.commands.clone();
                tokio::spawn(async move { commands.send(command).await });
            }
            // Whoever waits for the answer hears of that.
            Err(TrySendError::Closed(_)) => debug!("too late for a word with Redis"),
        }
    }
}

impl Ownership for Cluster {
    fn claim(&self, swarm: &SwarmHash) -> Option<Settled> {
        self.commands.try_send(Command::Claim(swarm.clone())).err().map(|_| Err(Unsettled))
    }

    fn holds(&self) -> bool {
        self.lease.holds_at(awake_or_not())
    }

    fn store(&self, record: Record) -> Option<oneshot::Receiver<Stored>> {
        let (waiting, answer) = oneshot::channel();
        // A full mailbox drops both, and the answer is then that nobody knows.
        let _ = self.commands.try_send(Command::Store(Box::new(record), waiting));
        Some(answer)
    }

    fn release(&self, swarm: &SwarmHash, epoch: u64, leaving: Leaving) -> oneshot::Receiver<()> {
        let (waiting, answer) = oneshot::channel();
        self.put(Command::Release(swarm.clone(), epoch, leaving, waiting));
        answer
    }

    fn relays(&self) -> Vec<String> {
        self.relays.borrow().clone()
    }

    fn drain(&self, within: Duration) -> Option<oneshot::Receiver<()>> {
        let (waiting, answer) = oneshot::channel();
        self.put(Command::Drain(within, waiting));
        Some(answer)
    }
}
