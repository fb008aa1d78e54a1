//! When each swarm of a relay that is about to end leaves for another one: at a moment of its own,
//! so that they do not all arrive elsewhere at once, and none later than was asked for.
//!
//! Moments come in as arguments; the task that sends the swarms away is in `keeper.rs`.

use std::collections::BTreeSet;
use std::time::Duration;

use protocol::SwarmHash;
use rand::{Rng, RngExt};
use tokio::time::Instant;

/// The departures of one relay. Nothing leaves before [`Self::begin`].
#[derive(Debug, Default)]
pub(super) struct Departures {
    /// By then every swarm has been told to leave; none while the relay stays.
    until: Option<Instant>,
    /// In the order in which they leave.
    next: BTreeSet<(Instant, SwarmHash)>,
    /// Those that leave or have been told to, so that none is told twice.
    known: BTreeSet<SwarmHash>,
}

impl Departures {
    /// From now on swarms leave, all of them within `span`.
    pub(super) fn begin(&mut self, now: Instant, span: Duration) {
        self.until = Some(now + span);
    }

    /// Draws a moment for every swarm that has none, in the time that is left.
    pub(super) fn plan<'a>(
        &mut self,
        now: Instant,
        swarms: impl IntoIterator<Item = &'a SwarmHash>,
        rng: &mut impl Rng,
    ) {
        let Some(until) = self.until else { return };
        let left = until.saturating_duration_since(now);
        for swarm in swarms {
            if self.known.insert(swarm.clone()) {
                let at = now + left.mul_f64(rng.random());
                self.next.insert((at, swarm.clone()));
            }
        }
    }

    /// When [`Self::next`] has something.
    pub(super) fn due(&self) -> Option<Instant> {
        self.next.first().map(|(at, _)| *at)
    }

    /// A swarm that leaves now.
    pub(super) fn next(&mut self, now: Instant) -> Option<SwarmHash> {
        self.next.first().filter(|(at, _)| *at <= now)?;
        self.next.pop_first().map(|(_, swarm)| swarm)
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    const SPAN: Duration = Duration::from_millis(2_500);

    #[test]
    fn swarms_leave_one_after_the_other_and_all_within_the_time_given() {
        for seed in 0..50 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let (begun, swarms) = (Instant::now(), swarms(0..200));
            let mut departures = Departures::default();
            departures.begin(begun, SPAN);
            departures.plan(begun, &swarms, &mut rng);
            let moments: Vec<Duration> =
                leave(&mut departures).into_iter().map(|(at, _)| at - begun).collect();
            assert_eq!(moments.len(), 200, "seed {seed}");
            assert!(moments.is_sorted() && moments.iter().all(|at| *at <= SPAN), "seed {seed}");
            // Of 200 in ten parts of the time, none of which is empty or holds a third of them.
            for part in 0..10_u32 {
                let [from, to] = [part, part + 1].map(|tenth| SPAN / 10 * tenth);
                let count = moments.iter().filter(|at| (from..to).contains(*at)).count();
                assert!((1..66).contains(&count), "seed {seed}: {count} of 200 in part {part}");
            }
        }
    }

    #[test]
    fn a_swarm_that_comes_late_leaves_in_what_is_left_of_the_time_and_none_leaves_twice() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let (begun, swarms) = (Instant::now(), swarms(0..3));
        let mut departures = Departures::default();
        departures.plan(begun, &swarms, &mut rng);
        assert_eq!(departures.due(), None, "the relay stays");
        departures.begin(begun, SPAN);
        departures.plan(begun, &swarms[..1], &mut rng);
        assert_eq!(leave(&mut departures).len(), 1);
        // It is kept here still, until it is released.
        let later = begun + SPAN / 2;
        departures.plan(later, &swarms[..2], &mut rng);
        let [(at, swarm)] = leave(&mut departures).try_into().expect("one that is new");
        assert_eq!(swarm, swarms[1]);
        assert!((later..=begun + SPAN).contains(&at));
        let too_late = begun + SPAN * 2;
        departures.plan(too_late, &swarms, &mut rng);
        assert_eq!(departures.next(too_late), Some(swarms[2].clone()), "at once");
        assert_eq!(departures.next(too_late), None);
    }

    /// Lets everyone leave who has a moment, each at that.
    fn leave(departures: &mut Departures) -> Vec<(Instant, SwarmHash)> {
        let mut left = Vec::new();
        while let Some(at) = departures.due() {
            left.push((at, departures.next(at).expect("it is due")));
        }
        left
    }

    fn swarms(numbers: std::ops::Range<u32>) -> Vec<SwarmHash> {
        numbers.map(|number| format!("{number:064x}").parse().expect("hex")).collect()
    }
}
