//! The relay inside the app, so that a party needs no server: it carries a party, or stands by to
//! carry it should the app that does be gone.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use protocol::limits::MAX_FILES_PER_MEMBER;
use relay_server::{Carrying, Knock, Limits, PartyPlace, Relay, RelayError, RunningRelay};
use sync_core::room::is_local_network;
use tokio::sync::mpsc;

use crate::address::{DEFAULT_PORT, RelayAddress};

/// A relay of our own.
pub struct Hosting {
    relay: RunningRelay,
    carrying: Carrying,
    knocks: mpsc::Receiver<Knock>,
    id: String,
    invite_urls: Vec<String>,
}

impl Hosting {
    /// Starts a relay on port 8080 of every interface, or on a free port if that is taken. It
    /// stands by until [`Carrying::carry`].
    ///
    /// # Errors
    ///
    /// [`RelayError`] when the system gives no port at all.
    pub async fn start(place: PartyPlace) -> Result<Self, RelayError> {
        match Self::on(place.clone(), DEFAULT_PORT).await {
            Ok(hosting) => Ok(hosting),
            Err(_) => Self::stand_by(place).await,
        }
    }

    /// Starts one on a free port: nobody types its address, and the usual one is left to others.
    ///
    /// # Errors
    ///
    /// [`RelayError`] when the system gives no port at all.
    pub async fn stand_by(place: PartyPlace) -> Result<Self, RelayError> {
        Self::on(place, 0).await
    }

    async fn on(place: PartyPlace, port: u16) -> Result<Self, RelayError> {
        // Among friends each member's own setting decides how much it shares.
        let limits = Limits { files_per_member: MAX_FILES_PER_MEMBER, ..Limits::default() };
        let everywhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
        let relay = Relay::builder().listen(everywhere).limits(limits).party(place);
        let mut relay = relay.spawn().await?;
        let (carrying, knocks) =
            relay.carrying().expect("a relay of a party can be told what to do");
        let invite_urls = invite_urls(relay.local_addr().port());
        let mut random = [0_u8; 8];
        // The id only tells parties apart on one network; a fixed one still works.
        let _ = getrandom::fill(&mut random);
        Ok(Self { relay, carrying, knocks, id: protocol::ids::hex(&random), invite_urls })
    }

    /// What it is told to do.
    pub fn carrying(&self) -> &Carrying {
        &self.carrying
    }

    /// True while it carries the party.
    pub fn carries(&self) -> bool {
        self.carrying.standing().is_some()
    }

    /// The next thing that happens at its door.
    pub async fn next_knock(&mut self) -> Knock {
        match self.knocks.recv().await {
            Some(knock) => knock,
            None => std::future::pending().await,
        }
    }

    /// Names this relay on the local network.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.relay.local_addr().port()
    }

    /// Where this app itself connects.
    pub fn own_address(&self) -> RelayAddress {
        RelayAddress::parse(&format!("ws://127.0.0.1:{}", self.port()))
            .expect("a loopback address with a port is an address")
    }

    /// Where others on the local network reach it; those on this computer too if they are `here`.
    pub fn addresses(&self, here: bool) -> Vec<SocketAddr> {
        let loopback = here.then_some(IpAddr::from(Ipv4Addr::LOCALHOST));
        let reached = own_addresses().into_iter().filter(is_local_network);
        let port = self.port();
        loopback.into_iter().chain(reached).map(|ip| SocketAddr::new(ip, port)).collect()
    }

    /// Addresses under which others reach it, as last looked up.
    pub fn invite_urls(&self) -> &[String] {
        &self.invite_urls
    }

    /// Looks those addresses up again: a party may begin before the network is up. True if
    /// they changed.
    pub fn refresh_invites(&mut self) -> bool {
        let urls = invite_urls(self.port());
        let changed = urls != self.invite_urls;
        self.invite_urls = urls;
        changed
    }

    /// Ends the relay, telling its members.
    pub async fn stop(self) {
        self.relay.shutdown().await;
    }
}

/// This device's IPv4 addresses, which people can read out to each other.
fn invite_urls(port: u16) -> Vec<String> {
    own_addresses().into_iter().map(|address| format!("ws://{address}:{port}/ws")).collect()
}

fn own_addresses() -> Vec<IpAddr> {
    let mut addresses: Vec<IpAddr> = if_addrs::get_if_addrs()
        .unwrap_or_default()
        .into_iter()
        .filter(|interface| !interface.is_loopback())
        .map(|interface| interface.ip())
        .filter(IpAddr::is_ipv4)
        .collect();
    addresses.sort();
    addresses
}
