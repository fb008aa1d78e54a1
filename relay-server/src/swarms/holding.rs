//! What a swarm's task knows of its ownership: whether it may decide anything, and what was
//! decided but is not written down for the next owner yet.
//!
//! Whoever is told that something is decided must not be told otherwise after the owner's
//! death. So a decision is written down first and told then, with everything said after it
//! kept back as well, for the order's sake. The task goes on meanwhile. A decision that can
//! not be written down is taken back, and the one who asked for it is told. Where nobody
//! comes after, nothing is ever kept back.

use std::collections::VecDeque;
use std::future::pending;
use std::time::Duration;

use protocol::{ClientMessage, ErrorCode, ServerMessage, SwarmHash, UserId};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::ownership::{Elsewhere, Leaving, Ownership, Record, Stored};
use crate::room::{Audience, Decided, Output, Refusal, Room};

/// Pause before something is written down again that no answer came to: while the lease holds
/// somebody waits for it, and later nobody does.
const RETRY: Duration = Duration::from_millis(100);
const RETRY_LATER: Duration = Duration::from_secs(1);

/// Messages kept back at a time, several times what a busy swarm says while one write takes. When
/// there are as many, the swarm hears nobody until the write has ended: members wait at their own
/// sockets. What can not be written by then is taken back.
const MOST_KEPT_BACK: usize = 256;

/// See the head of this file.
pub(super) struct Holding {
    /// Rises with every decision.
    revision: u64,
    /// The last one that is written down.
    written: u64,
    /// What was decided by then.
    settled: Decided,
    writing: Option<Writing>,
    /// Not before then is anything written again.
    retry_at: Option<Instant>,
    kept_back: VecDeque<KeptBack>,
    /// Someone else owns the swarm, or nobody does.
    is_fenced: bool,
    departure: Option<Departure>,
}

/// Being written down.
struct Writing {
    epoch: u64,
    revision: u64,
    decided: Decided,
    answer: oneshot::Receiver<Stored>,
}

/// Said, and not sent yet.
struct KeptBack {
    revision: u64,
    outputs: Vec<Output>,
    asked: Option<Asked>,
}

/// Who asked for something, by which type of message.
pub(super) type Asked = (UserId, &'static str);

/// The swarm goes elsewhere.
struct Departure {
    to: Option<Elsewhere>,
    release: Release,
}

enum Release {
    Due,
    Asked(oneshot::Receiver<()>),
    Done,
}

/// What [`Holding::next`] waited for.
pub(super) enum News {
    /// An attempt to write down has ended.
    Written(Stored),
    /// The swarm is given up.
    Released,
}

impl Holding {
    /// Of a swarm about which everything decided is written down.
    pub(super) fn new(room: &Room) -> Self {
        Self {
            revision: 0,
            written: 0,
            settled: room.decided(),
            writing: None,
            retry_at: None,
            kept_back: VecDeque::new(),
            is_fenced: false,
            departure: None,
        }
    }

    /// True while this relay may decide what is asked of the swarm.
    pub(super) fn may_decide(&self, ownership: &dyn Ownership) -> bool {
        !self.is_fenced && self.departure.is_none() && ownership.holds()
    }

    /// Takes note of what the room said. What may be sent at once comes back; the rest is kept
    /// back until [`Self::written`] gives it out.
    pub(super) fn said(
        &mut self,
        room: &Room,
        outputs: Vec<Output>,
        asked: Option<Asked>,
    ) -> Vec<Output> {
        let is_shared = room.epoch() > 0;
        let withdraws = asked.is_some() && outputs.iter().any(Output::tells_withdrawal);
        if is_shared && (withdraws || outputs.iter().any(Output::is_decision)) {
            self.revision += 1;
        } else if self.kept_back.is_empty() {
            return outputs;
        }
        self.kept_back.push_back(KeptBack { revision: self.revision, outputs, asked });
        Vec::new()
    }

    /// Begins to write down what is not, unless that is under way.
    pub(super) fn write(&mut self, swarm: &SwarmHash, room: &Room, ownership: &dyn Ownership) {
        let is_due = self.written < self.revision && self.retry_at.is_none() && !self.is_fenced;
        if !is_due || self.writing.is_some() {
            return;
        }
        let (epoch, revision) = (room.epoch(), self.revision);
        let heritage = room.heritage();
        let record = Record { swarm: swarm.clone(), epoch, revision, heritage };
        self.writing = ownership.store(record).map(|answer| Writing {
            epoch,
            revision,
            decided: room.decided(),
            answer,
        });
    }

    /// The next thing that becomes of what was asked of the ownership; waits for ever if that
    /// is nothing. Nothing is lost when the returned future is dropped.
    pub(super) async fn next(&mut self) -> News {
        if let Some(Writing { answer, .. }) = &mut self.writing {
            return News::Written(answer.await.unwrap_or(Stored::Unknown));
        }
        match &mut self.departure {
            Some(Departure { release: Release::Asked(answer), .. }) => {
                // One that is not confirmed shows when the next owner claims the swarm.
                let _ = answer.await;
                News::Released
            }
            _ => pending().await,
        }
    }

    /// An attempt to write down has ended. Returns what may be sent now.
    pub(super) fn written(
        &mut self,
        stored: Stored,
        room: &mut Room,
        ownership: &dyn Ownership,
    ) -> Vec<Output> {
        let Some(Writing { epoch, revision, decided, .. }) = self.writing.take() else {
            return Vec::new();
        };
        match stored {
            // The swarm was claimed anew meanwhile: it is written again, under the new number.
            Stored::Fenced if epoch < room.epoch() => Vec::new(),
            Stored::Done => {
                self.written = revision;
                room.settle(&decided);
                self.settled = decided;
                let count = self.kept_back.partition_point(|kept| kept.revision <= revision);
                self.kept_back.drain(..count).flat_map(|kept| kept.outputs).collect()
            }
            Stored::Fenced => {
                self.is_fenced = true;
                self.take_back(room)
            }
            Stored::Unknown => {
                let pause = if ownership.holds() { RETRY } else { RETRY_LATER };
                self.retry_at = Some(Instant::now() + pause);
                if ownership.holds() && !self.is_full() {
                    return Vec::new();
                }
                self.take_back(room)
            }
        }
    }

    /// The swarm is known to be this relay's.
    pub(super) fn claimed_anew(&mut self) {
        self.is_fenced = false;
    }

    /// True while no more can be kept back.
    pub(super) fn is_full(&self) -> bool {
        self.kept_back.len() >= MOST_KEPT_BACK
    }

    /// When [`Self::handle_timeout`] is wanted.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.retry_at
    }

    /// What was not written down may be written again.
    pub(super) fn handle_timeout(&mut self) {
        self.retry_at = self.retry_at.filter(|at| Instant::now() < *at);
    }

    /// Takes back what is not written down, and returns what may be sent without it.
    pub(super) fn take_back(&mut self, room: &mut Room) -> Vec<Output> {
        if self.kept_back.is_empty() {
            return Vec::new();
        }
        let corrections = room.go_back(self.settled.clone());
        // Redis may know what was taken back.
        self.revision += 1;
        let mut outputs = Vec::new();
        for KeptBack { outputs: kept, asked, .. } in self.kept_back.drain(..) {
            let was_asked = asked.is_some();
            let is_taken_back = |output: &Output| {
                output.tells_decision() || (was_asked && output.tells_withdrawal())
            };
            if kept.iter().any(is_taken_back)
                && let Some((user, name)) = asked
            {
                let message = NOT_OWNER.reply_to(name);
                outputs.push(Output { to: Audience::One(user), message });
            }
            outputs.extend(kept.into_iter().filter(|o| !is_taken_back(o)).map(
                |output| match output {
                    Output { to: Audience::One(user), message: ServerMessage::Joined(_) } => {
                        let message = ServerMessage::Joined(room.whole_state_for(&user));
                        Output { to: Audience::One(user), message }
                    }
                    other => other,
                },
            ));
        }
        outputs.extend(corrections);
        outputs
    }

    /// The swarm goes to another relay; it must be `released` first if it is still this one's.
    pub(super) fn depart(&mut self, to: Option<Elsewhere>, is_ours: bool) {
        let release = if is_ours { Release::Due } else { Release::Done };
        self.departure = Some(Departure { to, release });
    }

    /// Releases the swarm before it departs, once nothing is being written.
    pub(super) fn release(&mut self, swarm: &SwarmHash, room: &Room, ownership: &dyn Ownership) {
        let is_written = self.writing.is_none() && self.kept_back.is_empty();
        if let Some(Departure { release: release @ Release::Due, .. }) = &mut self.departure
            && is_written
        {
            let answer = ownership.release(swarm, room.epoch(), Leaving::ToAnother);
            *release = Release::Asked(answer);
        }
    }

    /// The swarm is not this relay's any more.
    pub(super) fn released(&mut self) {
        if let Some(departure) = &mut self.departure {
            departure.release = Release::Done;
        }
    }

    /// Where the members go now, if they do.
    pub(super) fn departs(&self) -> Option<Option<&Elsewhere>> {
        match &self.departure {
            Some(Departure { to, release: Release::Done }) => Some(to.as_ref()),
            _ => None,
        }
    }
}

/// Why nothing is decided.
pub(crate) const NOT_OWNER: Refusal = Refusal {
    code: ErrorCode::NotOwner,
    message: "it is not settled which relay decides for this swarm; try again in a moment",
};

/// True for the answer to one whose wish was taken back.
pub(super) fn refuses(output: &Output) -> bool {
    matches!(output.message, ServerMessage::Error { code: ErrorCode::NotOwner, .. })
}

/// The type of a message that only the swarm's owner may act on.
pub(super) fn decision(message: &ClientMessage) -> Option<&'static str> {
    match message {
        ClientMessage::DirectorAssert { .. } => Some("director:assert"),
        ClientMessage::DirectorTake { .. } => Some("director:take"),
        ClientMessage::DirectorResign { .. } => Some("director:resign"),
        ClientMessage::FileWithdraw { .. } => Some("file:withdraw"),
        ClientMessage::SelectFile { .. } => Some("selectFile"),
        ClientMessage::Play(_) => Some("play"),
        ClientMessage::Stop => Some("stop"),
        ClientMessage::Arm(_) => Some("arm"),
        ClientMessage::Queue(_) => Some("queue"),
        ClientMessage::Join { .. }
        | ClientMessage::Leave
        | ClientMessage::CarrierAsk { .. }
        | ClientMessage::TimePing { .. }
        | ClientMessage::FileAnnounce(_)
        | ClientMessage::Readiness { .. }
        | ClientMessage::Armed(_)
        | ClientMessage::Reach(_)
        | ClientMessage::SyncReport(_)
        | ClientMessage::RtcSignal { .. } => None,
    }
}
