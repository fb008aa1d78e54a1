//! How loud a song is from its beginning to its end: a picture to find one's place by.
//!
//! The whole file is decoded once, which takes about a second for a song; the memory needed
//! does not depend on its length.

use std::panic::{AssertUnwindSafe, catch_unwind};

use protocol::ids::Waveform;
use protocol::limits::WAVEFORM_COLUMNS;

use crate::song::{Chunk, Song, SongError};
use crate::source::{SourceCursor, TrackSource};

/// Parts that are summed apart while the length is not known. (count)
///
/// When they run out two become one, so that there are eight or more of them in a column.
const MOST_PARTS: usize = 16 * WAVEFORM_COLUMNS;

/// Frames of a part at first: short enough that a sound of half a second fills all columns.
const SHORTEST_PART: u64 = 64;

/// Decodes `source` and measures it. `extension` is what the file's name ends in, without the dot.
///
/// None once `is_wanted` says no, which it is asked for every packet, and for a file without sound.
///
/// # Errors
///
/// [`SongError`] when the file cannot be decoded to its end.
pub fn draw_waveform(
    source: Box<dyn TrackSource>,
    extension: Option<&str>,
    is_wanted: impl Fn() -> bool,
) -> Result<Option<Waveform>, SongError> {
    let work = AssertUnwindSafe(|| {
        let mut song = Song::open(SourceCursor::new(source), extension)?;
        let mut sketch = Sketch::default();
        while let Some(chunk) = song.next_chunk()? {
            if !is_wanted() {
                return Ok(None);
            }
            sketch.add(chunk);
        }
        Ok(sketch.finish())
    });
    catch_unwind(work).unwrap_or(Err(SongError::BrokeDown))
}

/// Sums of a song of unknown length.
struct Sketch {
    parts: Vec<Part>,
    /// Frames in a part.
    width: u64,
}

#[derive(Clone, Copy, Default)]
struct Part {
    /// Sum of the squares of both channels.
    energy: f64,
    samples: u64,
}

impl Default for Sketch {
    fn default() -> Self {
        Self { parts: Vec::new(), width: SHORTEST_PART }
    }
}

impl Sketch {
    fn add(&mut self, chunk: Chunk<'_>) {
        let first = u64::try_from(chunk.first).unwrap_or(0);
        for (frame, (left, right)) in (first..).zip(chunk.left.iter().zip(chunk.right)) {
            while frame / self.width >= MOST_PARTS as u64 {
                self.widen();
            }
            let place = (frame / self.width) as usize;
            if place >= self.parts.len() {
                self.parts.resize(place + 1, Part::default());
            }
            let energy = f64::from(*left).powi(2) + f64::from(*right).powi(2);
            // Samples of a floating point file may be anything.
            if energy.is_finite() {
                self.parts[place].energy += energy;
            }
            self.parts[place].samples += 2;
        }
    }

    /// Makes one part of two.
    fn widen(&mut self) {
        self.parts = self.parts.chunks(2).map(Part::of).collect();
        self.width *= 2;
    }

    /// The loudest column is as high as there is room, so that quiet music has a shape too.
    fn finish(self) -> Option<Waveform> {
        let count = self.parts.len();
        let columns = count.min(WAVEFORM_COLUMNS);
        let levels: Vec<f64> = (0..columns)
            .map(|column| column * count / columns..(column + 1) * count / columns)
            .map(|range| Part::of(&self.parts[range]).level())
            .collect();
        let loudest = levels.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
        Waveform::of_levels(&levels.iter().map(|level| level / loudest).collect::<Vec<_>>())
    }
}

impl Part {
    fn of(parts: &[Self]) -> Self {
        parts.iter().fold(Self::default(), |sum, part| Self {
            energy: sum.energy + part.energy,
            samples: sum.samples + part.samples,
        })
    }

    /// Root of the mean square.
    fn level(self) -> f64 {
        if self.samples == 0 { 0.0 } else { (self.energy / self.samples as f64).sqrt() }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    macro_rules! media {
        ($name:literal) => {
            include_bytes!(concat!("../tests/media/", $name)).to_vec()
        };
    }

    #[test]
    fn the_same_song_has_the_same_picture_in_every_format() {
        let wav = drawn(media!("short.wav"));
        for other in [media!("short.flac"), media!("short.aiff"), media!("short-alac.m4a")] {
            assert_eq!(drawn(other), wav);
        }
        // What codecs lose differs from moment to moment, and with it the loudest one.
        let shape = |bytes| {
            let levels = drawn(bytes);
            assert_eq!(levels.len(), WAVEFORM_COLUMNS);
            let sum = |levels: &[u8]| levels.iter().copied().map(f64::from).sum::<f64>();
            let whole = sum(&levels) / 20.0;
            levels.chunks(20).map(|part| sum(part) / whole).collect::<Vec<_>>()
        };
        let mp3 = shape(media!("long.mp3"));
        for other in [media!("long.m4a"), media!("long.ogg")].map(shape) {
            let apart = mp3.iter().zip(&other).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(apart < 0.1, "{apart} apart: {mp3:?} {other:?}");
        }
    }

    #[test]
    fn a_quiet_half_and_a_loud_half_are_told_apart_whatever_the_length() {
        for frames in [200_u32, 30_000, 2_000_000] {
            let is_loud = |frame| frame >= frames / 2;
            let levels = drawn(wav(frames, |frame| if is_loud(frame) { 8_000 } else { 2_000 }));
            let columns = levels.len();
            assert!(columns <= WAVEFORM_COLUMNS, "{columns} columns of {frames} frames");
            let edge = columns / 2;
            assert!(
                levels[..edge.saturating_sub(1)].iter().all(|level| *level == 16),
                "{levels:?}"
            );
            assert!(levels[edge + 1..].iter().all(|level| *level == 63), "{levels:?}");
        }
    }

    #[test]
    fn silence_is_drawn_flat_and_what_is_no_song_is_refused() {
        assert!(drawn(wav(10_000, |_| 0)).iter().all(|level| *level == 0));
        let noise = draw_waveform(Box::new(Cursor::new(vec![7; 5_000])), None, || true);
        assert!(noise.is_err());
    }

    #[test]
    fn one_that_is_not_wanted_any_more_is_given_up_at_the_next_packet() {
        let source = Box::new(Cursor::new(media!("long.mp3")));
        assert_eq!(draw_waveform(source, None, || false).unwrap(), None);
    }

    fn drawn(bytes: Vec<u8>) -> Vec<u8> {
        let waveform = draw_waveform(Box::new(Cursor::new(bytes)), None, || true).unwrap();
        let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let level = |letter| letters.find(letter).expect("a letter") as u8;
        waveform.expect("sound").as_str().chars().map(level).collect()
    }

    /// A mono file of 16 bits at 44.1 kHz.
    fn wav(frames: u32, sample: impl Fn(u32) -> i16) -> Vec<u8> {
        let mut bytes = b"RIFF".to_vec();
        bytes.extend((36 + 2 * frames).to_le_bytes());
        bytes.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
        bytes.extend(44_100_u32.to_le_bytes());
        bytes.extend(88_200_u32.to_le_bytes());
        bytes.extend(b"\x02\0\x10\0data");
        bytes.extend((2 * frames).to_le_bytes());
        (0..frames).for_each(|frame| bytes.extend(sample(frame).to_le_bytes()));
        bytes
    }
}
