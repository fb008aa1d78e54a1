//! Telling a relay that was replaced, or began anew, what its swarm was doing.
//!
//! Everyone goes on playing by what they had. Whoever directs after the return tells the
//! relay the selection and the running time line, as soon as the file is shared again and
//! the new clock is known, so that those who come later hear it too. Everyone else keeps
//! ready to do so, should the lead come to them.

use protocol::ClientMessage;
use protocol::ids::{FileId, UserId};
use protocol::message::{Joined, Playback, Queue};
use protocol::time::{LocalTime, Span};

use super::roster::Roster;
use super::{Link, Session};
use crate::director::Claim;

/// What the relay does not know any more.
#[derive(Clone, Debug)]
pub(super) struct Restoration {
    selection: Option<FileId>,
    plan: bool,
    /// The order of songs, if there was one.
    queue: Option<Queue>,
    /// This member had taken the lead.
    lead: bool,
}

impl Restoration {
    /// What `before` knew and a relay that says `joined` does not.
    pub fn of(before: &Roster, me: &UserId, joined: &Joined) -> Self {
        Self {
            selection: before.selection().filter(|_| joined.selection.is_none()).cloned(),
            plan: joined.playback.is_none(),
            queue: Some(before.queue.clone())
                .filter(|queue| joined.queue.is_untouched() && !queue.is_untouched()),
            lead: before.claim() == Some(Claim::Taken) && before.director() == Some(me),
        }
    }
}

impl Session {
    /// Tells the relay what it has lost, if this member leads and can.
    pub(super) fn restore(&mut self, now: LocalTime) {
        if self.link != Link::Joined || !self.is_director() {
            return;
        }
        let Some(mut restoration) = self.restoration.take() else { return };
        if let Some(file_id) =
            restoration.selection.take_if(|file| self.roster.file(file).is_some())
        {
            self.send(ClientMessage::SelectFile { file_id });
        }
        if let Some(queue) = restoration.queue.take() {
            self.send(ClientMessage::Queue(queue));
        }
        if restoration.plan {
            restoration.plan = !self.restore_plan(now);
        }
        let is_done = restoration.selection.is_none() && !restoration.plan;
        self.restoration = (!is_done).then_some(restoration);
    }

    /// True once there is nothing left to tell about what plays.
    fn restore_plan(&mut self, now: LocalTime) -> bool {
        if self.timeline.schedule().is_silent() {
            return true;
        }
        let Some(clock) = self.timeline.settled_clock(now) else { return false };
        self.timeline.forget_past(now);
        let plans = self.timeline.schedule().plans().to_vec();
        for plan in &plans {
            let Some(shared) = self.roster.file(&plan.file_id) else { return false };
            let duration = shared.file.media.duration_ms.map(|ms| Span::from_millis_f64(ms.get()));
            let is_last = plans.len() == 1;
            let is_over = duration.is_some_and(|end| plan.is_over(end, clock.to_swarm(now)));
            if is_last && is_over {
                return true;
            }
        }
        for plan in &plans {
            self.send(ClientMessage::Play(Playback::from(plan)));
        }
        true
    }

    /// One who had taken the lead takes it again in a room that does not know.
    pub(super) fn retake_lead(&mut self) {
        if let Some(restoration) = &mut self.restoration
            && std::mem::take(&mut restoration.lead)
        {
            let user_id = self.config.user_id.clone();
            self.send(ClientMessage::DirectorTake { user_id });
        }
    }

    /// Someone said what plays: there is nothing to tell any more.
    pub(super) fn forget_lost_plan(&mut self) {
        if let Some(restoration) = &mut self.restoration {
            restoration.plan = false;
        }
    }

    /// Someone selected a file: the earlier selection is past.
    pub(super) fn forget_lost_selection(&mut self) {
        if let Some(restoration) = &mut self.restoration {
            restoration.selection = None;
        }
    }
}
