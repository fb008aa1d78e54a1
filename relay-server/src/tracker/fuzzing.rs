//! Feeds the tracker for the fuzz target of that name; see `crate::fuzzing`.

use std::collections::BTreeSet;

use prometheus_client::metrics::counter::Counter;
use protocol::json::json_depth;
use protocol::{Span, SwarmTime};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde_json::Value;

use super::Sending;
use super::message::Request;
use super::namespaces::Trackers;
use crate::fuzzing::lines;
use crate::limits::Limits;
use crate::socket::ConnectionId;

/// Connections in a run.
const CONNECTIONS: u8 = 6;

/// Time from one line to the next: peers and offers expire within a long input.
const BETWEEN: Span = Span::from_secs(5);

/// Feeds the tracker with the lines of `input`.
///
/// # Panics
///
/// When it does what it must never do.
pub fn tracker(input: &[u8]) {
    // Small, so that short inputs reach them.
    let limits = Limits { tracker_torrents: 3, tracker_waiting_offers: 4, ..Limits::default() };
    let mut trackers = Trackers::new(&limits, &Counter::default());
    let mut connected = BTreeSet::new();
    let mut now = SwarmTime::from_nanos(0);
    let mut rng = StdRng::seed_from_u64(7);
    for (who, text) in lines(input) {
        now += BETWEEN;
        trackers.expire(now);
        let connection = ConnectionId(u64::from(who % CONNECTIONS));
        if text.is_empty() {
            if connected.remove(&connection) {
                trackers.disconnect(connection);
            } else {
                connected.insert(connection);
                trackers.connect(connection, None);
            }
            continue;
        }
        match Request::decode(text, &limits) {
            Err(failure) => sound(&failure.encode()),
            Ok(_) if json_depth(text) > limits.json_depth => {}
            Ok(request) => {
                for Sending { to, text } in trackers.handle(now, connection, request, &mut rng) {
                    assert!(connected.contains(&to), "sent to {to:?}, which is gone");
                    sound(&text);
                }
            }
        }
        let most = connected.len() * limits.tracker_torrents;
        assert!(trackers.held().peers <= most, "peers of connections that are gone, or too many");
    }
    for connection in connected {
        trackers.disconnect(connection);
    }
    let held = trackers.held();
    assert_eq!((held.torrents, held.peers), (0, 0), "nobody is left");
}

/// Clients end the connection on an action they do not know.
fn sound(text: &str) {
    let value: Value = serde_json::from_str(text).expect("the tracker says JSON");
    let action = value["action"].as_str();
    assert!(matches!(action, Some("announce" | "scrape")), "no client bears {text}");
}
