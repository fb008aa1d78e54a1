//! What Redis knows: which nodes live, and which of them owns which swarm.
//!
//! Every change is one script, so that it happens whole and in one order for all nodes. All
//! keys share the tag `{ssa}` and with it one slot of a Redis cluster. A lease belongs to a
//! node and not to each of its swarms: renewing ten thousand is one command a second, and a
//! node that dies frees them all at once.

use std::sync::Arc;
use std::time::Duration;

use protocol::{Span, SwarmHash, SwarmTime};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisError, RedisResult, Script, TlsCertificates};
use tracing::warn;

use super::lease::LeaseTerms;
use super::{Claim, Elsewhere, Leaving, Record, Settled, Stored, Unsettled};

/// How long Redis keeps what it knows of a swarm whose owner has gone and whose members have
/// not come back. Owners refresh it with every audit, so a living swarm never meets it.
const KEPT: Duration = Duration::from_secs(3_600);

/// Begins the key of every node.
const NODE: &str = "{ssa}:node:";

/// Begins the key of every swarm.
const SWARM: &str = "{ssa}:sw:";

/// The list of nodes.
const NODES: &str = "{ssa}:nodes";

/// This relay, as the others see it.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// Its name.
    pub(super) id: String,
    /// Tells this process from every other one of the same name.
    pub(super) incarnation: String,
    /// Where other relays reach it.
    pub(super) inside: String,
    /// Where members reach it, if they do.
    pub(super) public: Option<String>,
}

/// Whether a node takes swarms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NodeState {
    /// It does.
    Up,
    /// It is about to end.
    Draining,
}

/// What became of a renewal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Renewal {
    /// The lease begins anew.
    Renewed {
        /// Redis's clock.
        told: SwarmTime,
        /// Redis knew nothing of the lease: it had run out, or Redis lost what it knew.
        began: bool,
    },
    /// Another process lives under this name.
    Fenced,
}

/// Another node that takes swarms, or this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LiveNode {
    /// True for the one that asks.
    pub(super) is_own: bool,
    /// Where it is.
    pub(super) place: Elsewhere,
}

/// A way to Redis. Commands of one connection are carried out in the order they were given.
pub(super) type Connection = MultiplexedConnection;

/// Asks Redis. Every question ends within the patience it was made with.
pub(super) struct Ledger {
    client: Client,
    config: AsyncConnectionConfig,
    node: Node,
    terms: LeaseTerms,
    scripts: Scripts,
}

struct Scripts {
    renew: Script,
    claim: Script,
    store: Script,
    release: Script,
    audit: Script,
    nodes: Script,
    leave: Script,
}

impl Ledger {
    /// A ledger at `url`, of which nothing was asked yet. With `ca`, a PEM file, it is one whose
    /// certificate comes from there.
    ///
    /// # Errors
    ///
    /// When the URL is none of Redis's, or with `ca` none of TLS.
    pub(super) fn new(
        (url, ca): (&str, Option<Vec<u8>>),
        node: Node,
        terms: LeaseTerms,
    ) -> RedisResult<Arc<Self>> {
        let client = match ca {
            Some(ca) => {
                let trusted = TlsCertificates { client_tls: None, root_cert: Some(ca) };
                Client::build_with_tls(url, trusted)?
            }
            None => Client::open(url)?,
        };
        let patience = Some(terms.patience());
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(patience)
            .set_response_timeout(patience);
        let scripts = Scripts {
            renew: Script::new(include_str!("scripts/renew.lua")),
            claim: Script::new(include_str!("scripts/claim.lua")),
            store: Script::new(include_str!("scripts/store.lua")),
            release: Script::new(include_str!("scripts/release.lua")),
            audit: Script::new(include_str!("scripts/audit.lua")),
            nodes: Script::new(include_str!("scripts/nodes.lua")),
            leave: Script::new(include_str!("scripts/leave.lua")),
        };
        Ok(Arc::new(Self { client, config, node, terms, scripts }))
    }

    /// A connection.
    ///
    /// # Errors
    ///
    /// When there is none within the patience.
    pub(super) async fn connect(&self) -> RedisResult<Connection> {
        self.client.get_multiplexed_async_connection_with_config(&self.config).await
    }

    /// Renews the lease.
    ///
    /// # Errors
    ///
    /// When Redis does not answer: it may have been renewed or not.
    pub(super) async fn renew(
        &self,
        mut connection: Connection,
        state: NodeState,
    ) -> RedisResult<Renewal> {
        let state = match state {
            NodeState::Up => "up",
            NodeState::Draining => "draining",
        };
        let (answer, seconds, micros): (String, i64, i64) = self
            .scripts
            .renew
            .key(self.own_key())
            .key(NODES)
            .arg(&self.node.id)
            .arg(&self.node.incarnation)
            .arg(&self.node.inside)
            .arg(self.node.public.as_deref().unwrap_or_default())
            .arg(state)
            .arg(millis(self.terms.ttl()))
            .invoke_async(&mut connection)
            .await?;
        let told = SwarmTime::default() + Span::from_secs(seconds) + Span::from_micros(micros);
        Ok(match answer.as_str() {
            "fenced" => Renewal::Fenced,
            answer => Renewal::Renewed { told, began: answer == "began" },
        })
    }

    /// Asks whose a swarm is, and takes it if it is nobody's.
    ///
    /// # Errors
    ///
    /// When Redis does not answer: it may be this node's now.
    pub(super) async fn claim(
        &self,
        mut connection: Connection,
        swarm: &SwarmHash,
    ) -> RedisResult<Settled> {
        let (answer, epoch, first, second): (String, u64, String, String) = self
            .scripts
            .claim
            .key(swarm_key(swarm))
            .key(self.own_key())
            .arg(&self.node.id)
            .arg(&self.node.incarnation)
            .arg(NODE)
            .arg(millis(KEPT))
            .invoke_async(&mut connection)
            .await?;
        Ok(match answer.as_str() {
            "mine" => Ok(Claim::Mine { epoch, heritage: heritage(&first).map(Box::new) }),
            "theirs" => Ok(Claim::Theirs(elsewhere(first, second, epoch))),
            _ => Err(Unsettled),
        })
    }

    /// Writes down what the next owner must know.
    ///
    /// # Errors
    ///
    /// When Redis does not answer: it may be written or not.
    pub(super) async fn store(
        &self,
        mut connection: Connection,
        record: &Record,
    ) -> RedisResult<Stored> {
        let heritage = serde_json::to_string(&record.heritage).unwrap_or_default();
        let answer: String = self
            .scripts
            .store
            .key(swarm_key(&record.swarm))
            .arg(&self.node.id)
            .arg(&self.node.incarnation)
            .arg(record.epoch)
            .arg(record.revision)
            .arg(heritage)
            .arg(millis(KEPT))
            .invoke_async(&mut connection)
            .await?;
        Ok(if answer == "done" { Stored::Done } else { Stored::Fenced })
    }

    /// Gives a swarm up, if it is still this node's under this epoch.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub(super) async fn release(
        &self,
        mut connection: Connection,
        swarm: &SwarmHash,
        epoch: u64,
        leaving: Leaving,
    ) -> RedisResult<()> {
        let state = match leaving {
            Leaving::ToAnother => "keep",
            Leaving::ForGood => "forget",
        };
        self.scripts
            .release
            .key(swarm_key(swarm))
            .arg(&self.node.id)
            .arg(&self.node.incarnation)
            .arg(epoch)
            .arg(state)
            .invoke_async(&mut connection)
            .await
    }

    /// Which of these swarms are not this node's any more, by their place in the list.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub(super) async fn audit(
        &self,
        mut connection: Connection,
        swarms: &[(SwarmHash, u64)],
    ) -> RedisResult<Vec<usize>> {
        let mut question = self.scripts.audit.prepare_invoke();
        question.arg(&self.node.id).arg(&self.node.incarnation).arg(millis(KEPT));
        for (swarm, epoch) in swarms {
            question.key(swarm_key(swarm)).arg(*epoch);
        }
        question.invoke_async(&mut connection).await
    }

    /// The nodes that take swarms.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub(super) async fn nodes(&self, mut connection: Connection) -> RedisResult<Vec<LiveNode>> {
        let found: Vec<(String, String, String)> = self
            .scripts
            .nodes
            .key(NODES)
            .arg(NODE)
            .arg(&self.node.id)
            .invoke_async(&mut connection)
            .await?;
        let live = |(whose, inside, public): (String, String, String)| LiveNode {
            is_own: whose == "own",
            place: elsewhere(inside, public, 0),
        };
        Ok(found.into_iter().map(live).collect())
    }

    /// Ends the lease at once.
    ///
    /// # Errors
    ///
    /// When Redis does not answer; the lease then runs out by itself.
    pub(super) async fn leave(&self, mut connection: Connection) -> RedisResult<()> {
        self.scripts
            .leave
            .key(self.own_key())
            .key(NODES)
            .arg(&self.node.id)
            .arg(&self.node.incarnation)
            .invoke_async(&mut connection)
            .await
    }

    fn own_key(&self) -> String {
        format!("{NODE}{}", self.node.id)
    }
}

/// True when the connection that gave this error is not to be used again. An answer that did
/// not come may come later, and be the answer to nothing.
pub(super) fn breaks_connection(error: &RedisError) -> bool {
    error.is_timeout() || error.is_io_error() || error.is_connection_dropped()
}

fn heritage(text: &str) -> Option<crate::room::Heritage> {
    if text.is_empty() {
        return None;
    }
    serde_json::from_str(text)
        .inspect_err(|error| warn!(%error, "what a former owner wrote down can not be read"))
        .ok()
}

fn elsewhere(inside: String, public: String, epoch: u64) -> Elsewhere {
    Elsewhere { inside, public: Some(public).filter(|url| !url.is_empty()), epoch }
}

fn swarm_key(swarm: &SwarmHash) -> String {
    format!("{SWARM}{swarm}")
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
