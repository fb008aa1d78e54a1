//! The engine's own thread: opens devices, prepares songs, steers the audio callback.
//!
//! It owns everything that is neither the callback's nor a decoder's. It wakes for orders and
//! otherwise looks fifty times a second whether the callback has something to tell.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use protocol::host::PlaybackState;
use protocol::time::Span;
use protocol::{FileId, LocalTime};
use sync_core::{ClockEstimate, PlayoutPlan};

use crate::deck::{Deck, DeckState, PlanLine};
use crate::decode::{DecoderReport, DecoderThread};
use crate::engine::{EngineConfig, Orders, Shared, Snapshot, TrackOrder};
use crate::event::{EngineEvent, EngineStatus, EventSink, OutputStatus};
use crate::output::{self, OpenOutput, OutputError};
use crate::render::{CHUNK_FRAMES, RenderReport, RendererControl, renderer};
use crate::song::{SongError, SongInfo};
use crate::window::window;

/// How often the callback's reports are looked at.
const PATIENCE: Duration = Duration::from_millis(20);

/// Pause before a device that could not be opened is tried again; doubled each time…
const FIRST_RETRY: Span = Span::from_millis(100);

/// …up to this. Also how often the device asked for is tried while another serves.
const LONGEST_RETRY: Span = Span::from_secs(5);

/// Reports of decoders under way. Decoders wait when it is full; each says little.
const DECODER_REPORTS: usize = 64;

/// Runs an engine.
pub(crate) struct Control {
    shared: Arc<Shared>,
    config: EngineConfig,
    events: EventSink,
    tracks: BTreeMap<FileId, Track>,
    plan: Option<PlayoutPlan>,
    estimate: Option<ClockEstimate>,
    output: Option<Active>,
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
    decoder: DecoderThread,
    info: Option<SongInfo>,
    has_failed: bool,
    /// Decoded for the present device and not loaded yet.
    deck: Option<Box<Deck>>,
}

/// A device in use and what plays on it.
struct Active {
    device: OpenOutput,
    renderer: RendererControl,
    loaded: Option<Loaded>,
    /// What the callback told last.
    seen: RenderReport,
    /// True when this is not the device asked for.
    is_substitute: bool,
}

struct Loaded {
    deck: u64,
    file_id: FileId,
    has_started: bool,
    has_ended: bool,
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
            plan: None,
            estimate: None,
            output: None,
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
            let is_replanned = self.follow(orders);
            self.hear_decoders();
            self.keep_output();
            self.cue(is_replanned);
            self.hear_callback();
            self.publish();
        }
    }

    /// Follows orders; true if the plan was set.
    fn follow(&mut self, orders: Orders) -> bool {
        for (file_id, order) in orders.tracks {
            self.drop_track(&file_id);
            if let TrackOrder::Prepare { source, extension } = order {
                self.prepare(file_id, source, extension);
            }
        }
        if let Some(delay) = orders.speaker_delay {
            self.config.speaker_delay = delay;
            if let Some(active) = &mut self.output {
                active.renderer.set_speaker_delay(delay);
            }
        }
        if let Some(id) = orders.output
            && id != self.config.output
        {
            self.config.output = id;
            self.close_output();
        }
        let Some((estimate, plan)) = orders.timeline else { return false };
        let is_replanned = plan != self.plan;
        // A song that goes on under a moved plan takes the new clock together with it.
        let goes_on = is_replanned
            && plan.as_ref().map(|plan| &plan.file_id)
                == self.plan.as_ref().map(|plan| &plan.file_id);
        self.estimate = estimate;
        self.plan = plan;
        if let Some(active) = self.output.as_mut().filter(|_| !goes_on) {
            active.renderer.set_estimate(estimate);
        }
        is_replanned
    }

    fn prepare(
        &mut self,
        file_id: FileId,
        source: Box<dyn crate::source::TrackSource>,
        extension: Option<String>,
    ) {
        self.counter += 1;
        let number = self.counter;
        let report_to = self.report_to.clone();
        let about = file_id.clone();
        let decoder = DecoderThread::spawn(source, extension, move |report| {
            // Nobody listens any more once the engine has stopped.
            let _ = report_to.send((about.clone(), number, report));
        });
        match decoder {
            Ok(decoder) => {
                let track = Track { number, decoder, info: None, has_failed: false, deck: None };
                self.tracks.insert(file_id, track);
            }
            Err(error) => {
                let error = SongError::Read(error);
                self.events.put(EngineEvent::TrackFailed { file_id, error });
            }
        }
    }

    fn drop_track(&mut self, file_id: &FileId) {
        self.tracks.remove(file_id);
        if let Some(active) = &mut self.output
            && active.loaded.as_ref().is_some_and(|loaded| loaded.file_id == *file_id)
        {
            active.loaded = None;
            active.renderer.set_timeline(None, None);
        }
    }

    fn hear_decoders(&mut self) {
        while let Ok((file_id, number, report)) = self.reports.try_recv() {
            let Some(track) = self.tracks.get_mut(&file_id).filter(|track| track.number == number)
            else {
                continue;
            };
            match report {
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
                    self.events.put(EngineEvent::TrackDamaged { file_id, at });
                }
                DecoderReport::Failed(error) => {
                    tracing::warn!(%error, "a song cannot be played");
                    track.has_failed = true;
                    track.deck = None;
                    self.events.put(EngineEvent::TrackFailed { file_id, error });
                }
            }
        }
    }

    /// Opens a device if there is none, replaces a lost one, and returns to the one asked for.
    fn keep_output(&mut self) {
        if let Some(active) = &self.output
            && let Some(reason) = active.device.fault()
        {
            tracing::warn!(reason, "the output is lost");
            self.close_output();
            self.events.put(EngineEvent::OutputLost { reason: reason.into() });
        }
        if self.retry.at.is_none_or(|at| self.config.clock.now() < at) {
            return;
        }
        match self.open(self.config.output.as_deref()) {
            Ok(active) => self.use_output(active, None),
            Err(error) if self.output.is_some() => self.retry_later(&error),
            Err(error) => match self.config.output.as_ref().map(|_| self.open(None)) {
                Some(Ok(mut substitute)) => {
                    substitute.is_substitute = true;
                    self.use_output(substitute, Some(error));
                }
                _ => {
                    self.retry_later(&error);
                    if !self.retry.is_told {
                        self.retry.is_told = true;
                        tracing::warn!(%error, "no output");
                        self.events.put(EngineEvent::OutputUnavailable { reason: error });
                    }
                }
            },
        }
    }

    fn open(&self, id: Option<&str>) -> Result<Active, OutputError> {
        let (device, mut renderer) = output::open(id, self.config.clock, renderer)?;
        renderer.set_estimate(self.estimate);
        renderer.set_speaker_delay(self.config.speaker_delay);
        let seen = RenderReport::default();
        Ok(Active { device, renderer, loaded: None, seen, is_substitute: false })
    }

    fn use_output(&mut self, active: Active, instead_of: Option<OutputError>) {
        self.close_output();
        let info = active.device.info().clone();
        tracing::info!(
            rate = info.sample_rate,
            channels = info.channels,
            period = active.device.period(),
            "output opened"
        );
        self.events.put(EngineEvent::OutputOpened(info));
        self.retry = Retry {
            at: active.is_substitute.then(|| self.config.clock.now() + LONGEST_RETRY),
            pause: FIRST_RETRY,
            is_told: false,
            fault: instead_of.map(|error| error.to_string()),
        };
        self.output = Some(active);
    }

    fn retry_later(&mut self, error: &OutputError) {
        self.retry.at = Some(self.config.clock.now() + self.retry.pause);
        self.retry.pause = self.retry.pause.mul_f64(2.0).min(LONGEST_RETRY);
        self.retry.fault = Some(error.to_string());
    }

    /// Closes the device; what was decoded for it is of no use for another.
    fn close_output(&mut self) {
        if let Some(active) = self.output.take() {
            self.totals.underruns += active.seen.interruptions;
        }
        for track in self.tracks.values_mut() {
            track.deck = None;
        }
        self.retry.at = Some(self.config.clock.now());
    }

    /// Sees that ready songs are decoded for the device and that the planned one is loaded.
    fn cue(&mut self, is_replanned: bool) {
        let Some(active) = &mut self.output else { return };
        let loaded = active.loaded.as_ref().map(|loaded| &loaded.file_id);
        for (file_id, track) in &mut self.tracks {
            let is_wanted = track.info.is_some() && !track.has_failed;
            if is_wanted && track.deck.is_none() && loaded != Some(file_id) {
                self.counter += 1;
                let (writer, reader) = window(active.renderer.sample_rate());
                track.decoder.attach(writer);
                track.deck = Some(Box::new(Deck::new(self.counter, reader, CHUNK_FRAMES)));
            }
        }
        let Some(plan) = &self.plan else {
            if is_replanned && active.loaded.is_some() {
                active.renderer.set_timeline(None, None);
            }
            return;
        };
        let line = Some(PlanLine::from(plan));
        if let Some(loaded) = &mut active.loaded
            && loaded.file_id == plan.file_id
        {
            if is_replanned && active.renderer.set_timeline(line, self.estimate) {
                loaded.has_started = false;
                loaded.has_ended = false;
            }
            return;
        }
        let deck = self.tracks.get_mut(&plan.file_id).and_then(|track| track.deck.take());
        match deck {
            Some(deck) => {
                let number = deck.id;
                if active.renderer.load(deck, line) {
                    active.loaded = Some(Loaded {
                        deck: number,
                        file_id: plan.file_id.clone(),
                        has_started: false,
                        has_ended: false,
                    });
                }
            }
            // Planned but not ready: what was on before is over all the same.
            None if is_replanned && active.loaded.is_some() => {
                active.renderer.set_timeline(None, None);
            }
            None => {}
        }
    }

    /// Turns what the callback did into events.
    fn hear_callback(&mut self) {
        let Some(active) = &mut self.output else { return };
        active.renderer.collect();
        let report = active.renderer.report();
        let before = std::mem::replace(&mut active.seen, report);
        if report.interruptions > before.interruptions {
            let total = self.totals.underruns + report.interruptions;
            self.events.put(EngineEvent::Underrun { total });
        }
        let Some(loaded) = &mut active.loaded else { return };
        if report.deck != loaded.deck {
            return;
        }
        let is_same = before.deck == report.deck;
        let since = |now: u32, then: u32| now.saturating_sub(if is_same { then } else { 0 });
        let file_id = || loaded.file_id.clone();
        if since(report.jumps, before.jumps) > 0 {
            let error = before.error.or(report.error).unwrap_or(Span::ZERO);
            self.events.put(EngineEvent::Jumped { file_id: file_id(), error });
        }
        let starvations = since(report.gaps, before.gaps);
        if starvations > 0 {
            self.totals.starvations += starvations;
            self.events.put(EngineEvent::Starved { file_id: file_id() });
        }
        if report.state == DeckState::Playing && !loaded.has_started {
            loaded.has_started = true;
            self.events.put(EngineEvent::Started { file_id: loaded.file_id.clone() });
        }
        if report.state == DeckState::Ended && !loaded.has_ended {
            loaded.has_ended = true;
            self.events.put(EngineEvent::Ended { file_id: loaded.file_id.clone() });
        }
    }

    fn publish(&mut self) {
        let mut status = EngineStatus {
            file_id: self.plan.as_ref().map(|plan| plan.file_id.clone()),
            underruns: self.totals.underruns,
            starvations: self.totals.starvations,
            output_fault: self.retry.fault.clone(),
            ..EngineStatus::default()
        };
        let track = self.plan.as_ref().and_then(|plan| self.tracks.get(&plan.file_id));
        status.duration = track.and_then(|track| track.info).and_then(duration_of);
        status.state = match (&self.plan, track) {
            (None, _) => PlaybackState::Stopped,
            (Some(_), Some(track)) if track.has_failed => PlaybackState::Failed,
            (Some(_), _) => PlaybackState::Waiting,
        };
        let mut heard = Default::default();
        if let Some(active) = &self.output {
            let report = active.seen;
            status.underruns += report.interruptions;
            let info = active.device.info().clone();
            let period = f64::from(active.device.period().unwrap_or(0));
            let notice = report.latency + Span::from_secs_f64(period / f64::from(info.sample_rate));
            status.output = Some(OutputStatus {
                info,
                latency: report.latency,
                notice,
                rate_ppm: report.device_ppm,
                clock_sigma: report.device_sigma,
            });
            let loaded = active.loaded.as_ref().filter(|loaded| {
                loaded.deck == report.deck
                    && self.plan.as_ref().is_some_and(|plan| plan.file_id == loaded.file_id)
            });
            if loaded.is_some() && status.state == PlaybackState::Waiting {
                status.state = match report.state {
                    DeckState::Idle | DeckState::Waiting => PlaybackState::Waiting,
                    DeckState::Armed => PlaybackState::Armed,
                    DeckState::Playing => PlaybackState::Playing,
                    DeckState::Ended => PlaybackState::Ended,
                };
                status.position = report.position;
                status.error = report.error;
                status.trim_ppm = Some(report.trim_ppm);
                status.jumps = report.jumps;
                heard = report.at;
            }
        }
        *self.shared.snapshot() = Snapshot { status, heard };
    }
}

fn duration_of(info: SongInfo) -> Option<Span> {
    let frames = info.about?;
    Some(Span::from_secs_f64(frames as f64 / f64::from(info.sample_rate)))
}
