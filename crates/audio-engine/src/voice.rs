//! One reading of a song's tape: a position, a speed and a gain.
//!
//! Most of the time a song has one voice. While it moves to another place it has two, one
//! fading out where it was and one fading in where it should be.

use std::f32::consts::FRAC_PI_2;

use crate::interpolate::{AFTER, BEFORE, Interpolator};
use crate::tape::Tape;

/// Left and right, of equal length.
pub(crate) struct Stereo<'a> {
    pub left: &'a mut [f32],
    pub right: &'a mut [f32],
}

impl Stereo<'_> {
    /// The frames `from..to` of it.
    pub(crate) fn part(&mut self, from: usize, to: usize) -> Stereo<'_> {
        Stereo { left: &mut self.left[from..to], right: &mut self.right[from..to] }
    }
}

/// A place in a song that moves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Voice {
    /// The next frame to be heard, parts of a frame included. (device frames)
    pub position: f64,
    /// Frames of song per frame of the device.
    pub step: f64,
    fade: Fade,
}

/// A gain on its way. Of equal power unless it is even: two voices that cross keep the loudness
/// of unlike sounds.
#[derive(Clone, Copy, Debug)]
struct Fade {
    /// Zero is silence, one is full.
    level: f32,
    /// Change per frame.
    slope: f32,
    /// True for two voices of one sound, whose gains must add up to one.
    is_even: bool,
}

impl Voice {
    /// A voice at full gain from its first frame.
    pub(crate) fn at(position: f64, step: f64) -> Self {
        Self { position, step, fade: Fade { level: 1.0, slope: 0.0, is_even: false } }
    }

    /// A voice that fades in.
    pub(crate) fn fading_in(position: f64, step: f64, frames: usize) -> Self {
        let slope = 1.0 / frames.max(1) as f32;
        Self { position, step, fade: Fade { level: 0.0, slope, is_even: false } }
    }

    /// The same voice, fading out from its present gain.
    pub(crate) fn fading_out(self, frames: usize) -> Self {
        let slope = -self.fade.level.max(1e-3) / frames.max(1) as f32;
        Self { fade: Fade { slope, ..self.fade }, ..self }
    }

    /// The same voice, crossing with one of almost the same place.
    pub(crate) fn evenly(self) -> Self {
        Self { fade: Fade { is_even: true, ..self.fade }, ..self }
    }

    /// True once a voice that fades out cannot be heard any more.
    pub(crate) fn is_silent(&self) -> bool {
        self.fade.level <= 0.0 && self.fade.slope <= 0.0
    }

    /// Frames of tape needed to play `frames` frames while the step goes to `step`.
    pub(crate) fn reach(&self, frames: usize, step: f64) -> (i64, i64) {
        let travel = frames as f64 * self.step.max(step);
        let first = self.position.floor() as i64;
        (first - BEFORE, (self.position + travel).floor() as i64 + AFTER + 2)
    }

    /// How many frames can be played from what is on the tape.
    pub(crate) fn playable(&self, tape: &Tape) -> usize {
        let first = self.position.floor() as i64;
        if !tape.covers(first - BEFORE, first + AFTER + 2) {
            return 0;
        }
        let reserve = (tape.end() - AFTER - 2) as f64 - self.position;
        (reserve / self.step.max(0.5)) as usize
    }

    /// Adds this voice to `out`, its step going evenly to `step`. The tape must cover
    /// [`Self::reach`].
    pub(crate) fn play(
        &mut self,
        tape: &Tape,
        interpolator: &Interpolator,
        out: Stereo<'_>,
        step: f64,
    ) {
        let change = (step - self.step) / out.left.len().max(1) as f64;
        for (left, right) in out.left.iter_mut().zip(out.right) {
            let frame = self.position.floor();
            let fraction = self.position - frame;
            let (around_left, around_right) = tape.around(frame as i64, BEFORE);
            let (here_left, here_right) = if fraction == 0.0 {
                // What the filter gives as well, without its work.
                (around_left[BEFORE as usize], around_right[BEFORE as usize])
            } else {
                interpolator.sample(around_left, around_right, fraction)
            };
            let gain = self.fade.next();
            *left += gain * here_left;
            *right += gain * here_right;
            self.step += change;
            self.position += self.step;
        }
        self.step = step;
    }
}

impl Fade {
    #[inline]
    fn next(&mut self) -> f32 {
        let gain = match self.level {
            level if level >= 1.0 => 1.0,
            level if self.is_even => level,
            level => (level * FRAC_PI_2).sin(),
        };
        self.level = (self.level + self.slope).clamp(0.0, 1.0);
        gain
    }
}
