//! Silence on request, without a click. Part of the audio callback.

/// Frames in which sound fades: 21 ms at 48 kHz. Shorter clicks, longer feels late.
const FADE_FRAMES: f32 = 1_024.0;

/// How much of the sound passes.
#[derive(Debug)]
pub(crate) struct Mute {
    gain: f32,
    target: f32,
}

impl Default for Mute {
    fn default() -> Self {
        Self::begun(false)
    }
}

impl Mute {
    /// Silent or not from the first frame on.
    pub(crate) fn begun(muted: bool) -> Self {
        let gain = if muted { 0.0 } else { 1.0 };
        Self { gain, target: gain }
    }

    /// Fades out, or in.
    pub(crate) fn set(&mut self, muted: bool) {
        self.target = if muted { 0.0 } else { 1.0 };
    }

    /// Fades both channels. What is to be heard as it is stays so bit for bit.
    pub(crate) fn apply(&mut self, left: &mut [f32], right: &mut [f32]) {
        if self.gain == 1.0 && self.target == 1.0 {
            return;
        }
        for (left, right) in left.iter_mut().zip(right) {
            let step = (self.target - self.gain).clamp(-1.0 / FADE_FRAMES, 1.0 / FADE_FRAMES);
            self.gain += step;
            *left *= self.gain;
            *right *= self.gain;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn played(mute: &mut Mute, frames: usize) -> Vec<f32> {
        let (mut left, mut right) = (vec![1.0; frames], vec![1.0; frames]);
        mute.apply(&mut left, &mut right);
        assert_eq!(left, right);
        left
    }

    #[test]
    fn sound_fades_out_and_back_in_without_a_step() {
        let mut mute = Mute::default();
        assert_eq!(played(&mut mute, 512), vec![1.0; 512]);
        mute.set(true);
        let out = played(&mut mute, 2_048);
        mute.set(false);
        let back = played(&mut mute, 2_048);
        assert_eq!((out[2_047], back[2_047]), (0.0, 1.0), "whole silence, whole sound");
        let all = [vec![1.0], out, back].concat();
        let steepest = all.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
        assert!(steepest < 0.001, "a step of {steepest}");
    }

    #[test]
    fn a_device_that_begins_muted_lets_nothing_out() {
        assert_eq!(played(&mut Mute::begun(true), 2_048), vec![0.0; 2_048]);
    }
}
