//! What plays: an entry of a swarm's schedule, as it is on the wire.

use serde::{Deserialize, Serialize};

use crate::ids::FileId;
use crate::limits;
use crate::time::Millis;

/// A song on the swarm's time line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct Playback {
    /// What plays.
    pub file_id: FileId,
    /// The swarm time at which `positionMs` is heard.
    pub global_start_time_ms: Millis,
    /// The position in the song that is heard at `globalStartTimeMs`.
    #[serde(default)]
    pub position_ms: Millis,
    /// True when the song stands still there, silent, until something else is said.
    #[serde(default, skip_serializing_if = "is_false")]
    #[cfg_attr(feature = "ts", ts(optional, as = "Option<bool>"))]
    pub paused: bool,
    /// A stretch of the song that is played again and again once it is reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub repeat: Option<Repeat>,
}

impl Playback {
    /// A file that is played from `position_ms` on, heard at `global_start_time_ms`.
    pub fn playing(file_id: FileId, global_start_time_ms: Millis, position_ms: Millis) -> Self {
        Self { file_id, global_start_time_ms, position_ms, paused: false, repeat: None }
    }
}

/// A stretch of a song.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", try_from = "UncheckedRepeat")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct Repeat {
    from_ms: Millis,
    to_ms: Millis,
}

impl Repeat {
    /// From one position to a later one; none unless they are [`limits::MIN_REPEAT_MS`] apart.
    pub fn new(from_ms: Millis, to_ms: Millis) -> Option<Self> {
        let is_sound = from_ms.get() >= 0.0 && to_ms.get() - from_ms.get() >= limits::MIN_REPEAT_MS;
        is_sound.then_some(Self { from_ms, to_ms })
    }

    /// Its first position.
    pub fn from_ms(&self) -> Millis {
        self.from_ms
    }

    /// The position behind its last one.
    pub fn to_ms(&self) -> Millis {
        self.to_ms
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UncheckedRepeat {
    from_ms: Millis,
    to_ms: Millis,
}

impl TryFrom<UncheckedRepeat> for Repeat {
    type Error = String;
    fn try_from(repeat: UncheckedRepeat) -> Result<Self, String> {
        Self::new(repeat.from_ms, repeat.to_ms)
            .ok_or_else(|| format!("a repeat is at least {} ms long", limits::MIN_REPEAT_MS))
    }
}

fn is_false(value: &bool) -> bool {
    !value
}
