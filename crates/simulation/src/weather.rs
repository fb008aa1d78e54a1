//! A network as a function of time: whoever sends at the same moment waits equally long.
//!
//! Every rule that is compared asks at times of its own. So that none is lucky, a delay is
//! drawn from the seed, the direction and the millisecond a message is sent in, and not from
//! how many were sent before. Messages are independent, as over UDP: each may be lost, and a
//! later one may overtake.

use protocol::time::Span;
use rand::RngExt;
use sync_core::ClockSample;

use crate::crystal::TrueTime;
use crate::network::{Dice, Direction, Path, THINKING, dice};
use crate::oscillator::Oscillator;

/// A kind of network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Network {
    /// Floors and jitter.
    pub path: Path,
    /// Share of messages that never arrive. (0-1)
    pub loss: f64,
    /// Share of messages that are overtaken. (0-1)
    pub strays: f64,
    /// Mean time between two standing queues; none without them. (seconds)
    pub queues_every: Option<f64>,
}

/// How late an overtaken message is, at most. (s)
const LONGEST_STRAY: f64 = 0.040;

/// Delay that a standing queue adds to one direction: what a home router's buffer holds at a
/// usual uplink. (s)
const QUEUE_DELAY: [f64; 2] = [0.020, 0.080];

/// How long a queue stands. (s)
const QUEUE_LENGTH: [f64; 2] = [1.0, 6.0];

impl Network {
    /// A path without loss, strays or queues.
    pub const fn plain(path: Path) -> Self {
        Self { path, loss: 0.0, strays: 0.0, queues_every: None }
    }
}

/// One device's network over a whole run.
#[derive(Clone, Debug)]
pub struct Weather {
    network: Network,
    seed: u64,
    queues: Vec<Queue>,
}

/// A buffer that something else keeps full.
#[derive(Clone, Copy, Debug)]
struct Queue {
    direction: Direction,
    /// (seconds)
    from: f64,
    to: f64,
    delay: f64,
}

impl Weather {
    /// The weather of `seed` for so many seconds.
    pub fn new(network: Network, seed: u64, seconds: f64) -> Self {
        let mut dice = dice(seed);
        let mut queues = Vec::new();
        if let Some(every) = network.queues_every {
            let mut at = 0.0;
            loop {
                at += -every * (1.0 - dice.random::<f64>()).ln();
                if at >= seconds {
                    break;
                }
                let is_up = dice.random::<bool>();
                let direction = if is_up { Direction::Up } else { Direction::Down };
                let length = within(QUEUE_LENGTH, &mut dice);
                let delay = within(QUEUE_DELAY, &mut dice);
                queues.push(Queue { direction, from: at, to: at + length, delay });
                at += length;
            }
        }
        Self { network, seed, queues }
    }

    /// How long a message sent at `at` takes; none if it is lost.
    pub fn delay(&self, direction: Direction, at: TrueTime) -> Option<Span> {
        let at = at.as_secs_f64();
        let slot = (at * 1e3) as u64 * 2 + u64::from(direction == Direction::Up);
        // An odd factor spreads neighbouring moments over all seeds.
        let mut dice = dice(self.seed ^ slot.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let is_lost = dice.random::<f64>() < self.network.loss;
        let is_stray = dice.random::<f64>() < self.network.strays;
        let stray = if is_stray { within([0.0, LONGEST_STRAY], &mut dice) } else { 0.0 };
        let queue = self
            .queues
            .iter()
            .find(|queue| queue.direction == direction && (queue.from..queue.to).contains(&at));
        let added = Span::from_secs_f64(stray + queue.map_or(0.0, |queue| queue.delay));
        (!is_lost).then(|| self.network.path.delay(direction, &mut dice) + added)
    }

    /// One time exchange begun at `at` between two clocks, and when its answer arrived.
    pub fn exchange(
        &self,
        at: TrueTime,
        [device, root]: [&Oscillator; 2],
    ) -> Option<(ClockSample, TrueTime)> {
        let arrived = at + self.delay(Direction::Up, at)?;
        let answered = arrived + THINKING;
        let returned = answered + self.delay(Direction::Down, answered)?;
        let [t0, t3] = [at, returned].map(|at| device.local(at));
        let [t1, t2] = [arrived, answered].map(|at| root.swarm(at));
        Some((ClockSample { t0, t1, t2, t3 }, returned))
    }
}

fn within([low, high]: [f64; 2], dice: &mut Dice) -> f64 {
    low + (high - low) * dice.random::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> TrueTime {
        TrueTime::from_secs_f64(seconds)
    }

    fn delays(network: Network, direction: Direction) -> Vec<Option<f64>> {
        let weather = Weather::new(network, 5, 100.0);
        (0..10_000)
            .map(|k| Some(weather.delay(direction, at(f64::from(k) * 0.01))?.as_secs_f64()))
            .collect()
    }

    #[test]
    fn who_asks_twice_is_told_the_same_and_the_moments_differ() {
        let weather = Weather::new(Network::plain(Path::GOOD_WIFI), 1, 10.0);
        let told = |seconds| weather.delay(Direction::Up, at(seconds));
        assert_eq!(told(3.0), told(3.0));
        assert_ne!(told(3.0), told(3.01));
        assert_ne!(told(3.0), weather.delay(Direction::Down, at(3.0)));
    }

    #[test]
    fn loss_strays_and_queues_come_as_often_as_they_should() {
        let wired = Network::plain(Path::WIRED);
        let lossy = delays(Network { loss: 0.05, ..wired }, Direction::Up);
        let lost = lossy.iter().filter(|delay| delay.is_none()).count();
        assert!((400..600).contains(&lost), "{lost} of ten thousand");
        let strays = delays(Network { strays: 0.1, ..wired }, Direction::Up);
        let late = strays.iter().flatten().filter(|delay| **delay > 0.004).count();
        assert!((800..1_000).contains(&late), "{late} of ten thousand");
        for direction in [Direction::Up, Direction::Down] {
            let queued = delays(Network { queues_every: Some(10.0), ..wired }, direction);
            let waits = queued.iter().flatten().filter(|delay| **delay > 0.020).count();
            assert!((500..4_000).contains(&waits), "{waits} of ten thousand");
        }
    }
}
