//! One track inside the store: its state, shared by everyone who works on it.
//!
//! Two locks. `disk` is held while files of the track come, go or are replaced, and may be
//! held for long. The state's lock is held for moments and never during I/O. Whoever needs
//! both takes `disk` first. The shelf's lock may be taken under `disk`, and is never held
//! together with a state's.
//!
//! A track that ends keeps its place on the shelf until its files are gone, so that files
//! of two tracks with one name never meet. Whoever finds an ended track and wants to begin
//! another one waits for `disk` and looks again.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use protocol::ids::{FileId, InfoHash};
use protocol::message::FileAnnouncement;

use crate::bitfield::Bitfield;
use crate::error::{GoneReason, StoreError};
use crate::record::FileStamp;
use crate::start::Start;
use crate::torrent::Torrent;
use crate::track::{Origin, Track};

/// Pieces ahead of a reader that are wanted next.
///
/// 2 MiB in pieces of 256 KiB: 50 s of MP3 at 320 kbit/s, 12 s of a CD.
const READ_AHEAD: u32 = 8;

/// Most ranges reported as urgent: more than a song with two readers ever has. What lies
/// beyond is reported once these are held.
const MOST_RANGES: usize = 16;

pub(crate) struct Entry {
    pub(crate) file_id: FileId,
    disk: Mutex<()>,
    state: Mutex<State>,
    /// Told whenever a reader might go on.
    changed: Condvar,
}

/// Shows that the files of a track are this caller's.
pub(crate) type DiskGuard<'a> = MutexGuard<'a, ()>;

pub(crate) struct State {
    pub(crate) announcement: FileAnnouncement,
    pub(crate) torrent: Option<Arc<Torrent>>,
    pub(crate) place: Place,
    pub(crate) held: Bitfield,
    /// Pieces of a fetched file whose bytes on disk were seen to match since the store was opened.
    pub(crate) checked: Bitfield,
    pub(crate) held_bytes: u64,
    pub(crate) complete: bool,
    pub(crate) has_artwork: bool,
    pub(crate) start: Start,
    /// Set once, when the track leaves the store.
    pub(crate) ended: Option<Ended>,
    /// What each reader wants, by reader.
    pub(crate) wants: BTreeMap<u64, Want>,
}

/// Where the bytes are.
#[derive(Clone)]
pub(crate) enum Place {
    /// Nowhere: only the announcement is known.
    Nowhere,
    /// In the user's file.
    Mine { path: PathBuf, stamp: FileStamp },
    /// In the store's piece file.
    Pieces,
}

/// Why a track left the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Removed,
    Gone(GoneReason),
    Refused,
}

/// Where a reader is.
#[derive(Clone, Copy)]
pub(crate) struct Want {
    /// (bytes)
    pub(crate) position: u64,
    /// True while it waits for the byte there.
    pub(crate) is_blocked: bool,
}

impl Entry {
    pub(crate) fn new(state: State) -> Arc<Self> {
        let file_id = state.announcement.file_id.clone();
        Arc::new(Self {
            file_id,
            disk: Mutex::new(()),
            state: Mutex::new(state),
            changed: Condvar::new(),
        })
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no code panics while it holds a state")
    }

    pub(crate) fn disk(&self) -> DiskGuard<'_> {
        // The lock guards no memory: a panic elsewhere leaves nothing half done in it.
        self.disk.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Lets readers look again.
    pub(crate) fn wake(&self) {
        self.changed.notify_all();
    }

    pub(crate) fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait(state).expect("no code panics while it holds a state")
    }

    /// Ends the track and says what it was; `None` if it had ended before.
    pub(crate) fn end(&self, why: Ended) -> Option<(InfoHash, Place)> {
        let mut state = self.state();
        if state.ended.is_some() {
            return None;
        }
        state.ended = Some(why);
        let was = (state.announcement.info_hash.clone(), state.place.clone());
        drop(state);
        self.wake();
        Some(was)
    }
}

impl State {
    /// A track of which only the announcement is known.
    pub(crate) fn announced(announcement: FileAnnouncement) -> Self {
        Self {
            start: Start::unseen(announcement.size),
            announcement,
            torrent: None,
            place: Place::Nowhere,
            held: Bitfield::empty(0),
            checked: Bitfield::empty(0),
            held_bytes: 0,
            complete: false,
            has_artwork: false,
            ended: None,
            wants: BTreeMap::new(),
        }
    }

    /// A track that is fetched into the piece file.
    pub(crate) fn become_fetched(&mut self, torrent: Arc<Torrent>) {
        self.held = Bitfield::empty(torrent.piece_count());
        self.checked = self.held.clone();
        self.held_bytes = 0;
        self.complete = false;
        self.place = Place::Pieces;
        self.torrent = Some(torrent);
    }

    /// A track that is whole in the user's file.
    pub(crate) fn become_mine(&mut self, torrent: Arc<Torrent>, path: PathBuf, stamp: FileStamp) {
        self.held = Bitfield::full(torrent.piece_count());
        self.held_bytes = torrent.length;
        self.complete = true;
        self.place = Place::Mine { path, stamp };
        self.torrent = Some(torrent);
    }

    /// Notes a piece whose bytes are on disk; true if it was missing.
    pub(crate) fn hold(&mut self, index: u32) -> bool {
        let Some(torrent) = &self.torrent else { return false };
        let size = u64::from(torrent.piece_size(index));
        self.checked.insert(index);
        let is_new = self.held.insert(index);
        if is_new {
            self.held_bytes += size;
        }
        is_new
    }

    /// Takes every piece as held, to be hashed at first use: the file was complete before.
    pub(crate) fn trust_all(&mut self) {
        let Some(torrent) = &self.torrent else { return };
        self.held = Bitfield::full(torrent.piece_count());
        self.held_bytes = torrent.length;
        self.complete = true;
    }

    /// Notes that a held piece still matches its hash.
    pub(crate) fn confirm(&mut self, index: u32) {
        if self.held.holds(index) {
            self.checked.insert(index);
        }
    }

    /// Notes that a piece is not on disk after all.
    pub(crate) fn lose(&mut self, index: u32) {
        let Some(torrent) = &self.torrent else { return };
        let size = u64::from(torrent.piece_size(index));
        self.checked.remove(index);
        if self.held.remove(index) {
            self.held_bytes -= size;
            self.complete = false;
        }
    }

    /// The torrent, if it is the one named.
    pub(crate) fn torrent(&self, info_hash: &InfoHash) -> Result<Arc<Torrent>, StoreError> {
        match &self.torrent {
            _ if self.ended.is_some() || self.announcement.info_hash != *info_hash => {
                Err(StoreError::UnknownTorrent(info_hash.clone()))
            }
            Some(torrent) => Ok(Arc::clone(torrent)),
            None => Err(StoreError::NoMetainfo(info_hash.clone())),
        }
    }

    pub(crate) fn is_playable(&self) -> bool {
        self.complete
            || (self.start.is_known && self.start_pieces().all(|index| self.held.holds(index)))
    }

    /// The pieces that are missing and wanted before others, as inclusive ranges: what
    /// readers wait for, then what lies ahead of them, then what playing needs to begin.
    pub(crate) fn urgent(&self) -> Vec<[u32; 2]> {
        let Some(torrent) = &self.torrent else { return Vec::new() };
        if self.held.is_full() {
            return Vec::new();
        }
        let piece = |want: &&Want| torrent.piece_at(want.position);
        let blocked = self.wants.values().filter(|want| want.is_blocked);
        let ahead = blocked.clone().chain(self.wants.values().filter(|want| !want.is_blocked));
        let ahead = ahead.flat_map(|want| {
            let first = piece(&want);
            first..first.saturating_add(READ_AHEAD + 1)
        });
        let mut ranges: Vec<[u32; 2]> = Vec::new();
        for index in blocked.map(|want| piece(&want)).chain(ahead).chain(self.start_pieces()) {
            let is_listed = ranges.iter().any(|[first, last]| (*first..=*last).contains(&index));
            if index >= torrent.piece_count() || self.held.holds(index) || is_listed {
                continue;
            }
            let is_room = ranges.len() < MOST_RANGES;
            match ranges.last_mut() {
                Some([_, last]) if *last + 1 == index => *last = index,
                _ if is_room => ranges.push([index, index]),
                _ => break,
            }
        }
        ranges
    }

    /// True if one of the pieces at or ahead of `position` is missing.
    pub(crate) fn lacks_ahead(&self, position: u64) -> bool {
        let Some(torrent) = &self.torrent else { return true };
        let first = torrent.piece_at(position);
        let end = first.saturating_add(READ_AHEAD + 1).min(torrent.piece_count());
        (first..end).any(|index| !self.held.holds(index))
    }

    /// The track as others see it; `None` once it has ended.
    pub(crate) fn track(&self) -> Option<Track> {
        self.ended.is_none().then(|| Track {
            announcement: self.announcement.clone(),
            origin: match &self.place {
                Place::Mine { path, .. } => Origin::Mine { path: path.clone() },
                Place::Nowhere | Place::Pieces => Origin::Fetched,
            },
            held_bytes: self.held_bytes,
            complete: self.complete,
            playable: self.is_playable(),
            has_metainfo: self.torrent.is_some(),
            has_artwork: self.has_artwork,
        })
    }

    /// What is not held, in columns; see [`crate::TrackStore::missing`].
    pub(crate) fn missing(&self, columns: u16) -> Vec<[u16; 2]> {
        let size = self.announcement.size;
        let at = |column: u16| (u128::from(size) * u128::from(column) / u128::from(columns)) as u64;
        let is_held = |column: u16| {
            self.complete
                || self.torrent.as_deref().is_some_and(|torrent| {
                    let first = torrent.piece_at(at(column).min(size - 1));
                    let last = torrent.piece_at(at(column + 1).max(1) - 1);
                    (first..=last.max(first)).all(|piece| self.held.holds(piece))
                })
        };
        let mut stretches: Vec<[u16; 2]> = Vec::new();
        for column in (0..columns).filter(|column| !is_held(*column)) {
            match stretches.last_mut() {
                Some([_, end]) if *end == column => *end += 1,
                _ => stretches.push([column, column + 1]),
            }
        }
        stretches
    }

    fn start_pieces(&self) -> impl Iterator<Item = u32> {
        let torrent = self.torrent.as_deref();
        self.start.parts.iter().filter(|part| !part.is_empty()).flat_map(move |part| {
            torrent.map_or(0..=0, |torrent| {
                torrent.piece_at(part.start)..=torrent.piece_at(part.end - 1)
            })
        })
    }
}
