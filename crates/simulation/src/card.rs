//! Sound cards with exactly known clocks, and what each sound system tells about them.
//!
//! A [`Card`] asks for one [`Buffer`] after the other. It knows when each frame is really
//! heard; the program is told that with the noise its sound system puts on it. What was
//! measured of those systems stands at [`Backend`].

use protocol::time::Span;
use rand::RngExt;

use crate::network::{Dice, dice};
use crate::oscillator::{Oscillator, gaussian};

/// A sound system, by how it tells when a buffer is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// Whole frames, rounded up; late by the time between two calls, and one time in three
    /// hundred by a preemption of 50 to 350 µs between them.
    Alsa,
    /// Latency polled every 100 ms and carried on between: 40 µs of noise that all stamps of
    /// a poll share. Where two buffers fall between two polls one stamp is off by 130 to
    /// 930 µs.
    PulseAudio,
    /// The position moves in whole periods of the audio engine: now and then it lags, for a
    /// few buffers, by up to 10 ms. Never early.
    Wasapi,
    /// A fixed quantum; ±60 µs.
    PipeWire,
    /// Stamped by the driver: 4 µs.
    CoreAudio,
    /// 200 µs.
    AAudio,
}

impl Backend {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Alsa, Self::PulseAudio, Self::Wasapi, Self::PipeWire, Self::CoreAudio, Self::AAudio];

    /// Frames per buffer at 48 kHz.
    fn period(self) -> usize {
        match self {
            Self::Alsa | Self::PipeWire => 1_024,
            Self::PulseAudio | Self::Wasapi | Self::AAudio => 480,
            Self::CoreAudio => 512,
        }
    }

    /// Whether latency is told in frames.
    fn counts_frames(self) -> bool {
        self == Self::Alsa
    }
}

/// The rate whose whole frames ALSA's stamps are rounded to. (frames/s)
///
/// Kept also where a card is simulated at a lower rate to save work, so that its stamps are as
/// noisy as real ones.
const STAMP_RATE: f64 = 48_000.0;

/// What a card asks for.
#[derive(Clone, Copy, Debug)]
pub struct Buffer {
    /// Its first frame, counted from the last interruption.
    pub frame: u64,
    /// Frames wanted.
    pub frames: usize,
    /// When the program is asked, in true seconds.
    pub called: f64,
    /// When the first frame is heard, in true seconds.
    pub heard: f64,
    /// When it is heard by what the sound system tells, in true seconds.
    pub told: f64,
    /// Time that one frame is heard for. (s)
    pub frame_length: f64,
    /// The part of the latency that was told in frames.
    pub queued: Span,
    /// Time between writing and hearing, as told.
    pub latency: Span,
    /// True if sound was lost before it.
    pub is_interrupted: bool,
}

/// A sound card in use.
#[derive(Clone, Debug)]
pub struct Card {
    backend: Backend,
    oscillator: Oscillator,
    dice: Dice,
    rate: f64,
    period: usize,
    frame: u64,
    /// When the next frame is heard. (true seconds)
    heard: f64,
    is_interrupted: bool,
    polled: Option<Poll>,
    /// WASAPI: how far the position lags. (s)
    lag: f64,
}

/// A latency that was asked for.
#[derive(Clone, Copy, Debug)]
struct Poll {
    /// (true seconds)
    at: f64,
    /// By how much it is too long. (s)
    error: f64,
}

/// Time between two polls of PulseAudio's latency. (s)
const POLL_INTERVAL: f64 = 0.1;

impl Card {
    /// A card that is opened at true second zero.
    pub fn new(backend: Backend, rate: u32, oscillator: Oscillator, seed: u64) -> Self {
        let rate = f64::from(rate);
        let period = (backend.period() as f64 * rate / STAMP_RATE).round() as usize;
        let mut dice = dice(seed);
        let heard = 0.05 + 0.02 * dice.random::<f64>();
        Self {
            backend,
            oscillator,
            dice,
            rate,
            period,
            frame: 0,
            heard,
            is_interrupted: false,
            polled: None,
            lag: 0.0,
        }
    }

    /// The same, opened at true second `at`.
    #[must_use]
    pub fn opened(self, at: f64) -> Self {
        Self { heard: self.heard + at, ..self }
    }

    /// The card was silent until `until`, in true seconds, and begins anew.
    pub fn interrupt(&mut self, until: f64) {
        self.heard = until.max(self.heard);
        self.frame = 0;
        self.is_interrupted = true;
    }

    /// When it asks for its next buffer. (true seconds)
    pub fn calls(&self) -> f64 {
        self.heard - self.period as f64 / self.rate
    }

    /// The buffer it asks for now.
    pub fn ask(&mut self) -> Buffer {
        let length = 1.0 / (self.rate * (1.0 + self.oscillator.rate_ppm(self.heard) * 1e-6));
        let nominal = self.period as f64 / self.rate;
        let told = self.heard + self.stamp_error(nominal - self.period as f64 * length);
        let latency = Span::from_secs_f64(nominal);
        let buffer = Buffer {
            frame: self.frame,
            frames: self.period,
            called: self.calls(),
            heard: self.heard,
            told,
            frame_length: length,
            queued: if self.backend.counts_frames() { latency } else { Span::ZERO },
            latency,
            is_interrupted: std::mem::take(&mut self.is_interrupted),
        };
        self.frame += self.period as u64;
        self.heard += self.period as f64 * length;
        buffer
    }

    /// By how much the next stamp is late. `stretch` is how much longer the queue lasts by the
    /// nominal rate than it does. (s)
    fn stamp_error(&mut self, stretch: f64) -> f64 {
        let at = self.heard;
        let dice = &mut self.dice;
        match self.backend {
            Backend::Alsa => {
                // The program takes the half frame off that rounding up adds on average.
                let rounding = (dice.random::<f64>() - 0.5) / STAMP_RATE;
                let calls = dice.random_range(-2e-6..2e-6);
                let preempted =
                    if dice.random_ratio(1, 300) { dice.random_range(50e-6..350e-6) } else { 0.0 };
                rounding + calls + preempted + stretch
            }
            Backend::PulseAudio => {
                let poll = match self.polled {
                    Some(poll) if at - poll.at < POLL_INTERVAL => poll,
                    _ => Poll { at, error: 40e-6 * gaussian(dice) },
                };
                self.polled = Some(poll);
                let sign = if dice.random::<bool>() { 1.0 } else { -1.0 };
                let crossed =
                    if dice.random_ratio(1, 50) { dice.random_range(130e-6..930e-6) } else { 0.0 };
                poll.error + sign * crossed
            }
            Backend::Wasapi => {
                if self.lag == 0.0 && dice.random_ratio(1, 12) {
                    self.lag = 2.5e-3 * f64::from(dice.random_range(1..=4_u32));
                } else if dice.random_ratio(2, 5) {
                    self.lag = 0.0;
                }
                self.lag - 15e-6 * (1.0 - dice.random::<f64>()).ln()
            }
            Backend::PipeWire => dice.random_range(-60e-6..60e-6),
            Backend::CoreAudio => 4e-6 * gaussian(dice),
            Backend::AAudio => 200e-6 * gaussian(dice),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crystal::Crystal;

    fn errors(backend: Backend) -> Vec<f64> {
        let crystal = Crystal { ppm: 100.0, ..Crystal::PERFECT };
        let mut card = Card::new(backend, 48_000, crystal.into(), 3);
        (0..20_000).map(|_| card.ask()).map(|buffer| buffer.told - buffer.heard).collect()
    }

    #[test]
    fn every_sound_system_errs_in_its_own_way() {
        for backend in Backend::ALL {
            let mut errors = errors(backend);
            errors.sort_by(f64::total_cmp);
            let at = |share: f64| 1e6 * errors[((errors.len() - 1) as f64 * share) as usize];
            let (least, median, most) = (at(0.0), at(0.5), at(1.0));
            let (low, middle, high) = match backend {
                Backend::Alsa => (-13.0..-5.0, 0.0..4.0, 200.0..370.0),
                Backend::PulseAudio => (-1_100.0..-500.0, -5.0..5.0, 500.0..1_100.0),
                Backend::Wasapi => (0.0..1.0, 5.0..20.0, 10_000.0..10_300.0),
                Backend::PipeWire => (-60.0..-55.0, -3.0..3.0, 55.0..60.0),
                Backend::CoreAudio => (-20.0..-10.0, -0.5..0.5, 10.0..20.0),
                Backend::AAudio => (-1_000.0..-500.0, -10.0..10.0, 500.0..1_000.0),
            };
            assert!(low.contains(&least), "{backend:?}: {least} µs at least");
            assert!(middle.contains(&median), "{backend:?}: {median} µs usually");
            assert!(high.contains(&most), "{backend:?}: {most} µs at most");
        }
    }

    #[test]
    fn frames_are_heard_at_the_cards_own_rate() {
        let crystal = Crystal { ppm: 100.0, ..Crystal::PERFECT };
        let mut card = Card::new(Backend::Alsa, 48_000, crystal.into(), 3);
        let first = card.ask();
        let last = (0..9_999).map(|_| card.ask()).last().expect("buffers");
        let seconds = last.frame as f64 / 48_000.0;
        let gained = seconds - (last.heard - first.heard);
        assert!((gained / seconds - 100e-6).abs() < 0.1e-6, "{gained} s in {seconds} s");
    }
}
