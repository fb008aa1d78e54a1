//! What can go wrong, in the words a person or a log needs.

use std::io;
use std::path::PathBuf;

use protocol::ids::{FileId, InfoHash};
use protocol::limits::MAX_FILE_SIZE;

use crate::torrent::MetainfoError;

/// Why a file cannot be shared.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    /// The file does not exist, may not be read, or broke off.
    #[error("the file cannot be read")]
    Unreadable(#[source] io::Error),
    /// The path leads to a folder, a device or a pipe.
    #[error("not a file")]
    NotAFile,
    /// The file has no bytes.
    #[error("the file is empty")]
    Empty,
    /// The file is larger than the swarm accepts.
    #[error("{size} bytes are more than the {MAX_FILE_SIZE} a shared file may have")]
    TooLarge {
        /// Its length. (bytes)
        size: u64,
    },
    /// No format that can be played was found inside, whatever the name says.
    #[error("no music that can be played was found in the file")]
    NotMusic,
    /// Someone wrote to the file while it was read.
    #[error("the file changed while it was read")]
    Changed,
    /// The file was taken out of the store again before this call was done.
    #[error("the file was removed while it was added")]
    Removed,
    /// The file is fine, the store is not.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why the store cannot do what was asked. Nothing has changed unless the variant says so.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process works in the same folder.
    #[error("another program uses the folder {}", dir.display())]
    InUse {
        /// The folder.
        dir: PathBuf,
    },
    /// The disk, or this user's share of it, is full. What was held is still held.
    #[error("the disk is full, cannot {action}")]
    DiskFull {
        /// What was attempted.
        action: &'static str,
    },
    /// The system refused for any other reason.
    #[error("cannot {action}")]
    Io {
        /// What was attempted.
        action: &'static str,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// No such file is known here.
    #[error("no file {0} is known here")]
    UnknownFile(FileId),
    /// No such torrent is known here.
    #[error("no torrent {0} is known here")]
    UnknownTorrent(InfoHash),
    /// The file is already being fetched by another torrent, or shared from this device.
    #[error("file {0} is held as another torrent")]
    OtherTorrent(FileId),
    /// The torrent delivered other bytes than the announcement promised, and is not tried again.
    #[error("torrent {0} does not hold the announced file")]
    Refused(InfoHash),
    /// The torrent's description is not known yet.
    #[error("the description of torrent {0} is not known yet")]
    NoMetainfo(InfoHash),
    /// The torrent's description is not what was announced.
    #[error("the torrent's description does not fit")]
    Metainfo(#[from] MetainfoError),
    /// The torrent has no such piece.
    #[error("piece {index} does not exist, there are {count}")]
    PieceIndex {
        /// The piece asked for.
        index: u32,
        /// Pieces there are.
        count: u32,
    },
    /// The bytes are more or fewer than the piece has.
    #[error("piece {index} has {expected} bytes, not {found}")]
    PieceLength {
        /// The piece.
        index: u32,
        /// Bytes passed. (bytes)
        found: usize,
        /// Bytes it has. (bytes)
        expected: u32,
    },
    /// The bytes are not those of the piece.
    #[error("piece {index} does not match its hash")]
    PieceCorrupt {
        /// The piece.
        index: u32,
    },
    /// The part asked for is empty or reaches beyond the piece.
    #[error("{length} bytes at {offset} are not inside piece {index} of {size} bytes")]
    PieceRange {
        /// The piece.
        index: u32,
        /// First byte asked for. (bytes)
        offset: u32,
        /// How many. (bytes)
        length: u32,
        /// Length of the piece. (bytes)
        size: u32,
    },
    /// The piece has not been fetched yet.
    #[error("piece {index} is not held")]
    NotHeld {
        /// The piece.
        index: u32,
    },
    /// The shared file was moved, deleted or changed, and is not shared any more.
    #[error("the shared file is gone: {0}")]
    Gone(GoneReason),
}

/// What happened to a file of this device that was shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GoneReason {
    /// There is no file at its path any more, or it may not be read.
    #[error("moved, deleted or unreadable")]
    Missing,
    /// The file at its path has other bytes.
    #[error("changed")]
    Changed,
}

impl StoreError {
    /// For `map_err`: tells a full disk from every other refusal.
    pub(crate) fn io(action: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { action },
            _ => Self::Io { action, source },
        }
    }
}
