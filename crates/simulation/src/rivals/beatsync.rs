//! Beatsync's rule: the least round trip of sixteen probe pairs places the start, and after it
//! nothing is corrected.

use std::collections::VecDeque;

use protocol::time::{LocalTime, Span, SwarmTime};
use sync_core::ClockSample;

use super::{Correction, Rule, Zero, offset};

/// Between the two probes of a pair.
const PAIR: Span = Span::from_millis(25);

/// A pair counts if the root saw its probes as far apart as they were sent, to this.
const PURE: Span = Span::from_millis(5);

/// From one pair to the next, until there are enough.
const EAGER: Span = Span::from_millis(50);

/// From one pair to the next after that.
const CALM: Span = Span::from_millis(2_500);

/// Pairs remembered. (count)
const PAIRS: usize = 16;

/// See the module.
#[derive(Debug, Default)]
pub struct Beatsync {
    zero: Option<Zero>,
    asked: u32,
    /// The first probe of a pair.
    first: Option<ClockSample>,
    /// Round trip and offset. (s)
    kept: VecDeque<(f64, f64)>,
}

impl Rule for Beatsync {
    fn name(&self) -> &'static str {
        "Beatsync"
    }

    fn pause(&mut self, _now: LocalTime) -> Option<Span> {
        self.asked += 1;
        Some(match (self.asked % 2, self.kept.len() < PAIRS) {
            (1, _) => PAIR,
            (_, true) => EAGER,
            (_, false) => CALM,
        })
    }

    fn learn(&mut self, sample: &ClockSample) {
        let zero = *self.zero.get_or_insert(Zero::of(sample));
        let Some(first) = self.first.take() else {
            self.first = Some(*sample);
            return;
        };
        let sent = sample.t0 - first.t0;
        let arrived = sample.t1 - first.t1;
        if sent.abs() > PAIR + PURE || (sent - arrived).abs() > PURE {
            // A lost or overtaken probe: this one may be the first of the next pair.
            self.first = (sent.abs() > PAIR + PURE).then_some(*sample);
            return;
        }
        for probe in [&first, sample] {
            self.kept.push_back((probe.round_trip().as_secs_f64(), offset(probe, zero)));
        }
        while self.kept.len() > PAIRS {
            self.kept.pop_front();
        }
    }

    fn swarm(&self, now: LocalTime) -> Option<SwarmTime> {
        let best = self.kept.iter().min_by(|one, other| one.0.total_cmp(&other.0))?;
        Some(self.zero?.swarm(now, best.1))
    }

    fn correct(&mut self, _error: f64, _period: f64) -> Correction {
        Correction::Rate(0.0)
    }

    fn starts_between_frames(&self) -> bool {
        true
    }
}
