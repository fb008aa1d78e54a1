//! What an MP4 file says about the silence its encoder put before and after the music.
//!
//! AAC encoders begin with about a thousand frames of priming. The file tells how much to
//! leave out, in an edit list (`elst`) or in iTunes' own comment (`iTunSMPB`); the demuxer
//! reads the first but applies neither, which would make this device 23 ms late against a
//! browser. This walks the few boxes that matter. It is bounded in boxes and bytes, and a
//! file it does not understand simply has no edit.

use std::io::{self, Read, Seek, SeekFrom};

/// The part of a track that is music, in frames of the track.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Edit {
    /// Time before the music. (seconds × `timescale`)
    pub lead_in: u64,
    /// Length of the music, if told. (seconds × `timescale`)
    pub length: Option<u64>,
    /// Units per second of the two above.
    pub timescale: u32,
}

/// Boxes looked at before giving up; real files need below a hundred.
const MAX_BOXES: u32 = 4_000;

/// Longest comment read.
const MAX_COMMENT: u64 = 1024;

/// Reads the edit of the first audio track.
pub(crate) fn read_edit<R: Read + Seek>(reader: R, length: u64) -> Option<Edit> {
    let mut walk = Walk { reader, left: MAX_BOXES };
    walk.movie(Range { from: 0, to: length }).ok().flatten()
}

struct Walk<R> {
    reader: R,
    left: u32,
}

#[derive(Clone, Copy)]
struct Range {
    from: u64,
    to: u64,
}

struct Found {
    kind: [u8; 4],
    /// The box's content.
    body: Range,
}

/// What is gathered of one track.
#[derive(Default)]
struct Track {
    is_audio: bool,
    timescale: Option<u32>,
    /// First edit that shows media: its length in movie units, and where it begins.
    edit: Option<(u64, u64)>,
}

impl<R: Read + Seek> Walk<R> {
    fn movie(&mut self, file: Range) -> io::Result<Option<Edit>> {
        let Some(movie) = self.find(file, b"moov")? else { return Ok(None) };
        let mut movie_timescale = None;
        let mut audio = None;
        let mut comment = None;
        let mut rest = movie;
        while let Some(found) = self.next(&mut rest)? {
            match &found.kind {
                b"mvhd" => movie_timescale = self.timescale(found.body)?,
                b"trak" if audio.is_none() => {
                    let track = self.track(found.body)?;
                    audio = track.is_audio.then_some(track);
                }
                b"udta" => comment = self.comment(found.body)?,
                _ => {}
            }
        }
        let Some(Track { timescale: Some(timescale), edit, .. }) = audio else { return Ok(None) };
        // The comment counts whole frames, the edit list rounds its length to the movie's
        // units, often milliseconds; where both tell, they tell the same lead-in.
        if let Some((lead_in, length)) = comment {
            return Ok(Some(Edit { lead_in, length: Some(length), timescale }));
        }
        Ok(edit.map(|(length, lead_in)| {
            let length = movie_timescale
                .filter(|_| length > 0)
                .map(|movie| (length * u64::from(timescale)).div_ceil(u64::from(movie)));
            Edit { lead_in, length, timescale }
        }))
    }

    fn track(&mut self, mut body: Range) -> io::Result<Track> {
        let mut track = Track::default();
        while let Some(found) = self.next(&mut body)? {
            match &found.kind {
                b"edts" => {
                    if let Some(list) = self.find(found.body, b"elst")? {
                        track.edit = self.edit(list)?;
                    }
                }
                b"mdia" => {
                    let mut media = found.body;
                    while let Some(part) = self.next(&mut media)? {
                        match &part.kind {
                            b"mdhd" => track.timescale = self.timescale(part.body)?,
                            b"hdlr" => {
                                let head: [u8; 12] = self.read(part.body)?;
                                track.is_audio = &head[8..12] == b"soun";
                            }
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(track)
    }

    /// The first entry of an edit list that shows media: `(length, media time)`.
    fn edit(&mut self, body: Range) -> io::Result<Option<(u64, u64)>> {
        let head: [u8; 8] = self.read(body)?;
        let wide = head[0] == 1;
        let count = u32::from_be_bytes([head[4], head[5], head[6], head[7]]);
        let mut entry = Range { from: body.from + 8, to: body.to };
        for _ in 0..count.min(16) {
            let (length, media_time) = if wide {
                let bytes: [u8; 16] = self.read(entry)?;
                entry.from += 20;
                (be64(&bytes[..8]), be64(&bytes[8..]) as i64)
            } else {
                let bytes: [u8; 8] = self.read(entry)?;
                entry.from += 12;
                (u64::from(be32(&bytes[..4])), i64::from(be32(&bytes[4..]) as i32))
            };
            if let Ok(media_time) = u64::try_from(media_time) {
                return Ok((length <= u64::from(u32::MAX)).then_some((length, media_time)));
            }
        }
        Ok(None)
    }

    /// Units per second from `mvhd` or `mdhd`.
    fn timescale(&mut self, body: Range) -> io::Result<Option<u32>> {
        let version: [u8; 1] = self.read(body)?;
        let at = if version[0] == 1 { 20 } else { 12 };
        let units: [u8; 4] = self.read(Range { from: body.from + at, to: body.to })?;
        Ok(Some(u32::from_be_bytes(units)).filter(|&units| units > 0))
    }

    /// iTunes' gapless comment: `(frames before the music, frames of music)`.
    fn comment(&mut self, user_data: Range) -> io::Result<Option<(u64, u64)>> {
        let Some(meta) = self.find(user_data, b"meta")? else { return Ok(None) };
        let inside = Range { from: meta.from + 4, to: meta.to };
        let Some(mut list) = self.find(inside, b"ilst")? else { return Ok(None) };
        while let Some(item) = self.next(&mut list)? {
            if &item.kind != b"----" {
                continue;
            }
            let Some(name) = self.find(item.body, b"name")? else { continue };
            if self.text(name, 4)? != "iTunSMPB" {
                continue;
            }
            let Some(data) = self.find(item.body, b"data")? else { continue };
            return Ok(parse_comment(&self.text(data, 8)?));
        }
        Ok(None)
    }

    fn text(&mut self, body: Range, skip: u64) -> io::Result<String> {
        let from = body.from + skip;
        let length = body.to.saturating_sub(from).min(MAX_COMMENT);
        self.reader.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        self.reader.by_ref().take(length).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn find(&mut self, mut inside: Range, kind: &[u8; 4]) -> io::Result<Option<Range>> {
        while let Some(found) = self.next(&mut inside)? {
            if &found.kind == kind {
                return Ok(Some(found.body));
            }
        }
        Ok(None)
    }

    /// The next box in `inside`, which is moved past it.
    fn next(&mut self, inside: &mut Range) -> io::Result<Option<Found>> {
        if inside.from + 8 > inside.to || self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let head: [u8; 8] = self.read(*inside)?;
        let (head_length, length) = match be32(&head[..4]) {
            0 => (8, inside.to - inside.from),
            1 => {
                let long: [u8; 8] = self.read(Range { from: inside.from + 8, to: inside.to })?;
                (16, be64(&long))
            }
            short => (8, u64::from(short)),
        };
        let end = inside.from.checked_add(length).filter(|&end| end <= inside.to);
        let (Some(end), true) = (end, length >= head_length) else { return Ok(None) };
        let body = Range { from: inside.from + head_length, to: end };
        inside.from = end;
        Ok(Some(Found { kind: [head[4], head[5], head[6], head[7]], body }))
    }

    fn read<const N: usize>(&mut self, from: Range) -> io::Result<[u8; N]> {
        if from.from.saturating_add(N as u64) > from.to {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.reader.seek(SeekFrom::Start(from.from))?;
        let mut bytes = [0; N];
        self.reader.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

/// Hexadecimal words: flags, frames before, frames after, frames of music.
fn parse_comment(text: &str) -> Option<(u64, u64)> {
    let mut words = text.split_whitespace().skip(1);
    let before = u64::from_str_radix(words.next()?, 16).ok()?;
    let _after = u64::from_str_radix(words.next()?, 16).ok()?;
    let music = u64::from_str_radix(words.next()?, 16).ok()?;
    // A second of priming is no priming.
    (before < 48_000 && music > 0 && music < 1 << 40).then_some((before, music))
}

fn be32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |value, &byte| value << 8 | u32::from(byte))
}

fn be64(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |value, &byte| value << 8 | u64::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn atom(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
        let mut bytes = (body.len() as u32 + 8).to_be_bytes().to_vec();
        bytes.extend_from_slice(kind);
        bytes.extend_from_slice(body);
        bytes
    }

    fn header(timescale: u32) -> Vec<u8> {
        let mut body = vec![0; 12];
        body.extend_from_slice(&timescale.to_be_bytes());
        body
    }

    fn movie(edit: &[u8], extra: &[u8]) -> Vec<u8> {
        let handler = atom(b"hdlr", b"\0\0\0\0\0\0\0\0soun");
        let media = atom(b"mdia", &[atom(b"mdhd", &header(44_100)), handler].concat());
        let edits = atom(b"edts", &atom(b"elst", edit));
        let track = atom(b"trak", &[edits, media].concat());
        let boxes = [atom(b"mvhd", &header(1_000)), track, extra.to_vec()].concat();
        [atom(b"ftyp", b"M4A "), atom(b"mdat", &[7; 64]), atom(b"moov", &boxes)].concat()
    }

    fn read(bytes: &[u8]) -> Option<Edit> {
        read_edit(io::Cursor::new(bytes), bytes.len() as u64)
    }

    #[test]
    fn an_edit_list_tells_where_the_music_is() {
        let mut edit = vec![0, 0, 0, 0, 0, 0, 0, 2];
        edit.extend_from_slice(&500_u32.to_be_bytes());
        edit.extend_from_slice(&(-1_i32).to_be_bytes());
        edit.extend_from_slice(&[0, 1, 0, 0]);
        edit.extend_from_slice(&2_000_u32.to_be_bytes());
        edit.extend_from_slice(&1_024_u32.to_be_bytes());
        edit.extend_from_slice(&[0, 1, 0, 0]);
        let found = read(&movie(&edit, &[]));
        let expected = Edit { lead_in: 1_024, length: Some(88_200), timescale: 44_100 };
        assert_eq!(found, Some(expected));
    }

    #[test]
    fn the_comment_of_itunes_tells_it_to_the_frame() {
        let data = [
            vec![0, 0, 0, 1, 0, 0, 0, 0],
            b" 00000000 00000840 000001CA 0000000000012345".to_vec(),
        ];
        let item = [
            atom(b"mean", b"\0\0\0\0com.apple.iTunes"),
            atom(b"name", b"\0\0\0\0iTunSMPB"),
            atom(b"data", &data.concat()),
        ];
        let list = atom(b"ilst", &atom(b"----", &item.concat()));
        let meta = atom(b"meta", &[vec![0; 4], list].concat());
        let found = read(&movie(&[0; 8], &atom(b"udta", &meta)));
        let expected = Edit { lead_in: 0x840, length: Some(0x12345), timescale: 44_100 };
        assert_eq!(found, Some(expected));
    }

    #[test]
    fn a_file_without_boxes_has_no_edit() {
        assert_eq!(read(b""), None);
        assert_eq!(read(b"ID3\x04 this is no MP4 file at all"), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_walk_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            read(&bytes);
        }

        #[test]
        fn no_damaged_movie_makes_the_walk_panic(at in 0_usize..300, byte: u8) {
            let mut bytes = movie(&[0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 7, 0, 0, 0, 4, 0, 0, 1, 0, 0], &[]);
            let at = at % bytes.len();
            bytes[at] = byte;
            read(&bytes);
        }
    }
}
