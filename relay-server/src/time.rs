//! The relay's time by UDP, on the port of its WebSockets.
//!
//! Each member gets a token and a key in its `joined`, good until its connection ends. The key
//! is made from the token and a secret of this relay's, so that only tokens are kept: a datagram
//! brings its token along, and proves it. What proves nothing is not answered, and an answer is
//! as long as its question, so the relay cannot be made to flood anyone.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use protocol::datagram::{Datagram, DatagramKey, LENGTH, Ping, Pong, Tag};
use protocol::ids::hex;
use protocol::sync::TimeService;
use protocol::{Span, SwarmTime};
use sync_core::rate::{Rate, TokenBucket};
use time_socket::TimeSocket;
use tokio::sync::mpsc;
use tracing::debug;

use crate::metrics::{DropReason, Via};
use crate::relay::Shared;

/// Grants on their way to the socket's task. Members beyond it wait with their `join`.
pub(crate) const MAILBOX: usize = 256;

/// Grants looked through for what has ended, at the least.
const FIRST_SWEEP: usize = 256;

/// Hands out the right to ask.
pub(crate) struct TimeGrants {
    secret: [u8; 32],
    granted: mpsc::Sender<Granted>,
}

/// The right to ask, for one connection. Ends when it is dropped.
pub(crate) struct TimeGrant {
    service: TimeService,
    _alive: Arc<()>,
}

/// Tells the socket's task of a grant. It hears of the end by itself, so that nothing needs to
/// be sent then.
pub(crate) struct Granted {
    token: Tag,
    alive: Weak<()>,
}

impl TimeGrants {
    /// With a secret of its own.
    pub(crate) fn new(granted: mpsc::Sender<Granted>) -> Self {
        Self { secret: rand::random(), granted }
    }

    /// The right to ask, for one connection; none while the relay ends. The socket's task
    /// knows of it before the member does.
    pub(crate) async fn grant(&self) -> Option<TimeGrant> {
        let token = Tag(rand::random());
        let alive = Arc::new(());
        let granted = Granted { token, alive: Arc::downgrade(&alive) };
        self.granted.send(granted).await.ok()?;
        let service = TimeService {
            port: None,
            token: hex(&token.0.to_be_bytes()),
            key: DatagramKey::of_token(&self.secret, token).to_hex(),
        };
        Some(TimeGrant { service, _alive: alive })
    }

    /// The question in a datagram that proves its token.
    fn question(&self, bytes: &[u8], token: Tag) -> Option<(Ping, DatagramKey)> {
        let key = DatagramKey::of_token(&self.secret, token);
        match Datagram::decode(bytes, &key) {
            Ok(Datagram::Ping(ping)) if ping.to == Tag::RELAY => Some((ping, key)),
            _ => None,
        }
    }
}

impl TimeGrant {
    /// How the member asks.
    pub(crate) fn service(&self) -> TimeService {
        self.service.clone()
    }
}

/// Who may ask at present, and how much more. Of the size of the relay's members: what has
/// ended is cleared away before there are twice as many.
struct Askers {
    rate: Rate,
    known: HashMap<Tag, Asker>,
    sweep_at: usize,
}

struct Asker {
    alive: Weak<()>,
    budget: TokenBucket<SwarmTime>,
}

impl Askers {
    fn new(rate: Rate) -> Self {
        Self { rate, known: HashMap::new(), sweep_at: FIRST_SWEEP }
    }

    fn add(&mut self, now: SwarmTime, granted: Granted) {
        if self.known.len() >= self.sweep_at {
            self.known.retain(|_, asker| asker.alive.strong_count() > 0);
            self.sweep_at = (2 * self.known.len()).max(FIRST_SWEEP);
        }
        let Granted { token, alive } = granted;
        self.known.insert(token, Asker { alive, budget: TokenBucket::new(self.rate, now) });
    }

    /// The one of this token, while its grant lasts.
    fn of(&mut self, token: Tag) -> Option<&mut Asker> {
        self.known.get_mut(&token).filter(|asker| asker.alive.strong_count() > 0)
    }
}

/// Answers until the relay closes.
pub(crate) async fn answer(
    relay: Arc<Shared>,
    socket: TimeSocket,
    mut granted: mpsc::Receiver<Granted>,
) {
    let Some(grants) = &relay.time else { return };
    let mut askers = Askers::new(relay.limits.time_pings);
    // One byte more than a datagram has, so that a longer one is not taken for one.
    let mut buffer = [0; LENGTH + 1];
    loop {
        let arrival = tokio::select! {
            biased;
            () = relay.closing.cancelled() => return,
            Some(granted) = granted.recv() => {
                askers.add(relay.clock.now(), granted);
                continue;
            }
            arrival = socket.receive(&mut buffer) => arrival,
        };
        let Ok(arrival) = arrival else { continue };
        let t1 = relay.clock.at(arrival.at);
        let bytes = &buffer[..arrival.length];
        let Some((asker, ping, key)) = question(grants, &mut askers, bytes) else {
            relay.metrics.dropped.inc(DropReason::TimeUnproven);
            continue;
        };
        if !asker.budget.admits(t1) {
            relay.metrics.dropped.inc(DropReason::TimeRateLimited);
            continue;
        }
        let Ping { from, probe, .. } = ping;
        let pong =
            Pong { from: Tag::RELAY, to: from, probe, t1, t2: t1, doubt: Span::ZERO, room: None };
        let bytes = Datagram::answer(pong, &key, || {
            let t2 = relay.clock.now();
            relay.metrics.time_holding_seconds.observe(Via::Udp, t2 - t1);
            t2
        });
        if let Err(error) = socket.send(&bytes, arrival.from) {
            debug!(%error, "a time answer was not sent");
        }
    }
}

/// What a datagram asks, if its token is good and proven. Unknown tokens cost no digest.
fn question<'a>(
    grants: &TimeGrants,
    askers: &'a mut Askers,
    bytes: &[u8],
) -> Option<(&'a mut Asker, Ping, DatagramKey)> {
    let token = Datagram::claimed_sender(bytes).ok()?;
    let asker = askers.of(token)?;
    let (ping, key) = grants.question(bytes, token)?;
    Some((asker, ping, key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_grant_ends_with_who_holds_it_and_what_has_ended_is_cleared_away() {
        let (told, mut granted) = mpsc::channel(MAILBOX);
        let grants = TimeGrants::new(told);
        let now = SwarmTime::from_nanos(0);
        let mut askers = Askers::new(Rate { per_second: 25.0, burst: 40.0 });
        let mut most = 0;
        let kept = grants.grant().await.expect("the task listens");
        let first = granted.recv().await.expect("told");
        let first_token = first.token;
        askers.add(now, first);
        for _ in 0..10_000 {
            let grant = grants.grant().await.expect("the task listens");
            let told = granted.recv().await.expect("told");
            let token = told.token;
            askers.add(now, told);
            assert!(askers.of(token).is_some());
            drop(grant);
            assert!(askers.of(token).is_none(), "it has ended");
            most = most.max(askers.known.len());
        }
        assert!(most <= FIRST_SWEEP, "{most}");
        assert!(askers.of(first_token).is_some(), "the one that lasts");
        drop(kept);
    }
}
