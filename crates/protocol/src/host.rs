//! What a window or a script asks of the app's core, and what it is shown in return.
//!
//! [`Intent`]s go in, [`HostEvent`]s come out. A [`View`] is the whole truth about one
//! member at one moment: whoever draws it needs no memory of earlier ones. The same types
//! serve the window (through Tauri), scripts (`--status json`) and the tests' fake host.

use serde::{Deserialize, Serialize};

use crate::ice::IceServer;
use crate::ids::{Alias, FileId, FileName, InfoHash, Label, SwarmHash, UserId};
use crate::message::{MediaInfo, Playback, Repeat, RepeatMode};
use crate::sync::{SyncPath, SyncReport, SyncState};
use crate::time::Millis;

/// What a person wants.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub enum Intent {
    /// Enter the swarm that this key opens.
    JoinSwarm {
        /// The swarm key as typed. Text that is no key is answered by a notice; an invitation is
        /// opened, as by [`Intent::OpenInvite`].
        key: String,
        /// Where the members meet.
        at: MeetingPoint,
    },
    /// Draw other words for the key of a party to be started here.
    DrawKey,
    /// Read an invitation. It is not followed before [`Intent::AcceptInvite`].
    OpenInvite {
        /// The link. Text that is none is answered by a notice.
        link: String,
    },
    /// Join by the invitation shown.
    AcceptInvite,
    /// Put the invitation aside.
    DismissInvite,
    /// Enter a party of [`LobbyView::recent`] again.
    Rejoin {
        /// Which one.
        swarm: SwarmHash,
    },
    /// Forget a party of [`LobbyView::recent`], its key included.
    ForgetParty {
        /// Which one.
        swarm: SwarmHash,
    },
    /// Show the key of a recent party or of the invitation, and no other one.
    RevealKey {
        /// Whose key; none to hide them all.
        #[serde(default)]
        swarm: Option<SwarmHash>,
    },
    /// Leave the swarm; a relay carried here ends too.
    LeaveSwarm,
    /// Take the lead.
    TakeDirector,
    /// Give up the lead.
    ResignDirector,
    /// Share files of this device. Only trusted shells send this: paths never reach a web page.
    AddFiles {
        /// Where the files are.
        paths: Vec<String>,
    },
    /// Stop sharing a file, or forget a fetched one.
    RemoveFile {
        /// Which file.
        file_id: FileId,
    },
    /// Choose what plays next. Director only.
    SelectFile {
        /// Which file.
        file_id: FileId,
    },
    /// Play the file on every device. Director only.
    Play {
        /// Which file; the selected one if absent.
        #[serde(default)]
        file_id: Option<FileId>,
        /// Where in the song to begin.
        #[serde(default)]
        position_ms: Millis,
    },
    /// Stop on every device. Director only.
    Stop,
    /// Let the song stand still on every device. Director only.
    Pause,
    /// Go on from where the song stands still. Director only.
    Resume,
    /// Go to another place in the song on air, on every device. Director only.
    Seek {
        /// Where.
        position_ms: Millis,
    },
    /// Play a stretch of the song on air again and again, or no longer. Director only.
    SetRepeat {
        /// The stretch; none to play on to the end.
        #[serde(default)]
        repeat: Option<Repeat>,
    },
    /// Play a file when the one on air ends, without a gap, and those behind it afterwards. Director
    /// only.
    PlayNext {
        /// Which file.
        file_id: FileId,
    },
    /// Write down what this device knows of time, so that a fault can be replayed.
    SaveTrace,
    /// How late this device's speaker sounds after the system says it does, 0 to 500.
    SetSpeakerDelay {
        /// The delay.
        ms: Millis,
    },
    /// What the others call this member.
    SetAlias {
        /// The new name.
        alias: Alias,
    },
    /// Where the sound goes: an id from [`View::outputs`], or the system's default.
    SetOutput {
        /// The device id.
        #[serde(default)]
        id: Option<String>,
    },
    /// How many files this member shares at most.
    SetFilesPerMember {
        /// 1 to [`crate::limits::MAX_FILES_PER_MEMBER`].
        count: usize,
    },
    /// Which helpers outside the room may be asked.
    SetNetwork {
        /// What is allowed.
        network: NetworkSettings,
    },
    /// Pass a WebRTC description or candidate to one member.
    SendSignal {
        /// The member.
        to: UserId,
        /// The signal.
        #[cfg_attr(feature = "ts", ts(type = "unknown"))]
        data: serde_json::Value,
    },
    /// What the window's WebTorrent sees of one torrent; shown, never decided on.
    ReportTransfer {
        /// Which torrent.
        info_hash: InfoHash,
        /// Its figures.
        rates: TransferRates,
    },
    /// A fault in the window worth a line in the log.
    ReportFault {
        /// What happened.
        text: String,
    },
    /// A button outside of the window was pressed: of a keyboard, a headset, a lock screen, the
    /// tray. The director's moves the song for everyone; anyone else's only silences this device
    /// or lets it be heard again.
    PressButton {
        /// Which one.
        button: MediaButton,
    },
    /// Silence this device, or let it be heard again. The others play on.
    SetMuted {
        /// True to silence it.
        muted: bool,
    },
    /// Find out what works between this device and the others; shown in [`View::checks`].
    CheckConnection,
    /// Move a file to another place in the order of songs. Director only.
    MoveFile {
        /// Which file.
        file_id: FileId,
        /// Its place then, counted from 0; a place beyond the last one is the last.
        to: usize,
    },
    /// Go on to the song behind the one on air, or behind the selected one. Director only.
    SkipForward,
    /// Go back to the beginning of the song on air, or in its first seconds to the song before it.
    /// Director only.
    SkipBack,
    /// What is played again. Director only.
    SetRepeatMode {
        /// Which songs.
        mode: RepeatMode,
    },
    /// Draw the order of songs by chance, or go back to the order in which they were announced.
    /// Director only.
    SetShuffle {
        /// True to draw it.
        on: bool,
    },
}

/// A button that controls playing from outside of the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub enum MediaButton {
    /// Begin, or go on.
    Play,
    /// Stand still.
    Pause,
    /// One or the other, by what happens now.
    PlayPause,
    /// End.
    Stop,
}

/// Where the members of a swarm meet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub enum MeetingPoint {
    /// A relay carried by this app, announced on the local network.
    Here,
    /// A relay by address, `ws://` or `wss://`.
    Relay {
        /// The address.
        url: String,
    },
    /// A party from [`View::nearby`].
    Nearby {
        /// Its id.
        id: String,
    },
    /// A party found nearby if there is one within two seconds, else a relay carried by this app.
    Anywhere,
}

/// Helpers outside the room. All off unless the user turns them on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct NetworkSettings {
    /// Announce torrents to the public WebTorrent trackers too.
    pub public_trackers: bool,
    /// STUN or TURN servers to ask for addresses, `stun:` or `turn:` URLs.
    pub ice_servers: Vec<String>,
}

/// What the core tells the window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub enum HostEvent {
    /// The present state, whole. Only the newest one matters.
    View {
        /// The state.
        view: Box<View>,
    },
    /// A WebRTC signal from a member. Each one matters.
    Signal {
        /// Who sent it.
        from: UserId,
        /// As it was sent.
        #[cfg_attr(feature = "ts", ts(type = "unknown"))]
        data: serde_json::Value,
    },
}

/// Everything there is to show.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct View {
    /// This device.
    pub me: Me,
    /// The swarm, once entered.
    pub swarm: Option<SwarmView>,
    /// What there is to join by.
    pub lobby: LobbyView,
    /// Parties found on the local network.
    pub nearby: Vec<NearbyParty>,
    /// What is shared in the swarm, in the order in which it plays.
    pub files: Vec<FileView>,
    /// Files of this device being read before they can be shared.
    pub adding: Vec<AddingView>,
    /// What the director selected.
    pub selection: Option<FileId>,
    /// What this device plays.
    pub playback: PlaybackView,
    /// This device's grip on the swarm's clock.
    pub clock: ClockView,
    /// What this device's sound comes out of.
    pub output: OutputView,
    /// Where sound could go.
    pub outputs: Vec<OutputChoice>,
    /// The settings in force.
    pub settings: SettingsView,
    /// What the window's WebTorrent should do. Torrents not listed should end.
    pub transfers: Vec<TransferTask>,
    /// What happened lately, newest last.
    pub log: Vec<LogLine>,
    /// What was found out about the ways to the others, after [`Intent::CheckConnection`].
    #[serde(default)]
    pub checks: Vec<CheckView>,
}

/// One thing that must work for a party to work, and whether it does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct CheckView {
    /// What was looked at.
    pub subject: CheckSubject,
    /// What was found.
    pub state: CheckState,
    /// Why, in technical words; may be empty.
    pub detail: String,
}

/// What is looked at when a person asks whether everything works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub enum CheckSubject {
    /// This device and the party's relay speak to each other.
    Relay,
    /// The relay introduces devices that share a song.
    Tracker,
    /// The relay answers questions for the time by UDP.
    Udp,
    /// What this device says to everyone on the network can be said and heard.
    Multicast,
    /// Sound comes out.
    Output,
    /// The party's time is known.
    Clock,
}

/// What a check found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub enum CheckState {
    /// Not known yet.
    Running,
    /// It works.
    Works,
    /// It does not, and the party goes on by another way or less well.
    Limited,
    /// It does not work.
    Fails,
    /// There is nothing to look at outside of a party.
    NoParty,
}

/// This device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct Me {
    /// Its user id.
    pub user_id: UserId,
    /// What the others call it.
    pub alias: Alias,
}

/// What there is to join by, beside the parties nearby.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct LobbyView {
    /// Words drawn by chance for the key of a party to be started here; none if the system gives
    /// no random numbers.
    pub new_key: Option<String>,
    /// An invitation that waits for a yes or no.
    pub invitation: Option<InvitationView>,
    /// Parties this device was in, newest first; [`crate::limits::MAX_RECENT`] at most.
    pub recent: Vec<RecentPartyView>,
}

/// An invitation that waits for a yes or no.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct InvitationView {
    /// Names the swarm.
    pub swarm: SwarmHash,
    /// What the party is called.
    pub name: Label,
    /// Where its relay may be reached; empty for a party to be found on the local network.
    pub relays: Vec<String>,
    /// Its key, after [`Intent::RevealKey`].
    pub key: Option<String>,
}

/// A party this device was in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct RecentPartyView {
    /// Names the swarm.
    pub swarm: SwarmHash,
    /// What the party was called.
    pub name: Label,
    /// Where its relay was last; none if this app carried it.
    pub relay: Option<String>,
    /// Its key, after [`Intent::RevealKey`].
    pub key: Option<String>,
}

/// The swarm as this member sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct SwarmView {
    /// What people call the party.
    pub name: Label,
    /// Its key in the normal form, so that it can be passed on.
    pub key: String,
    /// The invitation to it, a link that holds the key.
    pub invite: String,
    /// The relay's address, once known.
    pub relay: Option<String>,
    /// True when this app carries the relay.
    pub hosting: bool,
    /// Addresses under which others reach the relay carried here.
    pub invite_urls: Vec<String>,
    /// The connection to the relay.
    pub link: LinkState,
    /// Everyone, this device included.
    pub members: Vec<MemberView>,
    /// Who leads.
    pub director: Option<UserId>,
    /// True when this device leads.
    pub is_director: bool,
    /// STUN and TURN servers of the relay's operator, to be asked besides those in the settings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "ts", ts(optional, as = "Option<Vec<IceServer>>"))]
    pub ice: Vec<IceServer>,
    /// The member whose app carries the party; none at a relay that stands alone.
    #[serde(default)]
    pub carrier: Option<UserId>,
    /// What is played again.
    #[serde(default)]
    pub repeat: RepeatMode,
    /// True when the order of songs was drawn by chance.
    #[serde(default)]
    pub shuffled: bool,
}

/// The connection to the relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub enum LinkState {
    /// Connecting for the first time.
    Connecting,
    /// In the swarm.
    Online,
    /// The connection broke; music goes on and the app keeps trying.
    Reconnecting,
}

/// One member.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct MemberView {
    /// Who.
    pub user_id: UserId,
    /// What it calls itself.
    pub alias: Option<Alias>,
    /// How well it keeps time, as it said last.
    pub sync: Option<SyncReport>,
}

/// A party on the local network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct NearbyParty {
    /// Names the relay, not the swarm.
    pub id: String,
    /// What its host is called.
    pub name: String,
    /// The relay's address.
    pub url: String,
}

/// A file in the swarm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct FileView {
    /// Names the content.
    pub file_id: FileId,
    /// Its name.
    pub name: FileName,
    /// Its length. (bytes)
    #[cfg_attr(feature = "ts", ts(type = "number"))]
    pub size: u64,
    /// The torrent that carries it.
    pub info_hash: InfoHash,
    /// What is known of the music inside.
    pub media: MediaInfo,
    /// Who announced it.
    pub owners: Vec<UserId>,
    /// True when this device announced it.
    pub mine: bool,
    /// True when this device has a picture for it.
    pub artwork: bool,
    /// How much each member holds, this device included.
    pub readiness: Vec<MemberReadiness>,
    /// Transfer figures of this device.
    pub rates: TransferRates,
    /// Why this device cannot play or share it, if it cannot.
    pub fault: Option<Notice>,
    /// Stretches of the song that this device lacks: the first column and the one behind the last,
    /// of [`crate::limits::WAVEFORM_COLUMNS`] over the whole length. In order, none touches another.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "ts", ts(optional, as = "Option<Vec<[u16; 2]>>"))]
    pub missing: Vec<[u16; 2]>,
}

/// How much of a file one member holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct MemberReadiness {
    /// Who.
    pub user_id: UserId,
    /// Verified bytes held. (bytes)
    #[cfg_attr(feature = "ts", ts(type = "number"))]
    pub held_bytes: u64,
    /// True when it could start from the beginning at once.
    pub playable: bool,
}

/// Figures of one torrent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct TransferRates {
    /// Connected peers.
    pub peers: u32,
    /// Coming in. (bytes per second)
    pub down: f64,
    /// Going out. (bytes per second)
    pub up: f64,
}

/// A file of this device that is being read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct AddingView {
    /// Its name.
    pub name: String,
    /// Read so far. (bytes)
    #[cfg_attr(feature = "ts", ts(type = "number"))]
    pub done_bytes: u64,
    /// Its length. (bytes)
    #[cfg_attr(feature = "ts", ts(type = "number"))]
    pub size: u64,
}

/// What this device plays.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct PlaybackView {
    /// What it is doing.
    pub state: PlaybackState,
    /// What plays, or stands still, on the swarm's time line.
    pub on_air: Option<Playback>,
    /// What follows on the swarm's time line.
    pub upcoming: Vec<Playback>,
    /// Where in the song this device is, at the moment this view was made.
    pub position_ms: Option<Millis>,
    /// Length of the song, once decoded far enough to know.
    pub duration_ms: Option<Millis>,
    /// Last measured distance from where the song should be; above zero is heard late. (microseconds)
    pub error_us: Option<f64>,
    /// Present speed correction, device rate included. (parts per million)
    pub trim_ppm: Option<f64>,
    /// Times this song was moved to its place audibly.
    pub jumps: u32,
    /// Times the sound card ran dry since the app started.
    pub underruns: u32,
}

/// What a device does about the song on air.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub enum PlaybackState {
    /// Nothing is on air.
    #[default]
    Stopped,
    /// On air, but this device lacks data, clock or output.
    Waiting,
    /// Prepared; the start lies ahead.
    Armed,
    /// Sounding.
    Playing,
    /// On air, standing still.
    Paused,
    /// The song is over.
    Ended,
    /// This device cannot play the song; the file says why.
    Failed,
}

/// This device's grip on the swarm's clock.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct ClockView {
    /// True once the estimate is good enough to play by.
    pub synced: bool,
    /// In one word.
    pub state: SyncState,
    /// Where the time comes from.
    pub path: SyncPath,
    /// The member whose clock leads the room, if one does.
    pub root: Option<UserId>,
    /// How far two ways of learning the time contradict each other, if they do: one of them is
    /// slower in one direction. (microseconds)
    pub asymmetry_us: Option<f64>,
    /// One standard deviation of the estimate. (microseconds)
    pub uncertainty_us: Option<f64>,
    /// Lowest round trip seen lately. (microseconds)
    pub round_trip_us: Option<f64>,
    /// How much faster the swarm's clock runs than this device's. (parts per million)
    pub skew_ppm: Option<f64>,
}

/// What this device's sound comes out of.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct OutputView {
    /// The device id in use.
    pub id: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// Frames per second.
    pub sample_rate: Option<u32>,
    /// Channels.
    pub channels: Option<u16>,
    /// Delay the system reports between writing and hearing.
    pub latency_ms: Option<Millis>,
    /// Why there is no sound, if there is none.
    pub fault: Option<Notice>,
    /// Why this device is silent although others play, if it is.
    #[serde(default)]
    pub muted: Option<Muted>,
}

/// Why a device is silent although it could be heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub enum Muted {
    /// A person wants it.
    ByPerson,
    /// The output in use went away and another one took its place: nobody is to be surprised
    /// by a loudspeaker.
    OutputLost,
}

/// A device that sound could go to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct OutputChoice {
    /// Pass this to `setOutput` or `--output`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// True for the system's choice.
    pub is_default: bool,
}

/// The settings in force.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct SettingsView {
    /// How late this device's speaker sounds after the system says it does.
    pub speaker_delay_ms: Millis,
    /// The output asked for; absent means the system's default.
    pub output: Option<String>,
    /// Files this member shares at most.
    pub files_per_member: usize,
    /// Helpers outside the room.
    pub network: NetworkSettings,
}

/// One torrent that the window's WebTorrent should carry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct TransferTask {
    /// Which torrent.
    pub info_hash: InfoHash,
    /// The file inside.
    pub file_id: FileId,
    /// Its length. (bytes)
    #[cfg_attr(feature = "ts", ts(type = "number"))]
    pub size: u64,
    /// True when the core holds the metainfo, to be read by `metainfo`; else it must be
    /// fetched from a member and handed over by `putMetainfo`.
    pub has_metainfo: bool,
    /// True when nothing is missing.
    pub complete: bool,
    /// Members who hold what this device lacks: connect to these.
    pub connect_to: Vec<UserId>,
    /// Pieces wanted before all others, first and last, most urgent range first.
    pub urgent: Vec<[u32; 2]>,
    /// Trackers to announce to.
    pub trackers: Vec<String>,
}

/// Something a person should know. The window owns the sentence for each code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct Notice {
    /// What happened.
    pub code: NoticeCode,
    /// Which file, device or address it is about, and the cause in technical words.
    pub detail: String,
}

/// What can happen that a person should know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub enum NoticeCode {
    /// The text typed is no swarm key.
    BadKey,
    /// The link is no invitation that can be used; the detail says why.
    BadInvite,
    /// The relay's address cannot be used.
    BadRelayAddress,
    /// The relay could not be reached; the app keeps trying.
    RelayUnreachable,
    /// The connection to the relay broke; music goes on.
    RelayLost,
    /// The relay refused something; the detail is its reason.
    RelayRefused,
    /// The relay carried here could not start.
    CannotHost,
    /// Now connected.
    Connected,
    /// A member came.
    MemberJoined,
    /// A member went.
    MemberLeft,
    /// Someone else leads now.
    DirectorChanged,
    /// This device leads now.
    YouDirect,
    /// Only the director may do that.
    NotDirector,
    /// A file was added.
    FileAdded,
    /// A file was fetched whole.
    FileComplete,
    /// No room to share another file.
    TooManyFiles,
    /// The file cannot be read.
    FileUnreadable,
    /// The file has no bytes.
    FileEmpty,
    /// The file is larger than the limit.
    FileTooLarge,
    /// The file holds no music that can be played here.
    FileNotMusic,
    /// The file was moved, deleted or changed while it was shared.
    FileGone,
    /// A piece did not match its hash and is fetched again.
    PieceCorrupt,
    /// The torrent's description does not fit the file announced.
    MetainfoMismatch,
    /// The disk is full.
    DiskFull,
    /// The data folder cannot be used.
    StorageFault,
    /// The song ends early because the file is damaged.
    SongDamaged,
    /// The sound device is gone; another is tried.
    OutputLost,
    /// No sound device could be opened.
    OutputUnavailable,
    /// The sound device is in use again.
    OutputReady,
    /// Sound was cut for a moment because the computer was busy.
    Underrun,
    /// The sound system does not tell when its device sounds; this one may be some milliseconds
    /// off.
    OutputUntimed,
    /// A setting was out of range and was not taken.
    BadSetting,
    /// What this device knows of time was written; the detail says where.
    TraceSaved,
    /// It could not be written.
    TraceNotSaved,
    /// Something went wrong in the window.
    WindowFault,
    /// Another member's app carries the party now; the detail is that member.
    CarrierChanged,
    /// This app carries the party now.
    YouCarry,
}

/// How much a line in the log matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub enum LogLevel {
    /// Worth knowing.
    Info,
    /// Odd, but everything works.
    Warning,
    /// Something does not work.
    Error,
}

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct LogLine {
    /// Counts up from 1 in one run of the app.
    pub number: u32,
    /// How much it matters.
    pub level: LogLevel,
    /// What happened.
    pub notice: Notice,
}
