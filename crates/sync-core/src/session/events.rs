//! What a [`Session`](super::Session) is made of, told and asked for, and what it answers with.

use core::net::SocketAddr;
use std::collections::BTreeMap;

use protocol::datagram::Pong;
use protocol::host::{LogLevel, NoticeCode};
use protocol::ids::{Alias, FileId, SwarmHash, UserId};
use protocol::message::{FileAnnouncement, FileReadiness, Repeat, RepeatMode};
use protocol::sync::{Reach, SyncPath, SyncReport, TimeService};
use protocol::time::{LocalTime, MediaTime, Span};
use protocol::{ClientMessage, ServerMessage};

use super::asking;
use crate::clock::{ClockEstimate, ClockSample};
use crate::queue::Way;
use crate::room::{Face, Probe};
use crate::schedule::Schedule;

/// Who enters which swarm.
#[derive(Clone, Debug)]
pub struct SessionConfig {
    /// The swarm.
    pub swarm_hash: SwarmHash,
    /// The name this member keeps across connections.
    pub user_id: UserId,
    /// What people call this member.
    pub alias: Alias,
    /// A random number, which makes the names of rooms founded here unlike all others.
    pub seed: u64,
    /// How much faster than this device's clock those of other members ran when they were met
    /// before. (parts per million)
    pub skews: BTreeMap<UserId, f64>,
}

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// A connection to the relay is open.
    LinkUp,
    /// The connection to the relay is gone.
    LinkDown,
    /// The relay said something.
    Message {
        /// What.
        message: Box<ServerMessage>,
        /// When it reached this device, stamped at the socket.
        received: LocalTime,
    },
    /// What this device shares and holds, whole. Shared again after every reconnection.
    LocalFiles {
        /// Files of this device.
        announcements: Vec<FileAnnouncement>,
        /// Every file this device holds something of.
        readiness: Vec<FileReadiness>,
    },
    /// A person wants something.
    Wish(Wish),
    /// How long before it is heard this device's output must know of a sound. A start is
    /// announced early enough for it.
    OutputNotice(Span),
    /// A time exchange with the relay by UDP.
    Exchange(ClockSample),
    /// A neighbour answered from this address.
    Pong {
        /// From where.
        address: SocketAddr,
        /// What.
        pong: Box<Pong>,
        /// When it was asked.
        sent: LocalTime,
        /// When it reached this device, stamped at the socket.
        received: LocalTime,
    },
    /// Where other members answer time datagrams, as the network itself tells.
    Found(BTreeMap<UserId, Vec<SocketAddr>>),
    /// Where this device answers time datagrams, and where its own relay would be.
    Reach(Reach),
    /// A place asked for by [`Output::Cue`] is decoded.
    Cued {
        /// Of which file.
        file_id: FileId,
        /// Which place.
        position: MediaTime,
    },
    /// Where a song ends, once this device knows.
    SongEnds {
        /// Which song.
        file_id: FileId,
        /// The place behind its last sound.
        end: MediaTime,
    },
    /// How well this device keeps time, for the others.
    Report(SyncReport),
    /// This device's clock stood still or jumped, as it does in a suspend.
    Suspended,
}

/// What a person wants of the swarm.
#[derive(Clone, Debug)]
pub enum Wish {
    /// To lead.
    TakeDirector,
    /// To lead no more.
    ResignDirector,
    /// To play this next.
    Select {
        /// Which file.
        file_id: FileId,
    },
    /// To play on every device.
    Play {
        /// Which file; the selected one if absent.
        file_id: Option<FileId>,
        /// Where in the song to begin.
        position: MediaTime,
    },
    /// To stop on every device. While the link is down: on this one.
    Stop,
    /// To let the song on air stand still.
    Pause,
    /// To go on from where it stands still.
    Resume,
    /// To go to another place in the song on air.
    Seek {
        /// Where.
        position: MediaTime,
    },
    /// To play a stretch of the song on air again and again, or no longer.
    SetRepeat {
        /// The stretch, if any.
        repeat: Option<Repeat>,
    },
    /// To play a file when the song on air has been heard to its end.
    PlayNext {
        /// Which file.
        file_id: FileId,
        /// Where the song on air ends.
        end: MediaTime,
    },
    /// To move a song to another place in the order in which songs play.
    Move {
        /// Which file.
        file_id: FileId,
        /// Its place then, from 0.
        to: usize,
    },
    /// To go on to the next song, or back.
    Skip(Way),
    /// To play something again, or nothing.
    Repeat(RepeatMode),
    /// To draw the order of songs by chance from this seed, or to go back to the order in which
    /// they were announced.
    Shuffle(Option<u64>),
    /// To share a file no more.
    Withdraw {
        /// Which file.
        file_id: FileId,
    },
    /// To be called something else. The others learn of it at the next connection.
    Rename {
        /// The new name.
        alias: Alias,
    },
    /// To pass a WebRTC description or candidate to one member.
    Signal {
        /// The member.
        to: UserId,
        /// Anything.
        data: serde_json::Value,
    },
}

/// Something to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Say this to the relay.
    Send(ClientMessage),
    /// Ask the relay for its time, stamped at the socket.
    Ping(asking::Way),
    /// Ask a neighbour for the room's time, stamped at the socket.
    Probe(Probe),
    /// Answer neighbours with this from now on.
    Face(Option<Face>),
    /// How the present relay can be asked by UDP, if it can.
    TimeService(Option<TimeService>),
    /// Decode this place, so that it can start at once, and say so by [`Input::Cued`].
    Cue {
        /// Of which file.
        file_id: FileId,
        /// Which place.
        position: MediaTime,
    },
    /// Play by this from now on; both at once, because a plan can only be read by the clock
    /// it is written in.
    Timeline {
        /// The swarm's clock; none while it is not known.
        clock: Option<ClockEstimate>,
        /// What plays and what follows.
        schedule: Schedule,
    },
    /// Hand this WebRTC signal to the window.
    Signal {
        /// Who sent it.
        from: UserId,
        /// As it was sent.
        data: serde_json::Value,
    },
    /// Tell people.
    Notice {
        /// How much it matters.
        level: LogLevel,
        /// What happened.
        code: NoticeCode,
        /// Whom or what it is about.
        detail: String,
    },
    /// Something that can be seen changed: members, files, director, selection, plan or clock.
    Changed,
}

/// This device's grip on the swarm's clock.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClockState {
    /// True once the estimate is good enough to play by.
    pub synced: bool,
    /// The estimate that music plays by.
    pub estimate: Option<ClockEstimate>,
    /// Shortest round trip of the last minute, to whom is asked.
    pub round_trip: Option<Span>,
    /// Who is asked.
    pub path: SyncPath,
    /// By how much two ways of learning the time contradict each other, if they do.
    pub asymmetry: Option<Span>,
}
