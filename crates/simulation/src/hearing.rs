//! What the air hears of one device, and how far two devices are apart in it.
//!
//! Ten times a second a short piece of what is heard is compared with what should be heard at
//! that true time. The same moments are looked at on every device and for every rule, so that
//! their differences mean something.

use audio_engine::offline::ear;

use crate::crystal::TrueTime;
use crate::oscillator::Oscillator;
use protocol::time::SwarmTime;

/// Moments looked at per second.
pub const MOMENTS: f64 = 10.0;

/// Length of the piece that is listened to: more than one period of the song's lowest tone. (s)
const PIECE: f64 = 0.005;

/// The song as it should be heard.
#[derive(Clone, Copy, Debug)]
pub struct Score<'a> {
    /// The clock that it is written in.
    pub root: &'a Oscillator,
    /// When it begins.
    pub anchor: SwarmTime,
}

impl Score<'_> {
    /// The place that should be heard at so many true seconds. (s)
    pub fn place(&self, at: f64) -> f64 {
        (self.root.swarm(TrueTime::from_secs_f64(at)) - self.anchor).as_secs_f64()
    }

    /// When the song begins. (true seconds)
    pub fn begins(&self, about: f64) -> f64 {
        (0..4).fold(about, |at, _| at - self.place(at))
    }
}

/// How late one device is heard. (s; none where it is silent or plays something else)
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Heard {
    /// One per moment: moment `k` is at `k / MOMENTS` true seconds.
    pub late: Vec<Option<f64>>,
}

impl Heard {
    /// The true second of moment `index`.
    pub fn at(index: usize) -> f64 {
        index as f64 / MOMENTS
    }
}

/// Collects samples as they are heard and listens at each moment.
#[derive(Debug)]
pub struct Listener<'a> {
    score: Score<'a>,
    heard: Heard,
    piece: Vec<(f64, f32)>,
    /// The last lateness, where to look for the next. (s)
    expected: f64,
}

/// Below this level a piece is silence.
const SILENCE: f32 = 1e-4;

/// How alike a piece must be to the song to be measured.
const ALIKE: f64 = 0.99;

impl<'a> Listener<'a> {
    /// An ear that follows `score`.
    pub fn new(score: Score<'a>) -> Self {
        Self { score, heard: Heard::default(), piece: Vec::new(), expected: 0.0 }
    }

    /// Hears samples, the first of `channels` counting, from true second `from` on.
    pub fn hear(&mut self, samples: &[f32], channels: usize, from: f64, frame_length: f64) {
        let frames = samples.len() / channels;
        let end = from + frames as f64 * frame_length;
        loop {
            let moment = Heard::at(self.heard.late.len());
            if moment >= end {
                return;
            }
            let first = ((moment - from) / frame_length).ceil().max(0.0) as usize;
            let last = ((moment + PIECE - from) / frame_length).ceil().max(0.0) as usize;
            for index in first..last.min(frames) {
                let at = from + index as f64 * frame_length;
                self.piece.push((at, samples[index * channels]));
            }
            if last > frames {
                return;
            }
            self.conclude(moment);
        }
    }

    /// What was heard.
    pub fn finish(self) -> Heard {
        self.heard
    }

    fn conclude(&mut self, moment: f64) {
        let is_silent = self.piece.iter().all(|(_, sample)| sample.abs() < SILENCE);
        let is_whole = self.piece.len() > 10 && moment > 0.0;
        let late = (is_whole && !is_silent).then(|| {
            let middle = moment + PIECE / 2.0;
            let hearing =
                ear::listen(&self.piece, middle - self.score.place(middle), self.expected);
            (hearing.alike > ALIKE).then_some(hearing.late)
        });
        self.piece.clear();
        self.heard.late.push(late.flatten());
        self.expected = late.flatten().unwrap_or(0.0);
    }
}
