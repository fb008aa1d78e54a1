//! The rules of one swarm at the relay: who is in it, who leads, what is shared, what plays.
//!
//! Sans-IO: messages and the time go in, messages to send come out. The task that owns a
//! [`Room`] is in `swarms.rs`; the rules about the list of files are in [`files`]. Start at
//! [`Room::handle_message`].
//!
//! What changes the swarm's state is told to every member, the sender included: the echo is
//! the confirmation, and its place among the other messages is the order everyone sees.

mod files;
mod heritage;
mod refusal;
pub(crate) mod snapshot;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use protocol::ice::IceServer;
use protocol::ids::{Alias, FileId};
use protocol::limits::{MAX_FILE_SIZE, MAX_START_AHEAD_MS};
use protocol::message::{FileReadiness, Joined, PeerInfo, Playback, PresenceAction, Queue};
use protocol::sync::TimeService;
use protocol::{
    Carrier, Challenge, ClientMessage, ErrorCode, ServerMessage, Span, Standby, SwarmTime, UserId,
};
use sync_core::director::{Claim, DirectorSeat, SeatChange};
use sync_core::schedule::{PlayoutPlan, Schedule};

use crate::limits::Limits;
use files::{SharedFiles, gone};
pub(crate) use heritage::{Decided, Heritage};
pub(crate) use refusal::Refusal;
use refusal::type_name;

/// Furthest a `play` may lie in the past.
///
/// A relay that restarts learns of the running song from its director, who says when and at
/// which position it began. Longer than a song anyone plays in one piece, short enough that a
/// start in the wrong unit or from an unset clock shows.
const MAX_START_BEHIND: Span = Span::from_secs(24 * 3600);

/// Furthest a `play` may lie ahead while something is on air: the next song may be told as soon
/// as this one has begun.
const MAX_NEXT_AHEAD: Span = Span::from_secs(24 * 3600);

/// The state of one swarm.
pub(crate) struct Room {
    limits: Limits,
    clock_id: String,
    /// Of the ownership under which this relay keeps the swarm; 0 if it keeps it alone.
    epoch: u64,
    members: BTreeMap<UserId, Member>,
    seat: DirectorSeat,
    files: SharedFiles,
    selection: Option<FileId>,
    schedule: Schedule,
    queue: Queue,
    /// Until when those who were with the former owner may come back as what they were.
    grace_until: Option<SwarmTime>,
    /// By what the director is known who was with the former owner, until then.
    awaited: Option<String>,
}

struct Member {
    alias: Option<Alias>,
    readiness: Vec<FileReadiness>,
    addresses: Vec<SocketAddr>,
    resume: String,
    /// How it may ask for the time by UDP.
    time: Option<TimeService>,
    /// Servers that help it to reach others.
    ice: Vec<IceServer>,
    /// Where it may come back to.
    relays: Vec<String>,
    /// Whose app carries this relay, with the proof this member asked for.
    carrier: Option<Carrier>,
    /// Where its own relay can be reached.
    standby: Option<Standby>,
}

/// A member at the door.
#[derive(Clone, Debug)]
pub(crate) struct Join {
    /// The name it keeps.
    pub(crate) user_id: UserId,
    /// What people call it.
    pub(crate) alias: Option<Alias>,
    /// The secret of its earlier connection.
    pub(crate) resume: Option<String>,
    /// How it may ask for the time by UDP.
    pub(crate) time: Option<TimeService>,
    /// Servers that help it reach the others.
    pub(crate) ice: Vec<IceServer>,
    /// Where it may come back to.
    pub(crate) relays: Vec<String>,
    /// For the proof of who carries this relay.
    pub(crate) challenge: Option<Challenge>,
    /// Whose app carries it, with that proof.
    pub(crate) carrier: Option<Carrier>,
}

/// A message to send.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Output {
    /// To whom.
    pub(crate) to: Audience,
    /// What.
    pub(crate) message: ServerMessage,
}

/// Who is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    /// One member.
    One(UserId),
    /// Everyone except one member.
    AllBut(UserId),
    /// Everyone.
    All,
}

impl Room {
    /// An empty swarm whose time is read from the clock named `clock_id`.
    pub(crate) fn new(limits: Limits, clock_id: String) -> Self {
        Self {
            limits,
            clock_id,
            epoch: 0,
            members: BTreeMap::new(),
            seat: DirectorSeat::new(),
            files: SharedFiles::default(),
            selection: None,
            schedule: Schedule::silent(),
            queue: Queue::default(),
            grace_until: None,
            awaited: None,
        }
    }

    /// True when nobody is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Lets a member in. `fresh_resume` becomes its secret, unless it proves by the secret it has
    /// to be a member already, or the director who was with the former owner. A member takes its
    /// own place again, and the caller ends the connection that held it.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::UserTaken`], [`ErrorCode::SwarmFull`].
    pub(crate) fn join(
        &mut self,
        now: SwarmTime,
        join: Join,
        fresh_resume: String,
    ) -> Result<Vec<Output>, Refusal> {
        let Join { user_id, alias, resume, time, ice, relays, challenge: _, carrier } = join;
        let mut outputs = Vec::new();
        if let Some(member) = self.members.get_mut(&user_id) {
            if resume.as_deref() != Some(&member.resume) {
                return Err(Refusal {
                    code: ErrorCode::UserTaken,
                    message: "another connection holds this user id; \
                              it is free again once that one has ended",
                });
            }
            (member.time, member.ice, member.relays) = (time, ice, relays);
            member.carrier = carrier;
            if member.alias != alias {
                member.alias = alias;
                outputs.push(self.came(&user_id));
            }
        } else {
            if self.members.len() >= self.limits.members {
                return Err(Refusal {
                    code: ErrorCode::SwarmFull,
                    message: "the swarm has as many members as this relay allows",
                });
            }
            let resume = self.secret_of(&user_id, resume, fresh_resume)?;
            let member = Member {
                alias,
                readiness: Vec::new(),
                addresses: Vec::new(),
                resume,
                time,
                ice,
                relays,
                carrier,
                standby: None,
            };
            self.members.insert(user_id.clone(), member);
            outputs.push(self.came(&user_id));
            // The newcomer reads who leads in its `joined`.
            let change = self.seat.join(user_id.clone());
            outputs
                .extend(change.and_then(|change| said(change, Audience::AllBut(user_id.clone()))));
        }
        self.schedule.forget_before(now);
        let joined = ServerMessage::Joined(self.whole_state_for(&user_id));
        outputs.insert(0, Output { to: Audience::One(user_id), message: joined });
        Ok(outputs)
    }

    /// From now on the swarm's time is read from another clock. Members learn of it by
    /// [`Self::state_for`].
    pub(crate) fn set_clock(&mut self, clock_id: String) {
        self.clock_id = clock_id;
    }

    /// Tells a member everything anew.
    pub(crate) fn state_for(&self, user_id: &UserId) -> Option<Output> {
        self.members.contains_key(user_id).then(|| Output {
            to: Audience::One(user_id.clone()),
            message: ServerMessage::Joined(self.whole_state_for(user_id)),
        })
    }

    /// Takes a member out, with everything that depended on it.
    pub(crate) fn leave(&mut self, user: &UserId) -> Vec<Output> {
        if self.members.remove(user).is_none() {
            return Vec::new();
        }
        let message = ServerMessage::Presence {
            user_id: user.clone(),
            action: PresenceAction::Leave,
            alias: None,
        };
        let mut outputs = vec![Output { to: Audience::All, message }];
        outputs.extend(self.seat.leave(user).and_then(|change| said(change, Audience::All)));
        self.files.forget_owner(user);
        outputs.extend(self.drop_lost_files());
        outputs
    }

    /// Does what a member asks, or answers why not.
    pub(crate) fn handle_message(
        &mut self,
        now: SwarmTime,
        from: &UserId,
        message: ClientMessage,
    ) -> Vec<Output> {
        let name = type_name(&message);
        match self.try_handle(now, from, message) {
            Ok(outputs) => outputs,
            Err(refusal) => {
                let message = refusal.reply_to(name);
                vec![Output { to: Audience::One(from.clone()), message }]
            }
        }
    }

    /// Everyone, for a member who missed some who came and went.
    pub(crate) fn peers(&self) -> Vec<PeerInfo> {
        self.members
            .iter()
            .map(|(user_id, member)| PeerInfo {
                user_id: user_id.clone(),
                alias: member.alias.clone(),
                readiness: member.readiness.clone(),
                addresses: member.addresses.clone(),
                standby: member.standby.clone(),
            })
            .collect()
    }

    fn try_handle(
        &mut self,
        now: SwarmTime,
        from: &UserId,
        message: ClientMessage,
    ) -> Result<Vec<Output>, Refusal> {
        match message {
            ClientMessage::Join { .. } => Err(Refusal {
                code: ErrorCode::AlreadyJoined,
                message: "this connection is in a swarm already; open another one",
            }),
            // These end at the connection.
            ClientMessage::Leave
            | ClientMessage::TimePing { .. }
            | ClientMessage::CarrierAsk { .. } => Ok(Vec::new()),
            ClientMessage::DirectorAssert { user_id } => {
                let change = self.as_sender(from, &user_id)?.assert(from)?;
                Ok(self.seated(from, change))
            }
            ClientMessage::DirectorTake { user_id } => {
                let change = self.as_sender(from, &user_id)?.take(from)?;
                Ok(self.seated(from, change))
            }
            ClientMessage::DirectorResign { user_id } => {
                let change = self.as_sender(from, &user_id)?.resign(from)?;
                Ok(self.resigned(from, change))
            }
            ClientMessage::FileAnnounce(file) => {
                let is_news = self.files.announce(from, &file, &self.limits)?;
                let message = ServerMessage::FileAnnounce { user_id: from.clone(), file };
                Ok(is_news.then_some(Output { to: Audience::All, message }).into_iter().collect())
            }
            ClientMessage::FileWithdraw { file_id } => self.withdraw(from, &file_id),
            ClientMessage::Readiness { files } => self.update_readiness(from, files),
            ClientMessage::SelectFile { file_id } => {
                self.check_director(from)?;
                self.files.check_shared(&file_id)?;
                self.selection = Some(file_id.clone());
                let term = self.seat.term();
                let message = ServerMessage::SelectFile { file_id, term };
                Ok(self.told_all(message))
            }
            ClientMessage::Play(playback) => {
                self.check_director(from)?;
                self.files.check_shared(&playback.file_id)?;
                self.schedule.forget_before(now);
                check_start(now, &playback, &self.schedule)?;
                self.schedule.add(PlayoutPlan::from(&playback));
                let message = ServerMessage::Play { playback, term: self.seat.term() };
                Ok(self.told_all(message))
            }
            ClientMessage::Stop => {
                self.check_director(from)?;
                self.schedule = Schedule::silent();
                let message = ServerMessage::Stop { term: self.seat.term() };
                Ok(self.told_all(message))
            }
            ClientMessage::Queue(queue) => {
                self.check_director(from)?;
                self.queue.clone_from(&queue);
                let message = ServerMessage::Queue { queue, term: self.seat.term() };
                Ok(self.told_all(message))
            }
            ClientMessage::Arm(arm) => {
                self.check_director(from)?;
                self.files.check_shared(&arm.file_id)?;
                let message = ServerMessage::Arm { arm, term: self.seat.term() };
                Ok(vec![Output { to: Audience::AllBut(from.clone()), message }])
            }
            ClientMessage::Armed(armed) => {
                // Nobody waits for it when nobody leads.
                let director = self.seat.director().cloned();
                let message = ServerMessage::Armed { user_id: from.clone(), armed };
                Ok(director
                    .map(|director| Output { to: Audience::One(director), message })
                    .into_iter()
                    .collect())
            }
            ClientMessage::Reach(reach) => {
                let Some(member) = self.members.get_mut(from) else { return Ok(Vec::new()) };
                member.addresses.clone_from(&reach.addresses);
                member.standby.clone_from(&reach.standby);
                let message = ServerMessage::Reach { user_id: from.clone(), reach };
                Ok(vec![Output { to: Audience::AllBut(from.clone()), message }])
            }
            ClientMessage::SyncReport(report) => {
                let message = ServerMessage::SyncReport { user_id: from.clone(), report };
                Ok(vec![Output { to: Audience::AllBut(from.clone()), message }])
            }
            ClientMessage::RtcSignal { to, data } => {
                if to == *from || !self.members.contains_key(&to) {
                    return Err(Refusal {
                        code: ErrorCode::UnknownPeer,
                        message: "`to` names no other member of this swarm",
                    });
                }
                let message = ServerMessage::RtcSignal { from: from.clone(), data };
                Ok(vec![Output { to: Audience::One(to), message }])
            }
        }
    }

    /// The director's seat, for a member that speaks for itself.
    fn as_sender(&mut self, from: &UserId, named: &UserId) -> Result<&mut DirectorSeat, Refusal> {
        if from == named {
            return Ok(&mut self.seat);
        }
        Err(Refusal {
            code: ErrorCode::WrongUser,
            message: "`userId` must be the sender's own: members speak for themselves only",
        })
    }

    fn check_director(&self, from: &UserId) -> Result<(), Refusal> {
        if self.seat.is_director(from) {
            return Ok(());
        }
        Err(Refusal {
            code: ErrorCode::NotDirector,
            message: "only the director may do this; send `director:take` to lead",
        })
    }

    /// Tells of a change of lead, or answers one who asked for what is so already.
    fn seated(&self, from: &UserId, change: Option<SeatChange>) -> Vec<Output> {
        let (change, to) = match change {
            Some(change) => (change, Audience::All),
            None => (self.present_seat(), Audience::One(from.clone())),
        };
        said(change, to).into_iter().collect()
    }

    fn resigned(&self, from: &UserId, change: Option<SeatChange>) -> Vec<Output> {
        let Some(change) = change else {
            return said(self.present_seat(), Audience::One(from.clone())).into_iter().collect();
        };
        // The resignation is the last word of the term it ends.
        let resign = ServerMessage::DirectorResign { user_id: from.clone(), term: change.term - 1 };
        let mut outputs = vec![Output { to: Audience::All, message: resign }];
        outputs.extend(said(change, Audience::All));
        outputs
    }

    fn present_seat(&self) -> SeatChange {
        SeatChange {
            director: self.seat.director().cloned(),
            term: self.seat.term(),
            claim: self.seat.claim(),
        }
    }

    fn update_readiness(
        &mut self,
        from: &UserId,
        files: Vec<FileReadiness>,
    ) -> Result<Vec<Output>, Refusal> {
        if files.len() > self.limits.files_per_swarm {
            return Err(Refusal {
                code: ErrorCode::BadField,
                message: "`files` names more files than a swarm may share",
            });
        }
        if files.iter().any(|file| file.held_bytes > MAX_FILE_SIZE) {
            return Err(Refusal {
                code: ErrorCode::BadField,
                message: "`heldBytes` exceeds the largest file that may be shared",
            });
        }
        let Some(member) = self.members.get_mut(from) else { return Ok(Vec::new()) };
        if member.readiness == files {
            return Ok(Vec::new());
        }
        member.readiness.clone_from(&files);
        let message = ServerMessage::Readiness { user_id: from.clone(), files };
        let mut outputs = vec![Output { to: Audience::AllBut(from.clone()), message }];
        outputs.extend(self.drop_lost_files());
        Ok(outputs)
    }

    /// A decision for everyone, and the files that may go because of what it says.
    fn told_all(&mut self, message: ServerMessage) -> Vec<Output> {
        let may_free_files = matches!(
            message,
            ServerMessage::SelectFile { .. }
                | ServerMessage::Play { .. }
                | ServerMessage::Stop { .. }
        );
        let mut outputs = vec![Output { to: Audience::All, message }];
        let lost = if may_free_files { self.lost_files() } else { Vec::new() };
        for file_id in lost {
            self.withdraw_file(&file_id);
            outputs.push(gone(file_id));
        }
        outputs
    }

    fn came(&self, user_id: &UserId) -> Output {
        let message = ServerMessage::Presence {
            user_id: user_id.clone(),
            action: PresenceAction::Join,
            alias: self.members.get(user_id).and_then(|member| member.alias.clone()),
        };
        Output { to: Audience::AllBut(user_id.clone()), message }
    }

    /// Everything one member needs to take part.
    pub(crate) fn whole_state_for(&self, user_id: &UserId) -> Joined {
        let member = self.members.get(user_id);
        let mut schedule = self.schedule.plans().iter().map(Playback::from);
        Joined {
            peers: self.peers(),
            director: self.seat.director().cloned(),
            term: self.seat.term(),
            files: self.files.list().to_vec(),
            selection: self.selection.clone(),
            playback: schedule.next(),
            upcoming: schedule.collect(),
            clock_id: self.clock_id.clone(),
            time: member.and_then(|member| member.time.clone()),
            ice: member.map(|member| member.ice.clone()).unwrap_or_default(),
            files_per_member: self.limits.files_per_member,
            resume: member.map(|member| member.resume.clone()).unwrap_or_default(),
            epoch: self.epoch,
            relays: member.map(|member| member.relays.clone()).unwrap_or_default(),
            carrier: member.and_then(|member| member.carrier.clone()),
            queue: self.queue.clone(),
        }
    }
}

impl Member {
    fn holds(&self, file: &protocol::message::FileAnnouncement) -> bool {
        self.readiness
            .iter()
            .any(|held| held.file_id == file.file_id && held.held_bytes >= file.size)
    }
}

impl Output {
    /// True for what a later `peers` can make up for.
    pub(crate) fn is_droppable(&self) -> bool {
        matches!(
            self.message,
            ServerMessage::Presence { .. }
                | ServerMessage::Readiness { .. }
                | ServerMessage::Reach { .. }
                | ServerMessage::SyncReport { .. }
        )
    }
}

/// The message that tells of a change of lead; none when nobody is left to be told.
fn said(change: SeatChange, to: Audience) -> Option<Output> {
    let SeatChange { director, term, claim } = change;
    let user_id = director?;
    let message = match claim {
        Claim::Lowest => ServerMessage::DirectorAssert { user_id, term },
        Claim::Taken => ServerMessage::DirectorTake { user_id, term },
    };
    Some(Output { to, message })
}

fn check_start(now: SwarmTime, playback: &Playback, schedule: &Schedule) -> Result<(), Refusal> {
    let start = SwarmTime::from(playback.global_start_time_ms);
    if playback.position_ms.get() < 0.0 {
        return Err(Refusal {
            code: ErrorCode::BadField,
            message: "`positionMs` lies before the song",
        });
    }
    let most_ahead = if schedule.is_silent() {
        Span::from_millis_f64(MAX_START_AHEAD_MS)
    } else {
        MAX_NEXT_AHEAD
    };
    if start - now > most_ahead || now - start > MAX_START_BEHIND {
        return Err(Refusal {
            code: ErrorCode::BadStartTime,
            message: "`globalStartTimeMs` is more than a minute ahead of the relay's clock, a day \
                      while something plays, or more than a day behind it",
        });
    }
    Ok(())
}

#[cfg(test)]
mod heritage_tests;
#[cfg(test)]
mod tests;
