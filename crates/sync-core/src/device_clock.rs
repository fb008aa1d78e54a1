//! When the frames written to a sound card are heard, from its noisy position stamps.
//!
//! With every buffer a sound system tells when the buffer's first frame will be heard. The
//! stamps are rounded to whole frames, sometimes late by a preemption, and wrong for a moment
//! after a start or an underrun. [`DeviceClock`] turns them into a line from frame numbers to
//! [`LocalTime`] by a two-state Kalman filter (position, rate) that learns how noisy this
//! backend is and refuses outliers. Start at [`DeviceClock::observe`].
//!
//! It counts frames from the last [`DeviceClock::restart`]; it knows nothing of songs.

mod stamps;
mod unrest;

use protocol::time::{LocalTime, Span};

use stamps::{Bends, Refused, Scatter};
use unrest::Unrest;

/// Stamps passed over after a stream was opened.
///
/// While the ring fills, ALSA tells no delay at all, and the first stamps of most systems are
/// off by up to a whole buffer.
const SETTLING_STAMPS: u32 = 10;

/// Stamps passed over after an underrun: those of the two periods that refill the ring, and
/// one for the monotonic clamp that cpal puts on its stamps.
const RESETTLING_STAMPS: u32 = 3;

/// Expected noise of a stamp before any was seen. (s)
///
/// Twice what whole-frame rounding at 44.1 kHz gives.
const INITIAL_NOISE: f64 = 15e-6;

/// Bounds of the noise the filter learns. (s)
///
/// The floor keeps a virtual device with perfect stamps from freezing the filter; the ceiling
/// admits sound servers that poll their latency.
const NOISE_RANGE: [f64; 2] = [3e-6, 2e-3];

/// How far a sound card's rate may be from its name, one standard deviation. (s/s)
const INITIAL_RATE_SIGMA: f64 = 100e-6;

/// The same after an underrun, when the rate was already known. (s/s)
const KEPT_RATE_SIGMA: f64 = 10e-6;

/// Furthest that a sound card can be from its name. (parts per million)
const MOST_PPM: f64 = 1_000.0;

/// Random walk of a card's rate. (s/s per √s)
///
/// A crystal in peace. With whole-frame stamps every 85 ms their rounding is heard as 1.5 µs and
/// less than 5 ppm.
const RATE_WALK: f64 = 4e-6;

/// The same while the rate is on its way. (factor)
///
/// A rate that swings by ±50 ppm in ten seconds is heard 8 µs off then (median, p99 26), against
/// 17 and 30 without.
const UNREST: f64 = 5.0;

/// Weight of one stamp in the learnt noise: about a second and a half of stamps.
const NOISE_GAIN: f64 = 1.0 / 64.0;

/// A stamp that is off by more standard deviations than this pulls no harder than one at
/// this distance: most such stamps are late by a preemption.
const PULL_SIGMAS: f64 = 3.0;

/// A stamp is refused when it is off by more than this many standard deviations…
const GATE_SIGMAS: f64 = 6.0;

/// …and by more than this. (s)
const GATE_FLOOR: f64 = 120e-6;

/// So many refused stamps in a row are no accident: the device's timeline has moved.
const REFUSALS_BEFORE_RESTART: u32 = 6;

/// A time line that moved by less than this is taken for noise and followed. (s)
///
/// What moves a time line, an underrun for instance, moves it by a period.
const SMALLEST_MOVE: f64 = 1e-3;

/// Times that late stamps came back to the line by themselves, after which the backend counts
/// as one-sided: its position lags by whole periods now and then, as WASAPI's does.
const RETURNS_BEFORE_ONE_SIDED: u32 = 2;

/// So many late stamps of a one-sided backend in a row mean a move after all.
///
/// Lags of WASAPI last a few buffers of 10 ms; one in a thousand million lasts this long.
const REFUSALS_IF_ONE_SIDED: u32 = 40;

/// A noise that is so much larger than the learnt one is taken over at once. (factor on the
/// standard deviation)
const MISTAKEN: f64 = 3.0;

/// Largest noise that is taken over at once. (s)
///
/// Twice what phones show. More is a position that lags, which is told from noise by its sign.
const LARGEST_MISTAKE: f64 = 400e-6;

/// Weight of one stamp in the learnt likeness of neighbouring stamps: three seconds of stamps.
const LIKENESS_GAIN: f64 = 1.0 / 128.0;

/// Largest likeness believed. (0-1)
///
/// PulseAudio's latency is polled ten times a second and carried on between, so ten stamps in
/// a row err alike.
const LIKENESS_LIMIT: f64 = 0.9;

/// The line is good enough to place a start by below this standard deviation. (s)
const STEADY_SIGMA: f64 = 20e-6;

/// What became of a stamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Observation {
    /// Passed over: stamps are not to be trusted yet.
    Settling,
    /// Taken.
    Taken,
    /// Refused as an outlier; the line stands.
    Refused,
    /// The device's timeline has moved; the line was dropped and begins anew.
    TimelineMoved,
}

/// A line from the frames written to a device to the moments they are heard.
#[derive(Clone, Debug)]
pub struct DeviceClock {
    /// The rate the device was opened with. (frames/s)
    nominal_rate: f64,
    line: Option<Line>,
    /// Deviation of a nominal second on this device from a local one. (s/s)
    stretch: f64,
    stretch_sigma: f64,
    /// Learnt variance of a stamp. (s²)
    noise: f64,
    /// Likeness of neighbouring innovations. (−1 to 1)
    likeness: f64,
    /// The last innovation taken. (s)
    before: f64,
    settling: u32,
    refused: Refused,
    /// Times that late stamps came back to the line by themselves.
    returns: u32,
    bends: Bends,
    scatter: Scatter,
    unrest: Unrest,
}

/// The filter's state, pinned at the newest stamp taken.
#[derive(Clone, Copy, Debug)]
struct Line {
    frame: u64,
    /// When `frame` is heard, in whole nanoseconds and the part below.
    heard: LocalTime,
    below: f64,
    /// Covariance of position (s) and stretch (s/s).
    p_position: f64,
    p_cross: f64,
    p_stretch: f64,
}

impl DeviceClock {
    /// A clock for a device opened at `sample_rate` frames per second. Knows nothing yet.
    pub fn new(sample_rate: u32) -> Self {
        Self {
            nominal_rate: f64::from(sample_rate.max(1)),
            line: None,
            stretch: 0.0,
            stretch_sigma: INITIAL_RATE_SIGMA,
            noise: INITIAL_NOISE * INITIAL_NOISE,
            likeness: 0.0,
            before: 0.0,
            settling: SETTLING_STAMPS,
            refused: Refused::default(),
            returns: 0,
            bends: Bends::default(),
            scatter: Scatter::default(),
            unrest: Unrest::default(),
        }
    }

    /// The device ran so much faster than its name when it was used before. (parts per million)
    /// Of use before the first stamp.
    pub fn expect_rate_ppm(&mut self, ppm: f64) {
        if self.line.is_none() {
            self.stretch = 1.0 / (1.0 + ppm.clamp(-MOST_PPM, MOST_PPM) * 1e-6) - 1.0;
            self.stretch_sigma = KEPT_RATE_SIGMA;
        }
    }

    /// Takes one stamp: the device says that `frame`, counted from the start or the last
    /// [`Self::restart`], is heard at `heard`. Frames must not go backwards.
    pub fn observe(&mut self, frame: u64, heard: LocalTime) -> Observation {
        if self.settling > 0 {
            self.settling -= 1;
            return Observation::Settling;
        }
        let Some(line) = self.line else {
            self.line = Some(Line {
                frame,
                heard,
                below: 0.0,
                // The first stamp may be an outlier: let the next ones overrule it.
                p_position: GATE_FLOOR * GATE_FLOOR,
                p_cross: 0.0,
                p_stretch: self.stretch_sigma * self.stretch_sigma,
            });
            return Observation::Taken;
        };

        if let Some(noise) = self.bends.add(frame, heard, self.nominal_rate)
            && noise.min(LARGEST_MISTAKE) > MISTAKEN * self.noise.sqrt()
        {
            self.noise = noise.min(LARGEST_MISTAKE).powi(2);
        }
        let walk = if self.unrest.is_chasing() { UNREST * RATE_WALK } else { RATE_WALK };
        let predicted = line.carried_to(frame, self.nominal_rate, self.stretch, walk);
        let innovation = (heard - predicted.heard).as_secs_f64() - predicted.below;
        // Fine stamps err each in its own way: what they have in common is a rate on its way.
        let is_fine = self.scatter.is_fine();
        let alike = if is_fine { 0.0 } else { self.likeness.clamp(0.0, LIKENESS_LIMIT) };
        // Stamps that err alike say less than as many that err each in its own way.
        let noise = self.noise * (1.0 + alike) / (1.0 - alike);
        let variance = predicted.p_position + noise;
        if innovation.abs() > GATE_FLOOR.max(GATE_SIGMAS * variance.sqrt()) {
            self.refused.add(innovation);
            return self.judge_refused();
        }
        if self.refused.count > 0 && self.refused.range[0] > SMALLEST_MOVE {
            self.returns += 1;
        }
        self.refused.count = 0;
        let strongest = PULL_SIGMAS * variance.sqrt();
        let pull = innovation.clamp(-strongest, strongest);
        self.line = Some(self.corrected(predicted, pull, variance));
        if is_fine {
            let elapsed = (frame - line.frame) as f64 / self.nominal_rate;
            self.unrest.lean(pull / variance.sqrt(), elapsed);
        }
        self.learn_noise(pull, variance);
        Observation::Taken
    }

    /// What the run of refused stamps means.
    fn judge_refused(&mut self) -> Observation {
        let is_late = self.refused.range[0] > 0.0;
        let is_lag = is_late && self.returns >= RETURNS_BEFORE_ONE_SIDED;
        let needed = if is_lag { REFUSALS_IF_ONE_SIDED } else { REFUSALS_BEFORE_RESTART };
        if self.refused.count < needed {
            return Observation::Refused;
        }
        let [low, high] = self.refused.range;
        // Earlier than the line in different ways: the line began on a stamp that lagged.
        if self.refused.agree() || high < -SMALLEST_MOVE {
            self.forget_position();
            return Observation::TimelineMoved;
        }
        // Later in different ways: a position that lags by this and that.
        if low > SMALLEST_MOVE {
            self.returns += 1;
            self.refused.count = 0;
            return Observation::Refused;
        }
        // The line is doubted as far as they are off, and the next stamps are let in.
        let off = low.abs().max(high.abs()).powi(2);
        self.noise = self.noise.max((off / 4.0).min(LARGEST_MISTAKE.powi(2)));
        if let Some(line) = &mut self.line {
            line.p_position += off;
        }
        self.refused.count = 0;
        Observation::Refused
    }

    /// When `frame` is heard, once that is known.
    pub fn heard_at(&self, frame: u64) -> Option<LocalTime> {
        self.line.map(|line| {
            let there = line.carried_to(frame, self.nominal_rate, self.stretch, RATE_WALK);
            there.heard + Span::from_secs_f64(there.below)
        })
    }

    /// How much faster than its name the device runs, against the local clock. (parts per
    /// million)
    pub fn rate_ppm(&self) -> f64 {
        (1.0 / (1.0 + self.stretch) - 1.0) * 1e6
    }

    /// One standard deviation of the line at its newest stamp; none before the first.
    pub fn uncertainty(&self) -> Option<Span> {
        self.line.map(|line| Span::from_secs_f64(line.p_position.max(0.0).sqrt()))
    }

    /// True when a start can be placed by the line.
    pub fn is_steady(&self) -> bool {
        self.line.is_some_and(|line| line.p_position < STEADY_SIGMA * STEADY_SIGMA)
    }

    /// The stream began anew, after an underrun for instance: frames are counted from zero.
    /// The rate learnt so far is kept, because the crystal is the same.
    pub fn restart(&mut self) {
        self.forget_position();
        self.settling = RESETTLING_STAMPS;
    }

    fn forget_position(&mut self) {
        if self.is_steady() {
            self.stretch_sigma = KEPT_RATE_SIGMA;
        }
        self.line = None;
        self.refused.count = 0;
        self.bends.forget_last();
        self.before = 0.0;
        self.unrest = Unrest::default();
    }

    fn corrected(&mut self, at: Line, innovation: f64, variance: f64) -> Line {
        let gain_position = at.p_position / variance;
        let gain_stretch = at.p_cross / variance;
        self.stretch += gain_stretch * innovation;
        let moved = at.below + gain_position * innovation;
        // Keep the part below a nanosecond apart, so that nothing is lost over hours.
        let whole = Span::from_secs_f64(moved);
        Line {
            frame: at.frame,
            heard: at.heard + whole,
            below: moved - whole.as_secs_f64(),
            p_position: at.p_position * (1.0 - gain_position),
            p_cross: at.p_cross * (1.0 - gain_position),
            p_stretch: at.p_stretch - gain_stretch * at.p_cross,
        }
    }

    /// Follows the noise of the stamps by what the innovations have beyond the line's own
    /// uncertainty.
    fn learn_noise(&mut self, innovation: f64, variance: f64) {
        let alike = innovation * self.before / variance;
        self.likeness += LIKENESS_GAIN * (alike.clamp(-2.0, 2.0) - self.likeness);
        let share = self.noise / variance;
        let step = innovation - self.before;
        self.before = innovation;
        self.scatter.add(step * step / 2.0 * share);
        // From one fine stamp to the next a lag of the line is nearly the same and drops out;
        // else the filter would take it for noise, and grow stiffer by it.
        let seen = match self.scatter.is_fine() {
            true => step * step / 2.0 * share,
            false => innovation * innovation * share,
        };
        let [floor, ceiling] = NOISE_RANGE;
        self.noise += NOISE_GAIN * (seen - self.noise);
        self.noise = self.noise.clamp(floor * floor, ceiling * ceiling);
    }
}

impl Line {
    fn carried_to(&self, frame: u64, nominal_rate: f64, stretch: f64, walk: f64) -> Self {
        let frames = frame as f64 - self.frame as f64;
        let seconds = frames / nominal_rate;
        let ahead = self.below + seconds * (1.0 + stretch);
        let whole = Span::from_secs_f64(ahead);
        let dt = seconds.abs();
        let walk = walk * walk;
        Self {
            frame,
            heard: self.heard + whole,
            below: ahead - whole.as_secs_f64(),
            p_position: self.p_position
                + 2.0 * dt * self.p_cross
                + dt * dt * self.p_stretch
                + walk * dt * dt * dt / 3.0,
            p_cross: self.p_cross + dt * self.p_stretch + walk * dt * dt / 2.0,
            p_stretch: self.p_stretch + walk * dt,
        }
    }
}

#[cfg(test)]
mod tests;
