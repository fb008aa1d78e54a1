//! What the clock filter promises, against clocks and paths whose truth is known.

use protocol::time::{LocalTime, Span, SwarmTime};
use simulation::network::{Dice, dice};
use simulation::{Crystal, Path, TrueTime};
use sync_core::clock::{ClockFilter, ClockSample, SampleError};

const ROOT: Crystal = Crystal { origin: Span::ZERO, ppm: 10.0, swing: -0.3 };

#[test]
fn on_a_wired_path_the_clock_is_known_to_ten_microseconds() {
    let mut errors = settled_errors(Path::WIRED);
    assert_at_most(&mut errors, [("p50", 0.5, 4.0), ("p99", 0.99, 10.0), ("max", 1.0, 15.0)]);
}

#[test]
fn on_good_wifi_the_clock_is_known_to_fifty_microseconds() {
    let mut errors = settled_errors(Path::GOOD_WIFI);
    assert_at_most(&mut errors, [("p50", 0.5, 15.0), ("p99", 0.99, 50.0), ("max", 1.0, 120.0)]);
}

#[test]
fn on_busy_wifi_the_clock_is_known_to_a_quarter_of_a_millisecond() {
    let mut errors = settled_errors(Path::BUSY_WIFI);
    assert_at_most(&mut errors, [("p50", 0.5, 50.0), ("p99", 0.99, 250.0), ("max", 1.0, 600.0)]);
}

#[test]
fn over_a_distant_relay_the_clock_is_known_to_a_tenth_of_a_millisecond() {
    let mut errors = settled_errors(Path::WAN);
    assert_at_most(&mut errors, [("p50", 0.5, 25.0), ("p99", 0.99, 100.0), ("max", 1.0, 300.0)]);
}

#[test]
fn the_start_burst_alone_gives_a_clock_that_music_can_start_by() {
    for (path, bound) in [(Path::WIRED, 60.0), (Path::GOOD_WIFI, 250.0), (Path::WAN, 600.0)] {
        for seed in 0..200 {
            let mut run = Run::new(path, seed);
            while run.pings < 21 {
                run.step();
            }
            let error = run.error().expect("an estimate after the burst").abs();
            assert!(error < bound, "{error} µs after the burst, seed {seed}, {path:?}");
        }
    }
}

#[test]
fn uneven_ways_shift_the_clock_by_half_their_difference_and_no_more() {
    let path = Path { floor_up: Span::from_millis(20), ..Path::WIRED };
    for seed in 0..20 {
        let mut run = Run::new(path, seed);
        run.until(60.0);
        let error = run.error().expect("an estimate").abs();
        assert!((9_850.0..10_050.0).contains(&error), "{error} µs, seed {seed}");
    }
}

#[test]
fn a_lost_path_leaves_a_clock_that_says_how_far_it_may_be_off() {
    for seed in 0..100 {
        let mut run = Run::new(Path::WIRED, seed);
        run.until(60.0);
        let estimate = run.filter.estimate().expect("an estimate");
        let away = run.at + Span::from_secs(60);
        let now = run.device.local(away);
        let error = (estimate.to_swarm(now) - ROOT.swarm(away)).as_micros_f64().abs();
        let doubt = estimate.uncertainty(now).as_micros_f64();
        assert!(error < 100.0, "{error} µs after a minute alone, seed {seed}");
        assert!(error < 3.0 * doubt, "{error} µs off, {doubt} µs admitted, seed {seed}");
    }
}

#[test]
fn a_clock_admits_its_errors_on_every_path() {
    for path in [Path::WIRED, Path::GOOD_WIFI, Path::BUSY_WIFI, Path::WAN] {
        let mut shares = Vec::new();
        for seed in 0..40 {
            let mut run = Run::new(path, seed);
            run.until(30.0);
            while run.at.as_secs_f64() < 180.0 {
                run.step();
                let now = run.device.local(run.at);
                let doubt = run.filter.estimate().expect("an estimate").uncertainty(now);
                shares.push(run.error().expect("an estimate").abs() / doubt.as_micros_f64());
            }
        }
        let p99 = percentile(&mut shares, 0.99);
        assert!(p99 < 3.0, "99 of 100 errors are below {p99} times what is admitted, {path:?}");
        let p50 = percentile(&mut shares, 0.5);
        assert!(p50 > 0.3, "half of the errors are below {p50} times what is admitted, {path:?}");
    }
}

#[test]
fn a_settled_clock_moves_in_steps_too_small_to_hear() {
    for seed in 0..50 {
        let mut run = Run::new(Path::GOOD_WIFI, seed);
        run.until(60.0);
        let mut before = run.filter.estimate().expect("an estimate");
        while run.at.as_secs_f64() < 120.0 {
            run.step();
            let now = run.device.local(run.at);
            let after = run.filter.estimate().expect("an estimate");
            let moved = (after.to_swarm(now) - before.to_swarm(now)).as_micros_f64().abs();
            assert!(moved < 50.0, "moved by {moved} µs at once, seed {seed}");
            before = after;
        }
    }
}

#[test]
fn a_skew_known_from_before_spares_the_first_seconds() {
    let errors = |remembered: bool| {
        let mut errors: Vec<f64> = (0..200)
            .map(|seed| {
                let mut run = Run::new(Path::GOOD_WIFI, seed);
                if remembered {
                    run.filter = ClockFilter::with_skew_ppm(ROOT.ppm - run.device.ppm);
                }
                run.until(5.0);
                run.error().expect("an estimate").abs()
            })
            .collect();
        percentile(&mut errors, 0.95)
    };
    let (fresh, remembered) = (errors(false), errors(true));
    assert!(remembered < 0.7 * fresh, "{remembered} µs with, {fresh} µs without");
}

#[test]
fn a_clock_that_was_stepped_is_found_again_within_a_second() {
    let mut run = Run::new(Path::WIRED, 7);
    run.until(60.0);
    run.device.origin = run.device.origin + Span::from_secs(2);
    run.until(63.0);
    let error = run.error().expect("an estimate").abs();
    assert!(error < 100.0, "{error} µs after the step");
}

#[test]
fn a_clock_that_begins_to_slew_is_followed() {
    // (path, slew in ppm, worst error on the way, error half a minute later; µs)
    let cases = [
        (Path::WIRED, 100.0, 700.0, 80.0),
        (Path::WIRED, 5.0, 100.0, 30.0),
        (Path::GOOD_WIFI, 100.0, 1_300.0, 150.0),
    ];
    for (path, ppm, worst_allowed, last_allowed) in cases {
        for seed in 0..20 {
            let mut run = Run::new(path, seed);
            run.until(60.0);
            // The origin moves too, so that the clock bends and does not jump.
            let bent_at = run.at.as_secs_f64();
            run.device.ppm += ppm;
            run.device.origin = run.device.origin - Span::from_secs_f64(ppm * 1e-6 * bent_at);
            let mut worst: f64 = 0.0;
            while run.at.as_secs_f64() < 90.0 {
                run.step();
                worst = worst.max(run.error().expect("an estimate").abs());
            }
            let last = run.error().expect("an estimate").abs();
            let law = format!("{ppm} ppm over {path:?}, seed {seed}");
            assert!(worst < worst_allowed, "{worst} µs on the way, {law}");
            assert!(last < last_allowed, "{last} µs after half a minute, {law}");
        }
    }
}

#[test]
fn an_exchange_that_can_not_be_is_refused_and_changes_nothing() {
    let mut run = Run::new(Path::WIRED, 1);
    run.until(5.0);
    let before = run.filter.estimate();
    let good = ClockSample {
        t0: run.device.local(TrueTime::from_secs_f64(6.0)),
        t1: ROOT.swarm(TrueTime::from_secs_f64(6.0001)),
        t2: ROOT.swarm(TrueTime::from_secs_f64(6.0001)),
        t3: run.device.local(TrueTime::from_secs_f64(6.0002)),
    };
    let early = ClockSample { t3: good.t0 - Span::from_millis(1), ..good };
    let slow = ClockSample { t3: good.t0 + Span::from_millis(1_001), ..good };
    let backward = ClockSample { t2: good.t1 - Span::from_millis(1), ..good };
    let impatient = ClockSample { t2: good.t1 + Span::from_secs(1), ..good };
    for bad in [early, backward, impatient] {
        assert!(matches!(run.filter.add(bad), Err(SampleError::NotCausal(_))), "{bad:?}");
    }
    assert!(matches!(run.filter.add(slow), Err(SampleError::TooSlow(_))));
    let far = ClockSample {
        t0: LocalTime::from_nanos(i64::MIN),
        t1: SwarmTime::from_nanos(i64::MAX),
        t2: SwarmTime::from_nanos(i64::MIN),
        t3: LocalTime::from_nanos(i64::MAX),
    };
    assert!(run.filter.add(far).is_err());
    assert_eq!(run.filter.estimate(), before);
}

/// One device pinging one root: a burst, then 5 Hz for ten seconds, then 2 Hz.
struct Run {
    filter: ClockFilter,
    device: Crystal,
    path: Path,
    dice: Dice,
    at: TrueTime,
    pings: u32,
}

impl Run {
    fn new(path: Path, seed: u64) -> Self {
        let ppm = [-80.0, -20.0, 15.0, 60.0][seed as usize % 4];
        let device = Crystal { origin: Span::from_secs(50 + seed as i64), ppm, swing: 0.6 };
        let at = TrueTime::default();
        Self { filter: ClockFilter::new(), device, path, dice: dice(seed), at, pings: 0 }
    }

    fn step(&mut self) {
        let (sample, returned) = self.path.exchange(self.at, [&self.device, &ROOT], &mut self.dice);
        // A long wait on a bad path may exceed what is believed.
        let _ = self.filter.add(sample);
        self.pings += 1;
        let gap = match self.pings {
            ..20 => 12,
            _ if self.filter.estimate().is_none() => 12,
            _ if self.at.as_secs_f64() < 10.0 => 200,
            _ => 500,
        };
        self.at = (self.at + Span::from_millis(gap)).max(returned);
    }

    fn until(&mut self, end: f64) {
        while self.at.as_secs_f64() < end {
            self.step();
        }
    }

    /// How much later than the root's clock the estimate reads. (µs)
    fn error(&self) -> Option<f64> {
        let now = self.device.local(self.at);
        Some((self.filter.estimate()?.to_swarm(now) - ROOT.swarm(self.at)).as_micros_f64())
    }
}

/// The value that this share of `values` stays below.
fn percentile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * share).round() as usize]
}

/// Absolute errors of forty runs from the first to the seventh minute. (µs)
fn settled_errors(path: Path) -> Vec<f64> {
    let mut errors = Vec::new();
    for seed in 0..40 {
        let mut run = Run::new(path, seed);
        run.until(60.0);
        while run.at.as_secs_f64() < 420.0 {
            run.step();
            errors.push(run.error().expect("an estimate").abs());
        }
    }
    errors
}

fn assert_at_most(errors: &mut [f64], bounds: [(&str, f64, f64); 3]) {
    for (name, share, bound) in bounds {
        let found = percentile(errors, share);
        assert!(found < bound, "{name} is {found} µs, above {bound} µs");
    }
}
