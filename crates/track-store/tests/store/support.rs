//! Songs, members and what they hear from their stores.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use protocol::ids::InfoHash;
use protocol::message::FileAnnouncement;
use tempfile::TempDir;
use track_store::{StoreChange, Track, TrackStore};

/// Longest a test waits for another thread.
const PATIENCE: Duration = Duration::from_secs(20);

/// Length of every piece but the last of the songs made here. (bytes)
pub const PIECE: usize = 256 * 1024;

/// A store in a folder that is deleted afterwards, and everything it said.
pub struct Member {
    pub store: TrackStore,
    pub heard: Arc<Heard>,
    pub dir: TempDir,
}

/// What a store said, oldest first.
#[derive(Default)]
pub struct Heard {
    changes: Mutex<Vec<StoreChange>>,
    more: Condvar,
}

impl Member {
    pub fn new() -> Self {
        Self::in_dir(TempDir::new().expect("a temporary folder"))
    }

    pub fn in_dir(dir: TempDir) -> Self {
        let (store, heard) = open(&dir.path().join("store"));
        Self { store, heard, dir }
    }

    /// Closes the store and opens it again, as after a restart of the app.
    pub fn restart(self) -> Self {
        let Self { store, dir, .. } = self;
        drop(store);
        Self::in_dir(dir)
    }

    /// Writes a file that the user might share.
    pub fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.dir.path().join(name);
        fs::write(&path, bytes).expect("the temporary folder is writable");
        path
    }

    /// Shares a song.
    pub fn share(&self, bytes: &[u8]) -> Track {
        let path = self.file("song.wav", bytes);
        self.store.add_file(&path, &|_| ()).expect("a song can be shared")
    }

    /// Gets ready to fetch what another member shares.
    pub fn begin(&self, owner: &Self, announcement: &FileAnnouncement) {
        let metainfo = owner.store.metainfo(&announcement.info_hash).expect("the owner has it");
        self.store.expect(announcement).expect("a file that nobody has announced before");
        self.store.put_metainfo(&announcement.info_hash, &metainfo).expect("the owner's own");
    }

    /// Fetches the pieces named from another member.
    pub fn fetch(
        &self,
        owner: &Self,
        announcement: &FileAnnouncement,
        pieces: impl IntoIterator<Item = u32>,
    ) {
        for index in pieces {
            let bytes = piece(owner, announcement, index);
            self.store.write_piece(&announcement.info_hash, index, &bytes).expect("a good piece");
        }
    }

    /// The folder the store works in.
    pub fn store_dir(&self) -> PathBuf {
        self.dir.path().join("store")
    }

    /// The file that fetched pieces are in.
    pub fn piece_file(&self, info_hash: &InfoHash) -> PathBuf {
        self.store_dir().join("files").join(format!("{info_hash}.pieces"))
    }
}

impl Heard {
    pub fn all(&self) -> Vec<StoreChange> {
        self.changes.lock().expect("no panics").clone()
    }

    pub fn contains(&self, change: &StoreChange) -> bool {
        self.all().contains(change)
    }

    /// Waits until `condition` holds, looking again after every change.
    pub fn wait_until(&self, mut condition: impl FnMut() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = 0;
        while !condition() {
            let changes = self.changes.lock().expect("no panics");
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "nothing came of it; heard {changes:?}");
            let heard_nothing = |changes: &mut Vec<_>| changes.len() == seen;
            let waited = self.more.wait_timeout_while(changes, left, heard_nothing);
            seen = waited.expect("no panics").0.len();
        }
    }
}

/// Opens a store that remembers what it says.
pub fn open(dir: &Path) -> (TrackStore, Arc<Heard>) {
    let heard = Arc::new(Heard::default());
    let ear = Arc::clone(&heard);
    let on_change = Arc::new(move |change| {
        ear.changes.lock().expect("no panics").push(change);
        ear.more.notify_all();
    });
    (TrackStore::open(dir, on_change).expect("a folder of its own"), heard)
}

/// One whole piece from a member that holds it.
pub fn piece(owner: &Member, announcement: &FileAnnouncement, index: u32) -> Vec<u8> {
    let left = announcement.size - u64::from(index) * PIECE as u64;
    let length = left.min(PIECE as u64) as u32;
    owner.store.read_piece(&announcement.info_hash, index, 0, length).expect("the owner holds it")
}

/// A WAV file with `sound` bytes that follow a simple rule, so that its hashes can be
/// computed elsewhere.
pub fn wav(sound: usize) -> Vec<u8> {
    let sound_length = u32::try_from(sound).expect("a short song");
    let mut song = b"RIFF".to_vec();
    song.extend((36 + sound_length).to_le_bytes());
    song.extend(b"WAVEfmt ");
    song.extend(16_u32.to_le_bytes());
    song.extend([1, 0, 2, 0]);
    song.extend(44_100_u32.to_le_bytes());
    song.extend(176_400_u32.to_le_bytes());
    song.extend([4, 0, 16, 0]);
    song.extend(b"data");
    song.extend(sound_length.to_le_bytes());
    song.extend((0..sound).map(|i| (i * 7 % 251) as u8));
    song
}

/// A WAV file of exactly `pieces` pieces and one short one.
pub fn song(pieces: usize) -> Vec<u8> {
    wav(pieces * PIECE + 1_000)
}

/// Writes to a file and makes sure its time of change differs.
pub fn write_later(path: &Path, bytes: &[u8]) {
    let before = fs::metadata(path).and_then(|found| found.modified()).expect("it is there");
    fs::write(path, bytes).expect("it can be written");
    let file = fs::File::options().write(true).open(path).expect("it is there");
    file.set_modified(before + Duration::from_secs(1)).expect("times can be set");
}
