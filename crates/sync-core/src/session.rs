//! One member of a swarm: everything it knows, and what it does about it.
//!
//! A [`Session`] is a state machine without I/O. The shell calls [`Session::handle`] for
//! everything that happens and [`Session::handle_timeout`] when [`Session::poll_timeout`]
//! says so, and then carries out every [`Session::poll_output`]. All three may be called at
//! any time; an early timeout is harmless.
//!
//! The relay's order decides: a director's own `play` counts when the relay sends it back,
//! as it does for everyone else. What plays never depends on the link. While it is down the
//! clock is held over and the music goes on; after it is up again the relay's state is taken
//! whole, unless the relay is a new one that knows nothing: then the director tells it what
//! plays (see `restore`).

mod asked;
mod asking;
mod events;
mod legacy;
mod queue;
mod relay;
mod restore;
mod roster;
mod start;
mod wishes;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use protocol::ClientMessage;
use protocol::host::{LogLevel, NoticeCode};
use protocol::ids::{FileId, UserId};
use protocol::message::{FileAnnouncement, FileReadiness, PeerInfo, Queue, SharedFile};
use protocol::sync::{Reach, SyncPath, SyncReport};
use protocol::time::{LocalTime, MediaTime, Span};

use crate::cadence::{KNOWN_WELL, Pace, PingCadence, pace};
use crate::clock::{ClockEstimate, ClockSample};
use crate::readiness::{self, HoldingsReport};
use crate::room::{Face, RelayView, Room};
use crate::schedule::{PlayoutPlan, Schedule};
use crate::timeline::Timeline;
use asked::Asked;
use asking::Asking;
pub use asking::Way;
pub use events::{ClockState, Input, Output, SessionConfig, Wish};
pub use legacy::Legacy;
use restore::Restoration;
use roster::Roster;
use start::{Arming, Slowest, Start};

/// One member of one swarm.
#[derive(Debug)]
pub struct Session {
    config: SessionConfig,
    link: Link,
    /// Secret that lets this member replace its own earlier connection.
    resume: Option<String>,
    /// Names the clock of the relay last joined.
    clock_id: Option<String>,
    /// Of the ownership under which this member was let in last.
    epoch: u64,
    /// Whose app carries the relay that it met last at.
    carrier: Option<UserId>,
    roster: Roster,
    timeline: Timeline,
    cadence: PingCadence,
    announcements: Vec<FileAnnouncement>,
    /// Announced on this connection, and whether with a waveform.
    announced: BTreeMap<FileId, bool>,
    report: HoldingsReport,
    output_notice: Span,
    room: Room,
    asking: Asking,
    /// Where this device can be reached, and whether the relay was told.
    reach: (Reach, bool),
    /// What the others said last about how well they keep time.
    reports: BTreeMap<UserId, SyncReport>,
    start: Option<Start>,
    /// Counts starts.
    starts: u32,
    arming: Option<Arming>,
    slowest: Slowest,
    restoration: Option<Restoration>,
    asked: Asked,
    /// Where songs end, as far as this device knows.
    ends: BTreeMap<FileId, MediaTime>,
    /// Files whose withdrawal is on its way: they do not follow any more.
    leaving: BTreeSet<FileId>,
    /// The order this member said last, until the relay has confirmed it.
    asked_queue: Option<Queue>,
    /// When the relay last refused to play something.
    refused_at: Option<LocalTime>,
    /// Exchanges that began before are of no use: this device's clock jumped.
    stamps_hold_since: LocalTime,
    /// The director wants silence, and the relay has not confirmed it.
    owes_stop: bool,
    /// Good enough to play by when this was last looked at.
    synced: bool,
    changed: bool,
    /// The last [`Output::Timeline`].
    told: (Option<ClockEstimate>, Schedule),
    /// The last [`Output::Face`].
    shown: Option<Face>,
    outputs: VecDeque<Output>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    Down,
    /// Open; `joined` has not come yet.
    Joining,
    Joined,
}

impl Session {
    /// A member that has not met the relay yet.
    pub fn new(config: SessionConfig) -> Self {
        let seed = config.seed;
        Self {
            room: Room::new(config.user_id.clone(), seed, config.skews.clone()),
            config,
            link: Link::Down,
            resume: None,
            clock_id: None,
            epoch: 0,
            carrier: None,
            roster: Roster::default(),
            timeline: Timeline::default(),
            cadence: PingCadence::default(),
            announcements: Vec::new(),
            announced: BTreeMap::new(),
            report: HoldingsReport::default(),
            output_notice: Span::ZERO,
            asking: Asking::default(),
            reach: (Reach::default(), false),
            reports: BTreeMap::new(),
            start: None,
            // Not the numbers of another director's starts.
            starts: (seed >> 32) as u32,
            arming: None,
            slowest: Slowest::default(),
            restoration: None,
            asked: Asked::default(),
            ends: BTreeMap::new(),
            leaving: BTreeSet::new(),
            asked_queue: None,
            refused_at: None,
            stamps_hold_since: LocalTime::from_nanos(i64::MIN),
            owes_stop: false,
            synced: false,
            changed: false,
            told: (None, Schedule::silent()),
            shown: None,
            outputs: VecDeque::new(),
        }
    }

    /// Takes note of something that happened.
    pub fn handle(&mut self, now: LocalTime, input: Input) {
        match input {
            Input::LinkUp => self.link_up(),
            Input::LinkDown => self.link_down(),
            Input::Message { message, received } => self.hear(now, *message, received),
            Input::LocalFiles { announcements, readiness } => {
                self.set_local_files(announcements, readiness);
            }
            Input::Wish(wish) => self.obey(now, wish),
            Input::OutputNotice(notice) => self.output_notice = notice,
            Input::Exchange(sample) => {
                self.asking.answered(now);
                self.measure(sample);
            }
            Input::Pong { address, pong, sent, received } => {
                if sent >= self.stamps_hold_since {
                    self.room.handle_pong(now, address, &pong, [sent, received]);
                }
            }
            Input::Found(found) => self.room.set_found(found),
            Input::Reach(reach) => {
                if self.reach.0 != reach {
                    self.reach = (reach, false);
                }
            }
            Input::Cued { file_id, position } => self.cued(&file_id, position),
            Input::SongEnds { file_id, end } => self.note_end(file_id, end),
            Input::Report(report) => {
                if self.link == Link::Joined {
                    self.send(ClientMessage::SyncReport(report));
                }
            }
            Input::Suspended => {
                self.stamps_hold_since = now;
                self.timeline.lose_clock();
                self.room.lose_clock(now);
                if self.link == Link::Joined {
                    self.cadence.begin(now);
                }
            }
        }
        self.pursue(now);
    }

    /// Does what is due. Harmless when nothing is.
    pub fn handle_timeout(&mut self, now: LocalTime) {
        self.pursue(now);
    }

    /// When [`Self::handle_timeout`] is wanted next. Later than the `now` of the last call,
    /// whichever it was.
    pub fn poll_timeout(&self) -> Option<LocalTime> {
        let (members, me) = (self.roster.members(), &self.config.user_id);
        let start = self.start.as_ref().and_then(|start| start.due(members, me));
        let due = [self.cadence.due(), self.report.due(), start, self.room.due()];
        due.into_iter().flatten().min()
    }

    /// What to do next; call until there is none.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Everyone, this device included. While the link is down: as it was last.
    pub fn members(&self) -> &[PeerInfo] {
        self.roster.members()
    }

    /// True while the relay keeps this member up to date.
    pub fn is_online(&self) -> bool {
        self.link == Link::Joined
    }

    /// Who leads.
    pub fn director(&self) -> Option<&UserId> {
        self.roster.director()
    }

    /// True when this device leads.
    pub fn is_director(&self) -> bool {
        self.roster.director() == Some(&self.config.user_id)
    }

    /// What is shared, first announced first.
    pub fn files(&self) -> &[SharedFile] {
        self.roster.files()
    }

    /// What the director selected.
    pub fn selection(&self) -> Option<&FileId> {
        self.roster.selection()
    }

    /// What is on air at `now`, or will be first.
    pub fn plan(&self, now: LocalTime) -> Option<&PlayoutPlan> {
        self.timeline.plan(now)
    }

    /// What is on air and what follows.
    pub fn schedule(&self) -> &Schedule {
        self.timeline.schedule()
    }

    /// This device's grip on the swarm's clock.
    pub fn clock_state(&self, now: LocalTime) -> ClockState {
        let relay = self.relay_view(now);
        let path = match self.room.estimate(now, relay.clock) {
            Some(_) => SyncPath::Lan,
            None => SyncPath::Relay,
        };
        let round_trip = self.room.round_trip().filter(|_| path == SyncPath::Lan);
        ClockState {
            synced: self.synced,
            estimate: self.timeline.clock(),
            round_trip: round_trip.or_else(|| self.timeline.path().shortest_round_trip()),
            path,
            asymmetry: self.room.asymmetry(now, relay),
        }
    }

    /// The member whose clock leads this device's room, if it is in one.
    pub fn room_root(&self) -> Option<&UserId> {
        self.room.root()
    }

    /// How much faster than this device's clock those of neighbours run, where that is known
    /// well. (parts per million)
    pub fn known_skews(&self) -> impl Iterator<Item = (&UserId, f64)> {
        self.room.known_skews()
    }

    /// How well a member keeps time, as it said last.
    pub fn report_of(&self, user_id: &UserId) -> Option<&SyncReport> {
        self.reports.get(user_id)
    }

    /// True when every member could start the file from its beginning at once.
    pub fn everyone_can_play(&self, file: &FileId) -> bool {
        readiness::everyone_can_play(self.roster.members(), file)
    }

    /// Those who could not start the file at once.
    pub fn missing<'a>(&'a self, file: &'a FileId) -> impl Iterator<Item = &'a UserId> + use<'a> {
        readiness::missing(self.roster.members(), file)
    }

    fn link_up(&mut self) {
        self.link = Link::Joining;
        let SessionConfig { swarm_hash, user_id, alias, .. } = self.config.clone();
        let resume = self.resume.clone();
        // Numbers are drawn by the shell.
        let challenge = None;
        let alias = Some(alias);
        self.send(ClientMessage::Join { swarm_hash, user_id, alias, resume, challenge });
    }

    fn link_down(&mut self) {
        self.link = Link::Down;
        self.asked.refused();
        self.asked_queue = None;
        self.cadence.end();
        self.arming = None;
        self.reach.1 = false;
        self.report.end();
        if self.start.take().is_some() {
            self.notice(LogLevel::Warning, NoticeCode::RelayLost, "nothing was started");
        }
        self.changed = true;
    }

    fn set_local_files(
        &mut self,
        announcements: Vec<FileAnnouncement>,
        readiness: Vec<FileReadiness>,
    ) {
        if self.report.set(readiness) {
            self.show_own_holdings();
        }
        self.announced.retain(|file, _| announcements.iter().any(|a| a.file_id == *file));
        self.announcements = announcements;
        self.announce_files();
    }

    /// This device's own line in the list of members follows what it holds, not the relay.
    fn show_own_holdings(&mut self) {
        let holdings = self.report.holdings().to_vec();
        self.roster.set_readiness(&self.config.user_id, holdings);
        self.changed = true;
    }

    fn announce_files(&mut self) {
        if self.link != Link::Joined {
            return;
        }
        for file in self.announcements.clone() {
            let is_drawn = file.media.waveform.is_some();
            let is_news = self.announced.insert(file.file_id.clone(), is_drawn) != Some(is_drawn);
            let shared = self.roster.file(&file.file_id);
            let is_told = shared.is_some_and(|shared| {
                shared.owners.contains(&self.config.user_id)
                    && (!is_drawn || shared.file.media.waveform.is_some())
            });
            if is_news && !is_told {
                self.send(ClientMessage::FileAnnounce(file));
            }
        }
    }

    /// Does everything whose time or condition has come.
    fn pursue(&mut self, now: LocalTime) {
        self.keep_room(now);
        self.timeline.settle(now);
        self.restore(now);
        self.answer_arm(now);
        self.pursue_start(now);
        self.follow_queue(now);
        if let Some(files) = self.report.take_due(now) {
            self.send(ClientMessage::Readiness { files });
        }
        let pace = self.relay_pace(now);
        if self.cadence.take_due(now, pace) {
            let ways = self.asking.ways(now);
            self.outputs.extend(ways.map(Output::Ping));
        }
        self.tell(now);
    }

    /// Follows the room's clock, or leads it.
    fn keep_room(&mut self, now: LocalTime) {
        let is_playing = !self.timeline.schedule().is_silent();
        let relay = self.relay_view(now);
        self.reports.retain(|user_id, _| self.roster.is_member(user_id));
        self.room.set_members(now, self.roster.members());
        self.room.pursue(now, relay, is_playing);
        while let Some(probe) = self.room.poll_probe() {
            self.outputs.push_back(Output::Probe(probe));
        }
        let waits = self.told.0.is_none() && self.room.is_meeting(now);
        let room = self.room.estimate(now, relay.clock).filter(|room| {
            self.timeline.follows_room() || is_worth_following(room, relay.estimate, now)
        });
        self.timeline.hear_room(room, waits);
        let face = self.room.face();
        if face != self.shown {
            self.shown = face;
            self.outputs.push_back(Output::Face(face));
        }
        if self.link == Link::Joined && !self.reach.1 {
            self.reach.1 = true;
            let reach = self.reach.0.clone();
            self.send(ClientMessage::Reach(reach));
        }
    }

    /// Learns from an exchange with the relay.
    fn measure(&mut self, sample: ClockSample) {
        if sample.t0 >= self.stamps_hold_since {
            // A useless exchange says so itself; the next one comes soon.
            let _ = self.timeline.measure(sample);
        }
    }

    fn relay_pace(&self, now: LocalTime) -> Pace {
        if self.timeline.settled_clock(now).is_none() {
            return Pace::Seeking;
        }
        // Who follows the room asks the relay only to notice when their paths differ.
        let follows = self.room.root().is_some_and(|root| *root != self.config.user_id);
        if follows {
            return Pace::Steady;
        }
        let (known, _) = self.timeline.relay_clock(now);
        let is_playing = !self.timeline.schedule().is_silent();
        pace(known, now, is_playing)
    }

    fn relay_view(&self, now: LocalTime) -> RelayView {
        let (estimate, is_learnt) = self.timeline.relay_clock(now);
        let clock = self.clock_id.as_deref().map_or(0, protocol::datagram::clock_tag);
        RelayView { clock, estimate, is_learnt }
    }

    /// Tells the shell what is different from what it was told last.
    fn tell(&mut self, now: LocalTime) {
        let (clock, schedule) = (self.timeline.clock(), self.timeline.schedule());
        let synced = clock.is_some_and(|clock| clock.is_fit_to_play(now));
        self.changed |= synced != self.synced || *schedule != self.told.1;
        self.synced = synced;
        if (clock, schedule) != (self.told.0, &self.told.1) {
            let schedule = schedule.clone();
            self.told = (clock, schedule.clone());
            self.outputs.push_back(Output::Timeline { clock, schedule });
        }
        if std::mem::take(&mut self.changed) {
            self.outputs.push_back(Output::Changed);
        }
    }

    fn send(&mut self, message: ClientMessage) {
        self.outputs.push_back(Output::Send(message));
    }

    fn notice(&mut self, level: LogLevel, code: NoticeCode, detail: impl Into<String>) {
        self.outputs.push_back(Output::Notice { level, code, detail: detail.into() });
    }
}

/// A room's clock is followed once it is known well, or as well as the relay's: until its
/// skew is learnt a line of a few answers leads astray within a second.
fn is_worth_following(room: &ClockEstimate, relay: Option<ClockEstimate>, now: LocalTime) -> bool {
    let doubt = room.uncertainty(now);
    doubt < KNOWN_WELL || relay.is_none_or(|relay| doubt < relay.uncertainty(now))
}
