//! Clients of different namespaces never meet: each namespace has a tracker of its own, for as
//! long as somebody announces there.

use std::collections::HashMap;
use std::sync::Arc;

use prometheus_client::metrics::counter::Counter;
use protocol::SwarmTime;
use protocol::ids::TrackerNamespace;
use rand::Rng;

use super::message::Request;
use super::{Sending, Tracker};
use crate::limits::Limits;
use crate::socket::ConnectionId;

/// The trackers of one relay.
pub(crate) struct Trackers {
    limits: Arc<Limits>,
    refusals: Counter,
    /// The open one has no name.
    trackers: HashMap<Option<TrackerNamespace>, Tracker>,
    connections: HashMap<ConnectionId, Option<TrackerNamespace>>,
}

/// How much they know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) torrents: usize,
    pub(crate) peers: usize,
}

impl Trackers {
    /// None yet. `refusals` counts what was not allowed.
    pub(crate) fn new(limits: &Limits, refusals: &Counter) -> Self {
        Self {
            limits: Arc::new(limits.clone()),
            refusals: refusals.clone(),
            trackers: HashMap::new(),
            connections: HashMap::new(),
        }
    }

    /// A client is there, in the one namespace that its connection will ever have.
    pub(crate) fn connect(
        &mut self,
        connection: ConnectionId,
        namespace: Option<TrackerNamespace>,
    ) {
        self.connections.insert(connection, namespace);
    }

    /// Does what a client asks.
    pub(crate) fn handle(
        &mut self,
        now: SwarmTime,
        from: ConnectionId,
        request: Request,
        rng: &mut impl Rng,
    ) -> Vec<Sending> {
        let Some(namespace) = self.connections.get(&from) else { return Vec::new() };
        if let Some(tracker) = self.trackers.get_mut(namespace) {
            let sendings = tracker.handle(now, from, request, rng);
            if tracker.is_empty() {
                self.trackers.remove(namespace);
            }
            return sendings;
        }
        let (limits, refusals) = (self.limits.clone(), self.refusals.clone());
        let mut tracker = Tracker { limits, refusals, ..Tracker::default() };
        let sendings = tracker.handle(now, from, request, rng);
        if !tracker.is_empty() {
            self.trackers.insert(namespace.clone(), tracker);
        }
        sendings
    }

    /// Forgets a connection and all it announced.
    pub(crate) fn disconnect(&mut self, connection: ConnectionId) {
        let Some(namespace) = self.connections.remove(&connection) else { return };
        let Some(tracker) = self.trackers.get_mut(&namespace) else { return };
        tracker.disconnect(connection);
        if tracker.is_empty() {
            self.trackers.remove(&namespace);
        }
    }

    /// Forgets what has expired.
    pub(crate) fn expire(&mut self, now: SwarmTime) {
        self.trackers.retain(|_, tracker| {
            tracker.expire(now);
            !tracker.is_empty()
        });
    }

    /// How much is known in all namespaces.
    pub(crate) fn held(&self) -> Held {
        let of_each = self.trackers.values().map(Tracker::held);
        of_each.fold(Held::default(), |all, one| Held {
            torrents: all.torrents + one.torrents,
            peers: all.peers + one.peers,
        })
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use serde_json::json;

    use super::*;

    const NOW: SwarmTime = SwarmTime::from_nanos(1_795_342_400_000_000_000);

    #[test]
    fn peers_of_different_namespaces_never_meet_and_those_of_one_do() {
        let mut world = World::new();
        for (connection, namespace) in
            [(1, Some("a")), (2, Some("b")), (3, None), (4, Some("a")), (5, None)]
        {
            world.connect(connection, namespace);
        }
        for (connection, met) in [(1, 0), (2, 0), (3, 0), (4, 1), (5, 1)] {
            let said = world.announce(connection);
            let receivers: Vec<u64> = said.iter().skip(1).map(|sending| sending.to.0).collect();
            assert_eq!(receivers.len(), met, "connection {connection}: {said:?}");
            assert!(receivers.iter().all(|to| [1, 3].contains(to)), "{receivers:?}");
        }
        assert_eq!(world.trackers.held(), Held { torrents: 3, peers: 5 });
    }

    #[test]
    fn a_namespace_is_forgotten_with_its_last_peer() {
        let mut world = World::new();
        world.connect(1, Some("a"));
        world.announce(1);
        world.connect(2, Some("b"));
        world.announce(2);
        world.trackers.disconnect(ConnectionId(1));
        assert_eq!(world.trackers.trackers.len(), 1);
        world.trackers.expire(NOW + protocol::Span::from_secs(240));
        assert_eq!((world.trackers.trackers.len(), world.trackers.connections.len()), (0, 1));
        world.announce(2);
        assert_eq!(world.trackers.held(), Held { torrents: 1, peers: 1 }, "it is still connected");
    }

    #[test]
    fn who_only_asks_in_a_namespace_leaves_nothing_there() {
        let mut world = World::new();
        world.connect(1, Some("a"));
        let scrape = json!({ "action": "scrape", "info_hash": "hhhhhhhhhhhhhhhhhhhh" });
        assert_eq!(world.say(1, &scrape.to_string()).len(), 1);
        assert!(world.trackers.trackers.is_empty());
    }

    struct World {
        trackers: Trackers,
        rng: ChaCha8Rng,
    }

    impl World {
        fn new() -> Self {
            let trackers = Trackers::new(&Limits::default(), &Counter::default());
            Self { trackers, rng: ChaCha8Rng::seed_from_u64(1) }
        }

        fn connect(&mut self, connection: u64, namespace: Option<&str>) {
            let namespace = namespace.map(|name| name.parse().expect("a plain name"));
            self.trackers.connect(ConnectionId(connection), namespace);
        }

        fn announce(&mut self, connection: u64) -> Vec<Sending> {
            let offers: Vec<_> = (0..5)
                .map(|number| {
                    json!({ "offer": { "type": "offer", "sdp": "" }, "offer_id": format!("{number:020}") })
                })
                .collect();
            let announce = json!({ "action": "announce", "info_hash": "hhhhhhhhhhhhhhhhhhhh",
                "peer_id": format!("{connection:020}"), "offers": offers });
            self.say(connection, &announce.to_string())
        }

        fn say(&mut self, connection: u64, text: &str) -> Vec<Sending> {
            let request = Request::decode(text, &Limits::default()).expect("a request");
            self.trackers.handle(NOW, ConnectionId(connection), request, &mut self.rng)
        }
    }
}
