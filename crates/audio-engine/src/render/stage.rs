//! A sound card in virtual time, and an ear that measures what comes out of it.
//!
//! The card's every frame is heard at a known moment. Its stamps are noisy as ALSA's are:
//! rounded to whole frames, late by a few microseconds, rarely by a preemption. The ear
//! places the samples on the true time line and compares them with the song there, so it
//! reports what a listener would, not what the program believes.

use std::f64::consts::TAU;
use std::io::Cursor;

use protocol::time::{LocalTime, MediaTime, Span, SwarmTime};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sync_core::ClockEstimate;

use super::{
    Assignment, CHUNK_FRAMES, CallbackTiming, RenderReport, Renderer, RendererControl, SLOTS,
    renderer,
};
use crate::deck::{Deck, DeckParts, DeckReport, place_frame};
use crate::decode::{Decoder, Step};
pub(crate) use crate::offline::ear::song;
use crate::offline::ear::{TONES, listen};
use crate::passage::{FADE_SECONDS, Part, PlanLine};
use crate::song::Song;
use crate::source::SourceCursor;
use crate::window::window;

/// A mono WAV file of the song.
pub(crate) fn song_file(sample_rate: u32, seconds: f64) -> Vec<u8> {
    let frames = (f64::from(sample_rate) * seconds) as u32;
    let mut bytes = Vec::with_capacity(44 + frames as usize * 4);
    bytes.extend_from_slice(b"RIFF");
    bytes.extend_from_slice(&(36 + frames * 4).to_le_bytes());
    bytes.extend_from_slice(b"WAVEfmt ");
    bytes.extend_from_slice(&16_u32.to_le_bytes());
    bytes.extend_from_slice(&3_u16.to_le_bytes());
    bytes.extend_from_slice(&1_u16.to_le_bytes());
    bytes.extend_from_slice(&sample_rate.to_le_bytes());
    bytes.extend_from_slice(&(sample_rate * 4).to_le_bytes());
    bytes.extend_from_slice(&4_u16.to_le_bytes());
    bytes.extend_from_slice(&32_u16.to_le_bytes());
    bytes.extend_from_slice(b"data");
    bytes.extend_from_slice(&(frames * 4).to_le_bytes());
    for frame in 0..frames {
        let sample = song(f64::from(frame) / f64::from(sample_rate)) as f32;
        bytes.extend_from_slice(&sample.to_le_bytes());
    }
    bytes
}

/// A card's clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Oscillator {
    /// Faster than its name by so much. (ppm)
    pub ppm: f64,
    /// A sine on top. (ppm, s)
    pub wobble: (f64, f64),
}

impl Oscillator {
    pub(super) fn fast_by(ppm: f64) -> Self {
        Self { ppm, wobble: (0.0, 1.0) }
    }

    fn ppm_at(&self, seconds: f64) -> f64 {
        let (height, period) = self.wobble;
        self.ppm + height * (TAU * seconds / period).sin()
    }
}

/// Frames per callback, and in the card's ring.
const PERIOD: usize = 1_024;

/// A renderer on a card.
pub(super) struct Stage {
    pub control: RendererControl,
    pub renderer: Renderer,
    rng: ChaCha8Rng,
    rate: f64,
    channels: usize,
    oscillator: Oscillator,
    /// When the next callback's first frame is heard, in true seconds.
    heard: f64,
    decoders: Vec<Decoder>,
    /// Left channel and the true time at which each frame is heard.
    pub tape: Vec<(f64, f32)>,
    interrupt_next: bool,
    /// What was arranged last.
    pub assignments: Vec<Assignment>,
    next_deck: u64,
    /// How far this device's clock is from true time.
    pub local_offset: Span,
    /// `(true ppm of the card, what the renderer played at)` per callback while in lock.
    pub pitch: Vec<(f64, f64)>,
}

impl Stage {
    pub(super) fn new(seed: u64, rate: u32, channels: u16, oscillator: Oscillator) -> Self {
        let (renderer, control) = renderer(rate, channels);
        Self {
            control,
            renderer,
            rng: ChaCha8Rng::seed_from_u64(seed),
            rate: f64::from(rate),
            channels: usize::from(channels),
            oscillator,
            heard: 100.0,
            decoders: Vec::new(),
            tape: Vec::new(),
            interrupt_next: false,
            assignments: Vec::new(),
            next_deck: 0,
            local_offset: Span::from_secs(7),
            pitch: Vec::new(),
        }
    }

    /// The renderer knows swarm time from now on; swarm time is true time here.
    pub(super) fn know_the_clock(&mut self) {
        let local = self.local(self.heard);
        self.control.set_estimate(Some(ClockEstimate::exact(local, swarm(self.heard), 0.0)));
    }

    pub(super) fn now(&self) -> f64 {
        self.heard
    }

    /// Loads a song file, planned so that `position` is heard at `at`; what was loaded goes.
    pub(super) fn load(&mut self, file: Vec<u8>, at: f64, position: f64) {
        let deck = self.cue(file, position);
        self.arrange(vec![(deck, part(at, position))]);
    }

    /// Loads a song file to start at `place` and nothing else; which deck it is on.
    pub(super) fn cue(&mut self, file: Vec<u8>, place: f64) -> u64 {
        let song = Song::open(SourceCursor::new(Box::new(Cursor::new(file))), None).unwrap();
        let is_native = song.info().sample_rate == self.rate as u32;
        let mut decoder = Decoder::new(song);
        let (writer, reader) = window(self.rate as u32);
        let place = MediaTime::default() + Span::from_secs_f64(place);
        reader.want(place_frame(place, self.rate));
        decoder.attach(writer).unwrap();
        self.decoders.push(decoder);
        self.next_deck += 1;
        let id = self.next_deck;
        let parts = DeckParts { id, reader, place, is_native };
        assert!(self.control.load(Box::new(Deck::new(parts, CHUNK_FRAMES))));
        id
    }

    /// Says what the decks play; those that are not named go.
    pub(super) fn arrange(&mut self, parts: Vec<(u64, Part)>) {
        let assigned = |(deck, part)| Assignment { deck, part: Some(part), joins: None };
        self.assign(parts.into_iter().map(assigned).collect(), None);
    }

    pub(super) fn assign(&mut self, assignments: Vec<Assignment>, estimate: Option<ClockEstimate>) {
        let mut array = [None; SLOTS];
        for (place, assignment) in array.iter_mut().zip(&assignments) {
            *place = Some(*assignment);
        }
        assert!(self.control.arrange(array, estimate));
        self.assignments = assignments;
    }

    /// Nothing is to be heard.
    pub(super) fn stop(&mut self) {
        self.assign(Vec::new(), None);
    }

    /// Moves the plan of the loaded song.
    pub(super) fn replan(&mut self, at: f64, position: f64) {
        let deck = self.assignments[0].deck;
        self.arrange(vec![(deck, part(at, position))]);
    }

    /// The swarm gets a clock that says `more` seconds more; the song that began at `begin`
    /// goes on, written in the new clock.
    pub(super) fn change_clock(&mut self, more: f64, begin: f64) {
        let local = self.local(self.heard);
        let estimate = ClockEstimate::exact(local, swarm(self.heard + more), 0.0);
        let part = Some(part(begin + more, 0.0));
        self.assign(vec![Assignment { part, ..self.assignments[0] }], Some(estimate));
    }

    /// The card runs dry for `seconds`: what is heard meanwhile is silence.
    pub(super) fn run_dry(&mut self, seconds: f64) {
        self.heard += seconds;
        self.interrupt_next = true;
    }

    /// Plays for so long; what the deck arranged first was doing in the end.
    pub(super) fn play(&mut self, seconds: f64) -> DeckReport {
        let end = self.heard + seconds;
        while self.heard < end {
            self.callback();
        }
        let deck = self.assignments.first().map_or(0, |first| first.deck);
        self.report().of(deck)
    }

    pub(super) fn report(&mut self) -> RenderReport {
        self.control.report()
    }

    /// One callback, the decoders having had all the time they need.
    pub(super) fn callback(&mut self) {
        for decoder in &mut self.decoders {
            while decoder.run().unwrap() == Step::Continue {}
        }
        self.callback_only();
    }

    /// The decoders do so many small pieces of work.
    pub(super) fn decode(&mut self, steps: usize) {
        for decoder in &mut self.decoders {
            (0..steps).for_each(|_| assert_eq!(decoder.run().unwrap(), Step::Continue));
        }
    }

    /// One callback while the decoders get no time at all.
    pub(super) fn callback_only(&mut self) {
        let ppm = self.oscillator.ppm_at(self.heard);
        let frame = 1.0 / (self.rate * (1.0 + ppm * 1e-6));
        let mut late = self.rng.random_range(0.0..1.0 / self.rate) - 0.5 / self.rate;
        late += self.rng.random_range(-2e-6..2e-6);
        if self.rng.random_ratio(1, 300) {
            late += self.rng.random_range(50e-6..350e-6);
        }
        // As ALSA does, the card tells what is queued in frames, and its nominal rate is
        // taken to turn them into time.
        let queued = PERIOD as f64 / self.rate;
        let told = self.heard + late + queued - PERIOD as f64 * frame;
        let timing = CallbackTiming {
            heard: self.local(told),
            latency: Span::from_secs_f64(queued),
            queued: Span::from_secs_f64(queued),
            is_interrupted: std::mem::take(&mut self.interrupt_next),
        };
        let mut out = vec![0.0; PERIOD * self.channels];
        assert_no_alloc::assert_no_alloc(|| self.renderer.render(&mut out, timing));
        for (index, sample) in out.chunks(self.channels).map(|frame| frame[0]).enumerate() {
            self.tape.push((self.heard + index as f64 * frame, sample));
        }
        let report = self.control.report();
        if let Some(trim) = report.slots.iter().find_map(|slot| slot.report.trim_ppm()) {
            self.pitch.push((ppm, -trim));
        }
        self.heard += PERIOD as f64 * frame;
    }

    fn local(&self, seconds: f64) -> LocalTime {
        LocalTime::default() + Span::from_secs_f64(seconds) + self.local_offset
    }

    /// How late the song is heard, in windows of a tenth of a second from `from` on: `(when,
    /// seconds late)`. `begin` is when its position zero should be heard. Windows that are
    /// not the song fail the test.
    pub(super) fn lateness(&self, begin: f64, from: f64) -> Vec<(f64, f64)> {
        let span = (self.rate * 0.1) as usize;
        let first = self.tape.iter().position(|(at, _)| *at >= from).unwrap_or(0);
        self.tape[first..]
            .chunks_exact(span)
            .map(|frames| {
                let (late, alike) = measure(frames, begin);
                assert!(alike > 0.999, "what is heard at {} is {alike:.4} alike", frames[0].0);
                (frames[0].0, late)
            })
            .collect()
    }

    /// Loudest step between two samples beyond what the song itself can do.
    pub(super) fn worst_click(&self) -> f32 {
        self.worst_click_between(0.0, f64::MAX)
    }

    /// The same of what is heard between two moments.
    pub(super) fn worst_click_between(&self, from: f64, to: f64) -> f32 {
        let steepest: f64 = TONES.iter().map(|(level, pitch)| level * TAU * pitch).sum();
        let largest_step = (steepest / self.rate) as f32;
        self.tape
            .windows(2)
            .filter(|pair| (from..to).contains(&pair[0].0))
            .map(|pair| (pair[1].1 - pair[0].1).abs() - largest_step)
            .fold(f32::MIN, f32::max)
    }
}

/// How late these frames are, if the song's position zero should be heard at `begin`, and
/// how much of them is the song.
pub(super) fn measure(frames: &[(f64, f32)], begin: f64) -> (f64, f64) {
    let hearing = listen(frames, begin, 0.0);
    (hearing.late, hearing.alike)
}

pub(super) fn percentile(values: impl IntoIterator<Item = f64>, share: f64) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * share).round() as usize]
}

pub(super) fn swarm(seconds: f64) -> SwarmTime {
    SwarmTime::default() + Span::from_secs_f64(seconds)
}

/// A song of which `position` is heard at `at`, to its end.
pub(super) fn part(at: f64, position: f64) -> Part {
    let anchor = swarm(at);
    let position = MediaTime::default() + Span::from_secs_f64(position);
    let rise = if position == MediaTime::default() { 0.0 } else { FADE_SECONDS };
    let line = PlanLine { anchor, position };
    Part { line, until: None, plays_out: false, rise, fall: FADE_SECONDS }
}

/// The same, cut at `until`.
pub(super) fn part_until(at: f64, position: f64, until: f64, fall: f64) -> Part {
    Part { until: Some(swarm(until)), fall, ..part(at, position) }
}
