//! The fastest passages in each direction.
//!
//! Delay on a network only ever adds, so the lowest of many one-way times lies close to the
//! floor of its direction even where the average is far off. The floors of both directions
//! are sought apart: a passage that was fast one way is of use although it was slow on the
//! way back. Older passages are moved to the present along the estimated skew, and count
//! with the doubt that move adds, so that the window widens by itself where fast passages
//! are rare and narrows where they are many.

use std::collections::VecDeque;

/// Passages looked back upon. (count)
///
/// A minute at the fastest regular cadence, 20 Hz of two exchanges each, and the start burst. On
/// a path with 20 ms of jitter fast passages are so rare that each of them counts.
const MAX_PASSAGES: usize = 2_500;

/// Furthest look back. (seconds)
///
/// In a minute the doubt about the skew adds up to 10 µs and more, so that older passages
/// say less than younger ones on any path worth playing over.
const MAX_AGE: f64 = 60.0;

/// Passages averaged in each direction. (count)
///
/// One alone would be hostage to a single wrong stamp.
const LOWEST: usize = 3;

/// Floor under the doubt of a reading. (seconds)
///
/// What stamping in user space costs even on an idle machine.
const STAMP_NOISE: f64 = 5e-6;

/// How much larger than the spread of the lowest passages the doubt of a reading is taken
/// to be. (factor)
///
/// The three lowest are close to each other by luck now and then.
const CAUTION: f64 = 1.5;

/// How much lower than a fresh passage an older one must be, per doubt of moving it. (factor)
///
/// With 1 the start burst outlives its use: on a wired path the skew is learnt a second
/// later. From 2 to 5 the results in simulation are alike.
const MOVE_PENALTY: f64 = 3.0;

/// Look back for a change of the skew. (seconds)
///
/// Long enough to tell 5 ppm from jitter on a wired path, short enough that the time before
/// the change is soon out of sight.
const RECENT: f64 = 20.0;

/// Largest sudden change of the skew looked for. (s/s)
const LARGEST_BEND: f64 = 300e-6;

/// How finely it is looked for. (s/s)
const BEND_RESOLUTION: f64 = 0.1e-6;

/// One exchange, as one-way times that still contain the offset between the clocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Passage {
    /// Middle of the exchange on the local clock. (seconds from the filter's zero point)
    pub at: f64,
    /// Delay to the root plus offset. (seconds)
    pub forward: f64,
    /// Delay from the root minus offset. (seconds)
    pub backward: f64,
}

impl Passage {
    /// Offset if both ways took equally long. (seconds)
    pub fn offset(&self) -> f64 {
        (self.forward - self.backward) / 2.0
    }

    pub fn round_trip(&self) -> f64 {
        self.forward + self.backward
    }
}

/// What the envelope says at one instant.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    /// Swarm clock minus local clock `age` ago, from the filter's zero point. (seconds)
    pub offset: f64,
    /// One standard deviation. (seconds)
    pub sigma: f64,
    /// Mean age of the passages it rests on. (seconds)
    pub age: f64,
}

/// How an older passage is moved to the present, and what that costs in certainty.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trend {
    /// Swarm seconds gained per local second.
    pub skew: f64,
    /// Its standard deviation.
    pub doubt: f64,
    /// Random walk of the skew. (1/s)
    pub walk: f64,
}

impl Trend {
    fn doubt_after(&self, age: f64) -> f64 {
        ((self.doubt * age).powi(2) + self.walk * age.powi(3) / 3.0).sqrt()
    }
}

#[derive(Clone, Debug, Default)]
pub(super) struct Envelope {
    passages: VecDeque<Passage>,
}

impl Envelope {
    pub fn add(&mut self, passage: Passage) {
        if self.passages.len() == MAX_PASSAGES {
            self.passages.pop_front();
        }
        self.passages.push_back(passage);
        while self.passages.front().is_some_and(|p| passage.at - p.at > MAX_AGE) {
            self.passages.pop_front();
        }
    }

    /// Forgets what is older than `age`: the clocks ran otherwise then. (seconds)
    pub fn forget_beyond(&mut self, age: f64) {
        let now = self.passages.back().map_or(0.0, |p| p.at);
        self.passages.retain(|p| now - p.at <= age);
    }

    pub fn len(&self) -> usize {
        self.passages.len()
    }

    pub fn passages(&self) -> impl DoubleEndedIterator<Item = &Passage> {
        self.passages.iter()
    }

    /// Where the clocks stand to each other at `now`; none before the first passage.
    pub fn read(&self, now: f64, trend: Trend) -> Option<Reading> {
        let mut forward = Lowest::default();
        let mut backward = Lowest::default();
        for passage in &self.passages {
            let age = (now - passage.at).max(0.0);
            let (moved, doubt) = (trend.skew * age, trend.doubt_after(age));
            forward.offer(Floor {
                raw: passage.forward,
                time: passage.forward + moved,
                age,
                doubt,
            });
            backward.offer(Floor {
                raw: passage.backward,
                time: passage.backward - moved,
                age,
                doubt,
            });
        }
        let (forward, backward) = (forward.summary()?, backward.summary()?);
        let noise = CAUTION * ((forward.spread + backward.spread) / 2.0 + STAMP_NOISE);
        Some(Reading {
            offset: (forward.raw - backward.raw) / 2.0,
            sigma: noise,
            age: (forward.age + backward.age) / 2.0,
        })
    }
}

/// What the floors of both directions say about the skew alone.
#[derive(Clone, Copy, Debug)]
pub(super) struct SkewHint {
    /// The skew under which the floors lie highest.
    pub skew: f64,
    /// How much higher than under the skew that was asked about. (seconds)
    pub gain: f64,
    /// How far above the path's own floors the floors of so few passages lie by chance, both
    /// directions together. (seconds)
    pub chance: f64,
}

impl Envelope {
    /// The skew near `skew` under which the floors of recent passages lie highest.
    ///
    /// A wrong skew moves old passages below what the path can do, in one direction or the
    /// other, and so lowers the sum of both floors; the right one makes it as high as it gets.
    pub fn highest_floors(&self, now: f64, skew: f64) -> SkewHint {
        let floors = |skew: f64| {
            let mut lowest = [f64::INFINITY; 2];
            for passage in self.passages.iter().filter(|p| now - p.at < RECENT) {
                let moved = skew * (now - passage.at);
                lowest[0] = lowest[0].min(passage.forward + moved);
                lowest[1] = lowest[1].min(passage.backward - moved);
            }
            lowest[0] + lowest[1]
        };
        // The sum is a concave function of the skew: two thirds hold its top each time.
        let (mut low, mut high) = (skew - LARGEST_BEND, skew + LARGEST_BEND);
        while high - low > BEND_RESOLUTION {
            let third = (high - low) / 3.0;
            if floors(low + third) < floors(high - third) {
                low += third;
            } else {
                high -= third;
            }
        }
        let best = (low + high) / 2.0;
        let gain = floors(best) - floors(skew);
        SkewHint { skew: best, gain, chance: self.chance(now, best) }
    }

    /// Of `n` delays whose mean is so much above the floor the lowest is an n-th of it above.
    fn chance(&self, now: f64, skew: f64) -> f64 {
        let recent = || self.passages.iter().filter(|p| now - p.at < RECENT);
        let typical = |of: &dyn Fn(&Passage) -> f64| {
            let mut times: Vec<f64> = recent().map(of).collect();
            times.sort_by(f64::total_cmp);
            let count = times.len();
            // The median, so that a few long waits do not hide a bend.
            times.first().map_or(0.0, |least| (times[count / 2] - least) / count as f64)
        };
        typical(&|p| p.forward + skew * (now - p.at))
            + typical(&|p| p.backward - skew * (now - p.at))
    }
}

/// A one-way time moved to the present.
#[derive(Clone, Copy, Debug)]
struct Floor {
    /// As it was measured. (seconds)
    raw: f64,
    /// Moved to the present along the skew. (seconds)
    time: f64,
    /// (seconds)
    age: f64,
    /// One standard deviation of the move. (seconds)
    doubt: f64,
}

impl Floor {
    /// What it is chosen by: a passage that was moved must be lower by the doubt of the move.
    fn rank(&self) -> f64 {
        self.time + MOVE_PENALTY * self.doubt
    }
}

/// The lowest few, lowest first.
#[derive(Default)]
struct Lowest {
    floors: [Option<Floor>; LOWEST],
}

struct Summary {
    raw: f64,
    spread: f64,
    age: f64,
}

impl Lowest {
    fn offer(&mut self, floor: Floor) {
        let mut candidate = floor;
        for slot in &mut self.floors {
            match slot {
                Some(held) if held.rank() <= candidate.rank() => {}
                Some(held) => std::mem::swap(held, &mut candidate),
                None => {
                    *slot = Some(candidate);
                    return;
                }
            }
        }
    }

    fn summary(&self) -> Option<Summary> {
        let held = || self.floors.iter().flatten();
        let count = held().count() as f64;
        if count == 0.0 {
            return None;
        }
        let mean = |of: fn(&Floor) -> f64| held().map(of).sum::<f64>() / count;
        let lowest = held().map(|f| f.time).fold(f64::INFINITY, f64::min);
        let highest = held().map(|f| f.time).fold(f64::NEG_INFINITY, f64::max);
        Some(Summary { raw: mean(|f| f.raw), spread: highest - lowest, age: mean(|f| f.age) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STILL: Trend = Trend { skew: 0.0, doubt: 0.0, walk: 0.0 };

    #[test]
    fn a_fast_way_there_is_of_use_although_the_way_back_was_slow() {
        let mut envelope = Envelope::default();
        for k in 0..10 {
            let at = f64::from(k);
            // True offset 2 s; floors 1 ms; each exchange is slow in one direction.
            let slow = if k % 2 == 0 { (0.020, 0.0) } else { (0.0, 0.020) };
            envelope.add(Passage {
                at,
                forward: 2.0 + 0.001 + slow.0,
                backward: -2.0 + 0.001 + slow.1,
            });
        }
        let reading = envelope.read(9.0, STILL).expect("ten passages");
        assert!((reading.offset - 2.0).abs() < 1e-9, "{reading:?}");
        assert!(reading.sigma < 10e-6, "{reading:?}");
    }

    #[test]
    fn old_passages_are_moved_along_the_skew() {
        let skew = 100e-6;
        let mut envelope = Envelope::default();
        for k in 0..12 {
            let at = f64::from(k);
            let queue = if k < 3 { 0.0 } else { 0.005 };
            let offset = skew * at;
            envelope.add(Passage { at, forward: offset + queue, backward: -offset + queue });
        }
        let trend = Trend { skew, doubt: 0.1e-6, walk: 0.0 };
        let reading = envelope.read(11.0, trend).expect("twelve passages");
        assert!((reading.offset + skew * reading.age - skew * 11.0).abs() < 1e-6, "{reading:?}");
        assert!(reading.age > 8.0, "it rests on the first three: {reading:?}");
    }

    #[test]
    fn while_the_skew_is_unknown_young_passages_are_preferred() {
        let mut envelope = Envelope::default();
        for k in 0..12 {
            // The oldest were fastest, but by less than the skew may have moved them.
            let queue = 10e-6 * f64::from(k);
            envelope.add(Passage { at: f64::from(k), forward: queue, backward: queue });
        }
        let reading =
            envelope.read(11.0, Trend { skew: 0.0, doubt: 100e-6, walk: 0.0 }).expect("passages");
        assert!(reading.age < 2.0, "{reading:?}");
    }

    #[test]
    fn the_floors_lie_highest_under_the_true_skew() {
        let mut envelope = Envelope::default();
        for k in 0..20 {
            let at = f64::from(k);
            let queue = 10e-6 * f64::from(k % 3);
            envelope.add(Passage { at, forward: 40e-6 * at + queue, backward: queue - 40e-6 * at });
        }
        let hint = envelope.highest_floors(19.0, 0.0);
        assert!((hint.skew - 40e-6).abs() < 1e-6, "{hint:?}");
        assert!(hint.gain > 700e-6, "{hint:?}");
        assert!(envelope.highest_floors(19.0, 40e-6).gain < 2e-6);
    }

    #[test]
    fn it_remembers_a_minute_and_no_more() {
        let mut envelope = Envelope::default();
        for k in 0..10_000 {
            envelope.add(Passage { at: f64::from(k) * 0.5, forward: 0.0, backward: 0.0 });
        }
        assert!(envelope.len() <= 121, "{} passages", envelope.len());
    }
}
