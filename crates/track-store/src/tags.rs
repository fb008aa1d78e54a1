//! Title, artist, album, length and picture of a music file.
//!
//! Tags are decoration: a file whose tags cannot be read is shared without them.

use std::fs::File;
use std::io::BufReader;
use std::panic::{AssertUnwindSafe, catch_unwind};

use lofty::config::ParseOptions;
use lofty::file::{AudioFile, TaggedFile, TaggedFileExt};
use lofty::picture::PictureType;
use lofty::probe::Probe;
use lofty::tag::{Accessor, Tag};
use protocol::ids::Label;
use protocol::message::MediaInfo;
use protocol::time::Millis;

use crate::format::Format;
use crate::track::Artwork;

/// Largest picture kept. (bytes)
///
/// Twice a generous cover of 1,500 pixels as JPEG; scans of whole booklets stay out.
const MAX_ARTWORK: usize = 2 * 1024 * 1024;

/// What a file's tags and headers say.
pub(crate) struct Tags {
    pub(crate) media: MediaInfo,
    pub(crate) artwork: Option<Artwork>,
}

/// Reads tags and headers, as far as they can be read.
pub(crate) fn read(file: &File, format: Format) -> Tags {
    let mut media = MediaInfo { format: Label::clean(format.extension()), ..MediaInfo::default() };
    let Some(tagged) = parse(file, format) else { return Tags { media, artwork: None } };
    let tags = tagged.tags();
    let text = |field: fn(&Tag) -> Option<std::borrow::Cow<'_, str>>| {
        tags.iter().find_map(|tag| field(tag).and_then(|text| Label::clean(&text)))
    };
    media.title = text(Tag::title);
    media.artist = text(Tag::artist);
    media.album = text(Tag::album);
    let duration = tagged.properties().duration().as_secs_f64() * 1_000.0;
    media.duration_ms = Millis::new(duration).ok().filter(|_| duration > 0.0);
    Tags { media, artwork: picture(tags) }
}

/// Recognises a picture by its first bytes. `None` if it is too large or of no kind that
/// every webview shows.
pub(crate) fn artwork(bytes: Vec<u8>) -> Option<Artwork> {
    let mime = match bytes.as_slice() {
        [0xff, 0xd8, 0xff, ..] => "image/jpeg",
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => "image/png",
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => "image/webp",
        _ => return None,
    };
    (bytes.len() <= MAX_ARTWORK).then_some(Artwork { mime, bytes })
}

fn parse(file: &File, format: Format) -> Option<TaggedFile> {
    let probe = Probe::with_file_type(BufReader::new(file), format.file_type())
        .options(ParseOptions::new());
    // The reader meets whatever strangers share; a panic in it must cost the tags only.
    match catch_unwind(AssertUnwindSafe(|| probe.read())) {
        Ok(Ok(tagged)) => Some(tagged),
        Ok(Err(error)) => {
            tracing::debug!(%error, "tags cannot be read");
            None
        }
        Err(_) => {
            tracing::warn!("tag reader panicked");
            None
        }
    }
}

/// The front cover, or else the first picture.
fn picture(tags: &[Tag]) -> Option<Artwork> {
    let pictures = || tags.iter().flat_map(Tag::pictures);
    pictures()
        .filter(|picture| picture.pic_type() == PictureType::CoverFront)
        .chain(pictures())
        .find_map(|picture| artwork(picture.data().to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_told_by_their_bytes_and_bounded() {
        let mime = |bytes: &[u8]| artwork(bytes.to_vec()).map(|artwork| artwork.mime);
        assert_eq!(mime(b"\xff\xd8\xff\xe0"), Some("image/jpeg"));
        assert_eq!(mime(b"\x89PNG\r\n\x1a\n"), Some("image/png"));
        assert_eq!(mime(b"RIFF\0\0\0\0WEBPVP8 "), Some("image/webp"));
        assert_eq!(mime(b"<svg onload='alert(1)'>"), None);
        assert_eq!(mime(b""), None);
        let mut large = vec![0; MAX_ARTWORK + 1];
        large[..3].copy_from_slice(&[0xff, 0xd8, 0xff]);
        assert!(artwork(large).is_none());
    }
}
