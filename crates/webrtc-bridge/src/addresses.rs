//! Which local addresses a connection binds.

use std::net::{IpAddr, SocketAddr};

use crate::limits::MAX_ADDRESSES;

/// One address per interface that another machine may reach, each with a port of the system's
/// choice; loopback only when there is nothing else, so that two members on a machine without a
/// network still find each other.
///
/// The stack could be given a wildcard instead. It then skips loopback always, and offers the
/// unusable address `::` on a machine without IPv6.
pub(crate) fn bindable() -> Vec<SocketAddr> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_else(|error| {
        tracing::warn!(%error, "could not list network interfaces");
        Vec::new()
    });
    choose(interfaces.into_iter().filter(|interface| interface.is_oper_up()).map(|i| i.ip()))
}

fn choose(addresses: impl Iterator<Item = IpAddr>) -> Vec<SocketAddr> {
    let (mut loopback, mut reachable): (Vec<IpAddr>, Vec<IpAddr>) = addresses
        .filter(|ip| !ip.is_unspecified() && !is_link_local(ip))
        .partition(IpAddr::is_loopback);
    if reachable.is_empty() {
        reachable.append(&mut loopback);
    }
    // IPv4 first: it is what every member of a LAN has.
    reachable.sort_by_key(IpAddr::is_ipv6);
    reachable.dedup();
    reachable.truncate(MAX_ADDRESSES);
    reachable.into_iter().map(|ip| SocketAddr::new(ip, 0)).collect()
}

/// Link-local addresses mean nothing to a peer without their scope, which a candidate cannot say.
fn is_link_local(ip: &IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(addresses: &[&str]) -> Vec<String> {
        choose(addresses.iter().map(|text| text.parse().unwrap()))
            .into_iter()
            .map(|address| address.ip().to_string())
            .collect()
    }

    #[test]
    fn every_reachable_address_is_bound_and_loopback_is_not() {
        assert_eq!(
            chosen(&["127.0.0.1", "::1", "fd00::2", "192.0.2.2", "fe80::1", "169.254.3.4"]),
            ["192.0.2.2", "fd00::2"]
        );
    }

    #[test]
    fn a_machine_without_a_network_falls_back_to_loopback() {
        assert_eq!(chosen(&["127.0.0.1", "::1"]), ["127.0.0.1", "::1"]);
    }

    #[test]
    fn a_host_with_dozens_of_interfaces_binds_a_bounded_number() {
        let many: Vec<String> = (1..100).map(|n| format!("10.0.{n}.1")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(chosen(&many).len(), MAX_ADDRESSES);
    }
}
