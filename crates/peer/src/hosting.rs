//! The relay carried inside the app, so that a party needs no server.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use protocol::limits::MAX_FILES_PER_MEMBER;
use relay_server::{Limits, Relay, RelayError, RunningRelay};

use crate::address::{DEFAULT_PORT, RelayAddress};

/// A relay of our own.
pub struct Hosting {
    relay: RunningRelay,
    id: String,
    invite_urls: Vec<String>,
}

impl Hosting {
    /// Starts a relay on port 8080 of every interface, or on a free port if that is taken.
    ///
    /// # Errors
    ///
    /// [`RelayError`] when the system gives no port at all.
    pub async fn start() -> Result<Self, RelayError> {
        // Among friends each member's own setting decides how much it shares.
        let limits = Limits { files_per_member: MAX_FILES_PER_MEMBER, ..Limits::default() };
        let on = |port| {
            let everywhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
            Relay::builder().listen(everywhere).limits(limits.clone()).spawn()
        };
        let relay = match on(DEFAULT_PORT).await {
            Ok(relay) => relay,
            Err(_) => on(0).await?,
        };
        let invite_urls = invite_urls(relay.local_addr().port());
        let mut random = [0_u8; 8];
        // The id only tells parties apart on one network; a fixed one still works.
        let _ = getrandom::fill(&mut random);
        Ok(Self { relay, id: protocol::ids::hex(&random), invite_urls })
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
    let mut addresses: Vec<IpAddr> = if_addrs::get_if_addrs()
        .unwrap_or_default()
        .into_iter()
        .filter(|interface| !interface.is_loopback())
        .map(|interface| interface.ip())
        .filter(IpAddr::is_ipv4)
        .collect();
    addresses.sort();
    addresses.into_iter().map(|address| format!("ws://{address}:{port}/ws")).collect()
}
