//! Parties on the local network, found and announced by mDNS (RFC 6762, 6763).
//!
//! What is announced of a party is the relay, never the swarm: an id, the host's alias, address
//! and port, and a mark that only who holds the key can make of the id. Nobody else can tell from it
//! which swarm meets there, nor join without its key.
//!
//! Members of a swarm also announce where they answer time datagrams, under a pseudonym that
//! only who holds the key can tell: so they find each other while no relay is there to say it.
//! Beside it stands a proof that its maker holds the key, so that strangers, who can announce as
//! much as they like, take no place from a member.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use mdns_sd::{ResolvedService, ServiceDaemon, ServiceEvent, ServiceInfo};
use protocol::datagram::DatagramKey;
use protocol::host::NearbyParty;
use protocol::ids::{Alias, Label, UserId};
use protocol::limits::MAX_ADDRESSES;
use sync_core::room::is_local_network;
use tokio::sync::mpsc;
use tracing::{debug, warn};

use crate::address::RelayAddress;

/// DNS-SD type of a relay carried by an app.
const SERVICE_TYPE: &str = "_synced-swarm._tcp.local.";

/// DNS-SD type of a member that answers time datagrams.
const CLOCK_TYPE: &str = "_swarm-clock._udp.local.";

/// Version of the TXT record.
const TXT_VERSION: &str = "1";

/// Parties kept in the list; more than fit on a screen, and a bound on what strangers can fill.
const MOST_PARTIES: usize = 64;

/// Members' clocks kept, of those who hold the key: more than a swarm has members. The one seen
/// longest ago makes room for another.
const MOST_CLOCKS: usize = 256;

/// Name of the TXT property that proves a clock's name.
const PROOF: &str = "proof";

/// Name of the TXT property that says to holders of a key which swarm a party is, and the longest
/// value that is kept: hex digits of 128 bits.
const MARK: &str = "mark";
const LONGEST_MARK: usize = 32;

/// Looks around the local network for as long as it lives.
pub struct Nearby {
    daemon: Option<ServiceDaemon>,
    parties: BTreeMap<String, Seen>,
    /// This app's own announcement, which is not shown to itself.
    own: Option<(String, String)>,
    clocks: Clocks,
    own_clock: Option<String>,
    sightings: mpsc::Sender<Sighting>,
}

/// A party nearby.
#[derive(Clone, PartialEq, Eq)]
struct Seen {
    party: NearbyParty,
    /// Says to those who hold its key which swarm it is.
    mark: Option<String>,
}

/// Where the members of one swarm answer time datagrams.
#[derive(Default)]
struct Clocks {
    /// None while this app is in no swarm: then nobody is a member.
    key: Option<DatagramKey>,
    /// By pseudonym.
    seen: BTreeMap<String, Clock>,
    /// Counts sightings.
    count: u64,
}

struct Clock {
    addresses: Vec<SocketAddr>,
    /// Which sighting was the last one.
    last: u64,
}

/// Something changed on the local network.
#[derive(Debug)]
pub struct Sighting(ServiceEvent);

impl Nearby {
    /// Starts looking; sightings arrive in `sightings` and are handed back to [`Self::saw`].
    ///
    /// Without a usable network the list stays empty; everything else works.
    pub fn start(sightings: mpsc::Sender<Sighting>) -> Self {
        let daemon = ServiceDaemon::new()
            .and_then(|daemon| watch(&daemon, SERVICE_TYPE, &sightings).map(|()| daemon))
            .inspect_err(|error| warn!(%error, "cannot look for parties on this network"))
            .ok();
        Self {
            daemon,
            parties: BTreeMap::new(),
            own: None,
            clocks: Clocks::default(),
            own_clock: None,
            sightings,
        }
    }

    /// Takes note of a sighting. True if the list changed.
    pub fn saw(&mut self, Sighting(event): Sighting) -> bool {
        match event {
            ServiceEvent::ServiceResolved(service) if service.fullname.ends_with(CLOCK_TYPE) => {
                self.clocks.saw(&service)
            }
            ServiceEvent::ServiceRemoved(_, fullname) if fullname.ends_with(CLOCK_TYPE) => {
                pseudonym(&fullname).is_some_and(|name| self.clocks.seen.remove(name).is_some())
            }
            ServiceEvent::ServiceResolved(service) => {
                let Some(seen) = party(&service) else { return false };
                let fullname = service.fullname.clone();
                let is_own = self.own.as_ref().is_some_and(|(id, _)| *id == seen.party.id);
                let is_full =
                    self.parties.len() == MOST_PARTIES && !self.parties.contains_key(&fullname);
                if is_own || is_full {
                    return false;
                }
                self.parties.insert(fullname, seen.clone()).as_ref() != Some(&seen)
            }
            ServiceEvent::ServiceRemoved(_, fullname) => self.parties.remove(&fullname).is_some(),
            _ => false,
        }
    }

    /// Where the member of this pseudonym answers time datagrams, as far as the network tells.
    pub fn clock_of(&self, pseudonym: &str) -> Option<&[SocketAddr]> {
        self.clocks.seen.get(pseudonym).map(|clock| clock.addresses.as_slice())
    }

    /// Tells the network where this member answers time datagrams, and looks for the other
    /// members of the swarm of `key`.
    pub fn announce_clock(&mut self, key: &DatagramKey, user_id: &UserId, port: u16) {
        self.withdraw_clock();
        self.clocks.key = Some(key.clone());
        let Some(daemon) = &self.daemon else { return };
        let pseudonym = key.pseudonym(user_id);
        let properties = [(PROOF, key.proof(&pseudonym))];
        let host = format!("swarm-clock-{pseudonym}.local.");
        let registered = ServiceInfo::new(CLOCK_TYPE, &pseudonym, &host, "", port, &properties[..])
            .map(ServiceInfo::enable_addr_auto)
            .and_then(|service| {
                let fullname = service.get_fullname().to_owned();
                daemon.register(service).map(|()| fullname)
            });
        match registered {
            Ok(fullname) => self.own_clock = Some(fullname),
            Err(error) => warn!(%error, "cannot announce this clock on the network"),
        }
        if let Err(error) = watch(daemon, CLOCK_TYPE, &self.sightings) {
            warn!(%error, "cannot look for members on this network");
        }
    }

    /// Takes that back, and looks for nobody any more.
    pub fn withdraw_clock(&mut self) {
        let was_looking = self.clocks.key.is_some();
        self.clocks = Clocks::default();
        let Some(daemon) = self.daemon.as_ref().filter(|_| was_looking) else { return };
        let own = self.own_clock.take().map(|fullname| daemon.unregister(&fullname).map(drop));
        for done in own.into_iter().chain([daemon.stop_browse(CLOCK_TYPE)]) {
            if let Err(error) = done {
                debug!(%error, "cannot take the clock's announcement back");
            }
        }
    }

    /// The parties seen, in a steady order.
    pub fn parties(&self) -> Vec<NearbyParty> {
        self.parties.values().map(|seen| seen.party.clone()).collect()
    }

    /// Where apps say that they carry the swarm of `key`. Strangers can repeat what others said, so
    /// whoever is there has yet to prove it.
    pub fn carriers_of(&self, key: &DatagramKey) -> impl Iterator<Item = RelayAddress> + use<> {
        let marked = self.parties.values().filter(|Seen { party, mark }| {
            mark.as_ref().is_some_and(|mark| *mark == key.party_mark(&party.id))
        });
        let addresses = marked.filter_map(|seen| RelayAddress::parse(&seen.party.url).ok());
        addresses.collect::<Vec<_>>().into_iter()
    }

    /// Tells the network of a relay carried here. `mark` is [`DatagramKey::party_mark`].
    pub fn announce(&mut self, id: &str, alias: &Alias, port: u16, mark: &str) {
        self.withdraw();
        let Some(daemon) = &self.daemon else { return };
        let properties = [
            ("v", TXT_VERSION),
            ("path", "/ws"),
            ("id", id),
            ("name", alias.as_str()),
            (MARK, mark),
        ];
        let host = format!("synced-swarm-{id}.local.");
        let registered = ServiceInfo::new(SERVICE_TYPE, id, &host, "", port, &properties[..])
            .map(ServiceInfo::enable_addr_auto)
            .and_then(|service| {
                let fullname = service.get_fullname().to_owned();
                daemon.register(service).map(|()| fullname)
            });
        match registered {
            Ok(fullname) => {
                self.parties.remove(&fullname);
                self.own = Some((id.to_owned(), fullname));
            }
            Err(error) => warn!(%error, "cannot announce this party on the network"),
        }
    }

    /// Takes the announcement back.
    pub fn withdraw(&mut self) {
        if let (Some(daemon), Some((_, fullname))) = (&self.daemon, self.own.take())
            && let Err(error) = daemon.unregister(&fullname)
        {
            debug!(%error, "cannot take the announcement back");
        }
    }
}

impl Drop for Nearby {
    fn drop(&mut self) {
        self.withdraw();
        self.withdraw_clock();
        if let Some(daemon) = self.daemon.take() {
            let _ = daemon.shutdown();
        }
    }
}

/// Reports what the network says of services of a kind, what was heard of them lately included.
fn watch(
    daemon: &ServiceDaemon,
    kind: &str,
    sightings: &mpsc::Sender<Sighting>,
) -> mdns_sd::Result<()> {
    let events = daemon.browse(kind)?;
    let sightings = sightings.clone();
    // Ends when the daemon does, or stops looking.
    tokio::spawn(async move {
        while let Ok(event) = events.recv_async().await {
            if sightings.send(Sighting(event)).await.is_err() {
                return;
            }
        }
    });
    Ok(())
}

impl Clocks {
    /// Takes note of a clock if its name is proven. True if that is news.
    fn saw(&mut self, service: &ResolvedService) -> bool {
        let (Some(key), Some(name)) = (&self.key, pseudonym(&service.fullname)) else {
            return false;
        };
        let shown = service.txt_properties.get(PROOF).map(|property| property.val_str());
        if shown != Some(key.proof(name).as_str()) {
            return false;
        }
        let mut addresses: Vec<SocketAddr> = service
            .addresses
            .iter()
            .map(|address| SocketAddr::new(address.to_ip_addr(), service.port))
            .filter(|address| is_local_network(&address.ip()))
            .collect();
        addresses.sort();
        addresses.truncate(MAX_ADDRESSES);
        self.count += 1;
        if self.seen.len() == MOST_CLOCKS && !self.seen.contains_key(name) {
            self.forget_oldest();
        }
        let clock = Clock { addresses: addresses.clone(), last: self.count };
        let before = self.seen.insert(name.to_owned(), clock);
        before.is_none_or(|before| before.addresses != addresses)
    }

    fn forget_oldest(&mut self) {
        let oldest = self.seen.iter().min_by_key(|(_, clock)| clock.last);
        if let Some(name) = oldest.map(|(name, _)| name.clone()) {
            self.seen.remove(&name);
        }
    }
}

/// The pseudonym in the name of a clock, if it has the form of one.
fn pseudonym(fullname: &str) -> Option<&str> {
    let name = fullname.strip_suffix(CLOCK_TYPE)?.strip_suffix('.')?;
    (name.len() == 16 && name.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(name)
}

/// What a resolved service says, if it says it in a form we accept.
fn party(service: &ResolvedService) -> Option<Seen> {
    let text = |key| service.txt_properties.get(key).map(|property| property.val_str());
    if text("v") != Some(TXT_VERSION) || text("path") != Some("/ws") {
        return None;
    }
    let id = text("id").filter(|id| {
        (1..=32).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })?;
    let name = text("name").and_then(Label::clean)?;
    // IPv4 first: link-local IPv6 addresses need a scope that a URL cannot carry.
    let addresses = service.addresses.iter().map(mdns_sd::ScopedIp::to_ip_addr);
    let address = addresses
        .filter(|address| match address {
            IpAddr::V4(_) => true,
            IpAddr::V6(v6) => !v6.is_unicast_link_local(),
        })
        .min()?;
    let host = match address {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => format!("[{v6}]"),
    };
    let party = NearbyParty {
        id: id.to_owned(),
        name: name.to_string(),
        url: format!("ws://{host}:{}/ws", service.port),
    };
    let mark = text(MARK).filter(|mark| mark.len() <= LONGEST_MARK).map(str::to_owned);
    Some(Seen { party, mark })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// What a service with these properties and addresses says.
    fn said(properties: &[(&str, &str)], addresses: &str) -> Option<NearbyParty> {
        let service =
            ServiceInfo::new(SERVICE_TYPE, "host", "host.local.", addresses, 8080, properties);
        party(&service.unwrap().as_resolved_service()).map(|seen| seen.party)
    }

    const SOUND: [(&str, &str); 4] =
        [("v", "1"), ("path", "/ws"), ("id", "a1b2"), ("name", "Red Fox")];

    fn but(key: &str, value: &'static str) -> Vec<(&'static str, &'static str)> {
        SOUND.iter().map(|&(k, v)| (k, if k == key { value } else { v })).collect()
    }

    #[test]
    fn a_sound_announcement_names_a_party_by_its_ipv4_address() {
        let party = said(&SOUND, "fd00::7,192.168.1.7").unwrap();
        assert_eq!((party.id.as_str(), party.name.as_str()), ("a1b2", "Red Fox"));
        assert_eq!(party.url, "ws://192.168.1.7:8080/ws");
        assert_eq!(said(&SOUND, "fd00::7").unwrap().url, "ws://[fd00::7]:8080/ws");
    }

    #[test]
    fn what_strangers_announce_wrongly_is_no_party() {
        let long = "a1".repeat(17).leak();
        for (key, value) in
            [("v", "2"), ("path", "/else"), ("id", ""), ("id", "../x"), ("id", long), ("name", "")]
        {
            assert!(said(&but(key, value), "192.168.1.7").is_none(), "{key}={value}");
        }
        assert!(said(&SOUND[..2], "192.168.1.7").is_none(), "no id");
        assert!(said(&SOUND, "fe80::7").is_none(), "an address that a URL cannot carry");
        let name = said(&but("name", "Red\u{202e}\u{7}Fox"), "192.168.1.7").unwrap().name;
        assert!(!name.contains(['\u{202e}', '\u{7}']), "{name:?}");
    }

    #[tokio::test]
    async fn a_members_clock_is_found_on_the_network_by_who_holds_the_key() {
        let (to_ada, _) = mpsc::channel(64);
        let (to_mia, mut mia_sees) = mpsc::channel(64);
        let (to_eve, mut eve_sees) = mpsc::channel(64);
        let mut ada = Nearby::start(to_ada);
        let (mut mia, mut eve) = (Nearby::start(to_mia), Nearby::start(to_eve));
        let mut random = [0; 8];
        getrandom::fill(&mut random).unwrap();
        let key = key_of(&protocol::ids::hex(&random));
        let name = key.pseudonym(&id("ada"));
        ada.announce_clock(&key, &id("ada"), 4_712);
        mia.announce_clock(&key, &id("mia"), 4_713);
        // In another swarm, on the same network.
        eve.announce_clock(&key_of("red otter"), &id("eve"), 4_714);
        let found = tokio::time::timeout(Duration::from_secs(20), async {
            loop {
                mia.saw(mia_sees.recv().await.unwrap());
                if let Some(addresses) = mia.clock_of(&name) {
                    break addresses.to_vec();
                }
            }
        })
        .await
        .expect("the announcement arrives");
        assert!(found.iter().all(|address| address.port() == 4_712), "{found:?}");
        assert_eq!(mia.clock_of("0000000000000000"), None);
        while let Ok(sighting) = eve_sees.try_recv() {
            eve.saw(sighting);
        }
        assert_eq!(eve.clock_of(&name), None, "to a stranger it is no clock");

        // Who left the swarm and came back finds what was announced meanwhile.
        mia.withdraw_clock();
        assert_eq!(mia.clock_of(&name), None);
        mia.announce_clock(&key, &id("mia"), 4_713);
        tokio::time::timeout(Duration::from_secs(20), async {
            while mia.clock_of(&name).is_none() {
                mia.saw(mia_sees.recv().await.unwrap());
            }
        })
        .await
        .expect("what the network said lately is told again");
    }

    #[test]
    fn strangers_take_no_place_from_a_member_however_much_they_announce() {
        let key = key_of("blue otter");
        let mut clocks = Clocks { key: Some(key.clone()), ..Clocks::default() };
        for number in 0..10_000 {
            let name = format!("{number:016x}");
            assert!(!clocks.saw(&clock(&name, "", "192.168.1.66")));
            assert!(!clocks.saw(&clock(&name, &key_of("red otter").proof(&name), "192.168.1.66")));
        }
        let name = key.pseudonym(&id("ada"));
        let said = clock(&name, &key.proof(&name), "192.168.1.7");
        assert!(clocks.saw(&said), "a member is heard behind all of them");
        assert!(!clocks.saw(&said), "it is no news twice");
        // A proof that was overheard is good for its own name only.
        assert!(!clocks.saw(&clock("0123456789abcdef", &key.proof(&name), "192.168.1.66")));
        assert_eq!(clocks.seen.len(), 1);
    }

    #[test]
    fn who_was_heard_longest_ago_makes_room_for_another_member() {
        let key = key_of("blue otter");
        let mut clocks = Clocks { key: Some(key.clone()), ..Clocks::default() };
        let mut hears = |number: usize| {
            let name = key.pseudonym(&id(&format!("m{number}")));
            clocks.saw(&clock(&name, &key.proof(&name), "192.168.1.7"));
            (name, clocks.seen.len(), clocks.seen.keys().cloned().collect::<Vec<_>>())
        };
        let (first, ..) = hears(0);
        let (second, ..) = hears(1);
        (2..MOST_CLOCKS).for_each(|number| drop(hears(number)));
        hears(0);
        let (last, count, kept) = hears(MOST_CLOCKS);
        assert_eq!(count, MOST_CLOCKS);
        assert!(kept.contains(&first) && kept.contains(&last) && !kept.contains(&second));
    }

    fn clock(name: &str, proof: &str, address: &str) -> ResolvedService {
        let host = format!("swarm-clock-{name}.local.");
        let properties = [(PROOF, proof)];
        ServiceInfo::new(CLOCK_TYPE, name, &host, address, 4_712, &properties[..])
            .unwrap()
            .as_resolved_service()
    }

    fn key_of(text: &str) -> DatagramKey {
        DatagramKey::of_swarm(&protocol::SwarmKey::parse(text).unwrap())
    }

    fn id(text: &str) -> UserId {
        UserId::parse(text).unwrap()
    }

    #[test]
    fn names_that_are_no_pseudonyms_are_passed_over() {
        let fits = |name: &str| pseudonym(&format!("{name}.{CLOCK_TYPE}")).is_some();
        assert!(fits("0123456789abcdef"));
        for bad in ["", "0123", "../../../etc/pass", "0123456789abcdeg"] {
            assert!(!fits(bad), "{bad:?}");
        }
    }

    #[tokio::test]
    async fn a_party_is_seen_on_the_network_until_it_is_withdrawn_and_not_by_its_host() {
        let (to_host, mut host_sees) = mpsc::channel(64);
        let (to_guest, mut guest_sees) = mpsc::channel(64);
        let (mut host, mut guest) = (Nearby::start(to_host), Nearby::start(to_guest));
        let mut random = [0; 8];
        getrandom::fill(&mut random).unwrap();
        let id = protocol::ids::hex(&random);
        let alias = Alias::parse("Red Fox").unwrap();
        let key = key_of(&format!("party {id}"));
        host.announce(&id, &alias, 4711, &key.party_mark(&id));
        let met = tokio::time::timeout(Duration::from_secs(20), async {
            loop {
                guest.saw(guest_sees.recv().await.unwrap());
                if let Some(party) = guest.parties().into_iter().find(|party| party.id == id) {
                    break party;
                }
            }
        })
        .await
        .expect("the announcement arrives");
        assert!(met.name == "Red Fox" && met.url.ends_with(":4711/ws"), "{met:?}");
        let found: Vec<_> = guest.carriers_of(&key).map(|address| address.to_string()).collect();
        assert_eq!(found, [met.url], "who holds the key knows whose party it is");
        assert_eq!(guest.carriers_of(&key_of("red otter")).next(), None);

        while let Ok(sighting) = host_sees.try_recv() {
            host.saw(sighting);
        }
        assert!(!host.parties().iter().any(|party| party.id == id), "a host sees itself");

        host.withdraw();
        tokio::time::timeout(Duration::from_secs(20), async {
            while guest.parties().iter().any(|party| party.id == id) {
                guest.saw(guest_sees.recv().await.unwrap());
            }
        })
        .await
        .expect("the goodbye arrives");
    }
}
