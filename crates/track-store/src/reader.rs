//! Reading a track like a file, while its pieces are still coming.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::entry::{Ended, Entry, Place, Want};
use crate::error::{GoneReason, StoreError};
use crate::mine::{self, Part};
use crate::record::FileStamp;
use crate::store::Inner;
use crate::torrent::Torrent;
use crate::track::StoreChange;

/// Reads a track from the first byte to the last. A read of bytes that are not held waits
/// until they are, and lets the swarm know that they are wanted before all others, together
/// with the eight pieces behind them.
///
/// Keeps one piece in memory. A file of the user is kept open, so it plays on even when it
/// is moved or deleted meanwhile.
pub struct PieceReader {
    inner: Arc<Inner>,
    entry: Arc<Entry>,
    number: u64,
    length: u64,
    position: u64,
    piece: Option<Piece>,
    own: Option<Own>,
    cancelled: Arc<AtomicBool>,
}

/// The piece read last.
struct Piece {
    start: u64,
    bytes: Vec<u8>,
}

/// The user's file.
struct Own {
    path: PathBuf,
    file: File,
    stamp: FileStamp,
    torrent: Arc<Torrent>,
}

/// Why reading a track ended early; inside an [`io::Error`].
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The reader was cancelled.
    #[error("reading was cancelled")]
    Cancelled,
    /// The track was removed from the store.
    #[error("the track was removed")]
    Removed,
    /// The file that was fetched is not the one announced.
    #[error("the file is not the one announced")]
    Refused,
    /// The user's file was moved or changed.
    #[error("the shared file is gone: {0}")]
    Gone(GoneReason),
    /// The disk refused.
    #[error("the track cannot be read")]
    Store(#[source] StoreError),
}

impl PieceReader {
    pub(crate) fn open(inner: Arc<Inner>, entry: Arc<Entry>) -> Result<Self, StoreError> {
        let number = inner.next_reader.fetch_add(1, Ordering::Relaxed);
        let length = entry.state().announcement.size;
        let cancelled = Arc::new(AtomicBool::new(false));
        let mut reader =
            Self { inner, entry, number, length, position: 0, piece: None, own: None, cancelled };
        reader.open_own()?;
        reader.want(Waiting::No);
        Ok(reader)
    }

    /// Length of the track. (bytes)
    pub fn byte_len(&self) -> u64 {
        self.length
    }

    /// Ends every read that waits, and every later one, with [`ReadError::Cancelled`]. May be
    /// called from any thread.
    pub fn canceller(&self) -> Box<dyn Fn() + Send + Sync> {
        let cancelled = Arc::clone(&self.cancelled);
        let entry = Arc::clone(&self.entry);
        Box::new(move || {
            // Set under the lock, so that no reader is between looking and waiting.
            let state = entry.state();
            cancelled.store(true, Ordering::Relaxed);
            drop(state);
            entry.wake();
        })
    }

    /// The piece at the position, from memory, the user's file or the store.
    fn load(&mut self) -> Result<&Piece, ReadError> {
        let is_loaded = self.piece.as_ref().is_some_and(|piece| {
            let end = piece.start + piece.bytes.len() as u64;
            (piece.start..end).contains(&self.position)
        });
        if !is_loaded {
            self.piece = Some(self.read_piece()?);
        }
        Ok(self.piece.as_ref().expect("it was just loaded"))
    }

    fn read_piece(&mut self) -> Result<Piece, ReadError> {
        loop {
            if let Some(own) = &mut self.own {
                let read = own.read(self.position);
                if let Err(StoreError::Gone(reason)) = read {
                    self.inner.lose_mine(&self.entry, &own.path, reason);
                }
                return read.map_err(ReadError::from);
            }
            let torrent = self.wait_for_piece()?;
            self.open_own().map_err(ReadError::from)?;
            if self.own.is_some() {
                continue;
            }
            let index = torrent.piece_at(self.position);
            let part = Part { index, offset: 0, length: torrent.piece_size(index) };
            match self.inner.read_part(&self.entry, &torrent, part) {
                Ok(bytes) => return Ok(Piece { start: torrent.piece_start(index), bytes }),
                // Lost between waiting and reading: wait again.
                Err(StoreError::NotHeld { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Waits until the piece at the position is held.
    fn wait_for_piece(&self) -> Result<Arc<Torrent>, ReadError> {
        self.want(Waiting::No);
        let mut is_announced = false;
        let mut state = self.entry.state();
        loop {
            if self.cancelled.load(Ordering::Relaxed) {
                return Err(ReadError::Cancelled);
            }
            if let Some(ended) = state.ended {
                return Err(ended.into());
            }
            if let Some(torrent) = &state.torrent
                && state.held.holds(torrent.piece_at(self.position))
            {
                let torrent = Arc::clone(torrent);
                drop(state);
                if is_announced {
                    self.want(Waiting::No);
                }
                return Ok(torrent);
            }
            if is_announced {
                state = self.entry.wait(state);
            } else {
                drop(state);
                self.want(Waiting::Yes);
                is_announced = true;
                state = self.entry.state();
            }
        }
    }

    /// Lets the swarm know where this reader is.
    fn want(&self, waiting: Waiting) {
        let mut state = self.entry.state();
        let is_blocked = waiting == Waiting::Yes;
        state.wants.insert(self.number, Want { position: self.position, is_blocked });
        let matters = is_blocked || state.lacks_ahead(self.position);
        let info_hash = state.announcement.info_hash.clone();
        drop(state);
        if matters {
            self.inner.notify(StoreChange::Urgent { info_hash });
        }
    }

    /// Opens the user's file if that is where the track is.
    fn open_own(&mut self) -> Result<(), StoreError> {
        let state = self.entry.state();
        let (Place::Mine { path, stamp }, Some(torrent)) = (&state.place, &state.torrent) else {
            return Ok(());
        };
        let (path, stamp, torrent) = (path.clone(), *stamp, Arc::clone(torrent));
        drop(state);
        match mine::open(&path) {
            Ok(file) => self.own = Some(Own { path, file, stamp, torrent }),
            Err(StoreError::Gone(reason)) => {
                self.inner.lose_mine(&self.entry, &path, reason);
                return Err(StoreError::Gone(reason));
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Waiting {
    Yes,
    No,
}

impl Own {
    fn read(&mut self, position: u64) -> Result<Piece, StoreError> {
        let index = self.torrent.piece_at(position);
        let part = Part { index, offset: 0, length: self.torrent.piece_size(index) };
        let bytes = mine::read(&mut self.file, self.stamp, &self.torrent, part)?;
        Ok(Piece { start: self.torrent.piece_start(index), bytes })
    }
}

impl Read for PieceReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.cancelled.load(Ordering::Relaxed) {
            return Err(ReadError::Cancelled.into());
        }
        if buffer.is_empty() || self.position >= self.length {
            return Ok(0);
        }
        let position = self.position;
        let piece = self.load()?;
        let from = (position - piece.start) as usize;
        let length = buffer.len().min(piece.bytes.len() - from);
        buffer[..length].copy_from_slice(&piece.bytes[from..from + length]);
        self.position += length as u64;
        Ok(length)
    }
}

impl Seek for PieceReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(distance) => self.length.checked_add_signed(distance),
            SeekFrom::Current(distance) => self.position.checked_add_signed(distance),
        };
        let target = target.ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidInput, "a position before the start")
        })?;
        self.position = target;
        Ok(target)
    }
}

impl Drop for PieceReader {
    fn drop(&mut self) {
        let mut state = self.entry.state();
        state.wants.remove(&self.number);
        let matters = state.ended.is_none() && state.torrent.is_some() && !state.held.is_full();
        let info_hash = state.announcement.info_hash.clone();
        drop(state);
        if matters {
            self.inner.notify(StoreChange::Urgent { info_hash });
        }
    }
}

impl From<Ended> for ReadError {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Removed => Self::Removed,
            Ended::Gone(reason) => Self::Gone(reason),
            Ended::Refused => Self::Refused,
        }
    }
}

impl From<StoreError> for ReadError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Gone(reason) => Self::Gone(reason),
            other => Self::Store(other),
        }
    }
}

impl From<ReadError> for io::Error {
    fn from(error: ReadError) -> Self {
        // Not `Interrupted`, which callers answer by reading again.
        Self::other(error)
    }
}
