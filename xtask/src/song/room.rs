//! A room around the notes: eight delays that feed each other (a feedback delay network).

use super::RATE;
use super::instrument::Stereo;

/// Lengths of the delays: primes, so that their echoes fall on different samples. (samples)
const LENGTHS: [usize; 8] = [1_151, 1_399, 1_693, 1_987, 2_273, 2_659, 3_001, 3_461];
/// Time until an echo is 60 dB down. (seconds)
const DECAY: f64 = 2.4;
/// High tones lose this share more on every round.
const DAMPING: f64 = 0.35;
/// How much of the room is heard beside the notes.
const WET: f64 = 0.22;

/// The notes and the room they sound in.
pub fn reverberated(sound: &Stereo) -> Stereo {
    let mut lines: Vec<Vec<f64>> = LENGTHS.iter().map(|length| vec![0.0; *length]).collect();
    let gains: Vec<f64> = LENGTHS
        .iter()
        .map(|length| 10f64.powf(-3.0 * *length as f64 / f64::from(RATE) / DECAY))
        .collect();
    let mut dulled = [0.0; 8];
    let frames = sound.frames().enumerate().map(|(time, [left, right])| {
        let (left, right) = (f64::from(left), f64::from(right));
        let mut heard = [0.0; 8];
        for line in 0..8 {
            let sample = lines[line][time % LENGTHS[line]];
            dulled[line] += (sample - dulled[line]) * (1.0 - DAMPING);
            heard[line] = dulled[line] * gains[line];
        }
        // Householder's matrix: every delay feeds every other, and no energy is made.
        let common = heard.iter().sum::<f64>() / 4.0;
        for line in 0..8 {
            let fed = if line % 2 == 0 { left } else { right };
            lines[line][time % LENGTHS[line]] = heard[line] - common + fed;
        }
        let side = |first: usize| (first..8).step_by(2).map(|line| heard[line]).sum::<f64>() * WET;
        [(left + side(0)) as f32, (right + side(1)) as f32]
    });
    Stereo::of(frames.collect())
}
