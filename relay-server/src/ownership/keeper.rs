//! The one task of a relay that talks to Redis: keeps its lease, settles whose swarms are
//! whose, and writes down what the next owner must know.
//!
//! Nothing in here waits for an answer. Each question is a future among [`Keeper::asked`],
//! given up after a part of the lease, and the loop takes up whatever comes next: an answer,
//! a command, or the time to renew. Start at [`Keeper::run`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use protocol::{SwarmHash, SwarmTime};
use rand::RngExt;
use redis::RedisResult;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::departures::Departures;
use super::lease::{Lease, LeaseTerms};
use super::ledger::{Connection, Ledger, LiveNode, NodeState, Renewal, breaks_connection};
use super::pace::{Correction, Exchange, Pace};
use super::{Claim, Elsewhere, Leaving, Record, Settled, Stored, Unsettled, Verdict};
use crate::clock::{RelayClock, awake_or_not};
use crate::metrics::Metrics;

/// Questions that are on their way at a time. Further commands wait in their mailbox, and
/// whoever finds that full is told so at once.
const MOST_ASKED: usize = 256;

/// Between two audits, and two looks at which nodes live. A relay that lost a swarm without
/// noticing leads half of it for this long at most.
const AUDIT: Duration = Duration::from_secs(5);

/// Swarms in one question of an audit. Redis looks through so many in about a millisecond.
const AUDIT_SHARE: usize = 256;

/// What the relay wants to know or to have written.
pub(super) enum Command {
    /// Whose is it?
    Claim(SwarmHash),
    /// To be written down.
    Store(Box<Record>, oneshot::Sender<Stored>),
    /// To be given up.
    Release(SwarmHash, u64, Leaving, oneshot::Sender<()>),
    /// Every swarm to other relays within this time; answered when all have left.
    Drain(Duration, oneshot::Sender<()>),
}

/// An answer.
enum Told {
    Connected(RedisResult<Connection>),
    Renewed { asked: (Duration, SwarmTime), result: RedisResult<Renewal> },
    Claimed { swarm: SwarmHash, why: Why, result: RedisResult<Settled> },
    Stored { swarm: SwarmHash, waiting: oneshot::Sender<Stored>, result: RedisResult<Stored> },
    Released { swarm: SwarmHash, waiting: oneshot::Sender<()>, result: RedisResult<()> },
    Audited { share: Vec<(SwarmHash, u64)>, result: RedisResult<Vec<usize>> },
    Nodes(RedisResult<Vec<LiveNode>>),
}

/// Why a swarm is claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    /// Someone wants to enter it.
    Entering,
    /// It is kept here, and may be someone else's by now.
    Doubt,
}

/// What the keeper shares with the rest of the relay.
pub(super) struct Ties {
    pub(super) ledger: Arc<Ledger>,
    pub(super) lease: Arc<Lease>,
    pub(super) terms: LeaseTerms,
    pub(super) clock: RelayClock,
    pub(super) verdicts: mpsc::Sender<Verdict>,
    pub(super) relays: watch::Sender<Vec<String>>,
    pub(super) metrics: Metrics,
    pub(super) closing: CancellationToken,
}

/// See the head of this file.
pub(super) struct Keeper {
    ties: Ties,
    state: NodeState,
    connection: Option<Connection>,
    is_connecting: bool,
    is_renewing: bool,
    /// When the last good renewal was asked for.
    last_good: Duration,
    /// The lease had run out. It begins anew once every swarm kept here is known to be still ours.
    returns: bool,
    /// Answers that the present audit still waits for.
    auditing: usize,
    /// Something in the present audit stayed without an answer.
    audit_failed: bool,
    pace: Pace,
    /// Changes when this computer has slept.
    clock_names: watch::Receiver<Arc<str>>,
    nodes: Vec<LiveNode>,
    held: BTreeMap<SwarmHash, u64>,
    /// To be given up, and Redis has not said that it knows.
    owed: BTreeMap<SwarmHash, (u64, Leaving)>,
    /// Being given up; true if it was asked for again meanwhile.
    releasing: BTreeMap<SwarmHash, bool>,
    /// In doubt already.
    doubted: BTreeSet<SwarmHash>,
    departures: Departures,
    drained: Vec<oneshot::Sender<()>>,
    asked: JoinSet<Told>,
}

impl Keeper {
    /// A keeper whose lease was just asked for at `asked`, and granted.
    pub(super) fn new(ties: Ties, connection: Connection, asked: Duration) -> Self {
        ties.lease.renewed(asked, ties.terms);
        let clock_names = ties.clock.renamings();
        Self {
            ties,
            state: NodeState::Up,
            connection: Some(connection),
            is_connecting: false,
            is_renewing: false,
            last_good: asked,
            returns: false,
            auditing: 0,
            audit_failed: false,
            pace: Pace::default(),
            clock_names,
            nodes: Vec::new(),
            held: BTreeMap::new(),
            owed: BTreeMap::new(),
            releasing: BTreeMap::new(),
            doubted: BTreeSet::new(),
            departures: Departures::default(),
            drained: Vec::new(),
            asked: JoinSet::new(),
        }
    }

    /// Works until the relay closes, and then ends the lease.
    pub(super) async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let closing = self.ties.closing.clone();
        let mut renewals = interval(self.ties.terms.renewal());
        renewals.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut audits = interval(AUDIT.min(self.ties.terms.ttl() * 2));
        audits.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let departure = self.departures.due();
            tokio::select! {
                biased;
                () = closing.cancelled() => break,
                Ok(()) = self.clock_names.changed() => self.slept(),
                _ = renewals.tick() => self.renew(),
                Some(told) = self.asked.join_next() => match told {
                    Ok(told) => self.heard(told).await,
                    Err(error) => error!(%error, "a question to Redis failed"),
                },
                _ = audits.tick() => self.audit(),
                () = sleep_until(departure.unwrap_or_else(Instant::now)), if departure.is_some() => {
                    self.depart().await;
                }
                command = commands.recv(), if self.asked.len() < MOST_ASKED => match command {
                    Some(command) => self.obey(command),
                    None => break,
                },
            }
        }
        self.ties.lease.end();
        if let Some(connection) = self.connection.take() {
            // Redis forgets the node by itself if this does not reach it.
            let _ = timeout(self.ties.terms.patience(), self.ties.ledger.leave(connection)).await;
        }
    }

    fn renew(&mut self) {
        if self.is_renewing {
            return;
        }
        let Some(connection) = self.connected() else { return };
        let (ledger, state, clock) =
            (self.ties.ledger.clone(), self.state, self.ties.clock.clone());
        self.is_renewing = true;
        self.asked.spawn(async move {
            let asked = (awake_or_not(), clock.now());
            let result = ledger.renew(connection, state).await;
            Told::Renewed { asked, result }
        });
    }

    /// The connection; begins to make one if there is none.
    fn connected(&mut self) -> Option<Connection> {
        if self.connection.is_none() && !self.is_connecting {
            self.is_connecting = true;
            let ledger = self.ties.ledger.clone();
            self.asked.spawn(async move { Told::Connected(ledger.connect().await) });
        }
        self.connection.clone()
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Claim(swarm) => self.claim(swarm, Why::Entering),
            Command::Store(record, waiting) => self.store(*record, waiting),
            Command::Release(swarm, epoch, leaving, waiting) => {
                self.release(swarm, epoch, leaving, waiting);
            }
            Command::Drain(within, waiting) => self.drain(within, waiting),
        }
    }

    fn claim(&mut self, swarm: SwarmHash, why: Why) {
        if let Some((epoch, leaving)) = self.owed.get(&swarm).copied() {
            self.release(swarm.clone(), epoch, leaving, oneshot::channel().0);
        }
        if let Some(is_wanted) = self.releasing.get_mut(&swarm) {
            *is_wanted |= why == Why::Entering;
            return;
        }
        if why == Why::Doubt && !self.doubted.insert(swarm.clone()) {
            return;
        }
        let begins = self.state == NodeState::Up || self.held.contains_key(&swarm);
        let (ledger, connection) = (self.ties.ledger.clone(), self.connected());
        self.asked.spawn(async move {
            let result = match connection.filter(|_| begins) {
                Some(connection) => ledger.claim(connection, &swarm).await,
                None => Ok(Err(Unsettled)),
            };
            Told::Claimed { swarm, why, result }
        });
    }

    fn store(&mut self, record: Record, waiting: oneshot::Sender<Stored>) {
        // Whoever waits hears of a dropped answer, too.
        let Some(connection) = self.connected() else { return };
        let ledger = self.ties.ledger.clone();
        self.asked.spawn(async move {
            let result = ledger.store(connection, &record).await;
            Told::Stored { swarm: record.swarm, waiting, result }
        });
    }

    fn release(
        &mut self,
        swarm: SwarmHash,
        epoch: u64,
        leaving: Leaving,
        waiting: oneshot::Sender<()>,
    ) {
        self.held.remove(&swarm);
        self.doubted.remove(&swarm);
        self.tell_drained();
        self.owed.insert(swarm.clone(), (epoch, leaving));
        let Some(connection) = self.connected() else { return };
        self.releasing.insert(swarm.clone(), false);
        let ledger = self.ties.ledger.clone();
        self.asked.spawn(async move {
            let result = ledger.release(connection, &swarm, epoch, leaving).await;
            Told::Released { swarm, waiting, result }
        });
    }

    async fn heard(&mut self, told: Told) {
        match told {
            Told::Connected(result) => {
                self.is_connecting = false;
                match result {
                    Ok(connection) => {
                        info!("connected to Redis");
                        self.connection = Some(connection);
                        self.renew();
                    }
                    Err(error) => {
                        self.ties.metrics.redis_failures.inc();
                        warn!(%error, "Redis can not be reached");
                    }
                }
            }
            Told::Renewed { asked, result } => {
                self.is_renewing = false;
                match self.sound(result) {
                    Some(Renewal::Renewed { told, began }) => {
                        if began {
                            self.ties.lease.end();
                        }
                        self.renewed(asked, told);
                    }
                    Some(Renewal::Fenced) => {
                        error!("another relay lives under this node's name; end one of them");
                        self.ties.lease.end();
                    }
                    None => {}
                }
            }
            Told::Claimed { swarm, why, result } => {
                let settled = self.sound(result);
                match why {
                    Why::Entering => self.entered(swarm, settled.unwrap_or(Err(Unsettled))).await,
                    Why::Doubt => self.cleared(swarm, settled).await,
                }
            }
            Told::Stored { swarm, waiting, result } => {
                let stored = self.sound(result).unwrap_or(Stored::Unknown);
                let _ = waiting.send(stored);
                if stored == Stored::Fenced && self.held.contains_key(&swarm) {
                    self.claim(swarm, Why::Doubt);
                }
            }
            Told::Released { swarm, waiting, result } => {
                if self.sound(result).is_some() {
                    self.owed.remove(&swarm);
                }
                let _ = waiting.send(());
                if self.releasing.remove(&swarm) == Some(true) {
                    self.claim(swarm, Why::Entering);
                }
            }
            Told::Audited { share, result } => {
                self.auditing = self.auditing.saturating_sub(1);
                match self.sound(result) {
                    Some(lost) => {
                        for (swarm, _) in lost.into_iter().filter_map(|index| share.get(index)) {
                            self.claim(swarm.clone(), Why::Doubt);
                        }
                    }
                    None => self.audit_failed = true,
                }
                self.end_audit();
            }
            Told::Nodes(result) => {
                if let Some(nodes) = self.sound(result) {
                    let others = nodes.iter().filter_map(|node| node.place.public.clone());
                    let relays = others.take(protocol::limits::MAX_RELAYS).collect();
                    self.ties.relays.send_if_modified(|known| {
                        let is_news = *known != relays;
                        *known = relays;
                        is_news
                    });
                    self.nodes = nodes;
                }
            }
        }
    }

    /// The answer; a connection that did not bring one is given up.
    fn sound<T>(&mut self, result: RedisResult<T>) -> Option<T> {
        result
            .inspect_err(|error| {
                if breaks_connection(error) {
                    self.connection = None;
                }
                self.ties.metrics.redis_failures.inc();
                warn!(%error, "Redis did not do what it was asked");
            })
            .ok()
    }

    fn renewed(&mut self, (asked, asked_at): (Duration, SwarmTime), told: SwarmTime) {
        let answered = self.ties.clock.now();
        let exchange = Exchange { asked: asked_at, told, answered };
        match self.pace.correction(exchange) {
            Correction::Slew(by) => self.ties.clock.shift(by),
            Correction::Step(by) => {
                info!(
                    milliseconds = by.as_millis_f64(),
                    "the clock is Redis's again after a sleep"
                );
                self.ties.clock.make_up_for(by);
                self.clock_names.mark_unchanged();
            }
        }
        if self.pace.is_learning() {
            self.renew();
        }
        self.last_good = asked;
        if self.returns || !self.ties.lease.holds_at(awake_or_not()) {
            // Somebody may have taken what this relay kept. The lease begins once that is known.
            if !self.returns {
                warn!(swarms = self.held.len(), "the lease had run out");
            }
            // One under way may have been answered before somebody took a swarm.
            self.audit_failed |= self.auditing > 0 && !self.returns;
            self.returns = true;
            if self.auditing == 0 {
                self.audit();
            }
        } else {
            self.ties.lease.renewed(asked, self.ties.terms);
        }
    }

    /// This computer slept, and the clock was put forward by about that time. How far it is off
    /// is asked anew.
    fn slept(&mut self) {
        self.pace.slept();
        self.renew();
    }

    /// Asks whether what is kept here is still ours, and who else is there.
    fn audit(&mut self) {
        let Some(connection) = self.connected() else { return };
        let (ledger, other) = (self.ties.ledger.clone(), connection.clone());
        self.asked.spawn(async move { Told::Nodes(ledger.nodes(other).await) });
        let owed: Vec<_> = self
            .owed
            .iter()
            .filter(|(swarm, _)| !self.releasing.contains_key(*swarm))
            .map(|(swarm, (epoch, leaving))| (swarm.clone(), *epoch, *leaving))
            .collect();
        for (swarm, epoch, leaving) in owed {
            self.release(swarm, epoch, leaving, oneshot::channel().0);
        }
        if self.auditing > 0 {
            return;
        }
        self.audit_failed = false;
        let held: Vec<(SwarmHash, u64)> =
            self.held.iter().map(|(swarm, epoch)| (swarm.clone(), *epoch)).collect();
        for share in held.chunks(AUDIT_SHARE) {
            self.auditing += 1;
            let (ledger, connection) = (self.ties.ledger.clone(), connection.clone());
            let share = share.to_vec();
            self.asked.spawn(async move {
                let result = ledger.audit(connection, &share).await;
                Told::Audited { share, result }
            });
        }
        self.end_audit();
    }

    /// Begins the lease anew once everything kept here is known to be still ours.
    fn end_audit(&mut self) {
        let is_clear = self.auditing == 0 && self.doubted.is_empty() && !self.audit_failed;
        if self.returns && is_clear {
            self.returns = false;
            self.ties.lease.renewed(self.last_good, self.ties.terms);
            info!("the lease holds again");
        }
    }

    async fn entered(&mut self, swarm: SwarmHash, settled: Settled) {
        if let Ok(Claim::Mine { epoch, .. }) = &settled {
            self.held.insert(swarm.clone(), *epoch);
        }
        self.tell(Verdict::Claimed { swarm, settled }).await;
        // One that was claimed right before this relay was asked to end leaves as well.
        self.plan_departures();
    }

    /// It is known again whose a swarm is that is kept here.
    async fn cleared(&mut self, swarm: SwarmHash, settled: Option<Settled>) {
        self.doubted.remove(&swarm);
        let known = self.held.get(&swarm).copied();
        match (known, settled) {
            (Some(_), Some(Ok(Claim::Mine { epoch, .. }))) => {
                self.held.insert(swarm.clone(), epoch);
                self.tell(Verdict::Raised { swarm, epoch }).await;
            }
            (Some(_), Some(Ok(Claim::Theirs(owner)))) => {
                self.held.remove(&swarm);
                self.tell_drained();
                self.tell(Verdict::Taken { swarm, owner }).await;
            }
            (None, _) => {}
            // The next audit asks again; until then the lease does not begin anew.
            (Some(_), Some(Err(Unsettled)) | None) => self.audit_failed = true,
        }
        self.end_audit();
    }

    fn drain(&mut self, within: Duration, waiting: oneshot::Sender<()>) {
        self.state = NodeState::Draining;
        self.departures.begin(Instant::now(), within);
        self.drained.push(waiting);
        self.plan_departures();
        self.tell_drained();
        self.renew();
        // Where they can go is asked anew.
        self.audit();
    }

    /// Every swarm that is kept here leaves, if this relay ends.
    fn plan_departures(&mut self) {
        self.departures.plan(Instant::now(), self.held.keys(), &mut rand::rng());
    }

    async fn depart(&mut self) {
        let Some(swarm) = self.departures.next(Instant::now()) else { return };
        if self.held.contains_key(&swarm) {
            let to = self.any_other();
            self.tell(Verdict::Leave { swarm, to }).await;
        }
    }

    fn any_other(&self) -> Option<Elsewhere> {
        let others: Vec<&LiveNode> = self.nodes.iter().filter(|node| !node.is_own).collect();
        let chosen = others.get(rand::rng().random_range(0..others.len().max(1)))?;
        Some(chosen.place.clone())
    }

    fn tell_drained(&mut self) {
        if self.state == NodeState::Draining && self.held.is_empty() {
            for waiting in self.drained.drain(..) {
                let _ = waiting.send(());
            }
        }
    }

    async fn tell(&mut self, verdict: Verdict) {
        // The registry never waits for this task, so it will get to it.
        let _ = self.ties.verdicts.send(verdict).await;
    }
}
