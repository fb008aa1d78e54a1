//! The handle to the engine, and the orders that go through it.
//!
//! [`Engine`] may be called from any thread and never waits. Orders do not queue up: each
//! kind has one place where the newest one waits, so nothing can overflow. A thread of the
//! engine's own takes them from there; see [`crate::control`].

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use protocol::FileId;
use protocol::host::PlaybackState;
use protocol::time::{LocalTime, MediaTime, Span};
use sync_core::ClockEstimate;
use sync_core::schedule::Schedule;

use crate::clock::MonotonicClock;
use crate::control::Control;
use crate::event::{DeviceStamp, EngineEvents, EngineStatus, event_queue};
use crate::passage::SAME_PLACE;
use crate::source::TrackSource;

/// How an engine starts.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// The clock that plans and estimates refer to.
    pub clock: MonotonicClock,
    /// The output's id from [`crate::list_outputs`]; the system's default if absent.
    pub output: Option<String>,
    /// How late the speaker sounds after the system says it does. Zero or more.
    pub speaker_delay: Span,
    /// How much faster than their names devices ran when they were used before, by their ids.
    /// (parts per million)
    pub rates: BTreeMap<String, f64>,
}

/// Opens a song's file, at its start. Called once for every place of the song that has to be
/// decoded at the same time, from the engine's own thread.
pub type OpenTrack = Arc<dyn Fn() -> io::Result<Box<dyn TrackSource>> + Send + Sync>;

/// Plays songs when and where plans say. Dropping it stops everything.
pub struct Engine {
    shared: Arc<Shared>,
    clock: MonotonicClock,
    thread: Option<JoinHandle<()>>,
}

/// What the handle and the engine's thread share.
pub(crate) struct Shared {
    orders: Mutex<Orders>,
    wake: Condvar,
    status: Mutex<Snapshot>,
    stamps: Mutex<VecDeque<DeviceStamp>>,
}

/// Stamps kept for whoever asks: ten seconds' at the usual period.
const STAMPS: usize = 512;

/// The newest order of each kind.
#[derive(Default)]
pub(crate) struct Orders {
    pub tracks: BTreeMap<FileId, TrackOrder>,
    pub timeline: Option<(Option<ClockEstimate>, Schedule)>,
    pub wish: Option<(FileId, MediaTime)>,
    pub is_alone: Option<bool>,
    pub speaker_delay: Option<Span>,
    pub output: Option<Option<String>>,
    pub is_stopping: bool,
    pub muted: Option<bool>,
}

pub(crate) enum TrackOrder {
    Prepare { open: OpenTrack, extension: Option<String> },
    Release,
}

/// A status and when its position was heard.
#[derive(Clone, Default)]
pub(crate) struct Snapshot {
    pub status: EngineStatus,
    pub heard: LocalTime,
    /// The places that can be heard at once.
    pub cued: Vec<(FileId, MediaTime)>,
}

impl Engine {
    /// Starts an engine. It opens its output in the background, and keeps trying if there is
    /// none.
    ///
    /// # Panics
    ///
    /// If the system has no thread left.
    pub fn start(config: EngineConfig) -> (Self, EngineEvents) {
        let (sink, events) = event_queue();
        let shared = Arc::new(Shared {
            orders: Mutex::new(Orders::default()),
            wake: Condvar::new(),
            status: Mutex::new(Snapshot::default()),
            stamps: Mutex::new(VecDeque::new()),
        });
        let clock = config.clock;
        let theirs = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("audio-control".into())
            .spawn(move || Control::new(theirs, config, sink).run())
            .expect("a program that cannot start a thread cannot go on");
        (Self { shared, clock, thread: Some(thread) }, events)
    }

    /// Opens a song, ready to be played from anywhere. Replaces an earlier one of the same id.
    /// `format_hint` is what the file's name ends in, without the dot.
    pub fn prepare(&self, file_id: FileId, format_hint: Option<&str>, open: OpenTrack) {
        let extension = format_hint.map(str::to_owned);
        self.order(|orders| {
            orders.tracks.insert(file_id, TrackOrder::Prepare { open, extension });
        });
    }

    /// Forgets a song; reads from its source end at once.
    pub fn release(&self, file_id: &FileId) {
        self.order(|orders| {
            orders.tracks.insert(file_id.clone(), TrackOrder::Release);
        });
    }

    /// What the swarm's time line says, and the clock it is written in: the only transport
    /// control there is. What is on air plays on until the next entry's instant. Without a
    /// clock, what plays goes on by the last. Both count from the same moment, so that a
    /// schedule may change its clock unheard.
    pub fn set_timeline(&self, clock: Option<ClockEstimate>, schedule: Schedule) {
        self.order(|orders| orders.timeline = Some((clock, schedule)));
    }

    /// Has this place decoded, so that a start from there can follow at once. One place at a
    /// time, beside what the schedule asks for.
    pub fn cue(&self, file_id: FileId, position: MediaTime) {
        self.order(|orders| orders.wish = Some((file_id, position)));
    }

    /// True if a start of this song from there can follow at once: it was cued or scheduled,
    /// and is decoded.
    pub fn is_cued(&self, file_id: &FileId, position: MediaTime) -> bool {
        self.shared
            .snapshot()
            .cued
            .iter()
            .any(|(cued, place)| cued == file_id && (*place - position).abs() < SAME_PLACE)
    }

    /// Nobody else plays: a song of the device's own rate then comes out bit for bit, at the
    /// price of drifting from the time line by what the device's clock is wrong. With company
    /// it goes back to its place.
    pub fn set_alone(&self, is_alone: bool) {
        self.order(|orders| orders.is_alone = Some(is_alone));
    }

    /// How late the speaker sounds after the system says it does. Zero or more.
    pub fn set_speaker_delay(&self, delay: Span) {
        self.order(|orders| orders.speaker_delay = Some(delay));
    }

    /// Where the sound goes: an id from [`crate::list_outputs`], or the system's default.
    pub fn set_output(&self, id: Option<String>) {
        self.order(|orders| orders.output = Some(id));
    }

    /// Silences this device, or lets it be heard again, also after the output in use went away.
    /// The song goes on unheard, so that it is heard in its place afterwards.
    pub fn set_muted(&self, muted: bool) {
        self.order(|orders| orders.muted = Some(muted));
    }

    /// What the engine is doing now.
    pub fn status(&self) -> EngineStatus {
        let Snapshot { mut status, heard, .. } = self.shared.snapshot().clone();
        if status.state == PlaybackState::Playing {
            let since = self.clock.now() - heard;
            status.position = status.position.map(|position| position + since);
        }
        status
    }

    /// What the sound system told since this was last asked, the latest of it if that is long
    /// ago. For traces.
    pub fn take_stamps(&self) -> Vec<DeviceStamp> {
        self.shared.stamps().drain(..).collect()
    }

    fn order(&self, give: impl FnOnce(&mut Orders)) {
        give(&mut self.shared.orders());
        self.shared.wake.notify_one();
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.order(|orders| orders.is_stopping = true);
        if let Some(thread) = self.thread.take() {
            // Its panic, if it had one, was reported when it happened.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn orders(&self) -> MutexGuard<'_, Orders> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stamps(&self) -> MutexGuard<'_, VecDeque<DeviceStamp>> {
        self.stamps.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps what the sound system told.
    pub(crate) fn keep_stamps(&self, told: impl Iterator<Item = DeviceStamp>) {
        let mut stamps = self.stamps();
        stamps.extend(told);
        let surplus = stamps.len().saturating_sub(STAMPS);
        stamps.drain(..surplus);
    }

    pub(crate) fn snapshot(&self) -> MutexGuard<'_, Snapshot> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the orders given since last time, waiting at most `patience` for some.
    pub(crate) fn take_orders(&self, patience: Duration) -> Orders {
        let orders = self.orders();
        let (mut orders, _) = self
            .wake
            .wait_timeout_while(orders, patience, |orders| orders.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *orders)
    }
}

impl Orders {
    fn is_empty(&self) -> bool {
        self.tracks.is_empty()
            && self.timeline.is_none()
            && self.wish.is_none()
            && self.is_alone.is_none()
            && self.speaker_delay.is_none()
            && self.output.is_none()
            && self.muted.is_none()
            && !self.is_stopping
    }
}
