//! The member itself: one task that owns all state and hears of everything.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use audio_engine::{EngineEvent, MonotonicClock};
use protocol::datagram::Tag;
use protocol::host::{HostEvent, LinkState, LogLevel, Notice, NoticeCode, OutputChoice, View};
use protocol::ids::{FileId, UserId};
use protocol::time::MediaTime;
use protocol::trace::{TimeSource, TraceEvent};
use protocol::{LocalTime, ServerMessage, SwarmTime};
use sync_core::ClockSample;
use sync_core::session::{Input, Output, Way};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use track_store::TrackStore;

use crate::bench::Bench;
use crate::checks::Checks;
use crate::config::Startup;
use crate::handle::Request;
use crate::link::{LinkEvent, Outgoing};
use crate::lobby::Lobby;
use crate::nearby::{Nearby, Sighting};
use crate::notices::Notices;
use crate::playout::Playout;
use crate::report::History;
use crate::settings::SettingsFile;
use crate::shelf::{Changes, Done, Shelf, StoreInbox, store_code, with_causes};
use crate::suspend::SuspendWatch;
use crate::swarm::{Arrival, Swarm, next_arrival};
use crate::sync::Cueing;
use crate::time_link::TimeAnswer;
use crate::trace::Recorder;

/// Shortest time between two views: fast enough for a progress bar, slow enough for a phone.
const VIEW_PAUSE: Duration = Duration::from_millis(50);

/// Time between two views while only positions and progress change.
const POSITION_PAUSE: Duration = Duration::from_millis(250);

/// Time between two reports to the others of how well this device keeps time. Also the longest
/// after which a suspend is noticed, should nothing else happen.
const SYNC_CHECK_PAUSE: Duration = Duration::from_secs(1);

/// Time between looks whether shared files are still there: soon enough to say so before
/// somebody wants them, rare enough to let a disk sleep.
const FILE_CHECK_PAUSE: Duration = Duration::from_secs(15);

/// A running member.
pub(crate) struct Peer {
    pub(crate) clock: MonotonicClock,
    pub(crate) user_id: UserId,
    pub(crate) settings: SettingsFile,
    pub(crate) store: TrackStore,
    pub(crate) shelf: Shelf,
    pub(crate) playout: Playout,
    pub(crate) nearby: Nearby,
    pub(crate) notices: Notices,
    pub(crate) swarm: Option<Swarm>,
    /// The output asked for in this run.
    pub(crate) output: Option<String>,
    pub(crate) outputs: Vec<OutputChoice>,
    pub(crate) startup: Startup,
    pub(crate) lobby: Lobby,
    pub(crate) bench: Bench,
    pub(crate) suspends: SuspendWatch,
    /// Who led the room when that was last looked at.
    pub(crate) root: Option<UserId>,
    /// Counts looks at how well this device keeps time.
    pub(crate) sync_checks: usize,
    /// What was measured lately.
    pub(crate) recorder: Recorder,
    /// Where that is written when somebody asks.
    pub(crate) traces: PathBuf,
    /// The selected song whose beginning is kept decoded while nothing is on air.
    pub(crate) expected: Option<FileId>,
    /// A place that is being decoded for a start.
    pub(crate) cueing: Option<Cueing>,
    pub(crate) inbox: Arc<StoreInbox>,
    pub(crate) signals: Option<mpsc::Sender<HostEvent>>,
    pub(crate) views: watch::Sender<Arc<View>>,
    pub(crate) view_due: ViewDue,
    pub(crate) checks: Checks,
    /// How well all devices kept time lately.
    pub(crate) history: History,
}

/// When the next view is to be published.
pub(crate) struct ViewDue {
    /// Something visible changed.
    changed: bool,
    last: Instant,
}

impl ViewDue {
    pub(crate) fn new() -> Self {
        Self { changed: true, last: Instant::now() }
    }
}

impl Peer {
    /// Runs until [`Request::Shutdown`] or until every handle is gone.
    pub(crate) async fn run(
        mut self,
        mut requests: mpsc::Receiver<Request>,
        mut sightings: mpsc::Receiver<Sighting>,
    ) {
        self.begin().await;
        let inbox = self.inbox.clone();
        let mut file_check = interval(FILE_CHECK_PAUSE);
        file_check.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut sync_check = interval(SYNC_CHECK_PAUSE);
        sync_check.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let ended = loop {
            self.settle();
            let view_at = self.next_view();
            let session_at = self.session_due();
            let cue_at = self.cue_due();
            tokio::select! {
                // The relay first: what it says is stamped, and what it says decides.
                biased;
                arrival = next_arrival(&mut self.swarm) => self.arrived(arrival).await,
                () = sleep_until(session_at) => self.timer_fired(),
                () = sleep_until(cue_at) => self.look_at_cue(),
                request = requests.recv() => match request {
                    Some(Request::Intent(intent)) => self.obey(intent).await,
                    Some(Request::Subscribe(sink)) => self.signals = Some(sink),
                    // Nobody waits for it any more if it cannot be handed over.
                    Some(Request::Report(to)) => drop(to.send(self.report())),
                    Some(Request::Shutdown(done)) => break Some(done),
                    None => break None,
                },
                event = self.playout.next_event() => self.heard_engine(event),
                changes = inbox.take() => self.store_changed(changes),
                done = self.shelf.next_done() => self.disk_work_done(done),
                found = self.checks.next() => {
                    self.checks.note(found);
                    self.changed();
                }
                Some(sighting) = sightings.recv() => self.sighted(sighting),
                () = sleep_until(view_at) => self.publish(),
                _ = sync_check.tick() => self.check_sync(),
                _ = file_check.tick() => self.look_around(),
            }
        };
        self.end(ended).await;
    }

    /// What may have changed without anyone telling: files, and this device's addresses.
    fn look_around(&mut self) {
        self.shelf.check(&self.store);
        if self.swarm.as_mut().is_some_and(Swarm::refresh_invites) {
            self.changed();
        }
        self.tell_reach();
    }

    async fn end(mut self, done: Option<oneshot::Sender<()>>) {
        self.leave().await;
        drop(self);
        if let Some(done) = done {
            let _ = done.send(());
        }
    }

    /// Marks that something visible changed.
    pub(crate) fn changed(&mut self) {
        self.view_due.changed = true;
    }

    /// Tells people something.
    pub(crate) fn tell(&mut self, level: LogLevel, code: NoticeCode, detail: impl Into<String>) {
        self.notices.add(level, code, detail);
        self.changed();
    }

    /// When the session wants to be called.
    fn session_due(&self) -> Instant {
        let due = self.swarm.as_ref().and_then(|swarm| {
            swarm.session.poll_timeout().into_iter().chain(swarm.succession.due()).min()
        });
        due.map_or_else(far_future, |due| self.clock.instant_of(due).into())
    }

    fn next_view(&self) -> Instant {
        let moving = self.shelf.adding_count() > 0
            || self.swarm.as_ref().is_some_and(|swarm| !swarm.session.schedule().is_silent());
        let pause = match (self.view_due.changed, moving) {
            (true, _) => VIEW_PAUSE,
            (false, true) => POSITION_PAUSE,
            (false, false) => return far_future(),
        };
        self.view_due.last + pause
    }

    pub(crate) fn publish(&mut self) {
        let view = self.view(self.clock.now());
        self.view_due = ViewDue { changed: false, last: Instant::now() };
        self.views.send_if_modified(|shown| {
            let differs = **shown != view;
            if differs {
                *shown = Arc::new(view);
            }
            differs
        });
    }

    /// Carries out what the session asks for, until it asks for nothing.
    fn settle(&mut self) {
        self.notice_suspend();
        self.start_when_asked();
        while let Some(output) = self.swarm.as_mut().and_then(|swarm| swarm.session.poll_output()) {
            self.carry_out(output);
        }
    }

    fn carry_out(&mut self, output: Output) {
        let Some(swarm) = &self.swarm else { return };
        match output {
            Output::Send(message) => swarm.send(Outgoing::Message(Box::new(message))),
            Output::Ping(Way::WebSocket) => swarm.send(Outgoing::Ping),
            Output::Ping(Way::Udp) => {
                if let Some(time) = &swarm.time {
                    time.ask_relay();
                }
            }
            Output::Probe(probe) => {
                if let Some(time) = swarm.time.as_ref().filter(|_| self.bench.asks_neighbours) {
                    time.probe(probe);
                }
            }
            Output::Face(face) => {
                if let Some(time) = &swarm.time {
                    time.show(face);
                }
            }
            Output::TimeService(service) => {
                if let Some(time) = &swarm.time {
                    let service = service.as_ref().filter(|_| self.bench.asks_by_udp);
                    time.use_service(service, swarm.relay);
                }
            }
            Output::Cue { file_id, position } => self.cue(file_id, position),
            Output::Timeline { clock, schedule } => {
                if let Some(clock) = &clock {
                    self.recorder.clock(self.clock.now(), clock);
                }
                self.playout.set_timeline(clock, schedule);
                self.keep_songs();
            }
            Output::Signal { from, data } => {
                if let Some(sink) = &self.signals
                    && sink.try_send(HostEvent::Signal { from, data }).is_err()
                {
                    tracing::debug!("the window takes no signals");
                }
            }
            Output::Notice { level, code, detail } => self.tell(level, code, detail),
            Output::Changed => {
                let is_alone = swarm.session.members().len() <= 1;
                self.playout.engine().set_alone(is_alone);
                self.find_clocks();
                self.set_doors();
                self.look_through_files();
                self.keep_songs();
                self.changed();
            }
        }
    }

    async fn arrived(&mut self, arrival: Arrival) {
        self.notice_suspend();
        let now = self.clock.now();
        let Some(swarm) = &mut self.swarm else { return };
        match arrival {
            Arrival::SearchEnded => self.host().await,
            Arrival::Chosen(Some(address)) => swarm.meet_at(address, self.clock),
            Arrival::Chosen(None) => {
                swarm.choose_again();
                let detail = "none of the addresses in the invitation answers";
                self.tell(LogLevel::Warning, NoticeCode::RelayUnreachable, detail);
            }
            Arrival::Affair(affair) => self.affair(affair),
            Arrival::Link(LinkEvent::Up { relay, address }) => {
                swarm.relay = relay;
                swarm.reached = Some(address);
                swarm.session.handle(now, Input::LinkUp);
                self.tell_reach();
            }
            // Rare figures change with it; the next view tells them.
            Arrival::Time(TimeAnswer::Relay(sample)) => {
                self.recorder.exchange(TimeSource::Relay, sample);
                self.checks.heard_udp();
                return swarm.session.handle(now, Input::Exchange(sample));
            }
            Arrival::Time(TimeAnswer::Neighbour { address, pong, sent, received }) => {
                if let Some(source) = neighbour(swarm, pong.from) {
                    let (t1, t2) = (pong.t1, pong.t2);
                    let sample = ClockSample { t0: sent, t1, t2, t3: received };
                    self.recorder.exchange(source, sample);
                }
                return swarm.session.handle(now, Input::Pong { address, pong, sent, received });
            }
            Arrival::Link(LinkEvent::Message { message, received }) => {
                if let Some(sample) = sample_of(&message, received) {
                    self.recorder.exchange(TimeSource::Relay, sample);
                }
                let joined = match message.as_ref() {
                    ServerMessage::Joined(joined) => {
                        swarm.ice.clone_from(&joined.ice);
                        true
                    }
                    _ => false,
                };
                let carrier = swarm.session.carrier();
                let before = carrier.map(|id| (id.clone(), swarm.session.name_of(id)));
                let was_online = swarm.session.is_online();
                swarm.session.handle(now, Input::Message { message, received });
                let is_back = !was_online && swarm.session.is_online();
                if is_back && !swarm.succession.is_unnoticed() {
                    self.tell(LogLevel::Info, NoticeCode::Connected, String::new());
                }
                if joined {
                    self.met(before).await;
                }
                if let Some(swarm) = self.swarm.as_mut().filter(|_| is_back) {
                    swarm.was_online = true;
                    self.remember_party();
                }
            }
            // Nothing is lost, and it takes no longer than an answer.
            Arrival::Link(LinkEvent::Moved) => {
                swarm.session.handle(now, Input::LinkDown);
                swarm.succession.sent_on();
            }
            Arrival::Link(LinkEvent::Down { reason, was_up }) => {
                if was_up {
                    self.lose_relay(reason);
                } else if swarm.link_state() == LinkState::Connecting {
                    self.tell(LogLevel::Warning, NoticeCode::RelayUnreachable, reason);
                }
            }
        }
        self.changed();
    }

    fn timer_fired(&mut self) {
        self.notice_suspend();
        let now = self.clock.now();
        if let Some(swarm) = &mut self.swarm {
            swarm.session.handle_timeout(now);
        }
        self.carry_on();
    }

    fn sighted(&mut self, sighting: Sighting) {
        if self.nearby.saw(sighting) {
            self.changed();
            self.meet_nearby();
            self.find_clocks();
            self.parties_changed();
        }
    }

    fn heard_engine(&mut self, event: EngineEvent) {
        match event {
            EngineEvent::OutputOpened(output) => {
                self.recorder.opened(self.clock.now(), &output);
                self.tell(LogLevel::Info, NoticeCode::OutputReady, output.name);
                self.shelf.list_outputs();
                self.tell_output_notice();
            }
            EngineEvent::OutputLost { reason } => {
                self.tell(LogLevel::Warning, NoticeCode::OutputLost, reason);
            }
            EngineEvent::OutputUnavailable { reason } => {
                self.tell(LogLevel::Error, NoticeCode::OutputUnavailable, with_causes(&reason));
            }
            EngineEvent::TrackFailed { file_id, error } => {
                self.file_fault(&file_id, NoticeCode::FileNotMusic, with_causes(&error));
            }
            EngineEvent::TrackDamaged { file_id, at } => {
                let detail = format!("at {:.1} s", at.as_millis_f64() / 1e3);
                self.file_fault(&file_id, NoticeCode::SongDamaged, detail);
            }
            EngineEvent::StampsDoubted => {
                let name = self.playout.engine().status().output.map(|output| output.info.name);
                self.tell(LogLevel::Warning, NoticeCode::OutputUntimed, name.unwrap_or_default());
            }
            EngineEvent::Underrun { total } => {
                self.recorder.event(self.clock.now(), TraceEvent::Underrun);
                self.tell(LogLevel::Warning, NoticeCode::Underrun, total.to_string());
            }
            EngineEvent::Starved { .. } => {
                self.recorder.event(self.clock.now(), TraceEvent::Starved);
                self.changed();
            }
            EngineEvent::Jumped { .. } => {
                self.recorder.event(self.clock.now(), TraceEvent::Jump);
                self.changed();
            }
            EngineEvent::TrackReady { file_id, duration: Some(length), .. } => {
                let now = self.clock.now();
                if let Some(swarm) = &mut self.swarm {
                    let end = MediaTime::default() + length;
                    swarm.session.handle(now, Input::SongEnds { file_id, end });
                }
                self.changed();
            }
            EngineEvent::TrackReady { duration: None, .. }
            | EngineEvent::Started { .. }
            | EngineEvent::Ended { .. } => self.changed(),
        }
    }

    /// A start is announced early enough for this device's sound card to follow it.
    pub(crate) fn tell_output_notice(&mut self) {
        let Some(output) = self.playout.engine().status().output else { return };
        let delay = output.notice + self.settings.current().speaker_delay();
        let now = self.clock.now();
        if let Some(swarm) = &mut self.swarm {
            swarm.session.handle(now, Input::OutputNotice(delay));
        }
    }

    fn file_fault(&mut self, file_id: &FileId, code: NoticeCode, detail: String) {
        let name = self.store.track(file_id).map(|track| track.announcement.name.to_string());
        let detail = format!("{}: {detail}", name.unwrap_or_default());
        self.shelf.faults.insert(file_id.clone(), Notice { code, detail: detail.clone() });
        self.tell(LogLevel::Error, code, detail);
    }

    /// The songs that are on air or selected belong into the engine.
    pub(crate) fn keep_songs(&mut self) {
        let mut wanted = BTreeSet::new();
        if let Some(swarm) = &self.swarm {
            let plans = swarm.session.schedule().plans();
            wanted.extend(plans.iter().map(|plan| plan.file_id.clone()));
            wanted.extend(self.cueing.as_ref().map(|cueing| cueing.file_id.clone()));
            wanted.extend(swarm.session.selection().cloned());
        }
        self.playout.keep(&wanted, &self.store);
        self.cue_selection();
    }

    fn store_changed(&mut self, changes: Changes) {
        for (file_id, notice) in changes.faults {
            self.tell(LogLevel::Error, notice.code, notice.detail.clone());
            if notice.code == NoticeCode::FileGone {
                self.shelf.faults.insert(file_id, notice);
            }
        }
        for notice in changes.unkept.into_values() {
            self.tell(LogLevel::Error, notice.code, notice.detail);
        }
        for file_id in changes.completed {
            let name = self.store.track(&file_id).map(|track| track.announcement.name.to_string());
            self.tell(LogLevel::Info, NoticeCode::FileComplete, name.unwrap_or_default());
        }
        if !changes.held.is_empty() {
            self.tell_files();
            self.keep_songs();
        }
        self.changed();
    }

    fn disk_work_done(&mut self, done: Done) {
        match done {
            Done::Added { name, outcome } => self.file_added(&name, *outcome),
            Done::Expected { file_id, outcome } => match outcome {
                Ok(()) => {
                    self.tell_files();
                    self.keep_songs();
                }
                Err(error) => {
                    let code = store_code(&error);
                    self.file_fault(&file_id, code, error.to_string());
                }
            },
            Done::Checked => return,
            Done::Drawn => {
                self.tell_files();
                self.draw_waveforms();
            }
            Done::Outputs(outputs) => self.outputs = outputs,
            Done::TraceSaved(Ok(path)) => {
                self.tell(LogLevel::Info, NoticeCode::TraceSaved, path.display().to_string());
            }
            Done::TraceSaved(Err(error)) => {
                self.tell(LogLevel::Error, NoticeCode::TraceNotSaved, error.to_string());
            }
            Done::Removed { file_id, outcome } => {
                if let Err(error) = outcome {
                    let code = store_code(&error);
                    self.tell(LogLevel::Warning, code, error.to_string());
                }
                self.playout.forget(&file_id);
                self.tell_files();
            }
        }
        self.changed();
    }
}

/// The time exchange in a message, if it is one.
fn sample_of(message: &ServerMessage, t3: LocalTime) -> Option<ClockSample> {
    let ServerMessage::TimePong { t0, t1, t2, .. } = message else { return None };
    let [t1, t2] = [*t1, *t2].map(SwarmTime::from);
    Some(ClockSample { t0: (*t0).into(), t1, t2, t3 })
}

/// Which member of the swarm a datagram is from.
fn neighbour(swarm: &Swarm, tag: Tag) -> Option<TimeSource> {
    let members = swarm.session.members().iter().map(|member| &member.user_id);
    members.into_iter().find(|id| Tag::of_user(id) == tag).cloned().map(TimeSource::Peer)
}

/// A timer that does not fire before something else happens; an hour later it fires in vain.
pub(crate) fn far_future() -> Instant {
    Instant::now() + Duration::from_secs(3600)
}
