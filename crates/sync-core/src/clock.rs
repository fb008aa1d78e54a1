//! What the swarm's clock says, as far as this device can know.
//!
//! A [`ClockSample`] is one exchange of time stamps with the swarm's time root. A [`ClockFilter`]
//! turns many of them into a [`ClockEstimate`]: a straight line between this device's clock
//! and the swarm's, with its own uncertainty. The estimate is the only thing in the program
//! that converts between [`LocalTime`] and [`SwarmTime`].

mod envelope;
mod filter;
mod kalman;

use protocol::datagram::Line;
use protocol::sync::SyncState;
use protocol::time::{LocalTime, Span, SwarmTime};

pub use filter::{ClockFilter, SampleError};

/// The four stamps of one time exchange (as in NTP, RFC 5905).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockSample {
    /// The ping left this device.
    pub t0: LocalTime,
    /// The ping reached the time root.
    pub t1: SwarmTime,
    /// The answer left the time root.
    pub t2: SwarmTime,
    /// The answer reached this device.
    pub t3: LocalTime,
}

impl ClockSample {
    /// Time spent on the way, there and back, without the root's own thinking time.
    pub fn round_trip(&self) -> Span {
        (self.t3 - self.t0) - (self.t2 - self.t1)
    }
}

/// A straight line between this device's clock and the swarm's, valid around one instant.
///
/// Small and `Copy`, so that it can be handed to an audio thread whole. Two estimates are
/// equal only if every instant converts equally.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClockEstimate {
    /// Where the line is pinned, on this device's clock.
    local: LocalTime,
    /// What the swarm's clock says at `local`.
    swarm: SwarmTime,
    /// Swarm seconds gained per local second. (dimensionless, ±[`MAX_SKEW`])
    skew: f64,
    error: LineError,
}

/// How far the line may be off, and how that grows with distance from its pin.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct LineError {
    /// Variance of the offset at the pin. (s²)
    pub offset: f64,
    /// Covariance of offset and skew. (s²/s)
    pub cross: f64,
    /// Variance of the skew. (s²/s²)
    pub skew: f64,
    /// Intensity of the random walk that both oscillators' skew does. (1/s)
    pub walk: f64,
}

/// Largest difference in speed between two working clocks. (dimensionless)
///
/// Cheap crystals stay within 100 ppm and a network time daemon may slew by up to 500 ppm
/// for a while; more is a measuring error. 600 ppm admits both at once.
pub(crate) const MAX_SKEW: f64 = 600e-6;

/// Doubt of a skew below which it is worth remembering. (s/s, one standard deviation)
///
/// A third of what a remembered skew counts as.
const MEMORABLE_SKEW: f64 = 1e-6;

/// Doubt from which a clock is not fit to play by. (one standard deviation)
///
/// Listeners fuse two equal sounds up to about five milliseconds apart.
pub const FIT_TO_PLAY: Span = Span::from_millis(5);

/// In one word how well a device keeps time, from what it doubts (one standard deviation) and
/// how far its song was from its place when last measured.
pub fn sync_state(doubt: Option<Span>, error: Option<Span>) -> SyncState {
    let Some(doubt) = doubt else { return SyncState::Unsynced };
    // What nineteen of twenty such devices stay below.
    let reach = error.unwrap_or(Span::ZERO).abs() + doubt.mul_f64(2.0);
    match reach {
        reach if reach <= LOCKED => SyncState::Locked,
        reach if reach <= GOOD => SyncState::Good,
        reach if reach <= FIT_TO_PLAY => SyncState::Coarse,
        _ => SyncState::Unsynced,
    }
}

/// Stereo pairs of such devices are credible.
const LOCKED: Span = Span::from_micros(100);

/// The image of a sound between two such devices stays in its place.
const GOOD: Span = Span::from_micros(500);

impl ClockEstimate {
    /// A line known exactly: for tests, and for a device that is its own time root.
    ///
    /// `skew_ppm` is how much faster the swarm's clock runs than this device's; it is held
    /// within ±600.
    pub fn exact(local: LocalTime, swarm: SwarmTime, skew_ppm: f64) -> Self {
        Self::from_line(local, swarm, skew_ppm * 1e-6, LineError::default())
    }

    /// The line on which swarm time and local time count the same nanoseconds, pinned at `at`.
    pub fn identity(at: LocalTime) -> Self {
        Self::exact(at, SwarmTime::from_nanos(at.as_nanos()), 0.0)
    }

    pub(crate) fn from_line(
        local: LocalTime,
        swarm: SwarmTime,
        skew: f64,
        error: LineError,
    ) -> Self {
        Self { local, swarm, skew: skew.clamp(-MAX_SKEW, MAX_SKEW), error }
    }

    /// What the swarm's clock says at `local`.
    pub fn to_swarm(&self, local: LocalTime) -> SwarmTime {
        let since = local - self.local;
        self.swarm + since + since.mul_f64(self.skew)
    }

    /// What this device's clock says when the swarm's says `swarm`. The inverse of
    /// [`Self::to_swarm`] to the nanosecond.
    pub fn to_local(&self, swarm: SwarmTime) -> LocalTime {
        let since = swarm - self.swarm;
        // Written as a small correction, so that the long distance keeps all its digits.
        self.local + since - since.mul_f64(self.skew / (1.0 + self.skew))
    }

    /// The same line with a further, independent doubt. (one standard deviation)
    #[must_use]
    pub(crate) fn doubted(mut self, doubt: Span) -> Self {
        self.error.offset += doubt.as_secs_f64().powi(2);
        self
    }

    /// The same line, counted as right from now on: for the one whose clock others follow.
    #[must_use]
    pub(crate) fn taken_as_true(mut self) -> Self {
        self.error = LineError::default();
        self
    }

    /// The way to the clock that `line` leads to from this one's.
    #[must_use]
    pub(crate) fn followed_by(&self, line: &Line) -> Self {
        let swarm = line.apply(self.swarm);
        let skew = (1.0 + self.skew) * (1.0 + line.rate) - 1.0;
        Self::from_line(self.local, swarm, skew, self.error)
    }

    /// The same line for another who knows this device's clock; it leads to the clock that is
    /// called `clock`.
    pub fn to_line(&self, clock: u64) -> Line {
        let pin = SwarmTime::from_nanos(self.local.as_nanos());
        Line { clock, pin, offset: self.swarm - pin, rate: self.skew }
    }

    /// True while the doubt is small enough for music to play by it: within
    /// [`FIT_TO_PLAY`], two speakers in a room still sound like one.
    pub fn is_fit_to_play(&self, now: LocalTime) -> bool {
        self.uncertainty(now) < FIT_TO_PLAY
    }

    /// How much faster the swarm's clock runs than this device's. (parts per million)
    pub fn skew_ppm(&self) -> f64 {
        self.skew * 1e6
    }

    /// True once the skew is known well enough to be remembered for the next meeting.
    pub(crate) fn knows_skew(&self) -> bool {
        self.error.skew.sqrt() < MEMORABLE_SKEW
    }

    /// One standard deviation of the conversion at `now`; grows with distance from the last
    /// measurement. A constant difference between the ways there and back is not in it: no
    /// exchange of stamps can see that.
    pub fn uncertainty(&self, now: LocalTime) -> Span {
        let dt = (now - self.local).as_secs_f64();
        let LineError { offset, cross, skew, walk } = self.error;
        let variance = offset + 2.0 * dt * cross + dt * dt * skew + walk * dt.abs().powi(3) / 3.0;
        Span::from_secs_f64(variance.max(0.0).sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> ClockEstimate {
        ClockEstimate::exact(
            LocalTime::from_nanos(5_000_000_000),
            SwarmTime::from_nanos(1_795_342_400_000_000_000),
            -37.5,
        )
    }

    #[test]
    fn a_conversion_there_and_back_returns_the_same_nanosecond() {
        for seconds in [-90_000, -3, 0, 1, 3_600, 500_000] {
            let local = LocalTime::from_nanos(seconds * 1_000_000_000 + 123_456_789);
            let back = line().to_local(line().to_swarm(local));
            assert!((back - local).abs() <= Span::from_nanos(1), "{:?} off", back - local);
        }
    }

    #[test]
    fn a_swarm_clock_that_runs_faster_gains_on_the_local_one() {
        let fast = ClockEstimate::exact(LocalTime::default(), SwarmTime::default(), 100.0);
        let after = fast.to_swarm(LocalTime::from_nanos(10_000_000_000));
        assert_eq!(after, SwarmTime::from_nanos(10_001_000_000));
    }

    #[test]
    fn uncertainty_grows_with_age() {
        let error = LineError { offset: 1e-10, cross: 0.0, skew: 1e-14, walk: 9e-16 };
        let estimate =
            ClockEstimate::from_line(LocalTime::default(), SwarmTime::default(), 0.0, error);
        let mut before = Span::ZERO;
        for seconds in [0, 1, 10, 60, 600] {
            let now = LocalTime::default() + Span::from_secs(seconds);
            let here = estimate.uncertainty(now);
            assert!(here > before, "{here:?} after {seconds} s is not above {before:?}");
            before = here;
        }
    }

    #[test]
    fn an_impossible_speed_is_held_at_the_largest_possible_one() {
        let wild = ClockEstimate::exact(LocalTime::default(), SwarmTime::default(), 1e9);
        assert_eq!(wild.skew_ppm(), 600.0);
    }
}
