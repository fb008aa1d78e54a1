//! Holes in what one player put out: silence where the same music sounds from the other.

use super::capture::SILENCE;
use super::lag::REACH;
use super::timeline::RATE;

/// A block that is judged as a whole. (samples: 1 ms)
const BLOCK: usize = 48;
/// Shorter silence is taken for a quiet spot of the music. (blocks)
const SHORTEST: usize = 2;
/// The other must be this loud for silence to be a hole: five bits above [`SILENCE`].
const LOUD: f32 = SILENCE * 32.0;

/// A stretch that is missing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gap {
    /// Where it begins. (seconds from the start of what is judged)
    pub at: f64,
    /// How long it is. (seconds)
    pub length: f64,
}

/// Finds where `player` is silent while `other` plays, when `player` lies `lag` seconds
/// behind it. The first and last [`REACH`] samples are not judged.
pub fn find(player: &[f32], other: &[f32], lag: f64) -> Vec<Gap> {
    let shift = (lag * RATE).round() as isize;
    let block_of = |sound: &[f32], start: isize| -> Option<f32> {
        let start = usize::try_from(start).ok()?;
        let block = sound.get(start..start + BLOCK)?;
        Some(block.iter().fold(0.0, |peak, sample| sample.abs().max(peak)))
    };
    let judged = player.len().saturating_sub(2 * REACH);
    let missing: Vec<bool> = (0..judged / BLOCK)
        .map(|number| {
            let start = (REACH + number * BLOCK) as isize;
            let mine = block_of(player, start);
            let theirs = block_of(other, start - shift);
            mine.zip(theirs).is_some_and(|(mine, theirs)| mine < SILENCE && theirs > LOUD)
        })
        .collect();
    let mut gaps = Vec::new();
    let mut first = 0;
    for stretch in missing.chunk_by(|left, right| left == right) {
        if stretch[0] && stretch.len() >= SHORTEST {
            let seconds = |blocks: usize| (blocks * BLOCK) as f64 / RATE;
            gaps.push(Gap { at: seconds(first), length: seconds(stretch.len()) });
        }
        first += stretch.len();
    }
    gaps
}
