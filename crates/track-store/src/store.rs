//! The store as its users see it, and the shelf on which its tracks stand.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard};

use protocol::ids::{FileId, InfoHash, Waveform};
use protocol::limits::MAX_FILES_PER_SWARM;
use protocol::message::FileAnnouncement;

use crate::entry::{DiskGuard, Ended, Entry, Place, State};
use crate::error::{AddError, GoneReason, StoreError};
use crate::folder::Folder;
use crate::reader::PieceReader;
use crate::tags;
use crate::track::{Artwork, Fault, Origin, Progress, StoreChange, Track, Written};

/// Announcements remembered while their torrents are unknown: two swarms full of files.
/// Beyond that the oldest is forgotten.
const MOST_WAITING: usize = 2 * MAX_FILES_PER_SWARM;

/// Torrents remembered because they lied. Beyond that the oldest may be tried again.
const MOST_REFUSED: usize = 1_000;

/// Told about every [`StoreChange`], on the thread that caused it, with no lock held.
pub type OnChange = Arc<dyn Fn(StoreChange) + Send + Sync>;

/// Every track of this device: files of the user shared in place, and files fetched from
/// other members.
///
/// A cheap handle; clones share one store. Every call may block on the disk, none on another
/// caller's hashing or reading of a different track.
#[derive(Clone)]
pub struct TrackStore {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) folder: Folder,
    pub(crate) on_change: OnChange,
    pub(crate) next_reader: AtomicU64,
    shelf: Mutex<Shelf>,
}

#[derive(Default)]
struct Shelf {
    tracks: BTreeMap<FileId, Arc<Entry>>,
    by_torrent: BTreeMap<InfoHash, FileId>,
    /// Files announced whose torrents are unknown, oldest first.
    waiting: VecDeque<FileId>,
    /// Announcements that did not tell the truth about their content, oldest first.
    refused: VecDeque<(FileId, InfoHash)>,
}

impl TrackStore {
    /// Opens the store in a folder of its own, made if it does not exist, and finds again
    /// what it held before.
    ///
    /// Pieces of unfinished files are hashed again, so what is held is really there. Before
    /// this returns, files of the user that were moved or changed meanwhile are reported as
    /// [`StoreChange::Gone`], and a file whose end a crash had hidden as
    /// [`StoreChange::Held`].
    ///
    /// # Errors
    ///
    /// [`StoreError::InUse`] if another process has it open; [`StoreError::DiskFull`] or
    /// [`StoreError::Io`] if the folder cannot be used.
    pub fn open(dir: &Path, on_change: OnChange) -> Result<Self, StoreError> {
        let inner = Arc::new(Inner {
            folder: Folder::open(dir)?,
            on_change,
            next_reader: AtomicU64::new(0),
            shelf: Mutex::default(),
        });
        inner.restore()?;
        Ok(Self { inner })
    }

    /// Reads a file of the user once, and shares it in place from then on.
    ///
    /// `progress` is called on this thread, after each piece. A file with the same content as
    /// a track that is held whole changes nothing and returns that track; one that was being
    /// fetched is complete at once.
    ///
    /// # Errors
    ///
    /// [`AddError`] says why the file is not shared.
    pub fn add_file(
        &self,
        path: &Path,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<Track, AddError> {
        self.inner.add_file(path, progress)
    }

    /// Prepares to fetch a file that a member announced. Nothing is written before the
    /// torrent's description arrives.
    ///
    /// Repeating it changes nothing; as long as nothing but words is known of the file, the
    /// latest ones count. At most 200 files wait for their description; beyond that the one
    /// announced first is forgotten.
    ///
    /// # Errors
    ///
    /// [`StoreError::OtherTorrent`] if the file or the torrent is already held under another
    /// name; [`StoreError::Refused`] if this very announcement turned out to be untrue.
    pub fn expect(&self, announcement: &FileAnnouncement) -> Result<(), StoreError> {
        self.inner.expect(announcement)
    }

    /// The torrent file, if it is known: an info dictionary and nothing around it.
    pub fn metainfo(&self, info_hash: &InfoHash) -> Option<Vec<u8>> {
        let entry = self.inner.by_torrent(info_hash).ok()?;
        let torrent = entry.state().torrent(info_hash).ok()?;
        Some(torrent.metainfo().to_vec())
    }

    /// Takes the description of an expected torrent: a torrent file or a bare info dictionary.
    ///
    /// # Errors
    ///
    /// [`StoreError::Metainfo`] if it is not what was announced; [`StoreError::UnknownTorrent`]
    /// if nothing was; [`StoreError::DiskFull`] or [`StoreError::Io`] if it cannot be kept.
    pub fn put_metainfo(&self, info_hash: &InfoHash, bytes: &[u8]) -> Result<(), StoreError> {
        self.inner.put_metainfo(info_hash, bytes)
    }

    /// Checks a piece against its hash and writes it to disk.
    ///
    /// The call that brings the last piece also reads the whole file back and compares it
    /// with its id.
    ///
    /// # Errors
    ///
    /// [`StoreError::PieceCorrupt`], [`StoreError::PieceIndex`] or [`StoreError::PieceLength`]
    /// if it is not that piece; [`StoreError::DiskFull`] or [`StoreError::Io`] if it cannot be
    /// written, which leaves it missing; [`StoreError::Refused`] if the file is whole and not
    /// what was announced; [`StoreError::UnknownTorrent`] or [`StoreError::NoMetainfo`].
    pub fn write_piece(
        &self,
        info_hash: &InfoHash,
        index: u32,
        bytes: &[u8],
    ) -> Result<Written, StoreError> {
        self.inner.write_piece(info_hash, index, bytes)
    }

    /// Reads part of a piece that is held.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotHeld`], also when the bytes on disk turn out to be damaged;
    /// [`StoreError::Gone`] when the user's file was moved or changed;
    /// [`StoreError::PieceIndex`] or [`StoreError::PieceRange`] if there is no such part.
    pub fn read_piece(
        &self,
        info_hash: &InfoHash,
        index: u32,
        offset: u32,
        length: u32,
    ) -> Result<Vec<u8>, StoreError> {
        self.inner.read_piece(info_hash, index, offset, length)
    }

    /// Which pieces are held: a BitTorrent bitfield, first piece in the highest bit. `None` while
    /// the torrent's description is unknown.
    pub fn held_pieces(&self, info_hash: &InfoHash) -> Option<Vec<u8>> {
        let entry = self.inner.by_torrent(info_hash).ok()?;
        let state = entry.state();
        state.torrent(info_hash).ok()?;
        Some(state.held.to_bytes())
    }

    /// One track.
    pub fn track(&self, file_id: &FileId) -> Option<Track> {
        self.inner.by_file(file_id).ok()?.state().track()
    }

    /// Every track, by file id. Expected ones are among them, with nothing held.
    pub fn tracks(&self) -> Vec<Track> {
        self.inner.entries().iter().filter_map(|entry| entry.state().track()).collect()
    }

    /// How many files of the user are shared, for whoever limits them.
    pub fn mine_count(&self) -> usize {
        self.tracks().iter().filter(|track| matches!(track.origin, Origin::Mine { .. })).count()
    }

    /// Opens a track for playing, whether or not its pieces have come yet.
    ///
    /// # Errors
    ///
    /// [`StoreError::UnknownFile`]; [`StoreError::Gone`] if the user's file was moved or changed.
    pub fn reader(&self, file_id: &FileId) -> Result<PieceReader, StoreError> {
        PieceReader::open(Arc::clone(&self.inner), self.inner.by_file(file_id)?)
    }

    /// Missing pieces that are wanted before others: ranges of first and last, most urgent
    /// first. What a reader waits for leads, then what lies ahead of readers, then what is
    /// needed before playing can begin.
    pub fn urgent(&self, info_hash: &InfoHash) -> Vec<[u32; 2]> {
        let Ok(entry) = self.inner.by_torrent(info_hash) else { return Vec::new() };
        let state = entry.state();
        if state.torrent(info_hash).is_ok() { state.urgent() } else { Vec::new() }
    }

    /// The picture in a track's tags. Fetched tracks have it once they are complete.
    pub fn artwork(&self, file_id: &FileId) -> Option<Artwork> {
        let entry = self.inner.by_file(file_id).ok()?;
        let has_artwork = entry.state().has_artwork;
        let bytes =
            has_artwork.then(|| std::fs::read(self.inner.folder.artwork(file_id)).ok())??;
        tags::artwork(bytes)
    }

    /// Stretches of a track that are not held, of `columns` over its whole length: first column and
    /// the one behind the last. A column is held when every piece that reaches into it is.
    ///
    /// Bytes stand for time here. In a file of even bit rate they are the same; elsewhere the
    /// picture is off by as much as the rate varies.
    pub fn missing(&self, file_id: &FileId, columns: u16) -> Vec<[u16; 2]> {
        let Ok(entry) = self.inner.by_file(file_id) else { return Vec::new() };
        entry.state().missing(columns)
    }

    /// Keeps the waveform of a file of the user, for its announcement.
    ///
    /// # Errors
    ///
    /// [`StoreError::UnknownFile`] if no such file is shared from here.
    pub fn set_waveform(&self, file_id: &FileId, waveform: Waveform) -> Result<(), StoreError> {
        self.inner.set_waveform(file_id, waveform)
    }

    /// Looks after the user's files: those moved, deleted or changed since they were shared
    /// are reported as [`StoreChange::Gone`]. Costs one look at the file system a file.
    pub fn check_files(&self) {
        self.inner.check_files();
    }

    /// Forgets a track. Fetched bytes are deleted, a file of the user is left as it is.
    /// Readers of the track fail from now on.
    ///
    /// # Errors
    ///
    /// [`StoreError::UnknownFile`].
    pub fn remove(&self, file_id: &FileId) -> Result<(), StoreError> {
        self.inner.remove(file_id)
    }
}

impl Inner {
    pub(crate) fn notify(&self, change: StoreChange) {
        (self.on_change)(change);
    }

    pub(crate) fn by_file(&self, file_id: &FileId) -> Result<Arc<Entry>, StoreError> {
        let entry = self.shelf().tracks.get(file_id).cloned();
        entry.ok_or_else(|| StoreError::UnknownFile(file_id.clone()))
    }

    pub(crate) fn by_torrent(&self, info_hash: &InfoHash) -> Result<Arc<Entry>, StoreError> {
        let shelf = self.shelf();
        let entry = shelf.by_torrent.get(info_hash).and_then(|file_id| shelf.tracks.get(file_id));
        entry.cloned().ok_or_else(|| StoreError::UnknownTorrent(info_hash.clone()))
    }

    pub(crate) fn entries(&self) -> Vec<Arc<Entry>> {
        self.shelf().tracks.values().cloned().collect()
    }

    /// Puts a track on the shelf, unless its file is there already: then that one is returned.
    pub(crate) fn shelve(&self, entry: &Arc<Entry>) -> Result<(), Arc<Entry>> {
        let info_hash = entry.state().announcement.info_hash.clone();
        let mut shelf = self.shelf();
        if let Some(present) = shelf.tracks.get(&entry.file_id) {
            return Err(Arc::clone(present));
        }
        shelf.by_torrent.insert(info_hash, entry.file_id.clone());
        shelf.tracks.insert(entry.file_id.clone(), Arc::clone(entry));
        Ok(())
    }

    /// Lets a track on the shelf be found under another torrent.
    pub(crate) fn rename_torrent(&self, entry: &Entry, from: &InfoHash, to: &InfoHash) {
        let mut shelf = self.shelf();
        if shelf.by_torrent.get(from) == Some(&entry.file_id) {
            shelf.by_torrent.remove(from);
        }
        shelf.by_torrent.insert(to.clone(), entry.file_id.clone());
    }

    /// Notes that a track's torrent is known, so that it does not have to make room.
    pub(crate) fn stop_waiting(&self, file_id: &FileId) {
        self.shelf().waiting.retain(|waiting| waiting != file_id);
    }

    /// Ends a track: its readers fail, its files go, and only then its place on the shelf is
    /// free. False if it had ended before.
    ///
    /// The record of a shared file that is missing stays: the file may come back with the
    /// drive it lies on.
    pub(crate) fn retire(&self, entry: &Arc<Entry>, why: Ended, _disk: &DiskGuard<'_>) -> bool {
        let Some((info_hash, place)) = entry.end(why) else { return false };
        if why != Ended::Gone(GoneReason::Missing) {
            self.folder.forget_track(&entry.file_id);
        }
        if matches!(place, Place::Pieces) {
            self.folder.forget_pieces(&info_hash);
        }
        self.shelf().clear(entry);
        true
    }

    /// Ends a track whose torrent does not hold the file it was announced as, and remembers
    /// not to try it again.
    pub(crate) fn refuse(&self, entry: &Arc<Entry>, info_hash: &InfoHash, disk: DiskGuard<'_>) {
        let file_id = entry.file_id.clone();
        let mut shelf = self.shelf();
        if shelf.refused.len() == MOST_REFUSED {
            shelf.refused.pop_front();
        }
        shelf.refused.push_back((file_id.clone(), info_hash.clone()));
        drop(shelf);
        if self.retire(entry, Ended::Refused, &disk) {
            drop(disk);
            self.notify(StoreChange::Fault { file_id, fault: Fault::ContentMismatch });
        }
    }

    fn expect(&self, announcement: &FileAnnouncement) -> Result<(), StoreError> {
        let FileAnnouncement { file_id, info_hash, .. } = announcement;
        loop {
            let mut shelf = self.shelf();
            if shelf.refused.iter().any(|(file, torrent)| file == file_id && torrent == info_hash) {
                return Err(StoreError::Refused(info_hash.clone()));
            }
            if shelf.by_torrent.get(info_hash).is_some_and(|present| present != file_id) {
                return Err(StoreError::OtherTorrent(file_id.clone()));
            }
            let Some(present) = shelf.tracks.get(file_id).cloned() else {
                let oldest = shelf.wait_for(announcement);
                drop(shelf);
                if let Some(oldest) = oldest {
                    self.forget_announcement(&oldest, &oldest.disk());
                }
                return Ok(());
            };
            drop(shelf);
            if self.announce_again(&present, announcement)? {
                return Ok(());
            }
        }
    }

    /// A file that is known is announced once more, perhaps in other words, which are taken as
    /// long as nothing but words is known. False if there is no such track any more.
    fn announce_again(
        &self,
        entry: &Arc<Entry>,
        announcement: &FileAnnouncement,
    ) -> Result<bool, StoreError> {
        let is_settled = |state: &State| {
            let is_same = state.announcement.info_hash == announcement.info_hash;
            state.ended.is_none()
                && (state.announcement == *announcement || is_same && state.torrent.is_some())
        };
        if is_settled(&entry.state()) {
            return Ok(true);
        }
        let disk = entry.disk();
        let mut state = entry.state();
        if state.ended.is_some() || is_settled(&state) {
            return Ok(state.ended.is_none());
        }
        if state.torrent.is_some() {
            return Err(StoreError::OtherTorrent(entry.file_id.clone()));
        }
        if state.announcement.size != announcement.size {
            drop(state);
            self.forget_announcement(entry, &disk);
            return Ok(false);
        }
        let from = std::mem::replace(&mut state.announcement, announcement.clone()).info_hash;
        drop(state);
        self.rename_torrent(entry, &from, &announcement.info_hash);
        Ok(true)
    }

    /// Ends a track of which nothing but words is known.
    fn forget_announcement(&self, entry: &Arc<Entry>, _disk: &DiskGuard<'_>) {
        let is_described = entry.state().torrent.is_some();
        if !is_described && entry.end(Ended::Removed).is_some() {
            self.shelf().clear(entry);
        }
    }

    fn set_waveform(&self, file_id: &FileId, waveform: Waveform) -> Result<(), StoreError> {
        let entry = self.by_file(file_id)?;
        let _disk = entry.disk();
        let mut state = entry.state();
        let Place::Mine { path, stamp } = state.place.clone() else {
            return Err(StoreError::UnknownFile(file_id.clone()));
        };
        state.announcement.media.waveform = Some(waveform);
        let announcement = state.announcement.clone();
        let has_ended = state.ended.is_some();
        drop(state);
        if !has_ended {
            self.record_mine(&announcement, &path, stamp);
        }
        Ok(())
    }

    fn remove(&self, file_id: &FileId) -> Result<(), StoreError> {
        let was_known = match self.by_file(file_id) {
            Ok(entry) => self.retire(&entry, Ended::Removed, &entry.disk()),
            // A shared file that is missing at present has left its record only.
            Err(_) => self.folder.forget_track(file_id),
        };
        was_known.then_some(()).ok_or_else(|| StoreError::UnknownFile(file_id.clone()))
    }

    /// Stops sharing a file of the user that is not what it was, unless a copy of it at another
    /// path has taken its place meanwhile.
    pub(crate) fn lose_mine(&self, entry: &Arc<Entry>, path: &Path, reason: GoneReason) {
        let disk = entry.disk();
        let is_in_use =
            matches!(&entry.state().place, Place::Mine { path: used, .. } if used == path);
        if is_in_use && self.retire(entry, Ended::Gone(reason), &disk) {
            drop(disk);
            self.notify(StoreChange::Gone { file_id: entry.file_id.clone(), reason });
        }
    }

    /// Deletes what no track owns. `missing` are tracks that are on record only.
    pub(crate) fn sweep(&self, missing: &BTreeSet<FileId>) {
        let mut tracks: Vec<FileId> = missing.iter().cloned().collect();
        let mut torrents = Vec::new();
        for entry in self.entries() {
            let state = entry.state();
            if matches!(state.place, Place::Pieces) {
                torrents.push(state.announcement.info_hash.clone());
            }
            tracks.push(entry.file_id.clone());
        }
        self.folder.sweep_orphans(&tracks, &torrents);
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().expect("no code panics while it holds the shelf")
    }
}

impl Shelf {
    /// Frees the place of a track that has ended.
    fn clear(&mut self, entry: &Arc<Entry>) {
        if self.tracks.get(&entry.file_id).is_some_and(|found| Arc::ptr_eq(found, entry)) {
            self.tracks.remove(&entry.file_id);
            self.by_torrent.retain(|_, file_id| *file_id != entry.file_id);
            self.waiting.retain(|file_id| *file_id != entry.file_id);
        }
    }

    /// Makes room for a file of which only the announcement is known. Returns the one that
    /// has to go, if there are too many.
    fn wait_for(&mut self, announcement: &FileAnnouncement) -> Option<Arc<Entry>> {
        let FileAnnouncement { file_id, info_hash, .. } = announcement;
        let entry = Entry::new(State::announced(announcement.clone()));
        self.by_torrent.insert(info_hash.clone(), file_id.clone());
        self.tracks.insert(file_id.clone(), entry);
        self.waiting.push_back(file_id.clone());
        let oldest =
            if self.waiting.len() > MOST_WAITING { self.waiting.pop_front() } else { None };
        self.tracks.get(&oldest?).cloned()
    }
}
