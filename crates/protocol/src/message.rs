//! Messages between a member and the relay: JSON text frames on `/ws`, told apart by `type`.
//!
//! [`ClientMessage`] goes to the relay, [`ServerMessage`] comes from it. Unknown fields are
//! ignored, so either side may grow; an unknown `type` is answered with
//! [`ErrorCode::UnknownType`]. `docs/protocol.md` shows each message by example.

use core::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::carrier::{Carriage, Carrier, Challenge, Standby};
pub use crate::file::{FileAnnouncement, FileReadiness, MediaInfo, SharedFile};
use crate::ice::{self, IceServer};
use crate::ids::{Alias, FileId, SwarmHash, UserId};
use crate::limits;
pub use crate::playback::{Playback, Repeat};
pub use crate::queue::{Queue, RepeatMode};
use crate::sync::{Arm, Armed, Reach, SyncReport, TimeService};
use crate::time::Millis;

/// What a member says to the relay.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub enum ClientMessage {
    /// Enters a swarm. The first message on a connection; the relay answers `joined`.
    Join {
        /// The swarm to enter.
        swarm_hash: SwarmHash,
        /// The name this member keeps across connections.
        user_id: UserId,
        /// What people call this member.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        alias: Option<Alias>,
        /// The secret from an earlier `joined`, which lets a member replace its own
        /// connection after a break that the relay has not noticed yet.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        resume: Option<String>,
        /// To be put into the proof of a relay that a member's app carries.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        challenge: Option<Challenge>,
    },
    /// Leaves the swarm at once, without waiting for the connection to time out.
    Leave,
    /// Asks for the relay's time. Answered before anything else that is queued.
    TimePing {
        /// The member's own clock when it sent this; returned unread.
        t0: Millis,
    },
    /// Claims to lead because of the lowest user id.
    #[serde(rename = "director:assert")]
    DirectorAssert {
        /// The claimant.
        user_id: UserId,
    },
    /// Takes the lead whatever the user id.
    #[serde(rename = "director:take")]
    DirectorTake {
        /// The taker.
        user_id: UserId,
    },
    /// Gives the lead to the lowest user id among the others.
    #[serde(rename = "director:resign")]
    DirectorResign {
        /// The one who resigns.
        user_id: UserId,
    },
    /// Shares a file.
    #[serde(rename = "file:announce")]
    FileAnnounce(FileAnnouncement),
    /// Stops sharing a file. Allowed for those who announced it, and for the director.
    #[serde(rename = "file:withdraw")]
    FileWithdraw {
        /// The file to withdraw.
        file_id: FileId,
    },
    /// Tells how much of each file this member holds. Sent whenever that changes noticeably.
    Readiness {
        /// Every file this member holds something of.
        files: Vec<FileReadiness>,
    },
    /// Chooses what plays next. Director only.
    SelectFile {
        /// The file to select.
        file_id: FileId,
    },
    /// From an instant of swarm time on, plays a file or lets it stand still; until then goes on
    /// what was said before, and what was said to begin later is forgotten. Director only.
    Play(Playback),
    /// Ends playing at once, and forgets what lies ahead. Director only.
    Stop,
    /// Asks everyone to get ready for a start. Director only.
    Arm(Arm),
    /// The answer to `arm`; the relay passes it to the director.
    Armed(Armed),
    /// Where this member answers time datagrams on its local network. Whenever that changes.
    Reach(Reach),
    /// How well this member keeps time. Now and then.
    #[serde(rename = "sync:report")]
    SyncReport(SyncReport),
    /// A WebRTC description or candidate for one member, passed on unread.
    #[serde(rename = "rtc:signal")]
    RtcSignal {
        /// The member it is for.
        to: UserId,
        /// Anything up to [`limits::MAX_SIGNAL`] bytes of JSON.
        #[cfg_attr(feature = "ts", ts(type = "unknown"))]
        data: serde_json::Value,
    },
    /// Asks a relay inside an app whether it carries a swarm, and how it stands. Answered before
    /// any `join` by [`ServerMessage::Carriage`].
    #[serde(rename = "carrier:ask")]
    CarrierAsk {
        /// Which swarm.
        swarm_hash: SwarmHash,
        /// To be put into the proof.
        challenge: Challenge,
        /// Who asks.
        user_id: UserId,
        /// Where the asker's own relay can be reached.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        standby: Option<Standby>,
    },
    /// In which order songs play. Director only.
    Queue(Queue),
}

/// What the relay says to a member.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub enum ServerMessage {
    /// The answer to `join`: everything a member needs to take part.
    Joined(Joined),
    /// A member came or went.
    Presence {
        /// Who.
        user_id: UserId,
        /// Came or went.
        action: PresenceAction,
        /// What people call this member; present with `join`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        alias: Option<Alias>,
    },
    /// The whole list of members, in place of many single `presence` messages.
    Peers {
        /// Everyone in the swarm, the receiver included.
        peers: Vec<PeerInfo>,
    },
    /// The answer to `timePing`.
    TimePong {
        /// The member's stamp, returned.
        t0: Millis,
        /// The relay's clock midway between receiving and answering: `(t1 + t2) / 2`. With
        /// it the two-stamp rule `offset = tS - (t0 + t3) / 2` equals the four-stamp one of NTP.
        #[serde(rename = "tS")]
        t_s: Millis,
        /// The relay's clock when the ping arrived.
        t1: Millis,
        /// The relay's clock when this answer left.
        t2: Millis,
    },
    /// This member leads now.
    #[serde(rename = "director:assert")]
    DirectorAssert {
        /// The director.
        user_id: UserId,
        /// Number of this directorship; every change raises it.
        #[serde(default)]
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        term: u64,
    },
    /// This member took the lead.
    #[serde(rename = "director:take")]
    DirectorTake {
        /// The director.
        user_id: UserId,
        /// Number of this directorship; every change raises it.
        #[serde(default)]
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        term: u64,
    },
    /// This member gave up the lead. A `director:assert` of the next one follows, unless nobody is left.
    #[serde(rename = "director:resign")]
    DirectorResign {
        /// The one who resigned.
        user_id: UserId,
        /// Number of this directorship; every change raises it.
        #[serde(default)]
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        term: u64,
    },
    /// A member shares a file.
    #[serde(rename = "file:announce")]
    FileAnnounce {
        /// Who shares it.
        user_id: UserId,
        /// What it is.
        #[serde(flatten)]
        file: FileAnnouncement,
    },
    /// A file is no longer shared.
    #[serde(rename = "file:withdraw")]
    FileWithdraw {
        /// The file withdrawn.
        file_id: FileId,
    },
    /// How much of each file a member holds.
    Readiness {
        /// Whose files.
        user_id: UserId,
        /// Every file this member holds something of.
        files: Vec<FileReadiness>,
    },
    /// The director chose what plays next.
    SelectFile {
        /// The file selected.
        file_id: FileId,
        /// The directorship under which it was said.
        #[serde(default)]
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        term: u64,
    },
    /// The director plays.
    Play {
        /// What, from where, and when.
        #[serde(flatten)]
        playback: Playback,
        /// The directorship under which it was said.
        #[serde(default)]
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        term: u64,
    },
    /// The director stopped the music.
    Stop {
        /// The directorship under which it was said.
        #[serde(default)]
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        term: u64,
    },
    /// The director asks everyone to get ready for a start.
    Arm {
        /// For what.
        #[serde(flatten)]
        arm: Arm,
        /// The directorship under which it was said.
        #[serde(default)]
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        term: u64,
    },
    /// A member's answer to `arm`; only the director gets it.
    Armed {
        /// Who.
        user_id: UserId,
        /// What it answers.
        #[serde(flatten)]
        armed: Armed,
    },
    /// Where a member answers time datagrams on its local network.
    Reach {
        /// Who.
        user_id: UserId,
        /// Where.
        #[serde(flatten)]
        reach: Reach,
    },
    /// How well a member keeps time.
    #[serde(rename = "sync:report")]
    SyncReport {
        /// Who.
        user_id: UserId,
        /// How well.
        #[serde(flatten)]
        report: SyncReport,
    },
    /// A WebRTC description or candidate from one member.
    #[serde(rename = "rtc:signal")]
    RtcSignal {
        /// The member it came from.
        from: UserId,
        /// As it was sent.
        #[cfg_attr(feature = "ts", ts(type = "unknown"))]
        data: serde_json::Value,
    },
    /// Another relay keeps the swarm now. The connection closes with code 4001; what plays,
    /// plays on.
    Moved {
        /// Where to join; none: at the address the swarm was found at.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        url: Option<String>,
        /// The ownership under which this was said; see [`Joined::epoch`].
        #[serde(default)]
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        epoch: u64,
    },
    /// A message was refused. The connection stays unless the code says otherwise.
    Error {
        /// What was wrong, for programs.
        code: ErrorCode,
        /// What was wrong and what to do, for people.
        message: String,
        /// The `type` of the message this answers.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        in_reply_to: Option<String>,
    },
    /// The answer to `carrier:ask` of a relay that carries the swarm.
    Carriage(Carriage),
    /// The director said in which order songs play.
    Queue {
        /// The order.
        #[serde(flatten)]
        queue: Queue,
        /// The directorship under which it was said.
        #[serde(default)]
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        term: u64,
    },
}

/// The swarm's whole state, for a member who just came.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct Joined {
    /// Everyone in the swarm, the receiver included.
    pub peers: Vec<PeerInfo>,
    /// Who leads.
    #[serde(default)]
    pub director: Option<UserId>,
    /// Number of the present directorship.
    #[serde(default)]
    #[cfg_attr(feature = "ts", ts(type = "number"))]
    pub term: u64,
    /// What is shared, in the order in which it was announced.
    #[serde(default)]
    pub files: Vec<SharedFile>,
    /// What the director selected.
    #[serde(default)]
    pub selection: Option<FileId>,
    /// What plays, or stands still.
    #[serde(default)]
    pub playback: Option<Playback>,
    /// What was said to begin later, in that order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "ts", ts(optional, as = "Option<Vec<Playback>>"))]
    pub upcoming: Vec<Playback>,
    /// Names the clock behind `timePong`. A different value means a different clock, so
    /// that estimates of the old one say nothing about it.
    #[serde(default)]
    pub clock_id: String,
    /// How the relay answers time pings by UDP, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub time: Option<TimeService>,
    /// STUN and TURN servers of this relay's operator, for members that reach each other no
    /// other way.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "ice::usable")]
    #[cfg_attr(feature = "ts", ts(optional, as = "Option<Vec<IceServer>>"))]
    pub ice: Vec<IceServer>,
    /// Files this relay lets one member share at a time.
    #[serde(default = "default_files_per_member")]
    pub files_per_member: usize,
    /// Secret to pass as `resume` in a later `join` of the same user id.
    #[serde(default)]
    pub resume: String,
    /// Number of the ownership of this swarm, where several relays share their swarms or members'
    /// apps carry it in turn: every new owner has a higher one, and terms are never below it. 0 at
    /// a relay that is alone.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[cfg_attr(feature = "ts", ts(optional, as = "Option<f64>"))]
    pub epoch: u64,
    /// Relays that may become this swarm's next owner, where to join if this one is gone.
    /// At most [`limits::MAX_RELAYS`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "ts", ts(optional, as = "Option<Vec<String>>"))]
    pub relays: Vec<String>,
    /// The member whose app carries this relay; none at a relay that stands alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub carrier: Option<Carrier>,
    /// In which order songs play.
    #[serde(default, skip_serializing_if = "Queue::is_untouched")]
    #[cfg_attr(feature = "ts", ts(optional, as = "Option<Queue>"))]
    pub queue: Queue,
}

fn default_files_per_member() -> usize {
    limits::DEFAULT_FILES_PER_MEMBER
}

/// One member as the others see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct PeerInfo {
    /// Who.
    pub user_id: UserId,
    /// What people call this member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub alias: Option<Alias>,
    /// Every file this member holds something of.
    #[serde(default)]
    pub readiness: Vec<FileReadiness>,
    /// Where this member answers time datagrams on its local network.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "ts", ts(optional, type = "Array<string>"))]
    pub addresses: Vec<SocketAddr>,
    /// Where its own relay can be reached, if it would carry the party.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub standby: Option<Standby>,
}

impl PeerInfo {
    /// A member of whom nothing else is known yet.
    pub fn new(user_id: UserId, alias: Option<Alias>) -> Self {
        Self { user_id, alias, readiness: Vec::new(), addresses: Vec::new(), standby: None }
    }
}

/// Came or went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub enum PresenceAction {
    /// The member came.
    Join,
    /// The member went.
    Leave,
}

/// Why a message was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub enum ErrorCode {
    /// Not JSON, or not an object with a text `type`.
    BadMessage,
    /// The `type` is none the relay knows.
    UnknownType,
    /// A field is missing, of the wrong kind or out of range.
    BadField,
    /// The first message must be `join`.
    NotJoined,
    /// A second `join` on one connection.
    AlreadyJoined,
    /// Another connection holds this user id.
    UserTaken,
    /// The swarm has as many members as the relay allows.
    SwarmFull,
    /// Only the director may do this.
    NotDirector,
    /// The message was sent under an older directorship.
    StaleTerm,
    /// The user id in the message is not the sender's.
    WrongUser,
    /// This member, or the swarm, already shares as many files as allowed.
    TooManyFiles,
    /// No such file is shared here.
    UnknownFile,
    /// The member addressed is not in the swarm.
    UnknownPeer,
    /// The start lies too far ahead or behind.
    BadStartTime,
    /// Too many messages; some were dropped.
    RateLimited,
    /// The member did not read its messages fast enough. The connection closes.
    TooSlow,
    /// The relay is shutting down. The connection closes.
    ShuttingDown,
    /// It is not settled which relay decides for this swarm; try again in a moment. What
    /// plays, plays on.
    NotOwner,
}

/// A text frame that is no message.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{reason}")]
pub struct DecodeError {
    /// What to answer.
    pub code: ErrorCode,
    /// What is wrong, for people; at most [`limits::MAX_ERROR_TEXT`] characters.
    pub reason: String,
    /// The `type` that was found, if there was one.
    pub found_type: Option<String>,
}

impl ClientMessage {
    /// Reads one text frame.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] says what to answer; nothing else has happened.
    pub fn decode(text: &str) -> Result<Self, DecodeError> {
        let message = decode(text, CLIENT_TYPES)?;
        if let Self::RtcSignal { data, .. } = &message {
            check_signal(data)?;
        }
        Ok(message)
    }

    /// Writes one text frame.
    pub fn encode(&self) -> String {
        encode(self)
    }
}

impl ServerMessage {
    /// Reads one text frame.
    ///
    /// # Errors
    ///
    /// [`DecodeError`]; a member ignores such a frame.
    pub fn decode(text: &str) -> Result<Self, DecodeError> {
        decode(text, SERVER_TYPES)
    }

    /// Writes one text frame.
    pub fn encode(&self) -> String {
        encode(self)
    }
}

impl From<DecodeError> for ServerMessage {
    fn from(error: DecodeError) -> Self {
        Self::Error { code: error.code, message: error.reason, in_reply_to: error.found_type }
    }
}

/// Every `type` a member may send.
pub const CLIENT_TYPES: &[&str] = &[
    "join",
    "leave",
    "timePing",
    "director:assert",
    "director:take",
    "director:resign",
    "file:announce",
    "file:withdraw",
    "readiness",
    "selectFile",
    "play",
    "stop",
    "arm",
    "armed",
    "reach",
    "sync:report",
    "rtc:signal",
    "carrier:ask",
    "queue",
];

/// Every `type` the relay may send.
pub const SERVER_TYPES: &[&str] = &[
    "joined",
    "presence",
    "peers",
    "timePong",
    "director:assert",
    "director:take",
    "director:resign",
    "file:announce",
    "file:withdraw",
    "readiness",
    "selectFile",
    "play",
    "stop",
    "arm",
    "armed",
    "reach",
    "sync:report",
    "rtc:signal",
    "moved",
    "error",
    "carriage",
    "queue",
];

/// The `type` alone; everything else in the frame is skipped.
#[derive(Deserialize)]
struct TypeOnly {
    #[serde(rename = "type")]
    name: String,
}

fn decode<'de, T: Deserialize<'de>>(text: &'de str, known: &[&str]) -> Result<T, DecodeError> {
    if text.len() > limits::MAX_MESSAGE {
        return Err(DecodeError {
            code: ErrorCode::BadMessage,
            reason: format!("a message may have at most {} bytes", limits::MAX_MESSAGE),
            found_type: None,
        });
    }
    let error = match serde_json::from_str::<T>(text) {
        Ok(message) => return Ok(message),
        Err(error) => error,
    };
    // Only a message that is refused is read a second time, to say why.
    let Ok(TypeOnly { name }) = serde_json::from_str::<TypeOnly>(text) else {
        return Err(DecodeError {
            code: ErrorCode::BadMessage,
            reason: "a message is a JSON object with a text field `type`".to_owned(),
            found_type: None,
        });
    };
    let name = shortened(&name, 40);
    if !known.contains(&name.as_str()) {
        return Err(DecodeError {
            code: ErrorCode::UnknownType,
            reason: format!("no message has the type `{name}`"),
            found_type: Some(name),
        });
    }
    Err(DecodeError {
        code: ErrorCode::BadField,
        reason: shortened(&error.to_string(), limits::MAX_ERROR_TEXT),
        found_type: Some(name),
    })
}

fn encode<T: Serialize>(message: &T) -> String {
    serde_json::to_string(message).expect("messages have text keys and finite numbers only")
}

fn check_signal(data: &serde_json::Value) -> Result<(), DecodeError> {
    let length = data.to_string().len();
    if length <= limits::MAX_SIGNAL {
        return Ok(());
    }
    Err(DecodeError {
        code: ErrorCode::BadField,
        reason: format!("`data` has {length} bytes, at most {} are passed on", limits::MAX_SIGNAL),
        found_type: Some("rtc:signal".to_owned()),
    })
}

fn shortened(text: &str, characters: usize) -> String {
    text.chars().filter(|c| !c.is_control()).take(characters).collect()
}

fn is_zero(value: &u64) -> bool {
    *value == 0
}
