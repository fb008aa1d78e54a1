//! Reading the user's files, which may move or change at any time.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use crate::entry::Place;
use crate::error::{GoneReason, StoreError};
use crate::record::FileStamp;
use crate::store::Inner;
use crate::torrent::Torrent;

const READ: &str = "read the shared file";

/// True if there is a file at `path` that nobody has written to since it had `stamp`.
pub(crate) fn is_unchanged(path: &Path, stamp: FileStamp) -> bool {
    look(path).is_ok_and(|found| found == stamp)
}

/// Opens a shared file to read from it later, even if it is moved meanwhile.
pub(crate) fn open(path: &Path) -> Result<File, StoreError> {
    let file = File::open(path).map_err(gone_or_io)?;
    // A folder can be opened on some systems.
    let is_file = file.metadata().map_err(gone_or_io)?.is_file();
    if is_file { Ok(file) } else { Err(StoreError::Gone(GoneReason::Missing)) }
}

/// A part of a piece that lies inside it.
#[derive(Clone, Copy)]
pub(crate) struct Part {
    pub(crate) index: u32,
    /// First byte, from the start of the piece. (bytes)
    pub(crate) offset: u32,
    /// (bytes)
    pub(crate) length: u32,
}

/// Reads part of a piece. If someone has written to the file since it had `stamp`, the piece is
/// read whole and must still match its hash.
pub(crate) fn read(
    file: &mut File,
    stamp: FileStamp,
    torrent: &Torrent,
    part: Part,
) -> Result<Vec<u8>, StoreError> {
    let found = FileStamp::of(&file.metadata().map_err(StoreError::io(READ))?);
    if found == stamp {
        let start = torrent.piece_start(part.index) + u64::from(part.offset);
        return read_at(file, start, part.length as usize).map_err(short_or_io);
    }
    if found.length != stamp.length {
        return Err(StoreError::Gone(GoneReason::Changed));
    }
    let start = torrent.piece_start(part.index);
    let mut piece =
        read_at(file, start, torrent.piece_size(part.index) as usize).map_err(short_or_io)?;
    if !torrent.matches(part.index, &piece) {
        return Err(StoreError::Gone(GoneReason::Changed));
    }
    piece.truncate((part.offset + part.length) as usize);
    Ok(piece.split_off(part.offset as usize))
}

/// Exactly `length` bytes from `start`.
pub(crate) fn read_at(file: &mut File, start: u64, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    file.seek(SeekFrom::Start(start))?;
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

impl Inner {
    pub(crate) fn check_files(&self) {
        for entry in self.entries() {
            let place = entry.state().place.clone();
            let Place::Mine { path, stamp } = place else { continue };
            match look(&path) {
                Ok(found) if found.length == stamp.length => {}
                Ok(_) => self.lose_mine(&entry, &path, GoneReason::Changed),
                Err(StoreError::Gone(reason)) => self.lose_mine(&entry, &path, reason),
                Err(error) => tracing::warn!(%error, "shared file cannot be looked at"),
            }
        }
    }
}

/// Looks whether a file shared before a restart is still the same. One that was written to
/// is read whole; if its bytes are what they were, its stamp of now is returned.
pub(crate) fn restamp(
    path: &Path,
    stamp: FileStamp,
    torrent: &Torrent,
) -> Result<FileStamp, GoneReason> {
    let Ok(found) = look(path) else { return Err(GoneReason::Missing) };
    if found == stamp {
        return Ok(stamp);
    }
    if found.length != torrent.length {
        return Err(GoneReason::Changed);
    }
    let Ok(mut file) = open(path) else { return Err(GoneReason::Missing) };
    for index in 0..torrent.piece_count() {
        let size = torrent.piece_size(index) as usize;
        match read_at(&mut file, torrent.piece_start(index), size) {
            Ok(piece) if torrent.matches(index, &piece) => {}
            Ok(_) => return Err(GoneReason::Changed),
            Err(_) => return Err(GoneReason::Missing),
        }
    }
    Ok(found)
}

fn look(path: &Path) -> Result<FileStamp, StoreError> {
    let metadata = fs::metadata(path).map_err(gone_or_io)?;
    if metadata.is_file() {
        Ok(FileStamp::of(&metadata))
    } else {
        Err(StoreError::Gone(GoneReason::Missing))
    }
}

/// A path that leads nowhere is a missing file; anything else may be a passing trouble.
fn gone_or_io(error: io::Error) -> StoreError {
    match error.kind() {
        io::ErrorKind::NotFound
        | io::ErrorKind::NotADirectory
        | io::ErrorKind::PermissionDenied
        | io::ErrorKind::StaleNetworkFileHandle => StoreError::Gone(GoneReason::Missing),
        _ => StoreError::io(READ)(error),
    }
}

/// A file that ends early was cut after it was looked at.
fn short_or_io(error: io::Error) -> StoreError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => StoreError::Gone(GoneReason::Changed),
        _ => StoreError::io(READ)(error),
    }
}
