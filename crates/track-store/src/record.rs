//! What is written about a track, so that it survives a restart.

use std::ffi::OsString;
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use protocol::message::FileAnnouncement;
use serde::{Deserialize, Serialize};

/// Version written. Records of another version are left alone: a newer app wrote them.
const VERSION: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Record {
    version: u32,
    pub(crate) announcement: FileAnnouncement,
    pub(crate) origin: RecordedOrigin,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(crate) enum RecordedOrigin {
    Mine {
        path: StoredPath,
        stamp: FileStamp,
    },
    Fetched {
        /// True once the whole file matched its id.
        complete: bool,
    },
}

/// A path that survives JSON even where paths are no text.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum StoredPath {
    Text(String),
    Raw(OsString),
}

/// What changes when someone writes to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileStamp {
    /// (bytes)
    pub(crate) length: u64,
    /// Time of the last change by the file system's clock, zero where it has none.
    /// (nanoseconds since 1970)
    modified: i64,
}

/// What became of reading a record.
pub(crate) enum Reading {
    Record(Box<Record>),
    OtherVersion,
    Damaged,
}

impl Record {
    pub(crate) fn new(announcement: FileAnnouncement, origin: RecordedOrigin) -> Self {
        Self { version: VERSION, announcement, origin }
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec_pretty(self).expect("a record has text keys only")
    }

    pub(crate) fn read(bytes: &[u8]) -> Reading {
        #[derive(Deserialize)]
        struct Versioned {
            version: u32,
        }
        match serde_json::from_slice::<Versioned>(bytes) {
            Ok(Versioned { version: VERSION }) => {}
            Ok(_) => return Reading::OtherVersion,
            Err(_) => return Reading::Damaged,
        }
        serde_json::from_slice(bytes).map_or(Reading::Damaged, Reading::Record)
    }
}

impl From<&Path> for StoredPath {
    fn from(path: &Path) -> Self {
        path.to_str().map_or_else(|| Self::Raw(path.into()), |text| Self::Text(text.to_owned()))
    }
}

impl From<StoredPath> for PathBuf {
    fn from(path: StoredPath) -> Self {
        match path {
            StoredPath::Text(text) => text.into(),
            StoredPath::Raw(raw) => raw.into(),
        }
    }
}

impl FileStamp {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        let modified =
            metadata.modified().ok().map_or(0, |time| match time.duration_since(UNIX_EPOCH) {
                Ok(after) => i64::try_from(after.as_nanos()).unwrap_or(i64::MAX),
                Err(before) => {
                    i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |nanos| -nanos)
                }
            });
        Self { length: metadata.len(), modified }
    }
}
