//! The audio callback: plain data in, samples out, and no sound system in sight.
//!
//! [`Renderer::render`] is called with a buffer and the moment its first frame will be heard.
//! It never allocates, frees, locks, logs, calls the system or panics; everything it needs
//! comes over rings and cells from [`RendererControl`], everything it is done with goes back
//! the same way. Start reading at [`Renderer::render`], then see [`crate::deck`].

mod remote;

use protocol::time::{LocalTime, Span};
use rtrb::{Consumer, Producer};
use sync_core::ClockEstimate;
use sync_core::device_clock::{DeviceClock, Observation};
use sync_core::stamp_check::{StampCheck, Trust};

use crate::deck::{Deck, DeckReport, DeckState, Heard, Setting};
use crate::event::DeviceStamp;
use crate::interpolate::Interpolator;
use crate::mute::Mute;
use crate::stereo::spread;
use crate::voice::Stereo;
use remote::RenderCommand;
pub(crate) use remote::{Assignment, RendererControl, renderer};

/// Longest stretch rendered at once; larger buffers are rendered in parts. (frames)
pub(crate) const CHUNK_FRAMES: usize = 1_024;

/// Decks at a time: what is on air, what follows, a place prepared on request, and one that is
/// still fading out.
pub(crate) const SLOTS: usize = 4;

/// How fast a new estimate of the swarm's clock is followed while music plays. (s)
///
/// The network's estimate moves in steps; the device's clock has to be followed fast. So the
/// steps are smoothed here, apart, and are heard as a few ppm of pitch.
const BEND_SECONDS: f64 = 2.0;

/// Fastest bend. (s/s)
const STEEPEST_BEND: f64 = 300e-6;

/// A step larger than this is not bent but left to the drift control. (s)
const LARGEST_BEND: f64 = 0.002;

/// Longest latency believed of a sound system whose stamps are not.
const LONGEST_LATENCY: Span = Span::from_millis(500);

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
    /// What is loaded.
    pub slots: [SlotReport; SLOTS],
    /// When the positions told are heard.
    pub at: LocalTime,
    /// Times the device's timeline broke.
    pub interruptions: u32,
    pub latency: Span,
    /// Whether the system's stamps are believed.
    pub trust: Trust,
    /// The device's rate against the local clock. (ppm)
    pub device_ppm: f64,
    /// One standard deviation of the device's clock.
    pub device_sigma: Option<Span>,
    /// True if that clock is known well enough to place a start by it.
    pub is_steady: bool,
}

impl RenderReport {
    /// What this deck was doing; nothing if it is not loaded yet, or no more.
    pub(crate) fn of(&self, deck: u64) -> DeckReport {
        let slot = self.slots.iter().find(|slot| slot.deck == deck);
        slot.map_or_else(DeckReport::default, |slot| slot.report)
    }
}

/// What one deck was doing last.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SlotReport {
    /// Which one; zero if the slot is empty.
    pub deck: u64,
    pub report: DeckReport,
}

/// One place for a deck.
#[derive(Default)]
struct Slot {
    deck: Option<Box<Deck>>,
    /// The deck whose end this one's beginning joins.
    joins: Option<u64>,
    last: DeckReport,
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
    slots: [Slot; SLOTS],
    is_alone: bool,
    estimate: Option<ClockEstimate>,
    /// What is still added to the estimate, so that its last step is not heard as one. (s)
    bend: f64,
    speaker_delay: Span,
    interruptions: u32,
    timing: CallbackTiming,
    commands: Consumer<RenderCommand>,
    estimates: triple_buffer::Output<Option<ClockEstimate>>,
    done: Producer<Box<Deck>>,
    reports: triple_buffer::Input<RenderReport>,
    stamps: Producer<DeviceStamp>,
    check: StampCheck,
    trust: Trust,
    mute: Mute,
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
        self.render_chunk(part);
    }

    /// Ends a buffer: reports.
    pub(crate) fn finish(&mut self) {
        self.publish();
    }

    fn follow_commands(&mut self) {
        if self.estimates.update()
            && let Some(estimate) = *self.estimates.output_buffer()
        {
            self.follow_estimate(estimate);
        }
        while let Ok(command) = self.commands.pop() {
            match command {
                RenderCommand::Load(deck) => self.load(deck),
                RenderCommand::Arrange(assignments, estimate) => {
                    // No bend: what the clock gained the plan has lost, and the other way round.
                    self.estimate = estimate.or(self.estimate);
                    self.arrange(&assignments);
                }
                RenderCommand::Alone(is_alone) => self.is_alone = is_alone,
                RenderCommand::Muted(muted) => self.mute.set(muted),
                RenderCommand::SpeakerDelay(delay) => {
                    let is_new = delay != self.speaker_delay;
                    self.speaker_delay = delay;
                    for deck in self.decks().filter(|_| is_new) {
                        deck.shift();
                    }
                }
            }
        }
    }

    fn decks(&mut self) -> impl Iterator<Item = &mut Box<Deck>> {
        self.slots.iter_mut().filter_map(|slot| slot.deck.as_mut())
    }

    fn load(&mut self, deck: Box<Deck>) {
        let free = self.slots.iter_mut().find(|slot| slot.deck.is_none());
        match free {
            Some(slot) => *slot = Slot { deck: Some(deck), ..Slot::default() },
            // Cannot be: nobody loads more than there are slots.
            None => self.send_back(deck),
        }
    }

    /// Gives every deck its part; one without an assignment goes.
    fn arrange(&mut self, assignments: &[Option<Assignment>; SLOTS]) {
        for index in 0..SLOTS {
            let slot = &mut self.slots[index];
            let Some(deck) = &mut slot.deck else { continue };
            let assigned = assignments.iter().flatten().find(|it| it.deck == deck.id);
            slot.joins = assigned.and_then(|it| it.joins);
            deck.set_part(assigned.and_then(|it| it.part));
            if assigned.is_none() {
                deck.dismiss();
            }
        }
    }

    /// Takes a new estimate. A clock that is lost gives none, and the music goes on by the last.
    fn follow_estimate(&mut self, estimate: ClockEstimate) {
        let is_playing = self.slots.iter().any(|slot| slot.last.state == DeckState::Playing);
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

    /// The device ran so much faster than its name when it was used before. (ppm)
    pub(crate) fn expect_rate_ppm(&mut self, ppm: f64) {
        self.device.expect_rate_ppm(ppm);
    }

    /// Nothing is heard from the first frame on, or everything.
    pub(crate) fn begin_muted(&mut self, muted: bool) {
        self.mute = Mute::begun(muted);
    }

    fn follow_device(&mut self, timing: CallbackTiming) {
        if timing.is_interrupted {
            self.device.restart();
            self.rendered = 0;
            self.interruptions += 1;
            self.decks().for_each(|deck| deck.interrupt());
        }
        // What waits in a fast card's queue is heard sooner than its nominal rate says: 4 µs
        // at 200 ppm and a period of 1024 frames.
        let CallbackTiming { heard, queued, is_interrupted, .. } = timing;
        let stamp = DeviceStamp { frame: self.rendered, heard, queued, is_interrupted };
        // Nobody may be listening: then the ring stays full.
        let _ = self.stamps.push(stamp);
        let sooner = queued.mul_f64(self.device.rate_ppm() * 1e-6);
        let now = heard - timing.latency;
        if is_interrupted && self.trust == Trust::Open {
            self.check.restart();
        }
        let trust = self.check.take(self.rendered, heard, now);
        if trust.is_doubted() && !self.trust.is_doubted() {
            self.device.restart();
        }
        self.trust = trust;
        let heard = if trust.is_doubted() {
            // The moments at which the device asks are its own clock too, only a rough one.
            now + timing.latency.clamp(Span::ZERO, LONGEST_LATENCY)
        } else {
            heard - sooner
        };
        if self.device.observe(self.rendered, heard) == Observation::TimelineMoved {
            self.interruptions += 1;
        }
    }

    fn render_chunk(&mut self, out: &mut [f32]) {
        let frames = out.len() / self.channels;
        let heard = self.heard(frames);
        let joints = self.joints();
        let bend = Span::from_secs_f64(self.bend);
        self.left[..frames].fill(0.0);
        self.right[..frames].fill(0.0);
        for (slot, joint) in self.slots.iter_mut().zip(joints) {
            let Some(deck) = &mut slot.deck else { continue };
            let (left, right) = (&mut self.left[..frames], &mut self.right[..frames]);
            let setting = Setting { heard, is_alone: self.is_alone, joint };
            slot.last = deck.render(&self.interpolator, Stereo { left, right }, setting);
            slot.last.error = slot.last.error.map(|error| error - bend);
        }
        self.mute.apply(&mut self.left[..frames], &mut self.right[..frames]);
        spread(&self.left[..frames], &self.right[..frames], out, self.channels);
        self.rendered += frames as u64;
        if let Some(heard) = heard {
            self.unbend((heard.end - heard.begin).as_secs_f64());
        }
        self.send_dismissed_back();
    }

    /// Where the decks' songs begin that join another, counted from the next frame.
    fn joints(&self) -> [Option<i64>; SLOTS] {
        std::array::from_fn(|index| {
            let before = self.slots[index].joins?;
            let decks = self.slots.iter().filter_map(|slot| slot.deck.as_ref());
            decks.filter(|deck| deck.id == before).find_map(|deck| deck.remaining())
        })
    }

    fn send_dismissed_back(&mut self) {
        for index in 0..SLOTS {
            let slot = &mut self.slots[index];
            if slot.deck.as_ref().is_some_and(|deck| deck.is_dismissed())
                && let Some(deck) = std::mem::take(slot).deck
            {
                self.send_back(deck);
            }
        }
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

    fn publish(&mut self) {
        let slots = self.slots.each_ref().map(|slot| SlotReport {
            deck: slot.deck.as_ref().map_or(0, |deck| deck.id),
            report: slot.last,
        });
        let heard = self.device.heard_at(self.rendered).unwrap_or(self.timing.heard);
        self.reports.write(RenderReport {
            slots,
            at: heard + self.speaker_delay,
            interruptions: self.interruptions,
            latency: self.timing.latency,
            trust: self.trust,
            device_ppm: self.device.rate_ppm(),
            device_sigma: self.device.uncertainty(),
            is_steady: self.device.is_steady(),
        });
    }
}

#[cfg(test)]
mod alone_tests;
#[cfg(test)]
mod schedule_tests;
#[cfg(test)]
pub(crate) mod stage;
#[cfg(test)]
mod tests;
