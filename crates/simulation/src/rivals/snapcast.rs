//! Snapcast's rule: the median of two hundred offsets, frames dropped or doubled behind a dead
//! band, and no estimate of the clocks' drift.

use std::collections::VecDeque;

use protocol::time::{LocalTime, Span, SwarmTime};
use sync_core::ClockSample;

use super::{Correction, Rule, Zero, median, offset};

/// Offsets in the median. (count)
const OFFSETS: usize = 200;

/// Questions asked at once when it connects. (count)
const QUICK: u32 = 50;

/// Errors remembered, one per buffer. (count)
const LONG: usize = 500;
const MIDDLE: usize = 100;
const SHORT: usize = 20;

/// Medians beyond which it starts anew: of the long, the middle and the short memory. (s)
const RESYNC: [f64; 3] = [0.002, 0.005, 0.050];

/// One error beyond which it starts anew. (s)
const RESYNC_AT_ONCE: f64 = 0.5;

/// Nothing is done below this median. (s)
const DEAD_BAND: f64 = 100e-6;

/// Fastest correction. (s/s)
const FASTEST: f64 = 500e-6;

/// See the module.
#[derive(Debug, Default)]
pub struct Snapcast {
    zero: Option<Zero>,
    offsets: VecDeque<f64>,
    asked: u32,
    errors: VecDeque<f64>,
}

impl Snapcast {
    fn median_of(&self, count: usize) -> Option<f64> {
        let is_full = self.errors.len() >= count;
        is_full.then(|| median(self.errors.iter().rev().take(count).copied())).flatten()
    }
}

impl Rule for Snapcast {
    fn name(&self) -> &'static str {
        "Snapcast"
    }

    fn pause(&mut self, _now: LocalTime) -> Option<Span> {
        self.asked += 1;
        (self.asked >= QUICK).then_some(Span::from_secs(1))
    }

    fn learn(&mut self, sample: &ClockSample) {
        let zero = *self.zero.get_or_insert(Zero::of(sample));
        self.offsets.push_back(offset(sample, zero));
        if self.offsets.len() > OFFSETS {
            self.offsets.pop_front();
        }
    }

    fn swarm(&self, now: LocalTime) -> Option<SwarmTime> {
        let middle = median(self.offsets.iter().copied())?;
        Some(self.zero?.swarm(now, middle))
    }

    fn correct(&mut self, error: f64, _period: f64) -> Correction {
        self.errors.push_back(error);
        if self.errors.len() > LONG {
            self.errors.pop_front();
        }
        let medians = [LONG, MIDDLE, SHORT].map(|count| self.median_of(count));
        let is_far =
            |(median, limit): (&Option<f64>, &f64)| median.is_some_and(|m| m.abs() > *limit);
        if medians.iter().zip(&RESYNC).any(is_far) || error.abs() > RESYNC_AT_ONCE {
            self.errors.clear();
            return Correction::Seek;
        }
        let [_, Some(middle), Some(short)] = medians else { return Correction::Rate(0.0) };
        let half = DEAD_BAND / 2.0;
        let agree =
            |sign: f64| sign * middle > DEAD_BAND && sign * short > half && sign * error > half;
        if !agree(1.0) && !agree(-1.0) {
            return Correction::Rate(0.0);
        }
        // Fifty ppm for every tenth of a millisecond.
        Correction::Rate((middle / DEAD_BAND * 50e-6).clamp(-FASTEST, FASTEST))
    }
}
