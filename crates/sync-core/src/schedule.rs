//! What plays when.

use protocol::ids::FileId;
use protocol::message::Playback;
use protocol::time::{MediaTime, Millis, Span, SwarmTime};

/// A song on the swarm's time line: `position` is heard at `anchor`, and every later
/// position follows at the song's own speed. Nothing else is needed to know what should be
/// heard at any instant, on any device, however late it comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlayoutPlan {
    /// What plays.
    pub file_id: FileId,
    /// The swarm time at which `position` is heard.
    pub anchor: SwarmTime,
    /// The position in the song that is heard at `anchor`.
    pub position: MediaTime,
}

impl PlayoutPlan {
    /// The position that is heard at `at`; below zero before the song begins.
    pub fn position_at(&self, at: SwarmTime) -> MediaTime {
        self.position + (at - self.anchor)
    }

    /// The swarm time at which `position` is heard.
    pub fn time_of(&self, position: MediaTime) -> SwarmTime {
        self.anchor + (position - self.position)
    }

    /// True when a song of this length has been heard to its end at `at`.
    pub fn is_over(&self, duration: Span, at: SwarmTime) -> bool {
        self.position_at(at) >= MediaTime::default() + duration
    }

    /// How much later this plan plays than `other`; none if they play different songs.
    pub fn later_than(&self, other: &Self) -> Option<Span> {
        (self.file_id == other.file_id)
            .then(|| self.time_of(MediaTime::default()) - other.time_of(MediaTime::default()))
    }

    /// The same song in a clock that says `by` more.
    #[must_use]
    pub fn shifted(&self, by: Span) -> Self {
        Self { anchor: self.anchor + by, ..self.clone() }
    }
}

impl From<&Playback> for PlayoutPlan {
    fn from(playback: &Playback) -> Self {
        Self {
            file_id: playback.file_id.clone(),
            anchor: playback.global_start_time_ms.into(),
            position: playback.position_ms.into(),
        }
    }
}

impl From<&PlayoutPlan> for Playback {
    fn from(plan: &PlayoutPlan) -> Self {
        Self {
            file_id: plan.file_id.clone(),
            global_start_time_ms: Millis::from(plan.anchor),
            position_ms: Millis::from(plan.position),
        }
    }
}
