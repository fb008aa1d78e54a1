//! What the engine tells of itself: events and status.

use protocol::LocalTime;
use protocol::host::PlaybackState;
use protocol::time::Span;
use sync_core::PlayoutPlan;

use super::cue::Loaded;
use super::{Active, Control, duration_of};
use crate::deck::DeckState;
use crate::engine::Snapshot;
use crate::event::{EngineEvent, EngineStatus, OutputStatus};

/// How long a device that was just opened may take to tell its clock. The virtual cards of
/// 4096 frames, the longest periods there are, need 0.4 s.
const SETTLING: Span = Span::from_secs(1);

impl Control {
    /// Turns what the callback did into events.
    pub(super) fn hear_callback(&mut self) {
        let Some(active) = &mut self.output else { return };
        let report = active.renderer.report();
        let before = std::mem::replace(&mut active.seen, report);
        if report.trust.is_doubted() && !before.trust.is_doubted() {
            self.events.put(EngineEvent::StampsDoubted);
        }
        if report.interruptions > before.interruptions {
            let total = self.totals.underruns + report.interruptions;
            self.events.put(EngineEvent::Underrun { total });
        }
        for loaded in &mut active.loaded {
            let told = report.of(loaded.id);
            let before = std::mem::replace(&mut loaded.told, told);
            let file_id = || loaded.file_id.clone();
            if told.jumps > before.jumps {
                self.totals.jumps += told.jumps - before.jumps;
                let error = before.error.or(told.error).unwrap_or(Span::ZERO);
                self.events.put(EngineEvent::Jumped { file_id: file_id(), error });
            }
            if told.gaps > before.gaps {
                self.totals.starvations += told.gaps - before.gaps;
                self.events.put(EngineEvent::Starved { file_id: file_id() });
            }
            if told.state == DeckState::Playing && !loaded.has_started {
                loaded.has_started = true;
                self.events.put(EngineEvent::Started { file_id: file_id() });
            }
            if told.state == DeckState::Ended && !loaded.has_ended {
                loaded.has_ended = true;
                self.events.put(EngineEvent::Ended { file_id: file_id() });
            }
        }
        self.shared.keep_stamps(active.renderer.stamps());
        let done: Vec<u64> = active.renderer.collect().collect();
        for id in done {
            let Some(active) = &mut self.output else { return };
            let place = active.loaded.iter().position(|loaded| loaded.id == id);
            if let Some(loaded) = place.map(|place| active.loaded.remove(place)) {
                self.take_decoder_back(loaded);
            }
        }
    }

    pub(super) fn publish(&mut self) {
        let at = self.rendered_until();
        let plan = self.on_air(at).cloned();
        let mut snapshot = Snapshot {
            status: EngineStatus {
                state: self.state_without_decks(plan.as_ref()),
                file_id: plan.as_ref().map(|plan| plan.file_id.clone()),
                underruns: self.totals.underruns,
                starvations: self.totals.starvations,
                jumps: self.totals.jumps,
                output_fault: self.retry.fault.clone(),
                muted: self.silence.reason(),
                ..EngineStatus::default()
            },
            ..Snapshot::default()
        };
        let track = plan.as_ref().and_then(|plan| self.tracks.get(&plan.file_id));
        snapshot.status.duration = track.and_then(|track| track.info).and_then(duration_of);
        if let Some(plan) = plan.as_ref().filter(|plan| plan.is_paused) {
            snapshot.status.position = Some(plan.position);
        }
        if let Some(active) = &self.output {
            snapshot.status.underruns += active.seen.interruptions;
            snapshot.status.output = Some(active.status());
            let can_start = active.can_start(self.config.clock.now());
            let cued = active.loaded.iter().filter(|loaded| can_start && loaded.is_cued());
            snapshot.cued = cued.map(|loaded| (loaded.file_id.clone(), loaded.place)).collect();
            let on_air = plan.as_ref().and_then(|plan| self.deck_of(active, plan, at));
            if let Some(loaded) = on_air.filter(|_| is_open(snapshot.status.state)) {
                snapshot.tell_of(active, loaded);
            }
        }
        *self.shared.snapshot() = snapshot;
    }

    fn on_air(&self, at: LocalTime) -> Option<&PlayoutPlan> {
        match self.estimate {
            Some(clock) => self.schedule.plan_at(clock.to_swarm(at)),
            None => self.schedule.plans().first(),
        }
    }

    fn state_without_decks(&self, plan: Option<&PlayoutPlan>) -> PlaybackState {
        let Some(plan) = plan else { return PlaybackState::Stopped };
        match self.tracks.get(&plan.file_id) {
            Some(track) if track.has_failed => PlaybackState::Failed,
            _ if plan.is_paused => PlaybackState::Paused,
            _ => PlaybackState::Waiting,
        }
    }

    /// The deck that plays `plan`: the last that has begun, else the first that will.
    fn deck_of<'a>(
        &self,
        active: &'a Active,
        plan: &PlayoutPlan,
        at: LocalTime,
    ) -> Option<&'a Loaded> {
        let now = self.estimate?.to_swarm(at);
        let anchor = |loaded: &Loaded| loaded.part().map(|part| part.line.anchor);
        let decks = active.loaded.iter().filter(|loaded| loaded.file_id == plan.file_id);
        let begun =
            decks.clone().filter(|loaded| anchor(loaded).is_some_and(|anchor| anchor <= now));
        let ahead = decks.filter(|loaded| anchor(loaded).is_some_and(|anchor| anchor > now));
        begun.max_by_key(|loaded| anchor(loaded)).or(ahead.min_by_key(|loaded| anchor(loaded)))
    }
}

impl Active {
    /// True unless the device was just opened and its clock cannot place a start yet, however
    /// much is decoded. One that never becomes steady is not waited for: it joins in when it can.
    fn can_start(&self, now: LocalTime) -> bool {
        self.seen.is_steady || now - self.opened > SETTLING
    }

    fn status(&self) -> OutputStatus {
        let info = self.device.info().clone();
        let period = f64::from(self.device.period().unwrap_or(0));
        let notice = self.seen.latency + Span::from_secs_f64(period / f64::from(info.sample_rate));
        OutputStatus {
            info,
            latency: self.seen.latency,
            notice,
            rate_ppm: self.seen.device_ppm,
            clock_sigma: self.seen.device_sigma,
        }
    }
}

impl Snapshot {
    fn tell_of(&mut self, active: &Active, loaded: &Loaded) {
        let report = active.seen.of(loaded.id);
        self.status.state = match report.state {
            DeckState::Idle | DeckState::Waiting => PlaybackState::Waiting,
            DeckState::Armed => PlaybackState::Armed,
            DeckState::Playing | DeckState::Left => PlaybackState::Playing,
            DeckState::Ended => PlaybackState::Ended,
        };
        self.status.position = report.position;
        self.status.error = report.error;
        self.status.trim_ppm = report.trim_ppm();
        self.heard = active.seen.at;
    }
}

/// True while a deck may say more about the state.
fn is_open(state: PlaybackState) -> bool {
    state == PlaybackState::Waiting
}
