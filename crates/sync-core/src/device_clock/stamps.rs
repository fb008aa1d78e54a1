//! What a few stamps say among themselves: whether refused ones agree on another time line,
//! and how noisy they are without any line.

use protocol::time::LocalTime;

use super::SMALLEST_MOVE;

/// Refused stamps that lie closer together than this share of their distance agree on
/// another time line; others are noise. (0-1)
const AGREEMENT: f64 = 0.5;

/// Stamps whose bends show the noise without any line. (count)
const BENDS: usize = 31;

/// The run of refused stamps, if there is one.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Refused {
    pub count: u32,
    /// The earliest and the latest against the line. (s)
    pub range: [f64; 2],
}

impl Refused {
    pub fn add(&mut self, innovation: f64) {
        if self.count == 0 {
            *self = Self { count: 0, range: [innovation; 2] };
        }
        self.count += 1;
        let [low, high] = self.range;
        self.range = [low.min(innovation), high.max(innovation)];
    }

    fn middle(&self) -> f64 {
        (self.range[0] + self.range[1]) / 2.0
    }

    /// True if they could be the stamps of a time line that moved.
    pub fn agree(&self) -> bool {
        let spread = self.range[1] - self.range[0];
        self.middle().abs() > SMALLEST_MOVE && spread < AGREEMENT * self.middle().abs()
    }
}

/// How sharply the stamps bend, one after the other: noise that needs no line to be seen.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bends {
    /// The last two stamps: frame and time. (s)
    last: [Option<(u64, LocalTime)>; 2],
    seen: [f64; BENDS],
    count: usize,
}

impl Bends {
    /// Stamps before this one are of another time line.
    pub fn forget_last(&mut self) {
        self.last = [None; 2];
    }

    /// Takes a stamp; one standard deviation of the noise, once there are enough. (s)
    pub fn add(&mut self, frame: u64, heard: LocalTime, rate: f64) -> Option<f64> {
        if let [Some(first), Some(second)] = self.last {
            let late = |from: (u64, LocalTime), to: (u64, LocalTime)| {
                (to.1 - from.1).as_secs_f64() - (to.0 as f64 - from.0 as f64) / rate
            };
            let bend = late(second, (frame, heard)) - late(first, second);
            self.seen[self.count % BENDS] = bend.abs();
            self.count += 1;
        }
        self.last = [self.last[1], Some((frame, heard))];
        if self.count < BENDS {
            return None;
        }
        let mut seen = self.seen;
        let (_, low, _) = seen.select_nth_unstable_by(BENDS * 3 / 10, f64::total_cmp);
        // A bend is made of three stamps, one of them counted twice: √6 of one's noise. Three
        // of ten draws from a normal distribution are nearer than 0.385 deviations. Not the
        // median: where the position lags now and then, nearly half of the bends are large.
        Some(*low / (6.0_f64.sqrt() * 0.385))
    }
}

/// Stamps that scatter less than this are fine ones: whole frames, hardware's own. (s)
///
/// Whole frames at 44.1 kHz scatter by 7 µs; systems that poll their latency by 100 µs and more.
const FINE: f64 = 30e-6;

/// Weight of one stamp in the learnt scatter: five seconds of long periods.
const SCATTER_GAIN: f64 = 1.0 / 64.0;

/// Steps between neighbours whose squares are so uneven come from a latency that is polled now
/// and then and carried on between. (factor)
///
/// Three for a normal distribution, less for whole frames, twenty for one poll in ten stamps.
const EVEN: f64 = 6.0;

/// How much neighbouring stamps differ, beyond what the line explains.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scatter {
    /// Variance of one stamp. (s²)
    variance: f64,
    /// The mean of its square. (s⁴)
    square: f64,
}

impl Default for Scatter {
    /// Fine, until stamps have shown that they are not.
    fn default() -> Self {
        let variance = FINE * FINE / 2.0;
        Self { variance, square: variance * variance }
    }
}

impl Scatter {
    /// Takes what one pair of neighbours says of a stamp's variance. (s²)
    pub fn add(&mut self, variance: f64) {
        self.variance += SCATTER_GAIN * (variance - self.variance);
        self.square += SCATTER_GAIN * (variance * variance - self.square);
    }

    /// True for stamps that err little, each in its own way.
    pub fn is_fine(&self) -> bool {
        self.variance < FINE * FINE && self.square < EVEN * self.variance * self.variance
    }
}
