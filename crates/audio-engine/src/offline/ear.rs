//! An ear that knows the song: hears how late it is, to nanoseconds.
//!
//! The song is three tones that never come together again within any test, at full level
//! everywhere, so that every short piece of it can be measured. What is heard is placed on
//! the true time line and fitted to the song there by least squares, so it tells what a
//! listener would notice and not what the program believes. It is no microphone: it wants the
//! song alone, without noise.

use std::f64::consts::TAU;

/// Level and pitch of each tone. (full scale is one; Hz)
///
/// The highest stays below half the lowest rate that a sound card is opened with.
pub const TONES: [(f64, f64); 3] = [(0.2, 233.117), (0.15, 911.731), (0.1, 2_503.339)];

/// The song at so many seconds from its beginning.
pub fn song(seconds: f64) -> f64 {
    TONES.iter().map(|(level, pitch)| level * (TAU * pitch * seconds).sin()).sum()
}

fn song_slope(seconds: f64) -> f64 {
    TONES.iter().map(|(level, pitch)| level * TAU * pitch * (TAU * pitch * seconds).cos()).sum()
}

/// Largest correction of one round. (s)
///
/// A fifteenth of the highest tone's period: beyond it the fit could lock on to the wrong wave.
const LONGEST_ROUND: f64 = 30e-6;

/// Corrections below this end the fit. (s)
const SHORTEST_ROUND: f64 = 1e-10;

/// What was heard of the song.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hearing {
    /// Heard late by so much. (s)
    pub late: f64,
    /// How much of what was heard is the song, if it is that late. (1: all of it)
    pub alike: f64,
}

/// How alike a piece must be to count as the song. Another moment of it stays below.
const SURE: f64 = 0.995;

/// How alike a piece half a [`SEARCH_STEP`] beside the right place is at least.
const POSSIBLE: f64 = 0.8;

/// How far to both sides of what was expected the song is sought. (s)
const WIDEST_SEARCH: f64 = 0.02;

/// How finely: within this the fit finds the rest. (s)
const SEARCH_STEP: f64 = 60e-6;

/// How late `frames` are, `(true time, sample)` each, if the song's beginning should be heard
/// at `begin`. Ten milliseconds of it are enough.
///
/// Looks first where it is `expected`, then up to `WIDEST_SEARCH` around. (s)
pub fn listen(frames: &[(f64, f32)], begin: f64, expected: f64) -> Hearing {
    let here = fit(frames, begin, expected);
    if here.alike > SURE {
        return here;
    }
    let steps = (WIDEST_SEARCH / SEARCH_STEP) as i32;
    let places = (-steps..=steps).map(|step| expected + f64::from(step) * SEARCH_STEP);
    places
        .filter(|late| Round::at(frames, begin, *late).alike > POSSIBLE)
        .map(|late| fit(frames, begin, late))
        .fold(here, |best, hearing| if hearing.alike > best.alike { hearing } else { best })
}

fn fit(frames: &[(f64, f32)], begin: f64, expected: f64) -> Hearing {
    let mut hearing = Hearing { late: expected, alike: 0.0 };
    for _ in 0..20 {
        let round = Round::at(frames, begin, hearing.late);
        hearing.alike = round.alike;
        hearing.late += round.step;
        if round.step.abs() < SHORTEST_ROUND {
            break;
        }
    }
    hearing
}

/// One comparison of what was heard with the song, taken to be late by so much.
struct Round {
    alike: f64,
    /// Towards a better fit. (s)
    step: f64,
}

impl Round {
    fn at(frames: &[(f64, f32)], begin: f64, late: f64) -> Self {
        let (mut product, mut slopes) = (0.0, 0.0);
        let (mut both, mut heard_energy, mut song_energy) = (0.0, 0.0, 0.0);
        for &(at, sample) in frames {
            let place = at - begin - late;
            let (truth, slope, sample) = (song(place), song_slope(place), f64::from(sample));
            product += (sample - truth) * slope;
            slopes += slope * slope;
            both += sample * truth;
            heard_energy += sample * sample;
            song_energy += truth * truth;
        }
        let alike = both / (heard_energy * song_energy).sqrt().max(1e-12);
        let step = (-product / slopes).clamp(-LONGEST_ROUND, LONGEST_ROUND);
        Self { alike, step }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_song_that_is_heard_late_is_found_late_by_as_much() {
        for late in [-9e-3, -400e-6, -21e-6, 0.0, 3e-6, 350e-6, 15e-3] {
            let frames: Vec<_> = (0..480)
                .map(|frame| {
                    let at = 100.0 + f64::from(frame) / 48_000.0;
                    (at, song(at - 99.0 - late) as f32)
                })
                .collect();
            let hearing = listen(&frames, 99.0, 0.0);
            assert!((hearing.late - late).abs() < 1e-8, "{hearing:?} for {late}");
            assert!(hearing.alike > 0.999_99, "{hearing:?}");
        }
    }

    #[test]
    fn something_else_is_not_taken_for_the_song() {
        let frames: Vec<_> = (0..480)
            .map(|frame| (f64::from(frame) / 48_000.0, (f64::from(frame) * 0.3).sin() as f32))
            .collect();
        assert!(listen(&frames, 0.0, 0.0).alike < 0.9);
    }
}
