//! Keeps the relay's clock close to that of Redis, so that a swarm's next owner tells the same
//! time as the last one.
//!
//! Every renewal of the lease brings Redis's time. The exchange with the shortest round trip of
//! the last eight says how far this clock is off; it is then led back slowly. Members follow a
//! rate that changes by a few parts per million as they follow any crystal's. A step of Redis's
//! own clock is never followed by a step.
//!
//! After a sleep of this computer its clock is off by what the system does not know of it, and
//! what was measured before says nothing. Members learn the clock anew then, and so it is set
//! once, by exchanges of its own, instead of being led for hours.

use std::collections::VecDeque;

use protocol::{Span, SwarmTime};

/// Exchanges that are compared. At one a second the best of them is a few seconds old, in which
/// two crystals part by less than the shortest round trip.
pub(crate) const EXCHANGES: usize = 8;

/// What is corrected of an error within one second.
///
/// A crystal that is 20 parts per million off then keeps a distance of 0.3 ms.
const GAIN: f64 = 1.0 / 16.0;

/// Fastest correction: inaudible, and well within what members' clock filters follow.
/// (parts per million)
const FASTEST: f64 = 30.0;

/// Below it a clock that is off after a sleep is led back and not set: that takes half a minute,
/// and spares the members another clock to learn.
const LEAST_STEP: Span = Span::from_millis(1);

/// One question for Redis's time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Exchange {
    /// This relay's clock when it asked.
    pub(crate) asked: SwarmTime,
    /// Redis's clock.
    pub(crate) told: SwarmTime,
    /// This relay's clock when the answer came.
    pub(crate) answered: SwarmTime,
}

impl Exchange {
    fn round_trip(&self) -> Span {
        self.answered - self.asked
    }

    /// How far Redis's clock is ahead of this relay's.
    fn ahead(&self) -> Span {
        self.told - (self.asked + self.round_trip().mul_f64(0.5))
    }
}

/// How far Redis's clock is ahead, by the exchange that was held up least.
pub(crate) fn best(exchanges: impl IntoIterator<Item = Exchange>) -> Option<Span> {
    exchanges.into_iter().min_by_key(Exchange::round_trip).map(|exchange| exchange.ahead())
}

/// How this relay's clock is to be moved.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Correction {
    /// By so little that members take it for the pace of a crystal.
    Slew(Span),
    /// At once, and under another name.
    Step(Span),
}

/// Leads a clock along another one.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    recent: VecDeque<Exchange>,
    corrected: Option<SwarmTime>,
    /// The computer slept, and the clock was not set since.
    is_learning: bool,
}

impl Pace {
    /// The computer slept: nothing that was measured before counts.
    pub(crate) fn slept(&mut self) {
        *self = Self { is_learning: true, ..Self::default() };
    }

    /// True while exchanges are wanted at once, and not only at the usual pace.
    pub(crate) fn is_learning(&self) -> bool {
        self.is_learning
    }

    /// How to move this relay's clock now.
    pub(crate) fn correction(&mut self, exchange: Exchange) -> Correction {
        if self.recent.len() == EXCHANGES {
            self.recent.pop_front();
        }
        self.recent.push_back(exchange);
        if self.is_learning {
            return self.first_correction();
        }
        let now = exchange.answered;
        let since = self.corrected.replace(now).map_or(Span::ZERO, |last| now - last);
        let ahead = best(self.recent.iter().copied()).unwrap_or_default();
        let seconds = since.as_secs_f64().clamp(0.0, 10.0);
        let most = FASTEST * 1e-6 * seconds;
        let correction = (ahead.as_secs_f64() * GAIN * seconds).clamp(-most, most);
        let correction = Span::from_secs_f64(correction);
        self.moved_by(correction);
        Correction::Slew(correction)
    }

    /// Sets the clock once there are as many exchanges as at the start.
    fn first_correction(&mut self) -> Correction {
        if self.recent.len() < EXCHANGES {
            return Correction::Slew(Span::ZERO);
        }
        self.is_learning = false;
        let ahead = best(self.recent.iter().copied()).unwrap_or_default();
        if ahead.abs() < LEAST_STEP {
            return Correction::Slew(Span::ZERO);
        }
        self.moved_by(ahead);
        Correction::Step(ahead)
    }

    /// What was measured before is older than the correction.
    fn moved_by(&mut self, correction: Span) {
        for exchange in &mut self.recent {
            exchange.asked += correction;
            exchange.answered += correction;
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};

    use super::*;

    /// Runs a clock that is `ppm` too fast and begins `off` ahead for an hour; returns its
    /// largest error after the first ten minutes, and its fastest correction within a second.
    fn hour(ppm: f64, off: Span, seed: u64) -> (Span, f64) {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
        let (mut pace, mut error) = (Pace::default(), off.as_secs_f64());
        let (mut worst, mut fastest) = (0.0_f64, 0.0_f64);
        for second in 0..3_600 {
            let at = f64::from(second);
            error += ppm * 1e-6;
            // One answer in four is held up, and only on one of its ways.
            let held_up =
                if rng.random_range(0..4) == 0 { rng.random_range(0.0..0.02) } else { 0.0 };
            let way = 0.000_1 + rng.random_range(0.0..0.000_05);
            let exchange = Exchange {
                asked: swarm(at + error),
                told: swarm(at + way + held_up),
                answered: swarm(at + error + 2.0 * way + held_up),
            };
            let Correction::Slew(correction) = pace.correction(exchange) else {
                panic!("seed {seed}: a step in second {second}");
            };
            let correction = correction.as_secs_f64();
            error += correction;
            fastest = fastest.max(correction.abs());
            if second > 600 {
                worst = worst.max(error.abs());
            }
        }
        (Span::from_secs_f64(worst), fastest * 1e6)
    }

    #[test]
    fn two_crystals_stay_together_within_half_a_millisecond() {
        for (seed, ppm) in [(1, -20.0), (2, -5.0), (3, 0.0), (4, 7.5), (5, 20.0)] {
            let (worst, fastest) = hour(ppm, Span::from_millis(1), seed);
            assert!(worst < Span::from_micros(500), "{ppm} ppm: {worst:?}");
            assert!(fastest <= FASTEST * 1.03, "{ppm} ppm: {fastest} ppm");
        }
    }

    #[test]
    fn a_step_of_the_other_clock_is_followed_at_a_rate_nobody_hears() {
        let (worst, fastest) = hour(0.0, Span::from_secs(10), 6);
        assert!(worst > Span::from_secs(9), "it takes its time");
        assert!(fastest <= FASTEST * 1.03, "{fastest} ppm");
    }

    #[test]
    fn after_a_sleep_the_clock_is_set_once_by_what_was_measured_since() {
        for seed in 0..50 {
            let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
            let mut pace = Pace::default();
            // What was measured in the moment before the clock was put forward: an hour off, and
            // held up by nothing.
            for _ in 0..EXCHANGES {
                pace.correction(measured(3_600.0, 0.0));
            }
            pace.slept();
            // The system knew how long the sleep was to a fraction of a second.
            let mut error: f64 = rng.random_range(0.002..0.4);
            if rng.random() {
                error = -error;
            }
            let mut steps = Vec::new();
            for number in 0..60 {
                let way_back = if number % 4 == 0 { 0.02 } else { rng.random_range(0.0..0.000_2) };
                match pace.correction(measured(error, way_back)) {
                    Correction::Step(by) => {
                        error += by.as_secs_f64();
                        steps.push(number);
                    }
                    Correction::Slew(by) => {
                        assert!(!pace.is_learning() || by == Span::ZERO, "seed {seed}");
                        error += by.as_secs_f64();
                    }
                }
            }
            assert_eq!(steps, [EXCHANGES - 1], "seed {seed}: by the best of eight, and once");
            assert!(error.abs() < 0.000_2, "seed {seed}: {error} s off");
        }
    }

    #[test]
    fn a_clock_that_is_right_after_a_sleep_gets_no_other_name() {
        let mut pace = Pace::default();
        pace.slept();
        for _ in 0..20 {
            assert!(matches!(pace.correction(measured(0.000_5, 0.0)), Correction::Slew(_)));
        }
        assert!(!pace.is_learning());
    }

    /// An exchange of a clock that is `error` ahead, whose answer took `way_back`. (seconds)
    fn measured(error: f64, way_back: f64) -> Exchange {
        Exchange {
            asked: swarm(10.0 + error),
            told: swarm(10.0),
            answered: swarm(10.0 + error + way_back),
        }
    }

    #[test]
    fn the_exchange_that_was_held_up_least_is_believed() {
        let exchange = |ahead: f64, round_trip: f64| Exchange {
            asked: swarm(5.0),
            told: swarm(5.0 + round_trip / 2.0 + ahead),
            answered: swarm(5.0 + round_trip),
        };
        let best = best([exchange(0.3, 0.5), exchange(0.1, 0.01), exchange(0.2, 0.1)]);
        let error = best.expect("three exchanges") - Span::from_millis(100);
        assert!(error.abs() < Span::from_micros(1), "{error:?}");
    }

    fn swarm(seconds: f64) -> SwarmTime {
        SwarmTime::default() + Span::from_secs_f64(seconds)
    }
}
