//! Whether a sound system's stamps deserve belief at all, found out in its first half second.
//!
//! [`crate::device_clock`] copes with noise; it cannot cope with stamps that have nothing to do
//! with what is heard: that stand still, run at another speed, or tell of long ago. Such a
//! device is better played by its nominal rate. Start at [`StampCheck::take`].

use protocol::time::{LocalTime, Span};

/// Stamps passed over: the first of a stream are off by up to a whole buffer.
const SETTLING_STAMPS: u32 = 10;

/// How long stamps are looked at before they are judged. (s)
///
/// A position that lags by a period of 10 ms at one end changes the slope by 2 % then.
const LOOKED_AT: f64 = 0.5;

/// Speeds that a device with this name may have. (nominal is one)
const SPEEDS: std::ops::RangeInclusive<f64> = 0.95..=1.05;

/// How far a stamp may go back behind the one before.
///
/// Longer than any noise; a lag of whole periods that ends never goes back by more than this.
const BACKWARD: Span = Span::from_millis(15);

/// How long ago a buffer that is written now may be heard.
const STALE: Span = Span::from_millis(250);

/// What is known of a sound system's stamps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// Too few were seen.
    #[default]
    Open,
    /// They are to be believed.
    Trusted,
    /// They stand still or run at another speed than the device.
    WrongSpeed,
    /// They go back in time.
    Backward,
    /// They tell of long ago.
    Stale,
}

impl Trust {
    /// True once the stamps were found to have nothing to do with the sound.
    pub fn is_doubted(self) -> bool {
        !matches!(self, Self::Open | Self::Trusted)
    }
}

/// Judges the stamps of one stream, once.
#[derive(Clone, Debug)]
pub struct StampCheck {
    nominal_rate: f64,
    settling: u32,
    first: Option<(u64, LocalTime)>,
    last: Option<LocalTime>,
    trust: Trust,
}

impl StampCheck {
    /// For a stream of so many frames per second.
    pub fn new(sample_rate: u32) -> Self {
        Self {
            nominal_rate: f64::from(sample_rate.max(1)),
            settling: SETTLING_STAMPS,
            first: None,
            last: None,
            trust: Trust::Open,
        }
    }

    /// The stream began anew before its stamps were judged: frames are counted from zero.
    pub fn restart(&mut self) {
        (self.first, self.last) = (None, None);
        self.settling = SETTLING_STAMPS;
    }

    /// Takes one stamp, told at `now`: `frame` is heard at `heard`. What it says once it is no
    /// longer [`Trust::Open`] stands.
    pub fn take(&mut self, frame: u64, heard: LocalTime, now: LocalTime) -> Trust {
        if self.trust == Trust::Open && self.settling == 0 {
            self.trust = self.judge(frame, heard, now);
        }
        self.settling = self.settling.saturating_sub(1);
        self.last = Some(heard);
        self.trust
    }

    fn judge(&mut self, frame: u64, heard: LocalTime, now: LocalTime) -> Trust {
        if heard + STALE < now {
            return Trust::Stale;
        }
        if self.last.is_some_and(|last| heard + BACKWARD < last) {
            return Trust::Backward;
        }
        let (first, began) = *self.first.get_or_insert((frame, heard));
        let expected = frame.saturating_sub(first) as f64 / self.nominal_rate;
        if expected < LOOKED_AT {
            return Trust::Open;
        }
        let speed = (heard - began).as_secs_f64() / expected;
        if SPEEDS.contains(&speed) { Trust::Trusted } else { Trust::WrongSpeed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// What is said of a stream whose every stamp is made by `told` from the number of the
    /// buffer and its true moment. (s)
    fn judged(told: impl Fn(u64, f64, &mut ChaCha8Rng) -> f64) -> Vec<Trust> {
        (0..200)
            .map(|seed| {
                let mut rng = ChaCha8Rng::seed_from_u64(seed);
                let mut check = StampCheck::new(48_000);
                let local = |seconds| LocalTime::default() + Span::from_secs_f64(seconds);
                for buffer in 0..200 {
                    let heard = 100.0 + buffer as f64 * 0.010;
                    let stamp = told(buffer, heard, &mut rng);
                    check.take(buffer * 480, local(stamp), local(heard - 0.02));
                }
                check.trust
            })
            .collect()
    }

    #[test]
    fn stamps_with_any_usual_noise_are_trusted() {
        let noisy = |noise: f64| {
            judged(move |_, heard, rng: &mut ChaCha8Rng| {
                // The first stamps of a stream are nonsense.
                let lag = if rng.random_ratio(1, 5) { 0.010 } else { 0.0 };
                heard * (1.0 + 200e-6) - 0.02 + lag + rng.random_range(-noise..noise)
            })
        };
        for noise in [1e-6, 200e-6, 1e-3] {
            assert!(noisy(noise).iter().all(|trust| *trust == Trust::Trusted), "±{noise} s");
        }
        let late_start = judged(|buffer, heard, _| if buffer < 9 { 0.0 } else { heard });
        assert!(late_start.iter().all(|trust| *trust == Trust::Trusted));
    }

    #[test]
    fn stamps_that_have_nothing_to_do_with_the_sound_are_not_trusted() {
        let all = |trusts: Vec<Trust>, expected| trusts.iter().all(|trust| *trust == expected);
        assert!(all(judged(|_, heard, _| heard - 0.4), Trust::Stale));
        assert!(all(judged(|_, heard, _| 100.5 + (heard - 100.0) * 0.5), Trust::WrongSpeed));
        assert!(all(judged(|_, _, _| 101.9), Trust::WrongSpeed), "they stand still");
        let saw = |buffer: u64, heard: f64, _: &mut ChaCha8Rng| {
            heard - 0.05 * (buffer % 7) as f64 / 7.0
                + if buffer.is_multiple_of(7) { 0.05 } else { 0.0 }
        };
        assert!(all(judged(saw), Trust::Backward));
    }
}
