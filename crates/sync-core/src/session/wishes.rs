//! What a member does about what its person wants.
//!
//! Everything that concerns the others goes through the relay and counts when it comes back.
//! While the link is down nothing can be asked of the others, and the person is told so; only
//! stopping works, on this device alone.

use protocol::ClientMessage;
use protocol::host::{LogLevel, NoticeCode};
use protocol::ids::FileId;
use protocol::message::Playback;
use protocol::time::{LocalTime, MediaTime, Span};

use super::roster::Roster;
use super::{Link, Session, Wish};
use crate::readiness;
use crate::schedule::{PlayoutPlan, Schedule, lead};

/// Longest wait for members whose file is arriving.
///
/// Long enough for the first piece over a room's network; whoever needs longer joins in time.
const QUORUM_WAIT: Span = Span::from_millis(1_500);

/// A start that waits for the clock or for members about to be ready.
#[derive(Clone, Debug)]
pub(super) struct Start {
    file_id: FileId,
    position: MediaTime,
    deadline: LocalTime,
    /// The deadline is over.
    is_overdue: bool,
}

impl Start {
    /// When there is no more waiting for members; none when nobody is waited for.
    pub fn due(&self, roster: &Roster) -> Option<LocalTime> {
        let waits =
            !self.is_overdue && readiness::is_worth_waiting(roster.members(), &self.file_id);
        waits.then_some(self.deadline)
    }
}

impl Session {
    pub(super) fn obey(&mut self, now: LocalTime, wish: Wish) {
        let user_id = self.config.user_id.clone();
        match wish {
            Wish::Rename { alias } => self.config.alias = alias,
            Wish::Stop if self.link != Link::Joined => self.stop_here(),
            // A connection made this way is made again once the link is back.
            Wish::Signal { .. } if self.link != Link::Joined => {}
            // Not announced anywhere, and the list of own files no longer names it.
            Wish::Withdraw { .. } if self.link != Link::Joined => {}
            _ if self.link != Link::Joined => {
                let detail = "the relay can not be reached";
                self.notice(LogLevel::Warning, NoticeCode::RelayUnreachable, detail);
            }
            Wish::Signal { to, data } => self.send(ClientMessage::RtcSignal { to, data }),
            Wish::Withdraw { file_id } => {
                if self.roster.is_owner(&file_id, &user_id) || self.is_director() {
                    self.send(ClientMessage::FileWithdraw { file_id });
                }
            }
            Wish::TakeDirector => self.send(ClientMessage::DirectorTake { user_id }),
            Wish::ResignDirector | Wish::Select { .. } | Wish::Play { .. } | Wish::Stop
                if !self.is_director() =>
            {
                let name = self.roster.director().map(|director| self.roster.name_of(director));
                let detail = name.unwrap_or_default();
                self.notice(LogLevel::Warning, NoticeCode::NotDirector, detail);
            }
            Wish::ResignDirector => self.send(ClientMessage::DirectorResign { user_id }),
            Wish::Select { file_id } => {
                if self.is_shared(&file_id) {
                    self.start = None;
                    self.send(ClientMessage::SelectFile { file_id });
                }
            }
            Wish::Play { file_id, position } => self.begin_start(now, file_id, position),
            Wish::Stop => {
                self.start = None;
                self.owes_stop = true;
                self.send(ClientMessage::Stop);
            }
        }
    }

    /// Starts as soon as the clock is known and nobody is about to be ready.
    pub(super) fn pursue_start(&mut self, now: LocalTime) {
        let Some(start) = &mut self.start else { return };
        if self.link != Link::Joined || self.roster.director() != Some(&self.config.user_id) {
            self.start = None;
            return;
        }
        start.is_overdue |= now >= start.deadline;
        let members = self.roster.members();
        if !start.is_overdue && readiness::is_worth_waiting(members, &start.file_id) {
            return;
        }
        // Also while a song is still carried over: what comes next has no past to move.
        let known = self.timeline.root_clock();
        let Some(clock) = known.filter(|clock| clock.is_fit_to_play(now)) else { return };
        let round_trip = self.timeline.path().long_round_trip().unwrap_or(Span::ZERO);
        let anchor = clock.to_swarm(now) + lead(round_trip, self.output_notice);
        let Some(Start { file_id, position, .. }) = self.start.take() else { return };
        if self.roster.selection() != Some(&file_id) {
            self.send(ClientMessage::SelectFile { file_id: file_id.clone() });
        }
        let plan = PlayoutPlan::playing(file_id, anchor, position);
        self.send(ClientMessage::Play(Playback::from(&plan)));
    }

    /// A stop that the relay has not confirmed is said again, if this member still leads.
    pub(super) fn settle_owed_stop(&mut self) {
        self.owes_stop &= self.is_director() && !self.timeline.schedule().is_silent();
        if self.owes_stop {
            self.send(ClientMessage::Stop);
        }
    }

    fn begin_start(&mut self, now: LocalTime, file_id: Option<FileId>, position: MediaTime) {
        let Some(file_id) = file_id.or_else(|| self.roster.selection().cloned()) else {
            let detail = "no file is selected";
            return self.notice(LogLevel::Warning, NoticeCode::RelayRefused, detail);
        };
        if self.is_shared(&file_id) {
            let position = position.max(MediaTime::default());
            let deadline = now + QUORUM_WAIT;
            self.start = Some(Start { file_id, position, deadline, is_overdue: false });
        }
    }

    fn stop_here(&mut self) {
        if self.timeline.schedule().is_silent() {
            return;
        }
        self.timeline.set_schedule(Schedule::silent());
        self.forget_lost_plan();
        self.owes_stop = self.is_director();
        self.changed = true;
        let detail = "stopped on this device only";
        self.notice(LogLevel::Warning, NoticeCode::RelayUnreachable, detail);
    }

    /// True if the file is on the list; tells the person otherwise.
    fn is_shared(&mut self, file_id: &FileId) -> bool {
        let is_shared = self.roster.file(file_id).is_some();
        if !is_shared {
            let detail = "this file is not shared in the swarm";
            self.notice(LogLevel::Warning, NoticeCode::RelayRefused, detail);
        }
        is_shared
    }
}
