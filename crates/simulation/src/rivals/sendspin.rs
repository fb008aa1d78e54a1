//! Sendspin's rule: bursts of eight serial probes, the one with the least round trip into a
//! Kalman filter on offset and drift, and single frames dropped or doubled behind a dead band.

use protocol::time::{LocalTime, Span, SwarmTime};
use sync_core::ClockSample;

use super::{Correction, Rule, Zero, offset};

/// Probes in a burst. (count)
const BURST: u32 = 8;

/// From one burst to the next.
const INTERVAL: Span = Span::from_secs(10);

/// Random walk of the drift. (s/s per √s)
const DRIFT_WALK: f64 = 1e-11 * 1e3;

/// One standard deviation of a measurement. (share of half its round trip)
const MEASUREMENT: f64 = 0.5;

/// A residual beyond so many half round trips makes the filter forget…
const ASTRAY: f64 = 3.0;

/// …after so many measurements, by this factor on its standard deviations.
const FORGETTING: (u32, f64) = (100, 2.0);

/// The drift is used once it is larger than so many standard deviations of its own.
const DRIFT_GATE: f64 = 2.0;

/// Nothing is done below this error. (s)
const DEAD_BAND: f64 = 100e-6;

/// One frame in a chunk of 20 ms at 48 kHz. (s/s)
const ONE_FRAME: f64 = 1.0 / 960.0;

/// Errors above this are sought over. (s)
const RESYNC: f64 = 0.005;

/// See the module.
#[derive(Debug, Default)]
pub struct Sendspin {
    zero: Option<Zero>,
    asked: u32,
    heard: u32,
    best: Option<ClockSample>,
    state: Option<State>,
}

#[derive(Clone, Copy, Debug)]
struct State {
    /// (s)
    at: f64,
    offset: f64,
    drift: f64,
    /// Variances of offset and drift, and what joins them.
    p: [f64; 3],
    measured: u32,
}

impl Sendspin {
    fn measure(&mut self, sample: &ClockSample) {
        let zero = *self.zero.get_or_insert(Zero::of(sample));
        let at = (sample.t3 - zero.local).as_secs_f64();
        let found = offset(sample, zero);
        let half = sample.round_trip().as_secs_f64() / 2.0;
        let noise = (MEASUREMENT * half).powi(2);
        let Some(state) = self.state else {
            let p = [noise, 0.0, 1e-8];
            self.state = Some(State { at, offset: found, drift: 0.0, p, measured: 1 });
            return;
        };
        let dt = at - state.at;
        let [offsets, cross, drifts] = state.p;
        let mut p = [
            offsets + 2.0 * dt * cross + dt * dt * drifts,
            cross + dt * drifts,
            drifts + DRIFT_WALK * DRIFT_WALK * dt,
        ];
        let expected = state.offset + state.drift * dt;
        let surprise = found - expected;
        let (after, factor) = FORGETTING;
        if state.measured >= after && surprise.abs() > ASTRAY * half {
            p = p.map(|part| part * factor * factor);
        }
        let total = p[0] + noise;
        let (gain_offset, gain_drift) = (p[0] / total, p[1] / total);
        self.state = Some(State {
            at,
            offset: expected + gain_offset * surprise,
            drift: state.drift + gain_drift * surprise,
            p: [p[0] * (1.0 - gain_offset), p[1] * (1.0 - gain_offset), p[2] - gain_drift * p[1]],
            measured: state.measured + 1,
        });
    }
}

impl Rule for Sendspin {
    fn name(&self) -> &'static str {
        "Sendspin"
    }

    fn pause(&mut self, _now: LocalTime) -> Option<Span> {
        self.asked += 1;
        self.asked.is_multiple_of(BURST).then_some(INTERVAL)
    }

    fn learn(&mut self, sample: &ClockSample) {
        let is_better = self.best.is_none_or(|best| sample.round_trip() < best.round_trip());
        if is_better {
            self.best = Some(*sample);
        }
        self.heard += 1;
        if self.heard.is_multiple_of(BURST)
            && let Some(best) = self.best.take()
        {
            self.measure(&best);
        }
    }

    fn swarm(&self, now: LocalTime) -> Option<SwarmTime> {
        let (zero, state) = (self.zero?, self.state?);
        let is_sure = state.drift.abs() > DRIFT_GATE * state.p[2].sqrt();
        let since = (now - zero.local).as_secs_f64() - state.at;
        let drifted = if is_sure { state.drift * since } else { 0.0 };
        Some(zero.swarm(now, state.offset + drifted))
    }

    fn correct(&mut self, error: f64, _period: f64) -> Correction {
        if error.abs() > RESYNC {
            Correction::Seek
        } else if error.abs() > DEAD_BAND {
            Correction::Rate(ONE_FRAME.copysign(error))
        } else {
            Correction::Rate(0.0)
        }
    }
}
