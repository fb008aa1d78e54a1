//! A member on a quiet wired path to a relay that the test plays.

use std::collections::VecDeque;

use protocol::host::NoticeCode;
use protocol::ids::{Alias, FileId, FileName, InfoHash, Magnet, SwarmHash, UserId};
use protocol::message::{FileAnnouncement, Joined, MediaInfo, PeerInfo, Playback, SharedFile};
use protocol::sync::Arm;
use protocol::time::{LocalTime, MediaTime, Millis, Span, SwarmTime};
use protocol::{ClientMessage, ServerMessage};
use sync_core::PlayoutPlan;
use sync_core::session::{Input, Output, Session, SessionConfig, Way, Wish};

/// A session with a quiet wired path to its relay, whose clock is `root_ahead` of its own.
pub struct Member {
    pub session: Session,
    pub now: LocalTime,
    pub root_ahead: Span,
    pub sent: Vec<ClientMessage>,
    pub pongs: VecDeque<(LocalTime, ServerMessage)>,
    pub pings: u32,
    pub arms: Vec<Arm>,
    /// Places asked for are decoded at once.
    pub cues: bool,
    pub notices: Vec<NoticeCode>,
    pub details: Vec<String>,
    pub told_clock: Option<sync_core::ClockEstimate>,
    pub told_plan: Option<PlayoutPlan>,
    pub timelines: u32,
    /// Times a plan was taken away.
    pub gaps: u32,
}

impl Member {
    pub fn new(name: &str) -> Self {
        Self {
            session: session(name),
            now: LocalTime::from_nanos(777_000_000_000),
            root_ahead: Span::from_secs(1_000_000),
            sent: Vec::new(),
            pongs: VecDeque::new(),
            pings: 0,
            arms: Vec::new(),
            cues: true,
            notices: Vec::new(),
            details: Vec::new(),
            told_clock: None,
            told_plan: None,
            timelines: 0,
            gaps: 0,
        }
    }

    /// In the swarm, with a known clock and nothing said that a test has not asked for.
    pub fn online(name: &str, members: &[&str]) -> Self {
        let mut member = Self::new(name);
        member.input(Input::LinkUp);
        member.hear(joined(members));
        member.run(Span::from_secs(1));
        member.sent.clear();
        member.notices.clear();
        member.details.clear();
        member
    }

    pub fn replace_relay(&mut self, clock_ahead_by: Span) {
        self.input(Input::LinkDown);
        self.pongs.clear();
        self.root_ahead = self.root_ahead + clock_ahead_by;
        self.input(Input::LinkUp);
    }

    pub fn input(&mut self, input: Input) {
        self.session.handle(self.now, input);
        self.drain();
    }

    pub fn wish(&mut self, wish: Wish) {
        self.input(Input::Wish(wish));
    }

    pub fn hear(&mut self, message: ServerMessage) {
        self.input(Input::Message { message: Box::new(message), received: self.now });
    }

    pub fn sent(&mut self) -> Vec<ClientMessage> {
        std::mem::take(&mut self.sent)
    }

    pub fn swarm_now(&self) -> SwarmTime {
        SwarmTime::from_nanos(self.now.as_nanos()) + self.root_ahead
    }

    /// What is on air by what the relay has said.
    pub fn told_plan_at_now(&self) -> PlayoutPlan {
        self.session.plan(self.now).expect("something is on air").clone()
    }

    /// Position heard now by what the shell was told.
    pub fn heard(&self) -> Option<MediaTime> {
        Some(self.told_plan.as_ref()?.position_at(self.told_clock?.to_swarm(self.now)))
    }

    /// Lets time pass, serving timeouts and answering pings.
    pub fn run(&mut self, span: Span) {
        let end = self.now + span;
        loop {
            let pong = self.pongs.front().map(|(at, _)| *at);
            let next = [self.session.poll_timeout(), pong].into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= end) else { break };
            self.now = self.now.max(next);
            if pong.is_some_and(|at| at <= self.now) {
                let (_, message) = self.pongs.pop_front().expect("it is there");
                self.hear(message);
            } else {
                self.session.handle_timeout(self.now);
                self.drain();
            }
        }
        self.now = end;
    }

    pub fn drain(&mut self) {
        while let Some(output) = self.session.poll_output() {
            match output {
                // Every connection says the one, every start the other.
                Output::Send(ClientMessage::Reach(_)) => {}
                Output::Send(ClientMessage::Arm(arm)) => self.arms.push(arm),
                Output::Send(message) => self.sent.push(message),
                Output::Ping(Way::WebSocket) => self.ping(),
                Output::Cue { file_id, position } if self.cues => {
                    self.session.handle(self.now, Input::Cued { file_id, position });
                }
                Output::Timeline { clock, schedule } => {
                    let plan = schedule.last().cloned();
                    self.timelines += 1;
                    self.gaps += u32::from(self.told_plan.is_some() && plan.is_none());
                    (self.told_clock, self.told_plan) = (clock, plan);
                }
                Output::Notice { code, detail, .. } => {
                    self.notices.push(code);
                    self.details.push(detail);
                }
                Output::Signal { .. }
                | Output::Changed
                | Output::Ping(Way::Udp)
                | Output::Probe(_)
                | Output::Face(_)
                | Output::TimeService(_)
                | Output::Cue { .. } => {}
            }
        }
    }

    pub fn ping(&mut self) {
        self.pings += 1;
        let t1 = Millis::from(self.swarm_now() + Span::from_micros(100));
        let message = ServerMessage::TimePong { t0: self.now.into(), t_s: t1, t1, t2: t1 };
        self.pongs.push_back((self.now + Span::from_micros(200), message));
    }
}

pub fn session(name: &str) -> Session {
    Session::new(SessionConfig {
        swarm_hash: SwarmHash::parse("0".repeat(64)).expect("64 hex digits"),
        user_id: id(name),
        alias: Alias::parse(name).expect("a plain name"),
        seed: 0,
        skews: Default::default(),
    })
}

/// The state of a swarm led by the first member, that shares file 1 of `ada` and plays nothing.
pub fn joined(members: &[&str]) -> ServerMessage {
    let peers = members.iter().map(|name| PeerInfo::new(id(name), None)).collect();
    ServerMessage::Joined(Joined {
        peers,
        director: members.first().map(|name| id(name)),
        term: 1,
        files: vec![SharedFile { file: announcement(1), owners: vec![id("ada")] }],
        selection: None,
        playback: None,
        upcoming: Vec::new(),
        clock_id: "first".to_owned(),
        time: None,
        ice: Vec::new(),
        files_per_member: 3,
        resume: "secret".to_owned(),
        epoch: 0,
        relays: Vec::new(),
        carrier: None,
        queue: Default::default(),
    })
}

pub fn joined_playing(members: &[&str], start: SwarmTime) -> ServerMessage {
    let ServerMessage::Joined(state) = joined(members) else { unreachable!() };
    ServerMessage::Joined(Joined { playback: Some(playback(start)), ..state })
}

/// What a relay says that has just been started.
pub fn joined_at_new_relay(members: &[&str]) -> ServerMessage {
    let ServerMessage::Joined(state) = joined(members) else { unreachable!() };
    let clock_id = "second".to_owned();
    ServerMessage::Joined(Joined { clock_id, files: Vec::new(), ..state })
}

pub fn play(start: SwarmTime, term: u64) -> ServerMessage {
    ServerMessage::Play { playback: playback(start), term }
}

pub fn playback(start: SwarmTime) -> Playback {
    Playback::playing(file(1), start.into(), Millis::default())
}

pub fn announcement(number: u8) -> FileAnnouncement {
    FileAnnouncement {
        file_id: file(number),
        name: FileName::parse("song.flac").expect("a plain name"),
        size: 1_000_000,
        info_hash: InfoHash::parse(format!("{number:040x}")).expect("40 hex digits"),
        magnet: Magnet::parse("magnet:?xt=urn:btih:0").expect("a magnet link"),
        media: MediaInfo {
            duration_ms: Some(Millis::new(180_000.0).expect("three minutes")),
            ..MediaInfo::default()
        },
    }
}

pub fn file(number: u8) -> FileId {
    FileId::parse(format!("{number:064x}")).expect("64 hex digits")
}

pub fn id(name: &str) -> UserId {
    UserId::parse(name).expect("a plain id")
}

pub fn at_second(seconds: i64) -> MediaTime {
    MediaTime::default() + Span::from_secs(seconds)
}
