//! The relay's part in one swarm, in as few lines as the members can tell it by.
//!
//! Seats directors by the same [`DirectorSeat`] as the real one. Refuses what the real one
//! refuses of an honest member; limits and malformed messages are tested at the real one.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use protocol::ids::{Alias, FileId, UserId};
use protocol::message::{
    FileReadiness, Joined, PeerInfo, Playback, PresenceAction, Queue, SharedFile,
};
use protocol::{ClientMessage, ErrorCode, ServerMessage};
use sync_core::director::{Claim, DirectorSeat, SeatChange};
use sync_core::schedule::{PlayoutPlan, Schedule};

/// To whom a message goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Audience {
    /// One member.
    One(UserId),
    /// Everyone but one.
    AllBut(UserId),
    /// Everyone.
    All,
}

/// One swarm at a relay.
#[derive(Debug, Default)]
pub struct SimRelay {
    clock_id: String,
    seat: DirectorSeat,
    members: BTreeMap<UserId, Member>,
    files: Vec<SharedFile>,
    selection: Option<FileId>,
    schedule: Schedule,
    queue: Queue,
}

#[derive(Debug, Default)]
struct Member {
    alias: Option<Alias>,
    readiness: Vec<FileReadiness>,
    addresses: Vec<SocketAddr>,
}

type Said = Vec<(Audience, ServerMessage)>;

impl SimRelay {
    /// A relay that knows nothing, with a clock of this name.
    pub fn new(clock_id: String) -> Self {
        Self { clock_id, ..Self::default() }
    }

    /// What it says to a message of `from`. Time pings are answered by the world.
    pub fn handle(&mut self, from: &UserId, message: ClientMessage) -> Said {
        let from = from.clone();
        let refused = |code| {
            let message = "refused".to_owned();
            let error = ServerMessage::Error { code, message, in_reply_to: None };
            vec![(Audience::One(from.clone()), error)]
        };
        let term = self.seat.term();
        match message {
            ClientMessage::Join { user_id, alias, .. } => self.join(user_id, alias),
            ClientMessage::Leave => self.leave(&from),
            ClientMessage::TimePing { .. } => Vec::new(),
            ClientMessage::DirectorAssert { .. } => match self.seat.assert(&from) {
                Ok(change) => said(change),
                Err(_) => refused(ErrorCode::NotDirector),
            },
            ClientMessage::DirectorTake { .. } => match self.seat.take(&from) {
                Ok(change) => said(change),
                Err(_) => refused(ErrorCode::NotDirector),
            },
            ClientMessage::DirectorResign { .. } => match self.seat.resign(&from) {
                Ok(change) => said(change),
                Err(_) => refused(ErrorCode::NotDirector),
            },
            ClientMessage::FileAnnounce(file) => {
                let known = self.files.iter_mut().find(|f| f.file.file_id == file.file_id);
                match known {
                    Some(shared) => shared.owners.push(from.clone()),
                    None => {
                        let owners = vec![from.clone()];
                        self.files.push(SharedFile { file: file.clone(), owners });
                    }
                }
                vec![(Audience::All, ServerMessage::FileAnnounce { user_id: from, file })]
            }
            ClientMessage::FileWithdraw { file_id } => {
                self.files.retain(|shared| shared.file.file_id != file_id);
                vec![(Audience::All, ServerMessage::FileWithdraw { file_id })]
            }
            ClientMessage::Readiness { files } => {
                if let Some(member) = self.members.get_mut(&from) {
                    member.readiness.clone_from(&files);
                }
                let message = ServerMessage::Readiness { user_id: from.clone(), files };
                vec![(Audience::AllBut(from), message)]
            }
            ClientMessage::SelectFile { .. }
            | ClientMessage::Play(_)
            | ClientMessage::Arm(_)
            | ClientMessage::Queue(_)
            | ClientMessage::Stop
                if !self.seat.is_director(&from) =>
            {
                refused(ErrorCode::NotDirector)
            }
            ClientMessage::SelectFile { file_id } => {
                if !self.shares(&file_id) {
                    return refused(ErrorCode::UnknownFile);
                }
                self.selection = Some(file_id.clone());
                vec![(Audience::All, ServerMessage::SelectFile { file_id, term })]
            }
            ClientMessage::Play(playback) => {
                if !self.shares(&playback.file_id) {
                    return refused(ErrorCode::UnknownFile);
                }
                self.schedule.add(PlayoutPlan::from(&playback));
                vec![(Audience::All, ServerMessage::Play { playback, term })]
            }
            ClientMessage::Stop => {
                self.schedule = Schedule::silent();
                vec![(Audience::All, ServerMessage::Stop { term })]
            }
            ClientMessage::Queue(queue) => {
                self.queue.clone_from(&queue);
                vec![(Audience::All, ServerMessage::Queue { queue, term })]
            }
            ClientMessage::Arm(arm) => {
                vec![(Audience::AllBut(from), ServerMessage::Arm { arm, term })]
            }
            ClientMessage::Armed(armed) => {
                let Some(director) = self.seat.director().cloned() else { return Vec::new() };
                vec![(Audience::One(director), ServerMessage::Armed { user_id: from, armed })]
            }
            ClientMessage::Reach(reach) => {
                if let Some(member) = self.members.get_mut(&from) {
                    member.addresses.clone_from(&reach.addresses);
                }
                let message = ServerMessage::Reach { user_id: from.clone(), reach };
                vec![(Audience::AllBut(from), message)]
            }
            ClientMessage::SyncReport(report) => {
                let message = ServerMessage::SyncReport { user_id: from.clone(), report };
                vec![(Audience::AllBut(from), message)]
            }
            // Asked at the door of relays in apps, of which there is none here.
            ClientMessage::CarrierAsk { .. } => Vec::new(),
            ClientMessage::RtcSignal { to, data } => {
                vec![(Audience::One(to), ServerMessage::RtcSignal { from, data })]
            }
        }
    }

    /// A member's connection is gone, and the relay has noticed.
    pub fn leave(&mut self, user_id: &UserId) -> Said {
        if self.members.remove(user_id).is_none() {
            return Vec::new();
        }
        let user_id = user_id.clone();
        let change = self.seat.leave(&user_id);
        for shared in &mut self.files {
            shared.owners.retain(|owner| *owner != user_id);
        }
        let presence =
            ServerMessage::Presence { user_id, action: PresenceAction::Leave, alias: None };
        let mut out = vec![(Audience::All, presence)];
        out.extend(said(change));
        out
    }

    fn join(&mut self, user_id: UserId, alias: Option<Alias>) -> Said {
        let member = Member { alias: alias.clone(), ..Member::default() };
        self.members.insert(user_id.clone(), member);
        let change = self.seat.join(user_id.clone());
        let peers = self
            .members
            .iter()
            .map(|(user_id, member)| PeerInfo {
                readiness: member.readiness.clone(),
                addresses: member.addresses.clone(),
                ..PeerInfo::new(user_id.clone(), member.alias.clone())
            })
            .collect();
        let mut schedule = self.schedule.plans().iter().map(Playback::from);
        let joined = ServerMessage::Joined(Joined {
            peers,
            director: self.seat.director().cloned(),
            term: self.seat.term(),
            files: self.files.clone(),
            selection: self.selection.clone(),
            playback: schedule.next(),
            upcoming: schedule.collect(),
            clock_id: self.clock_id.clone(),
            time: None,
            ice: Vec::new(),
            files_per_member: 3,
            resume: String::new(),
            epoch: 0,
            relays: Vec::new(),
            carrier: None,
            queue: self.queue.clone(),
        });
        let presence = ServerMessage::Presence {
            user_id: user_id.clone(),
            action: PresenceAction::Join,
            alias,
        };
        let mut out = vec![(Audience::One(user_id.clone()), joined)];
        out.push((Audience::AllBut(user_id), presence));
        out.extend(said(change));
        out
    }

    fn shares(&self, file_id: &FileId) -> bool {
        self.files.iter().any(|shared| shared.file.file_id == *file_id)
    }
}

fn said(change: Option<SeatChange>) -> Said {
    let Some(SeatChange { director: Some(user_id), term, claim }) = change else {
        return Vec::new();
    };
    let message = match claim {
        Claim::Lowest => ServerMessage::DirectorAssert { user_id, term },
        Claim::Taken => ServerMessage::DirectorTake { user_id, term },
    };
    vec![(Audience::All, message)]
}
