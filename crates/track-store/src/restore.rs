//! Finding again, at start, what the store held before.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use protocol::ids::FileId;
use protocol::message::FileAnnouncement;

use crate::entry::{Entry, State};
use crate::error::{GoneReason, StoreError};
use crate::mine;
use crate::record::{Reading, Record, RecordedOrigin};
use crate::store::Inner;
use crate::torrent::Torrent;
use crate::track::{Fault, StoreChange};

/// Most threads that hash pieces at start; more would wait for the disk.
const MOST_THREADS: usize = 4;

/// Why a recorded track is not on the shelf.
enum NotRestored {
    Gone(GoneReason),
    Damaged,
    /// Written by another version of the app, or unreadable at present.
    Unknown,
}

impl Inner {
    pub(crate) fn restore(&self) -> Result<(), StoreError> {
        let mut missing = BTreeSet::new();
        let mut all_known = true;
        for file_id in self.folder.recorded()? {
            let change = match self.restore_track(&file_id) {
                Ok(()) => continue,
                Err(NotRestored::Unknown) => {
                    all_known = false;
                    continue;
                }
                Err(NotRestored::Gone(reason)) => {
                    // Kept on record: it may lie on a drive that is plugged in again later.
                    if reason == GoneReason::Missing {
                        missing.insert(file_id.clone());
                    } else {
                        self.folder.forget_track(&file_id);
                    }
                    StoreChange::Gone { file_id, reason }
                }
                Err(NotRestored::Damaged) => {
                    self.folder.forget_track(&file_id);
                    StoreChange::Fault { file_id, fault: Fault::RecordDamaged }
                }
            };
            self.notify(change);
        }
        if all_known {
            self.sweep(&missing);
        }
        Ok(())
    }

    fn restore_track(&self, file_id: &FileId) -> Result<(), NotRestored> {
        let bytes = fs::read(self.folder.record(file_id)).map_err(|error| {
            tracing::warn!(%error, "record of a track cannot be read");
            NotRestored::Unknown
        })?;
        let Record { announcement, origin, .. } = match Record::read(&bytes) {
            Reading::Record(record) => *record,
            Reading::OtherVersion => return Err(NotRestored::Unknown),
            Reading::Damaged => return Err(NotRestored::Damaged),
        };
        let torrent = fs::read(self.folder.metainfo(file_id)).ok();
        let torrent = torrent.and_then(|bytes| Torrent::parse(&bytes).ok());
        let torrent = Arc::new(torrent.ok_or(NotRestored::Damaged)?);
        let is_whole = announcement.file_id == *file_id
            && announcement.info_hash == torrent.info_hash
            && announcement.size == torrent.length;
        if !is_whole {
            return Err(NotRestored::Damaged);
        }
        match origin {
            RecordedOrigin::Mine { path, stamp } => {
                let path = PathBuf::from(path);
                let fresh = mine::restamp(&path, stamp, &torrent).map_err(NotRestored::Gone)?;
                if fresh != stamp {
                    self.record_mine(&announcement, &path, fresh);
                }
                let mut state = self.recorded_state(announcement);
                state.become_mine(torrent, path, fresh);
                self.place(state)
            }
            RecordedOrigin::Fetched { complete } => {
                self.restore_fetched(announcement, torrent, complete)
            }
        }
    }

    fn restore_fetched(
        &self,
        announcement: FileAnnouncement,
        torrent: Arc<Torrent>,
        was_complete: bool,
    ) -> Result<(), NotRestored> {
        let file_id = announcement.file_id.clone();
        let path = self.folder.pieces(&torrent.info_hash);
        let mut state = self.recorded_state(announcement);
        state.become_fetched(Arc::clone(&torrent));
        let length = fs::metadata(&path).map_or(0, |metadata| metadata.len());
        if was_complete && length == torrent.length {
            // It was synced before it was called complete; each piece is hashed at first use.
            state.trust_all();
            return self.place(state);
        }
        if let Err(error) = self.make_files(&torrent) {
            tracing::warn!(%error, "piece file cannot be opened");
            return Err(NotRestored::Unknown);
        }
        for index in intact(&path, &torrent, &self.marks(&torrent)) {
            state.hold(index);
        }
        let is_full = state.held.is_full();
        self.place(state)?;
        let Ok(entry) = self.by_file(&file_id) else { return Ok(()) };
        self.find_start(&entry, &torrent);
        if is_full {
            // A mismatch has been reported and the track is gone again.
            let _ = self.finish(&entry, &torrent);
        }
        Ok(())
    }

    fn recorded_state(&self, announcement: FileAnnouncement) -> State {
        let has_artwork = self.folder.artwork(&announcement.file_id).is_file();
        State { has_artwork, ..State::announced(announcement) }
    }

    /// Two records may name one torrent only if someone edited them.
    fn place(&self, state: State) -> Result<(), NotRestored> {
        self.shelve(&Entry::new(state)).map_err(|_| NotRestored::Damaged)
    }
}

/// Those of `indices` whose bytes on disk match their hashes.
fn intact(path: &Path, torrent: &Torrent, indices: &[u32]) -> Vec<u32> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(MOST_THREADS);
    let next = AtomicUsize::new(0);
    let check = || -> io::Result<Vec<u32>> {
        let mut file = File::open(path)?;
        let mut intact = Vec::new();
        while let Some(index) = indices.get(next.fetch_add(1, Ordering::Relaxed)) {
            let size = torrent.piece_size(*index) as usize;
            match mine::read_at(&mut file, torrent.piece_start(*index), size) {
                Ok(piece) if torrent.matches(*index, &piece) => intact.push(*index),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
                Err(error) => return Err(error),
            }
        }
        Ok(intact)
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(check)).collect();
        let results =
            workers.into_iter().map(|worker| worker.join().expect("hashing does not panic"));
        results.flat_map(Result::unwrap_or_default).collect()
    })
}
