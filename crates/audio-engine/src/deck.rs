//! One song in the audio callback: placed by a plan, moved to its place when it is not there.
//!
//! Its [`Part`] says which frame is heard at which swarm time; the renderer says at which swarm
//! times a chunk of output is heard. From these two a [`Deck`] knows where it should be,
//! independent of what it did before: a late start, a gap and a moved plan are all the same
//! case. What it did before only decides how it gets there without a click.
//!
//! A deck plays one part of one song. What follows at an instant that lies ahead is another
//! deck, loaded and decoded beforehand; both cut the chunk at the same instant, each by its
//! own line, so neither needs to know of the other.

mod heard;

use protocol::time::{MediaTime, Span};
use sync_core::drift::{DriftControl, Steering};

use crate::decode::HISTORY_SECONDS;
use crate::interpolate::{AFTER, BEFORE, Interpolator};
use crate::passage::{FADE_SECONDS, Part, SAME_PLACE, SEAM_SECONDS};
use crate::tape::Tape;
use crate::voice::{Stereo, Voice};
use crate::window::WindowReader;
pub(crate) use heard::Heard;
use heard::Wanted;

/// Length of the crossfade to the right place. (s)
const CROSSFADE_SECONDS: f64 = 0.02;

/// Decoded sound behind a place from which it counts as cued. (s)
///
/// A decoder makes it in a few milliseconds where the data is there, and where it is not a
/// start would run dry at once.
pub(crate) const CUED_SECONDS: f64 = 0.5;

/// How long one who comes late waits at most for so much, once something is there. (s)
const CUSHION_PATIENCE: f64 = 2.0;

/// What a deck is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum DeckState {
    /// Nothing is planned.
    #[default]
    Idle,
    /// Planned, but data or timing is missing.
    Waiting,
    /// Everything is there; the start lies ahead.
    Armed,
    /// Sounding.
    Playing,
    /// It gave way to what follows.
    Left,
    /// The song is over.
    Ended,
}

/// What a deck did with a chunk.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct DeckReport {
    pub state: DeckState,
    /// Heard late by this much, at the chunk's first frame.
    pub error: Option<Span>,
    /// Frames of song per frame of the device, at the chunk's end.
    pub step: Option<f64>,
    /// The position heard at the chunk's end.
    pub position: Option<MediaTime>,
    /// Times it was moved to its place audibly.
    pub jumps: u32,
    /// Times it fell silent because data was missing.
    pub gaps: u32,
}

impl DeckReport {
    /// Speed correction, the device's own rate included. (ppm)
    pub(crate) fn trim_ppm(&self) -> Option<f64> {
        self.step.map(|step| (step - 1.0) * 1e6)
    }
}

/// What the renderer tells a deck about a chunk.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Setting {
    /// When it is heard, if that is known.
    pub heard: Option<Heard>,
    /// True if nobody else plays: then a song of the device's own rate is not resampled.
    pub is_alone: bool,
    /// Where the song before it ends, if this one joins it. (frames from the chunk's first)
    pub joint: Option<i64>,
}

/// A loaded song.
pub(crate) struct Deck {
    /// Tells this deck from others.
    pub id: u64,
    rate: f64,
    /// True if the file has the device's rate.
    is_native: bool,
    reader: WindowReader,
    tape: Tape,
    /// The frame it will start at, until it has.
    place: Option<i64>,
    part: Option<Part>,
    voice: Option<Voice>,
    leaving: Option<Voice>,
    /// True while whole frames are played as they are.
    is_whole: bool,
    drift: DriftControl,
    trim: f64,
    /// True until it was checked whether the place wanted now lies before what is loaded.
    may_rewind: bool,
    is_replanned: bool,
    has_left: bool,
    has_ended: bool,
    is_going: bool,
    /// How long it has waited for a cushion. (frames)
    held_back: f64,
    jumps: u32,
    gaps: u32,
}

/// What a deck is made of.
pub(crate) struct DeckParts {
    pub id: u64,
    pub reader: WindowReader,
    /// Where it will start.
    pub place: MediaTime,
    /// True if the file has the device's rate.
    pub is_native: bool,
}

impl Deck {
    /// A deck that will be asked for chunks of `longest` frames at most. Its reader has to
    /// have asked for the place it starts at; see [`place_frame`].
    pub(crate) fn new(parts: DeckParts, longest: usize) -> Self {
        let rate = f64::from(parts.reader.sample_rate());
        Self {
            id: parts.id,
            rate,
            is_native: parts.is_native,
            tape: Tape::new(
                (HISTORY_SECONDS * rate) as usize,
                longest * 2 + (CROSSFADE_SECONDS * rate) as usize,
            ),
            place: Some(place_frame(parts.place, rate)),
            reader: parts.reader,
            part: None,
            voice: None,
            leaving: None,
            is_whole: false,
            drift: DriftControl::new(),
            trim: 0.0,
            may_rewind: false,
            is_replanned: false,
            has_left: false,
            has_ended: false,
            is_going: false,
            held_back: 0.0,
            jumps: 0,
            gaps: 0,
        }
    }

    /// Plays `part` from the next chunk on; none means silence.
    pub(crate) fn set_part(&mut self, part: Option<Part>) {
        let before = std::mem::replace(&mut self.part, part);
        if before == part {
            return;
        }
        self.has_left = false;
        if before.map(|part| part.line) != part.map(|part| part.line) {
            self.shift();
            self.has_ended = false;
        }
        if part.is_none() {
            self.leave(FADE_SECONDS);
        }
    }

    /// The same part is to be heard at another moment of the device.
    pub(crate) fn shift(&mut self) {
        self.is_replanned = true;
        self.may_rewind = true;
    }

    /// The device's timeline broke: what was playing has been cut already.
    pub(crate) fn interrupt(&mut self) {
        self.voice = None;
        self.leaving = None;
    }

    /// Nobody will ask for it again: it goes as soon as it is silent.
    pub(crate) fn dismiss(&mut self) {
        self.is_going = true;
    }

    /// True once it was dismissed and nothing of it is to be heard any more.
    pub(crate) fn is_dismissed(&self) -> bool {
        self.is_going && self.voice.is_none() && self.leaving.is_none()
    }

    /// How many frames of the device it will still play, if it plays whole frames to a known
    /// end.
    pub(crate) fn remaining(&self) -> Option<i64> {
        let voice = self.voice.filter(|_| self.is_whole)?;
        self.reader.end().map(|end| end - voice.position as i64)
    }

    /// Adds this song to `out`.
    pub(crate) fn render(
        &mut self,
        interpolator: &Interpolator,
        mut out: Stereo<'_>,
        setting: Setting,
    ) -> DeckReport {
        let frames = out.left.len();
        let wanted =
            self.part.zip(setting.heard).map(|(part, heard)| Wanted::new(&part, heard, self.rate));
        self.follow_company(setting, wanted, frames);
        let error = wanted.and_then(|wanted| self.steer(wanted, frames));
        self.play_leaving(interpolator, out.part(0, frames));
        let state = match (self.voice, wanted) {
            (Some(_), _) => self.play(interpolator, out, wanted),
            (None, Some(wanted)) => self.start(interpolator, out, wanted, setting.joint),
            (None, None) => self.wait(frames),
        };
        DeckReport {
            state,
            error,
            step: self.voice.map(|voice| voice.step),
            position: self.voice.map(|voice| {
                MediaTime::default() + Span::from_secs_f64(voice.position.max(0.0) / self.rate)
            }),
            jumps: self.jumps,
            gaps: self.gaps,
        }
    }

    /// Alone, what sounds goes over to the nearest whole frame; in company, back to its place.
    fn follow_company(&mut self, setting: Setting, wanted: Option<Wanted>, frames: usize) {
        let is_whole = setting.is_alone && self.is_native;
        if std::mem::replace(&mut self.is_whole, is_whole) == is_whole {
            return;
        }
        let Some(voice) = self.voice else { return };
        self.drift = DriftControl::new();
        self.trim = 0.0;
        if is_whole {
            let length = self.frames(SEAM_SECONDS);
            self.leaving = Some(voice.fading_out(length).evenly());
            let place = voice.position.round();
            self.voice = Some(Voice::fading_in(place, 1.0, length).evenly());
        } else if let Some(wanted) = wanted
            && self.error(wanted, &voice).abs() > SAME_PLACE
        {
            self.jump(wanted, frames);
        }
    }

    /// Compares the voice with its place; the error, if there is a voice.
    fn steer(&mut self, wanted: Wanted, frames: usize) -> Option<Span> {
        let is_replanned = std::mem::take(&mut self.is_replanned);
        let error = self.error(wanted, &self.voice?);
        if is_replanned && error.abs() > SAME_PLACE {
            self.leave(FADE_SECONDS);
            return None;
        }
        if self.is_whole {
            self.trim = 0.0;
            return Some(error);
        }
        match self.drift.steer(error, wanted.elapsed) {
            Steering::Trim(trim) => self.trim = trim,
            Steering::Jump => self.jump(wanted, frames),
        }
        Some(error)
    }

    fn error(&self, wanted: Wanted, voice: &Voice) -> Span {
        Span::from_secs_f64((wanted.begin - voice.position) / self.rate)
    }

    /// Crosses to the right place if that is loaded, else fades out and starts there anew.
    fn jump(&mut self, wanted: Wanted, frames: usize) {
        self.jumps += 1;
        self.trim = 0.0;
        let place =
            Voice::fading_in(wanted.begin, wanted.step(frames), self.frames(CROSSFADE_SECONDS));
        let (from, to) = place.reach(frames, place.step);
        let is_loaded = wanted.begin >= 0.0 && self.tape.covers(from, to);
        self.leave(if is_loaded { CROSSFADE_SECONDS } else { FADE_SECONDS });
        if is_loaded {
            self.voice = Some(place);
        } else {
            self.may_rewind = true;
        }
    }

    fn leave(&mut self, seconds: f64) {
        if let Some(voice) = self.voice.take() {
            self.leaving = Some(voice.fading_out(self.frames(seconds)));
        }
    }

    fn play_leaving(&mut self, interpolator: &Interpolator, mut out: Stereo<'_>) {
        let Some(mut voice) = self.leaving else { return };
        // No more is loaded for a voice that leaves: its reserve lasts for its fade.
        let count = voice.playable(&self.tape).min(out.left.len());
        let is_cut = count < out.left.len();
        let step = voice.step;
        voice.play(&self.tape, interpolator, out.part(0, count), step);
        self.leaving = (!voice.is_silent() && !is_cut).then_some(voice);
    }

    fn play(
        &mut self,
        interpolator: &Interpolator,
        mut out: Stereo<'_>,
        wanted: Option<Wanted>,
    ) -> DeckState {
        let Some(mut voice) = self.voice else { return DeckState::Waiting };
        let frames = out.left.len();
        let step = match wanted {
            _ if self.is_whole => 1.0,
            Some(wanted) => wanted.step(frames) * (1.0 + self.trim),
            None => voice.step,
        };
        let (from, to) = voice.reach(frames, step);
        self.reader.want(voice.position as i64);
        // A little more than is played now, so that a fade has what it needs whenever it begins.
        let reserve = to + self.frames(CROSSFADE_SECONDS) as i64;
        if self.tape.load(&mut self.reader, from, reserve) || self.tape.covers(from, to) {
            let cut = wanted.and_then(|wanted| wanted.cut_after(frames));
            voice.play(&self.tape, interpolator, out.part(0, cut.unwrap_or(frames)), step);
            self.voice = Some(voice);
            if let Some(cut) = cut {
                self.give_way();
                self.play_leaving(interpolator, out.part(cut, frames));
                return DeckState::Left;
            }
            self.has_ended =
                self.reader.end().is_some_and(|end| voice.position >= (end + AFTER) as f64);
            if self.has_ended {
                self.voice = None;
                return DeckState::Ended;
            }
            return DeckState::Playing;
        }
        // The decoder has fallen behind: fade out over what there is.
        self.gaps += 1;
        self.voice = None;
        let count = voice.playable(&self.tape).min(frames);
        let mut last = voice.fading_out(count.min(self.frames(FADE_SECONDS)));
        let step = last.step;
        last.play(&self.tape, interpolator, out.part(0, count), step);
        DeckState::Waiting
    }

    fn give_way(&mut self) {
        self.leave(self.part.map_or(FADE_SECONDS, |part| part.fall));
        self.has_left = true;
    }

    /// Starts if the chunk holds the start, or lies behind it and data is there.
    fn start(
        &mut self,
        interpolator: &Interpolator,
        mut out: Stereo<'_>,
        wanted: Wanted,
        joint: Option<i64>,
    ) -> DeckState {
        let frames = out.left.len();
        if self.has_ended {
            return DeckState::Ended;
        }
        if self.has_left || wanted.cut_after(frames) == Some(0) {
            self.has_left = true;
            return DeckState::Left;
        }
        let entry = self.entry(wanted, frames, joint);
        if self.reader.end().is_some_and(|end| entry.place >= end as f64) {
            self.has_ended = true;
            return DeckState::Ended;
        }
        let (from, to) = Voice::at(entry.place, entry.step).reach(frames, entry.step);
        self.reader.want(entry.place as i64);
        let is_loaded = self.tape.load(&mut self.reader, from, to);
        if !is_loaded {
            self.rewind_if_before(entry.place as i64);
            return DeckState::Waiting;
        }
        if entry.skipped >= frames {
            return DeckState::Armed;
        }
        // Nobody waits for one who comes late, and a hole in the music is heard more than a
        // beginning a moment later: pieces of a song that is still being fetched may lag. Where
        // they come no faster than they are played no cushion ever grows, and holes are less bad
        // than silence.
        if entry.is_late && !self.has_cushion() && self.held_back < CUSHION_PATIENCE * self.rate {
            self.held_back += frames as f64;
            return DeckState::Waiting;
        }
        self.held_back = 0.0;
        self.voice = Some(match entry.rise {
            0.0 => Voice::at(entry.place, entry.step),
            rise => Voice::fading_in(entry.place, entry.step, self.frames(rise)),
        });
        self.drift = DriftControl::new();
        self.trim = 0.0;
        self.place = None;
        self.may_rewind = false;
        let rest = out.part(entry.skipped, frames);
        self.play(interpolator, rest, Some(wanted.beginning_at(entry.place)))
    }

    /// Where and how the part is entered with this chunk, or later.
    fn entry(&self, wanted: Wanted, frames: usize, joint: Option<i64>) -> Entry {
        let begins = self.part.is_some_and(|part| part.rise == 0.0);
        let step = if self.is_whole { 1.0 } else { wanted.step(frames) };
        if let Some(joint) = joint.filter(|_| self.is_whole && begins) {
            let skipped = usize::try_from(joint.max(0)).unwrap_or(frames);
            return Entry { skipped, place: wanted.start, step, rise: 0.0, is_late: false };
        }
        let first = wanted.entry(begins && !self.is_whole);
        let (skipped, place) = wanted.first_at(first, frames);
        // A song's own beginning is heard as it is; a place in the middle is faded into.
        let is_late = wanted.begin > first;
        let rise = if is_late { FADE_SECONDS } else { self.part.map_or(0.0, |part| part.rise) };
        let is_ahead = skipped >= frames as f64;
        let place = if is_ahead { first } else { place };
        let place = if self.is_whole { place.round() } else { place };
        Entry { skipped: skipped as usize, place, step, rise, is_late }
    }

    /// Nothing says when: keeps the place where it will start at hand.
    fn wait(&mut self, frames: usize) -> DeckState {
        // What fades out still needs the tape where it is.
        if let Some(place) = self.place.filter(|_| self.leaving.is_none()) {
            let (from, to) = Voice::at(place as f64, 1.0).reach(frames, 1.0);
            self.tape.load(&mut self.reader, from, to);
        }
        if self.part.is_none() { DeckState::Idle } else { DeckState::Waiting }
    }

    /// True if enough lies behind the place that is wanted to play on for a while, or all there is.
    fn has_cushion(&self) -> bool {
        let ready = self.reader.ready_frames();
        let reached = self.tape.end() + ready as i64;
        ready >= (CUED_SECONDS * self.rate) as usize
            || self.reader.end().is_some_and(|end| reached >= end)
    }

    /// Asks the decoder to go back, once per reason, if it has left `place` behind.
    ///
    /// Without a reason it has not: it aims ahead on purpose when data is late.
    fn rewind_if_before(&mut self, place: i64) {
        if !self.may_rewind {
            return;
        }
        let next = self.reader.peek().map_or(self.tape.first(), |block| block.first);
        let is_before = place - BEFORE < next && (place - BEFORE).max(0) < next;
        if is_before {
            self.reader.rewind(place);
            self.may_rewind = false;
        }
    }

    fn frames(&self, seconds: f64) -> usize {
        (seconds * self.rate) as usize
    }
}

/// How a part is entered.
struct Entry {
    /// Frames of the chunk that pass before.
    skipped: usize,
    /// The first frame heard.
    place: f64,
    step: f64,
    /// Length of the fade. (s)
    rise: f64,
    /// The part has begun without this device.
    is_late: bool,
}

/// The frame at `position` on a device of this rate.
pub(crate) fn place_frame(position: MediaTime, rate: f64) -> i64 {
    ((position - MediaTime::default()).as_secs_f64().max(0.0) * rate) as i64
}
