//! The torrent of one file (BEP 3, version 1): its description, its pieces and their hashes.
//!
//! Torrents made here are canonical: the info dictionary is a function of the content and
//! its format alone, so every device that shares the same bytes joins the same torrent.
//! Torrents from outside are kept as their info dictionary only. Trackers, web seeds and
//! nodes around it are dropped, so nothing a stranger wrote makes this device connect anywhere.

use protocol::ids::{InfoHash, hex};
use protocol::limits::MAX_FILE_SIZE;
use sha1::{Digest, Sha1};

use crate::bencode::{self, BencodeError, Dictionary, Value};

/// Smallest piece length made here. (bytes)
///
/// WebTorrent in a browser moves 20 MB twice as fast in pieces of 256 KiB as in its default
/// of 16 KiB, and each piece costs one call between window and core; larger ones would delay
/// the first sound, because a piece is of no use before its last byte.
const SHORTEST_MADE: u32 = 256 * 1024;

/// Largest piece length made here. (bytes)
const LONGEST_MADE: u32 = 1024 * 1024;

/// Pieces beyond which the piece length doubles. 512 pieces of 256 KiB are 128 MiB, more
/// than nearly every song, so nearly every song starts after its first 256 KiB.
const MOST_SHORT_PIECES: u64 = 512;

/// Piece lengths accepted from others: powers of two in this range. (bytes)
const ACCEPTED: std::ops::RangeInclusive<i64> = 16 * 1024..=4 * 1024 * 1024;

/// Length of one hash in `pieces`. (bytes)
const HASH: usize = 20;

/// SHA-1 of one piece.
pub(crate) type PieceHash = [u8; HASH];

/// The piece length of torrents made here: the smallest of 256 KiB, 512 KiB and 1 MiB that
/// divides a file of `length` bytes into at most 512 pieces, or else 1 MiB. (bytes)
///
/// It depends on nothing but the length, so that equal files give equal torrents everywhere.
pub fn piece_length(length: u64) -> u32 {
    let mut chosen = SHORTEST_MADE;
    while chosen < LONGEST_MADE && length.div_ceil(u64::from(chosen)) > MOST_SHORT_PIECES {
        chosen *= 2;
    }
    chosen
}

/// A torrent of one file.
pub(crate) struct Torrent {
    pub(crate) info_hash: InfoHash,
    /// Length of the file. (bytes)
    pub(crate) length: u64,
    /// Length of every piece but the last. (bytes)
    pub(crate) piece_length: u32,
    hashes: Vec<PieceHash>,
    metainfo: Vec<u8>,
}

/// Why a torrent is not the one that was announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetainfoError {
    /// The bytes are not canonical bencoding.
    #[error("not a torrent")]
    Bencode(#[from] BencodeError),
    /// A field is absent, of the wrong kind or out of range.
    #[error("field `{0}` is missing or not acceptable")]
    Field(&'static str),
    /// The torrent has a list of files.
    #[error("more than one file")]
    ManyFiles,
    /// The info dictionary has another hash than the one asked for.
    #[error("info hash differs from the announced one")]
    InfoHash,
    /// The file in the torrent has another length than the announced one.
    #[error("{found} bytes long, announced with {announced}")]
    Length {
        /// In the torrent. (bytes)
        found: u64,
        /// In the announcement. (bytes)
        announced: u64,
    },
    /// There are more or fewer hashes than pieces.
    #[error("{found} bytes of hashes for {pieces} pieces")]
    HashCount {
        /// Length of `pieces`. (bytes)
        found: usize,
        /// Pieces that the length calls for.
        pieces: u64,
    },
}

impl Torrent {
    /// Describes a file. `name` is what other programs call it when they save it.
    pub(crate) fn describe(name: &str, length: u64, hashes: Vec<PieceHash>) -> Self {
        let piece_length = piece_length(length);
        let number = i64::try_from(length).expect("file lengths are checked against 4 GiB");
        let pieces = hashes.as_flattened();
        let info = Dictionary::from_entries([
            (&b"length"[..], Value::Integer(number)),
            (&b"name"[..], Value::Bytes(name.as_bytes())),
            (&b"piece length"[..], Value::Integer(i64::from(piece_length))),
            (&b"pieces"[..], Value::Bytes(pieces)),
        ]);
        let (info_hash, metainfo) = wrap(&info);
        Self { info_hash, length, piece_length, hashes, metainfo }
    }

    /// Reads a torrent file or a bare info dictionary.
    ///
    /// The name inside is not looked at: files are named by their ids.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, MetainfoError> {
        let value = bencode::decode(bytes)?;
        let outer = value.as_dictionary().ok_or(MetainfoError::Field("info"))?;
        let info = outer.value("info").map_or(Some(outer), Value::as_dictionary);
        let info = info.ok_or(MetainfoError::Field("info"))?;
        if info.value("files").is_some() {
            return Err(MetainfoError::ManyFiles);
        }
        let length = integer(info, "length")?;
        let length = u64::try_from(length).map_err(|_| MetainfoError::Field("length"))?;
        if !(1..=MAX_FILE_SIZE).contains(&length) {
            return Err(MetainfoError::Field("length"));
        }
        let piece_length = integer(info, "piece length")?;
        if !ACCEPTED.contains(&piece_length) || piece_length.count_ones() != 1 {
            return Err(MetainfoError::Field("piece length"));
        }
        let piece_length =
            u32::try_from(piece_length).map_err(|_| MetainfoError::Field("piece length"))?;
        let name = info.value("name").and_then(Value::as_bytes);
        name.ok_or(MetainfoError::Field("name"))?;
        let pieces = info.value("pieces").and_then(Value::as_bytes);
        let pieces = pieces.ok_or(MetainfoError::Field("pieces"))?;
        let count = length.div_ceil(u64::from(piece_length));
        let (hashes, rest) = pieces.as_chunks::<HASH>();
        if !rest.is_empty() || hashes.len() as u64 != count {
            return Err(MetainfoError::HashCount { found: pieces.len(), pieces: count });
        }
        let (info_hash, metainfo) = wrap(info);
        Ok(Self { info_hash, length, piece_length, hashes: hashes.to_vec(), metainfo })
    }

    /// The torrent file: the info dictionary and nothing else.
    pub(crate) fn metainfo(&self) -> &[u8] {
        &self.metainfo
    }

    pub(crate) fn piece_count(&self) -> u32 {
        u32::try_from(self.hashes.len()).expect("4 GiB in pieces of 16 KiB are 262,144")
    }

    /// Length of one piece; only the last may be shorter. (bytes)
    pub(crate) fn piece_size(&self, index: u32) -> u32 {
        let left = self.length.saturating_sub(self.piece_start(index));
        u32::try_from(left).map_or(self.piece_length, |left| left.min(self.piece_length))
    }

    /// Where a piece begins in the file. (bytes)
    pub(crate) fn piece_start(&self, index: u32) -> u64 {
        u64::from(index) * u64::from(self.piece_length)
    }

    /// The piece that holds the byte at `position`, which lies inside the file.
    pub(crate) fn piece_at(&self, position: u64) -> u32 {
        u32::try_from(position / u64::from(self.piece_length)).unwrap_or(u32::MAX)
    }

    /// True if `bytes` are piece `index`.
    pub(crate) fn matches(&self, index: u32, bytes: &[u8]) -> bool {
        self.hashes.get(index as usize).is_some_and(|hash| *hash == piece_hash(bytes))
    }
}

/// SHA-1 of a piece.
pub(crate) fn piece_hash(bytes: &[u8]) -> PieceHash {
    Sha1::digest(bytes).into()
}

fn integer(info: &Dictionary<'_>, key: &'static str) -> Result<i64, MetainfoError> {
    info.value(key).and_then(Value::as_integer).ok_or(MetainfoError::Field(key))
}

/// The info hash, and the torrent file around an info dictionary.
fn wrap(info: &Dictionary<'_>) -> (InfoHash, Vec<u8>) {
    let mut metainfo = b"d4:info".to_vec();
    let start = metainfo.len();
    info.encode(&mut metainfo);
    let digest = hex(&Sha1::digest(&metainfo[start..]));
    metainfo.push(b'e');
    (InfoHash::parse(digest).expect("a SHA-1 has 40 hex digits"), metainfo)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KIB: u64 = 1024;
    const MIB: u64 = 1024 * KIB;

    #[test]
    fn the_piece_length_follows_from_the_length_alone() {
        for (length, expected) in [
            (1, 256 * KIB),
            (4 * MIB, 256 * KIB),
            (128 * MIB, 256 * KIB),
            (128 * MIB + 1, 512 * KIB),
            (256 * MIB, 512 * KIB),
            (256 * MIB + 1, MIB),
            (MAX_FILE_SIZE, MIB),
        ] {
            assert_eq!(u64::from(piece_length(length)), expected, "for {length} bytes");
        }
    }

    #[test]
    fn a_torrent_made_here_is_read_back_the_same() {
        let made = Torrent::describe("a.mp3", 600_000, vec![[1; 20], [2; 20], [3; 20]]);
        let read = Torrent::parse(made.metainfo()).expect("own torrents are canonical");
        assert_eq!(read.info_hash, made.info_hash);
        assert_eq!(read.metainfo(), made.metainfo());
        assert_eq!((read.length, read.piece_length, read.piece_count()), (600_000, 262_144, 3));
        assert_eq!((read.piece_size(0), read.piece_size(2)), (262_144, 600_000 - 2 * 262_144));
        assert_eq!((read.piece_at(262_143), read.piece_at(262_144)), (0, 1));
    }

    #[test]
    fn everything_around_the_info_dictionary_is_dropped() {
        let bare = info("6:lengthi5e", "12:piece lengthi16384e", 1);
        let whole = [b"d8:announce9:ws://evil4:info", &bare[..], b"8:url-list9:http://me", b"e"];
        let torrent = Torrent::parse(&whole.concat()).expect("a torrent with trackers");
        assert_eq!(torrent.metainfo(), [b"d4:info", &bare[..], b"e"].concat());
        assert_eq!(torrent.info_hash, Torrent::parse(&bare).expect("a bare one").info_hash);
    }

    #[test]
    fn fields_out_of_range_are_refused() {
        let piece = "12:piece lengthi16384e";
        for (length, piece_length, hashes, expected) in [
            ("6:lengthi0e", piece, 0, MetainfoError::Field("length")),
            ("6:lengthi-1e", piece, 1, MetainfoError::Field("length")),
            ("6:lengthi4294967297e", piece, 1, MetainfoError::Field("length")),
            ("6:length1:5", piece, 1, MetainfoError::Field("length")),
            ("", piece, 1, MetainfoError::Field("length")),
            ("6:lengthi5e", "12:piece lengthi16385e", 1, MetainfoError::Field("piece length")),
            ("6:lengthi5e", "12:piece lengthi8192e", 1, MetainfoError::Field("piece length")),
            ("6:lengthi5e", "12:piece lengthi8388608e", 1, MetainfoError::Field("piece length")),
            ("6:lengthi5e", "12:piece lengthi0e", 1, MetainfoError::Field("piece length")),
            ("6:lengthi5e", piece, 2, MetainfoError::HashCount { found: 40, pieces: 1 }),
            ("6:lengthi16385e", piece, 1, MetainfoError::HashCount { found: 20, pieces: 2 }),
            ("5:filesle6:lengthi5e", piece, 1, MetainfoError::ManyFiles),
        ] {
            let found = Torrent::parse(&info(length, piece_length, hashes)).map(|_| ());
            assert_eq!(found, Err(expected), "for {length} {piece_length}");
        }
        for no_torrent in ["i5e", "le", "de", "d4:infoi5ee", "d4:infodee"] {
            assert!(Torrent::parse(no_torrent.as_bytes()).is_err(), "{no_torrent} was accepted");
        }
    }

    fn info(length: &str, piece_length: &str, hashes: usize) -> Vec<u8> {
        let pieces = "h".repeat(hashes * HASH);
        format!("d{length}4:name1:x{piece_length}6:pieces{}:{pieces}e", pieces.len()).into_bytes()
    }

    proptest! {
        #[test]
        fn a_torrent_with_bytes_changed_is_refused_or_still_makes_sense(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        ) {
            let made = Torrent::describe("a.mp3", 600_000, vec![[1; 20], [2; 20], [3; 20]]);
            let mut bytes = made.metainfo().to_vec();
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            if let Ok(torrent) = Torrent::parse(&bytes) {
                let sizes = (0..torrent.piece_count()).map(|index| torrent.piece_size(index));
                prop_assert_eq!(sizes.map(u64::from).sum::<u64>(), torrent.length);
                let last = torrent.piece_at(torrent.length - 1);
                prop_assert_eq!(last + 1, torrent.piece_count());
            }
        }
    }
}
