//! What a member remembers of its swarm, for a relay that takes the place of one that is gone.
//!
//! Everyone was told the same by the same relay, so any member's memory serves. With it and the
//! clock it is written in the swarm goes on as if nothing had happened: same director, same
//! files, same schedule, same time.

use protocol::ids::{FileId, UserId};
use protocol::message::{Playback, Queue, SharedFile};

use super::Session;
use crate::clock::ClockEstimate;
use crate::director::Claim;

/// See the head of this file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Legacy {
    /// Number of the ownership under which this was known.
    pub epoch: u64,
    /// Who leads: the director of before, if it is still there.
    pub director: Option<UserId>,
    /// It had taken the lead, instead of leading by the lowest id.
    pub has_taken_lead: bool,
    /// Number of the directorship.
    pub term: u64,
    /// What is shared, first announced first.
    pub files: Vec<SharedFile>,
    /// What was selected.
    pub selection: Option<FileId>,
    /// What is on air and what follows; nothing if the swarm's clock is not known.
    pub schedule: Vec<Playback>,
    /// In which order songs play.
    pub queue: Queue,
    /// The swarm's clock and its name, if it is known.
    pub clock: Option<(String, ClockEstimate)>,
}

impl Session {
    /// What a relay must know that goes on without the member `lost`.
    pub fn legacy(&self, lost: Option<&UserId>) -> Legacy {
        let clock = self.clock_id.clone().zip(self.timeline.clock());
        let members = || self.roster.members().iter().map(|member| &member.user_id);
        let lowest = |without: Option<&UserId>| members().filter(|id| Some(*id) != without).min();
        let present = self.roster.director();
        // Whoever came later was not told by what right somebody leads: not the lowest has taken it.
        let is_lowest = present == lowest(None);
        let has_taken = self.roster.claim().map_or(!is_lowest, |claim| claim == Claim::Taken);
        let stays = present.filter(|director| Some(*director) != lost);
        let plans = clock.as_ref().map_or(&[][..], |_| self.timeline.schedule().plans());
        Legacy {
            epoch: self.epoch,
            director: stays.or_else(|| lowest(lost)).cloned(),
            has_taken_lead: stays.is_some() && has_taken,
            term: self.roster.term(),
            files: self.roster.files().to_vec(),
            selection: self.roster.selection().cloned(),
            schedule: plans.iter().map(Playback::from).collect(),
            queue: self.roster.queue.clone(),
            clock,
        }
    }

    /// The member whose app carries the relay this one met last at; none if that stands alone.
    pub fn carrier(&self) -> Option<&UserId> {
        self.carrier.as_ref()
    }

    /// What a member is called, for people.
    pub fn name_of(&self, user_id: &UserId) -> String {
        self.roster.name_of(user_id)
    }
}
