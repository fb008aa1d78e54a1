//! Keeping time, as far as it is not the session's: where neighbours can ask, whether the
//! computer slept, getting ready for a start, and how well all that works.

use std::time::Duration;

use protocol::LocalTime;
use protocol::datagram::DatagramKey;
use protocol::host::{ClockView, LogLevel, NoticeCode};
use protocol::ids::{FileId, UserId};
use protocol::sync::{Reach, SyncReport};
use protocol::time::{MediaTime, Span};
use protocol::trace::{TimeSource, TraceEvent};
use sync_core::clock::sync_state;
use sync_core::session::Input;
use tokio::time::Instant;
use tracing::info;

use crate::actor::{Peer, far_future};

/// Between looks whether a place is decoded: a small part of what a start takes anyway.
const CUE_PAUSE: Duration = Duration::from_millis(4);

/// How long a place is looked at: longer than a director waits.
const CUE_PATIENCE: Duration = Duration::from_secs(2);

/// Members up to which everyone tells the others every second how well it keeps time. Larger
/// swarms tell less often, so that all together say no more.
const CHATTY: usize = 10;

/// Doubt of a sound device's clock below which its rate is worth remembering. (one standard
/// deviation)
const WELL_KNOWN_OUTPUT: Span = Span::from_micros(10);

/// A place that is being decoded for a start.
#[derive(Debug)]
pub(crate) struct Cueing {
    pub(crate) file_id: FileId,
    position: MediaTime,
    next_look: Instant,
    /// Nobody waits any longer by then.
    until: Instant,
}

impl Peer {
    /// Tells the others where this device answers time datagrams.
    pub(crate) fn tell_reach(&mut self) {
        let now = self.clock.now();
        let asks = self.bench.asks_neighbours;
        if let Some(swarm) = &mut self.swarm {
            let addresses = if asks { swarm.reach() } else { Vec::new() };
            let standby = swarm.standby(&self.user_id);
            let reach = Reach { addresses, standby };
            swarm.session.handle(now, Input::Reach(reach));
        }
    }

    /// Tells the session where members answer that were found on the network itself.
    pub(crate) fn find_clocks(&mut self) {
        let now = self.clock.now();
        let Some(swarm) = self.swarm.as_mut().filter(|_| self.bench.asks_neighbours) else {
            return;
        };
        let key = DatagramKey::of_swarm(&swarm.key);
        let members = swarm.session.members().iter().map(|member| &member.user_id);
        let found = members
            .filter(|id| **id != self.user_id)
            .filter_map(|id| Some((id.clone(), self.nearby.clock_of(&key.pseudonym(id))?.to_vec())))
            .collect();
        swarm.session.handle(now, Input::Found(found));
    }

    /// Has the beginning of the selected song decoded while nothing is on air, so that a start
    /// finds it ready.
    pub(crate) fn cue_selection(&mut self) {
        let session = self.swarm.as_ref().map(|swarm| &swarm.session);
        let idle = session.filter(|session| session.schedule().is_silent());
        let selected = idle.and_then(|session| session.selection()).cloned();
        if selected != self.expected {
            self.expected.clone_from(&selected);
            if let Some(file_id) = selected.filter(|_| self.cueing.is_none()) {
                self.playout.engine().cue(file_id, MediaTime::default());
            }
        }
    }

    /// Gets a place ready, and says so once it is.
    pub(crate) fn cue(&mut self, file_id: FileId, position: MediaTime) {
        self.tell_output_notice();
        let next_look = Instant::now();
        let until = next_look + CUE_PATIENCE;
        self.cueing = Some(Cueing { file_id: file_id.clone(), position, next_look, until });
        self.keep_songs();
        self.playout.engine().cue(file_id, position);
        self.look_at_cue();
    }

    pub(crate) fn cue_due(&self) -> Instant {
        self.cueing.as_ref().map_or_else(far_future, |cueing| cueing.next_look)
    }

    pub(crate) fn look_at_cue(&mut self) {
        let Some(cueing) = &mut self.cueing else { return };
        cueing.next_look = Instant::now() + CUE_PAUSE;
        if cueing.next_look > cueing.until {
            self.cueing = None;
            return;
        }
        // Without an output there is nothing to wait for: whatever is decoded is not heard.
        let engine = self.playout.engine();
        let is_silent = engine.status().output.is_none();
        let is_ready = is_silent || engine.is_cued(&cueing.file_id, cueing.position);
        let Some(swarm) = self.swarm.as_mut().filter(|_| is_ready) else { return };
        let Some(Cueing { file_id, position, .. }) = self.cueing.take() else { return };
        swarm.session.handle(self.clock.now(), Input::Cued { file_id, position });
    }

    /// Looks whether the computer slept: before anything else that happens counts, because
    /// stamps from before and after a suspend do not belong together.
    pub(crate) fn notice_suspend(&mut self) {
        if !self.suspends.has_slept() {
            return;
        }
        info!("the computer slept");
        let now = self.clock.now();
        self.recorder.event(now, TraceEvent::Suspend);
        if let Some(swarm) = &mut self.swarm {
            swarm.session.handle(now, Input::Suspended);
        }
    }

    /// Tells the others how well this device keeps time.
    pub(crate) fn check_sync(&mut self) {
        let now = self.clock.now();
        self.record(now);
        self.note_history(now);
        self.tell_loss();
        self.sync_checks = self.sync_checks.wrapping_add(1);
        let members = self.swarm.as_ref().map_or(0, |swarm| swarm.session.members().len());
        let is_due = members > 1 && self.sync_checks.is_multiple_of(members.div_ceil(CHATTY));
        if is_due {
            let report = self.sync_report(now);
            if let Some(swarm) = &mut self.swarm {
                swarm.session.handle(now, Input::Report(report));
            }
        }
    }

    /// Notes for a trace what the sound system told and how far the song is from its place.
    fn record(&mut self, now: LocalTime) {
        let stamps = self.playout.engine().take_stamps();
        self.recorder.stamps(stamps);
        let status = self.playout.engine().status();
        if let (Some(error), Some(trim)) = (status.error, status.trim_ppm) {
            self.recorder.playout(now, error.as_micros_f64(), trim);
        }
        let root = self.swarm.as_ref().and_then(|swarm| swarm.session.room_root());
        if root != self.root.as_ref() {
            self.root = root.cloned();
            let source = self.root.clone().map_or(TimeSource::Relay, TimeSource::Peer);
            self.recorder.event(now, TraceEvent::RootChanged { source });
        }
    }

    /// Remembers how fast clocks run, so that the next meeting begins by it.
    pub(crate) fn remember_skews(&mut self) {
        let Some(swarm) = &self.swarm else { return };
        let skews: Vec<(UserId, f64)> =
            swarm.session.known_skews().map(|(id, ppm)| (id.clone(), ppm)).collect();
        let output = self.playout.engine().status().output;
        let rate = output
            .filter(|output| output.clock_sigma.is_some_and(|sigma| sigma < WELL_KNOWN_OUTPUT));
        if skews.is_empty() && rate.is_none() {
            return;
        }
        self.remember(|settings| {
            settings.remember_skews(skews);
            if let Some(output) = rate {
                settings.remember_rate(&output.info.id, output.rate_ppm);
            }
        });
    }

    /// Writes down what was measured lately.
    pub(crate) fn save_trace(&mut self) {
        self.record(self.clock.now());
        match self.recorder.text() {
            Some(text) => self.shelf.save_trace(self.traces.clone(), text),
            None => {
                let detail = "no sound device has been in use yet";
                self.tell(LogLevel::Warning, NoticeCode::TraceNotSaved, detail);
            }
        }
    }

    /// How well this device keeps time.
    pub(crate) fn sync_report(&self, now: LocalTime) -> SyncReport {
        let Some(swarm) = &self.swarm else { return SyncReport::default() };
        let status = self.playout.engine().status();
        let clock = swarm.session.clock_state(now);
        let clock_doubt = clock.estimate.map(|estimate| estimate.uncertainty(now));
        let output_doubt = status.output.as_ref().and_then(|output| output.clock_sigma);
        let doubt = clock_doubt.map(|doubt| both(doubt, output_doubt.unwrap_or(Span::ZERO)));
        SyncReport {
            state: sync_state(doubt, status.error),
            error_us: status.error.map(|error| error.as_micros_f64()),
            uncertainty_us: doubt.map(|doubt| doubt.as_micros_f64()),
            path: clock.path,
            root: swarm.session.room_root().cloned(),
            rate_ppm: status.output.as_ref().map(|output| output.rate_ppm),
            jumps: status.jumps,
        }
    }

    /// This device's grip on the swarm's clock.
    pub(crate) fn clock_view(&self, now: LocalTime) -> ClockView {
        let Some(swarm) = &self.swarm else { return ClockView::default() };
        let clock = swarm.session.clock_state(now);
        let report = self.sync_report(now);
        ClockView {
            synced: clock.synced,
            state: report.state,
            path: report.path,
            root: report.root,
            asymmetry_us: clock.asymmetry.map(|apart| apart.as_micros_f64()),
            uncertainty_us: report.uncertainty_us,
            round_trip_us: clock.round_trip.map(|trip| trip.as_micros_f64()),
            skew_ppm: clock.estimate.map(|estimate| estimate.skew_ppm()),
        }
    }
}

/// Two independent doubts as one.
fn both(one: Span, other: Span) -> Span {
    Span::from_secs_f64(one.as_secs_f64().hypot(other.as_secs_f64()))
}
