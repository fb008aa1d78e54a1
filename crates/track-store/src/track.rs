//! What the store tells of a track.

use std::path::PathBuf;

use protocol::ids::{FileId, InfoHash};
use protocol::message::FileAnnouncement;

use crate::error::GoneReason;

/// A file that is shared from this device or fetched to it, at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Track {
    /// How it is, or was, announced to the swarm.
    pub announcement: FileAnnouncement,
    /// Where its bytes are.
    pub origin: Origin,
    /// Verified bytes held. (bytes)
    pub held_bytes: u64,
    /// True when every byte is held and, for a fetched file, the whole matches its id.
    pub complete: bool,
    /// True when playing can begin at the start of the song without waiting: the first
    /// 512 KiB of sound, the last 64 KiB and every header before them are held.
    pub playable: bool,
    /// True when the torrent's description is known.
    pub has_metainfo: bool,
    /// True when there is a picture to show.
    pub has_artwork: bool,
}

/// Where a track's bytes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// In a file of the user, shared in place and never written to.
    Mine {
        /// The file.
        path: PathBuf,
    },
    /// In the store's own folder, as far as fetched.
    Fetched,
}

/// A picture from a file's tags.
#[derive(Clone, PartialEq, Eq)]
pub struct Artwork {
    /// `image/jpeg`, `image/png` or `image/webp`, found in the bytes.
    pub mime: &'static str,
    /// The picture, at most 2 MiB.
    pub bytes: Vec<u8>,
}

/// How far a file has been read before it can be shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Read so far. (bytes)
    pub done_bytes: u64,
    /// Length of the file. (bytes)
    pub size: u64,
}

/// What became of a piece that was handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// It is on disk.
    Stored,
    /// It is on disk and was the last one; the whole file matches its id.
    Completed,
    /// It was held already; nothing was written.
    AlreadyHeld,
}

/// Something changed in the store without, or as a result of, a call.
///
/// Changes of one track may arrive out of order when several threads work on it;
/// [`crate::TrackStore::track`] tells the present state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreChange {
    /// The description of a fetched file is known, so its pieces can be asked for.
    Described {
        /// The file.
        file_id: FileId,
    },
    /// More of a fetched file is held.
    Held {
        /// The file.
        file_id: FileId,
        /// Verified bytes held. (bytes)
        held_bytes: u64,
        /// True when the whole file is held and matches its id.
        complete: bool,
    },
    /// Other pieces than before are wanted first: see [`crate::TrackStore::urgent`].
    Urgent {
        /// The torrent.
        info_hash: InfoHash,
    },
    /// A file of this device is not shared any more.
    Gone {
        /// The file.
        file_id: FileId,
        /// What happened to it.
        reason: GoneReason,
    },
    /// Something of a track was lost.
    Fault {
        /// The file.
        file_id: FileId,
        /// What was lost.
        fault: Fault,
    },
}

/// What was lost, and what the store did about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Every piece matched its hash, the whole did not match the announced file id. The file
    /// was dropped, and the torrent is not tried again before a restart.
    ContentMismatch,
    /// A piece on disk no longer matches its hash. It counts as missing and can be fetched again.
    PieceDamaged {
        /// The piece.
        index: u32,
    },
    /// Every piece is held, but reading the whole back failed; the store tries again when it
    /// is next opened, until then the file plays but does not count as complete.
    Unverified,
    /// What the store had written about the track could not be read when it was opened. The
    /// track was dropped.
    RecordDamaged,
}
