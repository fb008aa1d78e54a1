//! The audio callback: plain data in, samples out, and no sound system in sight.
//!
//! [`Renderer::render`] is called with a buffer and the moment its first frame will be heard.
//! It never allocates, frees, locks, logs, calls the system or panics; everything it needs
//! comes over rings and cells from [`RendererControl`], everything it is done with goes back
//! the same way. Start reading at [`Renderer::render`], then see [`crate::deck`].

use protocol::time::{LocalTime, MediaTime, Span};
use rtrb::{Consumer, Producer, RingBuffer};
use sync_core::ClockEstimate;
use sync_core::device_clock::{DeviceClock, Observation};
use triple_buffer::triple_buffer;

use crate::deck::{Deck, DeckReport, DeckState, Heard, PlanLine};
use crate::interpolate::Interpolator;
use crate::stereo::spread;
use crate::voice::Stereo;

/// Longest stretch rendered at once; larger buffers are rendered in parts. (frames)
pub(crate) const CHUNK_FRAMES: usize = 1_024;

/// Orders under way. More than one per callback is rare.
const COMMANDS: usize = 64;

/// How fast a new estimate of the swarm's clock is followed while music plays. (s)
///
/// The network's estimate moves in steps; the device's clock has to be followed fast. So the
/// steps are smoothed here, apart, and are heard as a few ppm of pitch.
const BEND_SECONDS: f64 = 2.0;

/// Fastest bend. (s/s)
const STEEPEST_BEND: f64 = 300e-6;

/// A step larger than this is not bent but left to the drift control. (s)
const LARGEST_BEND: f64 = 0.002;

/// When a buffer is heard, as the sound system tells it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CallbackTiming {
    /// When its first frame is heard.
    pub heard: LocalTime,
    /// Time between writing and hearing.
    pub latency: Span,
    /// The part of `latency` that was told in frames and turned into time by the device's
    /// nominal rate.
    pub queued: Span,
    /// True if sound was lost since the last callback.
    pub is_interrupted: bool,
}

/// What the callback was doing last.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RenderReport {
    /// The deck this is about; zero if none is loaded.
    pub deck: u64,
    pub state: DeckState,
    /// The position heard at [`Self::at`].
    pub position: Option<MediaTime>,
    pub at: LocalTime,
    pub error: Option<Span>,
    /// Speed correction, the device's own rate included. (ppm)
    pub trim_ppm: f64,
    pub jumps: u32,
    pub gaps: u32,
    /// Times the device's timeline broke.
    pub interruptions: u32,
    pub latency: Span,
    /// The device's rate against the local clock. (ppm)
    pub device_ppm: f64,
    /// One standard deviation of the device's clock.
    pub device_sigma: Option<Span>,
}

enum RenderCommand {
    /// Play this deck by this plan, instead of the one loaded.
    Load(Box<Deck>, Option<PlanLine>),
    /// Move the loaded deck.
    Timeline(Option<PlanLine>, Option<ClockEstimate>),
    SpeakerDelay(Span),
}

/// Lives in the audio callback.
pub(crate) struct Renderer {
    channels: usize,
    device: DeviceClock,
    /// Frames rendered since the device's timeline began.
    rendered: u64,
    interpolator: Interpolator,
    left: Box<[f32]>,
    right: Box<[f32]>,
    deck: Option<Box<Deck>>,
    outgoing: Option<Box<Deck>>,
    estimate: Option<ClockEstimate>,
    /// What is still added to the estimate, so that its last step is not heard as one. (s)
    bend: f64,
    speaker_delay: Span,
    interruptions: u32,
    timing: CallbackTiming,
    last: DeckReport,
    commands: Consumer<RenderCommand>,
    estimates: triple_buffer::Output<Option<ClockEstimate>>,
    done: Producer<Box<Deck>>,
    reports: triple_buffer::Input<RenderReport>,
}

/// The other end of a [`Renderer`], for the thread that steers it.
pub(crate) struct RendererControl {
    sample_rate: u32,
    commands: Producer<RenderCommand>,
    estimates: triple_buffer::Input<Option<ClockEstimate>>,
    done: Consumer<Box<Deck>>,
    reports: triple_buffer::Output<RenderReport>,
}

/// A renderer for a device of this rate and so many channels, and what steers it.
pub(crate) fn renderer(sample_rate: u32, channels: u16) -> (Renderer, RendererControl) {
    let (command_in, command_out) = RingBuffer::new(COMMANDS);
    // Each deck that comes back was loaded by a command, so this ring cannot be fuller.
    let (done_in, done_out) = RingBuffer::new(2 * COMMANDS);
    let (estimate_in, estimate_out) = triple_buffer(&None);
    let (report_in, report_out) = triple_buffer(&RenderReport::default());
    let plane = || vec![0.0; CHUNK_FRAMES].into_boxed_slice();
    let renderer = Renderer {
        channels: usize::from(channels.max(1)),
        device: DeviceClock::new(sample_rate),
        rendered: 0,
        interpolator: Interpolator::new(),
        left: plane(),
        right: plane(),
        deck: None,
        outgoing: None,
        estimate: None,
        bend: 0.0,
        speaker_delay: Span::ZERO,
        interruptions: 0,
        timing: CallbackTiming::default(),
        last: DeckReport::default(),
        commands: command_out,
        estimates: estimate_out,
        done: done_in,
        reports: report_in,
    };
    let control = RendererControl {
        sample_rate,
        commands: command_in,
        estimates: estimate_in,
        done: done_out,
        reports: report_out,
    };
    (renderer, control)
}

impl Renderer {
    /// Fills `out`, interleaved, with what is to be heard from `timing.heard` on.
    pub(crate) fn render(&mut self, out: &mut [f32], timing: CallbackTiming) {
        self.begin(timing);
        for part in out.chunks_mut(CHUNK_FRAMES * self.channels) {
            self.continue_with(part);
        }
        self.finish();
    }

    /// Begins a buffer that is rendered in parts.
    pub(crate) fn begin(&mut self, timing: CallbackTiming) {
        self.follow_commands();
        self.follow_device(timing);
        self.timing = timing;
    }

    /// Renders the next part of a buffer: whole frames, [`CHUNK_FRAMES`] at most.
    pub(crate) fn continue_with(&mut self, part: &mut [f32]) {
        self.last = self.render_chunk(part);
    }

    /// Ends a buffer: reports.
    pub(crate) fn finish(&mut self) {
        self.publish(self.last, self.timing);
    }

    fn follow_commands(&mut self) {
        if self.estimates.update()
            && let Some(estimate) = *self.estimates.output_buffer()
        {
            self.follow_estimate(estimate);
        }
        while let Ok(command) = self.commands.pop() {
            match command {
                RenderCommand::Load(mut deck, plan) => {
                    deck.set_plan(plan);
                    if let Some(mut before) = self.deck.replace(deck) {
                        before.set_plan(None);
                        if let Some(oldest) = self.outgoing.replace(before) {
                            self.send_back(oldest);
                        }
                    }
                }
                RenderCommand::Timeline(plan, estimate) => {
                    // No bend: what the clock gained the plan has lost, and the other way round.
                    self.estimate = estimate.or(self.estimate);
                    if let Some(deck) = &mut self.deck {
                        deck.set_plan(plan);
                    }
                }
                RenderCommand::SpeakerDelay(delay) => {
                    let is_new = delay != self.speaker_delay;
                    self.speaker_delay = delay;
                    if let Some(deck) = self.deck.as_mut().filter(|_| is_new) {
                        deck.shift();
                    }
                }
            }
        }
    }

    /// Takes a new estimate. A clock that is lost gives none, and the music goes on by the last.
    fn follow_estimate(&mut self, estimate: ClockEstimate) {
        let is_playing = self.last.state == DeckState::Playing;
        let now = self.device.heard_at(self.rendered);
        self.bend = match (self.estimate, now) {
            (Some(before), Some(now)) if is_playing => {
                let step = (before.to_swarm(now) - estimate.to_swarm(now)).as_secs_f64();
                let bend = self.bend + step;
                if bend.abs() < LARGEST_BEND { bend } else { 0.0 }
            }
            _ => 0.0,
        };
        self.estimate = Some(estimate);
    }

    fn follow_device(&mut self, timing: CallbackTiming) {
        if timing.is_interrupted {
            self.device.restart();
            self.rendered = 0;
            self.interruptions += 1;
            if let Some(deck) = &mut self.deck {
                deck.interrupt();
            }
        }
        // What waits in a fast card's queue is heard sooner than its nominal rate says: 4 µs
        // at 200 ppm and a period of 1024 frames.
        let sooner = timing.queued.mul_f64(self.device.rate_ppm() * 1e-6);
        let heard = timing.heard - sooner;
        if self.device.observe(self.rendered, heard) == Observation::TimelineMoved {
            self.interruptions += 1;
        }
    }

    fn render_chunk(&mut self, out: &mut [f32]) -> DeckReport {
        let frames = out.len() / self.channels;
        let heard = self.heard(frames);
        let (left, right) = (&mut self.left[..frames], &mut self.right[..frames]);
        left.fill(0.0);
        right.fill(0.0);
        if let Some(outgoing) = &mut self.outgoing {
            outgoing.render(&self.interpolator, Stereo { left, right }, None);
        }
        let mut report = match &mut self.deck {
            Some(deck) => deck.render(&self.interpolator, Stereo { left, right }, heard),
            None => DeckReport::default(),
        };
        report.error = report.error.map(|error| error - Span::from_secs_f64(self.bend));
        spread(left, right, out, self.channels);
        self.rendered += frames as u64;
        if let Some(heard) = heard {
            self.unbend((heard.end - heard.begin).as_secs_f64());
        }
        if self.outgoing.as_ref().is_some_and(|deck| !deck.is_leaving())
            && let Some(deck) = self.outgoing.take()
        {
            self.send_back(deck);
        }
        report
    }

    /// The swarm times at which the next `frames` frames are heard, once the device's clock
    /// and the swarm's are known.
    fn heard(&self, frames: usize) -> Option<Heard> {
        let estimate = self.estimate?;
        if !self.device.is_steady() {
            return None;
        }
        // A speaker that sounds late must be given the sound early.
        let at = |frame| {
            let heard = self.device.heard_at(frame)?;
            let bend = Span::from_secs_f64(self.bend);
            Some(estimate.to_swarm(heard + self.speaker_delay) + bend)
        };
        let end = at(self.rendered + frames as u64)?;
        Some(Heard { begin: at(self.rendered)?, end })
    }

    fn unbend(&mut self, elapsed: f64) {
        let steepest = STEEPEST_BEND * elapsed;
        self.bend -= (self.bend * elapsed / BEND_SECONDS).clamp(-steepest, steepest);
    }

    fn send_back(&mut self, deck: Box<Deck>) {
        if let Err(rtrb::PushError::Full(deck)) = self.done.push(deck) {
            // Cannot be; but if it were, memory lost is better than a callback that frees.
            std::mem::forget(deck);
        }
    }

    fn publish(&mut self, report: DeckReport, timing: CallbackTiming) {
        let device_ppm = self.device.rate_ppm();
        let skew_ppm = self.estimate.map_or(0.0, |estimate| estimate.skew_ppm());
        self.reports.write(RenderReport {
            deck: self.deck.as_ref().map_or(0, |deck| deck.id),
            state: report.state,
            position: report.position,
            at: self.device.heard_at(self.rendered).unwrap_or(timing.heard) + self.speaker_delay,
            error: report.error,
            trim_ppm: report.trim * 1e6 + skew_ppm - device_ppm,
            jumps: report.jumps,
            gaps: report.gaps,
            interruptions: self.interruptions,
            latency: timing.latency,
            device_ppm,
            device_sigma: self.device.uncertainty(),
        });
    }
}

impl RendererControl {
    pub(crate) fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    /// Plays `deck` by `plan` instead of the one loaded. False if the renderer has not
    /// listened for a long time; the deck is dropped then.
    pub(crate) fn load(&mut self, deck: Box<Deck>, plan: Option<PlanLine>) -> bool {
        self.commands.push(RenderCommand::Load(deck, plan)).is_ok()
    }

    /// Moves the loaded deck to a plan written in the clock of `estimate`; both count from the
    /// same callback on. False as in [`Self::load`].
    pub(crate) fn set_timeline(
        &mut self,
        plan: Option<PlanLine>,
        estimate: Option<ClockEstimate>,
    ) -> bool {
        self.commands.push(RenderCommand::Timeline(plan, estimate)).is_ok()
    }

    /// False as in [`Self::load`].
    pub(crate) fn set_speaker_delay(&mut self, delay: Span) -> bool {
        self.commands.push(RenderCommand::SpeakerDelay(delay)).is_ok()
    }

    pub(crate) fn set_estimate(&mut self, estimate: Option<ClockEstimate>) {
        self.estimates.write(estimate);
    }

    /// Frees decks that the renderer is done with.
    pub(crate) fn collect(&mut self) {
        while self.done.pop().is_ok() {}
    }

    pub(crate) fn report(&mut self) -> RenderReport {
        *self.reports.read()
    }
}

#[cfg(test)]
pub(crate) mod stage;
#[cfg(test)]
mod tests;
