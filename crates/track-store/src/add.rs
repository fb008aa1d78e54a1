//! Sharing a file of the user: read once, described, remembered.

use std::fs::{self, File};
use std::io::{self, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use protocol::ids::{FileId, FileName, Magnet};
use protocol::limits::MAX_FILE_SIZE;
use protocol::message::{FileAnnouncement, MediaInfo};

use crate::entry::{Ended, Entry, Place, State};
use crate::error::{AddError, StoreError};
use crate::format::{self, Format};
use crate::hash::{self, HashError};
use crate::mine;
use crate::record::{FileStamp, Record, RecordedOrigin};
use crate::store::Inner;
use crate::tags::{self, Tags};
use crate::torrent::Torrent;
use crate::track::{Artwork, Progress, StoreChange, Track};

/// A file of the user that has been read and described.
struct Found {
    announcement: FileAnnouncement,
    torrent: Arc<Torrent>,
    artwork: Option<Artwork>,
    path: PathBuf,
    stamp: FileStamp,
}

impl Inner {
    pub(crate) fn add_file(
        &self,
        path: &Path,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<Track, AddError> {
        let found = find(path, progress)?;
        self.expose_liar(&found);
        let mut state = State::announced(found.announcement.clone());
        state.become_mine(Arc::clone(&found.torrent), found.path.clone(), found.stamp);
        state.has_artwork = found.artwork.is_some();
        let entry = Entry::new(state);
        // Shelved before it is written, so that nobody else writes under the same names.
        let disk = entry.disk();
        while let Err(present) = self.shelve(&entry) {
            if let Some(track) = self.merge(&present, &found)? {
                return Ok(track);
            }
        }
        if let Err(error) = self.remember(&found) {
            self.retire(&entry, Ended::Removed, &disk);
            return Err(error.into());
        }
        entry.state().track().ok_or(AddError::Removed)
    }

    /// If this content's torrent was announced as another file, that was not true.
    fn expose_liar(&self, found: &Found) {
        let FileAnnouncement { file_id, info_hash, .. } = &found.announcement;
        if let Ok(liar) = self.by_torrent(info_hash)
            && liar.file_id != *file_id
        {
            self.refuse(&liar, info_hash, liar.disk());
        }
    }

    /// A track of the same content is on the shelf: keep it if it is whole, else let this file
    /// take its place. `None` if that track has just ended.
    fn merge(&self, present: &Arc<Entry>, found: &Found) -> Result<Option<Track>, StoreError> {
        let disk = present.disk();
        let state = present.state();
        let place = state.place.clone();
        let is_whole = state.complete;
        let Some(track) = state.track() else { return Ok(None) };
        drop(state);
        let is_sound = match &place {
            Place::Mine { path, stamp } => mine::is_unchanged(path, *stamp),
            Place::Pieces => is_whole,
            Place::Nowhere => false,
        };
        if is_sound {
            return Ok(Some(track));
        }
        self.remember(found)?;
        let mut state = present.state();
        state.become_mine(Arc::clone(&found.torrent), found.path.clone(), found.stamp);
        state.has_artwork = found.artwork.is_some();
        let before = std::mem::replace(&mut state.announcement, found.announcement.clone());
        let track = state.track();
        let held_bytes = state.held_bytes;
        drop(state);
        if before.info_hash != found.announcement.info_hash {
            self.rename_torrent(present, &before.info_hash, &found.announcement.info_hash);
        }
        if matches!(place, Place::Pieces) {
            self.folder.forget_pieces(&before.info_hash);
        }
        self.stop_waiting(&present.file_id);
        present.wake();
        let file_id = present.file_id.clone();
        drop(disk);
        self.notify(StoreChange::Held { file_id, held_bytes, complete: true });
        Ok(track)
    }

    fn remember(&self, found: &Found) -> Result<(), StoreError> {
        let file_id = &found.announcement.file_id;
        let keep = |path: PathBuf, bytes: &[u8]| {
            self.folder.write(&path, bytes).map_err(StoreError::io("remember the shared file"))
        };
        keep(self.folder.metainfo(file_id), found.torrent.metainfo())?;
        if let Some(artwork) = &found.artwork {
            keep(self.folder.artwork(file_id), &artwork.bytes)?;
        }
        let record = mine_record(&found.announcement, &found.path, found.stamp);
        keep(self.folder.record(file_id), &record.to_bytes())
    }

    /// Remembers that a shared file was seen to be the same although it was written to. If
    /// that fails, it is looked at again after the next restart.
    pub(crate) fn record_mine(
        &self,
        announcement: &FileAnnouncement,
        path: &Path,
        stamp: FileStamp,
    ) {
        let record = mine_record(announcement, path, stamp).to_bytes();
        if let Err(error) = self.folder.write(&self.folder.record(&announcement.file_id), &record) {
            tracing::warn!(%error, "shared file cannot be recorded");
        }
    }
}

fn mine_record(announcement: &FileAnnouncement, path: &Path, stamp: FileStamp) -> Record {
    Record::new(announcement.clone(), RecordedOrigin::Mine { path: path.into(), stamp })
}

fn find(path: &Path, progress: &(dyn Fn(Progress) + Sync)) -> Result<Found, AddError> {
    let path = std::path::absolute(path).map_err(AddError::Unreadable)?;
    // Looked at before it is opened: opening a pipe would wait for its writer.
    if !fs::metadata(&path).map_err(AddError::Unreadable)?.is_file() {
        return Err(AddError::NotAFile);
    }
    let mut file = File::open(&path).map_err(AddError::Unreadable)?;
    let stamp = stamp_of(&file).map_err(AddError::Unreadable)?;
    match stamp.length {
        0 => return Err(AddError::Empty),
        size if size > MAX_FILE_SIZE => return Err(AddError::TooLarge { size }),
        _ => {}
    }
    let format = format::detect(&mut file).map_err(AddError::Unreadable)?;
    let format = format.ok_or(AddError::NotMusic)?;
    file.rewind().map_err(AddError::Unreadable)?;
    let on_read = |done_bytes| progress(Progress { done_bytes, size: stamp.length });
    let hashed = hash::hash(&mut file, stamp.length, &on_read).map_err(|error| match error {
        HashError::Io(error) => AddError::Unreadable(error),
        HashError::OtherLength => AddError::Changed,
    })?;
    file.rewind().map_err(AddError::Unreadable)?;
    let Tags { media, artwork } = tags::read(&file, format);
    if !mine::is_unchanged(&path, stamp) {
        return Err(AddError::Changed);
    }
    let name = format!("{}.{}", hashed.file_id, format.extension());
    let torrent = Torrent::describe(&name, stamp.length, hashed.pieces);
    let announcement = announcement(&path, format, hashed.file_id, &torrent, media);
    Ok(Found { announcement, torrent: Arc::new(torrent), artwork, path, stamp })
}

fn announcement(
    path: &Path,
    format: Format,
    file_id: FileId,
    torrent: &Torrent,
    media: MediaInfo,
) -> FileAnnouncement {
    let name = path.file_name().and_then(|name| FileName::clean(&name.to_string_lossy()));
    let name = name.unwrap_or_else(|| {
        FileName::parse(format!("song.{}", format.extension())).expect("a plain name")
    });
    FileAnnouncement {
        magnet: magnet(torrent, &name),
        file_id,
        name,
        size: torrent.length,
        info_hash: torrent.info_hash.clone(),
        media,
    }
}

/// The torrent as a link (BEP 9): its info hash and the name to show, no tracker.
fn magnet(torrent: &Torrent, name: &FileName) -> Magnet {
    let mut link = format!("magnet:?xt=urn:btih:{}&dn=", torrent.info_hash);
    for byte in name.as_str().bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                link.push(char::from(byte));
            }
            _ => link.push_str(&format!("%{byte:02X}")),
        }
    }
    Magnet::parse(link).expect("255 characters of 4 bytes, percent-encoded, are 3,060 bytes")
}

fn stamp_of(file: &File) -> io::Result<FileStamp> {
    Ok(FileStamp::of(&file.metadata()?))
}
