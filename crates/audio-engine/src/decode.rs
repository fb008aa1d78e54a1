//! Keeps the window of one song filled around the place that is heard.
//!
//! [`Decoder`] is a machine stepped by hand: each [`Decoder::run`] does a small piece of work
//! and says what to do next. [`DecoderThread`] steps it on a thread of its own, where reads
//! may wait for bytes that are still on their way, and where a panic in a codec ends the song
//! and nothing else.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use protocol::time::{MediaTime, Span};

use crate::rate::{Line, RateConverter};
use crate::song::{Song, SongError, SongInfo};
use crate::source::{SourceCursor, TrackSource};
use crate::window::{BLOCK_FRAMES, PcmBlock, WindowWriter};

/// Decoded before the wanted frame, for the interpolator and for crossfades back. (s)
pub(crate) const HISTORY_SECONDS: f64 = 0.06;

/// A decoder further behind than this goes forward by a seek instead of decoding. (s)
const SEEK_WHEN_BEHIND: f64 = 0.5;

/// How far ahead of the wanted frame a decoder aims that keeps falling behind. (s)
///
/// The first try goes to the frame itself, each further one aims twice as far: if pieces take
/// a second to arrive, aiming at the present would miss forever.
const AIMS: [f64; 6] = [0.0, 0.25, 0.5, 1.0, 2.0, 4.0];

/// Longest hole in a damaged file that is played as silence. (s)
const LONGEST_HOLE: f64 = 10.0;

/// How often a thread looks whether a block came free.
const POLL: Duration = Duration::from_millis(15);

/// What to do after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// There is more to do.
    Continue,
    /// Nothing to do until blocks come back or another place is wanted.
    Wait,
    /// The song is decoded to its end; another place may still be wanted.
    End,
}

/// Decodes one song into a window.
pub(crate) struct Decoder {
    song: Song,
    target: Option<Target>,
    /// Where the file turned out to be damaged, until reported.
    damage: Option<MediaTime>,
    damage_reported: bool,
}

/// A window and how far it is filled.
struct Target {
    window: WindowWriter,
    converter: RateConverter,
    /// Decoded and converted, not yet in a block.
    line: Line,
    epoch: u32,
    /// The song's frame that should come next.
    expected: i64,
    /// Everything before this is in the window, in `line` or passed over. (device frames)
    reached: i64,
    is_over: bool,
    /// Seeks forward since the window was last full.
    tries: usize,
}

impl Decoder {
    pub(crate) fn new(song: Song) -> Self {
        Self { song, target: None, damage: None, damage_reported: false }
    }

    pub(crate) fn info(&self) -> SongInfo {
        self.song.info()
    }

    /// Fills `window` from now on, and no other, from the place on that its reader wants.
    pub(crate) fn attach(&mut self, window: WindowWriter) -> Result<(), SongError> {
        let place = window.wanted();
        let converter = RateConverter::new(self.song.info().sample_rate, window.sample_rate())?;
        let mut target = Target {
            window,
            converter,
            line: Line::default(),
            epoch: 0,
            expected: 0,
            reached: 0,
            is_over: false,
            tries: 0,
        };
        target.go_to(&mut self.song, place)?;
        self.target = Some(target);
        Ok(())
    }

    /// Does one small piece of work.
    pub(crate) fn run(&mut self) -> Result<Step, SongError> {
        let Some(target) = &mut self.target else { return Ok(Step::Wait) };
        if target.window.is_abandoned() {
            self.target = None;
            return Ok(Step::Wait);
        }
        if let Some(place) = target.place_to_go() {
            target.go_to(&mut self.song, place)?;
            return Ok(Step::Continue);
        }
        if target.is_over && target.line.left.is_empty() {
            return Ok(Step::End);
        }
        if target.is_over || target.line.left.len() >= BLOCK_FRAMES {
            let Some(block) = target.window.free_block() else {
                target.tries = 0;
                return Ok(Step::Wait);
            };
            target.push(block);
            return Ok(Step::Continue);
        }
        let whole = target.decode(&mut self.song)?;
        if !whole && !self.damage_reported {
            let rate = f64::from(self.song.info().sample_rate);
            let at = Span::from_secs_f64(target.expected as f64 / rate);
            self.damage = Some(MediaTime::default() + at);
            self.damage_reported = true;
        }
        Ok(Step::Continue)
    }

    /// Where the file turned out to be damaged; told once.
    pub(crate) fn take_damage(&mut self) -> Option<MediaTime> {
        self.damage.take()
    }
}

impl Target {
    /// The place to continue from, if it is not where the decoder stands.
    fn place_to_go(&mut self) -> Option<i64> {
        let epoch = self.window.epoch();
        let wanted = self.window.wanted();
        if epoch != self.epoch {
            self.epoch = epoch;
            return Some(wanted);
        }
        let rate = f64::from(self.window.sample_rate());
        let behind = (wanted - self.reached) as f64 / rate;
        if behind <= SEEK_WHEN_BEHIND || self.is_over {
            return None;
        }
        let aim = AIMS[self.tries.min(AIMS.len() - 1)];
        self.tries += 1;
        Some(wanted.saturating_add((aim * rate) as i64))
    }

    fn go_to(&mut self, song: &mut Song, place: i64) -> Result<(), SongError> {
        let history = (HISTORY_SECONDS * f64::from(self.window.sample_rate())) as i64;
        let from = self.converter.begin(place.saturating_sub(history));
        song.seek(from as u64)?;
        self.line = Line::default();
        self.expected = from;
        self.reached = place.saturating_sub(history).max(0);
        self.is_over = false;
        Ok(())
    }

    /// Decodes one chunk into `line`. False if something was missing before it.
    fn decode(&mut self, song: &mut Song) -> Result<bool, SongError> {
        let info = song.info();
        let mut is_whole = true;
        match song.next_chunk()? {
            Some(chunk) => {
                let hole = chunk.first - self.expected;
                if hole as f64 > LONGEST_HOLE * f64::from(info.sample_rate) {
                    return Err(SongError::Damaged { what: "a long part is missing".into() });
                }
                if hole > 0 {
                    is_whole = false;
                    let silence = vec![0.0; hole as usize];
                    self.converter.feed(&silence, &silence, &mut self.line);
                }
                self.converter.feed(chunk.left, chunk.right, &mut self.line);
                self.expected = chunk.first + chunk.left.len() as i64;
            }
            None => {
                // A file that ends a little early was only cut by a careless tool.
                let promised = info.frames.map_or(0, |frames| frames as i64);
                is_whole = self.expected + i64::from(info.sample_rate / 10) >= promised;
                // A seek beyond the end says nothing about where the end is.
                let end = info.frames.map_or(self.expected, |_| self.expected.min(promised));
                self.converter.finish(end, &mut self.line);
                self.window.set_end(self.converter.end_of(end));
                self.is_over = true;
            }
        }
        self.reached = self.reached.max(self.line.end());
        Ok(is_whole)
    }

    /// Moves the front of `line` into `block` and hands it over.
    fn push(&mut self, mut block: PcmBlock) {
        let frames = self.line.left.len().min(BLOCK_FRAMES);
        block.epoch = self.epoch;
        block.first = self.line.first;
        block.frames = frames;
        block.left[..frames].copy_from_slice(&self.line.left[..frames]);
        block.right[..frames].copy_from_slice(&self.line.right[..frames]);
        self.line.drop_front(frames);
        self.window.push(block);
    }
}

/// What a decoder thread has to tell.
#[derive(Debug)]
pub(crate) enum DecoderReport {
    /// The song is open and its beginning can be decoded.
    Ready(SongInfo),
    /// Something is missing in the file, from here on.
    Damaged(MediaTime),
    /// The song cannot be played, or not any further. The thread has ended.
    Failed(SongError),
}

/// A thread that keeps one song decoded. Dropping it cancels its source and lets it end.
pub(crate) struct DecoderThread {
    mailbox: Arc<Mailbox>,
    thread: thread::Thread,
    cancel: Box<dyn Fn() + Send + Sync>,
}

#[derive(Default)]
struct Mailbox {
    window: Mutex<Option<WindowWriter>>,
    is_stopping: AtomicBool,
}

impl DecoderThread {
    /// Opens `source` on a new thread. `report` is called on that thread.
    ///
    /// # Errors
    ///
    /// The system's, if it has no thread left.
    pub(crate) fn spawn(
        source: Box<dyn TrackSource>,
        extension: Option<String>,
        report: impl Fn(DecoderReport) + Send + 'static,
    ) -> std::io::Result<Self> {
        let cancel = source.canceller();
        let mailbox = Arc::new(Mailbox::default());
        let theirs = Arc::clone(&mailbox);
        let handle = thread::Builder::new().name("decoder".into()).spawn(move || {
            let work = AssertUnwindSafe(|| decode(source, extension.as_deref(), &theirs, &report));
            let outcome = catch_unwind(work).unwrap_or(Err(SongError::BrokeDown));
            if let Err(error) = outcome
                && !theirs.is_stopping.load(Ordering::Acquire)
            {
                report(DecoderReport::Failed(error));
            }
        })?;
        Ok(Self { mailbox, thread: handle.thread().clone(), cancel })
    }

    /// Fills `window` from now on, and no other, from the place on that its reader wants.
    pub(crate) fn attach(&self, window: WindowWriter) {
        *self.mailbox.window.lock().unwrap_or_else(PoisonError::into_inner) = Some(window);
        self.thread.unpark();
    }
}

impl Drop for DecoderThread {
    fn drop(&mut self) {
        self.mailbox.is_stopping.store(true, Ordering::Release);
        (self.cancel)();
        self.thread.unpark();
    }
}

/// A decoder thread's life.
fn decode(
    source: Box<dyn TrackSource>,
    extension: Option<&str>,
    mailbox: &Mailbox,
    report: &impl Fn(DecoderReport),
) -> Result<(), SongError> {
    let mut song = Song::open(SourceCursor::new(source), extension)?;
    // Only what decodes is ready.
    song.next_chunk()?;
    let mut decoder = Decoder::new(song);
    report(DecoderReport::Ready(decoder.info()));
    while !mailbox.is_stopping.load(Ordering::Acquire) {
        let window = mailbox.window.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(window) = window {
            decoder.attach(window)?;
        }
        let step = decoder.run()?;
        if let Some(at) = decoder.take_damage() {
            report(DecoderReport::Damaged(at));
        }
        match step {
            Step::Continue => {}
            Step::Wait | Step::End if decoder.target.is_some() => thread::park_timeout(POLL),
            Step::Wait | Step::End => thread::park(),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
