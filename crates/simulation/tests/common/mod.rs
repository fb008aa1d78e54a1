//! The one song of these swarms, and the names of their members.

use protocol::ids::{FileId, FileName, InfoHash, Magnet, UserId};
use protocol::message::{FileAnnouncement, MediaInfo};

pub fn announcement() -> FileAnnouncement {
    FileAnnouncement {
        file_id: song(),
        name: FileName::parse("song.flac").expect("a plain name"),
        size: 1_000_000,
        info_hash: InfoHash::parse("1".repeat(40)).expect("40 hex digits"),
        magnet: Magnet::parse("magnet:?xt=urn:btih:1").expect("a magnet link"),
        media: MediaInfo::default(),
    }
}

pub fn song() -> FileId {
    FileId::parse("a".repeat(64)).expect("64 hex digits")
}

pub fn id(name: &str) -> UserId {
    UserId::parse(name).expect("a plain id")
}
