//! A file that is shared: what its owner says of it, and who holds how much.

use serde::{Deserialize, Deserializer, Serialize};

use crate::ids::{FileId, FileName, InfoHash, Label, Magnet, UserId, Waveform};
use crate::limits;
use crate::time::Millis;

/// A file as its owner describes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct FileAnnouncement {
    /// Names the content.
    pub file_id: FileId,
    /// The file's name, for people.
    pub name: FileName,
    /// Length, 1 to [`limits::MAX_FILE_SIZE`]. (bytes)
    #[serde(deserialize_with = "file_size")]
    #[cfg_attr(feature = "ts", ts(type = "number"))]
    pub size: u64,
    /// Names the torrent that carries it.
    pub info_hash: InfoHash,
    /// The torrent as a link, for other programs.
    pub magnet: Magnet,
    /// What is known of the music inside.
    #[serde(default)]
    pub media: MediaInfo,
}

/// What a file's tags, headers and sound say.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct MediaInfo {
    /// Usual file name extension of the format: `mp3`, `flac`, `ogg`, `wav`, `aiff`, `m4a`.
    pub format: Option<Label>,
    /// Length.
    pub duration_ms: Option<Millis>,
    /// Title from the tags.
    pub title: Option<Label>,
    /// Artist from the tags.
    pub artist: Option<Label>,
    /// Album from the tags.
    pub album: Option<Label>,
    /// How loud it is from beginning to end. Whoever adds a file may announce it a second time
    /// once this is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub waveform: Option<Waveform>,
}

/// A file and those who announced it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct SharedFile {
    /// What it is.
    #[serde(flatten)]
    pub file: FileAnnouncement,
    /// Who announced it, first one first.
    pub owners: Vec<UserId>,
}

impl SharedFile {
    /// Takes the waveform from a later announcement, if there was none. True if it did.
    pub fn draw(&mut self, later: &FileAnnouncement) -> bool {
        let waveform = &mut self.file.media.waveform;
        let is_news = waveform.is_none() && later.media.waveform.is_some();
        if is_news {
            waveform.clone_from(&later.media.waveform);
        }
        is_news
    }
}

/// How much of a file a member holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct FileReadiness {
    /// Which file.
    pub file_id: FileId,
    /// Verified bytes held. (bytes)
    #[cfg_attr(feature = "ts", ts(type = "number"))]
    pub held_bytes: u64,
    /// True when this member could start the file from its beginning at once.
    pub playable: bool,
}

fn file_size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let size = u64::deserialize(deserializer)?;
    if (1..=limits::MAX_FILE_SIZE).contains(&size) {
        return Ok(size);
    }
    Err(serde::de::Error::custom(format!(
        "size {size} is not between 1 and {} bytes",
        limits::MAX_FILE_SIZE
    )))
}
