//! The relay carried inside the app, so that a party needs no server.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use relay_server::{Relay, RelayError, RunningRelay};

use crate::address::{DEFAULT_PORT, RelayAddress};

/// A relay of our own.
pub struct Hosting {
    relay: RunningRelay,
    id: String,
}

impl Hosting {
    /// Starts a relay on port 8080 of every interface, or on a free port if that is taken.
    ///
    /// # Errors
    ///
    /// [`RelayError`] when the system gives no port at all.
    pub async fn start() -> Result<Self, RelayError> {
        let everywhere = |port| SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
        let relay = match Relay::builder().listen(everywhere(DEFAULT_PORT)).spawn().await {
            Ok(relay) => relay,
            Err(_) => Relay::builder().listen(everywhere(0)).spawn().await?,
        };
        let mut random = [0_u8; 8];
        // The id only tells parties apart on one network; a fixed one still works.
        let _ = getrandom::fill(&mut random);
        Ok(Self { relay, id: protocol::ids::hex(&random) })
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

    /// Addresses under which others reach it, IPv4 first.
    pub fn invite_urls(&self) -> Vec<String> {
        let mut addresses: Vec<IpAddr> = if_addrs::get_if_addrs()
            .unwrap_or_default()
            .into_iter()
            .filter(|interface| !interface.is_loopback())
            .map(|interface| interface.ip())
            .filter(IpAddr::is_ipv4)
            .collect();
        addresses.sort();
        addresses.into_iter().map(|address| format!("ws://{address}:{}/ws", self.port())).collect()
    }

    /// Ends the relay, telling its members.
    pub async fn stop(self) {
        self.relay.shutdown().await;
    }
}
