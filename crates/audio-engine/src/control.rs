//! The engine's own thread: opens devices, prepares songs, steers the audio callback.
//!
//! It owns everything that is neither the callback's nor a decoder's. It wakes for orders and
//! otherwise looks fifty times a second whether the callback has something to tell.

mod cue;
mod outputs;
mod silence;
mod tell;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use protocol::time::{MediaTime, Span};
use protocol::{FileId, LocalTime};
use sync_core::ClockEstimate;
use sync_core::schedule::Schedule;

use crate::decode::{DecoderReport, DecoderThread};
use crate::engine::{EngineConfig, OpenTrack, Orders, Shared, TrackOrder};
use crate::event::{EngineEvent, EventSink};
use crate::output::OpenOutput;
use crate::render::{RenderReport, RendererControl};
use crate::song::{SongError, SongInfo};
use cue::Loaded;
use silence::Silence;

/// How often the callback's reports are looked at.
const PATIENCE: Duration = Duration::from_millis(20);

/// Pause before a device that could not be opened is tried again; doubled each time.
const FIRST_RETRY: Span = Span::from_millis(100);

/// Reports of decoders under way. Decoders wait when it is full; each says little.
const DECODER_REPORTS: usize = 64;

/// Runs an engine.
pub(crate) struct Control {
    shared: Arc<Shared>,
    config: EngineConfig,
    events: EventSink,
    tracks: BTreeMap<FileId, Track>,
    schedule: Schedule,
    /// The clock the schedule is written in; the last one known while there is none.
    estimate: Option<ClockEstimate>,
    /// The clock that what the renderer was told is written in.
    written_in: Option<ClockEstimate>,
    is_alone: bool,
    /// A place to be kept decoded although nothing says yet when it is heard.
    wish: Option<(FileId, MediaTime)>,
    output: Option<Active>,
    silence: Silence,
    retry: Retry,
    reports: Receiver<(FileId, u64, DecoderReport)>,
    report_to: SyncSender<(FileId, u64, DecoderReport)>,
    /// Numbers decks and preparations.
    counter: u64,
    totals: Totals,
}

/// A prepared song.
struct Track {
    /// Tells this preparation from an earlier one of the same song.
    number: u64,
    open: OpenTrack,
    extension: Option<String>,
    /// A decoder that no deck uses.
    spare: Option<DecoderThread>,
    info: Option<SongInfo>,
    is_damaged: bool,
    has_failed: bool,
}

/// A device in use and what plays on it.
struct Active {
    device: OpenOutput,
    renderer: RendererControl,
    /// Since when it is open.
    opened: LocalTime,
    loaded: Vec<Loaded>,
    /// What the callback told last.
    seen: RenderReport,
    /// True when this is not the device asked for.
    is_substitute: bool,
}

struct Retry {
    at: Option<LocalTime>,
    pause: Span,
    is_told: bool,
    fault: Option<String>,
}

/// Counts over all devices used so far.
#[derive(Default)]
struct Totals {
    underruns: u32,
    starvations: u32,
    jumps: u32,
}

impl Control {
    pub(crate) fn new(shared: Arc<Shared>, config: EngineConfig, events: EventSink) -> Self {
        let (report_to, reports) = sync_channel(DECODER_REPORTS);
        let now = config.clock.now();
        Self {
            shared,
            config,
            events,
            tracks: BTreeMap::new(),
            schedule: Schedule::silent(),
            estimate: None,
            written_in: None,
            is_alone: false,
            wish: None,
            output: None,
            silence: Silence::default(),
            retry: Retry { at: Some(now), pause: FIRST_RETRY, is_told: false, fault: None },
            reports,
            report_to,
            counter: 0,
            totals: Totals::default(),
        }
    }

    /// Runs until told to stop.
    pub(crate) fn run(mut self) {
        loop {
            let orders = self.shared.take_orders(PATIENCE);
            if orders.is_stopping {
                return;
            }
            self.follow(orders);
            self.hear_decoders();
            self.keep_output();
            self.hear_callback();
            self.cue();
            self.publish();
        }
    }

    fn follow(&mut self, orders: Orders) {
        for (file_id, order) in orders.tracks {
            self.drop_track(&file_id);
            if let TrackOrder::Prepare { open, extension } = order {
                self.prepare(file_id, open, extension);
            }
        }
        if let Some(wish) = orders.wish {
            self.wish = Some(wish);
        }
        if let Some(is_alone) = orders.is_alone {
            self.is_alone = is_alone;
            if let Some(active) = &mut self.output {
                active.renderer.set_alone(is_alone);
            }
        }
        if let Some(delay) = orders.speaker_delay {
            self.config.speaker_delay = delay;
            if let Some(active) = &mut self.output {
                active.renderer.set_speaker_delay(delay);
            }
        }
        if let Some(muted) = orders.muted {
            self.silence.wish(muted);
            self.follow_silence();
        }
        if let Some(id) = orders.output
            && id != self.config.output
        {
            self.silence.output_chosen();
            self.config.output = id;
            self.close_output();
        }
        if let Some((estimate, schedule)) = orders.timeline {
            self.follow_timeline(estimate, schedule);
        }
    }

    fn follow_silence(&mut self) {
        let is_silent = self.silence.reason().is_some();
        if let Some(active) = &mut self.output {
            active.renderer.set_muted(is_silent);
        }
    }

    fn follow_timeline(&mut self, estimate: Option<ClockEstimate>, schedule: Schedule) {
        // What comes after silence may be written in the clock of another swarm.
        let is_forgotten = schedule.is_silent() && estimate.is_none();
        if estimate.is_some() || is_forgotten {
            self.estimate = estimate;
        }
        self.schedule = schedule;
    }

    fn prepare(&mut self, file_id: FileId, open: OpenTrack, extension: Option<String>) {
        self.counter += 1;
        let number = self.counter;
        let mut track = Track {
            number,
            open,
            extension,
            spare: None,
            info: None,
            is_damaged: false,
            has_failed: false,
        };
        match Self::decoder(&self.report_to, &file_id, &track) {
            Ok(decoder) => {
                track.spare = Some(decoder);
                self.tracks.insert(file_id, track);
            }
            Err(error) => {
                let error = SongError::Read(error);
                self.events.put(EngineEvent::TrackFailed { file_id, error });
            }
        }
    }

    /// One more decoder of a song.
    fn decoder(
        report_to: &SyncSender<(FileId, u64, DecoderReport)>,
        file_id: &FileId,
        track: &Track,
    ) -> std::io::Result<DecoderThread> {
        let report_to = report_to.clone();
        let (about, number) = (file_id.clone(), track.number);
        DecoderThread::spawn((track.open)()?, track.extension.clone(), move |report| {
            // Nobody listens any more once the engine has stopped.
            let _ = report_to.send((about.clone(), number, report));
        })
    }

    /// Forgets a song and ends its reading.
    fn drop_track(&mut self, file_id: &FileId) {
        self.tracks.remove(file_id);
        if self.wish.as_ref().is_some_and(|(wished, _)| wished == file_id) {
            self.wish = None;
        }
        if let Some(active) = &mut self.output {
            for loaded in active.loaded.iter_mut().filter(|loaded| loaded.file_id == *file_id) {
                loaded.retire();
            }
        }
    }

    fn hear_decoders(&mut self) {
        while let Ok((file_id, number, report)) = self.reports.try_recv() {
            let Some(track) = self.tracks.get_mut(&file_id).filter(|track| track.number == number)
            else {
                continue;
            };
            match report {
                // Every further decoder of a song finds the same.
                DecoderReport::Ready(_) if track.info.is_some() => {}
                DecoderReport::Damaged(_) if track.is_damaged => {}
                DecoderReport::Failed(_) if track.has_failed => {}
                DecoderReport::Ready(info) => {
                    track.info = Some(info);
                    self.events.put(EngineEvent::TrackReady {
                        file_id,
                        duration: duration_of(info),
                        sample_rate: info.sample_rate,
                        channels: info.channels,
                    });
                }
                DecoderReport::Damaged(at) => {
                    track.is_damaged = true;
                    self.events.put(EngineEvent::TrackDamaged { file_id, at });
                }
                DecoderReport::Failed(error) => {
                    tracing::warn!(%error, "a song cannot be played");
                    track.has_failed = true;
                    track.spare = None;
                    self.events.put(EngineEvent::TrackFailed { file_id, error });
                }
            }
        }
    }
}

fn duration_of(info: SongInfo) -> Option<Span> {
    let frames = info.about?;
    Some(Span::from_secs_f64(frames as f64 / f64::from(info.sample_rate)))
}
