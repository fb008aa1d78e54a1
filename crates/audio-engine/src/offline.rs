//! The real renderer without a sound device: what a card would have been given, in any time.
//!
//! Public because simulations and other tools outside this crate render by the same code that
//! plays on people's speakers; the renderer itself stays private. The caller is the card: it
//! says when each buffer is heard and gets the samples. There is no thread here and no decoder;
//! the song is in memory or made by a function. Start at [`OfflineOutput::render`].

pub mod ear;

use protocol::time::{LocalTime, MediaTime, Span};
use sync_core::schedule::Schedule;
use sync_core::{ClockEstimate, PlayoutPlan};

use crate::deck::{Deck, DeckParts, DeckState};
use crate::decode::HISTORY_SECONDS;
use crate::passage::programme;
use crate::render::{
    Assignment, CHUNK_FRAMES, CallbackTiming, RenderReport, Renderer, RendererControl, SLOTS,
};
use crate::window::{BLOCK_FRAMES, WindowWriter, window};

/// The number of the one deck there is.
const DECK: u64 = 1;

/// A song whose frames, at the output's rate, can be had at any place.
pub trait OfflineSong {
    /// Frames in it.
    fn frames(&self) -> i64;

    /// Writes the frames from `first` on, as many as fit and all of them inside the song.
    fn write(&mut self, first: i64, left: &mut [f32], right: &mut [f32]);
}

/// When a buffer is heard, as a sound system would tell it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OfflineTiming {
    /// When its first frame is heard.
    pub heard: LocalTime,
    /// Time between writing and hearing.
    pub latency: Span,
    /// The part of `latency` that was told in frames and turned into time by the nominal rate.
    pub queued: Span,
    /// True if sound was lost since the last buffer.
    pub is_interrupted: bool,
}

/// What the renderer did last.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct OfflineReport {
    /// True while the song sounds.
    pub is_playing: bool,
    /// The position heard last.
    pub position: Option<MediaTime>,
    /// How late the renderer believes to be heard.
    pub error: Option<Span>,
    /// Speed correction, the device's own rate included. (ppm)
    pub trim_ppm: f64,
    /// Times the song was moved to its place audibly.
    pub jumps: u32,
    /// Times it fell silent for want of data.
    pub gaps: u32,
    /// Times the device's time line broke.
    pub interruptions: u32,
    /// The device's rate against the local clock. (ppm)
    pub device_ppm: f64,
    /// One standard deviation of the device's clock, once it is known.
    pub device_sigma: Option<Span>,
}

/// A renderer and one song.
pub struct OfflineOutput<S> {
    renderer: Renderer,
    control: RendererControl,
    writer: WindowWriter,
    song: S,
    /// The song's frame that goes into the next block.
    next: i64,
    epoch: u32,
    channels: usize,
    samples: Vec<f32>,
}

impl<S: OfflineSong> OfflineOutput<S> {
    /// An output of this rate and so many channels on which `song` is loaded.
    pub fn new(sample_rate: u32, channels: u16, song: S) -> Self {
        let (renderer, mut control) = crate::render::renderer(sample_rate, channels);
        let (writer, reader) = window(sample_rate);
        let place = MediaTime::default();
        let parts = DeckParts { id: DECK, reader, place, is_native: true };
        // A ring that was just made has room.
        control.load(Box::new(Deck::new(parts, CHUNK_FRAMES)));
        writer.set_end(song.frames());
        let channels = usize::from(channels.max(1));
        Self { renderer, control, writer, song, next: 0, epoch: 0, channels, samples: Vec::new() }
    }

    /// What the swarm's clock says from now on. A step is bent into a change of pitch.
    pub fn set_clock(&mut self, clock: Option<ClockEstimate>) {
        self.control.set_estimate(clock);
    }

    /// Plays by `plan`, written in the clock of `clock`; none means silence.
    pub fn set_timeline(&mut self, clock: Option<ClockEstimate>, plan: Option<&PlayoutPlan>) {
        let part = plan.and_then(|plan| {
            let schedule = Schedule::from(plan.clone());
            programme(&schedule, plan.anchor, |_| None).passages.first().map(|first| first.part)
        });
        let mut assignments = [None; SLOTS];
        assignments[0] = Some(Assignment { deck: DECK, part, joins: None });
        // Every buffer empties the ring, which holds sixty-four orders.
        self.control.arrange(assignments, clock);
    }

    /// The next `frames` frames, interleaved, heard as `timing` says.
    pub fn render(&mut self, frames: usize, timing: OfflineTiming) -> &[f32] {
        self.fill();
        self.samples.clear();
        self.samples.resize(frames * self.channels, 0.0);
        let OfflineTiming { heard, latency, queued, is_interrupted } = timing;
        let timing = CallbackTiming { heard, latency, queued, is_interrupted };
        self.renderer.render(&mut self.samples, timing);
        self.control.collect().for_each(drop);
        &self.samples
    }

    /// What the renderer did last.
    pub fn report(&mut self) -> OfflineReport {
        let RenderReport { interruptions, device_ppm, device_sigma, .. } = self.control.report();
        let deck = self.control.report().of(DECK);
        OfflineReport {
            is_playing: deck.state == DeckState::Playing,
            position: deck.position,
            error: deck.error,
            trim_ppm: deck.trim_ppm().unwrap_or(0.0),
            jumps: deck.jumps,
            gaps: deck.gaps,
            interruptions,
            device_ppm,
            device_sigma,
        }
    }

    /// Does the decoder's work: keeps the window full around the place that is wanted.
    fn fill(&mut self) {
        let history = (HISTORY_SECONDS * f64::from(self.control.sample_rate())) as i64;
        let earliest = (self.writer.wanted() - history).max(0);
        let is_new = std::mem::replace(&mut self.epoch, self.writer.epoch()) != self.epoch;
        if is_new || self.next < earliest {
            self.next = earliest;
        }
        while self.next < self.song.frames() {
            let Some(mut block) = self.writer.free_block() else { return };
            let frames = (self.song.frames() - self.next).min(BLOCK_FRAMES as i64) as usize;
            block.epoch = self.epoch;
            block.first = self.next;
            block.frames = frames;
            self.song.write(self.next, &mut block.left[..frames], &mut block.right[..frames]);
            self.next = block.end();
            self.writer.push(block);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::FileId;
    use protocol::time::SwarmTime;

    const RATE: u32 = 48_000;

    struct Tones;

    impl OfflineSong for Tones {
        fn frames(&self) -> i64 {
            30 * i64::from(RATE)
        }

        fn write(&mut self, first: i64, left: &mut [f32], right: &mut [f32]) {
            for (index, (left, right)) in left.iter_mut().zip(right).enumerate() {
                *left = ear::song((first + index as i64) as f64 / f64::from(RATE)) as f32;
                *right = *left;
            }
        }
    }

    #[test]
    fn a_song_is_rendered_in_its_place_from_any_position() {
        for (begin, from) in [(1.0, 1.2), (-12.0, 1.2)] {
            let mut output = OfflineOutput::new(RATE, 2, Tones);
            let plan = PlayoutPlan::playing(
                FileId::parse("0".repeat(64)).unwrap(),
                SwarmTime::default() + Span::from_secs_f64(begin),
                MediaTime::default(),
            );
            let clock = ClockEstimate::identity(LocalTime::default());
            output.set_timeline(Some(clock), Some(&plan));
            let mut heard = Vec::new();
            for buffer in 0..100_i64 {
                let at = (buffer * 1_024) as f64 / f64::from(RATE);
                let told = LocalTime::default() + Span::from_secs_f64(at);
                let timing = OfflineTiming { heard: told, ..OfflineTiming::default() };
                let samples = output.render(1_024, timing).chunks(2).enumerate();
                heard.extend(samples.map(|(k, s)| (at + k as f64 / f64::from(RATE), s[0])));
            }
            heard.retain(|(at, _)| *at > from);
            let hearing = ear::listen(&heard, begin, 0.0);
            assert!(hearing.alike > 0.999 && hearing.late.abs() < 1e-6, "{hearing:?}");
            let report = output.report();
            assert!(report.is_playing);
            assert_eq!((report.jumps, report.gaps, report.interruptions), (0, 0, 0));
        }
    }
}
