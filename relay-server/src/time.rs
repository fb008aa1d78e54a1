//! The relay's time by UDP, on the port of its WebSockets.
//!
//! Each member gets a token and a key in its `joined`. The key is made from the token and a
//! secret of this relay's, so that nothing has to be kept for it: a datagram brings its token
//! along, and proves it. What proves nothing is not answered, and an answer is as long as its
//! question, so the relay cannot be made to flood anyone.

use std::sync::Arc;

use protocol::datagram::{Datagram, DatagramKey, LENGTH, Ping, Pong, Tag};
use protocol::ids::hex;
use protocol::sync::TimeService;
use protocol::{Span, SwarmTime};
use sync_core::rate::TokenBuckets;
use time_socket::TimeSocket;
use tracing::debug;

use crate::metrics::{DropReason, Via};
use crate::relay::Shared;

/// Askers whose rates are kept count of. A bucket refills within two seconds and is forgotten
/// then, so this is far more than ask at once.
const MOST_ASKERS: usize = 65_536;

/// Hands out the right to ask.
pub(crate) struct TimeGrants {
    secret: [u8; 32],
}

impl TimeGrants {
    /// With a secret of its own.
    pub(crate) fn new() -> Self {
        Self { secret: rand::random() }
    }

    /// The right to ask, for one connection.
    pub(crate) fn grant(&self) -> TimeService {
        let token = Tag(rand::random());
        TimeService {
            port: None,
            token: hex(&token.0.to_be_bytes()),
            key: DatagramKey::of_token(&self.secret, token).to_hex(),
        }
    }

    /// The question in a datagram that proves its token.
    fn question(&self, bytes: &[u8]) -> Option<(Ping, DatagramKey)> {
        let token = Datagram::claimed_sender(bytes).ok()?;
        let key = DatagramKey::of_token(&self.secret, token);
        match Datagram::decode(bytes, &key) {
            Ok(Datagram::Ping(ping)) if ping.to == Tag::RELAY => Some((ping, key)),
            _ => None,
        }
    }
}

/// Answers until the relay closes.
pub(crate) async fn answer(relay: Arc<Shared>, socket: TimeSocket) {
    let Some(grants) = &relay.time else { return };
    let mut rates = TokenBuckets::<Tag, SwarmTime>::new(relay.limits.time_pings, MOST_ASKERS);
    // One byte more than a datagram has, so that a longer one is not taken for one.
    let mut buffer = [0; LENGTH + 1];
    loop {
        let arrival = tokio::select! {
            biased;
            () = relay.closing.cancelled() => return,
            arrival = socket.receive(&mut buffer) => arrival,
        };
        let Ok(arrival) = arrival else { continue };
        let t1 = relay.clock.at(arrival.at);
        let Some((ping, key)) = grants.question(&buffer[..arrival.length]) else {
            relay.metrics.dropped.inc(DropReason::TimeUnproven);
            continue;
        };
        if !rates.admits(ping.from, t1) {
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
