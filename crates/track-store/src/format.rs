//! Tells what kind of music a file holds, by its content and never by its name.
//!
//! A file with a sound header is accepted even if it is damaged further on: what can be
//! played of it is the decoder's business. Anything without one is refused.

use std::io::{self, Read, Seek, SeekFrom};

use lofty::file::FileType;

/// How far into a file the first MP3 frame is looked for. (bytes)
///
/// Encoders and cutters leave less than this before the first frame.
const MP3_SEARCH: usize = 64 * 1024;

/// MP3 frames that must follow each other when nothing else says MP3. Three headers in
/// exact distances do not occur by chance in pictures or archives.
const MP3_FRAMES: usize = 3;

/// Longest part of an MP4's `moov` that is searched for a sound track. (bytes)
const MOOV_SEARCH: u64 = 4 * 1024 * 1024;

/// Kinds of music that can be played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Mp3,
    Flac,
    /// Vorbis or FLAC in Ogg.
    Ogg,
    Wav,
    Aiff,
    /// AAC or ALAC in MP4.
    M4a,
}

impl Format {
    /// The usual file name extension.
    pub(crate) fn extension(self) -> &'static str {
        match self {
            Self::Mp3 => "mp3",
            Self::Flac => "flac",
            Self::Ogg => "ogg",
            Self::Wav => "wav",
            Self::Aiff => "aiff",
            Self::M4a => "m4a",
        }
    }

    /// The same in the words of the tag reader.
    pub(crate) fn file_type(self) -> FileType {
        match self {
            Self::Mp3 => FileType::Mpeg,
            Self::Flac => FileType::Flac,
            Self::Ogg => FileType::Vorbis,
            Self::Wav => FileType::Wav,
            Self::Aiff => FileType::Aiff,
            Self::M4a => FileType::Mp4,
        }
    }
}

/// Looks for music in a file; `None` if there is none that can be played.
pub(crate) fn detect(file: &mut (impl Read + Seek)) -> io::Result<Option<Format>> {
    let (start, tagged) = after_id3(file)?;
    let head = read_at(file, start, MP3_SEARCH + 2_000)?;
    Ok(match head.as_slice() {
        // The first block is always STREAMINFO, 34 bytes long.
        [b'f', b'L', b'a', b'C', kind, 0, 0, 34, ..] if kind & 0x7f == 0 => Some(Format::Flac),
        [b'O', b'g', b'g', b'S', ..] => ogg(&head),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'A', b'V', b'E', ..] => Some(Format::Wav),
        [b'F', b'O', b'R', b'M', _, _, _, _, b'A', b'I', b'F', b'F' | b'C', ..] => {
            Some(Format::Aiff)
        }
        [_, _, _, _, b'f', b't', b'y', b'p', brand @ ..] => mp4(file, brand)?,
        _ => has_mp3_frames(&head, tagged).then_some(Format::Mp3),
    })
}

/// Length of an ID3v2 tag, header included, if `head` begins with one. (bytes)
pub(crate) fn id3_length(head: &[u8]) -> Option<u64> {
    let [b'I', b'D', b'3', _, _, flags, size @ ..] = head else { return None };
    let size = size.first_chunk::<4>()?;
    if size.iter().any(|byte| byte & 0x80 != 0) {
        return None;
    }
    let length = size.iter().fold(0, |sum, byte| sum << 7 | u64::from(*byte));
    let footer = if flags & 0x10 == 0 { 0 } else { 10 };
    Some(10 + length + footer)
}

/// Where the file begins after ID3v2 tags, and whether there were any.
fn after_id3(file: &mut (impl Read + Seek)) -> io::Result<(u64, bool)> {
    // Broken taggers leave an old tag behind their new one.
    const MOST_TAGS: usize = 4;
    let mut start = 0;
    for _ in 0..MOST_TAGS {
        let Some(length) = id3_length(&read_at(file, start, 10)?) else { break };
        start += length;
    }
    Ok((start, start > 0))
}

/// Looks at the first page of each stream, which all come before any other page (RFC 3533).
fn ogg(head: &[u8]) -> Option<Format> {
    const BEGINS_STREAM: u8 = 2;
    let mut rest = head;
    while let Some((header, after)) = rest.split_first_chunk::<27>() {
        if !header.starts_with(b"OggS") || header[5] & BEGINS_STREAM == 0 {
            return None;
        }
        let (lacing, body) = after.split_at_checked(usize::from(header[26]))?;
        let length: usize = lacing.iter().map(|size| usize::from(*size)).sum();
        if body.starts_with(b"\x01vorbis") || body.starts_with(b"\x7fFLAC") {
            return Some(Format::Ogg);
        }
        rest = body.get(length..)?;
    }
    None
}

fn mp4(file: &mut (impl Read + Seek), brand: &[u8]) -> io::Result<Option<Format>> {
    match brand.first_chunk::<4>() {
        Some(b"M4A " | b"M4B " | b"F4A ") => return Ok(Some(Format::M4a)),
        // Encrypted for one customer.
        Some(b"M4P ") => return Ok(None),
        _ => {}
    }
    // Films and pictures share the container; only a sound track makes it music.
    const MOST_BOXES: usize = 64;
    let mut at = 0;
    for _ in 0..MOST_BOXES {
        let Some(found) = box_header(&read_at(file, at, 16)?) else { break };
        if found.kind == *b"moov" {
            let moov =
                read_at(file, at, found.length.unwrap_or(u64::MAX).min(MOOV_SEARCH) as usize)?;
            // A handler box: type, version and flags, reserved, then what is handled.
            let has_sound =
                moov.windows(16).any(|part| part.starts_with(b"hdlr") && part.ends_with(b"soun"));
            return Ok(has_sound.then_some(Format::M4a));
        }
        let Some(length) = found.length else { break };
        at = at.saturating_add(length);
    }
    Ok(None)
}

/// The header of an MP4 box.
pub(crate) struct BoxHeader {
    pub(crate) kind: [u8; 4],
    /// Length with header, or `None` if it reaches to the end of the file. (bytes)
    pub(crate) length: Option<u64>,
}

/// Reads the header of an MP4 box (ISO 14496-12) from up to 16 bytes.
pub(crate) fn box_header(head: &[u8]) -> Option<BoxHeader> {
    let (size, rest) = head.split_first_chunk::<4>()?;
    let (kind, rest) = rest.split_first_chunk::<4>()?;
    let (length, header) = match u32::from_be_bytes(*size) {
        0 => (None, 8),
        1 => (Some(u64::from_be_bytes(*rest.first_chunk::<8>()?)), 16),
        size => (Some(u64::from(size)), 8),
    };
    if length.is_some_and(|length| length < header) {
        return None;
    }
    Some(BoxHeader { kind: *kind, length })
}

/// True if frames follow each other somewhere in `head`, or if one begins it right after a tag.
fn has_mp3_frames(head: &[u8], tagged: bool) -> bool {
    if tagged && mp3_frame_length(head).is_some() {
        return true;
    }
    (0..head.len().min(MP3_SEARCH)).any(|start| {
        let mut at = start;
        (0..MP3_FRAMES).all(|_| match head.get(at..).and_then(mp3_frame_length) {
            Some(length) => {
                at += length;
                true
            }
            None => false,
        })
    })
}

/// Length of the MPEG layer III frame that begins `head` (ISO 11172-3, 13818-3). (bytes)
fn mp3_frame_length(head: &[u8]) -> Option<usize> {
    const MPEG_1_KBPS: [usize; 15] =
        [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
    const MPEG_2_KBPS: [usize; 15] = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
    const LAYER_3: u8 = 1;
    let [0xff, second, third, _, ..] = *head else { return None };
    if second & 0xe0 != 0xe0 || (second >> 1) & 3 != LAYER_3 {
        return None;
    }
    // Frames per 8 bytes and the divisor of the sampling rate follow from the version.
    let (kbps, factor, divisor) = match (second >> 3) & 3 {
        3 => (MPEG_1_KBPS, 144, 1),
        2 => (MPEG_2_KBPS, 72, 2),
        0 => (MPEG_2_KBPS, 72, 4),
        _ => return None,
    };
    let rate = [44_100, 48_000, 32_000].get(usize::from((third >> 2) & 3))? / divisor;
    let kbps = *kbps.get(usize::from(third >> 4))?;
    let padding = usize::from((third >> 1) & 1);
    // Zero stands for "free format", which no player here reads.
    (kbps > 0).then(|| factor * kbps * 1_000 / rate + padding)
}

/// Up to `length` bytes from `start`; fewer at the end of the file.
fn read_at(file: &mut (impl Read + Seek), start: u64, length: usize) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(length as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn formats_are_told_by_content() {
        let tag = [b"ID3\x04\0\0\0\0\0\x05".as_slice(), &[0; 5]].concat();
        let frame = mp3_frame();
        let flac = b"fLaC\0\0\0\x22".as_slice();
        for (bytes, expected) in [
            (frame.repeat(3), Some(Format::Mp3)),
            ([vec![0; 1_000], frame.repeat(3)].concat(), Some(Format::Mp3)),
            ([tag.clone(), frame[..60].to_vec()].concat(), Some(Format::Mp3)),
            (frame.repeat(2), None),
            (flac.to_vec(), Some(Format::Flac)),
            ([&tag, flac].concat(), Some(Format::Flac)),
            (b"fLaC nonsense".to_vec(), None),
            (b"RIFF\0\0\0\0WAVEfmt ".to_vec(), Some(Format::Wav)),
            (b"RIFF\0\0\0\0AVI LIST".to_vec(), None),
            (b"FORM\0\0\0\0AIFFCOMM".to_vec(), Some(Format::Aiff)),
            (b"FORM\0\0\0\0AIFCCOMM".to_vec(), Some(Format::Aiff)),
            (ogg_page(2, b"\x01vorbis"), Some(Format::Ogg)),
            (ogg_page(2, b"OpusHead"), None),
            ([ogg_page(2, b"\x80theora"), ogg_page(2, b"\x01vorbis")].concat(), Some(Format::Ogg)),
            ([ogg_page(2, b"\x80theora"), ogg_page(0, b"\x01vorbis")].concat(), None),
            (b"\0\0\0\x10ftypM4A \0\0\0\0".to_vec(), Some(Format::M4a)),
            (b"\0\0\0\x10ftypM4P \0\0\0\0".to_vec(), None),
            (b"\0\0\0\x10ftypisom\0\0\0\0".to_vec(), None),
            (
                b"\0\0\0\x10ftypisom\0\0\0\0\0\0\0\x1cmoovhdlr\0\0\0\0\0\0\0\0soun".to_vec(),
                Some(Format::M4a),
            ),
            (b"\0\0\0\x10ftypheic\0\0\0\0\0\0\0\x1cmoovhdlr\0\0\0\0\0\0\0\0pict".to_vec(), None),
            (b"Just a text, named song.mp3.\n".repeat(1_000), None),
            (tag, None),
            (Vec::new(), None),
        ] {
            let found = detect(&mut Cursor::new(&bytes)).expect("memory can be read");
            assert_eq!(
                found,
                expected,
                "for {:?}",
                String::from_utf8_lossy(&bytes[..bytes.len().min(40)])
            );
        }
    }

    #[test]
    fn a_tag_that_claims_to_be_huge_is_no_music() {
        let bytes = b"ID3\x04\0\0\x7f\x7f\x7f\x7f".to_vec();
        assert_eq!(detect(&mut Cursor::new(bytes)).expect("memory can be read"), None);
    }

    /// 128 kbit/s at 44.1 kHz: 417 bytes.
    fn mp3_frame() -> Vec<u8> {
        let mut frame = vec![0; 417];
        frame[..4].copy_from_slice(&[0xff, 0xfb, 0x90, 0x00]);
        frame
    }

    fn ogg_page(flags: u8, body: &[u8]) -> Vec<u8> {
        let mut page = b"OggS\0".to_vec();
        page.push(flags);
        page.extend([0; 20]);
        page.push(1);
        page.push(body.len() as u8);
        page.extend(body);
        page
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(
            start in prop::sample::select(vec![
                &b""[..], b"ID3\x04\0\0", b"OggS", b"fLaC", b"\0\0\0\x10ftyp", b"\0\0\0\x01ftyp", b"\xff\xfb",
            ]),
            rest in prop::collection::vec(any::<u8>(), 0..400),
        ) {
            let bytes = [start, &rest].concat();
            let _ = detect(&mut Cursor::new(bytes)).expect("memory can be read");
        }
    }
}
