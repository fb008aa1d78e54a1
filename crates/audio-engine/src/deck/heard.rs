//! When a chunk of output is heard, and which frames of a song belong there.

use protocol::time::{Span, SwarmTime};

use crate::interpolate::AFTER;
use crate::passage::Part;

/// The swarm times at which a chunk of output is heard.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heard {
    /// When its first frame is heard.
    pub begin: SwarmTime,
    /// When the frame after its last one is heard.
    pub end: SwarmTime,
}

/// The frames that should be heard with a chunk of output.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub begin: f64,
    end: f64,
    /// The first frame of the part.
    pub start: f64,
    /// The frame at which it is cut, if it is.
    until: Option<f64>,
    pub elapsed: Span,
}

impl Wanted {
    pub(super) fn new(part: &Part, heard: Heard, rate: f64) -> Self {
        let cut = part.until.filter(|_| !part.plays_out);
        Self {
            begin: part.line.frame_at(heard.begin, rate),
            end: part.line.frame_at(heard.end, rate),
            start: part.line.start(rate),
            until: cut.map(|until| part.line.frame_at(until, rate)),
            elapsed: heard.end - heard.begin,
        }
    }

    /// The rest of it, from the frame `begin` on.
    pub(super) fn beginning_at(self, begin: f64) -> Self {
        Self { begin, ..self }
    }

    /// Frames of song per frame of the device, as measured.
    pub(super) fn step(&self, frames: usize) -> f64 {
        ((self.end - self.begin) / frames.max(1) as f64).clamp(0.5, 2.0)
    }

    /// After how many frames of the chunk the part is cut; none if not in this chunk.
    pub(super) fn cut_after(&self, frames: usize) -> Option<usize> {
        let ahead = ((self.until? - self.begin) / self.step(frames)).ceil().max(0.0);
        (ahead < frames as f64).then_some(ahead as usize)
    }

    /// How many frames of the chunk pass before `place` is due, and which frame falls on the
    /// first one behind it.
    pub(super) fn first_at(&self, place: f64, frames: usize) -> (f64, f64) {
        let step = self.step(frames);
        let skipped = ((place - self.begin) / step).ceil().max(0.0);
        (skipped, if skipped > 0.0 { self.begin + skipped * step } else { self.begin })
    }

    /// The first frame that is heard of a part that begins by itself. The interpolator rings
    /// before a song's own beginning as it rings behind an end: where one song joins another,
    /// both together are what it would make of the joined song.
    pub(super) fn entry(&self, is_own_beginning: bool) -> f64 {
        if is_own_beginning { self.start - AFTER as f64 } else { self.start }
    }
}
