//! How much faster or slower to play so that a device is heard in time.
//!
//! The renderer already plays at the measured rate of its device (feed-forward), so this
//! loop has nothing to do but take away what is left: an error that is constant or changes
//! slowly. That makes it proportional only. There is no integral, so nothing can wind up; no
//! dead band, so no error is left standing; and no skew to fight, so the textbook remainder
//! of a proportional loop, skew divided by gain, is zero.
//!
//! *Error > 0 means this device is heard late*, so a positive trim plays faster.

use protocol::time::Span;

/// Share of the error taken away per second. (1/s)
///
/// A card whose rate changes is followed by the feed-forward with a lag; this takes away what
/// the lag leaves. At 2.2 a crystal that swings by ±50 ppm in ten seconds is heard 7 µs off
/// (median), and the 2 µs by which the device's clock estimate trembles become 4 ppm of pitch.
const GAIN: f64 = 2.2;

/// Largest correction in lock. (s/s)
///
/// 300 ppm is half a cent: inaudible even on a sustained tone.
const LOCKED_LIMIT: f64 = 300e-6;

/// Largest correction while a start is still settling. (s/s)
const ACQUIRING_LIMIT: f64 = 1000e-6;

/// How long a start counts as settling.
const ACQUIRING: Span = Span::from_secs(3);

/// Errors above this are jumped over: playing them away would take longer than six seconds.
const JUMP_ABOVE: Span = Span::from_millis(2);

/// How long an error must stay above [`JUMP_ABOVE`]: one bad clock reading is no reason.
const JUMP_AFTER: Span = Span::from_millis(250);

/// Errors above this are echoes to everyone in the room, and no clock noise.
const JUMP_SOON_ABOVE: Span = Span::from_millis(30);

/// How long an error must stay above [`JUMP_SOON_ABOVE`].
const JUMP_SOON_AFTER: Span = Span::from_millis(60);

/// Shortest time between two jumps.
const JUMP_PAUSE: Span = Span::from_secs(2);

/// What to do about an error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Steering {
    /// Play this much faster than the measured rate. (s/s; slower if negative)
    Trim(f64),
    /// Go to the right place at once.
    Jump,
}

/// Decides how one playing song is steered. One per song and start.
#[derive(Clone, Debug)]
pub struct DriftControl {
    playing_for: Span,
    since_jump: Span,
    large_for: Span,
    very_large_for: Span,
}

impl Default for DriftControl {
    fn default() -> Self {
        Self::new()
    }
}

impl DriftControl {
    /// For a song that starts now.
    pub fn new() -> Self {
        Self {
            playing_for: Span::ZERO,
            since_jump: JUMP_PAUSE,
            large_for: Span::ZERO,
            very_large_for: Span::ZERO,
        }
    }

    /// Decides about `error`, measured `elapsed` after the last decision.
    ///
    /// After [`Steering::Jump`] the caller is at the right place; if it cannot jump it plays
    /// on and is told again.
    pub fn steer(&mut self, error: Span, elapsed: Span) -> Steering {
        self.playing_for = self.playing_for + elapsed;
        self.since_jump = self.since_jump + elapsed;
        let held = |above: Span, held_for: Span| {
            if error.abs() > above { held_for + elapsed } else { Span::ZERO }
        };
        self.large_for = held(JUMP_ABOVE, self.large_for);
        self.very_large_for = held(JUMP_SOON_ABOVE, self.very_large_for);

        let is_held = self.large_for >= JUMP_AFTER || self.very_large_for >= JUMP_SOON_AFTER;
        if is_held && self.since_jump >= JUMP_PAUSE {
            self.since_jump = Span::ZERO;
            self.large_for = Span::ZERO;
            self.very_large_for = Span::ZERO;
            self.playing_for = Span::ZERO;
            return Steering::Jump;
        }
        let is_acquiring = self.playing_for < ACQUIRING;
        let limit = if is_acquiring { ACQUIRING_LIMIT } else { LOCKED_LIMIT };
        Steering::Trim((GAIN * error.as_secs_f64()).clamp(-limit, limit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: Span = Span::from_millis(21);

    /// Plays with an error that only the trim changes; the error after so long.
    fn error_after(control: &mut DriftControl, mut error: Span, length: Span) -> Span {
        let mut at = Span::ZERO;
        while at < length {
            match control.steer(error, STEP) {
                Steering::Trim(trim) => error = error - STEP.mul_f64(trim),
                Steering::Jump => error = Span::ZERO,
            }
            at = at + STEP;
        }
        error
    }

    #[test]
    fn a_small_error_is_played_away_without_a_jump_and_without_overshoot() {
        for micros in [-1_500, -200, -5, 5, 200, 1_500] {
            let mut control = DriftControl::new();
            let mut error = Span::from_micros(micros);
            for _ in 0..1_000 {
                let Steering::Trim(trim) = control.steer(error, STEP) else {
                    panic!("jumped over {micros} µs");
                };
                assert!(trim * error.as_secs_f64() >= 0.0, "the trim has the wrong sign");
                let next = error - STEP.mul_f64(trim);
                assert!(next.abs() <= error.abs(), "{next:?} after {error:?}");
                error = next;
            }
            assert!(error.abs() < Span::from_micros(1), "{error:?} of {micros} µs left standing");
        }
    }

    #[test]
    fn the_trim_is_bounded() {
        let mut control = DriftControl::new();
        let Steering::Trim(first) = control.steer(Span::from_millis(500), STEP) else {
            panic!("jumped on the first reading");
        };
        assert!(first <= ACQUIRING_LIMIT);
        let mut settled = DriftControl::new();
        error_after(&mut settled, Span::ZERO, Span::from_secs(4));
        let Steering::Trim(trim) = settled.steer(Span::from_millis(500), STEP) else {
            panic!("jumped on one reading");
        };
        assert!(trim <= LOCKED_LIMIT);
    }

    #[test]
    fn one_wrong_reading_causes_no_jump() {
        let mut control = DriftControl::new();
        for round in 0..100 {
            let error = if round % 10 == 0 { Span::from_millis(40) } else { Span::ZERO };
            assert!(matches!(control.steer(error, STEP), Steering::Trim(_)), "round {round}");
        }
    }

    #[test]
    fn a_large_error_is_jumped_over_once_and_soon() {
        for (millis, within) in [(5, 300), (-5, 300), (100, 100), (-4_000, 100)] {
            let mut control = DriftControl::new();
            let left =
                error_after(&mut control, Span::from_millis(millis), Span::from_millis(within));
            assert_eq!(left, Span::ZERO, "{millis} ms were not jumped over in {within} ms");
        }
    }

    #[test]
    fn a_clock_gone_mad_causes_at_most_one_jump_in_two_seconds() {
        let mut control = DriftControl::new();
        let mut jumps = 0;
        for _ in 0..(10_000 / 21) {
            if control.steer(Span::from_millis(200), STEP) == Steering::Jump {
                jumps += 1;
            }
        }
        assert!(jumps <= 5, "{jumps} jumps in ten seconds");
    }
}
