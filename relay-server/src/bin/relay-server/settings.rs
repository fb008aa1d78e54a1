//! Everything an operator can set, with its default.
//!
//! The doc comments here and on [`Limits`] are what the configuration file and `--help` say.
//! A new field is at once a key of the file, a flag and a variable: `keys.rs` derives all
//! three from these types, `sources.rs` reads them.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use documented::DocumentedFields;
use relay_server::{Access, ClusterPlace, Limits};
use serde::{Deserialize, Serialize};

/// How one relay is run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, DocumentedFields)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Settings {
    /// Address and port to listen on, for members, tracker clients and web pages. The time is
    /// answered by UDP on the same port.
    pub listen: SocketAddr,
    /// Folder of the web interface, served at `/`. Empty: `ui/dist`, if it exists.
    pub static_dir: PathBuf,
    /// What the relay calls itself on `/health`.
    pub name: String,
    /// After the first SIGTERM or Ctrl-C nobody is let in, and swarms are sent away one after the
    /// other over this time. A second signal ends the relay at once.
    pub drain: Duration,
    /// Log lines.
    pub log: LogSettings,
    /// TLS on the relay's own port.
    pub tls: TlsSettings,
    /// Metrics for Prometheus, at `/metrics`.
    pub metrics: MetricsSettings,
    /// TURN servers for members that reach each other no other way.
    pub turn: TurnSettings,
    /// Proxies, names and web pages.
    pub access: Access,
    /// Other relays that this one shares its swarms with.
    pub cluster: ClusterSettings,
    /// What members and tracker clients may ask.
    pub limits: Limits,
}

/// Log lines, on standard error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, DocumentedFields)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct LogSettings {
    /// What to log: error, warn, info, debug or trace; by module as in
    /// `info,relay_server=debug`. No level shows names, keys, signals or whole swarm hashes.
    pub level: String,
    /// `text` for people, `json` for programs.
    pub format: LogFormat,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// TLS on the relay's own port. Without it the relay speaks plain HTTP, as behind a proxy.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, DocumentedFields)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct TlsSettings {
    /// PEM file with the certificate and those it needs to be trusted behind it. Empty: no TLS.
    /// It is read again on SIGHUP and when it changes.
    pub cert: PathBuf,
    /// PEM file with the certificate's private key.
    pub key: PathBuf,
}

/// Where `/metrics` is shown. Never on the members' address without a token.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, DocumentedFields)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct MetricsSettings {
    /// An address and port of their own, in plain HTTP, such as `127.0.0.1:9090`. Empty: none.
    #[serde(with = "empty_is_none")]
    pub listen: Option<SocketAddr>,
    /// Shows them on the members' address too, to requests with this bearer token of 16
    /// characters or more. Empty: to nobody.
    pub token: Secret,
}

/// A TURN server that takes time-limited credentials, such as coturn with `use-auth-secret`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, DocumentedFields)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct TurnSettings {
    /// Its addresses, such as `turn:turn.example.org:3478` or
    /// `turns:turn.example.org:5349?transport=tcp`; `stun:` ones may be among them. At most 8.
    pub urls: Vec<String>,
    /// The secret it shares with this relay: coturn's `static-auth-secret`.
    pub secret: Secret,
    /// How long a member may use what it was given.
    pub lifetime: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 8080)),
            static_dir: PathBuf::new(),
            name: "Synced Swarm Audio relay".to_owned(),
            // Longer than members wait before they try again, short enough for a deployment.
            drain: Duration::from_secs(5),
            log: LogSettings::default(),
            tls: TlsSettings::default(),
            metrics: MetricsSettings::default(),
            turn: TurnSettings::default(),
            access: Access::default(),
            cluster: ClusterSettings::default(),
            limits: Limits::default(),
        }
    }
}

impl Default for ClusterSettings {
    fn default() -> Self {
        Self {
            redis_url: Secret::default(),
            node_id: String::new(),
            public_url: String::new(),
            inside_url: String::new(),
            lease: ClusterPlace::DEFAULT_LEASE,
            redis_ca: PathBuf::new(),
        }
    }
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { level: "info".to_owned(), format: LogFormat::Text }
    }
}

impl Default for TurnSettings {
    fn default() -> Self {
        // A party lasts an evening; a connection that breaks brings new credentials.
        Self {
            urls: Vec::new(),
            secret: Secret::default(),
            lifetime: Duration::from_secs(24 * 3600),
        }
    }
}

/// Relays that share their swarms among them, with Redis or Valkey as the judge. Every relay of
/// one cluster has the same `redis-url` and `lease`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, DocumentedFields)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct ClusterSettings {
    /// Where Redis is, as `redis://user:password@10.0.0.9:6379`, or `rediss://…` by TLS. Empty:
    /// this relay keeps every swarm alone.
    pub redis_url: Secret,
    /// The name of this relay: another one for each, the same after every restart.
    pub node_id: String,
    /// Where members reach this very relay, as `wss://a.relay.example/ws`, below the name that
    /// they know. Empty: the other relays pass its members' messages on.
    pub public_url: String,
    /// Where the other relays reach it, as `ws://10.0.0.1:8080/ws`. Empty: where it listens.
    pub inside_url: String,
    /// How long after its death the swarms of a relay are free.
    pub lease: Duration,
    /// PEM file with the certificates that Redis's own must come from, for `rediss://`. Empty: the
    /// well-known ones of the web.
    pub redis_ca: PathBuf,
}

/// Text that is never shown.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// The text itself, if there is any.
    pub fn reveal(&self) -> Option<&str> {
        (!self.0.is_empty()).then_some(self.0.as_str())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "none" } else { "hidden" })
    }
}

/// An optional value as text that may be empty, since TOML has no null.
mod empty_is_none {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<T: Display, S: Serializer>(
        value: &Option<T>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => serializer.collect_str(value),
            None => serializer.serialize_str(""),
        }
    }

    pub fn deserialize<'de, T: FromStr<Err: Display>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<T>, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.is_empty() {
            return Ok(None);
        }
        text.parse().map(Some).map_err(serde::de::Error::custom)
    }
}
