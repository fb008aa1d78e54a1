//! The songs that are played, and what they sound like when nothing goes wrong.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use protocol::LocalTime;
use protocol::time::Span;

use super::stage::ffmpeg;
use crate::measure::capture::Capture;
use crate::measure::timeline::RATE;
use crate::repo;

/// Where the package `supertux-data` puts its music.
const REAL_SONGS: &str = "/usr/share/games/supertux2/music";
/// A lively one of three minutes, from that package.
const REAL_SONG: &str = "forest/new_forest_map.ogg";

/// Formats that a demonstration can be asked to play in: the name's end, ffmpeg's words.
const FORMATS: &[(&str, &str, &[&str])] = &[
    ("mp3", "mp3", &["-c:a", "libmp3lame", "-b:a", "192k"]),
    ("flac", "flac", &["-c:a", "flac"]),
    ("m4a", "m4a", &["-c:a", "aac", "-b:a", "192k"]),
    ("alac", "m4a", &["-c:a", "alac"]),
    ("wav", "wav", &["-c:a", "pcm_s16le"]),
    ("ogg", "ogg", &["-c:a", "libvorbis", "-q:a", "6"]),
    ("aiff", "aiff", &["-c:a", "pcm_s16be"]),
];

/// The piece made for this project and shipped with it.
pub fn shipped() -> PathBuf {
    repo::root().join("xtask/assets/first-light.mp3")
}

/// A real song, from a Debian package that carries music under a free licence.
///
/// # Errors
///
/// When the package is not installed.
pub fn real() -> Result<PathBuf> {
    let song = Path::new(REAL_SONGS).join(REAL_SONG);
    ensure!(song.exists(), "{} is missing: cargo xtask setup --tests", song.display());
    Ok(song)
}

/// The song in another format, `seconds` long; repeated if it is shorter.
///
/// # Errors
///
/// When the format is unknown or ffmpeg fails.
pub fn converted(song: &Path, format: &str, seconds: u32) -> Result<PathBuf> {
    let (_, ending, words) = FORMATS
        .iter()
        .find(|(name, _, _)| *name == format)
        .with_context(|| format!("no such format: {format}"))?;
    let dir = repo::target_dir().join("songs");
    std::fs::create_dir_all(&dir)?;
    let stem = song.file_stem().context("a song has a name")?.to_string_lossy();
    let made = dir.join(format!("{stem}-{format}-{seconds}s.{ending}"));
    if made.exists() {
        return Ok(made);
    }
    let part = dir.join(format!("part-{}.{ending}", std::process::id()));
    let (song, length) = (song.to_string_lossy(), seconds.to_string());
    let mut arguments =
        vec!["-stream_loop", "-1", "-i", &song, "-t", &length, "-vn", "-ar", "44100"];
    arguments.extend(*words);
    let target = part.to_string_lossy();
    arguments.push(&target);
    ffmpeg(&arguments)?;
    std::fs::rename(&part, &made)?;
    Ok(made)
}

/// The song so many times over, copied without encoding it again.
///
/// # Errors
///
/// When ffmpeg fails.
pub fn repeated(song: &Path, times: u32) -> Result<PathBuf> {
    let stem = song.file_stem().context("a song has a name")?.to_string_lossy();
    let format = song.extension().context("a song has a format")?.to_string_lossy();
    let made = song.with_file_name(format!("{stem}-times-{times}.{format}"));
    if !made.exists() {
        let part = song.with_file_name(format!("part-{}.{format}", std::process::id()));
        let (more, from, to) =
            ((times - 1).to_string(), song.to_string_lossy(), part.to_string_lossy());
        ffmpeg(&["-stream_loop", &more, "-i", &from, "-c", "copy", &to])?;
        std::fs::rename(&part, &made)?;
    }
    Ok(made)
}

/// What a song sounds like, decoded by a program that has nothing to do with the app.
pub struct Reference {
    samples: Vec<f32>,
    lead: Span,
}

impl Reference {
    /// Decodes a song.
    ///
    /// # Errors
    ///
    /// When ffmpeg cannot, or the song is silent.
    pub fn decode(song: &Path) -> Result<Self> {
        let raw = repo::target_dir().join(format!("reference-{}.f32", std::process::id()));
        let (song_name, raw_name) = (song.to_string_lossy(), raw.to_string_lossy());
        ffmpeg(&["-i", &song_name, "-vn", "-f", "f32le", "-ac", "2", "-ar", "48000", &raw_name])?;
        let bytes = std::fs::read(&raw)?;
        std::fs::remove_file(&raw)?;
        let capture = Capture::from_stereo(&bytes, LocalTime::from_nanos(0));
        let onset = capture.onset(LocalTime::from_nanos(0)).context("the song is silent")?;
        Ok(Self { samples: capture.into_samples(), lead: onset - LocalTime::from_nanos(0) })
    }

    /// Length of the song.
    pub fn length(&self) -> Span {
        Span::from_secs_f64(self.samples.len() as f64 / RATE)
    }

    /// Silence before the first note.
    pub fn lead(&self) -> Span {
        self.lead
    }

    /// The song as a perfect player on a perfect clock would sound, its beginning at `start`.
    pub fn played(&self, start: LocalTime) -> Capture {
        Capture::from_samples(self.samples.clone(), RATE as u32, 0.0, start)
    }
}
