//! Offset and skew between two clocks as a state that is carried forward in time and
//! corrected by readings (a two-state Kalman filter).

use super::{LineError, MAX_SKEW};

/// Offset and skew at one instant, with the covariance of their errors.
#[derive(Clone, Copy, Debug)]
pub(super) struct OffsetAndSkew {
    /// Swarm clock minus local clock, from the filter's zero point. (seconds)
    pub offset: f64,
    /// Swarm seconds gained per local second. (dimensionless)
    pub skew: f64,
    pub error: LineError,
}

impl OffsetAndSkew {
    /// The state after `dt` without a reading. (seconds)
    pub fn after(self, dt: f64) -> Self {
        let LineError { offset, cross, skew, walk } = self.error;
        Self {
            offset: self.offset + self.skew * dt,
            skew: self.skew,
            error: LineError {
                offset: offset + 2.0 * dt * cross + dt * dt * skew + walk * dt.powi(3) / 3.0,
                cross: cross + dt * skew + walk * dt * dt / 2.0,
                skew: skew + walk * dt,
                walk,
            },
        }
    }

    /// The state corrected by what the offset was `age` seconds ago. (seconds, s²)
    ///
    /// Reading the past as the past matters: moved to the present along the estimated skew it
    /// would agree with whatever error that skew has.
    pub fn corrected(self, reading: f64, age: f64, variance: f64) -> Self {
        let LineError { offset, cross, skew, walk } = self.error;
        // Covariance of each part of the state with the offset of that time.
        let (with_offset, with_skew) = (offset - age * cross, cross - age * skew);
        let total = with_offset - age * with_skew + variance;
        let (gain_offset, gain_skew) = (with_offset / total, with_skew / total);
        let surprise = reading - (self.offset - age * self.skew);
        Self {
            offset: self.offset + gain_offset * surprise,
            skew: (self.skew + gain_skew * surprise).clamp(-MAX_SKEW, MAX_SKEW),
            error: LineError {
                offset: offset - gain_offset * with_offset,
                cross: cross - gain_offset * with_skew,
                skew: skew - gain_skew * with_skew,
                walk,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readings_along_a_line_reveal_its_slope() {
        let mut state = OffsetAndSkew {
            offset: 0.0,
            skew: 0.0,
            error: LineError { offset: 1e-8, cross: 0.0, skew: 1e-8, walk: 1e-18 },
        };
        for second in 1..=20 {
            state = state.after(1.0).corrected(f64::from(second) * 50e-6, 0.0, 1e-10);
        }
        assert!((state.skew - 50e-6).abs() < 1e-6, "slope {}", state.skew);
        assert!(state.error.skew.sqrt() < 1e-6, "its doubt {}", state.error.skew.sqrt());
    }

    #[test]
    fn a_vague_reading_hardly_moves_a_firm_state() {
        let firm = OffsetAndSkew {
            offset: 0.0,
            skew: 0.0,
            error: LineError { offset: 1e-12, cross: 0.0, skew: 1e-16, walk: 0.0 },
        };
        assert!(firm.corrected(1e-3, 0.0, 1e-6).offset.abs() < 1e-8);
    }
}
