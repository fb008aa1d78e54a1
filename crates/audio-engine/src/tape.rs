//! A contiguous stretch of one song around the place that is heard.
//!
//! Blocks arrive in pieces and the interpolator reads across their borders, so the callback
//! copies them onto a tape: two planes of fixed length whose front falls off. Nothing here
//! allocates after [`Tape::new`].

use crate::interpolate::TAPS;
use crate::window::{BLOCK_FRAMES, PcmBlock, WindowReader};

/// Silence put before a song's first frame, for the interpolator to reach into.
const LEAD_IN: i64 = TAPS as i64;

/// A run of frames `first..end` of a song.
pub(crate) struct Tape {
    left: Box<[f32]>,
    right: Box<[f32]>,
    /// Frames at the front of the planes that have fallen off.
    offset: usize,
    first: i64,
    length: usize,
    /// Frames kept behind the place that is heard.
    history: i64,
}

impl Tape {
    /// A tape that keeps `history` frames and can be asked for stretches of `longest` beyond.
    pub(crate) fn new(history: usize, longest: usize) -> Self {
        let needed = history + longest + BLOCK_FRAMES + 2 * TAPS;
        // Twice what is needed, so that the rest moves to the front only now and then.
        let plane = || vec![0.0; 2 * needed].into_boxed_slice();
        let (left, right) = (plane(), plane());
        Self { left, right, offset: 0, first: 0, length: 0, history: history as i64 }
    }

    pub(crate) fn first(&self) -> i64 {
        self.first
    }

    pub(crate) fn end(&self) -> i64 {
        self.first + self.length as i64
    }

    pub(crate) fn covers(&self, from: i64, to: i64) -> bool {
        self.length > 0 && self.first <= from && to <= self.end()
    }

    /// Takes blocks from `reader` until `from..to` is on the tape. False if they are not
    /// there yet; what is on the tape at `from` is kept even then.
    pub(crate) fn load(&mut self, reader: &mut WindowReader, from: i64, to: i64) -> bool {
        loop {
            if self.covers(from, to) {
                return true;
            }
            let holds_from = self.covers(from, from + 1);
            if let Some(end) = reader.end()
                && self.end() >= end
                && self.length > 0
                && from >= self.first
            {
                self.append_silence(from, to);
                return self.covers(from, to);
            }
            let Some(block) = reader.peek() else { return false };
            if block.end() <= from.max(if holds_from { self.end() } else { i64::MIN }) {
                reader.pass_over();
                continue;
            }
            let follows = self.length > 0 && (block.first..block.end()).contains(&self.end());
            if !follows {
                if holds_from || block.first > to {
                    return false;
                }
                self.restart(block.first);
            }
            self.append(block, from);
            reader.pass_over();
        }
    }

    /// The planes around `frame`: `before` frames before it, 64 in all.
    #[inline]
    pub(crate) fn around(&self, frame: i64, before: i64) -> (&[f32; TAPS], &[f32; TAPS]) {
        let at = self.offset + (frame - before - self.first) as usize;
        let left = self.left[at..at + TAPS].try_into().expect("the slice has this length");
        let right = self.right[at..at + TAPS].try_into().expect("the slice has this length");
        (left, right)
    }

    fn restart(&mut self, first: i64) {
        self.offset = 0;
        self.length = 0;
        self.first = first;
        if first == 0 {
            self.first = -LEAD_IN;
            self.length = LEAD_IN as usize;
            self.left[..self.length].fill(0.0);
            self.right[..self.length].fill(0.0);
        }
    }

    fn append(&mut self, block: &PcmBlock, heard: i64) {
        let skip = (self.end() - block.first) as usize;
        let count = block.frames - skip;
        let at = self.make_room(count, heard);
        self.left[at..at + count].copy_from_slice(&block.left[skip..block.frames]);
        self.right[at..at + count].copy_from_slice(&block.right[skip..block.frames]);
        self.length += count;
    }

    fn append_silence(&mut self, heard: i64, to: i64) {
        let count = (to - self.end()).clamp(0, BLOCK_FRAMES as i64) as usize;
        let at = self.make_room(count, heard);
        self.left[at..at + count].fill(0.0);
        self.right[at..at + count].fill(0.0);
        self.length += count;
    }

    /// Lets what is older than the history fall off and says where `count` frames fit.
    fn make_room(&mut self, count: usize, heard: i64) -> usize {
        let old = (heard - self.history - self.first).clamp(0, self.length as i64) as usize;
        self.offset += old;
        self.first += old as i64;
        self.length -= old;
        if self.offset + self.length + count > self.left.len() {
            let range = self.offset..self.offset + self.length;
            self.left.copy_within(range.clone(), 0);
            self.right.copy_within(range, 0);
            self.offset = 0;
        }
        let fits = self.left.len() - self.length;
        if count > fits {
            // A caller that asks for more than it said it would: forget the oldest.
            let lost = (count - fits).min(self.length);
            self.left.copy_within(lost..self.length, 0);
            self.right.copy_within(lost..self.length, 0);
            self.first += lost as i64;
            self.length -= lost;
        }
        self.offset + self.length
    }
}
