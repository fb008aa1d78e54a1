//! The other end of a renderer, for the thread that steers it.

use protocol::time::Span;
use rtrb::{Consumer, Producer, RingBuffer};
use sync_core::ClockEstimate;
use sync_core::device_clock::DeviceClock;
use sync_core::stamp_check::{StampCheck, Trust};
use triple_buffer::triple_buffer;

use super::{CHUNK_FRAMES, CallbackTiming, RenderReport, Renderer, SLOTS};
use crate::deck::Deck;
use crate::event::DeviceStamp;
use crate::interpolate::Interpolator;
use crate::mute::Mute;
use crate::passage::Part;

/// Orders under way. More than two per callback are rare.
const COMMANDS: usize = 64;

/// Stamps under way: a second's, at the shortest periods there are.
const STAMPS: usize = 256;

/// What a loaded deck is there for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Assignment {
    pub deck: u64,
    /// What it plays; none if it only keeps its place decoded.
    pub part: Option<Part>,
    /// The deck whose end its beginning joins.
    pub joins: Option<u64>,
}

#[expect(clippy::large_enum_variant, reason = "a box would have to be freed in the callback")]
pub(super) enum RenderCommand {
    /// Take this deck in, and keep its place at hand.
    Load(Box<Deck>),
    /// These decks stay, each for what is said here; all others go. All count from one
    /// callback on, together with the clock they are written in if that is another.
    Arrange([Option<Assignment>; SLOTS], Option<ClockEstimate>),
    /// Nobody else plays, or somebody does.
    Alone(bool),
    SpeakerDelay(Span),
    Muted(bool),
}

/// Steers a [`Renderer`].
pub(crate) struct RendererControl {
    sample_rate: u32,
    commands: Producer<RenderCommand>,
    estimates: triple_buffer::Input<Option<ClockEstimate>>,
    done: Consumer<Box<Deck>>,
    reports: triple_buffer::Output<RenderReport>,
    stamps: Consumer<DeviceStamp>,
}

/// A renderer for a device of this rate and so many channels, and what steers it.
pub(crate) fn renderer(sample_rate: u32, channels: u16) -> (Renderer, RendererControl) {
    let (command_in, command_out) = RingBuffer::new(COMMANDS);
    // Each deck that comes back was loaded by a command, so this ring cannot be fuller.
    let (done_in, done_out) = RingBuffer::new(2 * COMMANDS);
    let (estimate_in, estimate_out) = triple_buffer(&None);
    let (report_in, report_out) = triple_buffer(&RenderReport::default());
    let (stamp_in, stamp_out) = RingBuffer::new(STAMPS);
    let plane = || vec![0.0; CHUNK_FRAMES].into_boxed_slice();
    let renderer = Renderer {
        channels: usize::from(channels.max(1)),
        device: DeviceClock::new(sample_rate),
        rendered: 0,
        interpolator: Interpolator::new(),
        left: plane(),
        right: plane(),
        slots: Default::default(),
        is_alone: false,
        estimate: None,
        bend: 0.0,
        speaker_delay: Span::ZERO,
        interruptions: 0,
        timing: CallbackTiming::default(),
        commands: command_out,
        estimates: estimate_out,
        done: done_in,
        reports: report_in,
        stamps: stamp_in,
        check: StampCheck::new(sample_rate),
        trust: Trust::Open,
        mute: Mute::default(),
    };
    let control = RendererControl {
        sample_rate,
        commands: command_in,
        estimates: estimate_in,
        done: done_out,
        reports: report_out,
        stamps: stamp_out,
    };
    (renderer, control)
}

impl RendererControl {
    pub(crate) fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    /// Hands `deck` over. False if the renderer has not listened for a long time; the deck is
    /// dropped then.
    pub(crate) fn load(&mut self, deck: Box<Deck>) -> bool {
        self.commands.push(RenderCommand::Load(deck)).is_ok()
    }

    /// Says what the loaded decks are for; those that are not named go. The lines are written
    /// in the clock of `estimate`, if it is given. False as in [`Self::load`].
    pub(crate) fn arrange(
        &mut self,
        assignments: [Option<Assignment>; SLOTS],
        estimate: Option<ClockEstimate>,
    ) -> bool {
        self.commands.push(RenderCommand::Arrange(assignments, estimate)).is_ok()
    }

    /// False as in [`Self::load`].
    pub(crate) fn set_alone(&mut self, is_alone: bool) -> bool {
        self.commands.push(RenderCommand::Alone(is_alone)).is_ok()
    }

    /// False as in [`Self::load`].
    pub(crate) fn set_speaker_delay(&mut self, delay: Span) -> bool {
        self.commands.push(RenderCommand::SpeakerDelay(delay)).is_ok()
    }

    /// False as in [`Self::load`].
    pub(crate) fn set_muted(&mut self, muted: bool) -> bool {
        self.commands.push(RenderCommand::Muted(muted)).is_ok()
    }

    pub(crate) fn set_estimate(&mut self, estimate: Option<ClockEstimate>) {
        self.estimates.write(estimate);
    }

    /// Frees decks that the renderer is done with, and names them.
    pub(crate) fn collect(&mut self) -> impl Iterator<Item = u64> {
        std::iter::from_fn(|| self.done.pop().ok().map(|deck| deck.id))
    }

    /// What the sound system told since last time.
    pub(crate) fn stamps(&mut self) -> impl Iterator<Item = DeviceStamp> {
        std::iter::from_fn(|| self.stamps.pop().ok())
    }

    pub(crate) fn report(&mut self) -> RenderReport {
        *self.reports.read()
    }
}
