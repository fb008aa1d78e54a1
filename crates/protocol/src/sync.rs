//! What members tell each other about keeping time: where they can be asked for it, whether
//! they could start, and how well they are in sync. All of it travels over the relay.

use core::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::carrier::Standby;
use crate::ids::{FileId, UserId};
use crate::time::Millis;

/// How the relay can be asked for its time by UDP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct TimeService {
    /// The UDP port; absent means the port number of the WebSocket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub port: Option<u16>,
    /// Names this member in its datagrams: 16 hex digits.
    pub token: String,
    /// What it signs them with: 64 hex digits. Of use while this relay runs.
    pub key: String,
}

/// Where a member can be reached on its local network: addresses at which it answers time
/// datagrams.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct Reach {
    /// At most [`crate::limits::MAX_ADDRESSES`] addresses with ports.
    #[serde(deserialize_with = "few")]
    #[cfg_attr(feature = "ts", ts(type = "Array<string>"))]
    pub addresses: Vec<SocketAddr>,
    /// Where its own relay can be reached, if it would carry the party.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub standby: Option<Standby>,
}

/// The director asks everyone to get ready for a start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct Arm {
    /// Tells this start from others of the same director.
    pub number: u32,
    /// What will play.
    pub file_id: FileId,
    /// Where in the song it will begin.
    #[serde(default)]
    pub position_ms: Millis,
}

/// A member's answer to [`Arm`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct Armed {
    /// The start this answers.
    pub number: u32,
    /// True when the place is decoded and the clock is known; false if this member will have
    /// to join later, in time.
    pub ready: bool,
    /// How long before it is heard this member's output must know of a sound.
    #[serde(default)]
    pub notice_ms: Millis,
    /// Longest usual round trip between this member and the relay.
    #[serde(default)]
    pub round_trip_ms: Millis,
}

/// How well a device knows the swarm's time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub enum SyncState {
    /// Not known well enough to play by.
    #[default]
    Unsynced,
    /// Within 5 ms: two speakers in a room still sound like one.
    Coarse,
    /// Within 500 µs.
    Good,
    /// Within 100 µs.
    Locked,
}

/// Over which way a device learns the time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub enum SyncPath {
    /// From the relay.
    #[default]
    Relay,
    /// From a member on the same local network.
    Lan,
}

/// How well one device keeps time, as it tells the others.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct SyncReport {
    /// In one word.
    pub state: SyncState,
    /// Last measured distance from where its song should be; above zero is heard late; none
    /// while it plays nothing. (microseconds)
    pub error_us: Option<f64>,
    /// One standard deviation of all it knows about when it is heard. (microseconds)
    pub uncertainty_us: Option<f64>,
    /// Where its time comes from.
    pub path: SyncPath,
    /// The member whose clock leads its room, if one does.
    pub root: Option<UserId>,
    /// How much faster than its name its sound device runs. (parts per million)
    pub rate_ppm: Option<f64>,
    /// Times its song was moved audibly.
    pub jumps: u32,
}

pub(crate) fn few<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<SocketAddr>, D::Error> {
    let addresses = Vec::<SocketAddr>::deserialize(deserializer)?;
    if addresses.len() <= crate::limits::MAX_ADDRESSES {
        return Ok(addresses);
    }
    Err(serde::de::Error::custom(format!(
        "{} addresses, at most {} are passed on",
        addresses.len(),
        crate::limits::MAX_ADDRESSES
    )))
}
