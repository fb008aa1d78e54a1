//! One time line for all cards: their captures resampled to a common rate and origin.
//!
//! A windowed sinc of 64 taps, so that what is compared afterwards differs by what the
//! players did and by nothing the instrument did.

use protocol::LocalTime;
use protocol::time::Span;

use super::capture::Capture;

/// Frames per second of the time line.
pub const RATE: f64 = 48_000.0;

const TAPS: usize = 64;
/// Steps of the fraction that are tabulated; between them the table is interpolated, which
/// leaves an error below -90 dB.
const PHASES: usize = 256;

/// What `capture` sounded like from `origin` on for `length`, at [`RATE`]; silence where
/// nothing was played.
pub fn place(capture: &Capture, origin: LocalTime, length: Span) -> Vec<f32> {
    let kernel = Kernel::new();
    let count = (length.as_secs_f64().max(0.0) * RATE) as usize;
    let mut placed = vec![0.0; count];
    let instant = |index: usize| origin + Span::from_secs_f64(index as f64 / RATE);
    for (played, clock) in capture.runs() {
        let begin = index_of(origin, clock.time_of(0.0)).min(count);
        let end = (index_of(origin, clock.time_of(played.len() as f64)) + 1).min(count);
        for first in (begin..end).step_by(BLOCK) {
            // The position is linear over a block to within 1e-9 frames, at any wobble.
            let position = clock.frame_at(instant(first));
            let step = (clock.frame_at(instant(first + BLOCK)) - position) / BLOCK as f64;
            for (number, sample) in placed[first..(first + BLOCK).min(end)].iter_mut().enumerate() {
                *sample += kernel.sample(played, position + step * number as f64);
            }
        }
    }
    placed
}

/// Samples over which the card's clock is taken as steady.
const BLOCK: usize = 64;

fn index_of(origin: LocalTime, time: LocalTime) -> usize {
    ((time - origin).as_secs_f64() * RATE).floor().max(0.0) as usize
}

struct Kernel {
    table: Vec<[f32; TAPS]>,
}

impl Kernel {
    fn new() -> Self {
        let row = |phase: usize| {
            let fraction = phase as f64 / PHASES as f64;
            std::array::from_fn(|tap| {
                let x = tap as f64 - (TAPS / 2 - 1) as f64 - fraction;
                (sinc(x) * blackman_harris(x / (TAPS / 2) as f64)) as f32
            })
        };
        Self { table: (0..=PHASES).map(row).collect() }
    }

    /// The signal at a fractional position; silence beyond its ends.
    fn sample(&self, signal: &[f32], position: f64) -> f32 {
        let whole = position.floor();
        let scaled = (position - whole) * PHASES as f64;
        let phase = (scaled as usize).min(PHASES - 1);
        let between = (scaled - phase as f64) as f32;
        let first = whole as i64 - (TAPS as i64 / 2 - 1);
        let (low, high) = (&self.table[phase], &self.table[phase + 1]);
        let weight = |tap: usize| low[tap] + (high[tap] - low[tap]) * between;
        if let Ok(start) = usize::try_from(first)
            && let Some(taps) = signal.get(start..start + TAPS)
        {
            return taps.iter().enumerate().map(|(tap, sample)| sample * weight(tap)).sum();
        }
        (0..TAPS)
            .filter_map(|tap| {
                let index = usize::try_from(first + tap as i64).ok()?;
                Some(signal.get(index)? * weight(tap))
            })
            .sum()
    }
}

fn sinc(x: f64) -> f64 {
    let x = std::f64::consts::PI * x;
    if x.abs() < 1e-9 { 1.0 } else { x.sin() / x }
}

/// Side lobes at -92 dB. `x` runs from -1 to 1 over the window.
fn blackman_harris(x: f64) -> f64 {
    if x.abs() >= 1.0 {
        return 0.0;
    }
    let angle = std::f64::consts::PI * x;
    0.358_75
        + 0.488_29 * angle.cos()
        + 0.141_28 * (2.0 * angle).cos()
        + 0.011_68 * (3.0 * angle).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_is_placed_where_the_cards_clock_says_it_sounded() {
        let tone = |seconds: f64| (2.0 * std::f64::consts::PI * 1_000.0 * seconds).sin();
        let (rate, ppm) = (44_100, 200.0);
        let true_rate = f64::from(rate) * (1.0 + ppm * 1e-6);
        let played = (0..rate).map(|frame| tone(f64::from(frame) / true_rate) as f32).collect();
        let started = LocalTime::from_nanos(7_000_000_000);
        let capture = Capture::from_samples(played, rate, ppm, started);
        let placed = place(&capture, started, Span::from_secs(1));
        for index in (1_000..46_000).step_by(977) {
            let expected = tone(index as f64 / RATE);
            let error = (f64::from(placed[index]) - expected).abs();
            assert!(error < 1e-4, "sample {index} is off by {error}");
        }
    }
}
