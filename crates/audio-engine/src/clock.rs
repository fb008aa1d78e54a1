//! This device's monotonic clock: the one place that turns [`Instant`]s into [`LocalTime`].
//!
//! Sound, network and timers all read it, so that their stamps are on one line. The wall
//! clock is never asked. For test benches an instance can be given an offset and a wrong
//! speed, below everything else in the program: two processes on one machine share an
//! oscillator, which would hide faults of the clock estimate.

use std::time::{Duration, Instant};

use protocol::time::{LocalTime, Span};

/// A monotonic clock. Copies tell the same time.
#[derive(Clone, Copy, Debug)]
pub struct MonotonicClock {
    origin: Instant,
    /// What the clock says at `origin`.
    reading: LocalTime,
    /// Seconds gained per second. (dimensionless)
    skew: f64,
}

impl Default for MonotonicClock {
    fn default() -> Self {
        Self::new()
    }
}

impl MonotonicClock {
    /// A clock that starts at zero now.
    pub fn new() -> Self {
        Self::skewed(Span::ZERO, 0.0)
    }

    /// A clock that starts at `offset` now and runs fast by `ppm` parts per million.
    pub fn skewed(offset: Span, ppm: f64) -> Self {
        Self {
            origin: Instant::now(),
            reading: LocalTime::default() + offset,
            skew: ppm.clamp(-1e4, 1e4) * 1e-6,
        }
    }

    /// What time it is.
    pub fn now(&self) -> LocalTime {
        self.at(Instant::now())
    }

    /// What this clock says at `instant`.
    pub fn at(&self, instant: Instant) -> LocalTime {
        let since = match instant.checked_duration_since(self.origin) {
            Some(after) => span(after),
            None => -span(self.origin.duration_since(instant)),
        };
        self.reading + since + since.mul_f64(self.skew)
    }

    /// The instant at which this clock says `time`: for timers. Times before this clock's
    /// start give its start.
    pub fn instant_of(&self, time: LocalTime) -> Instant {
        let since = (time - self.reading).mul_f64(1.0 / (1.0 + self.skew));
        let nanos = u64::try_from(since.as_nanos()).unwrap_or(0);
        self.origin.checked_add(Duration::from_nanos(nanos)).unwrap_or(self.origin)
    }
}

fn span(duration: Duration) -> Span {
    Span::from_nanos(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_skewed_clock_gains_what_it_was_told_to_gain() {
        let clock = MonotonicClock::skewed(Span::from_secs(37), 35.0);
        let later = clock.origin + Duration::from_secs(1_000);
        let expected = LocalTime::default() + Span::from_secs(1_037) + Span::from_millis(35);
        assert_eq!(clock.at(later), expected);
    }

    #[test]
    fn copies_tell_the_same_time_and_instants_come_back() {
        let clock = MonotonicClock::skewed(Span::from_secs(-11), -45.0);
        let copy = clock;
        let instant = Instant::now() + Duration::from_secs(5);
        assert_eq!(clock.at(instant), copy.at(instant));
        let back = clock.instant_of(clock.at(instant));
        let off = back.max(instant) - back.min(instant);
        assert!(off < Duration::from_micros(1), "{off:?} off");
    }
}
