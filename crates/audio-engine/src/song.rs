//! One audio file as a line of stereo frames: probing, decoding, trimming and seeking.
//!
//! [`Song`] hides everything that differs between formats. Its frames are counted from the
//! first audible one, encoder priming left out, so that frame `n` is the same sound on every
//! device and after every seek. It knows nothing of device rates, threads or time.

use std::io;
use std::sync::LazyLock;

use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::well_known::{CODEC_ID_AAC, CODEC_ID_ALAC, CODEC_ID_MP3};
use symphonia::core::codecs::audio::{AudioDecoder, AudioDecoderOptions};
use symphonia::core::common::Limit;
use symphonia::core::errors::{Error, SeekErrorKind};
use symphonia::core::formats::probe::{Hint, Probe};
use symphonia::core::formats::well_known::{FORMAT_ID_ADTS, FORMAT_ID_ISOMP4};
use symphonia::core::formats::{FormatOptions, FormatReader, SeekMode, SeekTo, Track, TrackType};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::meta::MetadataOptions;
use symphonia::core::units::{TimeBase, Timestamp};
use symphonia::default::formats;

use crate::edit_list::{Edit, read_edit};
use crate::source::SourceCursor;
use crate::stereo::Fold;

/// Sample rates that are played. (Hz)
const RATES: std::ops::RangeInclusive<u32> = 8_000..=384_000;

/// Most channels that are folded: MADI's 64.
const MAX_CHANNELS: usize = 64;

/// Frames decoded and dropped before the one sought.
///
/// Enough for the overlap and the bit reservoir of every codec here: an MP3 frame of a thin
/// variable bit rate may need a dozen before it.
const PRE_ROLL: i64 = 16 * 1_152;

/// Packets in a row with stamps off by more than half a packet, after which these are believed:
/// uneven stamps come one or two in a row.
const ASTRAY: u32 = 3;

/// Damaged packets in a row after which a song counts as over: about a second and a half.
const MAX_DAMAGED: u32 = 64;

/// Why a file cannot be played, or not any further.
#[derive(Debug, thiserror::Error)]
pub enum SongError {
    /// No demuxer knows the bytes.
    #[error("no known audio format")]
    UnknownFormat,
    /// The format is known, the kind of audio inside is not.
    #[error("unsupported audio: {what}")]
    Unsupported {
        /// What is not supported.
        what: String,
    },
    /// The bytes contradict their format.
    #[error("damaged file: {what}")]
    Damaged {
        /// What is wrong.
        what: String,
    },
    /// The bytes could not be read.
    #[error("reading the file: {0}")]
    Read(#[source] io::Error),
    /// The decoder panicked, which is a fault in it.
    #[error("the decoder broke down")]
    BrokeDown,
}

/// What is known of a song once it is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SongInfo {
    /// Frames per second.
    pub sample_rate: u32,
    /// Channels in the file.
    pub channels: u16,
    /// Length in frames, where the file tells it exactly.
    pub frames: Option<u64>,
    /// Length in frames, also where it is only estimated.
    pub about: Option<u64>,
}

/// Some frames of a song.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chunk<'a> {
    /// The first of them, counted from the song's first audible frame.
    pub first: i64,
    pub left: &'a [f32],
    pub right: &'a [f32],
}

/// An open audio file.
pub(crate) struct Song {
    source: SourceCursor,
    hint: Hint,
    reader: Reader,
    info: SongInfo,
    edit: Option<Edit>,
    /// Frames before this are dropped.
    begin: i64,
    /// Where the next chunk should begin, if nothing is missing.
    expected: Option<i64>,
    planes: Vec<Vec<f32>>,
    left: Vec<f32>,
    right: Vec<f32>,
    damaged: u32,
    /// Frames in a packet, the largest seen.
    unit: i64,
    /// Packets in a row whose stamps are further off than uneven ones are.
    astray: u32,
    reached_end: bool,
}

/// A packet that was decoded.
#[derive(Clone, Copy)]
struct Decoded {
    /// Where its stamp says it lies. (frames of the track)
    stamped: i64,
    /// Frames it holds.
    count: i64,
    /// Whether packets before it could not be decoded.
    after_damage: bool,
}

/// A demuxer and the decoder of its first audio track.
struct Reader {
    format: Box<dyn FormatReader>,
    decoder: Box<dyn AudioDecoder>,
    track: u32,
    ticks: TimeBase,
    fold: Fold,
    /// True when the file tells its length, rather than the demuxer guessing it.
    tells_length: bool,
    /// True for codecs of which every packet but the last holds as many frames, in a file
    /// whose stamps may say otherwise: an MP4 file made from an Ogg file carries that file's
    /// uneven stamps, up to half a packet off.
    is_even: bool,
}

impl Song {
    /// Opens `source`. `extension` is what its name ends in, without the dot.
    pub(crate) fn open(source: SourceCursor, extension: Option<&str>) -> Result<Self, SongError> {
        let mut hint = Hint::new();
        if let Some(extension) = extension {
            hint.with_extension(extension);
        }
        let (reader, track) = Reader::open(&source, &hint)?;
        let edit = (reader.format.format_info().format == FORMAT_ID_ISOMP4)
            .then(|| read_edit(source.rewound(), source.length()))
            .flatten();
        let info = reader.info(&track, edit)?;
        Ok(Self {
            source,
            hint,
            reader,
            info,
            edit,
            begin: 0,
            expected: None,
            planes: Vec::new(),
            left: Vec::new(),
            right: Vec::new(),
            damaged: 0,
            unit: 1,
            astray: 0,
            reached_end: false,
        })
    }

    pub(crate) fn info(&self) -> SongInfo {
        self.info
    }

    /// The next frames; none at the end.
    ///
    /// Chunks follow each other without overlap. Where the file is damaged frames may be
    /// missing between two of them.
    pub(crate) fn next_chunk(&mut self) -> Result<Option<Chunk<'_>>, SongError> {
        while !self.reached_end {
            let Some(packet) = self.decode_packet()? else { continue };
            let Some(first) = self.place(packet) else { continue };
            let after = first.saturating_add(packet.count);
            let end = self.info.frames.map_or(i64::MAX, |frames| frames as i64);
            let from = self.begin.max(self.expected.unwrap_or(i64::MIN)).clamp(first, after);
            let to = after.min(end).max(from);
            self.expected = Some(self.expected.map_or(after, |expected| expected.max(after)));
            if after >= end {
                self.reached_end = true;
            }
            if from < to {
                let range = (from - first) as usize..(to - first) as usize;
                let (left, right) = (&self.left[range.clone()], &self.right[range]);
                return Ok(Some(Chunk { first: from, left, right }));
            }
        }
        Ok(None)
    }

    /// Goes to `frame`: the next chunk begins there, or at the first frame after it that can
    /// be decoded.
    pub(crate) fn seek(&mut self, frame: u64) -> Result<(), SongError> {
        let frame = i64::try_from(frame).unwrap_or(i64::MAX);
        let from = frame - PRE_ROLL;
        // The MP4 demuxer gives nothing more after it has reached its end, and a stream's
        // very beginning is best read as it was read first.
        let is_stale = self.reached_end && self.edit_applies();
        if from <= 0 || is_stale {
            self.reader = Reader::open(&self.source.rewound(), &self.hint)?.0;
        }
        self.begin = frame;
        self.expected = None;
        self.damaged = 0;
        self.astray = 0;
        self.reached_end = false;
        if from > 0 {
            let ticks = self.reader.ticks_of(from + self.lead_in(), self.info.sample_rate);
            match self.reader.seek(ticks) {
                Ok(()) => {}
                Err(Error::SeekError(SeekErrorKind::OutOfRange)) => self.reached_end = true,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Where a packet's first frame lies in the song; none for one that only leads up to the
    /// frames sought and does not say it exactly.
    fn place(&mut self, packet: Decoded) -> Option<i64> {
        let stamped = packet.stamped.saturating_sub(self.lead_in());
        // Frames follow each other although the stamps of a coarse clock, or uneven ones, say
        // otherwise. After damage half a packet is the most that is not a missing one.
        let stray = match (self.reader.is_even, packet.after_damage) {
            (false, _) => self.reader.tick_frames(&self.info),
            (true, false) => self.unit,
            (true, true) => self.unit / 2,
        };
        if let Some(expected) = self.expected {
            let off = stamped.saturating_sub(expected).saturating_abs();
            let is_astray = self.reader.is_even && off > self.unit / 2;
            self.astray = if is_astray { self.astray + 1 } else { 0 };
            // Stamps that stay off belong to a part that was joined on, and whoever begins
            // there goes by them.
            if off <= stray && self.astray < ASTRAY {
                return Some(expected);
            }
            self.astray = 0;
        }
        if !self.reader.is_even {
            return Some(stamped);
        }
        let even = round_div(packet.stamped.into(), self.unit.into()).saturating_mul(self.unit);
        let even = even.saturating_sub(self.lead_in());
        let ends = even.saturating_add(packet.count);
        let leads_up = self.expected.is_none() && ends <= self.begin;
        (even == stamped || !leads_up).then_some(even)
    }

    fn edit_applies(&self) -> bool {
        self.reader.format.format_info().format == FORMAT_ID_ISOMP4
    }

    /// Frames of the track before the song's first.
    fn lead_in(&self) -> i64 {
        self.edit.map_or(0, |edit| frames_of(edit.lead_in, edit.timescale, self.info.sample_rate))
    }

    /// Decodes one packet into `left` and `right`.
    fn decode_packet(&mut self) -> Result<Option<Decoded>, SongError> {
        let packet = match self.reader.format.next_packet() {
            Ok(Some(packet)) => packet,
            // A new stream behind the first is another song.
            Ok(None) | Err(Error::ResetRequired) => {
                self.reached_end = true;
                return Ok(None);
            }
            Err(error) => return self.pass_over(error),
        };
        if packet.track_id != self.reader.track {
            return Ok(None);
        }
        let decoded = match self.reader.decoder.decode(&packet) {
            Ok(decoded) => decoded,
            Err(error) => return self.pass_over(error),
        };
        if decoded.frames() == 0 {
            return Ok(None);
        }
        if decoded.spec().rate() != self.info.sample_rate {
            let what = format!("the sample rate changes to {} Hz", decoded.spec().rate());
            return Err(SongError::Unsupported { what });
        }
        decoded.copy_to_vecs_planar(&mut self.planes);
        self.reader.fold.apply(&self.planes, &mut self.left, &mut self.right);
        let after_damage = std::mem::take(&mut self.damaged) > 0;

        let trimmed = if self.reader.tells_length { packet.trim_start.get() } else { 0 };
        let ticks = packet.pts.get().saturating_add_unsigned(trimmed);
        let stamped = self.reader.frames_at(ticks, self.info.sample_rate);
        let count = self.left.len() as i64;
        self.unit = self.unit.max(count);
        Ok(Some(Decoded { stamped, count, after_damage }))
    }

    /// A packet that cannot be read or decoded leaves a hole; too many in a row end the song.
    fn pass_over(&mut self, error: Error) -> Result<Option<Decoded>, SongError> {
        match error {
            Error::IoError(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                self.reached_end = true;
                Ok(None)
            }
            Error::DecodeError(_) if self.damaged < MAX_DAMAGED => {
                self.damaged += 1;
                Ok(None)
            }
            other => Err(other.into()),
        }
    }
}

impl Reader {
    fn open(source: &SourceCursor, hint: &Hint) -> Result<(Self, Track), SongError> {
        let stream =
            MediaSourceStream::new(Box::new(source.clone()), MediaSourceStreamOptions::default());
        // Pictures are of no use here, and a song's window must be all the memory it takes.
        let metadata = MetadataOptions::default().limit_visual_bytes(Limit::Maximum(0));
        let format = PROBE.probe(hint, stream, FormatOptions::default(), metadata)?;
        let track = format
            .default_track(TrackType::Audio)
            .ok_or_else(|| SongError::Unsupported { what: "no audio inside".into() })?
            .clone();
        let Some(CodecParameters::Audio(params)) = &track.codec_params else {
            return Err(SongError::Unsupported { what: "audio of an unknown kind".into() });
        };
        let channels = params.channels.clone().unwrap_or_default();
        let rate = params.sample_rate.unwrap_or(0);
        if !RATES.contains(&rate) {
            return Err(SongError::Unsupported { what: format!("{rate} Hz") });
        }
        if !(1..=MAX_CHANNELS).contains(&channels.count()) {
            return Err(SongError::Unsupported { what: format!("{} channels", channels.count()) });
        }
        // A guessed length must not cut the song short.
        let tells_length = match params.codec {
            CODEC_ID_MP3 => track.delay.is_some(),
            _ => format.format_info().format != FORMAT_ID_ADTS,
        };
        let decoder = symphonia::default::get_codecs()
            .make_audio_decoder(params, &AudioDecoderOptions::default().gapless(tells_length))?;
        let ticks = track
            .time_base
            .or_else(|| TimeBase::try_from_recip(rate))
            .ok_or_else(|| SongError::Damaged { what: "no time base".into() })?;
        let is_even = format.format_info().format == FORMAT_ID_ISOMP4
            && matches!(params.codec, CODEC_ID_AAC | CODEC_ID_ALAC | CODEC_ID_MP3);
        let fold = Fold::of(&channels);
        Ok((Self { format, decoder, track: track.id, ticks, fold, tells_length, is_even }, track))
    }

    fn info(&self, track: &Track, edit: Option<Edit>) -> Result<SongInfo, SongError> {
        let params = self.decoder.codec_params();
        let sample_rate = params.sample_rate.unwrap_or(0);
        let channels = params.channels.as_ref().map_or(0, |channels| channels.count());
        let whole = track.num_frames.or_else(|| {
            let ticks = i64::try_from(track.duration?.get()).ok()?;
            u64::try_from(self.frames_at(ticks, sample_rate)).ok()
        });
        let about = match edit {
            None => whole,
            Some(edit) => {
                let lead_in = frames_of(edit.lead_in, edit.timescale, sample_rate) as u64;
                let after = whole.map(|whole| whole.saturating_sub(lead_in));
                let told =
                    edit.length.map(|length| frames_of(length, edit.timescale, sample_rate) as u64);
                // Neither list nor track can show what the other does not hold.
                told.map_or(after, |told| Some(after.map_or(told, |after| after.min(told))))
            }
        };
        let frames = about.filter(|_| self.tells_length);
        Ok(SongInfo { sample_rate, channels: channels as u16, frames, about })
    }

    fn seek(&mut self, ticks: i64) -> Result<(), Error> {
        let to = SeekTo::Timestamp { ts: Timestamp::new(ticks), track_id: self.track };
        self.format.seek(SeekMode::Accurate, to)?;
        self.decoder.reset();
        Ok(())
    }

    /// The frame at a packet's time stamp.
    fn frames_at(&self, ticks: i64, sample_rate: u32) -> i64 {
        let (numer, denom) = (self.ticks.numer.get(), self.ticks.denom.get());
        let scaled = i128::from(ticks) * i128::from(numer) * i128::from(sample_rate);
        round_div(scaled, i128::from(denom))
    }

    /// The latest time stamp at or before a frame.
    fn ticks_of(&self, frame: i64, sample_rate: u32) -> i64 {
        let (numer, denom) = (self.ticks.numer.get(), self.ticks.denom.get());
        let scaled = i128::from(frame) * i128::from(denom);
        let ticks = scaled.div_euclid(i128::from(numer) * i128::from(sample_rate));
        i64::try_from(ticks).unwrap_or(i64::MAX)
    }

    /// How far stamps may be off because their unit is coarse. (frames)
    fn tick_frames(&self, info: &SongInfo) -> i64 {
        let (numer, denom) = (self.ticks.numer.get(), self.ticks.denom.get());
        if u64::from(numer) * u64::from(info.sample_rate) <= u64::from(denom) {
            0
        } else {
            self.frames_at(2, info.sample_rate)
        }
    }
}

impl From<Error> for SongError {
    fn from(error: Error) -> Self {
        match error {
            Error::IoError(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Self::Damaged { what: "it ends too early".into() }
            }
            Error::IoError(error) => Self::Read(error),
            Error::Unsupported(what) if what.contains("probe") => Self::UnknownFormat,
            Error::Unsupported(what) => Self::Unsupported { what: what.into() },
            Error::DecodeError(what) | Error::LimitError(what) => {
                Self::Damaged { what: what.into() }
            }
            other => Self::Damaged { what: other.to_string() },
        }
    }
}

/// The formats that are played. Tags at a file's end are not looked for: they would make a
/// song that is still on its way wait for its last piece.
static PROBE: LazyLock<Probe> = LazyLock::new(|| {
    let mut probe = Probe::new();
    probe.register_format::<formats::FlacReader<'_>>();
    probe.register_format::<formats::IsoMp4Reader<'_>>();
    probe.register_format::<formats::WavReader<'_>>();
    probe.register_format::<formats::AiffReader<'_>>();
    probe.register_format::<formats::OggReader<'_>>();
    probe.register_format::<formats::MpaReader<'_>>();
    probe.register_format::<formats::AdtsReader<'_>>();
    probe.register_metadata::<symphonia::default::meta::Id3v2Reader<'_>>();
    probe
});

fn frames_of(units: u64, timescale: u32, sample_rate: u32) -> i64 {
    round_div(i128::from(units) * i128::from(sample_rate), i128::from(timescale.max(1)))
}

fn round_div(numerator: i128, denominator: i128) -> i64 {
    let rounded = (2 * numerator + denominator).div_euclid(2 * denominator);
    i64::try_from(rounded).unwrap_or(if rounded < 0 { i64::MIN } else { i64::MAX })
}

#[cfg(test)]
mod tests;
