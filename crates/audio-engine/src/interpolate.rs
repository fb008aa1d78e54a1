//! The sound between two frames: a windowed-sinc interpolator that can be asked anywhere.
//!
//! The renderer plays at an absolute position, known to a small part of a frame, and may
//! read two places at once in a crossfade. So the interpolator is a pure function of the
//! position and keeps nothing between calls; a streaming resampler hides its fractional index
//! and would have to be primed for every start and jump. Rates differ here by parts per
//! million only (conversion to the device's rate is done before), so one filter, cut off at
//! half the sample rate, serves all. At whole frames it is the identity, bit for bit.

use std::f64::consts::PI;

/// Frames that make one sample between two frames.
///
/// 64 with this window are flat to 0.9 of half the sample rate: 19.8 kHz at 44.1 kHz.
pub(crate) const TAPS: usize = 64;

/// Frames needed before the one a position falls on.
pub(crate) const BEFORE: i64 = TAPS as i64 / 2 - 1;

/// Frames needed after the one a position falls on.
pub(crate) const AFTER: i64 = TAPS as i64 / 2;

/// Filters kept, one per fraction of a frame; between two of them the taps are interpolated
/// linearly. 512 leave an error of −106 dB at the highest pitch.
const PHASES: usize = 512;

/// Shape of the Kaiser window: 100 dB of stop-band.
const WINDOW_SHAPE: f64 = 10.06;

/// The filters for all fractions of a frame.
pub(crate) struct Interpolator {
    /// Row after row of [`TAPS`]; one row more than phases, so that two neighbours always exist.
    rows: Box<[[f32; TAPS]]>,
}

impl Interpolator {
    pub(crate) fn new() -> Self {
        Self { rows: (0..=PHASES).map(|phase| row(phase as f64 / PHASES as f64)).collect() }
    }

    /// The sample at `fraction` (0 to 1) after frame [`BEFORE`] of the 64 given.
    #[inline]
    pub(crate) fn sample(
        &self,
        left: &[f32; TAPS],
        right: &[f32; TAPS],
        fraction: f64,
    ) -> (f32, f32) {
        let place = fraction * PHASES as f64;
        let phase = (place as usize).min(PHASES - 1);
        let between = (place - phase as f64) as f32;
        let (here, next) = (&self.rows[phase], &self.rows[phase + 1]);
        // Eight running sums each, so that the compiler can use vector registers.
        let mut sums_left = [0.0_f32; 8];
        let mut sums_right = [0.0_f32; 8];
        for group in 0..TAPS / 8 {
            for lane in 0..8 {
                let tap = group * 8 + lane;
                let weight = here[tap] + between * (next[tap] - here[tap]);
                sums_left[lane] += weight * left[tap];
                sums_right[lane] += weight * right[tap];
            }
        }
        (sums_left.iter().sum(), sums_right.iter().sum())
    }
}

/// The filter for a place `fraction` after the middle frame.
fn row(fraction: f64) -> [f32; TAPS] {
    let half = TAPS as f64 / 2.0;
    let mut taps = [0.0_f64; TAPS];
    for (index, tap) in taps.iter_mut().enumerate() {
        let distance = index as f64 - BEFORE as f64 - fraction;
        let window = bessel(WINDOW_SHAPE * (1.0 - (distance / half).powi(2)).max(0.0).sqrt())
            / bessel(WINDOW_SHAPE);
        *tap = sinc(distance) * window;
    }
    let sum: f64 = taps.iter().sum();
    taps.map(|tap| (tap / sum) as f32)
}

/// sin(πx)/(πx), exact at whole numbers.
fn sinc(x: f64) -> f64 {
    if x == 0.0 {
        1.0
    } else if x.fract() == 0.0 {
        0.0
    } else {
        (PI * x).sin() / (PI * x)
    }
}

/// Modified Bessel function of the first kind, order zero, by its power series.
fn bessel(x: f64) -> f64 {
    let quarter = x * x / 4.0;
    let mut term = 1.0;
    let mut sum = 1.0;
    for order in 1..60 {
        term *= quarter / f64::from(order * order);
        sum += term;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window_of(signal: impl Fn(f64) -> f64, around: i64) -> [f32; TAPS] {
        std::array::from_fn(|index| signal((around - BEFORE + index as i64) as f64) as f32)
    }

    #[test]
    fn at_whole_frames_the_samples_are_untouched() {
        let interpolator = Interpolator::new();
        let noise = |n: f64| ((n * 12.9898).sin() * 43_758.545).fract();
        for frame in 0..500 {
            let around = window_of(noise, frame);
            let other = window_of(noise, frame + 10_000);
            let (left, right) = interpolator.sample(&around, &other, 0.0);
            assert_eq!(left, around[BEFORE as usize]);
            assert_eq!(right, other[BEFORE as usize]);
        }
    }

    #[test]
    fn between_frames_tones_are_true_to_a_hundred_decibels() {
        let interpolator = Interpolator::new();
        for (pitch, bound) in [(0.001, -100.0), (0.02, -100.0), (0.2, -100.0), (0.4, -95.0)] {
            let tone = |n: f64| (std::f64::consts::TAU * pitch * n + 0.3).sin();
            let mut worst = 0.0_f64;
            for step in 0..20_000 {
                let position = 1_000.0 + f64::from(step) * 1.000_317;
                let frame = position.floor();
                let window = window_of(tone, frame as i64);
                let (heard, _) = interpolator.sample(&window, &window, position - frame);
                worst = worst.max((f64::from(heard) - tone(position)).abs());
            }
            let decibels = 20.0 * worst.log10();
            assert!(decibels < bound, "a tone at {pitch} of the rate is off by {decibels:.1} dB");
        }
    }
}
