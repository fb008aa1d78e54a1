//! Which relay to connect to next, where several relays keep a swarm between them.
//!
//! Rules only; the connection is `link.rs`. A member starts at the address it was given, its
//! home: often a load balancer. A relay may send it on to another one, and names those that it
//! may come back to. A member believes that of hosts below its home, and of what the relay that
//! let it in has named; never of one without TLS where its home has it.
//!
//! A party that a member's app carries is different: whoever takes over has to prove that it holds
//! the swarm's key, so a member may be sent to any address of its local network. When the carrier is
//! gone it knocks at one door after the other, in an order that all compute alike
//! ([`sync_core::succession::order`]).

use std::net::IpAddr;
use std::time::Duration;

use protocol::limits::MAX_RELAYS;
use sync_core::room::is_local_network;
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
    /// Where a member's app carries the party, if one does.
    carried_at: Option<RelayAddress>,
    /// The last attempt was the last one of a round.
    is_round_over: bool,
}

/// Where a member's own relay can be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Door {
    /// All at once are tried.
    pub(crate) addresses: Vec<RelayAddress>,
    /// It is this member's own.
    pub(crate) is_own: bool,
}

/// What to try next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attempt {
    /// The first of these that answers.
    pub(crate) addresses: Vec<RelayAddress>,
    /// It is this member's own relay.
    pub(crate) is_own: bool,
    /// There are others to be tried soon if it does not answer.
    pub(crate) is_brief: bool,
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
            carried_at: None,
            is_round_over: true,
        }
    }

    /// Where to connect now: where it was sent; else, in a party that is carried, where it was and
    /// each of `doors` in turn; else home and the known relays in turn.
    pub(crate) fn next(&mut self, doors: &[Door]) -> Attempt {
        let is_brief = self.is_carried();
        let to = |relay| Attempt { addresses: vec![relay], is_own: false, is_brief };
        if let Some(relay) = self.sent_to.take() {
            return to(relay);
        }
        let Some(carried_at) = self.carried_at.clone() else {
            return to(self.next_of_several());
        };
        let is_elsewhere = |door: &&Door| door.addresses != [carried_at.clone()];
        let others: Vec<&Door> = doors.iter().filter(is_elsewhere).collect();
        let place = self.attempts % (others.len() + 1);
        self.attempts = place + 1;
        self.is_round_over = place == others.len();
        match place.checked_sub(1) {
            None => to(carried_at),
            Some(place) => Attempt {
                addresses: others[place].addresses.clone(),
                is_own: others[place].is_own,
                is_brief,
            },
        }
    }

    fn next_of_several(&mut self) -> RelayAddress {
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

    /// A relay that let this member in is carried by a member's app, at this address.
    pub(crate) fn carried_at(&mut self, address: RelayAddress) {
        self.carried_at = Some(address);
    }

    /// True while this is a party that members' apps carry.
    pub(crate) fn is_carried(&self) -> bool {
        self.carried_at.is_some()
    }

    /// True when a pause is due before the next attempt.
    pub(crate) fn is_round_over(&self) -> bool {
        self.is_round_over || !self.is_carried()
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
        if self.is_carried() {
            return host.parse().is_ok_and(|ip| is_local_network(&ip));
        }
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
            let next = next(&mut route);
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
        assert_eq!([next(&mut route), next(&mut route)], ["ws://home:1"; 2].map(address));
        let named = ["ws://home:2", "ws://home:3"].map(str::to_owned);
        route.joined(Instant::now(), 5, &named);
        let tried: Vec<_> = (0..5).map(|_| next(&mut route)).collect();
        let expected = ["ws://home:1", "ws://home:2", "ws://home:1", "ws://home:3", "ws://home:1"];
        assert_eq!(tried, expected.map(address));
    }

    #[test]
    fn relays_that_send_a_member_in_a_circle_are_given_up_after_three_hops() {
        let mut route = route("ws://home:1");
        let hops = (0..10).take_while(|_| route.moved(Some("ws://home:2"), 0)).count();
        assert_eq!(hops, 3);
        assert_eq!(next(&mut route), address("ws://home:2"), "the last one it was sent to");
        assert_eq!(next(&mut route), address("ws://home:1"));
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

    #[test]
    fn where_friends_carry_the_party_each_door_is_tried_in_turn_with_a_pause_after_the_last() {
        let mut route = route("ws://10.0.0.1:1");
        route.joined(Instant::now(), 1, &[]);
        route.carried_at(address("ws://10.0.0.1:1"));
        let [ada, me] = ["ws://10.0.0.2:2", "ws://127.0.0.1:3"].map(address);
        let carrier = Door { addresses: vec![address("ws://10.0.0.1:1")], is_own: false };
        let ada_s = Door { addresses: vec![ada.clone()], is_own: false };
        let own = Door { addresses: vec![me.clone()], is_own: true };
        let doors = [carrier, ada_s, own];
        let mut rounds = Vec::new();
        for _ in 0..6 {
            let attempt = route.next(&doors);
            rounds.push((attempt.addresses[0].clone(), attempt.is_own, route.is_round_over()));
        }
        let home = address("ws://10.0.0.1:1");
        let round = [(home, false, false), (ada, false, false), (me, true, true)];
        assert_eq!(rounds, [round.clone(), round].concat());
        assert!(route.moved(Some("ws://10.0.0.9:9/ws"), 2), "whoever is there has the key");
        assert!(!route.moved(Some("ws://192.0.2.1:9/ws"), 2), "nothing beyond the local network");
        assert!(!route.moved(Some("wss://10.0.0.9:9/ws"), 2));
    }

    fn next(route: &mut Route) -> RelayAddress {
        route.next(&[]).addresses.remove(0)
    }

    fn route(home: &str) -> Route {
        Route::from(address(home))
    }

    fn address(text: &str) -> RelayAddress {
        RelayAddress::parse(text).unwrap()
    }
}
