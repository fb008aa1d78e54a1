//! Starting together: everyone is asked to get ready, says how soon it can be, and then the
//! director names the instant.
//!
//! Members that are ready at once answer within a round trip, so the question costs next to
//! nothing. One whose file is just arriving is waited for a moment; who does not answer, or
//! has nothing of the file, joins later, in time.

use std::collections::BTreeMap;

use protocol::ClientMessage;
use protocol::host::{LogLevel, NoticeCode};
use protocol::ids::{FileId, UserId};
use protocol::message::PeerInfo;
use protocol::sync::{Arm, Armed};
use protocol::time::{LocalTime, MediaTime, Millis, Span};

use super::asked::Follower;
use super::{Link, Output, Session};
use crate::readiness::{self, Progress};
use crate::schedule::{PlayoutPlan, Turn, lead};

/// Longest wait for members whose file is arriving.
///
/// Long enough for the first piece over a room's network; whoever needs longer joins in time.
const QUORUM_WAIT: Span = Span::from_millis(1_500);

/// Longest wait for the answer of members that hold the file: twice the round trip of a bad
/// line.
const ANSWER_WAIT: Span = Span::from_millis(250);

/// Longest wait for the clock. A start that comes later surprises whoever asked for it.
const CLOCK_WAIT: Span = Span::from_secs(10);

/// What a start is to put on air.
#[derive(Clone, Debug)]
pub(super) struct Aim {
    pub file_id: FileId,
    pub position: MediaTime,
    pub repeat: Option<Turn>,
    /// What follows the song then.
    pub follower: Option<Follower>,
}

/// A start that the director is preparing.
#[derive(Clone, Debug)]
pub(super) struct Start {
    number: u32,
    pub aim: Aim,
    began: LocalTime,
    answers: BTreeMap<UserId, Armed>,
    /// Nobody is waited for any more.
    is_overdue: bool,
}

/// A start that this member was asked to get ready for.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Arming {
    arm: Arm,
    /// This member is the one who asked.
    is_own: bool,
    /// The place is decoded.
    is_cued: bool,
    /// What was answered last.
    told_ready: Option<bool>,
}

impl Start {
    /// When there is no more waiting for somebody; none when nobody is waited for.
    pub fn due(&self, members: &[PeerInfo], me: &UserId) -> Option<LocalTime> {
        if self.is_overdue {
            return None;
        }
        let waits = members.iter().filter_map(|member| self.waits_for(member, me)).max();
        waits.map(|wait| self.began + wait)
    }

    /// How long at most this member is waited for.
    fn waits_for(&self, member: &PeerInfo, me: &UserId) -> Option<Span> {
        let progress = readiness::progress(member, &self.aim.file_id);
        match (progress, self.answers.get(&member.user_id)) {
            (_, Some(armed)) if armed.ready => None,
            (Progress::Absent, _) => None,
            (Progress::Arriving, _) => Some(QUORUM_WAIT),
            (Progress::Playable, Some(_)) => Some(QUORUM_WAIT),
            (Progress::Playable, None) if member.user_id == *me => Some(QUORUM_WAIT),
            (Progress::Playable, None) => Some(ANSWER_WAIT),
        }
    }
}

impl Session {
    /// Begins to prepare a start.
    pub(super) fn begin_start(&mut self, now: LocalTime, aim: Aim) {
        let aim = Aim { position: aim.position.max(MediaTime::default()), ..aim };
        self.starts = self.starts.wrapping_add(1);
        let number = self.starts;
        let (file_id, position_ms) = (aim.file_id.clone(), Millis::from(aim.position));
        let arm = Arm { number, file_id, position_ms };
        self.send(ClientMessage::Arm(arm.clone()));
        self.get_ready(arm, true);
        let answers = BTreeMap::new();
        self.start = Some(Start { number, aim, began: now, answers, is_overdue: false });
    }

    /// Names the instant as soon as everyone who is waited for is ready.
    pub(super) fn pursue_start(&mut self, now: LocalTime) {
        let Some(start) = &mut self.start else { return };
        let me = &self.config.user_id;
        if self.link != Link::Joined || self.roster.director() != Some(me) {
            self.start = None;
            return;
        }
        match start.due(self.roster.members(), me) {
            Some(due) if now < due => return,
            Some(_) => start.is_overdue = true,
            None => {}
        }
        // Also while a song is still carried over: what comes next has no past to move.
        let known = self.timeline.root_clock();
        let Some(clock) = known.filter(|clock| clock.is_fit_to_play(now)) else {
            if now - start.began > CLOCK_WAIT {
                self.start = None;
                let detail = "the relay's clock could not be learnt; nothing was started";
                self.notice(LogLevel::Warning, NoticeCode::RelayRefused, detail);
            }
            return;
        };
        let Some(start) = self.start.take() else { return };
        self.slowest = Slowest::default();
        for armed in start.answers.values() {
            self.slowest.hear(armed);
        }
        let anchor = clock.to_swarm(now) + self.lead();
        let Aim { file_id, position, repeat, follower } = start.aim;
        if self.roster.selection() != Some(&file_id) {
            self.send(ClientMessage::SelectFile { file_id: file_id.clone() });
        }
        let plan = PlayoutPlan { repeat, ..PlayoutPlan::playing(file_id, anchor, position) };
        self.put_on_air(&plan, follower);
    }

    /// How far ahead everyone must hear of a change.
    pub(super) fn lead(&self) -> Span {
        let own = self.timeline.path().long_round_trip().unwrap_or(Span::ZERO);
        lead(own.max(self.slowest.round_trip), self.output_notice.max(self.slowest.notice))
    }

    /// A member says whether it is ready.
    pub(super) fn hear_armed(&mut self, from: UserId, armed: Armed) {
        if let Some(start) = self.start.as_mut().filter(|start| start.number == armed.number) {
            start.answers.insert(from, armed);
        }
    }

    /// Gets this device ready for a start.
    pub(super) fn get_ready(&mut self, arm: Arm, is_own: bool) {
        let (file_id, position) = (arm.file_id.clone(), MediaTime::from(arm.position_ms));
        self.arming = Some(Arming { arm, is_own, is_cued: false, told_ready: None });
        self.outputs.push_back(Output::Cue { file_id, position });
    }

    /// The shell says that a place is decoded.
    pub(super) fn cued(&mut self, file_id: &FileId, position: MediaTime) {
        if let Some(arming) = &mut self.arming {
            arming.is_cued |= arming.arm.file_id == *file_id
                && MediaTime::from(arming.arm.position_ms) == position;
        }
    }

    /// Answers the director, at once and again when this device has become ready.
    pub(super) fn answer_arm(&mut self, now: LocalTime) {
        let Some(arming) = &mut self.arming else { return };
        let knows_time = self.timeline.root_clock().is_some_and(|clock| clock.is_fit_to_play(now));
        let ready = arming.is_cued && knows_time;
        if arming.told_ready == Some(ready) {
            return;
        }
        arming.told_ready = Some(ready);
        let round_trip = self.timeline.path().long_round_trip().unwrap_or(Span::ZERO);
        let armed = Armed {
            number: arming.arm.number,
            ready,
            notice_ms: in_millis(self.output_notice),
            round_trip_ms: in_millis(round_trip),
        };
        let is_own = arming.is_own;
        if ready {
            self.arming = None;
        }
        if is_own {
            self.hear_armed(self.config.user_id.clone(), armed);
        } else if self.link == Link::Joined {
            self.send(ClientMessage::Armed(armed));
        }
    }
}

/// The slowest of those who answered lately: what a change that nobody is asked about must
/// allow for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Slowest {
    round_trip: Span,
    notice: Span,
}

/// Longest notice and round trip believed of another: beyond it, one joins late, in time.
const MOST_NOTICE: Span = Span::from_secs(3);

impl Slowest {
    fn hear(&mut self, armed: &Armed) {
        let span = |millis: Millis| MediaTime::from(millis) - MediaTime::default();
        self.round_trip = self.round_trip.max(span(armed.round_trip_ms)).min(MOST_NOTICE);
        self.notice = self.notice.max(span(armed.notice_ms)).min(MOST_NOTICE);
    }
}

fn in_millis(span: Span) -> Millis {
    Millis::from(MediaTime::default() + span)
}
