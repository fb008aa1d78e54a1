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

mod relay;
mod restore;
mod roster;
mod wishes;

use std::collections::{BTreeSet, VecDeque};

use protocol::host::{LogLevel, NoticeCode};
use protocol::ids::{Alias, FileId, SwarmHash, UserId};
use protocol::message::{FileAnnouncement, FileReadiness, PeerInfo, SharedFile};
use protocol::time::{LocalTime, MediaTime, Span};
use protocol::{ClientMessage, ServerMessage};

use crate::cadence::{PingCadence, pace};
use crate::clock::ClockEstimate;
use crate::readiness::{self, HoldingsReport};
use crate::schedule::PlayoutPlan;
use crate::timeline::Timeline;
use restore::Restoration;
use roster::Roster;
use wishes::Start;

/// Who enters which swarm.
#[derive(Clone, Debug)]
pub struct SessionConfig {
    /// The swarm.
    pub swarm_hash: SwarmHash,
    /// The name this member keeps across connections.
    pub user_id: UserId,
    /// What people call this member.
    pub alias: Alias,
}

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// A connection to the relay is open.
    LinkUp,
    /// The connection to the relay is gone.
    LinkDown,
    /// The relay said something.
    Message {
        /// What.
        message: ServerMessage,
        /// When it reached this device, stamped at the socket.
        received: LocalTime,
    },
    /// What this device shares and holds, whole. Shared again after every reconnection.
    LocalFiles {
        /// Files of this device.
        announcements: Vec<FileAnnouncement>,
        /// Every file this device holds something of.
        readiness: Vec<FileReadiness>,
    },
    /// A person wants something.
    Wish(Wish),
    /// How long before it is heard this device's output must know of a sound. A start is
    /// announced early enough for it.
    OutputNotice(Span),
    /// This device's clock stood still or jumped, as it does in a suspend.
    Suspended,
}

/// What a person wants of the swarm.
#[derive(Clone, Debug)]
pub enum Wish {
    /// To lead.
    TakeDirector,
    /// To lead no more.
    ResignDirector,
    /// To play this next.
    Select {
        /// Which file.
        file_id: FileId,
    },
    /// To play on every device.
    Play {
        /// Which file; the selected one if absent.
        file_id: Option<FileId>,
        /// Where in the song to begin.
        position: MediaTime,
    },
    /// To stop on every device. While the link is down: on this one.
    Stop,
    /// To share a file no more.
    Withdraw {
        /// Which file.
        file_id: FileId,
    },
    /// To be called something else. The others learn of it at the next connection.
    Rename {
        /// The new name.
        alias: Alias,
    },
    /// To pass a WebRTC description or candidate to one member.
    Signal {
        /// The member.
        to: UserId,
        /// Anything.
        data: serde_json::Value,
    },
}

/// Something to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Say this to the relay.
    Send(ClientMessage),
    /// Send a `timePing`, stamped at the socket.
    Ping,
    /// Play by this from now on; both at once, because a plan can only be read by the clock
    /// it is written in.
    Timeline {
        /// The swarm's clock; none while it is not known.
        clock: Option<ClockEstimate>,
        /// What plays; none is silence.
        plan: Option<PlayoutPlan>,
    },
    /// Hand this WebRTC signal to the window.
    Signal {
        /// Who sent it.
        from: UserId,
        /// As it was sent.
        data: serde_json::Value,
    },
    /// Tell people.
    Notice {
        /// How much it matters.
        level: LogLevel,
        /// What happened.
        code: NoticeCode,
        /// Whom or what it is about.
        detail: String,
    },
    /// Something that can be seen changed: members, files, director, selection, plan or clock.
    Changed,
}

/// This device's grip on the swarm's clock.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClockState {
    /// True once the estimate is good enough to play by.
    pub synced: bool,
    /// The estimate that music plays by.
    pub estimate: Option<ClockEstimate>,
    /// Shortest round trip of the last minute.
    pub round_trip: Option<Span>,
}

/// One member of one swarm.
#[derive(Debug)]
pub struct Session {
    config: SessionConfig,
    link: Link,
    /// Secret that lets this member replace its own earlier connection.
    resume: Option<String>,
    /// Names the clock of the relay last joined.
    clock_id: Option<String>,
    roster: Roster,
    timeline: Timeline,
    cadence: PingCadence,
    announcements: Vec<FileAnnouncement>,
    /// Announced on this connection.
    announced: BTreeSet<FileId>,
    report: HoldingsReport,
    output_notice: Span,
    start: Option<Start>,
    restoration: Option<Restoration>,
    /// The director wants silence, and the relay has not confirmed it.
    owes_stop: bool,
    /// Good enough to play by when this was last looked at.
    synced: bool,
    changed: bool,
    /// The last [`Output::Timeline`].
    told: (Option<ClockEstimate>, Option<PlayoutPlan>),
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
        Self {
            config,
            link: Link::Down,
            resume: None,
            clock_id: None,
            roster: Roster::default(),
            timeline: Timeline::default(),
            cadence: PingCadence::default(),
            announcements: Vec::new(),
            announced: BTreeSet::new(),
            report: HoldingsReport::default(),
            output_notice: Span::ZERO,
            start: None,
            restoration: None,
            owes_stop: false,
            synced: false,
            changed: false,
            told: (None, None),
            outputs: VecDeque::new(),
        }
    }

    /// Takes note of something that happened.
    pub fn handle(&mut self, now: LocalTime, input: Input) {
        match input {
            Input::LinkUp => self.link_up(),
            Input::LinkDown => self.link_down(),
            Input::Message { message, received } => self.hear(now, message, received),
            Input::LocalFiles { announcements, readiness } => {
                self.set_local_files(announcements, readiness);
            }
            Input::Wish(wish) => self.obey(now, wish),
            Input::OutputNotice(notice) => self.output_notice = notice,
            Input::Suspended => {
                self.timeline.lose_clock();
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
        let start = self.start.as_ref().and_then(|start| start.due(&self.roster));
        [self.cadence.due(), self.report.due(), start].into_iter().flatten().min()
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

    /// What is on air.
    pub fn plan(&self) -> Option<&PlayoutPlan> {
        self.timeline.plan()
    }

    /// This device's grip on the swarm's clock.
    pub fn clock_state(&self) -> ClockState {
        ClockState {
            synced: self.synced,
            estimate: self.timeline.clock(),
            round_trip: self.timeline.path().shortest_round_trip(),
        }
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
        let SessionConfig { swarm_hash, user_id, alias } = self.config.clone();
        let resume = self.resume.clone();
        self.send(ClientMessage::Join { swarm_hash, user_id, alias: Some(alias), resume });
    }

    fn link_down(&mut self) {
        self.link = Link::Down;
        self.cadence.end();
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
        self.announced.retain(|file| announcements.iter().any(|a| a.file_id == *file));
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
            let is_news = self.announced.insert(file.file_id.clone());
            if is_news && !self.roster.is_owner(&file.file_id, &self.config.user_id) {
                self.send(ClientMessage::FileAnnounce(file));
            }
        }
    }

    /// Does everything whose time or condition has come.
    fn pursue(&mut self, now: LocalTime) {
        self.timeline.settle(now);
        self.restore(now);
        self.pursue_start(now);
        if let Some(files) = self.report.take_due(now) {
            self.send(ClientMessage::Readiness { files });
        }
        let is_playing = self.timeline.plan().is_some();
        let pace = pace(self.timeline.settled_clock(now), now, is_playing);
        if self.cadence.take_due(now, pace) {
            self.outputs.push_back(Output::Ping);
        }
        self.tell(now);
    }

    /// Tells the shell what is different from what it was told last.
    fn tell(&mut self, now: LocalTime) {
        let (clock, plan) = (self.timeline.clock(), self.timeline.plan().cloned());
        let synced = clock.is_some_and(|clock| clock.is_fit_to_play(now));
        self.changed |= synced != self.synced || plan != self.told.1;
        self.synced = synced;
        if (clock, &plan) != (self.told.0, &self.told.1) {
            self.told = (clock, plan.clone());
            self.outputs.push_back(Output::Timeline { clock, plan });
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
