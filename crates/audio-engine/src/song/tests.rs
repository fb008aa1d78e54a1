//! Every format against the signal it was made from, and files that are no songs.
//!
//! The files under `tests/media` were encoded from [`sweep`]: left rises from 60 Hz to 9 kHz,
//! right is the same backwards. Nothing in it repeats, so one lag fits and no other.

use std::io::Cursor;

use proptest::prelude::*;

use super::*;

const SHORT: i64 = 13_000;
const LONG: i64 = 66_150;
const MONO: i64 = 72_000;

macro_rules! media {
    ($name:literal) => {
        include_bytes!(concat!("../../tests/media/", $name)).as_slice()
    };
}

/// Frame `n` of a sweep of `frames` frames at `rate`.
fn sweep(n: i64, frames: i64, rate: f64) -> f32 {
    if !(0..frames).contains(&n) {
        return 0.0;
    }
    let (t, length) = (n as f64 / rate, frames as f64 / rate);
    let phase = 60.0 * t + (9_000.0 - 60.0) * t * t / (2.0 * length);
    (0.4 * (std::f64::consts::TAU * phase).sin()) as f32
}

fn open(bytes: &[u8]) -> Result<Song, SongError> {
    Song::open(SourceCursor::new(Box::new(Cursor::new(bytes.to_vec()))), None)
}

/// All chunks from here on, with the place of the first frame.
fn read_on(song: &mut Song) -> Result<(i64, Vec<f32>, Vec<f32>), SongError> {
    let (mut first, mut left, mut right) = (None, Vec::new(), Vec::new());
    while let Some(chunk) = song.next_chunk()? {
        let begin = *first.get_or_insert(chunk.first);
        assert_eq!(chunk.first, begin + left.len() as i64, "a hole or an overlap");
        left.extend_from_slice(chunk.left);
        right.extend_from_slice(chunk.right);
    }
    Ok((first.unwrap_or(0), left, right))
}

/// Largest difference from the signal the file was made from.
fn worst_error(first: i64, heard: &[f32], truth: impl Fn(i64) -> f32) -> f32 {
    heard
        .iter()
        .enumerate()
        .map(|(index, sample)| (sample - truth(first + index as i64)).abs())
        .fold(0.0, f32::max)
}

/// Share of `heard` that is the signal the file was made from, at a lag of `lag` frames.
fn likeness(heard: &[f32], truth: impl Fn(i64) -> f32, lag: i64) -> f64 {
    let (mut product, mut energy, mut energy_truth) = (0.0, 0.0, 0.0);
    for (index, &sample) in heard.iter().enumerate() {
        let (sample, truth) = (f64::from(sample), f64::from(truth(index as i64 + lag)));
        product += sample * truth;
        energy += sample * sample;
        energy_truth += truth * truth;
    }
    product / (energy * energy_truth).sqrt().max(1e-12)
}

#[test]
fn lossless_formats_give_back_every_sample() {
    for (name, bytes) in [
        ("wav", media!("short.wav")),
        ("aiff", media!("short.aiff")),
        ("flac", media!("short.flac")),
        ("alac", media!("short-alac.m4a")),
        ("alac with uneven stamps", media!("uneven-alac.m4a")),
    ] {
        let mut song = open(bytes).unwrap();
        assert_eq!(song.info().frames, Some(SHORT as u64), "{name}");
        let (first, left, right) = read_on(&mut song).unwrap();
        assert_eq!((first, left.len() as i64), (0, SHORT), "{name}");
        let error = worst_error(0, &left, |n| sweep(n, SHORT, 44_100.0));
        assert!(error < 2.0 / 32_768.0, "{name}: left is off by {error}");
        let error = worst_error(0, &right, |n| sweep(SHORT - 1 - n, SHORT, 44_100.0));
        assert!(error < 2.0 / 32_768.0, "{name}: right is off by {error}");
    }
}

#[test]
fn lossy_formats_begin_and_end_where_their_source_did() {
    let stereo = |n| sweep(n, LONG, 44_100.0);
    let mono = |n| sweep(n, MONO, 48_000.0);
    type Truth<'a> = &'a dyn Fn(i64) -> f32;
    let files: [(&str, &[u8], i64, Truth<'_>); 6] = [
        ("mp3", media!("long.mp3"), LONG, &stereo),
        ("vorbis", media!("long.ogg"), LONG, &stereo),
        ("aac", media!("long.m4a"), LONG, &stereo),
        ("aac with uneven stamps", media!("uneven.m4a"), LONG, &stereo),
        ("aac mono 48 kHz", media!("mono48.m4a"), MONO, &mono),
        ("mp3 vbr mono 48 kHz", media!("mono48-vbr.mp3"), MONO, &mono),
    ];
    for (name, bytes, frames, truth) in files {
        let mut song = open(bytes).unwrap();
        assert_eq!(song.info().frames, Some(frames as u64), "{name}");
        let (first, left, right) = read_on(&mut song).unwrap();
        assert_eq!((first, left.len() as i64), (0, frames), "{name}");
        assert_eq!(left.len(), right.len());
        let here = likeness(&left, truth, 0);
        assert!(here > 0.98, "{name}: only {here:.3} alike in its place");
        for lag in [-2, -1, 1, 2] {
            let beside = likeness(&left, truth, lag);
            assert!(beside < here, "{name}: {beside:.4} alike {lag} frames off, {here:.4} here");
        }
    }
}

#[test]
fn formats_that_cannot_tell_their_length_play_to_their_end() {
    for (name, bytes, priming) in [
        ("adts", media!("long.aac"), 1_024),
        ("mp3 without tag", media!("long-untagged.mp3"), 1_105),
    ] {
        let mut song = open(bytes).unwrap();
        assert_eq!(song.info().frames, None, "{name}");
        let (first, left, _) = read_on(&mut song).unwrap();
        assert_eq!(first, 0, "{name}");
        assert!(left.len() as i64 >= LONG + priming, "{name} ends after {}", left.len());
        let found = likeness(&left, |n| sweep(n, LONG, 44_100.0), -priming);
        assert!(found > 0.98, "{name}: {found:.3}");
    }
}

#[test]
fn a_seek_gives_the_same_samples_as_playing_there() {
    for (name, bytes) in [
        ("wav", media!("short.wav")),
        ("aiff", media!("short.aiff")),
        ("flac", media!("short.flac")),
        ("alac", media!("short-alac.m4a")),
        ("mp3", media!("long.mp3")),
        ("mp3 vbr", media!("mono48-vbr.mp3")),
        ("vorbis", media!("long.ogg")),
        ("alac with uneven stamps", media!("uneven-alac.m4a")),
        ("aac", media!("long.m4a")),
        ("aac with uneven stamps", media!("uneven.m4a")),
        ("adts", media!("long.aac")),
    ] {
        let mut song = open(bytes).unwrap();
        let (_, straight, _) = read_on(&mut song).unwrap();
        let length = straight.len() as u64;
        // Also after the end was reached, forwards and backwards.
        for target in [0, length / 2, length - 700, 1, length / 3, 5_000, 21_032, length / 2 + 1] {
            let target = target.min(length - 1);
            song.seek(target).unwrap();
            let (first, left, _) = read_on(&mut song).unwrap();
            assert_eq!(first, target as i64, "{name}");
            assert_eq!(left.len() as u64, length - target, "{name} from {target}");
            let truth = |n: i64| straight.get(n as usize).copied().unwrap_or(0.0);
            // AAC may replace noise by a description of it, which decodes to other noise.
            if !matches!(name, "aac" | "aac with uneven stamps" | "adts") {
                let error = worst_error(first, &left, truth);
                assert!(error < 1e-4, "{name}: {error} off after a seek to {target}");
            } else if left.len() > 1_000 {
                let here = likeness(&left, truth, first);
                let beside = likeness(&left, truth, first + 1);
                assert!(here > 0.99 && beside < here, "{name}: {here:.4} alike at {target}");
            }
        }
        song.seek(length + 100_000).unwrap();
        assert!(song.next_chunk().unwrap().is_none(), "{name} has frames after its end");
        song.seek(100).unwrap();
        assert_eq!(read_on(&mut song).unwrap().0, 100, "{name} after a seek beyond its end");
    }
}

#[test]
fn behind_a_join_with_other_stamps_all_agree_whether_they_played_through_it_or_not() {
    let mut song = open(media!("shifted.m4a")).unwrap();
    let mut straight = vec![0.0; LONG as usize + 4_096];
    while let Some(chunk) = song.next_chunk().unwrap() {
        let first = chunk.first as usize;
        straight[first..first + chunk.left.len()].copy_from_slice(chunk.left);
    }
    // The first of these lies before the join, the others far enough behind it.
    for target in [10_000, 26_000, 45_000, 60_000] {
        song.seek(target).unwrap();
        let chunk = song.next_chunk().unwrap().expect("it goes on");
        let truth = |n: i64| straight[n as usize];
        let here = likeness(chunk.left, truth, chunk.first);
        let beside = likeness(chunk.left, truth, chunk.first + 1);
        assert!(here > 0.99 && beside < here, "{here:.4} alike at {target}");
    }
}

#[test]
fn what_is_no_song_is_refused_with_a_reason() {
    let text = b"It was a dark and stormy night; the rain fell in torrents. ".repeat(400);
    for (name, bytes) in [("empty", Vec::new()), ("text", text), ("zeros", vec![0; 50_000])] {
        let Err(error) = open(&bytes) else { panic!("{name} was opened") };
        assert!(matches!(error, SongError::UnknownFormat | SongError::Damaged { .. }), "{error}");
    }
}

#[test]
fn a_truncated_file_plays_as_far_as_it_goes() {
    for (name, bytes) in
        [("wav", media!("short.wav")), ("flac", media!("short.flac")), ("mp3", media!("long.mp3"))]
    {
        let mut song = open(&bytes[..bytes.len() / 2]).unwrap();
        let promised = song.info().frames.unwrap_or(0);
        let (_, left, _) = read_on(&mut song).unwrap();
        let part = left.len() as f64 / promised as f64;
        assert!((0.1..0.8).contains(&part), "{name} gave {part:.2} of what it promised");
    }
}

#[test]
fn garbage_in_the_middle_is_passed_over() {
    for (name, bytes) in [("flac", media!("short.flac")), ("mp3", media!("long.mp3"))] {
        let mut bytes = bytes.to_vec();
        let middle = bytes.len() / 2;
        for (index, byte) in bytes[middle..middle + 1_500].iter_mut().enumerate() {
            *byte = (index * 73 + 41) as u8;
        }
        let mut song = open(&bytes).unwrap();
        let mut last = 0;
        while let Some(chunk) = song.next_chunk().unwrap() {
            assert!(chunk.first >= last, "{name} goes back");
            last = chunk.first + chunk.left.len() as i64;
        }
        let promised = song.info().frames.unwrap() as i64;
        assert!(last > promised * 3 / 4, "{name} ends at {last} of {promised}");
    }
}

/// Opens, reads and seeks; what comes out does not matter, that it comes back does.
fn exercise(bytes: &[u8]) {
    let Ok(mut song) = open(bytes) else { return };
    for target in [None, Some(3_000), Some(0)] {
        if target.is_some_and(|target| song.seek(target).is_err()) {
            return;
        }
        for _ in 0..200 {
            if !matches!(song.next_chunk(), Ok(Some(_))) {
                break;
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn random_bytes_never_hang(bytes in proptest::collection::vec(any::<u8>(), 0..4_000)) {
        let _ = std::panic::catch_unwind(|| exercise(&bytes));
    }

    #[test]
    fn damaged_files_never_hang(
        which in 0_usize..6,
        holes in proptest::collection::vec((any::<u16>(), any::<u8>()), 1..40),
    ) {
        let files = [
            media!("short.wav"),
            media!("short.flac"),
            media!("long.mp3"),
            media!("long.ogg"),
            media!("long.m4a"),
            media!("short.aiff"),
        ];
        let mut bytes = files[which].to_vec();
        for (at, byte) in holes {
            // Most of the damage goes where it hurts: into the headers.
            let at = usize::from(at) % if at % 2 == 0 { 600 } else { bytes.len() };
            bytes[at] = byte;
        }
        let _ = std::panic::catch_unwind(|| exercise(&bytes));
    }
}
