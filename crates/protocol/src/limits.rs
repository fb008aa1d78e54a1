//! Every bound on what is accepted from outside, in one place, each with its reason.

/// Longest WebSocket message or frame. (bytes)
///
/// Sixteen times the largest message seen in practice, a WebRTC description of about 4 KiB;
/// the same default as Centrifugo and aquatic use.
pub const MAX_MESSAGE: usize = 64 * 1024;

/// STUN and TURN servers that a relay may name, and addresses of each.
///
/// Each costs every connection a query; more than a few only slow connections down.
pub const MAX_ICE_URLS: usize = 8;

/// Longest address, user name or password of such a server. (bytes)
///
/// A user name of ours has at most 85, a password 28; this leaves room for other relays' ways.
pub const MAX_ICE_TEXT: usize = 512;

/// Longest user id. (characters of `[A-Za-z0-9_-]`)
pub const MAX_USER_ID: usize = 64;

/// Longest swarm key. (bytes of UTF-8)
///
/// Keys are typed or scanned; this admits any passphrase and still bounds the hashing work.
pub const MAX_SWARM_KEY: usize = 1024;

/// Longest invitation. (bytes)
///
/// The longest key, percent-encoded, with a name and a few addresses; an ordinary one has 120.
pub const MAX_INVITE: usize = 4096;

/// Parties remembered by a device, newest first. More than anyone scrolls through.
pub const MAX_RECENT: usize = 8;

/// Longest alias of a member. (characters)
pub const MAX_ALIAS: usize = 40;

/// Longest file name and longest tag text. (characters)
///
/// 255 is the limit of every common file system, so no real name is cut.
pub const MAX_NAME: usize = 255;

/// Longest magnet link. (bytes)
///
/// Room for the name, percent-encoded, and a few trackers.
pub const MAX_MAGNET: usize = 4096;

/// Largest file that may be shared. (bytes)
///
/// 4 GiB holds six hours of uncompressed stereo at 96 kHz, and keeps piece tables small.
pub const MAX_FILE_SIZE: u64 = 4 * 1024 * 1024 * 1024;

/// Files one member may share at a time, unless the relay or the member's settings say otherwise.
pub const DEFAULT_FILES_PER_MEMBER: usize = 3;

/// Largest setting for files per member. Bounds a member's share of `joined`.
pub const MAX_FILES_PER_MEMBER: usize = 50;

/// Files in one swarm: what keeps `joined` inside [`MAX_MESSAGE`] together with the members.
pub const MAX_FILES_PER_SWARM: usize = 100;

/// Members in one swarm. Fan-out work grows with the square of this number.
pub const MAX_MEMBERS: usize = 200;

/// Longest `rtc:signal` payload, as JSON. (bytes)
///
/// A full description with many candidates stays below 16 KiB.
pub const MAX_SIGNAL: usize = 32 * 1024;

/// Longest human-readable text of an `error` message. (characters)
pub const MAX_ERROR_TEXT: usize = 500;

/// Furthest a `play` may lie ahead of the relay's clock. (milliseconds)
///
/// Longer than any start that waits for slow members, short enough that a wrong clock shows.
pub const MAX_START_AHEAD_MS: f64 = 60_000.0;

/// Largest speaker delay that can be set. (milliseconds)
pub const MAX_SPEAKER_DELAY_MS: f64 = 500.0;

/// Addresses that one member tells the others. (count)
///
/// A device with two networks, both versions of the internet protocol, and a bridge or two.
pub const MAX_ADDRESSES: usize = 8;

/// Entries that lie ahead in a schedule, and the one on air. (count)
///
/// Enough to pause, resume and go on to the next song within one round trip of a bad link.
pub const MAX_SCHEDULE: usize = 8;

/// Shortest stretch that can be repeated. (milliseconds)
///
/// Long enough that every device has the next turn ready before this one ends.
pub const MIN_REPEAT_MS: f64 = 1_000.0;

/// Columns of the picture of a song's loudness. (count)
///
/// As many as a wide window has room for at two pixels each; one letter a column.
pub const WAVEFORM_COLUMNS: usize = 400;

/// Relays named to a member as places to come back to. (count)
///
/// A member needs one that answers; with 16 to draw from, one rack that fails is not all of them.
pub const MAX_RELAYS: usize = 16;
