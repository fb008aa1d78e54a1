//! The five instruments. Each adds one note to a sound.

use std::f64::consts::TAU;

use super::RATE;
use crate::chance::Chance;

/// A sound in two channels.
pub struct Stereo {
    frames: Vec<[f32; 2]>,
}

impl Stereo {
    /// Nothing, for so many seconds.
    pub fn silence(seconds: f64) -> Self {
        Self { frames: vec![[0.0; 2]; index(seconds)] }
    }

    /// Its frames, left and right.
    pub fn frames(&self) -> impl Iterator<Item = [f32; 2]> {
        self.frames.iter().copied()
    }

    /// Adds another sound, from the beginning.
    pub fn add(&mut self, other: &Self) {
        for (frame, added) in self.frames.iter_mut().zip(&other.frames) {
            frame[0] += added[0];
            frame[1] += added[1];
        }
    }

    /// A sound made of frames.
    pub fn of(frames: Vec<[f32; 2]>) -> Self {
        Self { frames }
    }

    /// Adds one voice from `at` on, placed between left (-1) and right (1) at equal power.
    fn voice(&mut self, at: f64, place: f64, samples: impl Iterator<Item = f64>) {
        let angle = (place.clamp(-1.0, 1.0) + 1.0) * TAU / 8.0;
        let (right, left) = angle.sin_cos();
        for (frame, sample) in self.frames.iter_mut().skip(index(at)).zip(samples) {
            frame[0] += (sample * left) as f32;
            frame[1] += (sample * right) as f32;
        }
    }
}

fn index(seconds: f64) -> usize {
    (seconds * f64::from(RATE)) as usize
}

/// Seconds of the samples of a note, up to its length.
fn instants(length: f64) -> impl Iterator<Item = f64> {
    (0..index(length)).map(|frame| frame as f64 / f64::from(RATE))
}

/// Hertz of a MIDI note.
fn pitch(note: i32) -> f64 {
    440.0 * 2f64.powf(f64::from(note - 69) / 12.0)
}

/// A plucked string: noise going round in a delay line that dulls it (Karplus and Strong, 1983).
pub fn pluck(sound: &mut Stereo, at: f64, note: i32, loud: f64, place: f64, chance: &mut Chance) {
    let period = f64::from(RATE) / pitch(note);
    let whole = (period - 0.5) as usize;
    // The averaging of neighbours delays by half a sample; an all-pass adds the rest.
    let rest = period - 0.5 - whole as f64;
    let allpass = (1.0 - rest) / (1.0 + rest);
    let mut line: Vec<f64> = (0..whole.max(2)).map(|_| chance.between(-1.0, 1.0)).collect();
    let softness = chance.between(0.35, 0.6);
    let mut before = 0.0;
    for sample in &mut line {
        before += (*sample - before) * softness;
        *sample = before;
    }
    let (mut place_in_line, mut last, mut in_before, mut out_before) = (0, 0.0, 0.0, 0.0);
    let samples = instants(2.6).map(|t| {
        let now = line[place_in_line];
        let averaged = 0.5 * (now + last) * 0.9965;
        last = now;
        let tuned = allpass * (averaged - out_before) + in_before;
        in_before = averaged;
        out_before = tuned;
        line[place_in_line] = tuned;
        place_in_line = (place_in_line + 1) % line.len();
        now * loud * 2.2 * fade(t, 0.001, 2.6, 0.4)
    });
    sound.voice(at, place, samples);
}

/// A small bell: partials that are no multiples of each other, the high ones shorter.
pub fn bell(sound: &mut Stereo, at: f64, note: i32, loud: f64, place: f64) {
    const PARTIALS: [(f64, f64, f64); 5] = [
        (1.0, 1.0, 1.6),
        (2.0, 0.45, 1.1),
        (3.01, 0.22, 0.6),
        (4.17, 0.13, 0.35),
        (6.8, 0.07, 0.15),
    ];
    let base = pitch(note);
    let samples = instants(3.2).map(|t| {
        let partials = PARTIALS.iter().map(|(ratio, level, decay)| {
            level * (TAU * base * ratio * t).sin() * (-t / (decay * 0.55)).exp()
        });
        loud * partials.sum::<f64>() * fade(t, 0.002, 3.2, 0.5)
    });
    sound.voice(at, place, samples);
}

/// A soft carpet: several slightly detuned voices per note that swell and sink.
pub fn pad(
    sound: &mut Stereo,
    at: f64,
    length: f64,
    chord: &[i32],
    loud: f64,
    chance: &mut Chance,
) {
    for note in chord {
        for place in [-0.7, 0.0, 0.7] {
            let base = pitch(*note) * (1.0 + chance.between(-0.002, 0.002));
            let (phase, sway) = (chance.between(0.0, TAU), chance.between(0.1, 0.3));
            let samples = instants(length).map(|t| {
                let angle = TAU * base * t + phase + 0.4 * (TAU * sway * t).sin();
                let tone = angle.sin() + 0.3 * (2.0 * angle).sin() + 0.12 * (3.0 * angle).sin();
                loud * 0.33 * tone * fade(t, 0.5, length, 0.8)
            });
            sound.voice(at, place, samples);
        }
    }
}

/// A round bass note.
pub fn bass(sound: &mut Stereo, at: f64, length: f64, note: i32, loud: f64) {
    let base = pitch(note);
    let samples = instants(length).map(|t| {
        let angle = TAU * base * t;
        let tone = angle.sin() + 0.35 * (-3.0 * t).exp() * (2.0 * angle).sin();
        loud * tone * (-0.7 * t).exp() * fade(t, 0.01, length, 0.15)
    });
    sound.voice(at, 0.0, samples);
}

/// A handful of seeds: a short burst of bright noise.
pub fn shaker(sound: &mut Stereo, at: f64, loud: f64, chance: &mut Chance) {
    let mut before = 0.0;
    let samples = instants(0.12).map(|t| {
        let noise = chance.between(-1.0, 1.0);
        let bright = noise - before;
        before = noise;
        loud * bright * (-t * 45.0).exp() * fade(t, 0.004, 0.12, 0.02)
    });
    sound.voice(at, 0.25, samples);
}

/// Rises within `attack`, falls within `release` before `length`.
fn fade(t: f64, attack: f64, length: f64, release: f64) -> f64 {
    (t / attack).min(1.0) * ((length - t) / release).clamp(0.0, 1.0)
}
