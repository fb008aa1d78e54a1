//! The part of a song that is decoded: a few seconds, in blocks that know their place.
//!
//! A decoder thread writes blocks, the audio callback reads them and sends them back to be
//! used again, so memory does not depend on the song's length and the callback never frees.
//! Because every block says which frames it holds, a seek needs no flushing: what does not fit
//! is passed over. Two atomics go against the stream: which frame is wanted, and an epoch
//! that the reader raises when it needs frames the writer has already left behind.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

use rtrb::{Consumer, Producer, RingBuffer};

/// Frames in one block.
pub(crate) const BLOCK_FRAMES: usize = 2_048;

/// Length of the decoded part. (s)
///
/// Rides out a disk that wakes up and a processor busy with hashing; 2 MB at 48 kHz.
const WINDOW_SECONDS: f64 = 5.0;

/// A run of stereo frames at the device's rate.
#[derive(Debug)]
pub(crate) struct PcmBlock {
    /// The reader's epoch this was decoded for.
    pub epoch: u32,
    /// Place of the first frame in the song.
    pub first: i64,
    /// Frames in use, from the front.
    pub frames: usize,
    pub left: Box<[f32]>,
    pub right: Box<[f32]>,
}

impl PcmBlock {
    fn empty() -> Self {
        let plane = || vec![0.0; BLOCK_FRAMES].into_boxed_slice();
        Self { epoch: 0, first: 0, frames: 0, left: plane(), right: plane() }
    }

    pub(crate) fn end(&self) -> i64 {
        self.first + self.frames as i64
    }
}

/// [`Shared::until`] while nothing is decoded.
const NOTHING: i64 = i64::MIN;

#[derive(Debug)]
struct Shared {
    wanted: AtomicI64,
    epoch: AtomicU32,
    end: AtomicI64,
    /// First frame of what was decoded without a break, and the one behind its last.
    first: AtomicI64,
    until: AtomicI64,
}

/// An empty window for a device of this rate.
pub(crate) fn window(sample_rate: u32) -> (WindowWriter, WindowReader) {
    let blocks = (f64::from(sample_rate) * WINDOW_SECONDS / BLOCK_FRAMES as f64).ceil() as usize;
    let (ready_in, ready_out) = RingBuffer::new(blocks);
    let (spent_in, spent_out) = RingBuffer::new(blocks);
    let shared = Arc::new(Shared {
        wanted: AtomicI64::new(0),
        epoch: AtomicU32::new(0),
        end: AtomicI64::new(i64::MAX),
        first: AtomicI64::new(0),
        until: AtomicI64::new(NOTHING),
    });
    let spare = (0..blocks).map(|_| PcmBlock::empty()).collect();
    let writer = WindowWriter {
        sample_rate,
        ready: ready_in,
        spent: spent_out,
        spare,
        shared: shared.clone(),
    };
    let reader = WindowReader { sample_rate, ready: ready_out, spent: spent_in, shared };
    (writer, reader)
}

/// The decoder's end.
pub(crate) struct WindowWriter {
    sample_rate: u32,
    ready: Producer<PcmBlock>,
    spent: Consumer<PcmBlock>,
    spare: Vec<PcmBlock>,
    shared: Arc<Shared>,
}

impl WindowWriter {
    pub(crate) fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    /// The frame that will be heard next.
    pub(crate) fn wanted(&self) -> i64 {
        self.shared.wanted.load(Ordering::Acquire)
    }

    pub(crate) fn epoch(&self) -> u32 {
        self.shared.epoch.load(Ordering::Acquire)
    }

    /// True when nobody will read any more.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.ready.is_abandoned()
    }

    /// A block to fill, if one is free.
    pub(crate) fn free_block(&mut self) -> Option<PcmBlock> {
        self.spare.pop().or_else(|| self.spent.pop().ok())
    }

    /// What anyone may see of this window.
    pub(crate) fn gauge(&self) -> WindowGauge {
        WindowGauge { shared: self.shared.clone() }
    }

    /// Hands over a filled block.
    pub(crate) fn push(&mut self, block: PcmBlock) {
        // Nobody else writes these. In this order a reader that sees the first unchanged around
        // the other has read two that belong together.
        if self.shared.until.load(Ordering::Relaxed) != block.first {
            self.shared.until.store(NOTHING, Ordering::Release);
            self.shared.first.store(block.first, Ordering::Release);
        }
        self.shared.until.store(block.end(), Ordering::Release);
        if let Err(rtrb::PushError::Full(block)) = self.ready.push(block) {
            // Cannot be: the ring holds all blocks there are.
            self.spare.push(block);
        }
    }

    /// Says where the song ends. (frames)
    pub(crate) fn set_end(&self, end: i64) {
        self.shared.end.store(end, Ordering::Release);
    }
}

/// Tells how far a window was filled, whether or not that was read since, without waiting for the
/// audio callback.
#[derive(Debug)]
pub(crate) struct WindowGauge {
    shared: Arc<Shared>,
}

impl WindowGauge {
    /// True if `frames` from `place` on were decoded, or all there are.
    pub(crate) fn holds(&self, place: i64, frames: i64) -> bool {
        let first = self.shared.first.load(Ordering::Acquire);
        let until = self.shared.until.load(Ordering::Acquire);
        let end = self.shared.end.load(Ordering::Acquire);
        // A decoder that went elsewhere in between changed the first: then the two do not belong
        // together, and whoever asks looks again.
        let is_one_reading = self.shared.first.load(Ordering::Acquire) == first;
        is_one_reading && first <= place && until >= place.saturating_add(frames).min(end)
    }
}

/// The audio callback's end. Nothing here allocates, frees, locks or waits.
pub(crate) struct WindowReader {
    sample_rate: u32,
    ready: Consumer<PcmBlock>,
    spent: Producer<PcmBlock>,
    shared: Arc<Shared>,
}

impl WindowReader {
    pub(crate) fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    /// Says which frame will be heard next.
    pub(crate) fn want(&self, frame: i64) {
        self.shared.wanted.store(frame, Ordering::Release);
    }

    /// Asks for `frame` and what follows anew; blocks on their way are passed over.
    pub(crate) fn rewind(&self, frame: i64) {
        self.want(frame);
        self.shared.epoch.fetch_add(1, Ordering::AcqRel);
    }

    /// Where the song ends, once the writer has come there.
    pub(crate) fn end(&self) -> Option<i64> {
        Some(self.shared.end.load(Ordering::Acquire)).filter(|&end| end != i64::MAX)
    }

    /// About how many frames are decoded and not read yet.
    pub(crate) fn ready_frames(&self) -> usize {
        self.ready.slots() * BLOCK_FRAMES
    }

    /// The next block of the present epoch, if one is ready.
    pub(crate) fn peek(&mut self) -> Option<&PcmBlock> {
        let epoch = self.shared.epoch.load(Ordering::Acquire);
        while self.ready.peek().is_ok_and(|block| block.epoch != epoch) {
            self.pass_over();
        }
        self.ready.peek().ok()
    }

    /// Sends the front block back.
    pub(crate) fn pass_over(&mut self) {
        if let Ok(block) = self.ready.pop() {
            // The ring back holds all blocks there are, so this never fails and never drops.
            let _ = self.spent.push(block);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_go_round_and_none_is_lost() {
        let (mut writer, mut reader) = window(8_000);
        let mut pushed = 0;
        for round in 0..500 {
            while let Some(mut block) = writer.free_block() {
                block.epoch = writer.epoch();
                block.first = pushed * BLOCK_FRAMES as i64;
                block.frames = BLOCK_FRAMES;
                writer.push(block);
                pushed += 1;
            }
            let block = reader.peek().expect("the writer has just filled the window");
            assert_eq!(block.first, round * BLOCK_FRAMES as i64);
            reader.pass_over();
        }
    }

    #[test]
    fn the_gauge_tells_what_was_decoded_without_a_break() {
        let (mut writer, _reader) = window(48_000);
        let gauge = writer.gauge();
        let mut push = |first: i64| {
            let mut block = writer.free_block().expect("the window is large");
            (block.first, block.frames) = (first, BLOCK_FRAMES);
            writer.push(block);
            first + BLOCK_FRAMES as i64
        };
        assert!(!gauge.holds(0, 0), "nothing is decoded");
        let second = push(1_000);
        assert!(gauge.holds(1_000, BLOCK_FRAMES as i64));
        assert!(!gauge.holds(999, 1) && !gauge.holds(1_000, BLOCK_FRAMES as i64 + 1));
        push(second);
        assert!(gauge.holds(1_000, 2 * BLOCK_FRAMES as i64));
        push(90_000);
        assert!(gauge.holds(90_000, 1) && !gauge.holds(1_000, 1), "what was before is gone");
        writer.set_end(90_000 + BLOCK_FRAMES as i64);
        assert!(gauge.holds(90_000, 1_000_000), "there is no more");
    }

    #[test]
    fn after_a_rewind_older_blocks_are_passed_over() {
        let (mut writer, mut reader) = window(8_000);
        for first in [0, 1] {
            let mut block = writer.free_block().unwrap();
            block.epoch = writer.epoch();
            block.first = first;
            writer.push(block);
        }
        reader.rewind(77);
        assert_eq!(writer.wanted(), 77);
        assert!(reader.peek().is_none());
        let mut block = writer.free_block().unwrap();
        block.epoch = writer.epoch();
        block.first = 77;
        writer.push(block);
        assert_eq!(reader.peek().map(|block| block.first), Some(77));
    }
}
