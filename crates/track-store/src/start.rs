//! What must be held before playing can begin at the start of a song.
//!
//! Three parts, whatever the format:
//! - everything up to the sound and the first 512 KiB of it, where tags with pictures and,
//!   in FLAC, metadata blocks count as "before the sound";
//! - the last 64 KiB, because players look there for tags and for the last page of an Ogg
//!   stream before they play anything;
//! - in MP4, the table of contents (`moov`), which may lie on either side of the sound.
//!
//! Where the sound begins and where `moov` lies is read from the bytes held so far; as long
//! as a header on the way is missing, the piece it lies in is part of the answer.

use std::ops::Range;

use crate::format::{box_header, id3_length};

/// Sound held before playing begins. (bytes)
///
/// 13 s of MP3 at 320 kbit/s, 3 s of a CD: time enough to fetch what follows.
const HEAD: u64 = 512 * 1024;

/// End of the file that players look at first. (bytes)
///
/// The largest Ogg page has 65,307 bytes; tags at the end of MP3 files are far smaller.
const TAIL: u64 = 64 * 1024;

/// Headers followed on the way to the sound. Real files have fewer than ten.
const MOST_HEADERS: usize = 128;

/// The parts of a file that playing needs at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Start {
    /// Ranges of bytes, most important first; they may overlap.
    pub(crate) parts: Vec<Range<u64>>,
    /// False while headers are missing, so that more parts may turn out to be needed.
    pub(crate) is_known: bool,
}

impl Start {
    /// What is needed while nothing of the file is held.
    pub(crate) fn unseen(length: u64) -> Self {
        Self::find(length, |_, _| None)
    }

    /// Follows the headers in a file of `length` bytes. `peek` returns bytes from a position,
    /// fewer at the end of the file, or `None` if they are not held.
    pub(crate) fn find(length: u64, mut peek: impl FnMut(u64, usize) -> Option<Vec<u8>>) -> Self {
        let mut walk = Walk { length, sound: 0, index: None, peek: &mut peek };
        let missing = walk.run().err();
        let head = 0..walk.sound.saturating_add(HEAD).min(length);
        let mut parts = vec![head];
        parts.extend(missing.clone());
        parts.push(length.saturating_sub(TAIL)..length);
        parts.extend(walk.index);
        Self { parts, is_known: missing.is_none() }
    }
}

struct Walk<'a> {
    length: u64,
    /// Where the sound begins, as far as is known. (bytes)
    sound: u64,
    /// Where `moov` lies.
    index: Option<Range<u64>>,
    peek: &'a mut dyn FnMut(u64, usize) -> Option<Vec<u8>>,
}

/// A header that is needed and not held.
type Missing = Range<u64>;

impl Walk<'_> {
    fn run(&mut self) -> Result<(), Missing> {
        for _ in 0..MOST_HEADERS {
            let Some(length) = id3_length(&self.header(self.sound, 10)?) else { break };
            self.sound = self.sound.saturating_add(length).min(self.length);
        }
        let head = self.header(self.sound, 8)?;
        match head.as_slice() {
            [b'f', b'L', b'a', b'C', ..] => self.flac(),
            [_, _, _, _, b'f', b't', b'y', b'p'] => self.mp4(),
            _ => Ok(()),
        }
    }

    fn flac(&mut self) -> Result<(), Missing> {
        const IS_LAST: u8 = 0x80;
        let mut at = self.sound + 4;
        for _ in 0..MOST_HEADERS {
            let [kind, a, b, c] = self.header(at, 4)?[..] else { return Ok(()) };
            at += 4 + u64::from(u32::from_be_bytes([0, a, b, c]));
            self.sound = at;
            if kind & IS_LAST != 0 {
                return Ok(());
            }
        }
        Ok(())
    }

    fn mp4(&mut self) -> Result<(), Missing> {
        let mut at = 0;
        let mut has_sound = false;
        for _ in 0..MOST_HEADERS {
            let Some(found) = box_header(&self.header(at, 16)?) else { return Ok(()) };
            let end = at.saturating_add(found.length.unwrap_or(u64::MAX)).min(self.length);
            match &found.kind {
                b"moov" => self.index = Some(at..end),
                b"mdat" if !has_sound => {
                    self.sound = at;
                    has_sound = true;
                }
                _ => {}
            }
            if has_sound && self.index.is_some() {
                return Ok(());
            }
            at = end;
        }
        Ok(())
    }

    fn header(&mut self, at: u64, length: usize) -> Result<Vec<u8>, Missing> {
        let end = at.saturating_add(length as u64).min(self.length);
        if at >= end {
            return Ok(Vec::new());
        }
        (self.peek)(at, (end - at) as usize).ok_or(at..end)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MIB: usize = 1024 * 1024;

    #[test]
    fn a_plain_file_needs_its_head_and_its_tail() {
        let file = vec![0x55; 4 * MIB];
        let start = find(&file, file.len());
        assert!(start.is_known);
        assert_eq!(start.parts, [0..HEAD, 4 * 1024 * 1024 - TAIL..4 * 1024 * 1024]);
    }

    #[test]
    fn a_short_file_is_needed_whole() {
        let start = find(&[0x55; 1_000], 1_000);
        assert_eq!(start, Start { parts: vec![0..1_000, 0..1_000], is_known: true });
    }

    #[test]
    fn pictures_in_front_of_the_sound_are_not_sound() {
        let mut tagged = b"ID3\x04\0\0\0\x7f\x7f\x7f".to_vec();
        tagged.resize(4 * MIB, 0);
        assert_eq!(find(&tagged, 1_000).parts[0], 0..10 + 0x1f_ffff + HEAD);

        let mut flac = b"fLaC\0\0\0\x22".to_vec();
        flac.resize(42, 0);
        flac.extend(b"\x86\x10\0\0");
        flac.resize(4 * MIB, 0);
        let start = find(&flac, 1_000);
        assert_eq!(start.parts[0], 0..46 + 0x10_0000 + HEAD);
        assert!(start.is_known);
    }

    #[test]
    fn the_table_of_an_mp4_is_found_behind_the_sound_step_by_step() {
        let file = mp4_with_table_at_the_end();
        let table = 16 + 3 * MIB as u64;

        let unseen = Start::unseen(file.len() as u64);
        assert!(!unseen.is_known);

        let first = find(&file, 256 * 1024);
        assert!(!first.is_known);
        assert!(first.parts.contains(&(table..table + 16)), "{:?}", first.parts);

        let whole = find(&file, file.len());
        assert!(whole.is_known);
        assert!(whole.parts.contains(&(table..table + 200_000)), "{:?}", whole.parts);
    }

    fn mp4_with_table_at_the_end() -> Vec<u8> {
        let mut file = b"\0\0\0\x10ftypM4A \0\0\0\0".to_vec();
        file.extend((3 * MIB as u32).to_be_bytes());
        file.extend(b"mdat");
        file.resize(16 + 3 * MIB, 0);
        file.extend(200_000_u32.to_be_bytes());
        file.extend(b"moov");
        file.resize(16 + 3 * MIB + 200_000, 0);
        file
    }

    fn find(file: &[u8], held: usize) -> Start {
        Start::find(file.len() as u64, |at, length| {
            let at = usize::try_from(at).expect("inside the file");
            file[..held].get(at..at + length).map(<[u8]>::to_vec)
        })
    }

    proptest! {
        #[test]
        fn arbitrary_headers_never_panic_or_reach_beyond_the_file(
            start in prop::sample::select(vec![
                &b"ID3\x04\0\0"[..], b"fLaC", b"\0\0\0\x08ftyp", b"\0\0\0\x01ftyp", b"",
            ]),
            rest in prop::collection::vec(any::<u8>(), 0..200),
            length in 0..10_000_000_u64,
        ) {
            let bytes = [start, &rest].concat();
            let start = Start::find(length, |at, count| {
                Some(bytes.iter().cycle().skip(at as usize % bytes.len().max(1)).take(count).copied().collect())
            });
            prop_assert!(start.is_known);
            prop_assert!(start.parts.iter().all(|part| part.start <= part.end && part.end <= length));
        }
    }
}
