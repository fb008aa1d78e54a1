//! The plain browser player's rule: nothing below 12 ms, half a percent of speed up to 30 ms,
//! a seek above.

use std::collections::VecDeque;

use protocol::time::{LocalTime, Span, SwarmTime};
use sync_core::ClockSample;

use super::{Correction, Rule, Zero, offset};

/// Errors below this are left alone. (s)
const LEFT_ALONE: f64 = 0.012;

/// Errors above this are sought over. (s)
const SOUGHT: f64 = 0.030;

/// Change of speed between the two. (s/s)
const NUDGE: f64 = 0.005;

/// Between two questions. No description says; once a second is usual.
const INTERVAL: Span = Span::from_secs(1);

/// Answers of which the fastest is believed. (count)
const ANSWERS: usize = 10;

/// See the module.
#[derive(Debug, Default)]
pub struct Threshold {
    zero: Option<Zero>,
    asked: u32,
    /// Round trip and offset. (s)
    kept: VecDeque<(f64, f64)>,
}

impl Rule for Threshold {
    fn name(&self) -> &'static str {
        "threshold rule"
    }

    fn pause(&mut self, _now: LocalTime) -> Option<Span> {
        self.asked += 1;
        (self.asked as usize >= ANSWERS).then_some(INTERVAL)
    }

    fn learn(&mut self, sample: &ClockSample) {
        let zero = *self.zero.get_or_insert(Zero::of(sample));
        self.kept.push_back((sample.round_trip().as_secs_f64(), offset(sample, zero)));
        if self.kept.len() > ANSWERS {
            self.kept.pop_front();
        }
    }

    fn swarm(&self, now: LocalTime) -> Option<SwarmTime> {
        let best = self.kept.iter().min_by(|one, other| one.0.total_cmp(&other.0))?;
        Some(self.zero?.swarm(now, best.1))
    }

    fn correct(&mut self, error: f64, _period: f64) -> Correction {
        if error.abs() > SOUGHT {
            Correction::Seek
        } else if error.abs() > LEFT_ALONE {
            Correction::Rate(NUDGE.copysign(error))
        } else {
            Correction::Rate(0.0)
        }
    }

    fn starts_between_frames(&self) -> bool {
        true
    }
}
