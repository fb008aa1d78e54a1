//! The decoder stepped by hand, and its thread with sources that wait, fail and panic.

use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::sync::Condvar;
use std::sync::mpsc::{Receiver, channel};

use super::*;
use crate::render::stage::{song, song_file};
use crate::window::{WindowReader, window};

const RATE: u32 = 48_000;

fn decoder(file: Vec<u8>) -> (Decoder, WindowReader) {
    let song = Song::open(SourceCursor::new(Box::new(Cursor::new(file))), None).unwrap();
    let mut decoder = Decoder::new(song);
    let (writer, reader) = window(RATE);
    decoder.attach(writer).unwrap();
    (decoder, reader)
}

/// Steps until there is nothing to do.
fn settle(decoder: &mut Decoder) -> Step {
    loop {
        match decoder.run().unwrap() {
            Step::Continue => {}
            step => return step,
        }
    }
}

/// Takes all blocks that are ready: the first frame's place and the left samples.
fn take(reader: &mut WindowReader) -> (i64, Vec<f32>) {
    let (mut first, mut samples) = (None, Vec::new());
    while let Some(block) = reader.peek() {
        let begin = *first.get_or_insert(block.first);
        assert_eq!(block.first, begin + samples.len() as i64, "blocks do not follow each other");
        samples.extend_from_slice(&block.left[..block.frames]);
        reader.pass_over();
    }
    (first.unwrap_or(0), samples)
}

fn assert_is_song(first: i64, samples: &[f32]) {
    // The converter rounds off a sudden beginning and end.
    let end = samples.len().saturating_sub(600);
    for (index, sample) in samples.iter().enumerate().take(end).skip(600).step_by(97) {
        let place = (first + index as i64) as f64 / f64::from(RATE);
        let off = (f64::from(*sample) - song(place)).abs();
        assert!(off < 1e-3, "{off} off at {place:.4} s");
    }
}

#[test]
fn the_window_is_filled_and_then_the_decoder_waits() {
    let (mut decoder, mut reader) = decoder(song_file(44_100, 20.0));
    assert_eq!(settle(&mut decoder), Step::Wait);
    let (first, samples) = take(&mut reader);
    assert_eq!(first, 0);
    let seconds = samples.len() as f64 / f64::from(RATE);
    assert!((4.9..5.2).contains(&seconds), "the window holds {seconds:.2} s");
    assert_is_song(first, &samples);
    assert_eq!(settle(&mut decoder), Step::Wait);
    let (next, _) = take(&mut reader);
    assert_eq!(next, samples.len() as i64, "the song goes on where it was");
}

#[test]
fn a_song_shorter_than_the_window_ends_at_its_last_frame() {
    let (mut decoder, mut reader) = decoder(song_file(44_100, 2.0));
    assert_eq!(settle(&mut decoder), Step::End);
    let (first, samples) = take(&mut reader);
    assert_eq!((first, samples.len()), (0, 96_000));
    assert_eq!(reader.end(), Some(96_000));
}

#[test]
fn a_place_far_ahead_is_gone_to_at_once() {
    let (mut decoder, mut reader) = decoder(song_file(44_100, 30.0));
    settle(&mut decoder);
    let place = 20 * i64::from(RATE);
    reader.want(place);
    take(&mut reader);
    settle(&mut decoder);
    let (first, samples) = take(&mut reader);
    let history = place - first;
    assert!((64..i64::from(RATE) / 5).contains(&history), "{history} frames before the place");
    assert_is_song(first, &samples);
}

#[test]
fn a_rewind_goes_back_also_from_the_end() {
    let (mut decoder, mut reader) = decoder(song_file(44_100, 3.0));
    assert_eq!(settle(&mut decoder), Step::End);
    take(&mut reader);
    for place in [48_000, 0] {
        reader.rewind(place);
        assert_eq!(settle(&mut decoder), Step::End);
        let (first, samples) = take(&mut reader);
        assert!(first <= place && place - first < 9_600, "begins at {first} for {place}");
        assert_is_song(first, &samples);
        assert_eq!(reader.end(), Some(144_000));
    }
}

#[test]
fn a_decoder_that_keeps_falling_behind_aims_ahead() {
    let (mut decoder, reader) = decoder(song_file(44_100, 60.0));
    let mut wanted = 0;
    let mut ahead = Vec::new();
    for _ in 0..5 {
        // A second passes with every try, as if a piece took so long to arrive.
        wanted += i64::from(RATE) * 5;
        reader.want(wanted);
        decoder.run().unwrap();
        let reached = decoder.target.as_ref().unwrap().reached;
        ahead.push((reached - wanted) as f64 / f64::from(RATE));
    }
    assert!(ahead.windows(2).all(|pair| pair[0] < pair[1]), "aims {ahead:?}");
    assert!(ahead[0] < 0.0 && ahead[4] > 1.5, "aims {ahead:?}");
}

#[test]
fn a_file_that_ends_early_is_told_where() {
    let mut file = song_file(44_100, 4.0);
    file.truncate(file.len() / 2);
    let (mut decoder, mut reader) = decoder(file);
    assert_eq!(settle(&mut decoder), Step::End);
    let at = decoder.take_damage().expect("the damage is noticed").as_millis_f64();
    assert!((1_900.0..2_100.0).contains(&at), "told at {at} ms");
    assert!(decoder.take_damage().is_none(), "told once");
    let (_, samples) = take(&mut reader);
    assert!((90_000..96_100).contains(&samples.len()), "{} frames", samples.len());
}

#[test]
fn an_abandoned_window_is_let_go() {
    let (mut decoder, reader) = decoder(song_file(44_100, 20.0));
    settle(&mut decoder);
    drop(reader);
    assert_eq!(settle(&mut decoder), Step::Wait);
    assert!(decoder.target.is_none());
}

/// What reading beyond the first bytes does.
#[derive(Clone, Copy)]
enum Beyond {
    Waits,
    Panics,
    Fails,
}

/// A song of which only the beginning is there.
struct Partial {
    inside: Cursor<Vec<u8>>,
    there: u64,
    beyond: Beyond,
    cancelled: Arc<(Mutex<bool>, Condvar)>,
}

impl Partial {
    fn new(there: u64, beyond: Beyond) -> Self {
        let inside = Cursor::new(song_file(44_100, 30.0));
        Self { inside, there, beyond, cancelled: Arc::default() }
    }
}

impl Read for Partial {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.there.saturating_sub(self.inside.position()) as usize;
        if left > 0 {
            let count = buffer.len().min(left);
            return self.inside.read(&mut buffer[..count]);
        }
        match self.beyond {
            Beyond::Panics => panic!("a fault planted by a test"),
            Beyond::Fails => Err(io::Error::other("the disk is broken")),
            Beyond::Waits => {
                let (cancelled, changed) = &*self.cancelled;
                let waiting = cancelled.lock().unwrap();
                drop(changed.wait_while(waiting, |cancelled| !*cancelled).unwrap());
                Err(io::ErrorKind::Interrupted.into())
            }
        }
    }
}

impl Seek for Partial {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inside.seek(to)
    }
}

impl TrackSource for Partial {
    fn byte_len(&self) -> u64 {
        self.inside.get_ref().len() as u64
    }

    fn canceller(&self) -> Box<dyn Fn() + Send + Sync> {
        let cancelled = Arc::clone(&self.cancelled);
        Box::new(move || {
            *cancelled.0.lock().unwrap() = true;
            cancelled.1.notify_all();
        })
    }
}

fn spawn(source: Partial) -> (DecoderThread, Receiver<DecoderReport>) {
    let (sender, reports) = channel();
    let thread = DecoderThread::spawn(Box::new(source), Some("wav".into()), move |report| {
        let _ = sender.send(report);
    });
    (thread.unwrap(), reports)
}

const SOON: Duration = Duration::from_secs(20);

#[test]
fn a_song_is_ready_before_it_is_whole() {
    let (thread, reports) = spawn(Partial::new(1_000_000, Beyond::Waits));
    let ready = reports.recv_timeout(SOON).expect("the beginning suffices");
    assert!(matches!(ready, DecoderReport::Ready(info) if info.sample_rate == 44_100));
    let (writer, mut reader) = window(RATE);
    thread.attach(writer);
    let end = std::time::Instant::now() + SOON;
    while reader.peek().is_none() {
        assert!(std::time::Instant::now() < end, "no block arrives");
        thread::yield_now();
    }
}

#[test]
fn dropping_the_thread_ends_a_read_that_waits() {
    let (thread, reports) = spawn(Partial::new(0, Beyond::Waits));
    drop(thread);
    // The sender goes with the thread, and a thread told to stop has nothing to complain of.
    let ending = reports.recv_timeout(SOON);
    assert_eq!(ending.err(), Some(std::sync::mpsc::RecvTimeoutError::Disconnected));
}

#[test]
fn a_panic_in_a_codec_or_a_source_ends_the_song_and_nothing_else() {
    let (_thread, reports) = spawn(Partial::new(20, Beyond::Panics));
    let report = reports.recv_timeout(SOON).expect("the end is told");
    assert!(matches!(report, DecoderReport::Failed(SongError::BrokeDown)), "{report:?}");
}

#[test]
fn a_source_that_fails_is_told_with_its_reason() {
    let (_thread, reports) = spawn(Partial::new(20, Beyond::Fails));
    let report = reports.recv_timeout(SOON).expect("the end is told");
    let DecoderReport::Failed(error) = report else { panic!("{report:?}") };
    assert!(error.to_string().contains("the disk is broken"), "{error}");
}
