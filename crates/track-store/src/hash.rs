//! Reads a file once and hashes it twice: SHA-1 of each piece, SHA-256 of the whole.
//!
//! The calling thread reads; one thread carries the whole-file hash, which cannot be split;
//! the others take pieces as they come. Buffers go round between them, so memory is bounded
//! by their number and the disk is never further ahead than that.

use std::io::{self, Read};
use std::num::NonZero;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;

use protocol::ids::{FileId, hex};
use sha2::{Digest, Sha256};

use crate::torrent::{PieceHash, piece_hash, piece_length};

/// Most threads that hash pieces. The single SHA-256 thread is about as fast as one of
/// them, so more would only wait for it.
const MOST_PIECE_THREADS: usize = 4;

/// Buffers beyond one for each thread: one being filled, one waiting.
const SPARE_BUFFERS: usize = 2;

/// What a file's bytes are called.
pub(crate) struct Hashed {
    pub(crate) file_id: FileId,
    pub(crate) pieces: Vec<PieceHash>,
}

/// Why a file has no hashes.
pub(crate) enum HashError {
    Io(io::Error),
    /// There were more or fewer bytes than `length`.
    OtherLength,
}

/// Hashes exactly `length` bytes, in pieces of [`piece_length`].
///
/// `on_read` is told how many bytes have been read, after each piece, on the calling thread.
pub(crate) fn hash(
    source: &mut impl Read,
    length: u64,
    on_read: &(dyn Fn(u64) + Sync),
) -> Result<Hashed, HashError> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(MOST_PIECE_THREADS);
    let buffers = threads + 1 + SPARE_BUFFERS;
    let (empty_out, empty_in) = sync_channel::<Vec<u8>>(buffers);
    for _ in 0..buffers {
        empty_out.send(Vec::new()).expect("the channel holds every buffer");
    }
    let (whole_out, whole_in) = sync_channel::<Arc<Piece>>(buffers);
    let (piece_out, piece_in) = sync_channel::<Arc<Piece>>(buffers);
    let piece_in = Mutex::new(piece_in);
    thread::scope(|scope| {
        let whole = {
            let empty_out = empty_out.clone();
            scope.spawn(move || hash_whole(&whole_in, &empty_out))
        };
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                let empty_out = empty_out.clone();
                let piece_in = &piece_in;
                scope.spawn(move || hash_pieces(piece_in, &empty_out))
            })
            .collect();
        drop(empty_out);
        let read = read_pieces(source, length, on_read, |index, length, source| {
            let mut bytes = empty_in.recv().expect("the threads give back every buffer");
            bytes.resize(length, 0);
            source.read_exact(&mut bytes)?;
            let piece = Arc::new(Piece { index, bytes });
            whole_out.send(Arc::clone(&piece)).expect("the thread reads until this end is dropped");
            piece_out.send(piece).expect("the threads read until this end is dropped");
            Ok(())
        });
        drop((whole_out, piece_out));
        let file_id = whole.join().expect("hashing does not panic");
        let mut pieces: Vec<(usize, PieceHash)> = Vec::new();
        for worker in workers {
            pieces.extend(worker.join().expect("hashing does not panic"));
        }
        read?;
        pieces.sort_unstable_by_key(|(index, _)| *index);
        Ok(Hashed { file_id, pieces: pieces.into_iter().map(|(_, hash)| hash).collect() })
    })
}

/// SHA-256 of everything `source` has left, as the id of a file.
pub(crate) fn file_id(source: &mut impl Read) -> io::Result<FileId> {
    let mut buffer = vec![0; 1024 * 1024];
    let mut whole = Sha256::new();
    loop {
        match source.read(&mut buffer) {
            Ok(0) => return Ok(id_of(whole)),
            Ok(length) => whole.update(&buffer[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

struct Piece {
    index: usize,
    bytes: Vec<u8>,
}

fn read_pieces<R: Read>(
    source: &mut R,
    length: u64,
    on_read: &(dyn Fn(u64) + Sync),
    mut hand_on: impl FnMut(usize, usize, &mut R) -> io::Result<()>,
) -> Result<(), HashError> {
    let piece_length = piece_length(length);
    let mut done = 0;
    for index in 0.. {
        let left = length - done;
        if left == 0 {
            break;
        }
        let size = left.min(u64::from(piece_length)) as usize;
        hand_on(index, size, source).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => HashError::OtherLength,
            _ => HashError::Io(error),
        })?;
        done += size as u64;
        on_read(done);
    }
    match source.read(&mut [0]) {
        Ok(0) => Ok(()),
        Ok(_) => Err(HashError::OtherLength),
        Err(error) => Err(HashError::Io(error)),
    }
}

fn hash_whole(pieces: &Receiver<Arc<Piece>>, empty: &SyncSender<Vec<u8>>) -> FileId {
    let mut whole = Sha256::new();
    while let Ok(piece) = pieces.recv() {
        whole.update(&piece.bytes);
        give_back(piece, empty);
    }
    id_of(whole)
}

fn hash_pieces(
    pieces: &Mutex<Receiver<Arc<Piece>>>,
    empty: &SyncSender<Vec<u8>>,
) -> Vec<(usize, PieceHash)> {
    let mut hashes = Vec::new();
    loop {
        let next = pieces.lock().expect("receiving does not panic").recv();
        let Ok(piece) = next else { return hashes };
        hashes.push((piece.index, piece_hash(&piece.bytes)));
        give_back(piece, empty);
    }
}

/// Returns the buffer of a piece that both hashes are done with.
fn give_back(piece: Arc<Piece>, empty: &SyncSender<Vec<u8>>) {
    if let Some(piece) = Arc::into_inner(piece) {
        // After the last piece nobody waits for buffers.
        let _ = empty.send(piece.bytes);
    }
}

fn id_of(whole: Sha256) -> FileId {
    FileId::parse(hex(&whole.finalize())).expect("a SHA-256 has 64 hex digits")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_and_whole_match_hashes_computed_elsewhere() {
        // Python: d = bytes(i * 7 % 251 for i in range(600000)); hashlib.sha256(d).hexdigest(),
        // hashlib.sha1(d[k:k + 262144]).hexdigest() for k in (0, 262144, 524288).
        let bytes: Vec<u8> = (0..600_000_u32).map(|i| (i * 7 % 251) as u8).collect();
        let seen = Mutex::new(Vec::new());
        let on_read = |done| seen.lock().expect("no panics").push(done);
        let Ok(hashed) = hash(&mut bytes.as_slice(), 600_000, &on_read) else {
            panic!("memory can be read")
        };
        assert_eq!(
            hashed.file_id.as_str(),
            "d913e86e3da5898bbfeb55b00a3ec748478ee9e0508781f089180e43617f2aa4"
        );
        assert_eq!(
            hashed.pieces.iter().map(|hash| hex(hash)).collect::<Vec<_>>(),
            [
                "c76f3560f00dcfa97faaaf16b9a830f1cfc1c055",
                "cecb13e609ccb9d723615d38598b0cb571867617",
                "db809f27f443d528c946d82bd95b231cbd27c90a",
            ]
        );
        assert_eq!(*seen.lock().expect("no panics"), [262_144, 524_288, 600_000]);
        assert_eq!(file_id(&mut bytes.as_slice()).expect("memory"), hashed.file_id);
    }

    #[test]
    fn a_file_that_shrinks_or_grows_is_noticed() {
        for announced in [999, 1_001] {
            let result = hash(&mut [7; 1_000].as_slice(), announced, &|_| ());
            assert!(matches!(result, Err(HashError::OtherLength)), "{announced} was accepted");
        }
    }
}
