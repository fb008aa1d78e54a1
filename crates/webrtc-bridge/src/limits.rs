//! Every bound of the bridge, in one place, each with its reason.

/// Connections open at a time.
///
/// WebTorrent makes five offers for each torrent and tracker it announces, most of which are
/// never answered: 256 serves ten torrents on five trackers. A connection costs two or three
/// sockets and about 200 KiB.
pub const MAX_CONNECTIONS: usize = 256;

/// Channels of one connection, counting those that the other side opens. WebTorrent uses one.
pub const MAX_CHANNELS: usize = 16;

/// Largest message that may be sent. (bytes)
///
/// What RFC 8841 lets every receiver count on, and four of WebTorrent's 16 KiB blocks.
pub const MAX_MESSAGE: usize = 64 * 1024;

/// Largest batch of frames that one `receive` returns, and that one `send` takes. (bytes)
///
/// A webview moves 40 to 70 MB/s at this size and gains nothing beyond it.
pub const MAX_BATCH: usize = 1024 * 1024;

/// Bytes of a channel that may be waiting to be acknowledged before `send` waits too. (bytes)
///
/// One receive window of the usual peers (1 MiB): enough to keep the wire busy while the page
/// prepares its next batch.
pub const SEND_BUFFER: usize = 1024 * 1024;

/// Candidates of the other side that are kept until its description is there.
pub const MAX_EARLY_CANDIDATES: usize = 64;

/// Longest session description that is read. (bytes)
///
/// One data channel and a dozen candidates stay below 4 KiB.
pub const MAX_DESCRIPTION: usize = 32 * 1024;

/// Longest channel label or sub-protocol. (bytes)
///
/// WebTorrent's labels are 40 hexadecimal digits.
pub const MAX_LABEL: usize = 1024;

/// Local addresses that a connection binds. Hosts with many virtual interfaces have dozens,
/// and every one of them multiplies the checks of the other side.
pub const MAX_ADDRESSES: usize = 8;
