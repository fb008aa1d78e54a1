//! Channels in and channels out: songs are folded to stereo, stereo is spread to the device.
//!
//! Everything between the decoder and the device is two planes, left and right. A fold is the
//! same on every device, so that all members hear the same sum.

use symphonia::core::audio::{Channels, Position};

/// Gain of a centre or surround channel in a fold, −3 dB (ITU-R BS.775).
const SIDE_GAIN: f32 = std::f32::consts::FRAC_1_SQRT_2;

/// How the channels of one song become left and right.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Fold {
    /// One channel, heard on both sides.
    Mono,
    /// Left and right as they are.
    Stereo,
    /// A weighted sum: `(left, right)` for each channel.
    Weighted(Vec<(f32, f32)>),
}

impl Fold {
    /// The fold for a set of channels.
    pub(crate) fn of(channels: &Channels) -> Self {
        match (channels.count(), channels) {
            (1, _) => Self::Mono,
            (2, _) => Self::Stereo,
            (_, Channels::Positioned(positions)) => Self::Weighted(weights(*positions)),
            // Channels without a place: the first two are what they most likely are.
            (count, _) => Self::Weighted(
                (0..count)
                    .map(|channel| match channel {
                        0 => (1.0, 0.0),
                        1 => (0.0, 1.0),
                        _ => (0.0, 0.0),
                    })
                    .collect(),
            ),
        }
    }

    /// Folds `planes` into `left` and `right`, which are overwritten. Missing planes are
    /// silent.
    pub(crate) fn apply(&self, planes: &[Vec<f32>], left: &mut Vec<f32>, right: &mut Vec<f32>) {
        left.clear();
        right.clear();
        let Some(first) = planes.first() else { return };
        match self {
            Self::Mono => {
                left.extend_from_slice(first);
                right.extend_from_slice(first);
            }
            Self::Stereo => {
                left.extend_from_slice(first);
                right.extend_from_slice(planes.get(1).unwrap_or(first));
            }
            Self::Weighted(weights) => {
                left.resize(first.len(), 0.0);
                right.resize(first.len(), 0.0);
                for (plane, &(to_left, to_right)) in planes.iter().zip(weights) {
                    for (index, &sample) in plane.iter().enumerate() {
                        left[index] += to_left * sample;
                        right[index] += to_right * sample;
                    }
                }
            }
        }
    }
}

/// Weights by place, scaled so that no sum of full-scale channels exceeds full scale.
fn weights(positions: Position) -> Vec<(f32, f32)> {
    let left = Position::FRONT_LEFT | Position::FRONT_LEFT_CENTER | Position::FRONT_LEFT_WIDE;
    let right = Position::FRONT_RIGHT | Position::FRONT_RIGHT_CENTER | Position::FRONT_RIGHT_WIDE;
    let left_side = Position::REAR_LEFT
        | Position::SIDE_LEFT
        | Position::TOP_FRONT_LEFT
        | Position::TOP_REAR_LEFT
        | Position::TOP_SIDE_LEFT;
    let right_side = Position::REAR_RIGHT
        | Position::SIDE_RIGHT
        | Position::TOP_FRONT_RIGHT
        | Position::TOP_REAR_RIGHT
        | Position::TOP_SIDE_RIGHT;
    let bass = Position::LFE1 | Position::LFE2;
    let weights: Vec<(f32, f32)> = positions
        .iter()
        .map(|place| {
            if left.contains(place) {
                (1.0, 0.0)
            } else if right.contains(place) {
                (0.0, 1.0)
            } else if left_side.contains(place) {
                (SIDE_GAIN, 0.0)
            } else if right_side.contains(place) {
                (0.0, SIDE_GAIN)
            } else if bass.contains(place) {
                (0.0, 0.0)
            } else {
                (SIDE_GAIN, SIDE_GAIN)
            }
        })
        .collect();
    let sum = |side: fn(&(f32, f32)) -> f32| weights.iter().map(side).sum::<f32>();
    let scale = 1.0 / sum(|weight| weight.0).max(sum(|weight| weight.1)).max(1.0);
    weights.iter().map(|&(left, right)| (left * scale, right * scale)).collect()
}

/// Writes left and right into interleaved frames of `channels` channels: the sum on a mono
/// device, the two front channels on any other; the rest stays silent.
pub(crate) fn spread(left: &[f32], right: &[f32], out: &mut [f32], channels: usize) {
    let frames = out.chunks_exact_mut(channels.max(1));
    for ((frame, &left), &right) in frames.zip(left).zip(right) {
        match frame {
            [only] => *only = 0.5 * (left + right),
            [first, second, rest @ ..] => {
                *first = left;
                *second = right;
                rest.fill(0.0);
            }
            [] => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mono_is_heard_on_both_sides_and_stereo_is_untouched() {
        let (mut left, mut right) = (Vec::new(), Vec::new());
        Fold::of(&Channels::Discrete(1)).apply(&[vec![0.5, -1.0]], &mut left, &mut right);
        assert_eq!((&left, &right), (&vec![0.5, -1.0], &vec![0.5, -1.0]));
        let stereo = Channels::Positioned(Position::FRONT_LEFT | Position::FRONT_RIGHT);
        Fold::of(&stereo).apply(&[vec![1.0], vec![-0.25]], &mut left, &mut right);
        assert_eq!((left, right), (vec![1.0], vec![-0.25]));
    }

    #[test]
    fn surround_folds_without_ever_exceeding_full_scale() {
        let five_one = Position::FRONT_LEFT
            | Position::FRONT_RIGHT
            | Position::FRONT_CENTER
            | Position::LFE1
            | Position::REAR_LEFT
            | Position::REAR_RIGHT;
        let fold = Fold::of(&Channels::Positioned(five_one));
        let (mut left, mut right) = (Vec::new(), Vec::new());
        fold.apply(&vec![vec![1.0]; 6], &mut left, &mut right);
        assert!((left[0] - 1.0).abs() < 1e-6 && (right[0] - 1.0).abs() < 1e-6);
        let only = |channel: usize| {
            let mut planes = vec![vec![0.0]; 6];
            planes[channel][0] = 1.0;
            let (mut left, mut right) = (Vec::new(), Vec::new());
            fold.apply(&planes, &mut left, &mut right);
            (left[0], right[0])
        };
        assert!(only(0).0 > 0.4 && only(0).1 == 0.0, "front left is heard left only");
        assert_eq!(only(2).0, only(2).1, "the centre is heard in the middle");
        assert_eq!(only(3), (0.0, 0.0), "the bass channel is left out");
        assert!(only(4).0 > 0.0 && only(4).1 == 0.0, "rear left is heard left only");
    }

    #[test]
    fn stereo_spreads_to_any_number_of_channels() {
        let (left, right) = ([1.0, 0.5], [0.0, -0.5]);
        let mut mono = [9.0; 2];
        spread(&left, &right, &mut mono, 1);
        assert_eq!(mono, [0.5, 0.0]);
        let mut surround = [9.0; 12];
        spread(&left, &right, &mut surround, 6);
        assert_eq!(surround, [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.5, -0.5, 0.0, 0.0, 0.0, 0.0]);
    }
}
