//! What of a swarm outlives the relay that keeps it, where several relays share their swarms or
//! several apps carry it in turn.
//!
//! [`Heritage`] is what a new owner reads: who directs, what was chosen, what plays and what
//! follows. Members,
//! their readiness and the other files come back with the members themselves. [`Decided`] is
//! the part that control messages change, to be gone back to when a change could not be written
//! down and so must not be told to anyone.

use protocol::ids::{FileId, hex};
use protocol::message::{Playback, Queue, SharedFile};
use protocol::{ErrorCode, Span, SwarmTime, UserId};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sync_core::director::{Claim, DirectorSeat};
use sync_core::schedule::{PlayoutPlan, Schedule};

use super::{Audience, Output, Refusal, Room, said};
use crate::limits::Limits;
use protocol::ServerMessage;

/// How long the seat of a director is kept who was with the former owner.
///
/// Members come back within a lease and a pause between attempts; without this every takeover
/// would pass the lead on to whoever is back first.
const GRACE: Span = Span::from_secs(5);

/// The state of a swarm as it is written down for the next owner.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Heritage {
    pub(crate) director: Option<UserId>,
    /// By what the director is known when it comes back: [`fingerprint`] of its secret.
    pub(crate) director_fingerprint: Option<String>,
    pub(crate) has_taken_lead: bool,
    pub(crate) resigned: Vec<UserId>,
    pub(crate) term: u64,
    /// What is selected or on air, so that one who comes late knows what plays.
    pub(crate) files: Vec<SharedFile>,
    pub(crate) selection: Option<FileId>,
    pub(crate) schedule: Vec<Playback>,
    pub(crate) queue: Queue,
    /// How long the lead is kept for the director, if not as long as usual.
    #[serde(skip)]
    pub(crate) grace: Option<Span>,
}

/// What control messages decide.
#[derive(Clone, Debug)]
pub(crate) struct Decided {
    seat: DirectorSeat,
    selection: Option<FileId>,
    schedule: Schedule,
    /// Files that were withdrawn by then.
    withdrawals: u64,
    queue: Queue,
}

impl Room {
    /// The swarm as a new owner keeps it, from what the former one wrote down, if anything.
    pub(crate) fn inherit(
        limits: Limits,
        clock_id: String,
        epoch: u64,
        (heritage, now): (Option<Heritage>, SwarmTime),
    ) -> Self {
        let mut room = Self { epoch, ..Self::new(limits, clock_id) };
        if let Some(heritage) = heritage {
            let claim = if heritage.has_taken_lead { Claim::Taken } else { Claim::Lowest };
            if let Some(director) = heritage.director {
                let term = heritage.term.saturating_add(1);
                room.seat = DirectorSeat::awaiting(director, claim, term, heritage.resigned);
                room.awaited = heritage.director_fingerprint;
            }
            room.grace_until = Some(now + heritage.grace.unwrap_or(GRACE));
            room.files.inherit(heritage.files, room.limits.files_per_swarm);
            room.selection = heritage.selection;
            room.schedule = heritage.schedule.iter().map(PlayoutPlan::from).collect();
            room.schedule.forget_before(now);
            room.queue = heritage.queue;
        }
        // Terms of one owner lie above its epoch, so that they order what several owners said.
        room.seat.raise_term(epoch);
        room
    }

    /// What a new owner would have to know.
    pub(crate) fn heritage(&self) -> Heritage {
        let is_pinned = |shared: &&SharedFile| {
            let file_id = &shared.file.file_id;
            self.selection.as_ref() == Some(file_id) || self.is_on_air(file_id)
        };
        Heritage {
            director: self.seat.director().cloned(),
            director_fingerprint: self.director_fingerprint(),
            has_taken_lead: self.seat.claim() == Claim::Taken,
            resigned: self.seat.resigned().cloned().collect(),
            term: self.seat.term(),
            files: self.files.list().iter().filter(is_pinned).cloned().collect(),
            selection: self.selection.clone(),
            schedule: self.schedule.plans().iter().map(Playback::from).collect(),
            grace: None,
            queue: self.queue.clone(),
        }
    }

    /// What is decided, to be gone back to.
    pub(crate) fn decided(&self) -> Decided {
        Decided {
            seat: self.seat.clone(),
            selection: self.selection.clone(),
            schedule: self.schedule.clone(),
            withdrawals: self.files.withdrawals(),
            queue: self.queue.clone(),
        }
    }

    /// What was decided is written down, and not gone back behind.
    pub(crate) fn settle(&mut self, decided: &Decided) {
        self.files.settle(decided.withdrawals);
    }

    /// Goes back to what was decided earlier. Who came and went since stays so.
    pub(crate) fn go_back(&mut self, decided: Decided) -> Vec<Output> {
        let told = (decided.seat.director().cloned(), decided.seat.term());
        self.seat = decided.seat;
        self.schedule = decided.schedule;
        // During the grace those who are not back yet own what they announced.
        let (members, is_grace) = (&self.members, self.grace_until.is_some());
        self.files.put_back(|user| is_grace || members.contains_key(user));
        self.queue = decided.queue;
        self.selection = decided.selection.filter(|file| self.files.check_shared(file).is_ok());
        let gone: Vec<UserId> =
            self.seat.members().filter(|user| !self.members.contains_key(user)).cloned().collect();
        for user in gone {
            self.seat.leave(&user);
        }
        for user in self.members.keys() {
            self.seat.join(user.clone());
        }
        if !is_grace {
            self.seat.stop_waiting();
        }
        if (self.seat.director().cloned(), self.seat.term()) == told {
            return Vec::new();
        }
        said(self.present_seat(), Audience::All).into_iter().collect()
    }

    /// The secret of one who is not in the swarm yet: `fresh`, unless it is the director who was
    /// with the former owner. That one is known by the secret it has and keeps it, so that an
    /// answer which is lost locks nobody out.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::UserTaken`] when another one comes under the director's name: the lead would
    /// be whoever's is first at the door of the new owner.
    pub(super) fn secret_of(
        &self,
        user: &UserId,
        shown: Option<String>,
        fresh: String,
    ) -> Result<String, Refusal> {
        let awaited = self.awaited.as_ref();
        let is_seat_kept = self.seat.is_awaiting() && self.seat.is_director(user);
        let Some(awaited) = awaited.filter(|_| is_seat_kept) else { return Ok(fresh) };
        shown.filter(|secret| fingerprint(secret) == *awaited).ok_or(Refusal {
            code: ErrorCode::UserTaken,
            message: "the director holds this user id and is expected back; \
                      it is free again a few seconds from now",
        })
    }

    fn director_fingerprint(&self) -> Option<String> {
        let present = self.seat.director().and_then(|user| self.members.get(user));
        let awaited = || self.awaited.clone().filter(|_| self.seat.is_awaiting());
        present.map(|member| fingerprint(&member.resume)).or_else(awaited)
    }

    /// The ownership has a higher number from now on.
    pub(crate) fn raise_epoch(&mut self, epoch: u64) -> Vec<Output> {
        self.epoch = self.epoch.max(epoch);
        let change = self.seat.raise_term(epoch);
        change.and_then(|change| said(change, Audience::All)).into_iter().collect()
    }

    /// The ownership under which the swarm is kept here.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// When [`Self::handle_timeout`] is wanted.
    pub(crate) fn poll_timeout(&self) -> Option<SwarmTime> {
        self.grace_until
    }

    /// Ends the grace for those who were with the former owner, once it is over.
    pub(crate) fn handle_timeout(&mut self, now: SwarmTime) -> Vec<Output> {
        if self.grace_until.is_none_or(|until| now < until) {
            return Vec::new();
        }
        (self.grace_until, self.awaited) = (None, None);
        let change = self.seat.stop_waiting();
        let mut outputs: Vec<Output> =
            change.and_then(|change| said(change, Audience::All)).into_iter().collect();
        let away: Vec<UserId> = self
            .files
            .owners()
            .filter(|owner| !self.members.contains_key(owner))
            .cloned()
            .collect();
        for owner in away {
            self.files.forget_owner(&owner);
        }
        outputs.extend(self.drop_lost_files());
        outputs
    }
}

/// Tells who holds a secret from everyone else, and nothing of the secret: that is 128 random bits.
fn fingerprint(secret: &str) -> String {
    hex(&Sha256::digest(secret.as_bytes()))
}

impl Output {
    /// True for what a new owner must know before anyone is told.
    pub(crate) fn is_decision(&self) -> bool {
        // An answer to one member repeats what is so already.
        !matches!(self.to, Audience::One(_)) && self.tells_decision()
    }

    /// True for a file that goes. That is a decision if somebody asked for it, or for what led to
    /// it, and is taken back with that. Otherwise nobody can give the file any more, which the
    /// next owner finds out by itself.
    pub(crate) fn tells_withdrawal(&self) -> bool {
        matches!(self.message, ServerMessage::FileWithdraw { .. })
    }

    /// True for what [`Room::go_back`] takes back, whoever asked for it.
    pub(crate) fn tells_decision(&self) -> bool {
        matches!(
            self.message,
            ServerMessage::DirectorAssert { .. }
                | ServerMessage::DirectorTake { .. }
                | ServerMessage::DirectorResign { .. }
                | ServerMessage::SelectFile { .. }
                | ServerMessage::Play { .. }
                | ServerMessage::Stop { .. }
                | ServerMessage::Queue { .. }
        )
    }
}
