//! What plays when, and how far ahead to start it.

use protocol::ids::FileId;
use protocol::message::Playback;
use protocol::time::{LocalTime, MediaTime, Millis, Span, SwarmTime};

use crate::clock::ClockEstimate;

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

    /// The same time line in another clock: what is heard at `at` and after stays what it is.
    ///
    /// Both estimates are of this device's clock, so what they disagree on is the origin and
    /// speed of the swarm's; that is what a new time root changes.
    #[must_use]
    pub fn carried_over(&self, from: &ClockEstimate, to: &ClockEstimate, at: LocalTime) -> Self {
        let then = from.to_swarm(at);
        // Pinned at the present, so that the clocks' difference in speed has no past to act
        // on; a start that lies ahead keeps its first position instead.
        if then >= self.anchor {
            let position = self.position_at(then);
            Self { file_id: self.file_id.clone(), anchor: to.to_swarm(at), position }
        } else {
            Self { anchor: to.to_swarm(from.to_local(self.anchor)), ..self.clone() }
        }
    }
}

/// Least time between pressing play and the start, in a room.
///
/// The message has to reach everyone, and their sound cards must hear of it in time: up to
/// 200 ms before the sound where they are no hardware but lead to a sound server. Half a
/// second from press to sound is still felt as immediate.
pub const MIN_LEAD: Span = Span::from_millis(300);

/// Least time between pressing play and the start over a wide area network, where the others
/// may be as far from the relay again.
pub const MIN_LEAD_FAR: Span = Span::from_millis(400);

/// Round trip from which the relay counts as far. No room's own network is that slow when
/// it is of use.
const FAR: Span = Span::from_millis(25);

/// Margin on top of what was measured.
const MARGIN: Span = Span::from_millis(100);

/// Longest time between pressing play and the start: beyond it the slowest join late, in time.
pub const MAX_LEAD: Span = Span::from_secs(3);

/// How long before its start a song is announced.
///
/// `round_trip` is the longest usual one between this device and the relay, `output_notice`
/// how long before it is heard this device's output must know of a sound.
pub fn lead(round_trip: Span, output_notice: Span) -> Span {
    let least = if round_trip < FAR { MIN_LEAD } else { MIN_LEAD_FAR };
    let message = round_trip.mul_f64(1.5) + MARGIN;
    let sound = output_notice + MARGIN;
    least.max(message).max(sound).min(MAX_LEAD)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_joiner_finds_its_place_from_the_plan_alone() {
        let plan = plan();
        assert_eq!(plan.position_at(at(10.0)), MediaTime::from_millis_f64(30_000.0));
        assert_eq!(plan.position_at(at(73.25)), MediaTime::from_millis_f64(93_250.0));
        assert_eq!(plan.time_of(MediaTime::from_millis_f64(93_250.0)), at(73.25));
    }

    #[test]
    fn a_song_is_over_when_its_last_position_has_been_heard() {
        let duration = Span::from_secs(180);
        assert!(!plan().is_over(duration, at(159.9)));
        assert!(plan().is_over(duration, at(160.0)));
    }

    #[test]
    fn plans_of_one_song_compare_by_when_it_is_heard() {
        let plan = plan();
        let same = PlayoutPlan {
            anchor: at(20.0),
            position: MediaTime::from_millis_f64(40_000.0),
            ..plan.clone()
        };
        assert_eq!(same.later_than(&plan), Some(Span::ZERO));
        let later = PlayoutPlan { anchor: at(20.002), ..same };
        assert_eq!(later.later_than(&plan), Some(Span::from_millis(2)));
        let other = PlayoutPlan { file_id: file('b'), ..plan.clone() };
        assert_eq!(other.later_than(&plan), None);
    }

    #[test]
    fn carried_to_another_clock_a_song_sounds_on_without_a_step() {
        let now = LocalTime::from_nanos(500_000_000_000);
        let old = ClockEstimate::exact(now, at(42.0), 30.0);
        let new = ClockEstimate::exact(now, at(-9_000.0), -50.0);
        for anchor in [at(10.0), at(42.3)] {
            let plan = PlayoutPlan { anchor, ..plan() };
            let carried = plan.carried_over(&old, &new, now);
            let soon = now + Span::from_millis(400);
            for moment in [now, soon] {
                let before = plan.position_at(old.to_swarm(moment));
                let after = carried.position_at(new.to_swarm(moment));
                // 80 ppm between the clocks for 0.4 s.
                assert!((after - before).abs() < Span::from_micros(35), "{:?}", after - before);
            }
            assert!(carried.position >= MediaTime::default());
        }
    }

    #[test]
    fn the_lead_covers_slow_links_and_slow_speakers_within_its_bounds() {
        let lead = |round_trip, latency| {
            lead(Span::from_millis(round_trip), Span::from_millis(latency)).as_millis_f64()
        };
        assert_eq!(lead(1, 20), 300.0, "a room");
        assert_eq!(lead(60, 20), 400.0, "a distant relay");
        assert_eq!(lead(400, 20), 700.0, "a very distant relay");
        assert_eq!(lead(1, 250), 350.0, "a slow speaker");
        assert_eq!(lead(1, 60_000), 3_000.0, "a nonsense latency");
    }

    #[test]
    fn a_plan_crosses_the_wire_within_a_quarter_microsecond() {
        let plan = PlayoutPlan { anchor: at(1_795_342_400.123_456_7), ..plan() };
        let back = PlayoutPlan::from(&Playback::from(&plan));
        let moved = back.later_than(&plan).expect("one song");
        assert!(moved.abs() <= Span::from_nanos(250), "{moved:?}");
    }

    fn plan() -> PlayoutPlan {
        let position = MediaTime::from_millis_f64(30_000.0);
        PlayoutPlan { file_id: file('a'), anchor: at(10.0), position }
    }

    fn at(seconds: f64) -> SwarmTime {
        SwarmTime::default() + Span::from_secs_f64(seconds)
    }

    fn file(digit: char) -> FileId {
        FileId::parse(digit.to_string().repeat(64)).expect("64 hex digits")
    }
}
