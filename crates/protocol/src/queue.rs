//! In which order songs play: what a swarm agrees on, as it is on the wire.

use serde::{Deserialize, Deserializer, Serialize};

use crate::ids::FileId;
use crate::limits;

/// The order of songs and what happens at its end, whole. The director says it anew whenever
/// something of it changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct Queue {
    /// Files in the order in which they play, at most [`limits::MAX_FILES_PER_SWARM`]. Those that
    /// are shared and not named come behind them, first announced first; those that are not shared
    /// are passed over.
    #[serde(deserialize_with = "bounded")]
    pub order: Vec<FileId>,
    /// What comes after the last song, or after this one.
    pub repeat: RepeatMode,
    /// True when the order was drawn by chance.
    pub shuffled: bool,
}

impl Queue {
    /// True if nobody has said anything about the order yet.
    pub fn is_untouched(&self) -> bool {
        *self == Self::default()
    }
}

/// What is played again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub enum RepeatMode {
    /// Nothing: the music ends with the last song.
    #[default]
    Off,
    /// All songs: the first one follows the last.
    All,
    /// The song on air.
    One,
}

fn bounded<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<FileId>, D::Error> {
    let order = Vec::<FileId>::deserialize(deserializer)?;
    if order.len() <= limits::MAX_FILES_PER_SWARM {
        return Ok(order);
    }
    let most = limits::MAX_FILES_PER_SWARM;
    Err(serde::de::Error::custom(format!("`order` names {} files, at most {most}", order.len())))
}
