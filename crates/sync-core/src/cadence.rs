//! When to ask for the time.

use protocol::time::{LocalTime, Span};

use crate::clock::ClockEstimate;

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
///
/// With 20 ± 10 ms each way, all delays alike, 99 of 100 errors of the first minute are below
/// 0.37 ms; at 8 Hz they were below 0.63 ms.
pub const STRAINED_INTERVAL: Span = Span::from_millis(50);

/// Doubt below which a clock counts as known well. (one standard deviation)
///
/// On a cable and on good Wi-Fi this is reached within seconds. A path so busy that it never
/// is gets the samples it lacks: at 5 Hz the errors there are 40 % smaller than at 2 Hz.
pub const KNOWN_WELL: Span = Span::from_micros(50);

/// Doubt from which a path counts as bad.
///
/// At 150 µs a path of 20 ± 10 ms is left alone too soon: errors are a quarter larger.
const VERY_VAGUE: Span = Span::from_micros(100);

/// How eagerly to ask, by the clock as far as it is known and whether music plays by it.
pub fn pace(clock: Option<ClockEstimate>, now: LocalTime, is_playing: bool) -> Pace {
    match clock.map(|clock| clock.uncertainty(now)) {
        Some(doubt) if doubt > VERY_VAGUE => Pace::Strained,
        Some(doubt) if is_playing && doubt < KNOWN_WELL => Pace::Steady,
        _ => Pace::Seeking,
    }
}

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
    fn a_clock_that_is_known_well_is_asked_less_often_while_music_plays() {
        let now = LocalTime::default();
        let known = ClockEstimate::identity(now);
        assert_eq!(pace(Some(known), now, true), Pace::Steady);
        assert_eq!(pace(Some(known), now, false), Pace::Seeking, "music may start any moment");
        assert_eq!(pace(None, now, true), Pace::Seeking);
        // Told by seven exchanges whose floors are milliseconds apart.
        let mut filter = crate::clock::ClockFilter::new();
        for k in 0..7_i64 {
            let t0 = now + Span::from_millis(12 * k);
            let t1 = protocol::SwarmTime::default() + Span::from_millis(12 * k + k * k);
            let t3 = t0 + Span::from_millis(2 * k * k + 1);
            let sample = crate::ClockSample { t0, t1, t2: t1, t3 };
            filter.add(sample).expect("a plain exchange");
        }
        let rough = filter.estimate().expect("enough exchanges");
        let then = now + Span::from_millis(100);
        assert!(rough.uncertainty(then) > KNOWN_WELL);
        assert_eq!(pace(Some(rough), then, true), Pace::Strained, "milliseconds of doubt");
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
