//! "First Light", the short piece that comes with the project, and the program that plays it.
//!
//! Made rather than found, so that nobody's rights are touched, and made for measuring:
//! every note is a little early or late and no bar returns exactly, so that a stretch of it
//! fits into itself at one place only. Same seed, same music. The rendered piece is
//! committed as `xtask/assets/first-light.mp3`; this renders it anew after a change:
//!
//! `cargo xtask song --out song.wav && ffmpeg -i song.wav -b:a 112k first-light.mp3`

mod instrument;
mod room;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;

use crate::chance::Chance;
use instrument::{Stereo, bass, bell, pad, pluck, shaker};

/// Frames per second.
const RATE: u32 = 44_100;
/// Beats per minute.
const TEMPO: f64 = 88.0;
/// Length of a bar. (seconds)
const BAR: f64 = 4.0 * 60.0 / TEMPO;
/// Bars of music; what rings on after them is [`TAIL`].
const BARS: usize = 30;
/// (seconds)
const TAIL: f64 = 4.5;
/// How far a note may be from its beat. (seconds)
const LOOSE: f64 = 0.009;

/// A chord: its root below, then the notes above it, as MIDI numbers.
type Chord = [i32; 5];

/// Four bars each; the verse is heard often, the bridge twice.
const VERSE: [Chord; 4] =
    [[38, 62, 66, 69, 76], [35, 62, 66, 69, 73], [31, 59, 62, 66, 69], [33, 62, 64, 69, 71]];
const BRIDGE: [Chord; 4] =
    [[40, 59, 64, 66, 67], [42, 61, 64, 66, 69], [43, 59, 62, 66, 71], [45, 61, 64, 67, 71]];

/// Notes that the melody moves on: D major without its fourth.
const SCALE: [i32; 12] = [62, 64, 66, 69, 71, 73, 74, 76, 78, 81, 83, 86];

/// Where in a bar a melody note falls and how many eighths it rests, in eighths.
const RHYTHMS: [&[u32]; 5] =
    [&[0, 3, 4, 6], &[0, 2, 3, 6], &[0, 4, 5], &[1, 3, 4, 7], &[0, 3, 6, 7]];

/// Options of `cargo xtask song`.
#[derive(Args)]
pub struct Arguments {
    /// Where to write it, as WAV
    #[arg(long)]
    out: PathBuf,
    /// Another seed plays another variation
    #[arg(long, default_value_t = 7)]
    seed: u64,
}

/// Renders the piece.
///
/// # Errors
///
/// When the file cannot be written.
pub fn run(arguments: &Arguments) -> Result<()> {
    let sound = compose(arguments.seed);
    let specification = hound::WavSpec {
        channels: 2,
        sample_rate: RATE,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut file = hound::WavWriter::create(&arguments.out, specification)
        .with_context(|| format!("cannot write {}", arguments.out.display()))?;
    for sample in levelled(&sound).flatten() {
        file.write_sample((sample * 32_767.0) as i16)?;
    }
    file.finalize()?;
    Ok(())
}

fn compose(seed: u64) -> Stereo {
    let mut chance = Chance::new(seed);
    let length = BAR * BARS as f64 + TAIL;
    let (mut dry, mut wet) = (Stereo::silence(length), Stereo::silence(length));
    let mut walk = 6;
    for bar in 0..BARS {
        let at = bar as f64 * BAR;
        let chord = chord_of(bar);
        let full = (6..BARS - 4).contains(&bar);
        pad(&mut wet, at, BAR * 1.25, &chord[1..], 0.055, &mut chance);
        if bar >= 2 {
            bass(&mut dry, at, BAR * 0.95, chord[0], 0.23);
        }
        if full {
            beat(&mut dry, at, &mut chance);
        }
        let eighths = if bar < 2 { 4 } else { 8 };
        broken_chord(&mut wet, at, &chord, eighths, &mut chance);
        if bar % 8 != 7 {
            walk = melody(&mut wet, at, &chord, walk, &mut chance);
        }
    }
    let end = BAR * BARS as f64;
    for (number, note) in [50, 62, 66, 69, 76, 86].into_iter().enumerate() {
        bell(&mut wet, end + 0.07 * number as f64, note, 0.11, 0.3 - 0.1 * number as f64);
    }
    dry.add(&room::reverberated(&wet));
    dry
}

fn chord_of(bar: usize) -> Chord {
    let part = bar / 4;
    if part == 3 || part == 5 { BRIDGE[bar % 4] } else { VERSE[bar % 4] }
}

/// Eighths of plucked strings over the chord, now and then left out or an octave up.
fn broken_chord(sound: &mut Stereo, bar: f64, chord: &Chord, eighths: u32, chance: &mut Chance) {
    const ORDER: [usize; 8] = [1, 3, 2, 4, 1, 4, 3, 2];
    for eighth in 0..eighths {
        if eighth > 0 && chance.one_in(7) {
            continue;
        }
        let at = bar + BAR * f64::from(eighth) / f64::from(eighths);
        let loose = if eighth == 0 { 0.0 } else { chance.between(-LOOSE, LOOSE) };
        let octave = if chance.one_in(5) { 12 } else { 0 };
        let loud = chance.between(0.10, 0.17);
        let note = chord[ORDER[eighth as usize % 8]] + octave;
        pluck(sound, (at + loose).max(0.0), note, loud, chance.between(-0.6, 0.1), chance);
    }
}

/// A few bells that wander up and down the scale and end near the chord. Returns where.
fn melody(sound: &mut Stereo, bar: f64, chord: &Chord, from: usize, chance: &mut Chance) -> usize {
    let rhythm = RHYTHMS[chance.below(RHYTHMS.len())];
    let mut place = from;
    for (number, eighth) in rhythm.iter().enumerate() {
        let step = [0, 1, 1, 2, 3][chance.below(5)];
        place = if chance.one_in(2) { place.saturating_sub(step) } else { place + step };
        place = place.clamp(3, SCALE.len() - 1);
        if number == 0 {
            place = nearest(chord, place);
        }
        let at = bar + BAR * f64::from(*eighth) / 8.0 + chance.between(0.0, 2.0 * LOOSE);
        bell(sound, at, SCALE[place], chance.between(0.12, 0.2), chance.between(0.0, 0.5));
    }
    place
}

/// The place on the scale nearest to `place` that sounds well over the chord.
fn nearest(chord: &Chord, place: usize) -> usize {
    let fits = |place: &usize| chord[1..].iter().any(|note| (note - SCALE[*place]) % 12 == 0);
    (0..SCALE.len()).filter(fits).min_by_key(|other| other.abs_diff(place)).unwrap_or(place)
}

/// A soft shaker on the eighths, stronger off the beat.
fn beat(sound: &mut Stereo, bar: f64, chance: &mut Chance) {
    for eighth in 0..8 {
        let at = bar + BAR * f64::from(eighth) / 8.0 + chance.between(-LOOSE, LOOSE);
        let loud = if eighth % 2 == 1 { 0.05 } else { 0.025 };
        shaker(sound, at.max(0.0), loud * chance.between(0.7, 1.2), chance);
    }
}

/// Brings the loudest spot to -1.5 dBFS, softly rounding what sticks out.
fn levelled(sound: &Stereo) -> impl Iterator<Item = [f32; 2]> {
    let gain = 0.9 / sound.frames().flatten().fold(0.0f32, |peak, sample| sample.abs().max(peak));
    sound.frames().map(move |frame| frame.map(|sample| (sample * gain * 1.4).tanh() * 0.95))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_plays_the_same_music_and_another_seed_does_not() {
        let bars = |seed| {
            let mut chance = Chance::new(seed);
            let mut sound = Stereo::silence(BAR);
            melody(&mut sound, 0.0, &VERSE[0], 6, &mut chance);
            sound.frames().collect::<Vec<_>>()
        };
        assert_eq!(bars(1), bars(1));
        assert_ne!(bars(1), bars(2));
    }
}
