//! Which relay to connect to next, where several relays keep a swarm between them.
//!
//! Rules only; the connection is `link.rs`. A member starts at the address it was given, its
//! home: often a load balancer. A relay may send it on to another one, and names those that it
//! may come back to. A member believes that of hosts below its home, and of what the relay that
//! let it in has named; never of one without TLS where its home has it.

use std::net::IpAddr;
use std::time::Duration;

use protocol::limits::MAX_RELAYS;
use tokio::time::Instant;

use crate::address::RelayAddress;

/// Relays that may send a member on before it begins at home again: from the balancer's choice
/// to the owner is one, and a swarm that moves meanwhile adds another.
const MOST_HOPS: u32 = 3;

/// How long an owner of a lower epoch than one seen before is not believed. One that lost its
/// swarm while it stood still learns so within seconds; if nothing else is found until then, it
/// is the record of epochs that was lost.
const DISBELIEF: Duration = Duration::from_secs(10);

/// See the head of this file.
#[derive(Debug)]
pub(crate) struct Route {
    home: RelayAddress,
    /// Named by the relay that let this member in last.
    known: Vec<RelayAddress>,
    /// Where the last relay sent this member.
    sent_to: Option<RelayAddress>,
    hops: u32,
    attempts: usize,
    /// The highest epoch under which this member was let in.
    epoch: u64,
    disbelieved_since: Option<Instant>,
}

impl Route {
    /// A member that knows its home only.
    pub(crate) fn from(home: RelayAddress) -> Self {
        Self {
            home,
            known: Vec::new(),
            sent_to: None,
            hops: 0,
            attempts: 0,
            epoch: 0,
            disbelieved_since: None,
        }
    }

    /// Where to connect now: where it was sent, else home and the known relays in turn.
    pub(crate) fn next(&mut self) -> RelayAddress {
        if let Some(relay) = self.sent_to.take() {
            return relay;
        }
        let attempt = self.attempts;
        self.attempts += 1;
        if attempt.is_multiple_of(2) || self.known.is_empty() {
            return self.home.clone();
        }
        self.known[attempt / 2 % self.known.len()].clone()
    }

    /// A relay sends this member on. True if it goes at once; else it pauses first.
    pub(crate) fn moved(&mut self, url: Option<&str>, epoch: u64) -> bool {
        self.hops += 1;
        let is_stale = epoch > 0 && epoch < self.epoch;
        if self.hops > MOST_HOPS || is_stale {
            self.hops = 0;
            return false;
        }
        let Some(url) = url else {
            self.attempts = 0;
            return true;
        };
        self.sent_to = RelayAddress::parse(url).ok().filter(|relay| self.believes(relay));
        self.sent_to.is_some()
    }

    /// A relay let this member in under `epoch`, and names others. False if it does not own
    /// the swarm any more and does not know it.
    pub(crate) fn joined(&mut self, now: Instant, epoch: u64, relays: &[String]) -> bool {
        if epoch > 0 && epoch < self.epoch {
            let since = *self.disbelieved_since.get_or_insert(now);
            if now - since < DISBELIEF {
                return false;
            }
        }
        self.disbelieved_since = None;
        (self.epoch, self.hops, self.attempts) = (epoch, 0, 0);
        let relays = relays.iter().take(MAX_RELAYS).filter_map(|url| RelayAddress::parse(url).ok());
        self.known = relays.filter(|relay| relay.is_secure() == self.home.is_secure()).collect();
        true
    }

    /// True when there is more than one relay to find the swarm at.
    pub(crate) fn has_choice(&self) -> bool {
        self.epoch > 0
    }

    fn believes(&self, relay: &RelayAddress) -> bool {
        if relay.is_secure() != self.home.is_secure() {
            return false;
        }
        let (host, home) = (relay.host(), self.home.host());
        // Addresses lie below nothing, whatever they end in.
        let is_name = host.parse::<IpAddr>().is_err();
        let is_below = host.strip_suffix(home).is_some_and(|front| front.ends_with('.'));
        host == home || (is_name && is_below) || self.known.contains(relay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_sent_below_its_home_and_nowhere_else() {
        for (home, url, goes) in [
            ("wss://relay.example", "wss://a.relay.example/ws", true),
            ("wss://relay.example", "wss://relay.example:444/ws", true),
            ("wss://relay.example", "ws://a.relay.example/ws", false),
            ("wss://relay.example", "wss://evilrelay.example/ws", false),
            ("wss://relay.example", "wss://relay.example.evil/ws", false),
            ("wss://relay.example", "wss://192.168.1.1/ws", false),
            ("ws://10.0.0.1:8080", "ws://10.0.0.1:8081/ws", true),
            ("ws://10.0.0.1:8080", "ws://10.0.0.2:8080/ws", false),
            ("ws://0.0.1", "ws://10.0.0.1/ws", false),
            ("wss://relay.example", "not an address", false),
        ] {
            let mut route = route(home);
            assert_eq!(route.moved(Some(url), 0), goes, "{home} to {url}");
            let next = route.next();
            let expected = if goes { url } else { home };
            assert_eq!(next, RelayAddress::parse(expected).unwrap(), "{home} to {url}");
        }
    }

    #[test]
    fn a_relay_that_let_a_member_in_may_name_any_other_as_safe_as_itself() {
        let mut route = route("wss://relay.example");
        let named = ["wss://10.0.0.2/ws", "ws://10.0.0.3/ws", "?"].map(str::to_owned);
        assert!(route.joined(Instant::now(), 5, &named));
        assert!(route.moved(Some("wss://10.0.0.2/ws"), 6));
        assert!(!route.moved(Some("ws://10.0.0.3/ws"), 6));
        assert!(!route.moved(Some("wss://10.0.0.4/ws"), 6));
    }

    #[test]
    fn a_member_whose_relay_died_tries_its_home_and_the_others_in_turn() {
        let mut route = route("ws://home:1");
        assert_eq!([route.next(), route.next()], ["ws://home:1"; 2].map(address));
        let named = ["ws://home:2", "ws://home:3"].map(str::to_owned);
        route.joined(Instant::now(), 5, &named);
        let tried: Vec<_> = (0..5).map(|_| route.next()).collect();
        let expected = ["ws://home:1", "ws://home:2", "ws://home:1", "ws://home:3", "ws://home:1"];
        assert_eq!(tried, expected.map(address));
    }

    #[test]
    fn relays_that_send_a_member_in_a_circle_are_given_up_after_three_hops() {
        let mut route = route("ws://home:1");
        let hops = (0..10).take_while(|_| route.moved(Some("ws://home:2"), 0)).count();
        assert_eq!(hops, 3);
        assert_eq!(route.next(), address("ws://home:2"), "the last one it was sent to");
        assert_eq!(route.next(), address("ws://home:1"));
    }

    #[test]
    fn an_owner_that_lost_its_swarm_is_not_believed_unless_there_is_no_other() {
        let mut route = route("ws://home:1");
        let start = Instant::now();
        assert!(route.joined(start, 100, &[]));
        assert!(!route.joined(start, 99, &[]));
        assert!(!route.moved(Some("ws://home:2"), 99), "nor where it sends one");
        assert!(!route.joined(start + DISBELIEF / 2, 99, &[]));
        assert!(route.joined(start + DISBELIEF, 99, &[]), "the record of epochs was lost");
        assert!(route.joined(start, 0, &[]), "a relay alone has none");
    }

    fn route(home: &str) -> Route {
        Route::from(address(home))
    }

    fn address(text: &str) -> RelayAddress {
        RelayAddress::parse(text).unwrap()
    }
}
