//! A sound that is known at every instant: a sum of tones, so that a delay of a fraction of a
//! sample or another speed is arithmetic and owes nothing to the instrument under test.

use std::path::Path;

use anyhow::Result;
use protocol::LocalTime;

use crate::chance::Chance;
use crate::measure::capture::Capture;
use crate::measure::timeline::RATE;

/// Length of the sound. (seconds)
pub const SECONDS: f64 = 6.0;

/// So many tones sound as dense as music; more only take longer to make.
const TONES: usize = 160;

/// Tones above this are softer the higher they are, as in music. (Hz)
const BRIGHT: f64 = 1_000.0;

/// How often tones change, so that no two moments are alike. (seconds)
const CHANGE: f64 = 0.15;

/// A sum of tones.
pub struct Sound {
    tones: Vec<Tone>,
}

struct Tone {
    loudness: f64,
    /// (radians per second)
    speed: f64,
    /// (radians)
    phase: f64,
    /// How its loudness changes. (radians per second)
    swell: f64,
}

impl Sound {
    /// Another one for every seed.
    pub fn new(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let turn = 2.0 * std::f64::consts::PI;
        let tone = |_| {
            let frequency = 60.0 * 200.0_f64.powf(chance.between(0.0, 1.0));
            Tone {
                loudness: 1.0 / (1.0 + frequency / BRIGHT),
                speed: turn * frequency,
                phase: chance.between(0.0, turn),
                swell: turn / CHANGE * chance.between(0.2, 1.0),
            }
        };
        Self { tones: (0..TONES).map(tone).collect() }
    }

    /// As a card without error heard it from a player that is `late` samples late, and slow
    /// by `ppm`.
    pub fn played(&self, late: f64, ppm: f64, start: LocalTime) -> Capture {
        Capture::from_samples(self.samples(late, ppm), RATE as u32, 0.0, start)
    }

    /// Writes it as 16-bit stereo.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let spec = hound::WavSpec {
            channels: 2,
            sample_rate: RATE as u32,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut file = hound::WavWriter::create(path, spec)?;
        for sample in self.samples(0.0, 0.0) {
            let whole = (sample * 32_767.0) as i16;
            file.write_sample(whole)?;
            file.write_sample(whole)?;
        }
        Ok(file.finalize()?)
    }

    fn samples(&self, late: f64, ppm: f64) -> Vec<f32> {
        let speed = 1.0 / (1.0 + ppm * 1e-6);
        let sample = |index: u32| self.at((f64::from(index) * speed - late) / RATE) as f32;
        (0..(SECONDS * RATE) as u32).map(sample).collect()
    }

    fn at(&self, seconds: f64) -> f64 {
        let loud = |tone: &Tone| tone.loudness * f64::midpoint(1.0, (tone.swell * seconds).sin());
        let value = |tone: &Tone| loud(tone) * (tone.speed * seconds + tone.phase).sin();
        self.tones.iter().map(value).sum::<f64>() * 0.5 / (TONES as f64).sqrt()
    }
}
