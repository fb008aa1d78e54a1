//! What this member asked to play and the relay has not confirmed, and what is to follow a song
//! that has no end yet.
//!
//! A change is made to what will be on air, and that is not only what the relay has said so far:
//! who goes on right after pausing means the pause that is still on its way.

use std::collections::VecDeque;

use protocol::ids::FileId;
use protocol::limits::MAX_SCHEDULE;
use protocol::message::Playback;
use protocol::time::{MediaTime, Span, SwarmTime};

use crate::schedule::{MAX_LEAD, PlayoutPlan, Schedule};

/// What follows a song once that has been heard to its end.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Follower {
    /// The song before it.
    pub after: FileId,
    pub file_id: FileId,
    /// Where the song before it ends.
    pub end: MediaTime,
}

#[derive(Debug, Default)]
pub(super) struct Asked {
    /// Earliest first.
    plays: VecDeque<Playback>,
    /// What follows the song on air. While that stands still or repeats a schedule cannot say it.
    follower: Option<Follower>,
    /// When the last change of what is on air is to be heard.
    latest: Option<SwarmTime>,
}

impl Asked {
    /// What is on air is to change to `plan`, with `follower` behind it. The messages to send.
    pub fn put_on_air(&mut self, plan: &PlayoutPlan, follower: Option<Follower>) -> Vec<Playback> {
        self.latest = Some(plan.anchor);
        let next = follower.as_ref().and_then(|follower| follower.plan_behind(plan));
        self.follower = follower;
        let plays: Vec<Playback> =
            [Some(plan), next.as_ref()].into_iter().flatten().map(|plan| self.ask(plan)).collect();
        plays
    }

    /// Something is to follow the song on air; the message to send, if one can say it.
    pub fn put_behind(&mut self, plan: &PlayoutPlan, follower: Follower) -> Option<Playback> {
        let next = follower.plan_behind(plan);
        self.follower = Some(follower);
        next.map(|next| self.ask(&next))
    }

    fn ask(&mut self, plan: &PlayoutPlan) -> Playback {
        let playback = Playback::from(plan);
        // A schedule holds no more.
        if self.plays.len() == MAX_SCHEDULE {
            self.plays.pop_front();
        }
        self.plays.push_back(playback.clone());
        playback
    }

    /// The relay says what plays: it has confirmed this, and dropped what was asked before.
    pub fn heard(&mut self, playback: &Playback) {
        if let Some(place) = self.plays.iter().position(|asked| is_same(asked, playback)) {
            self.plays.drain(..=place);
        }
    }

    /// The relay refused, or may have dropped, what is on its way.
    pub fn refused(&mut self) {
        self.plays.clear();
        self.latest = None;
    }

    /// A file is not shared any more.
    pub fn withdrawn(&mut self, file_id: &FileId) {
        self.follower.take_if(|follower| [&follower.file_id, &follower.after].contains(&file_id));
    }

    /// What will be on air once the relay has confirmed everything.
    pub fn coming(&self, schedule: &Schedule) -> Schedule {
        let mut coming = schedule.clone();
        self.plays.iter().for_each(|playback| coming.add(PlayoutPlan::from(playback)));
        coming
    }

    /// What follows `plan`, which is part of `coming`.
    pub fn follower_of(&self, plan: &PlayoutPlan, coming: &Schedule) -> Option<Follower> {
        let kept = || self.follower.clone().filter(|kept| kept.after == plan.file_id);
        told_behind(plan, coming).or_else(kept)
    }

    /// When a change can be heard that would reach everyone by `earliest`: not before the last
    /// one, though less notice may be needed now.
    pub fn not_before(&self, earliest: SwarmTime) -> SwarmTime {
        // What lies further ahead was said in the clock of another relay.
        let latest = self.latest.filter(|latest| *latest - earliest <= MAX_LEAD);
        latest.map_or(earliest, |latest| latest.max(earliest))
    }
}

impl Follower {
    /// The plan that lets it follow `plan`, if that has an end.
    fn plan_behind(&self, plan: &PlayoutPlan) -> Option<PlayoutPlan> {
        // A place beyond its end ends the song at once.
        let begins = plan.time_of(self.end).max(plan.anchor);
        let next = PlayoutPlan::playing(self.file_id.clone(), begins, MediaTime::default());
        (!plan.is_endless()).then_some(next)
    }
}

/// What `coming` lets follow `plan`, which is part of it.
pub(super) fn told_behind(plan: &PlayoutPlan, coming: &Schedule) -> Option<Follower> {
    let next = coming.plans().iter().find(|next| next.anchor > plan.anchor);
    let told = next.filter(|next| !plan.is_endless() && begins_by_itself(next));
    told.map(|next| Follower {
        after: plan.file_id.clone(),
        file_id: next.file_id.clone(),
        end: plan.position_at(next.anchor),
    })
}

/// True if one came of the other: text and back may cost a number its last digit.
fn is_same(one: &Playback, other: &Playback) -> bool {
    let [one, other] = [one, other].map(PlayoutPlan::from);
    let is_near = |apart: Span| apart.abs() <= Span::from_micros(1);
    one.file_id == other.file_id
        && one.is_paused == other.is_paused
        && one.repeat.is_some() == other.repeat.is_some()
        && is_near(one.anchor - other.anchor)
        && is_near(one.position - other.position)
}

fn begins_by_itself(plan: &PlayoutPlan) -> bool {
    !plan.is_paused && plan.position == MediaTime::default()
}
