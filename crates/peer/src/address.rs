//! The relay's address, from what people type.

use std::fmt;
use std::net::IpAddr;

use protocol::ids::TrackerNamespace;
use tokio_tungstenite::tungstenite::http::Uri;
use tokio_tungstenite::tungstenite::http::uri::{Authority, PathAndQuery, Scheme};

/// Port of a relay that names none and is reached without TLS.
pub const DEFAULT_PORT: u16 = 8080;

const MEMBER_PATH: &str = "/ws";
const TRACKER_PATH: &str = "/announce";

/// The text is no relay address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no relay address: {reason}; write for instance ws://192.168.1.20:8080")]
pub struct BadAddress {
    text: String,
    reason: &'static str,
}

/// Where a relay listens, with or without TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayAddress {
    secure: bool,
    authority: Authority,
    path: String,
}

impl RelayAddress {
    /// Reads what people type: `192.168.1.20`, `host:8080`, `ws://host:8080/ws`, `https://relay.example`.
    ///
    /// A bare host means no TLS and port 8080, as on a local network; `wss://` and
    /// `https://` mean TLS. A path of its own is kept, for relays behind a proxy.
    ///
    /// # Errors
    ///
    /// [`BadAddress`] says what is wrong.
    pub fn parse(typed: &str) -> Result<Self, BadAddress> {
        let text = typed.trim();
        let bad = |reason| BadAddress { text: text.chars().take(100).collect(), reason };
        if text.is_empty() {
            return Err(bad("it is empty"));
        }
        let full = if text.contains("://") { text.to_owned() } else { format!("ws://{text}") };
        let uri: Uri = full.parse().map_err(|_| bad("it has characters no address has"))?;
        let secure = match uri.scheme_str() {
            Some("ws" | "http") => false,
            Some("wss" | "https") => true,
            _ => return Err(bad("it must begin with ws:// or wss://")),
        };
        let authority = uri.authority().ok_or_else(|| bad("it names no host"))?;
        if authority.as_str().contains('@') || authority.host().is_empty() {
            return Err(bad("it must name a host, and nothing secret"));
        }
        let named = authority.port();
        if named.is_none() && authority.as_str() != authority.host() {
            return Err(bad("its port is not a number from 1 to 65535"));
        }
        let authority = if named.is_none() && !secure {
            format!("{}:{DEFAULT_PORT}", authority.host())
                .parse()
                .expect("a host with a port is an authority")
        } else {
            authority.clone()
        };
        let path = match uri.path() {
            "" | "/" => String::new(),
            path => path.trim_end_matches('/').trim_end_matches(MEMBER_PATH).to_owned(),
        };
        Ok(Self { secure, authority, path })
    }

    /// Where members connect.
    pub fn member_uri(&self) -> Uri {
        self.uri(MEMBER_PATH)
    }

    /// As short as it can be written: [`Self::parse`] fills in what is usual.
    pub fn brief(&self) -> String {
        match (self.secure, self.path.is_empty()) {
            (false, true) => self.authority.to_string(),
            _ => self.to_string(),
        }
    }

    /// True when it leads to this device only.
    pub fn is_loopback(&self) -> bool {
        let ip: Result<IpAddr, _> = self.host().parse();
        ip.map_or(self.host() == "localhost", |ip| ip.is_loopback())
    }

    /// True when it is reached with TLS.
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// Where WebTorrent announces to the members of one swarm.
    pub fn tracker_url(&self, namespace: &TrackerNamespace) -> String {
        self.uri(&format!("{TRACKER_PATH}/{namespace}")).to_string()
    }

    /// Host name or address, without brackets.
    pub fn host(&self) -> &str {
        self.authority.host().trim_start_matches('[').trim_end_matches(']')
    }

    /// Port, named or usual.
    pub fn port(&self) -> u16 {
        self.authority.port_u16().unwrap_or(if self.secure { 443 } else { DEFAULT_PORT })
    }

    fn uri(&self, end: &str) -> Uri {
        let scheme = if self.secure { "wss" } else { "ws" };
        let path = format!("{}{end}", self.path);
        Uri::builder()
            .scheme(Scheme::try_from(scheme).expect("ws and wss are schemes"))
            .authority(self.authority.clone())
            .path_and_query(PathAndQuery::try_from(path).expect("the path came from an address"))
            .build()
            .expect("all three parts are given")
    }
}

impl fmt::Display for RelayAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.member_uri().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_type_becomes_an_address() {
        for (typed, expected) in [
            ("192.168.1.20", "ws://192.168.1.20:8080/ws"),
            (" host:9000 ", "ws://host:9000/ws"),
            ("ws://host:8080/ws", "ws://host:8080/ws"),
            ("http://host:8080/", "ws://host:8080/ws"),
            ("wss://relay.example", "wss://relay.example/ws"),
            ("https://example.org/music/ws", "wss://example.org/music/ws"),
            ("[fe80::1]:8080", "ws://[fe80::1]:8080/ws"),
        ] {
            let address = RelayAddress::parse(typed).unwrap();
            assert_eq!(address.to_string(), expected, "typed {typed:?}");
            assert_eq!(RelayAddress::parse(&address.brief()), Ok(address), "typed {typed:?}");
        }
        let address = RelayAddress::parse("https://example.org/music/ws").unwrap();
        let namespace = TrackerNamespace::parse("5a17").unwrap();
        assert_eq!(address.tracker_url(&namespace), "wss://example.org/music/announce/5a17");
        assert_eq!((address.host(), address.port()), ("example.org", 443));
    }

    #[test]
    fn an_address_of_this_device_alone_is_known_as_one() {
        for (typed, is_loopback) in
            [("127.0.0.1", true), ("[::1]:9", true), ("localhost", true), ("10.0.0.1", false)]
        {
            assert_eq!(RelayAddress::parse(typed).unwrap().is_loopback(), is_loopback, "{typed}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_a_reason() {
        for typed in ["", "  ", "ftp://host", "ws://", "two words", "host:99999", "ws://me:pw@host"]
        {
            let error = RelayAddress::parse(typed).unwrap_err();
            assert!(error.to_string().contains("no relay address"), "{typed:?}: {error}");
        }
    }
}
