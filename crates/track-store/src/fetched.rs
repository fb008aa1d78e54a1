//! Files fetched from other members: pieces in, pieces out.
//!
//! A piece is written before it is marked, and what is marked is hashed again after a
//! restart, so no crash can make the store claim a piece it does not have.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::sync::Arc;

use protocol::ids::InfoHash;
use protocol::message::FileAnnouncement;

use crate::entry::{DiskGuard, Entry, Place};
use crate::error::StoreError;
use crate::mine::{self, Part};
use crate::record::{Record, RecordedOrigin};
use crate::start::Start;
use crate::store::Inner;
use crate::torrent::{MetainfoError, Torrent};
use crate::track::{Fault, StoreChange, Written};
use crate::{format, hash, tags};

/// Written for each piece in the file of marks.
const HELD: u8 = 1;
const MISSING: u8 = 0;

impl Inner {
    pub(crate) fn put_metainfo(
        &self,
        info_hash: &InfoHash,
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        let entry = self.by_torrent(info_hash)?;
        let torrent = Torrent::parse(bytes)?;
        if torrent.info_hash != *info_hash {
            return Err(MetainfoError::InfoHash.into());
        }
        let disk = entry.disk();
        let announcement = {
            let state = entry.state();
            if state.ended.is_some() || state.announcement.info_hash != *info_hash {
                return Err(StoreError::UnknownTorrent(info_hash.clone()));
            }
            if state.torrent.is_some() {
                return Ok(());
            }
            state.announcement.clone()
        };
        if torrent.length != announcement.size {
            let announced = announcement.size;
            return Err(MetainfoError::Length { found: torrent.length, announced }.into());
        }
        self.begin(announcement, &torrent)?;
        entry.state().become_fetched(Arc::new(torrent));
        drop(disk);
        self.stop_waiting(&entry.file_id);
        entry.wake();
        self.notify(StoreChange::Described { file_id: entry.file_id.clone() });
        Ok(())
    }

    pub(crate) fn write_piece(
        &self,
        info_hash: &InfoHash,
        index: u32,
        bytes: &[u8],
    ) -> Result<Written, StoreError> {
        let entry = self.by_torrent(info_hash)?;
        let state = entry.state();
        let torrent = state.torrent(info_hash)?;
        let is_held = state.held.holds(index);
        drop(state);
        check_index(&torrent, index)?;
        let expected = torrent.piece_size(index);
        if bytes.len() != expected as usize {
            return Err(StoreError::PieceLength { index, found: bytes.len(), expected });
        }
        if is_held {
            return Ok(Written::AlreadyHeld);
        }
        if !torrent.matches(index, bytes) {
            return Err(StoreError::PieceCorrupt { index });
        }
        // Two threads that bring the same piece write the same bytes to the same place.
        self.put(&torrent, index, bytes).map_err(StoreError::io("write a piece"))?;
        let mut state = entry.state();
        if state.ended.is_some() {
            return Err(StoreError::UnknownTorrent(info_hash.clone()));
        }
        if !matches!(state.place, Place::Pieces) || !state.hold(index) {
            return Ok(Written::AlreadyHeld);
        }
        let held_bytes = state.held_bytes;
        let is_whole = state.held.is_full();
        drop(state);
        self.mark(&torrent, index, HELD);
        self.find_start(&entry, &torrent);
        entry.wake();
        if is_whole {
            return self.finish(&entry, &torrent);
        }
        let file_id = entry.file_id.clone();
        self.notify(StoreChange::Held { file_id, held_bytes, complete: false });
        Ok(Written::Stored)
    }

    pub(crate) fn read_piece(
        &self,
        info_hash: &InfoHash,
        index: u32,
        offset: u32,
        length: u32,
    ) -> Result<Vec<u8>, StoreError> {
        let entry = self.by_torrent(info_hash)?;
        let torrent = entry.state().torrent(info_hash)?;
        check_index(&torrent, index)?;
        let size = torrent.piece_size(index);
        if length == 0 || offset.checked_add(length).is_none_or(|end| end > size) {
            return Err(StoreError::PieceRange { index, offset, length, size });
        }
        self.read_part(&entry, &torrent, Part { index, offset, length })
    }

    /// Reads part of a piece, wherever the track's bytes are.
    pub(crate) fn read_part(
        &self,
        entry: &Arc<Entry>,
        torrent: &Torrent,
        part: Part,
    ) -> Result<Vec<u8>, StoreError> {
        let state = entry.state();
        let place = state.place.clone();
        let is_held = state.held.holds(part.index);
        let is_checked = state.checked.holds(part.index);
        drop(state);
        let Place::Mine { path, stamp } = place else {
            if !is_held {
                return Err(StoreError::NotHeld { index: part.index });
            }
            return self.read_fetched(entry, torrent, part, is_checked);
        };
        let read =
            mine::open(&path).and_then(|mut file| mine::read(&mut file, stamp, torrent, part));
        if let Err(StoreError::Gone(reason)) = read {
            self.lose_mine(entry, &path, reason);
        }
        read
    }

    /// Reads back a file that has all its pieces, and compares it with its id.
    pub(crate) fn finish(
        &self,
        entry: &Arc<Entry>,
        torrent: &Torrent,
    ) -> Result<Written, StoreError> {
        let file_id = entry.file_id.clone();
        let disk = entry.disk();
        if entry.state().ended.is_some() {
            return Err(StoreError::UnknownTorrent(torrent.info_hash.clone()));
        }
        let mut file = match self.sync(torrent) {
            Ok(file) => file,
            Err(error) => return Ok(self.leave_unverified(disk, entry, &error)),
        };
        match hash::file_id(&mut file) {
            Ok(found) if found == file_id => {}
            Ok(_) => {
                self.refuse(entry, &torrent.info_hash, disk);
                return Err(StoreError::Refused(torrent.info_hash.clone()));
            }
            Err(error) => return Ok(self.leave_unverified(disk, entry, &error)),
        }
        let has_artwork = self.keep_artwork(entry, &mut file);
        let mut state = entry.state();
        state.complete = state.held.is_full();
        state.has_artwork = has_artwork;
        let (held_bytes, complete) = (state.held_bytes, state.complete);
        let announcement = state.announcement.clone();
        drop(state);
        self.record_fetched(announcement, complete);
        drop(disk);
        self.notify(StoreChange::Held { file_id, held_bytes, complete });
        Ok(Written::Completed)
    }

    /// Learns where the sound begins, as far as the pieces held tell.
    pub(crate) fn find_start(&self, entry: &Entry, torrent: &Torrent) {
        if entry.state().start.is_known {
            return;
        }
        let Ok(mut file) = File::open(self.folder.pieces(&torrent.info_hash)) else { return };
        let start = Start::find(torrent.length, |at, length| {
            let last = at + length as u64 - 1;
            let state = entry.state();
            let is_held = (torrent.piece_at(at)..=torrent.piece_at(last))
                .all(|index| state.held.holds(index));
            drop(state);
            is_held.then(|| mine::read_at(&mut file, at, length).ok())?
        });
        let mut state = entry.state();
        if !state.start.is_known {
            state.start = start;
        }
    }

    /// Marks for which pieces were written before a restart.
    pub(crate) fn marks(&self, torrent: &Torrent) -> Vec<u32> {
        let marks = std::fs::read(self.folder.held(&torrent.info_hash)).unwrap_or_default();
        (0..torrent.piece_count())
            .filter(|index| marks.get(*index as usize) == Some(&HELD))
            .collect()
    }

    /// Makes the files that pieces go into; bytes and marks that are there stay.
    pub(crate) fn make_files(&self, torrent: &Torrent) -> io::Result<()> {
        let open = |path| File::options().create(true).truncate(false).write(true).open(path);
        open(self.folder.pieces(&torrent.info_hash))?;
        // Filled now, so that marking a piece needs no room on a disk that is full by then.
        let mut marks = open(self.folder.held(&torrent.info_hash))?;
        let present = marks.metadata()?.len();
        let lacking = u64::from(torrent.piece_count()).saturating_sub(present);
        marks.seek(SeekFrom::End(0))?;
        marks.write_all(&vec![MISSING; lacking as usize])
    }

    fn begin(&self, announcement: FileAnnouncement, torrent: &Torrent) -> Result<(), StoreError> {
        const ACTION: &str = "begin to fetch a file";
        let file_id = announcement.file_id.clone();
        // Bytes of an earlier attempt were not recorded; they count for nothing.
        self.folder.forget_pieces(&torrent.info_hash);
        self.make_files(torrent).map_err(StoreError::io(ACTION))?;
        let origin = RecordedOrigin::Fetched { complete: false };
        let record = Record::new(announcement, origin).to_bytes();
        self.folder
            .write(&self.folder.metainfo(&file_id), torrent.metainfo())
            .and_then(|()| self.folder.write(&self.folder.record(&file_id), &record))
            .map_err(StoreError::io(ACTION))
    }

    fn read_fetched(
        &self,
        entry: &Arc<Entry>,
        torrent: &Torrent,
        part: Part,
        is_checked: bool,
    ) -> Result<Vec<u8>, StoreError> {
        const ACTION: &str = "read a piece";
        let Part { index, offset, length } = part;
        let path = self.folder.pieces(&torrent.info_hash);
        let read = |start: u64, length: u32| -> Result<Option<Vec<u8>>, StoreError> {
            let read = File::open(&path)
                .and_then(|mut file| mine::read_at(&mut file, start, length as usize));
            match read {
                Ok(bytes) => Ok(Some(bytes)),
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof
                    ) =>
                {
                    Ok(None)
                }
                Err(error) => Err(StoreError::io(ACTION)(error)),
            }
        };
        let start = torrent.piece_start(index);
        if is_checked {
            if let Some(bytes) = read(start + u64::from(offset), length)? {
                return Ok(bytes);
            }
        } else if let Some(mut piece) = read(start, torrent.piece_size(index))?
            && torrent.matches(index, &piece)
        {
            entry.state().confirm(index);
            piece.truncate((offset + length) as usize);
            return Ok(piece.split_off(offset as usize));
        }
        self.lose_piece(entry, torrent, index);
        Err(StoreError::NotHeld { index })
    }

    fn lose_piece(&self, entry: &Arc<Entry>, torrent: &Torrent, index: u32) {
        let disk = entry.disk();
        let mut state = entry.state();
        if state.ended.is_some() || !state.held.holds(index) {
            return;
        }
        let was_complete = state.complete;
        state.lose(index);
        let announcement = state.announcement.clone();
        drop(state);
        self.mark(torrent, index, MISSING);
        if was_complete {
            self.record_fetched(announcement, false);
        }
        drop(disk);
        let file_id = entry.file_id.clone();
        self.notify(StoreChange::Fault { file_id, fault: Fault::PieceDamaged { index } });
    }

    fn put(&self, torrent: &Torrent, index: u32, bytes: &[u8]) -> io::Result<()> {
        write_at(&self.folder.pieces(&torrent.info_hash), torrent.piece_start(index), bytes)
    }

    /// Remembers whether a piece is held. A mark that cannot be written costs fetching the
    /// piece again after a restart, nothing else.
    fn mark(&self, torrent: &Torrent, index: u32, mark: u8) {
        let path = self.folder.held(&torrent.info_hash);
        if let Err(error) = write_at(&path, u64::from(index), &[mark]) {
            tracing::warn!(%error, index, "piece cannot be marked");
        }
    }

    fn sync(&self, torrent: &Torrent) -> io::Result<File> {
        let path = self.folder.pieces(&torrent.info_hash);
        let file = File::options().read(true).write(true).open(path)?;
        file.sync_all()?;
        Ok(file)
    }

    fn leave_unverified(&self, disk: DiskGuard<'_>, entry: &Entry, error: &io::Error) -> Written {
        drop(disk);
        tracing::warn!(%error, "fetched file cannot be read back");
        let file_id = entry.file_id.clone();
        self.notify(StoreChange::Fault { file_id, fault: Fault::Unverified });
        Written::Stored
    }

    fn keep_artwork(&self, entry: &Entry, file: &mut File) -> bool {
        let artwork = match format::detect(file) {
            Ok(Some(format)) if file.rewind().is_ok() => tags::read(file, format).artwork,
            _ => None,
        };
        artwork.is_some_and(|artwork| {
            self.folder.write(&self.folder.artwork(&entry.file_id), &artwork.bytes).is_ok()
        })
    }

    /// Remembers whether a fetched file is complete. If that fails, it is read back again
    /// after a restart.
    fn record_fetched(&self, announcement: FileAnnouncement, complete: bool) {
        let path = self.folder.record(&announcement.file_id);
        let record = Record::new(announcement, RecordedOrigin::Fetched { complete });
        if let Err(error) = self.folder.write(&path, &record.to_bytes()) {
            tracing::warn!(%error, "fetched file cannot be recorded");
        }
    }
}

fn check_index(torrent: &Torrent, index: u32) -> Result<(), StoreError> {
    let count = torrent.piece_count();
    if index < count { Ok(()) } else { Err(StoreError::PieceIndex { index, count }) }
}

/// Writes into a file that exists; one that was deleted is not made again.
fn write_at(path: &std::path::Path, start: u64, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::options().write(true).open(path)?;
    file.seek(SeekFrom::Start(start))?;
    file.write_all(bytes)
}
