//! How many connections the relay takes, from whom, and how fast.
//!
//! Sans-IO: a [`Visit`] and the time go in, a [`Place`] or a reason comes out. Dropping the place
//! gives it back. `door.rs` asks at every new connection; who a visitor is, `access.rs` knows.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use protocol::{Span, SwarmTime};
use sync_core::rate::TokenBucket;
use sync_core::room::is_local_network;

use crate::limits::Limits;

/// Addresses looked through for what can be forgotten, at the least. Far more are rarely known,
/// and looking through so few costs nothing.
const FIRST_SWEEP: usize = 1024;

/// Addresses known beside those that are connected. Each is forgotten once its budget is full
/// again, two seconds by default, so that this many are known only while the relay lets in far
/// more than it does by default.
const MOST_RECENT: usize = 65_536;

/// Time between two looks through as many addresses as can be known.
const SWEEP_PAUSE: Span = Span::from_secs(1);

/// Someone at the door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Visit {
    /// A connection from an address.
    Connection(IpAddr),
    /// A connection from a trusted proxy: counted, but whose it is will only be said in it.
    Proxy,
    /// A WebSocket inside a proxy's connection, for an address.
    Forwarded(IpAddr),
}

/// Why someone is turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TurnedAway {
    /// The relay has as many connections as it may.
    Full,
    /// All together come too fast.
    Rush,
    /// This address has as many connections as it may.
    AddressFull,
    /// This address comes too fast.
    AddressRush,
    /// This connection asks too often.
    RequestRush,
}

/// The right to be connected. Given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    _of_all: Option<Arc<()>>,
    _of_address: Option<Arc<()>>,
}

/// Keeps count.
pub(crate) struct Admission {
    most: usize,
    most_per_address: usize,
    rate: TokenBucket<SwarmTime>,
    limits: Limits,
    /// One more holder for every connection.
    open: Arc<()>,
    addresses: HashMap<IpAddr, Known>,
    sweep_at: usize,
    swept: SwarmTime,
}

/// An address that has connections, or had some a moment ago.
struct Known {
    /// One more holder for every connection.
    open: Arc<()>,
    rate: TokenBucket<SwarmTime>,
}

impl Admission {
    /// Nobody is here yet.
    pub(crate) fn new(limits: &Limits, now: SwarmTime) -> Self {
        Self {
            most: limits.connections,
            most_per_address: limits.connections_per_address,
            rate: TokenBucket::new(limits.new_connections, now),
            limits: limits.clone(),
            open: Arc::new(()),
            addresses: HashMap::new(),
            sweep_at: FIRST_SWEEP,
            swept: now,
        }
    }

    /// Lets a visitor in, or says why not.
    ///
    /// An address is held to its own budget before it takes from everyone's, so that one that
    /// rushes keeps nobody else out.
    pub(crate) fn admit(&mut self, now: SwarmTime, visit: Visit) -> Result<Place, TurnedAway> {
        let (address, is_connection) = match visit {
            Visit::Connection(address) => (Some(address), true),
            Visit::Proxy => (None, true),
            Visit::Forwarded(address) => (Some(address), false),
        };
        if is_connection && holders(&self.open) >= self.most {
            return Err(TurnedAway::Full);
        }
        let of_address = match address.map(network) {
            Some(address) if !self.is_spared(address) => Some(self.admit_address(now, address)?),
            _ => None,
        };
        let _of_all = is_connection.then(|| self.open.clone());
        Ok(Place { _of_all, _of_address: of_address })
    }

    /// Tells, now and later, whether the relay is full.
    pub(crate) fn gauge(&self) -> Gauge {
        Gauge { open: Arc::downgrade(&self.open), most: self.most }
    }

    fn is_spared(&self, address: IpAddr) -> bool {
        is_spared(&self.limits, address)
    }

    fn admit_address(&mut self, now: SwarmTime, address: IpAddr) -> Result<Arc<()>, TurnedAway> {
        self.forget(now);
        if let Some(known) = self.addresses.get_mut(&address) {
            if holders(&known.open) >= self.most_per_address {
                return Err(TurnedAway::AddressFull);
            }
            if !known.rate.admits(now) {
                return Err(TurnedAway::AddressRush);
            }
            return if self.rate.admits(now) {
                Ok(known.open.clone())
            } else {
                Err(TurnedAway::Rush)
            };
        }
        if self.most_per_address == 0 {
            return Err(TurnedAway::AddressFull);
        }
        if self.addresses.len() >= self.most_known() || !self.rate.admits(now) {
            return Err(TurnedAway::Rush);
        }
        let mut rate = TokenBucket::new(self.limits.new_connections_per_address, now);
        if !rate.admits(now) {
            return Err(TurnedAway::AddressRush);
        }
        let open = Arc::new(());
        self.addresses.insert(address, Known { open: open.clone(), rate });
        Ok(open)
    }

    /// Forgets addresses of which nothing needs to be known: not at every visit, but before
    /// there are twice as many as last time, and once a second while there may be no more.
    fn forget(&mut self, now: SwarmTime) {
        let most = self.most_known();
        let known = self.addresses.len();
        let is_due = known >= self.sweep_at || (known >= most && now - self.swept >= SWEEP_PAUSE);
        if !is_due {
            return;
        }
        self.addresses.retain(|_, known| holders(&known.open) > 0 || !known.rate.is_full(now));
        self.sweep_at = (2 * self.addresses.len()).max(FIRST_SWEEP);
        self.swept = now;
    }

    fn most_known(&self) -> usize {
        self.most.saturating_add(MOST_RECENT)
    }
}

/// True for an address that is not counted, nor slowed down.
pub(crate) fn is_spared(limits: &Limits, address: IpAddr) -> bool {
    limits.spares_local_networks && is_local_network(&address)
}

/// How full the relay is.
#[derive(Clone, Debug)]
pub(crate) struct Gauge {
    open: std::sync::Weak<()>,
    most: usize,
}

impl Gauge {
    /// Connections of all kinds.
    pub(crate) fn connections(&self) -> usize {
        self.open.strong_count().saturating_sub(1)
    }

    /// True when nobody else is let in.
    pub(crate) fn is_full(&self) -> bool {
        self.connections() >= self.most
    }
}

/// The first 64 bits of an IPv6 address stand for its subscriber, who has all the rest.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) if !v6.is_loopback() => {
            let [a, b, c, d, ..] = v6.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address => address,
    }
}

/// Those who hold it beside the one who counts.
fn holders(shared: &Arc<()>) -> usize {
    Arc::strong_count(shared) - 1
}

#[cfg(test)]
mod tests {
    use sync_core::rate::Rate;

    use super::*;

    const FAST: Rate = Rate { per_second: 1e9, burst: 1e9 };

    #[test]
    fn an_address_has_sixty_four_connections_and_one_that_ends_makes_room() {
        let mut door = Door::new(Limits { new_connections_per_address: FAST, ..Limits::default() });
        let mut places: Vec<Place> =
            (0..64).map(|_| door.connect("203.0.113.7").expect("room")).collect();
        assert_eq!(door.connect("203.0.113.7").err(), Some(TurnedAway::AddressFull));
        assert!(door.connect("203.0.113.8").is_ok(), "another address");
        places.pop();
        let _again = door.connect("203.0.113.7").expect("a place was given back");
        assert_eq!(door.connect("203.0.113.7").err(), Some(TurnedAway::AddressFull));
    }

    #[test]
    fn the_addresses_of_one_ipv6_network_are_one_and_its_neighbour_is_another() {
        let mut door = Door::new(Limits { connections_per_address: 2, ..Limits::default() });
        let _first = door.connect("2001:db8:1:2::1").expect("room");
        let _second = door.connect("2001:db8:1:2:ffff::99").expect("room");
        assert_eq!(door.connect("2001:db8:1:2:a:b:c:d").err(), Some(TurnedAway::AddressFull));
        assert!(door.connect("2001:db8:1:3::1").is_ok());
        let _mapped = [door.connect("::ffff:203.0.113.7"), door.connect("203.0.113.7")];
        let third = door.connect("::ffff:203.0.113.7");
        assert_eq!(third.err(), Some(TurnedAway::AddressFull), "IPv4 in another dress");
    }

    #[test]
    fn an_address_that_rushes_is_slowed_down_and_keeps_nobody_out() {
        let mut door = Door::new(Limits { new_connections: FIVE, ..Limits::default() });
        door.limit(Rate { per_second: 2.0, burst: 3.0 });
        for _ in 0..3 {
            door.connect("203.0.113.7").expect("a burst");
        }
        for _ in 0..1_000 {
            assert_eq!(door.connect("203.0.113.7").err(), Some(TurnedAway::AddressRush));
        }
        assert!(door.connect("203.0.113.8").is_ok(), "the rush took nothing of what is for all");
        door.now += Span::from_millis(500);
        assert!(door.connect("203.0.113.7").is_ok(), "its budget refills");
        assert_eq!(door.connect("203.0.113.7").err(), Some(TurnedAway::AddressRush));
    }

    const FIVE: Rate = Rate { per_second: 5.0, burst: 5.0 };

    #[test]
    fn many_addresses_together_are_slowed_down_too() {
        let mut door = Door::new(Limits { new_connections: FIVE, ..Limits::default() });
        for last in 0..5 {
            door.connect(&format!("203.0.113.{last}")).expect("a burst");
        }
        assert_eq!(door.connect("203.0.113.99").err(), Some(TurnedAway::Rush));
        assert_eq!(door.connect("203.0.113.1").err(), Some(TurnedAway::Rush), "a known one too");
        door.now += Span::from_millis(200);
        assert!(door.connect("203.0.113.99").is_ok());
    }

    #[test]
    fn the_relay_is_full_for_everyone_and_one_that_ends_makes_room() {
        let mut door = Door::new(Limits { connections: 3, ..Limits::default() });
        let gauge = door.admission.gauge();
        let _two = [door.connect("203.0.113.7"), door.connect("127.0.0.1")];
        assert!(!gauge.is_full());
        let third = door.visit(Visit::Proxy).expect("room");
        assert!(gauge.is_full() && gauge.connections() == 3);
        for visit in [Visit::Connection(ip("10.0.0.9")), Visit::Proxy] {
            assert_eq!(door.visit(visit).err(), Some(TurnedAway::Full));
        }
        let inside = door.visit(Visit::Forwarded(ip("203.0.113.8")));
        assert!(inside.is_ok(), "it came over a connection that is counted already");
        drop(third);
        assert!(!gauge.is_full() && door.connect("10.0.0.9").is_ok());
    }

    #[test]
    fn a_local_network_is_spared_unless_the_operator_says_otherwise() {
        let limits = Limits { connections_per_address: 1, ..Limits::default() };
        for (spares_local_networks, let_in) in [(true, 100), (false, 1)] {
            let mut door = Door::new(Limits { spares_local_networks, ..limits.clone() });
            for address in ["192.168.1.7", "127.0.0.1", "::1", "fd00::7", "10.1.2.3"] {
                let places: Vec<Place> =
                    (0..100).map_while(|_| door.connect(address).ok()).collect();
                assert_eq!(places.len(), let_in, "{address}");
            }
        }
    }

    #[test]
    fn those_behind_a_proxy_are_counted_by_their_own_address() {
        let mut door = Door::new(Limits { connections_per_address: 2, ..Limits::default() });
        let _proxies: Vec<Place> =
            (0..500).map(|_| door.visit(Visit::Proxy).expect("not counted by address")).collect();
        let client = Visit::Forwarded(ip("203.0.113.7"));
        let _two = [door.visit(client), door.visit(client)];
        assert_eq!(door.visit(client).err(), Some(TurnedAway::AddressFull));
        assert!(door.visit(Visit::Forwarded(ip("203.0.113.8"))).is_ok());
    }

    #[test]
    fn addresses_are_forgotten_and_never_more_than_a_bound_are_known() {
        let mut door =
            Door::new(Limits { connections: 100, new_connections: FAST, ..Limits::default() });
        let visits = |door: &mut Door, from: u32, count: u32| {
            let mut most = 0;
            for number in from..from + count {
                let _ = door
                    .visit(Visit::Connection(IpAddr::from((0x2000_0000 + number).to_be_bytes())));
                most = most.max(door.admission.addresses.len());
            }
            most
        };
        assert_eq!(visits(&mut door, 0, 200_000), 100 + MOST_RECENT, "at one instant");
        assert_eq!(door.connect("203.0.113.7").err(), Some(TurnedAway::Rush));
        door.now += Span::from_secs(1);
        assert!(door.connect("203.0.113.7").is_ok(), "the others have been quiet for a second");
        assert!(door.admission.addresses.len() <= 1, "and are forgotten");
        // At the pace the relay allows by default far fewer are known at any time.
        let mut most = 0;
        for second in 0..60 {
            door.now += Span::from_secs(1);
            most = most.max(visits(&mut door, second * 500, 500));
        }
        assert!(most <= 2 * FIRST_SWEEP, "{most}");
    }

    /// The rules and their time.
    struct Door {
        admission: Admission,
        now: SwarmTime,
    }

    impl Door {
        fn new(limits: Limits) -> Self {
            let now = SwarmTime::from_nanos(1_795_342_400_000_000_000);
            Self { admission: Admission::new(&limits, now), now }
        }

        fn limit(&mut self, new_connections_per_address: Rate) {
            self.admission.limits.new_connections_per_address = new_connections_per_address;
        }

        fn connect(&mut self, address: &str) -> Result<Place, TurnedAway> {
            self.visit(Visit::Connection(ip(address)))
        }

        fn visit(&mut self, visit: Visit) -> Result<Place, TurnedAway> {
            self.admission.admit(self.now, visit)
        }
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }
}
