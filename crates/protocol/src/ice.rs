//! Servers that help members reach each other where no direct way leads: STUN and TURN, as a
//! relay's operator runs them.

use core::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use crate::limits;

/// A STUN or TURN server in the form in which WebRTC takes it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct IceServer {
    /// Its addresses: `stun:host:port`, `turns:host:port?transport=tcp`.
    pub urls: Vec<String>,
    /// Whom a TURN server takes the member for: `expiry:userId`, the expiry in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub username: Option<String>,
    /// The password that goes with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub credential: Option<String>,
}

impl fmt::Debug for IceServer {
    /// Without the password, which opens the server to whoever reads it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IceServer").field("urls", &self.urls).finish_non_exhaustive()
    }
}

impl IceServer {
    /// A browser throws away all of its servers when one is not as it should be.
    fn is_usable(&self) -> bool {
        let is_plain = |text: &str| {
            text.len() <= limits::MAX_ICE_TEXT && !text.chars().any(|c| c.is_control() || c == ' ')
        };
        let has_password = |text: &Option<String>| text.as_deref().is_some_and(is_plain);
        let may_log_in = has_password(&self.username) && has_password(&self.credential);
        let fits = |url: &String| match url.split_once(':') {
            Some(("stun" | "stuns", host)) => !host.is_empty() && is_plain(url),
            Some(("turn" | "turns", host)) => !host.is_empty() && is_plain(url) && may_log_in,
            _ => false,
        };
        (1..=limits::MAX_ICE_URLS).contains(&self.urls.len()) && self.urls.iter().all(fits)
    }
}

/// Reads the servers of a relay; at most [`limits::MAX_ICE_URLS`].
pub(crate) fn usable<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<IceServer>, D::Error> {
    let servers = Vec::<IceServer>::deserialize(deserializer)?;
    if servers.len() <= limits::MAX_ICE_URLS && servers.iter().all(IceServer::is_usable) {
        return Ok(servers);
    }
    Err(serde::de::Error::custom("not a list of STUN and TURN servers"))
}
