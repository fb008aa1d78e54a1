//! What a member makes of what the relay says.

use std::iter;

use protocol::ServerMessage;
use protocol::host::{LogLevel, NoticeCode};
use protocol::ids::{Label, UserId};
use protocol::message::{ErrorCode, Joined, PeerInfo, PresenceAction};
use protocol::time::{LocalTime, SwarmTime};

use super::asked::Asked;
use super::asking::Asking;
use super::restore::Restoration;
use super::roster::Roster;
use super::{Link, Output, Session};
use crate::clock::ClockSample;
use crate::director::Claim;
use crate::schedule::{PlayoutPlan, Schedule};

impl Session {
    pub(super) fn hear(&mut self, now: LocalTime, message: ServerMessage, received: LocalTime) {
        match message {
            ServerMessage::TimePong { t0, t1, t2, t_s: _ } => {
                // Over TCP a lost packet holds up all that follow.
                if self.asking.relies_on_udp(now) {
                    return;
                }
                let [t1, t2] = [t1, t2].map(SwarmTime::from);
                return self.measure(ClockSample { t0: t0.into(), t1, t2, t3: received });
            }
            ServerMessage::Arm { arm, term } => {
                if term >= self.roster.term() {
                    self.get_ready(arm, false);
                }
                return;
            }
            ServerMessage::Armed { user_id, armed } => return self.hear_armed(user_id, armed),
            ServerMessage::Reach { user_id, reach } => {
                self.roster.set_reach(&user_id, reach);
            }
            ServerMessage::SyncReport { user_id, report } => {
                if self.roster.is_member(&user_id) {
                    self.reports.insert(user_id, report);
                }
            }
            ServerMessage::RtcSignal { from, data } => {
                self.outputs.push_back(Output::Signal { from, data });
                return;
            }
            // The connection follows; nothing of what plays depends on where the relay is.
            ServerMessage::Moved { .. } => return,
            // Said to who asked, over a connection of its own.
            ServerMessage::Carriage(_) => return,
            // Said to one at the door: the connection comes back by itself.
            ServerMessage::Error { code: ErrorCode::NotOwner, .. } if self.link != Link::Joined => {
                return;
            }
            ServerMessage::Error { code, message, in_reply_to } => {
                // What comes too fast is dropped without a word on which message it was.
                if in_reply_to.as_deref() == Some("play") || code == ErrorCode::RateLimited {
                    self.asked.refused();
                    self.refused_at = Some(now);
                }
                self.leaving.clear();
                self.asked_queue = None;
                self.refused(code, &message);
                return;
            }
            ServerMessage::Joined(joined) => self.joined(now, joined),
            ServerMessage::Presence { user_id, action: PresenceAction::Join, alias } => {
                if self.roster.add_member(user_id.clone(), alias) {
                    let name = self.roster.name_of(&user_id);
                    self.notice(LogLevel::Info, NoticeCode::MemberJoined, name);
                }
            }
            ServerMessage::Presence { user_id, action: PresenceAction::Leave, .. } => {
                let name = self.roster.name_of(&user_id);
                self.reports.remove(&user_id);
                if self.roster.remove_member(&user_id).is_some() {
                    self.notice(LogLevel::Info, NoticeCode::MemberLeft, name);
                }
            }
            ServerMessage::Peers { peers } => {
                self.roster.set_members(peers);
                self.show_own_holdings();
            }
            ServerMessage::DirectorAssert { user_id, term } => {
                self.seat(user_id, term, Claim::Lowest);
            }
            ServerMessage::DirectorTake { user_id, term } => {
                self.seat(user_id, term, Claim::Taken);
            }
            // The next director follows in a message of its own; until then this one leads.
            ServerMessage::DirectorResign { .. } => {}
            ServerMessage::FileAnnounce { user_id, file } => self.roster.add_file(user_id, file),
            ServerMessage::Queue { queue, term } => {
                if term >= self.roster.term() {
                    self.hear_queue(now, queue);
                }
            }
            ServerMessage::FileWithdraw { file_id } => {
                self.leaving.remove(&file_id);
                self.asked.withdrawn(&file_id);
                self.roster.remove_file(&file_id);
            }
            ServerMessage::Readiness { user_id, files } => {
                if user_id != self.config.user_id {
                    self.roster.set_readiness(&user_id, files);
                }
            }
            ServerMessage::SelectFile { file_id, term } => {
                if term >= self.roster.term() {
                    self.roster.select(file_id);
                    self.forget_lost_selection();
                }
            }
            ServerMessage::Play { playback, term } => {
                if term >= self.roster.term() {
                    self.asked.heard(&playback);
                    self.timeline.add(PlayoutPlan::from(&playback));
                    self.timeline.forget_past(now);
                    self.forget_lost_plan();
                    self.owes_stop = false;
                }
            }
            ServerMessage::Stop { term } => {
                if term >= self.roster.term() {
                    self.timeline.set_schedule(Schedule::silent());
                    self.asked = Asked::default();
                    self.forget_lost_plan();
                    self.owes_stop = false;
                }
            }
        }
        self.changed = true;
    }

    /// The relay's whole state replaces what was known, except for what plays when the relay
    /// is one that can not know it.
    fn joined(&mut self, now: LocalTime, joined: Joined) {
        let is_other_clock = self.clock_id.as_ref().is_some_and(|id| *id != joined.clock_id);
        let is_new_room = is_other_clock || self.is_room_begun_anew(&joined);
        let before = std::mem::replace(&mut self.roster, Roster::from_joined(&joined));
        if is_other_clock {
            self.timeline.replace_root();
        }
        self.restoration =
            is_new_room.then(|| Restoration::of(&before, &self.config.user_id, &joined));
        match &joined.playback {
            Some(playback) => {
                let plans = iter::once(playback).chain(&joined.upcoming).map(PlayoutPlan::from);
                self.timeline.set_schedule(plans.collect());
            }
            None if is_new_room && !self.owes_stop => {}
            None => self.timeline.set_schedule(Schedule::silent()),
        }

        self.link = Link::Joined;
        self.leaving.clear();
        self.epoch = joined.epoch;
        self.carrier = joined.carrier.map(|carrier| carrier.user_id);
        self.asking = Asking::new(joined.time.is_some(), self.carrier.is_some());
        self.outputs.push_back(Output::TimeService(joined.time));
        self.clock_id = Some(joined.clock_id);
        self.resume = Some(joined.resume).filter(|secret| !secret.is_empty());
        self.cadence.begin(now);
        let known = self.member(&self.config.user_id).map(|me| me.readiness.clone());
        self.report.begin(&known.unwrap_or_default());
        self.show_own_holdings();
        self.announced.clear();
        self.announce_files();
        self.settle_owed_stop();
        self.retake_lead();
        // In the same term nobody else has said anything meanwhile. A room begun anew counts its
        // terms from one, and this member may lead it as before.
        let is_same_lead = before.director() == self.roster.director()
            && (is_new_room || before.term() == self.roster.term());
        if !is_same_lead {
            self.asked = Asked::default();
        }
        if before.director() != self.roster.director() {
            self.tell_director();
        }
    }

    /// True when the room can not be the one that was left: its terms begin again, or it
    /// seats this member under the very term it had while nothing plays in it.
    fn is_room_begun_anew(&self, joined: &Joined) -> bool {
        let led = self.is_director() && joined.director.as_ref() == Some(&self.config.user_id);
        self.clock_id.is_some()
            && (joined.term < self.roster.term() || (led && joined.term == self.roster.term()))
    }

    fn seat(&mut self, user_id: UserId, term: u64, claim: Claim) {
        let before = self.roster.director().cloned();
        if self.roster.seat(user_id, term, claim) && before.as_ref() != self.roster.director() {
            self.asked = Asked::default();
            self.asked_queue = None;
            self.tell_director();
        }
    }

    fn tell_director(&mut self) {
        let Some(director) = self.roster.director().cloned() else { return };
        let code =
            if self.is_director() { NoticeCode::YouDirect } else { NoticeCode::DirectorChanged };
        let name = self.roster.name_of(&director);
        self.notice(LogLevel::Info, code, name);
    }

    fn refused(&mut self, code: ErrorCode, message: &str) {
        let code = match code {
            ErrorCode::NotDirector => NoticeCode::NotDirector,
            ErrorCode::TooManyFiles => NoticeCode::TooManyFiles,
            _ => NoticeCode::RelayRefused,
        };
        let reason = Label::clean(message).map(String::from).unwrap_or_default();
        self.notice(LogLevel::Warning, code, reason);
    }

    fn member(&self, user_id: &UserId) -> Option<&PeerInfo> {
        self.roster.members().iter().find(|member| member.user_id == *user_id)
    }
}
