//! What a setting may be beyond its kind. A setting that is not named here may be anything of
//! its kind.

use std::net::SocketAddr;

use ipnet::IpNet;
use protocol::limits::{MAX_FILES_PER_MEMBER, MAX_FILES_PER_SWARM, MAX_SIGNAL};
use toml::Value;
use tracing_subscriber::EnvFilter;

use crate::keys::{Key, Kind};
use crate::settings::Settings;
use crate::sources::SettingError;

/// Members that one swarm may be set to have. Beyond it fan-out, which grows with the square of
/// this, takes a processor of its own.
const MOST_MEMBERS: i64 = 500;

/// STUN and TURN servers that members may be given; each costs every connection a query.
const MOST_TURN_URLS: usize = 8;

/// Shortest token for the metrics. Nobody guesses so many characters over the network.
const SHORTEST_TOKEN: usize = 16;

/// Longest of all times: a year, far from where adding times could overflow. (seconds)
const LONGEST_TIME: i64 = 366 * 24 * 3600;

/// A bound of one setting: its path, what is allowed in words, and whether a value is.
struct Bound(&'static str, &'static str, fn(&Value) -> bool);

const BOUNDS: &[Bound] = &[
    Bound("listen", "an address with a port, such as \"0.0.0.0:8080\",", is_address),
    Bound("log.level", "a level, or levels by module as in \"info,relay_server=debug\",", |v| {
        v.as_str().is_some_and(|text| EnvFilter::try_new(text).is_ok())
    }),
    Bound("log.format", "\"text\" or \"json\"", |v| matches!(v.as_str(), Some("text" | "json"))),
    Bound("metrics.listen", "an address with a port, such as \"127.0.0.1:9090\", or \"\"", |v| {
        v.as_str() == Some("") || is_address(v)
    }),
    Bound("metrics.token", "nothing, or 16 characters or more,", |v| {
        v.as_str().is_some_and(|token| token.is_empty() || token.chars().count() >= SHORTEST_TOKEN)
    }),
    Bound("turn.urls", "a list of at most 8 addresses such as \"turn:turn.example.org\"", |v| {
        v.as_array().is_some_and(|urls| urls.len() <= MOST_TURN_URLS && urls.iter().all(is_ice))
    }),
    Bound("cluster.node-id", "letters, digits, `-`, `_` and `.`, at most 64,", |v| {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        v.as_str().is_some_and(|name| name.len() <= 64 && name.chars().all(fits))
    }),
    Bound("cluster.public-url", "an address such as \"wss://a.relay.example/ws\"", is_relay),
    Bound("cluster.inside-url", "an address such as \"ws://10.0.0.1:8080/ws\"", is_relay),
    Bound("limits.members", "1 to 500", |v| lies_in(v, 1, MOST_MEMBERS)),
    Bound("limits.files-per-member", "1 to 50", |v| lies_in(v, 1, MAX_FILES_PER_MEMBER as i64)),
    Bound("limits.files-per-swarm", "1 to 100", |v| lies_in(v, 1, MAX_FILES_PER_SWARM as i64)),
    Bound("limits.queue-messages", "1 to 1000000", |v| lies_in(v, 1, 1_000_000)),
    Bound("access.trusted-proxies", "a list of networks such as \"10.0.0.0/8\"", |v| {
        v.as_array().is_some_and(|networks| networks.iter().all(is_network))
    }),
    Bound("access.forwarded-by", "\"x-forwarded-for\" or \"forwarded\"", |v| {
        matches!(v.as_str(), Some("x-forwarded-for" | "forwarded"))
    }),
    Bound("access.hosts", "a list of names such as \"relay.example.org\"", |v| {
        v.as_array().is_some_and(|hosts| hosts.iter().all(is_host))
    }),
    Bound("access.origins", "a list such as \"https://music.example.org\", or \"*\",", |v| {
        v.as_array().is_some_and(|origins| origins.iter().all(is_origin))
    }),
    Bound("limits.flood-times", "1 or more", |v| number(v).is_some_and(|times| times >= 1.0)),
    Bound("limits.flood-seconds", "1 or more", |v| lies_in(v, 1, 3_600)),
    Bound("limits.signal-bytes", "1 to 32768", |v| lies_in(v, 1, MAX_SIGNAL as i64)),
    Bound("limits.json-depth", "4 to 100", |v| lies_in(v, 4, 100)),
    Bound("limits.queue-bytes", "65536 or more", |v| lies_in(v, 65_536, i64::MAX)),
];

/// Checks one value, of the right kind.
///
/// # Errors
///
/// [`SettingError::Value`].
pub fn check(key: &Key, value: &Value) -> Result<(), SettingError> {
    let bound = BOUNDS.iter().find(|Bound(path, ..)| *path == key.path);
    let refused = match (bound, key.kind()) {
        (Some(Bound(_, allowed, holds)), _) => (!holds(value)).then_some(*allowed),
        // Nobody is sent away over a time of nothing, or everybody at once.
        (None, Kind::Time) if key.path != "drain" => {
            let is_empty =
                value.get("secs") == Some(&0.into()) && value.get("nanos") == Some(&0.into());
            (is_empty || is_too_long(value)).then_some("more than \"0s\" and at most \"366days\"")
        }
        (None, Kind::Time) => is_too_long(value).then_some("at most \"366days\""),
        (None, Kind::Rate) => {
            let part = |name| value.get(name).and_then(number).unwrap_or_default();
            let is_rate = part("per-second") > 0.0 && part("burst") >= 1.0;
            (!is_rate).then_some("`per-second` above 0 and `burst` from 1 on")
        }
        (None, _) => None,
    };
    match refused {
        Some(allowed) => Err(SettingError::value(key, value, allowed)),
        None => Ok(()),
    }
}

/// Checks what makes sense only together.
///
/// # Errors
///
/// [`SettingError::Value`].
pub fn check_together(settings: &Settings) -> Result<(), SettingError> {
    let missing = |name: &str, allowed: &str| {
        Err(SettingError::Value {
            name: name.to_owned(),
            given: "empty".to_owned(),
            allowed: allowed.to_owned(),
        })
    };
    let (tls, turn) = (&settings.tls, &settings.turn);
    let has = |file: &std::path::Path| !file.as_os_str().is_empty();
    match (has(&tls.cert), has(&tls.key)) {
        (true, false) => return missing("tls.key", "the key's file beside `tls.cert`"),
        (false, true) => return missing("tls.cert", "the certificate's file beside `tls.key`"),
        _ => {}
    }
    let needs_secret = turn.urls.iter().any(|url| url.starts_with("turn"));
    if needs_secret && turn.secret.reveal().is_none() {
        return missing("turn.secret", "the secret of the servers in `turn.urls`");
    }
    Ok(())
}

/// True for values that are not repeated in messages.
pub fn is_secret(path: &str) -> bool {
    path.ends_with(".token") || path.ends_with(".secret")
}

/// Where a relay is reached, or nothing.
fn is_relay(value: &Value) -> bool {
    value
        .as_str()
        .is_some_and(|url| url.is_empty() || url.starts_with("ws://") || url.starts_with("wss://"))
}

fn is_address(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.parse::<SocketAddr>().is_ok())
}

fn is_network(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.parse::<IpNet>().is_ok())
}

/// A name alone: no scheme, no port, no path.
fn is_host(value: &Value) -> bool {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-');
    value.as_str().is_some_and(|host| !host.is_empty() && host.chars().all(is_plain))
}

/// As browsers write it: a scheme and an authority, without a path.
fn is_origin(value: &Value) -> bool {
    let Some(origin) = value.as_str() else { return false };
    let is_plain = |rest: &str| {
        !rest.is_empty() && rest.chars().all(|c| c.is_ascii_graphic() && !"/?#@*".contains(c))
    };
    origin == "*" || origin.split_once("://").is_some_and(|(_, rest)| is_plain(rest))
}

fn is_ice(url: &Value) -> bool {
    let Some((scheme, rest)) = url.as_str().and_then(|url| url.split_once(':')) else {
        return false;
    };
    let is_plain = |c: char| !c.is_whitespace() && !c.is_control() && c != '@' && c != '/';
    ["stun", "stuns", "turn", "turns"].contains(&scheme)
        && !rest.is_empty()
        && rest.chars().all(is_plain)
}

fn lies_in(value: &Value, least: i64, most: i64) -> bool {
    value.as_integer().is_some_and(|number| (least..=most).contains(&number))
}

fn is_too_long(time: &Value) -> bool {
    time.get("secs").and_then(Value::as_integer).is_none_or(|seconds| seconds > LONGEST_TIME)
}

fn number(value: &Value) -> Option<f64> {
    value.as_float().or_else(|| value.as_integer().map(|number| number as f64))
}
