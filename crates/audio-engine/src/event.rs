//! What the engine tells: events as they happen, and its state whenever asked.

use std::sync::mpsc::{
    Receiver, RecvTimeoutError, SyncSender, TryRecvError, TrySendError, sync_channel,
};
use std::time::Duration;

use protocol::FileId;
use protocol::host::{Muted, PlaybackState};
use protocol::time::{LocalTime, MediaTime, Span};

use crate::output::{OutputError, OutputInfo};
use crate::song::SongError;

/// Events under way. A reader that lets this many pile up has stopped reading.
const EVENTS: usize = 256;

/// Something that happened.
#[derive(Debug)]
pub enum EngineEvent {
    /// A device is in use.
    OutputOpened(OutputInfo),
    /// The device in use is gone; it is tried again, and others are.
    OutputLost {
        /// What the system said.
        reason: String,
    },
    /// No device could be opened; trying goes on. Told once until one is opened.
    OutputUnavailable {
        /// What the system said.
        reason: OutputError,
    },
    /// A prepared song is open and its beginning can be decoded.
    TrackReady {
        /// Which song.
        file_id: FileId,
        /// Its length, where the file tells or hints it.
        duration: Option<Span>,
        /// Its own rate. (frames per second)
        sample_rate: u32,
        /// Its own channels.
        channels: u16,
    },
    /// A prepared song cannot be played, or not any further.
    TrackFailed {
        /// Which song.
        file_id: FileId,
        /// Why.
        error: SongError,
    },
    /// Part of a song is missing in its file; that part is silent.
    TrackDamaged {
        /// Which song.
        file_id: FileId,
        /// Where the damage begins.
        at: MediaTime,
    },
    /// A planned song sounds now, or another place of it.
    Started {
        /// Which song.
        file_id: FileId,
    },
    /// A planned song is over.
    Ended {
        /// Which song.
        file_id: FileId,
    },
    /// What the sound system tells of the device's position has nothing to do with it; songs are
    /// placed by when the device asks for sound, which is rougher.
    StampsDoubted,
    /// The sound card ran dry: sound was lost, the timeline was kept.
    Underrun {
        /// How often since the engine started.
        total: u32,
    },
    /// A song fell silent because data was late; it goes on in its place.
    Starved {
        /// Which song.
        file_id: FileId,
    },
    /// A song was moved to its place audibly.
    Jumped {
        /// Which song.
        file_id: FileId,
        /// How late it was heard before.
        error: Span,
    },
}

/// What the engine is doing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EngineStatus {
    /// What it does about the plan.
    pub state: PlaybackState,
    /// The song of the plan.
    pub file_id: Option<FileId>,
    /// The position heard now.
    pub position: Option<MediaTime>,
    /// Length of the planned song, where known.
    pub duration: Option<Span>,
    /// How late the planned song is heard, as measured last.
    pub error: Option<Span>,
    /// Speed correction, device rate included. (parts per million)
    pub trim_ppm: Option<f64>,
    /// Times a song was moved to its place audibly since the engine started.
    pub jumps: u32,
    /// Times the sound card ran dry since the engine started.
    pub underruns: u32,
    /// Times a song fell silent for want of data since the engine started.
    pub starvations: u32,
    /// The device in use.
    pub output: Option<OutputStatus>,
    /// Why the device asked for, or any, is not in use.
    pub output_fault: Option<String>,
    /// Why nothing is heard although something plays.
    pub muted: Option<Muted>,
}

/// The device in use.
#[derive(Clone, Debug, PartialEq)]
pub struct OutputStatus {
    /// Which one, and how.
    pub info: OutputInfo,
    /// Delay the system reports between writing and hearing.
    pub latency: Span,
    /// How long before it is heard a sound must be known: `latency`, and the time until the
    /// device asks again.
    pub notice: Span,
    /// The device's rate against the local clock. (parts per million)
    pub rate_ppm: f64,
    /// One standard deviation of when a frame is heard; none until measured.
    pub clock_sigma: Option<Span>,
}

/// What the sound system told with one buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeviceStamp {
    /// The buffer's first frame, counted from the last interruption.
    pub frame: u64,
    /// When that frame is heard.
    pub heard: LocalTime,
    /// The part of the latency that was told in frames.
    pub queued: Span,
    /// True if sound was lost since the buffer before.
    pub is_interrupted: bool,
}

/// Where the engine's events come out.
pub struct EngineEvents {
    events: Receiver<EngineEvent>,
}

impl EngineEvents {
    /// Waits for the next event; none once the engine has ended.
    pub fn recv(&self) -> Option<EngineEvent> {
        self.events.recv().ok()
    }

    /// Waits at most `timeout` for the next event.
    ///
    /// # Errors
    ///
    /// Says whether the time is over or the engine has ended.
    pub fn recv_timeout(&self, timeout: Duration) -> Result<EngineEvent, RecvTimeoutError> {
        self.events.recv_timeout(timeout)
    }

    /// The next event, if there is one.
    ///
    /// # Errors
    ///
    /// Says whether there is none or the engine has ended.
    pub fn try_recv(&self) -> Result<EngineEvent, TryRecvError> {
        self.events.try_recv()
    }
}

/// Where the engine puts its events.
pub(crate) struct EventSink {
    events: SyncSender<EngineEvent>,
}

pub(crate) fn event_queue() -> (EventSink, EngineEvents) {
    let (sender, receiver) = sync_channel(EVENTS);
    (EventSink { events: sender }, EngineEvents { events: receiver })
}

impl EventSink {
    /// Puts an event; if nobody reads, the newest are dropped, since status tells the rest.
    pub(crate) fn put(&self, event: EngineEvent) {
        if let Err(TrySendError::Full(event)) = self.events.try_send(event) {
            tracing::debug!(?event, "event dropped: nobody reads");
        }
    }
}
