//! When to ask for the time.

use protocol::time::{LocalTime, Span};

/// Pings of the start burst. (count)
///
/// Twenty give the floor of a quiet network within microseconds. Small enough to pass a
/// relay's allowance at once.
pub const BURST: u32 = 20;

/// Between two pings of the start burst: far enough apart not to queue behind each other.
pub const BURST_INTERVAL: Span = Span::from_millis(12);

/// Between two pings while the clock is still being learnt, or music may start any moment.
pub const SEEKING_INTERVAL: Span = Span::from_millis(200);

/// Between two pings while music plays by a clock that is known well.
pub const STEADY_INTERVAL: Span = Span::from_millis(500);

/// Between two pings over a path on which passages without delay are rare.
pub const STRAINED_INTERVAL: Span = Span::from_millis(125);

/// Doubt from which more pings help: on a wired path they would not. (one standard deviation)
const VAGUE: Span = Span::from_micros(20);

/// Doubt from which a path counts as bad.
const VERY_VAGUE: Span = Span::from_micros(150);

/// How eagerly to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// [`STRAINED_INTERVAL`].
    Strained,
    /// [`SEEKING_INTERVAL`].
    Seeking,
    /// [`STEADY_INTERVAL`].
    Steady,
}

impl Pace {
    /// The pace for a clock known to within `doubt`, if at all.
    pub fn of(doubt: Option<Span>, is_playing: bool) -> Self {
        match doubt {
            Some(doubt) if doubt > VERY_VAGUE => Self::Strained,
            Some(doubt) if is_playing && doubt < VAGUE => Self::Steady,
            _ => Self::Seeking,
        }
    }

    /// Time between two pings.
    pub fn interval(self) -> Span {
        match self {
            Self::Strained => STRAINED_INTERVAL,
            Self::Seeking => SEEKING_INTERVAL,
            Self::Steady => STEADY_INTERVAL,
        }
    }
}

/// The pings of one connection: a burst, then a steady pace.
#[derive(Clone, Debug, Default)]
pub struct PingCadence {
    next: Option<LocalTime>,
    burst_left: u32,
}

impl PingCadence {
    /// Begins with a burst at `now`.
    pub fn begin(&mut self, now: LocalTime) {
        self.next = Some(now);
        self.burst_left = BURST;
    }

    /// No more pings.
    pub fn end(&mut self) {
        *self = Self::default();
    }

    /// True when a ping is due at `now`; the next one is then later than `now`. Time that was
    /// missed is not made up for.
    pub fn take_due(&mut self, now: LocalTime, pace: Pace) -> bool {
        if self.next.is_none_or(|next| now < next) {
            return false;
        }
        self.burst_left = self.burst_left.saturating_sub(1);
        let interval = match pace {
            _ if self.burst_left > 0 => BURST_INTERVAL,
            _ => pace.interval(),
        };
        self.next = Some(now + interval);
        true
    }

    /// When the next ping is due.
    pub fn due(&self) -> Option<LocalTime> {
        self.next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_begins_with_a_burst_and_goes_on_at_its_pace() {
        let mut cadence = PingCadence::default();
        let start = LocalTime::from_nanos(1_000);
        cadence.begin(start);
        let mut asked = Vec::new();
        while let Some(due) = cadence.due().filter(|due| *due - start < Span::from_secs(3)) {
            let pace = if due - start < Span::from_secs(1) { Pace::Seeking } else { Pace::Steady };
            assert!(cadence.take_due(due, pace));
            assert!(!cadence.take_due(due, pace), "one ping at a time");
            asked.push((due - start).as_millis_f64());
        }
        assert_eq!(asked[..3], [0.0, 12.0, 24.0]);
        assert_eq!(asked[19..25], [228.0, 428.0, 628.0, 828.0, 1028.0, 1528.0]);
    }

    #[test]
    fn pings_missed_while_the_device_was_busy_are_not_made_up_for() {
        let mut cadence = PingCadence::default();
        cadence.begin(LocalTime::default());
        let late = LocalTime::default() + Span::from_secs(60);
        assert!(cadence.take_due(late, Pace::Steady));
        assert!(cadence.due().is_some_and(|due| due > late));
    }

    #[test]
    fn without_a_connection_nothing_is_asked() {
        let mut cadence = PingCadence::default();
        cadence.begin(LocalTime::default());
        cadence.end();
        assert_eq!(cadence.due(), None);
        assert!(!cadence.take_due(LocalTime::default() + Span::from_secs(1), Pace::Seeking));
    }
}
