//! One song in the audio callback: placed by a plan, moved to its place when it is not there.
//!
//! The plan says which frame is heard at which swarm time; the renderer says at which swarm
//! times a chunk of output is heard. From these two a [`Deck`] knows where it should be,
//! independent of what it did before: a late start, a gap and a moved plan are all the same
//! case. What it did before only decides how it gets there without a click.

use protocol::time::{MediaTime, Span, SwarmTime};
use sync_core::PlayoutPlan;
use sync_core::drift::{DriftControl, Steering};

use crate::decode::HISTORY_SECONDS;
use crate::interpolate::{AFTER, BEFORE, Interpolator};
use crate::tape::Tape;
use crate::voice::{Stereo, Voice};
use crate::window::WindowReader;

/// Length of a fade at a start in the middle, a stop or a gap. (s)
const FADE_SECONDS: f64 = 0.008;

/// Length of the crossfade to the right place. (s)
const CROSSFADE_SECONDS: f64 = 0.02;

/// A moved plan that would be heard as less than this is followed by the drift control. (s)
const SAME_PLACE: f64 = 0.002;

/// When which position is heard; a plan without its file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct PlanLine {
    anchor: SwarmTime,
    position: MediaTime,
}

impl From<&PlayoutPlan> for PlanLine {
    fn from(plan: &PlayoutPlan) -> Self {
        Self { anchor: plan.anchor, position: plan.position }
    }
}

impl PlanLine {
    /// The frame that should be heard at `time`; parts of a frame count.
    fn frame_at(&self, time: SwarmTime, rate: f64) -> f64 {
        let since_start = (self.position - MediaTime::default()) + (time - self.anchor);
        since_start.as_secs_f64() * rate
    }

    /// The first frame that is heard at all.
    fn start(&self, rate: f64) -> f64 {
        (self.position - MediaTime::default()).as_secs_f64().max(0.0) * rate
    }
}

/// The swarm times at which a chunk of output is heard.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heard {
    /// When its first frame is heard.
    pub begin: SwarmTime,
    /// When the frame after its last one is heard.
    pub end: SwarmTime,
}

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
    /// The song is over.
    Ended,
}

/// What a deck did with a chunk.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct DeckReport {
    pub state: DeckState,
    /// Heard late by this much, at the chunk's first frame.
    pub error: Option<Span>,
    /// Correction on top of the measured rate. (s/s)
    pub trim: f64,
    /// The position heard at the chunk's end.
    pub position: Option<MediaTime>,
    /// Times it was moved to its place audibly.
    pub jumps: u32,
    /// Times it fell silent because data was missing.
    pub gaps: u32,
}

/// A loaded song.
pub(crate) struct Deck {
    /// Tells this deck from others.
    pub id: u64,
    rate: f64,
    reader: WindowReader,
    tape: Tape,
    plan: Option<PlanLine>,
    voice: Option<Voice>,
    leaving: Option<Voice>,
    drift: DriftControl,
    trim: f64,
    /// True until it was checked whether the place wanted now lies before what is loaded.
    may_rewind: bool,
    is_replanned: bool,
    has_ended: bool,
    jumps: u32,
    gaps: u32,
}

impl Deck {
    /// A deck that reads `reader` and will be asked for chunks of `longest` frames at most.
    pub(crate) fn new(id: u64, reader: WindowReader, longest: usize) -> Self {
        let rate = f64::from(reader.sample_rate());
        Self {
            id,
            rate,
            tape: Tape::new((HISTORY_SECONDS * rate) as usize, longest * 2),
            reader,
            plan: None,
            voice: None,
            leaving: None,
            drift: DriftControl::new(),
            trim: 0.0,
            may_rewind: false,
            is_replanned: false,
            has_ended: false,
            jumps: 0,
            gaps: 0,
        }
    }

    /// Follows `plan` from the next chunk on; none means silence.
    pub(crate) fn set_plan(&mut self, plan: Option<PlanLine>) {
        self.plan = plan;
        self.is_replanned = true;
        self.may_rewind = true;
        self.has_ended = false;
        if plan.is_none() {
            self.leave(FADE_SECONDS);
        }
    }

    /// The same plan is to be heard at another moment of the device.
    pub(crate) fn shift(&mut self) {
        self.is_replanned = true;
        self.may_rewind = true;
    }

    /// The device's timeline broke: what was playing has been cut already.
    pub(crate) fn interrupt(&mut self) {
        self.voice = None;
        self.leaving = None;
    }

    /// True while a fade-out is still to be heard.
    pub(crate) fn is_leaving(&self) -> bool {
        self.leaving.is_some()
    }

    /// Adds this song to `out`, which is heard at `heard`; none if that is not known.
    pub(crate) fn render(
        &mut self,
        interpolator: &Interpolator,
        mut out: Stereo<'_>,
        heard: Option<Heard>,
    ) -> DeckReport {
        let frames = out.left.len();
        let wanted = self.plan.zip(heard).map(|(plan, heard)| Wanted {
            begin: plan.frame_at(heard.begin, self.rate),
            end: plan.frame_at(heard.end, self.rate),
            start: plan.start(self.rate),
            elapsed: heard.end - heard.begin,
        });
        let error = wanted.and_then(|wanted| self.steer(wanted, frames));
        self.play_leaving(interpolator, &mut out);
        let state = match (self.voice, wanted) {
            (Some(_), _) => self.play(interpolator, out, wanted),
            (None, Some(wanted)) => self.start(interpolator, out, wanted),
            (None, None) if self.plan.is_none() => DeckState::Idle,
            (None, None) => DeckState::Waiting,
        };
        DeckReport {
            state,
            error,
            trim: self.trim,
            position: self.voice.map(|voice| {
                MediaTime::default() + Span::from_secs_f64(voice.position / self.rate)
            }),
            jumps: self.jumps,
            gaps: self.gaps,
        }
    }

    /// Compares the voice with its place; the error, if there is a voice.
    fn steer(&mut self, wanted: Wanted, frames: usize) -> Option<Span> {
        let is_replanned = std::mem::take(&mut self.is_replanned);
        let voice = self.voice?;
        let error = (wanted.begin - voice.position) / self.rate;
        if is_replanned && error.abs() > SAME_PLACE {
            self.leave(FADE_SECONDS);
            return None;
        }
        let error = Span::from_secs_f64(error);
        match self.drift.steer(error, wanted.elapsed) {
            Steering::Trim(trim) => self.trim = trim,
            Steering::Jump => self.jump(wanted, frames),
        }
        Some(error)
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

    fn play_leaving(&mut self, interpolator: &Interpolator, out: &mut Stereo<'_>) {
        let Some(mut voice) = self.leaving else { return };
        // No more is loaded for a voice that leaves: what it has lasts for its fade.
        let count = voice.playable(&self.tape).min(out.left.len());
        let part = Stereo { left: &mut out.left[..count], right: &mut out.right[..count] };
        let step = voice.step;
        voice.play(&self.tape, interpolator, part, step);
        let is_cut = count < out.left.len();
        self.leaving = (!voice.is_silent() && !is_cut).then_some(voice);
    }

    fn play(
        &mut self,
        interpolator: &Interpolator,
        out: Stereo<'_>,
        wanted: Option<Wanted>,
    ) -> DeckState {
        let Some(mut voice) = self.voice else { return DeckState::Waiting };
        let frames = out.left.len();
        let step = wanted.map_or(voice.step, |wanted| wanted.step(frames) * (1.0 + self.trim));
        let (from, to) = voice.reach(frames, step);
        self.reader.want(voice.position as i64);
        if self.tape.load(&mut self.reader, from, to) {
            voice.play(&self.tape, interpolator, out, step);
            let is_over =
                self.reader.end().is_some_and(|end| voice.position >= (end + AFTER) as f64);
            self.voice = (!is_over).then_some(voice);
            self.has_ended = is_over;
            return if is_over { DeckState::Ended } else { DeckState::Playing };
        }
        // The decoder has fallen behind: fade out over what there is.
        self.gaps += 1;
        self.voice = None;
        let count = voice.playable(&self.tape).min(frames);
        let mut last = voice.fading_out(count.min(self.frames(FADE_SECONDS)));
        let part = Stereo { left: &mut out.left[..count], right: &mut out.right[..count] };
        let step = last.step;
        last.play(&self.tape, interpolator, part, step);
        DeckState::Waiting
    }

    /// Starts if the chunk holds the start, or lies behind it and data is there.
    fn start(&mut self, interpolator: &Interpolator, out: Stereo<'_>, wanted: Wanted) -> DeckState {
        if self.has_ended {
            return DeckState::Ended;
        }
        let frames = out.left.len();
        let step = wanted.step(frames);
        let skipped = ((wanted.start - wanted.begin) / step).ceil().max(0.0);
        let is_ahead = skipped >= frames as f64;
        let place = if is_ahead { wanted.start } else { wanted.begin + skipped * step };
        if self.reader.end().is_some_and(|end| place >= end as f64) {
            self.has_ended = true;
            return DeckState::Ended;
        }
        let (from, to) = Voice::at(place, step).reach(frames, step);
        self.reader.want(place as i64);
        let is_loaded = self.tape.load(&mut self.reader, from, to);
        if !is_loaded {
            self.rewind_if_before(place as i64);
            return DeckState::Waiting;
        }
        if is_ahead {
            return DeckState::Armed;
        }
        // A song's own beginning is heard as it is; a place in the middle is faded into.
        let begins = wanted.begin < wanted.start && wanted.start == 0.0;
        let mut voice = if begins {
            Voice::at(place, step)
        } else {
            Voice::fading_in(place, step, self.frames(FADE_SECONDS))
        };
        self.drift = DriftControl::new();
        self.trim = 0.0;
        let skipped = skipped as usize;
        let part = Stereo { left: &mut out.left[skipped..], right: &mut out.right[skipped..] };
        voice.play(&self.tape, interpolator, part, step);
        self.voice = Some(voice);
        self.may_rewind = false;
        DeckState::Playing
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

/// The frames that should be heard with a chunk of output.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    begin: f64,
    end: f64,
    /// The first frame that is heard at all.
    start: f64,
    elapsed: Span,
}

impl Wanted {
    /// Frames of song per frame of the device, as measured.
    fn step(&self, frames: usize) -> f64 {
        ((self.end - self.begin) / frames.max(1) as f64).clamp(0.5, 2.0)
    }
}
