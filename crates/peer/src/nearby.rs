//! Parties on the local network, found and announced by mDNS (RFC 6762, 6763).
//!
//! What is announced is the relay, never the swarm: an id, the host's alias, address and
//! port. Nobody can tell from it which swarm meets there, nor join without its key.

use std::collections::BTreeMap;
use std::net::IpAddr;

use mdns_sd::{ResolvedService, ServiceDaemon, ServiceEvent, ServiceInfo};
use protocol::host::NearbyParty;
use protocol::ids::{Alias, Label};
use tokio::sync::mpsc;
use tracing::{debug, warn};

/// DNS-SD type of a relay carried by an app.
const SERVICE_TYPE: &str = "_synced-swarm._tcp.local.";

/// Version of the TXT record.
const TXT_VERSION: &str = "1";

/// Parties kept in the list; more than fit on a screen, and a bound on what strangers can fill.
const MOST_PARTIES: usize = 64;

/// Looks around the local network for as long as it lives.
pub struct Nearby {
    daemon: Option<ServiceDaemon>,
    parties: BTreeMap<String, NearbyParty>,
    /// This app's own announcement, which is not shown to itself.
    own: Option<(String, String)>,
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
            .and_then(|daemon| daemon.browse(SERVICE_TYPE).map(|events| (daemon, events)));
        let daemon = match daemon {
            Ok((daemon, events)) => {
                tokio::spawn(async move {
                    while let Ok(event) = events.recv_async().await {
                        if sightings.send(Sighting(event)).await.is_err() {
                            return;
                        }
                    }
                });
                Some(daemon)
            }
            Err(error) => {
                warn!(%error, "cannot look for parties on this network");
                None
            }
        };
        Self { daemon, parties: BTreeMap::new(), own: None }
    }

    /// Takes note of a sighting. True if the list changed.
    pub fn saw(&mut self, Sighting(event): Sighting) -> bool {
        match event {
            ServiceEvent::ServiceResolved(service) => {
                let Some(party) = party(&service) else { return false };
                let fullname = service.fullname.clone();
                let is_own = self.own.as_ref().is_some_and(|(id, _)| *id == party.id);
                let is_full =
                    self.parties.len() == MOST_PARTIES && !self.parties.contains_key(&fullname);
                if is_own || is_full {
                    return false;
                }
                self.parties.insert(fullname, party.clone()).as_ref() != Some(&party)
            }
            ServiceEvent::ServiceRemoved(_, fullname) => self.parties.remove(&fullname).is_some(),
            _ => false,
        }
    }

    /// The parties seen, in a steady order.
    pub fn parties(&self) -> Vec<NearbyParty> {
        self.parties.values().cloned().collect()
    }

    /// Tells the network of a relay carried here.
    pub fn announce(&mut self, id: &str, alias: &Alias, port: u16) {
        self.withdraw();
        let Some(daemon) = &self.daemon else { return };
        let properties =
            [("v", TXT_VERSION), ("path", "/ws"), ("id", id), ("name", alias.as_str())];
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
        if let Some(daemon) = self.daemon.take() {
            let _ = daemon.shutdown();
        }
    }
}

/// What a resolved service says, if it says it in a form we accept.
fn party(service: &ResolvedService) -> Option<NearbyParty> {
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
    Some(NearbyParty {
        id: id.to_owned(),
        name: name.to_string(),
        url: format!("ws://{host}:{}/ws", service.port),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// What a service with these properties and addresses says.
    fn said(properties: &[(&str, &str)], addresses: &str) -> Option<NearbyParty> {
        let service =
            ServiceInfo::new(SERVICE_TYPE, "host", "host.local.", addresses, 8080, properties);
        party(&service.unwrap().as_resolved_service())
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
    async fn a_party_is_seen_on_the_network_until_it_is_withdrawn_and_not_by_its_host() {
        let (to_host, mut host_sees) = mpsc::channel(64);
        let (to_guest, mut guest_sees) = mpsc::channel(64);
        let (mut host, mut guest) = (Nearby::start(to_host), Nearby::start(to_guest));
        let mut random = [0; 8];
        getrandom::fill(&mut random).unwrap();
        let id = protocol::ids::hex(&random);
        let alias = Alias::parse("Red Fox").unwrap();
        host.announce(&id, &alias, 4711);
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
