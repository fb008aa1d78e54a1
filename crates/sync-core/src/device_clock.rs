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

use protocol::time::{LocalTime, Span};

use stamps::{Bends, Refused};

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

/// Random walk of a card's rate. (s/s per √s)
///
/// With whole-frame stamps every 21 ms, 5 ppm give a bandwidth of 0.4 Hz: a rate that swings
/// by ±50 ppm in ten seconds is followed within 5 µs, and the rounding of the stamps is heard
/// as less than 2 µs and 3 ppm.
const RATE_WALK: f64 = 5e-6;

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
        let predicted = line.carried_to(frame, self.nominal_rate, self.stretch);
        let innovation = (heard - predicted.heard).as_secs_f64() - predicted.below;
        let alike = self.likeness.clamp(0.0, LIKENESS_LIMIT);
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
            let there = line.carried_to(frame, self.nominal_rate, self.stretch);
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
        self.before = innovation;
        let share = self.noise / variance;
        let seen = innovation * innovation * share;
        let [floor, ceiling] = NOISE_RANGE;
        self.noise += NOISE_GAIN * (seen - self.noise);
        self.noise = self.noise.clamp(floor * floor, ceiling * ceiling);
    }
}

impl Line {
    fn carried_to(&self, frame: u64, nominal_rate: f64, stretch: f64) -> Self {
        let frames = frame as f64 - self.frame as f64;
        let seconds = frames / nominal_rate;
        let ahead = self.below + seconds * (1.0 + stretch);
        let whole = Span::from_secs_f64(ahead);
        let dt = seconds.abs();
        let walk = RATE_WALK * RATE_WALK;
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
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    const RATE: u32 = 48_000;
    const PERIOD: u64 = 1024;

    /// A sound card whose every frame is heard at a known moment, with ALSA's kind of stamps.
    struct Card {
        rng: ChaCha8Rng,
        /// Deviation from the nominal rate. (ppm)
        ppm: f64,
        /// When frame zero is heard. (s)
        start: f64,
        frame: u64,
    }

    impl Card {
        fn new(seed: u64, ppm: f64) -> Self {
            Self { rng: ChaCha8Rng::seed_from_u64(seed), ppm, start: 12_345.678_9, frame: 0 }
        }

        fn truly_heard(&self, frame: u64) -> f64 {
            self.start + frame as f64 / (f64::from(RATE) * (1.0 + self.ppm * 1e-6))
        }

        /// The next buffer's first frame and its stamp: late by the part of a frame that
        /// ALSA's whole-frame delay hides, by the time between two calls, and rarely by a
        /// preemption.
        fn stamp(&mut self) -> (u64, LocalTime) {
            let frame = self.frame;
            self.frame += PERIOD;
            let mut late = self.rng.random_range(0.0..1.0 / f64::from(RATE));
            late += self.rng.random_range(0.0..4e-6);
            if self.rng.random_ratio(1, 200) {
                late += self.rng.random_range(50e-6..350e-6);
            }
            (frame, local(self.truly_heard(frame) + late))
        }

        /// What the line says about a frame against the truth, the stamps' known mean
        /// lateness taken off. (s)
        fn line_error(&self, clock: &DeviceClock, frame: u64) -> f64 {
            let mean_late = 0.5 / f64::from(RATE) + 2e-6;
            let said = clock.heard_at(frame).expect("the line is known by now");
            (said - LocalTime::default()).as_secs_f64() - self.truly_heard(frame) - mean_late
        }
    }

    fn local(seconds: f64) -> LocalTime {
        LocalTime::default() + Span::from_secs_f64(seconds)
    }

    fn percentile(values: &mut [f64], share: f64) -> f64 {
        values.sort_by(f64::total_cmp);
        values[((values.len() - 1) as f64 * share) as usize]
    }

    fn seeds() -> impl Iterator<Item = (u64, f64)> {
        (0..200).map(|seed| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0xcafe);
            (seed, rng.random_range(-200.0..200.0))
        })
    }

    #[test]
    fn a_steady_line_is_within_eight_microseconds_of_what_is_heard() {
        for (seed, ppm) in seeds() {
            let mut card = Card::new(seed, ppm);
            let mut clock = DeviceClock::new(RATE);
            let mut errors = Vec::new();
            let mut rates = Vec::new();
            for step in 0..3_000 {
                let (frame, stamp) = card.stamp();
                clock.observe(frame, stamp);
                if step > 300 {
                    errors.push(card.line_error(&clock, frame + PERIOD).abs());
                    rates.push((clock.rate_ppm() - ppm).powi(2));
                }
            }
            let worst = percentile(&mut errors, 0.99);
            assert!(worst < 8e-6, "p99 of the line's error is {worst:.2e} s, seed {seed}");
            let wander = (rates.iter().sum::<f64>() / rates.len() as f64).sqrt();
            assert!(wander < 5.0, "the rate wanders by {wander:.2} ppm, seed {seed}");
        }
    }

    #[test]
    fn a_start_can_be_placed_half_a_second_after_the_stream_opened() {
        for (seed, ppm) in seeds() {
            let mut card = Card::new(seed, ppm);
            let mut clock = DeviceClock::new(RATE);
            while !clock.is_steady() {
                let (frame, stamp) = card.stamp();
                clock.observe(frame, stamp);
                assert!(card.frame < 24 * PERIOD, "still not steady, seed {seed}");
            }
            let error = card.line_error(&clock, card.frame + PERIOD).abs();
            assert!(error < 80e-6, "a start would be {error:.2e} s off, seed {seed}");
        }
    }

    #[test]
    fn one_stamp_in_two_hundred_being_late_moves_nothing() {
        let mut card = Card::new(7, 35.0);
        let mut clock = DeviceClock::new(RATE);
        for _ in 0..500 {
            let (frame, stamp) = card.stamp();
            clock.observe(frame, stamp);
        }
        let before = card.line_error(&clock, card.frame);
        let (frame, stamp) = card.stamp();
        assert_eq!(clock.observe(frame, stamp + Span::from_micros(300)), Observation::Refused);
        let after = card.line_error(&clock, card.frame);
        assert!((after - before).abs() < 1e-6, "the line moved by {:.2e} s", after - before);
    }

    #[test]
    fn a_timeline_that_moves_is_followed_within_a_quarter_second() {
        for (seed, ppm) in seeds().take(50) {
            let mut card = Card::new(seed, ppm);
            let mut clock = DeviceClock::new(RATE);
            for _ in 0..300 {
                let (frame, stamp) = card.stamp();
                clock.observe(frame, stamp);
            }
            card.start += 0.005;
            let mut moved = false;
            for _ in 0..12 {
                let (frame, stamp) = card.stamp();
                moved |= clock.observe(frame, stamp) == Observation::TimelineMoved;
            }
            assert!(moved, "the move went unnoticed, seed {seed}");
            let error = card.line_error(&clock, card.frame).abs();
            assert!(error < 80e-6, "{error:.2e} s off after the move, seed {seed}");
        }
    }

    #[test]
    fn after_an_underrun_the_rate_is_still_known() {
        for (seed, ppm) in seeds().take(50) {
            let mut card = Card::new(seed, ppm);
            let mut clock = DeviceClock::new(RATE);
            for _ in 0..600 {
                let (frame, stamp) = card.stamp();
                clock.observe(frame, stamp);
            }
            card.start += card.truly_heard(card.frame) - card.start + 0.08;
            card.frame = 0;
            clock.restart();
            let mut needed = 0;
            while !clock.is_steady() {
                let (frame, stamp) = card.stamp();
                clock.observe(frame, stamp);
                needed += 1;
                assert!(needed < 16, "still not steady, seed {seed}");
            }
            let rate_error = (clock.rate_ppm() - ppm).abs();
            assert!(rate_error < 15.0, "the rate is {rate_error:.1} ppm off, seed {seed}");
        }
    }

    #[test]
    fn a_warming_crystal_is_followed() {
        let mut clock = DeviceClock::new(RATE);
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mut heard = 100.0;
        let mut errors = Vec::new();
        for step in 0..6_000_u64 {
            let seconds = step as f64 * PERIOD as f64 / f64::from(RATE);
            let ppm = 200.0 + 50.0 * (seconds * std::f64::consts::TAU / 60.0).sin();
            let late = rng.random_range(0.0..1.0 / f64::from(RATE));
            clock.observe(step * PERIOD, local(heard + late));
            if step > 500 {
                let said = clock.heard_at(step * PERIOD).expect("known");
                let said = (said - LocalTime::default()).as_secs_f64();
                errors.push((said - heard - 0.5 / f64::from(RATE)).abs());
            }
            heard += PERIOD as f64 / (f64::from(RATE) * (1.0 + ppm * 1e-6));
        }
        let worst = percentile(&mut errors, 0.99);
        assert!(worst < 10e-6, "p99 under wobble is {worst:.2e} s");
    }

    #[test]
    fn stamps_of_a_polling_sound_server_are_averaged_longer() {
        let mut card = Card::new(11, -40.0);
        let mut clock = DeviceClock::new(RATE);
        let mut errors = Vec::new();
        for step in 0..4_000 {
            let (frame, stamp) = card.stamp();
            let jitter = card.rng.random_range(-150e-6..150e-6);
            clock.observe(frame, stamp + Span::from_secs_f64(jitter));
            if step > 1_000 {
                errors.push(card.line_error(&clock, frame).abs());
            }
        }
        let worst = percentile(&mut errors, 0.99);
        assert!(worst < 45e-6, "p99 with ±150 µs of jitter is {worst:.2e} s");
    }

    #[test]
    fn hours_of_frames_lose_no_precision() {
        let mut clock = DeviceClock::new(RATE);
        let mut card = Card::new(5, 100.0);
        card.frame = 6 * 3600 * u64::from(RATE);
        let mut errors = Vec::new();
        for step in 0..2_000 {
            let (frame, stamp) = card.stamp();
            clock.observe(frame, stamp);
            if step > 500 {
                errors.push(card.line_error(&clock, frame).abs());
            }
        }
        let worst = percentile(&mut errors, 0.99);
        assert!(worst < 8e-6, "p99 after six hours is {worst:.2e} s");
    }

    /// Positions that lag by up to 10 ms for a few buffers, as WASAPI's do.
    #[test]
    fn a_position_that_lags_now_and_then_is_seen_through() {
        for (seed, ppm) in seeds().take(100) {
            let mut card = Card::new(seed, ppm);
            let mut clock = DeviceClock::new(RATE);
            let mut errors = Vec::new();
            let mut lag = 0.0;
            for step in 0..2_000 {
                if lag == 0.0 && card.rng.random_ratio(1, 12) {
                    lag = 2.5e-3 * f64::from(card.rng.random_range(1..=4_u32));
                } else if card.rng.random_ratio(2, 5) {
                    lag = 0.0;
                }
                let (frame, stamp) = card.stamp();
                clock.observe(frame, stamp + Span::from_secs_f64(lag));
                if step > 400 {
                    errors.push(card.line_error(&clock, frame).abs());
                }
            }
            let worst = percentile(&mut errors, 1.0);
            assert!(worst < 40e-6, "the line was {worst:.2e} s off, seed {seed}");
        }
    }

    /// A latency that is polled every tenth stamp, so that ten in a row err alike.
    #[test]
    fn stamps_that_err_alike_are_no_change_of_rate() {
        for (seed, ppm) in seeds().take(100) {
            let mut card = Card::new(seed, ppm);
            let mut clock = DeviceClock::new(RATE);
            let mut errors = Vec::new();
            let mut polled = 0.0;
            for step in 0..3_000 {
                if step % 10 == 0 {
                    polled = card.rng.random_range(-70e-6..70e-6);
                }
                let (frame, stamp) = card.stamp();
                clock.observe(frame, stamp + Span::from_secs_f64(polled));
                if step > 500 {
                    errors.push(card.line_error(&clock, frame).abs());
                }
            }
            let worst = percentile(&mut errors, 0.99);
            assert!(worst < 80e-6, "p99 of the line's error is {worst:.2e} s, seed {seed}");
        }
    }

    #[test]
    fn noise_that_is_larger_than_expected_is_learnt_within_a_second() {
        for (seed, ppm) in seeds().take(100) {
            let mut card = Card::new(seed, ppm);
            let mut clock = DeviceClock::new(RATE);
            let mut moves = 0;
            for _ in 0..2_000 {
                let (frame, stamp) = card.stamp();
                let noise = card.rng.random_range(-350e-6..350e-6);
                let seen = clock.observe(frame, stamp + Span::from_secs_f64(noise));
                moves += u32::from(seen == Observation::TimelineMoved);
            }
            assert_eq!(moves, 0, "noise was taken for a move, seed {seed}");
            let error = card.line_error(&clock, card.frame).abs();
            assert!(error < 300e-6, "{error:.2e} s off, seed {seed}");
        }
    }
}
