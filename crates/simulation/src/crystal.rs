//! True time, and clocks that tell it wrongly.

use std::ops::{Add, AddAssign, Sub};

use protocol::time::{LocalTime, Span, SwarmTime};

/// An instant of true time, counted from the beginning of the world. No device can read it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct TrueTime(Span);

impl TrueTime {
    /// From seconds since the beginning.
    pub fn from_secs_f64(seconds: f64) -> Self {
        Self(Span::from_secs_f64(seconds))
    }

    /// Seconds since the beginning.
    pub fn as_secs_f64(self) -> f64 {
        self.0.as_secs_f64()
    }
}

impl Add<Span> for TrueTime {
    type Output = Self;
    fn add(self, span: Span) -> Self {
        Self(self.0 + span)
    }
}

impl AddAssign<Span> for TrueTime {
    fn add_assign(&mut self, span: Span) {
        self.0 = self.0 + span;
    }
}

impl Sub for TrueTime {
    type Output = Span;
    fn sub(self, earlier: Self) -> Span {
        self.0 - earlier.0
    }
}

/// A device's clock.
#[derive(Clone, Copy, Debug)]
pub struct Crystal {
    /// What it says at the beginning of the world.
    pub origin: Span,
    /// Constant error of its rate. (parts per million, fast above zero)
    pub ppm: f64,
    /// Swing of its rate with temperature, up and down within [`SWING_PERIOD`]. (ppm)
    pub swing: f64,
}

/// A room's thermostat. (seconds)
pub const SWING_PERIOD: f64 = 420.0;

/// Where swarm clocks begin: relays read the wall clock once, when they start.
const EPOCH: Span = Span::from_secs(1_795_342_400);

impl Crystal {
    /// A clock that is right.
    pub const PERFECT: Self = Self { origin: Span::ZERO, ppm: 0.0, swing: 0.0 };

    /// What it says at `at`, read as a device's own clock.
    pub fn local(&self, at: TrueTime) -> LocalTime {
        LocalTime::default() + self.reading(at)
    }

    /// What it says at `at`, read as a relay's clock.
    pub fn swarm(&self, at: TrueTime) -> SwarmTime {
        SwarmTime::default() + EPOCH + self.reading(at)
    }

    /// When it says `local`.
    pub fn when(&self, local: LocalTime) -> TrueTime {
        let mut at = TrueTime(local - LocalTime::default() - self.origin);
        // The rate error is so small that each round adds four digits.
        for _ in 0..4 {
            at += local - self.local(at);
        }
        at
    }

    /// How fast it runs at `at`. (ppm)
    pub fn rate_ppm(&self, at: TrueTime) -> f64 {
        let turn = std::f64::consts::TAU / SWING_PERIOD;
        self.ppm + self.swing * (turn * at.as_secs_f64()).sin()
    }

    fn reading(&self, at: TrueTime) -> Span {
        let turn = std::f64::consts::TAU / SWING_PERIOD;
        let swung = self.swing * (1.0 - (turn * at.as_secs_f64()).cos()) / turn;
        let gained = (self.ppm * at.as_secs_f64() + swung) * 1e-6;
        self.origin + at.0 + Span::from_secs_f64(gained)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fast_crystal_gains_and_can_be_read_backward() {
        let fast = Crystal { origin: Span::from_secs(50), ppm: 100.0, swing: 0.6 };
        let at = TrueTime::from_secs_f64(1_000.0);
        let gained = (fast.local(at) - fast.local(TrueTime::default())) - Span::from_secs(1_000);
        assert!((gained - Span::from_millis(100)).abs() < Span::from_micros(100), "{gained:?}");
        assert!((fast.when(fast.local(at)) - at).abs() <= Span::from_nanos(2));
    }
}
