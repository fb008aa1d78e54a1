//! Clocks that do what real ones do over an hour: wander, warm up, are slewed, sleep and jump.
//!
//! A [`Crystal`] is wrong in a smooth way. An [`Oscillator`] is a crystal and what happens to
//! it. It can be read at any true time and in any order, and reads the same each time.

use protocol::time::{LocalTime, Span, SwarmTime};
use rand::RngExt;

use crate::crystal::{Crystal, TrueTime};
use crate::network::Dice;

/// What happens to a clock.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Trouble {
    /// A network time daemon slews it for a while.
    Slew {
        /// (seconds)
        at: f64,
        /// (seconds)
        length: f64,
        /// (ppm)
        ppm: f64,
    },
    /// The machine sleeps: the clock stands still.
    Suspend {
        /// (seconds)
        at: f64,
        /// (seconds)
        length: f64,
    },
    /// It jumps ahead.
    Jump {
        /// (seconds)
        at: f64,
        /// How far.
        by: Span,
    },
}

/// A crystal and what happens to it.
#[derive(Clone, Debug)]
pub struct Oscillator {
    crystal: Crystal,
    /// Seconds gained by a random walk of the rate, at each whole second.
    wandered: Vec<f64>,
    troubles: Vec<Trouble>,
}

impl From<Crystal> for Oscillator {
    fn from(crystal: Crystal) -> Self {
        Self { crystal, wandered: Vec::new(), troubles: Vec::new() }
    }
}

impl Oscillator {
    /// Lets the rate walk at random by `ppm` per √second for the first `seconds`.
    #[must_use]
    pub fn wandering(mut self, ppm: f64, seconds: usize, dice: &mut Dice) -> Self {
        let (mut rate, mut gained) = (0.0, 0.0);
        self.wandered = (0..seconds + 2)
            .map(|_| {
                let before = gained;
                gained += rate * 1e-6;
                rate += ppm * gaussian(dice);
                before
            })
            .collect();
        self
    }

    /// Lets `trouble` happen to it.
    #[must_use]
    pub fn with(mut self, trouble: Trouble) -> Self {
        self.troubles.push(trouble);
        self
    }

    /// What it says at `at`, read as a device's own clock.
    pub fn local(&self, at: TrueTime) -> LocalTime {
        self.crystal.local(at) + self.gained(at.as_secs_f64())
    }

    /// What it says at `at`, read as a time root's clock.
    pub fn swarm(&self, at: TrueTime) -> SwarmTime {
        self.crystal.swarm(at) + self.gained(at.as_secs_f64())
    }

    /// How fast it runs at so many seconds. (ppm)
    pub fn rate_ppm(&self, at: f64) -> f64 {
        let slews = self.troubles.iter().filter_map(|trouble| match *trouble {
            Trouble::Slew { at: from, length, ppm } if (from..from + length).contains(&at) => {
                Some(ppm)
            }
            _ => None,
        });
        let second = at.max(0.0) as usize;
        let walk = match self.wandered.get(second..=second + 1) {
            Some(gained) => (gained[1] - gained[0]) * 1e6,
            None => 0.0,
        };
        self.crystal.rate_ppm(TrueTime::from_secs_f64(at)) + walk + slews.sum::<f64>()
    }

    /// The time the machine wakes, if it sleeps at `at`. (seconds)
    pub fn wakes(&self, at: f64) -> Option<f64> {
        self.troubles.iter().find_map(|trouble| match *trouble {
            Trouble::Suspend { at: from, length } if at > from && at < from + length => {
                Some(from + length)
            }
            _ => None,
        })
    }

    /// What it gained on its crystal.
    fn gained(&self, at: f64) -> Span {
        let second = at.max(0.0) as usize;
        let walk = match self.wandered.get(second..=second + 1) {
            Some(gained) => gained[0] + (gained[1] - gained[0]) * at.fract(),
            None => self.wandered.last().copied().unwrap_or(0.0),
        };
        self.troubles.iter().fold(Span::from_secs_f64(walk), |gained, trouble| {
            gained
                + match *trouble {
                    Trouble::Slew { at: from, length, ppm } => {
                        Span::from_secs_f64((at - from).clamp(0.0, length) * ppm * 1e-6)
                    }
                    Trouble::Suspend { at: from, length } => {
                        -Span::from_secs_f64((at - from).clamp(0.0, length))
                    }
                    Trouble::Jump { at: from, by } if at >= from => by,
                    Trouble::Jump { .. } => Span::ZERO,
                }
        })
    }
}

/// A draw from the normal distribution, by Box and Muller's rule.
pub fn gaussian(dice: &mut Dice) -> f64 {
    let radius = (-2.0 * (1.0 - dice.random::<f64>()).ln()).sqrt();
    radius * (std::f64::consts::TAU * dice.random::<f64>()).cos()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::dice;

    /// What a clock gains between two moments. (µs)
    fn gains(clock: &Oscillator, from: f64, to: f64) -> f64 {
        let read = |at| clock.local(TrueTime::from_secs_f64(at));
        (read(to) - read(from) - Span::from_secs_f64(to - from)).as_micros_f64()
    }

    #[test]
    fn troubles_do_what_they_say_and_end() {
        let slewed = Oscillator::from(Crystal::PERFECT).with(Trouble::Slew {
            at: 10.0,
            length: 20.0,
            ppm: -50.0,
        });
        assert_eq!(gains(&slewed, 0.0, 10.0), 0.0);
        assert_eq!(gains(&slewed, 0.0, 20.0), -500.0);
        assert_eq!(gains(&slewed, 30.0, 90.0), 0.0);
        assert_eq!(slewed.rate_ppm(20.0), -50.0);
        let asleep =
            Oscillator::from(Crystal::PERFECT).with(Trouble::Suspend { at: 5.0, length: 3.0 });
        assert_eq!(gains(&asleep, 4.0, 60.0), -3e6);
        assert_eq!((asleep.wakes(6.0), asleep.wakes(9.0)), (Some(8.0), None));
        let by = Span::from_millis(7);
        let jumped = Oscillator::from(Crystal::PERFECT).with(Trouble::Jump { at: 5.0, by });
        assert_eq!((gains(&jumped, 0.0, 4.9), gains(&jumped, 4.9, 5.1)), (0.0, 7_000.0));
    }

    #[test]
    fn a_rate_that_wanders_is_the_slope_of_the_reading() {
        let crystal = Crystal { origin: Span::ZERO, ppm: 30.0, swing: 0.6 };
        let clock = Oscillator::from(crystal).wandering(0.05, 100, &mut dice(4));
        for at in [0.5, 20.25, 77.5] {
            let slope = gains(&clock, at - 0.2, at + 0.2) / 0.4;
            assert!((slope - clock.rate_ppm(at)).abs() < 0.05, "{slope} at {at}");
        }
        assert!((clock.rate_ppm(90.5) - clock.rate_ppm(0.5)).abs() > 0.1, "it does not wander");
    }
}
