//! The store's folder: where things lie, and how they are written so that a crash leaves
//! either the old or the new.
//!
//! ```text
//! lock                      held while a process works here
//! tracks/<file id>.json     what the track is; exists only when everything else does
//! tracks/<file id>.torrent  its description
//! tracks/<file id>.artwork  its picture, if it has one
//! files/<info hash>.pieces  bytes of a fetched file, each piece at its place
//! files/<info hash>.held    one byte a piece: 1 once the piece has been written
//! scratch/                  files being written; emptied at start
//! ```
//!
//! Every name is made of checked ids, so nothing a stranger wrote becomes part of a path.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use protocol::ids::{FileId, InfoHash};
use tempfile::NamedTempFile;

use crate::error::StoreError;

pub(crate) struct Folder {
    root: PathBuf,
    lock: File,
}

impl Folder {
    /// Makes the folder if needed and locks it for this process.
    pub(crate) fn open(root: &Path) -> Result<Self, StoreError> {
        let root = std::path::absolute(root).map_err(StoreError::io("find the store's folder"))?;
        for part in ["tracks", "files", "scratch"] {
            fs::create_dir_all(root.join(part))
                .map_err(StoreError::io("make the store's folder"))?;
        }
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(root.join("lock"))
            .map_err(StoreError::io("open the store's lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StoreError::InUse { dir: root }),
            Err(TryLockError::Error(error)) => {
                return Err(StoreError::io("lock the store's folder")(error));
            }
        }
        let folder = Self { root, lock };
        folder.sweep("scratch", &BTreeSet::new());
        Ok(folder)
    }

    pub(crate) fn record(&self, file_id: &FileId) -> PathBuf {
        self.root.join("tracks").join(format!("{file_id}.json"))
    }

    pub(crate) fn metainfo(&self, file_id: &FileId) -> PathBuf {
        self.root.join("tracks").join(format!("{file_id}.torrent"))
    }

    pub(crate) fn artwork(&self, file_id: &FileId) -> PathBuf {
        self.root.join("tracks").join(format!("{file_id}.artwork"))
    }

    pub(crate) fn pieces(&self, info_hash: &InfoHash) -> PathBuf {
        self.root.join("files").join(format!("{info_hash}.pieces"))
    }

    pub(crate) fn held(&self, info_hash: &InfoHash) -> PathBuf {
        self.root.join("files").join(format!("{info_hash}.held"))
    }

    /// Puts a whole file in place at once.
    pub(crate) fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = NamedTempFile::new_in(self.root.join("scratch"))?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    }

    /// Forgets what lies in `tracks/` for a file; true if there was a record.
    pub(crate) fn forget_track(&self, file_id: &FileId) -> bool {
        // The record goes first: without it the others mean nothing.
        let had_record = remove(&self.record(file_id));
        remove(&self.metainfo(file_id));
        remove(&self.artwork(file_id));
        had_record
    }

    /// Deletes the fetched bytes of a torrent.
    pub(crate) fn forget_pieces(&self, info_hash: &InfoHash) {
        remove(&self.held(info_hash));
        remove(&self.pieces(info_hash));
    }

    /// File ids that have a record.
    pub(crate) fn recorded(&self) -> Result<Vec<FileId>, StoreError> {
        let names = self.names("tracks").map_err(StoreError::io("list the store's folder"))?;
        Ok(names
            .iter()
            .filter(|name| name.extension() == Some(OsStr::new("json")))
            .filter_map(|name| FileId::parse(name.file_stem()?.to_str()?).ok())
            .collect())
    }

    /// Deletes what no track owns: left by a crash between two steps.
    pub(crate) fn sweep_orphans(&self, tracks: &[FileId], torrents: &[InfoHash]) {
        let owned =
            tracks.iter().flat_map(|id| [self.record(id), self.metainfo(id), self.artwork(id)]);
        self.sweep("tracks", &owned.collect());
        let owned = torrents.iter().flat_map(|hash| [self.pieces(hash), self.held(hash)]);
        self.sweep("files", &owned.collect());
    }

    fn sweep(&self, part: &str, keep: &BTreeSet<PathBuf>) {
        let Ok(names) = self.names(part) else { return };
        names.iter().filter(|path| !keep.contains(*path)).for_each(|path| {
            remove(path);
        });
    }

    fn names(&self, part: &str) -> io::Result<Vec<PathBuf>> {
        fs::read_dir(self.root.join(part))?.map(|entry| Ok(entry?.path())).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Closing alone is not enough: a program being started at this moment has a copy of
        // the handle, and with it the lock, until it runs.
        if let Err(error) = self.lock.unlock() {
            tracing::warn!(%error, "store cannot be unlocked");
        }
    }
}

/// Deletes a file of the store; true if it was there.
fn remove(path: &Path) -> bool {
    match fs::remove_file(path) {
        Ok(()) => true,
        Err(error) => {
            if error.kind() != io::ErrorKind::NotFound {
                tracing::warn!(%error, "file of the store cannot be deleted");
            }
            false
        }
    }
}
