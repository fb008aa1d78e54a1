//! Who may connect from where: which addresses are believed, and which names and web pages.
//!
//! Pure rules over what a request says about itself; `door.rs` applies them, `admission.rs`
//! counts. There are no cookies anywhere, so the swarm key is all that a web page could abuse;
//! what these rules keep out are pages that use a visitor's browser to reach a relay the page
//! itself could not reach.

use std::net::IpAddr;

use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, Uri, header};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// From where the app's own window speaks: on macOS, iOS and Linux, then on Windows and Android.
const APP_ORIGINS: [&str; 3] =
    ["tauri://localhost", "http://tauri.localhost", "https://tauri.localhost"];

/// Endings that no public name server knows, so that no stranger can own a name of theirs:
/// multicast DNS (RFC 6762), this computer (RFC 6761), homes (RFC 8375), and what routers use.
const LOCAL_ENDINGS: [&str; 5] = [".local", ".localhost", ".home.arpa", ".internal", ".lan"];

/// What an operator says about the surroundings of a relay. The default suits one that is
/// reached directly, by its address or a name of the local network. The program makes each field
/// a setting, as with the limits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(documented::DocumentedFields))]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Access {
    /// Proxies whose word about a client's address is believed, as addresses with a prefix length:
    /// `10.0.0.0/8`, `192.0.2.7/32`.
    pub trusted_proxies: Vec<IpNet>,
    /// How they give it: `x-forwarded-for`, as nginx, HAProxy and most others, or `forwarded`.
    pub forwarded_by: ForwardedBy,
    /// Names under which this relay is reached, beside addresses and local names. Web pages of
    /// these names may connect. In lower case, without a port.
    pub hosts: Vec<String>,
    /// Web pages of other names that may connect, such as `https://music.example`; `*` for all.
    pub origins: Vec<String>,
    /// Whether the tracker also serves `/announce`, where everyone meets everyone.
    pub open_tracker: bool,
}

/// The header in which a proxy says for whom it speaks. Proxies pass the other one through as
/// the client wrote it, so that only one can be believed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ForwardedBy {
    /// `X-Forwarded-For`, as nginx, HAProxy and most others do.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

impl Default for Access {
    fn default() -> Self {
        Self {
            trusted_proxies: Vec::new(),
            forwarded_by: ForwardedBy::default(),
            hosts: Vec::new(),
            origins: Vec::new(),
            open_tracker: true,
        }
    }
}

/// Why a request is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stranger {
    /// It does not say whom it asks, or says it twice.
    NoHost,
    /// It asks for a name that is not this relay's.
    Host,
    /// The web page behind it has no business here.
    Origin,
}

impl Access {
    /// True for a proxy whose word is believed.
    pub(crate) fn trusts(&self, peer: IpAddr) -> bool {
        self.trusted_proxies.iter().any(|network| network.contains(&peer))
    }

    /// Who is behind a request that came from `peer`: the nearest one that is not a trusted
    /// proxy. What stands further left was written by that one, and may be anything.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        if !self.trusts(peer) {
            return peer;
        }
        let (name, parse): (HeaderName, fn(&str) -> Option<IpAddr>) = match self.forwarded_by {
            ForwardedBy::XForwardedFor => (HeaderName::from_static("x-forwarded-for"), node),
            ForwardedBy::Forwarded => (header::FORWARDED, forwarded_for),
        };
        let lines = headers.get_all(name).into_iter().filter_map(|line| line.to_str().ok());
        let hops: Vec<&str> = lines.flat_map(|line| line.split(',')).collect();
        let mut client = peer;
        for hop in hops.into_iter().rev() {
            // A hop that hides itself says nothing about those before it either.
            let Some(address) = parse(hop) else { return client };
            client = address;
            if !self.trusts(address) {
                return client;
            }
        }
        client
    }

    /// Checks whom a request asks. A page of an attacker whose name was made to lead to this
    /// address (DNS rebinding) still asks for that name.
    pub(crate) fn check_host(&self, uri: &Uri, headers: &HeaderMap) -> Result<Authority, Stranger> {
        let asked = asked_host(uri, headers)?;
        if self.is_own_name(asked.host()) { Ok(asked) } else { Err(Stranger::Host) }
    }

    /// Checks the page that opens a WebSocket to `asked`, for a `client`. Programs other than
    /// browsers name none.
    pub(crate) fn check_origin(
        &self,
        client: IpAddr,
        asked: &Authority,
        headers: &HeaderMap,
    ) -> Result<(), Stranger> {
        let mut named = headers.get_all(header::ORIGIN).iter();
        let Some(origin) = named.next() else { return Ok(()) };
        let origin = origin.to_str().map_err(|_| Stranger::Origin)?;
        let is_listed = self.origins.iter().any(|listed| listed == "*" || listed == origin);
        let allowed =
            APP_ORIGINS.contains(&origin) || is_listed || self.is_own_page(client, asked, origin);
        if allowed && named.next().is_none() { Ok(()) } else { Err(Stranger::Origin) }
    }

    /// True for a page of this relay, and for pages that a client's own computer serves to it
    /// when that is the computer of this relay.
    fn is_own_page(&self, client: IpAddr, asked: &Authority, origin: &str) -> bool {
        let Some((scheme, rest)) = origin.split_once("://") else { return false };
        let usual_port = match scheme {
            "http" => 80,
            "https" => 443,
            _ => return false,
        };
        let Ok(page) = rest.parse::<Authority>() else { return false };
        let port = |authority: &Authority| authority.port_u16().unwrap_or(usual_port);
        let same = page.host().eq_ignore_ascii_case(asked.host()) && port(&page) == port(asked);
        let configured = self.hosts.iter().any(|host| host.eq_ignore_ascii_case(page.host()));
        same || configured || (client.is_loopback() && is_this_computer(page.host()))
    }

    fn is_own_name(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let is_local = !host.contains('.') || LOCAL_ENDINGS.iter().any(|end| host.ends_with(end));
        // A name without a dot is looked up on the local network only.
        (is_local && !host.is_empty())
            || literal(&host).is_some()
            || self.hosts.iter().any(|own| own.eq_ignore_ascii_case(&host))
    }
}

/// The authority in the request line, which holds over the header, or the one header.
fn asked_host(uri: &Uri, headers: &HeaderMap) -> Result<Authority, Stranger> {
    if let Some(authority) = uri.authority() {
        return Ok(authority.clone());
    }
    let mut named = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (named.next(), named.next()) else { return Err(Stranger::NoHost) };
    host.to_str().ok().and_then(|host| host.parse().ok()).ok_or(Stranger::NoHost)
}

fn is_this_computer(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || literal(host).is_some_and(|address| address.is_loopback())
}

/// An address as it stands in a URL, IPv6 in brackets.
fn literal(host: &str) -> Option<IpAddr> {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    bare.parse().ok()
}

/// One hop of `X-Forwarded-For`, with or without a port.
fn node(hop: &str) -> Option<IpAddr> {
    let hop = hop.trim().trim_matches('"');
    let address = literal(hop).or_else(|| hop.parse::<std::net::SocketAddr>().ok().map(|a| a.ip()));
    address.map(|address| address.to_canonical())
}

/// The `for` of one hop of `Forwarded`.
fn forwarded_for(hop: &str) -> Option<IpAddr> {
    let pairs = hop.split(';').filter_map(|pair| pair.split_once('='));
    let mut named = pairs.filter(|(name, _)| name.trim().eq_ignore_ascii_case("for"));
    named.next().and_then(|(_, value)| node(value))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    const PROXY: &str = "10.0.0.1";

    #[test]
    fn a_client_is_believed_to_be_who_it_is_and_not_who_it_says() {
        let access = Access::default();
        let headers = said(&[("x-forwarded-for", "9.9.9.9"), ("forwarded", "for=9.9.9.9")]);
        assert_eq!(access.client(ip("203.0.113.7"), &headers), ip("203.0.113.7"));
    }

    #[test]
    fn behind_trusted_proxies_the_nearest_stranger_is_the_client() {
        let access = behind(&["10.0.0.0/8"], ForwardedBy::XForwardedFor);
        for (line, client) in [
            ("203.0.113.7", "203.0.113.7"),
            ("1.1.1.1, 203.0.113.7", "203.0.113.7"),
            ("1.1.1.1, 203.0.113.7, 10.0.0.2", "203.0.113.7"),
            ("203.0.113.7:4711", "203.0.113.7"),
            ("2001:db8::7", "2001:db8::7"),
            ("[2001:db8::7]:4711", "2001:db8::7"),
            ("::ffff:203.0.113.7", "203.0.113.7"),
            ("1.1.1.1, unknown, 10.0.0.2", "10.0.0.2"),
            ("1.1.1.1, '; drop", PROXY),
            ("10.0.0.3, 10.0.0.2", "10.0.0.3"),
            ("", PROXY),
        ] {
            let headers = said(&[("x-forwarded-for", line)]);
            assert_eq!(access.client(ip(PROXY), &headers), ip(client), "{line:?}");
        }
        let two_lines = said(&[("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", "2.2.2.2")]);
        assert_eq!(access.client(ip(PROXY), &two_lines), ip("2.2.2.2"));
    }

    #[test]
    fn only_the_header_that_the_proxy_writes_is_read() {
        let both = said(&[("x-forwarded-for", "1.1.1.1"), ("forwarded", "for=2.2.2.2")]);
        let access = behind(&[PROXY], ForwardedBy::XForwardedFor);
        assert_eq!(access.client(ip(PROXY), &both), ip("1.1.1.1"));
        let access = behind(&[PROXY], ForwardedBy::Forwarded);
        assert_eq!(access.client(ip(PROXY), &both), ip("2.2.2.2"));
        for (line, client) in [
            (r#"for="[2001:db8::7]:4711";proto=https;by=203.0.113.43"#, "2001:db8::7"),
            ("proto=https; For=203.0.113.7", "203.0.113.7"),
            ("for=1.1.1.1, for=203.0.113.7", "203.0.113.7"),
            ("for=_hidden", PROXY),
        ] {
            let headers = said(&[("forwarded", line)]);
            assert_eq!(access.client(ip(PROXY), &headers), ip(client), "{line:?}");
        }
    }

    #[test]
    fn a_relay_answers_to_addresses_local_names_and_names_it_was_given() {
        let access = Access { hosts: vec!["relay.example".to_owned()], ..Access::default() };
        for (host, is_own) in [
            ("192.168.1.7:8080", true),
            ("[fd00::7]:8080", true),
            ("203.0.113.7", true),
            ("localhost:8080", true),
            ("Kitchen.local", true),
            ("kitchen", true),
            ("kitchen.local.", true),
            ("relay.example", true),
            ("RELAY.example:443", true),
            ("evil.example", false),
            ("relay.example.evil.example", false),
            ("192.168.1.7.evil.example", false),
            ("local.evil.example", false),
        ] {
            let asked = access.check_host(&Uri::from_static("/ws"), &said(&[("host", host)]));
            assert_eq!(asked.is_ok(), is_own, "{host}: {asked:?}");
        }
        let path = Uri::from_static("/ws");
        assert_eq!(access.check_host(&path, &said(&[])), Err(Stranger::NoHost));
        let twice = said(&[("host", "localhost"), ("host", "evil.example")]);
        assert_eq!(access.check_host(&path, &twice), Err(Stranger::NoHost));
        let absolute = Uri::from_static("http://evil.example/ws");
        let asked = access.check_host(&absolute, &said(&[("host", "localhost")]));
        assert_eq!(asked, Err(Stranger::Host), "the request line holds");
    }

    #[test]
    fn the_app_programs_and_the_relays_own_pages_may_connect_and_other_pages_may_not() {
        let access = Access {
            hosts: vec!["relay.example".to_owned()],
            origins: vec!["https://friend.example".to_owned()],
            ..Access::default()
        };
        for (host, origin, may) in [
            ("192.168.1.7:8080", None, true),
            ("192.168.1.7:8080", Some("tauri://localhost"), true),
            ("192.168.1.7:8080", Some("http://tauri.localhost"), true),
            ("192.168.1.7:8080", Some("https://tauri.localhost"), true),
            ("192.168.1.7:8080", Some("http://192.168.1.7:8080"), true),
            ("192.168.1.7:8080", Some("http://192.168.1.7"), false),
            ("192.168.1.7:8080", Some("http://192.168.1.8:8080"), false),
            ("relay.example", Some("https://relay.example"), true),
            ("127.0.0.1:8080", Some("https://relay.example"), true),
            ("relay.example", Some("https://friend.example"), true),
            ("relay.example", Some("https://friend.example.evil.example"), false),
            ("relay.example", Some("https://evil.example"), false),
            ("relay.example", Some("http://localhost:3000"), false),
            ("relay.example", Some("null"), false),
            ("relay.example", Some("tauri://evil"), false),
            ("relay.example", Some("file://"), false),
        ] {
            let asked = host.parse().expect("an authority");
            let origins: Vec<_> = origin.iter().map(|origin| ("origin", *origin)).collect();
            let checked = access.check_origin(ip("192.168.1.9"), &asked, &said(&origins));
            assert_eq!(checked.is_ok(), may, "{origin:?} on {host}");
        }
    }

    #[test]
    fn pages_of_this_computer_may_connect_from_this_computer_only() {
        let access = Access::default();
        let asked = "127.0.0.1:8080".parse().expect("an authority");
        let page = said(&[("origin", "http://localhost:3000")]);
        assert_eq!(access.check_origin(ip("127.0.0.1"), &asked, &page), Ok(()));
        assert!(access.check_origin(ip("192.168.1.9"), &asked, &page).is_err());
    }

    #[test]
    fn a_request_of_two_pages_is_refused_and_a_star_lets_every_page_in() {
        let asked = "127.0.0.1:8080".parse().expect("an authority");
        let two = said(&[("origin", "tauri://localhost"), ("origin", "https://evil.example")]);
        assert!(Access::default().check_origin(ip("1.1.1.1"), &asked, &two).is_err());
        let open = Access { origins: vec!["*".to_owned()], ..Access::default() };
        let any = said(&[("origin", "https://any.example")]);
        assert_eq!(open.check_origin(ip("1.1.1.1"), &asked, &any), Ok(()));
    }

    fn behind(proxies: &[&str], forwarded_by: ForwardedBy) -> Access {
        let network = |text: &&str| match text.parse::<IpNet>() {
            Ok(network) => network,
            Err(_) => IpNet::from(ip(text)),
        };
        let trusted_proxies = proxies.iter().map(network).collect();
        Access { trusted_proxies, forwarded_by, ..Access::default() }
    }

    fn said(lines: &[(&'static str, &str)]) -> HeaderMap {
        lines
            .iter()
            .map(|(name, value)| {
                let value = HeaderValue::from_str(value).expect("a header");
                (HeaderName::from_static(name), value)
            })
            .fold(HeaderMap::new(), |mut headers, (name, value)| {
                headers.append(name, value);
                headers
            })
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }
}
