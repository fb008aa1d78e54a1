//! Paths between a device and the relay.
//!
//! Delay only adds: each direction has a floor, a memoryless jitter above it, and now and
//! then a long wait. Figures after the profiles that published players were compared by.

use protocol::time::{LocalTime, Span};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sync_core::ClockSample;

use crate::crystal::{Crystal, TrueTime};

/// A seeded source of chance.
pub type Dice = ChaCha8Rng;

/// Chance that a seed repeats.
pub fn dice(seed: u64) -> Dice {
    ChaCha8Rng::seed_from_u64(seed)
}

/// Which way a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the device.
    Up,
    /// To the device.
    Down,
}

/// One way between a device and the relay, and back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Path {
    /// Least delay to the relay.
    pub floor_up: Span,
    /// Least delay from the relay.
    pub floor_down: Span,
    /// Mean of the added delay.
    pub jitter: Span,
    /// Longest delay of another kind, of which all lengths are alike: passages near the floor
    /// are rare.
    pub spread: Span,
    /// Share of messages that wait long. (0-1)
    pub spike_share: f64,
    /// Mean of the long waits.
    pub spike: Span,
}

impl Path {
    /// A cable and a switch.
    pub const WIRED: Self = Self::even(100, 20, 0.01, 500);
    /// A room with its own access point.
    pub const GOOD_WIFI: Self = Self::even(800, 400, 0.03, 5_000);
    /// A house in which others download.
    pub const BUSY_WIFI: Self = Self::even(1_000, 4_000, 0.10, 30_000);
    /// A relay in another country.
    pub const WAN: Self = Self::even(20_000, 1_000, 0.02, 20_000);

    /// 20 ± 10 ms each way, all lengths alike: as hard as a path gets that music is played over.
    pub const JITTER: Self =
        Self { spread: Span::from_millis(20), ..Self::even(10_000, 0, 0.0, 0) };

    /// The same both ways. (microseconds; share 0-1)
    pub const fn even(floor: i64, jitter: i64, spike_share: f64, spike: i64) -> Self {
        Self {
            floor_up: Span::from_micros(floor),
            floor_down: Span::from_micros(floor),
            jitter: Span::from_micros(jitter),
            spread: Span::ZERO,
            spike_share,
            spike: Span::from_micros(spike),
        }
    }

    /// How long one message takes.
    pub fn delay(&self, direction: Direction, dice: &mut Dice) -> Span {
        let floor = match direction {
            Direction::Up => self.floor_up,
            Direction::Down => self.floor_down,
        };
        let waits_long = dice.random::<f64>() < self.spike_share;
        let spike = if waits_long { self.spike } else { Span::ZERO };
        let spread = match self.spread {
            Span::ZERO => Span::ZERO,
            longest => longest.mul_f64(dice.random::<f64>()),
        };
        floor + spread + memoryless(self.jitter, dice) + memoryless(spike, dice)
    }

    /// One time exchange begun at `at` between two clocks, and when its answer arrived.
    pub fn exchange(
        &self,
        at: TrueTime,
        [device, root]: [&Crystal; 2],
        dice: &mut Dice,
    ) -> (ClockSample, TrueTime) {
        let arrived = at + self.delay(Direction::Up, dice);
        let answered = arrived + THINKING;
        let returned = answered + self.delay(Direction::Down, dice);
        let [t0, t3]: [LocalTime; 2] = [at, returned].map(|at| device.local(at));
        let [t1, t2] = [arrived, answered].map(|at| root.swarm(at));
        (ClockSample { t0, t1, t2, t3 }, returned)
    }
}

/// Time a relay takes to answer a ping.
pub const THINKING: Span = Span::from_micros(20);

fn memoryless(mean: Span, dice: &mut Dice) -> Span {
    mean.mul_f64(-(1.0 - dice.random::<f64>()).ln())
}
