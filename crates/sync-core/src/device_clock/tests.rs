//! The device's clock against cards whose truth is known.

use super::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const RATE: u32 = 48_000;
const PERIOD: u64 = 1024;

/// A sound card whose every frame is heard at a known moment, with ALSA's kind of stamps.
struct Card {
    rng: ChaCha8Rng,
    /// Deviation from the nominal rate. (ppm)
    ppm: f64,
    /// When frame zero is heard. (s)
    start: f64,
    frame: u64,
}

impl Card {
    fn new(seed: u64, ppm: f64) -> Self {
        Self { rng: ChaCha8Rng::seed_from_u64(seed), ppm, start: 12_345.678_9, frame: 0 }
    }

    fn truly_heard(&self, frame: u64) -> f64 {
        self.start + frame as f64 / (f64::from(RATE) * (1.0 + self.ppm * 1e-6))
    }

    /// The next buffer's first frame and its stamp: late by the part of a frame that
    /// ALSA's whole-frame delay hides, by the time between two calls, and rarely by a
    /// preemption.
    fn stamp(&mut self) -> (u64, LocalTime) {
        let frame = self.frame;
        self.frame += PERIOD;
        let mut late = self.rng.random_range(0.0..1.0 / f64::from(RATE));
        late += self.rng.random_range(0.0..4e-6);
        if self.rng.random_ratio(1, 200) {
            late += self.rng.random_range(50e-6..350e-6);
        }
        (frame, local(self.truly_heard(frame) + late))
    }

    /// What the line says about a frame against the truth, the stamps' known mean
    /// lateness taken off. (s)
    fn line_error(&self, clock: &DeviceClock, frame: u64) -> f64 {
        let mean_late = 0.5 / f64::from(RATE) + 2e-6;
        let said = clock.heard_at(frame).expect("the line is known by now");
        (said - LocalTime::default()).as_secs_f64() - self.truly_heard(frame) - mean_late
    }
}

fn local(seconds: f64) -> LocalTime {
    LocalTime::default() + Span::from_secs_f64(seconds)
}

fn percentile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * share) as usize]
}

fn seeds() -> impl Iterator<Item = (u64, f64)> {
    (0..200).map(|seed| {
        let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0xcafe);
        (seed, rng.random_range(-200.0..200.0))
    })
}

#[test]
fn a_steady_line_is_within_eight_microseconds_of_what_is_heard() {
    for (seed, ppm) in seeds() {
        let mut card = Card::new(seed, ppm);
        let mut clock = DeviceClock::new(RATE);
        let mut errors = Vec::new();
        let mut rates = Vec::new();
        for step in 0..3_000 {
            let (frame, stamp) = card.stamp();
            clock.observe(frame, stamp);
            if step > 300 {
                errors.push(card.line_error(&clock, frame + PERIOD).abs());
                rates.push((clock.rate_ppm() - ppm).powi(2));
            }
        }
        let worst = percentile(&mut errors, 0.99);
        assert!(worst < 8e-6, "p99 of the line's error is {worst:.2e} s, seed {seed}");
        let wander = (rates.iter().sum::<f64>() / rates.len() as f64).sqrt();
        assert!(wander < 5.0, "the rate wanders by {wander:.2} ppm, seed {seed}");
    }
}

#[test]
fn a_start_can_be_placed_half_a_second_after_the_stream_opened() {
    for (seed, ppm) in seeds() {
        let mut card = Card::new(seed, ppm);
        let mut clock = DeviceClock::new(RATE);
        while !clock.is_steady() {
            let (frame, stamp) = card.stamp();
            clock.observe(frame, stamp);
            assert!(card.frame < 24 * PERIOD, "still not steady, seed {seed}");
        }
        let error = card.line_error(&clock, card.frame + PERIOD).abs();
        assert!(error < 80e-6, "a start would be {error:.2e} s off, seed {seed}");
    }
}

#[test]
fn one_stamp_in_two_hundred_being_late_moves_nothing() {
    let mut card = Card::new(7, 35.0);
    let mut clock = DeviceClock::new(RATE);
    for _ in 0..500 {
        let (frame, stamp) = card.stamp();
        clock.observe(frame, stamp);
    }
    let before = card.line_error(&clock, card.frame);
    let (frame, stamp) = card.stamp();
    assert_eq!(clock.observe(frame, stamp + Span::from_micros(300)), Observation::Refused);
    let after = card.line_error(&clock, card.frame);
    assert!((after - before).abs() < 1e-6, "the line moved by {:.2e} s", after - before);
}

#[test]
fn a_timeline_that_moves_is_followed_within_a_quarter_second() {
    for (seed, ppm) in seeds().take(50) {
        let mut card = Card::new(seed, ppm);
        let mut clock = DeviceClock::new(RATE);
        for _ in 0..300 {
            let (frame, stamp) = card.stamp();
            clock.observe(frame, stamp);
        }
        card.start += 0.005;
        let mut moved = false;
        for _ in 0..12 {
            let (frame, stamp) = card.stamp();
            moved |= clock.observe(frame, stamp) == Observation::TimelineMoved;
        }
        assert!(moved, "the move went unnoticed, seed {seed}");
        let error = card.line_error(&clock, card.frame).abs();
        assert!(error < 80e-6, "{error:.2e} s off after the move, seed {seed}");
    }
}

#[test]
fn after_an_underrun_the_rate_is_still_known() {
    for (seed, ppm) in seeds().take(50) {
        let mut card = Card::new(seed, ppm);
        let mut clock = DeviceClock::new(RATE);
        for _ in 0..600 {
            let (frame, stamp) = card.stamp();
            clock.observe(frame, stamp);
        }
        card.start += card.truly_heard(card.frame) - card.start + 0.08;
        card.frame = 0;
        clock.restart();
        let mut needed = 0;
        while !clock.is_steady() {
            let (frame, stamp) = card.stamp();
            clock.observe(frame, stamp);
            needed += 1;
            assert!(needed < 16, "still not steady, seed {seed}");
        }
        let rate_error = (clock.rate_ppm() - ppm).abs();
        assert!(rate_error < 15.0, "the rate is {rate_error:.1} ppm off, seed {seed}");
    }
}

#[test]
fn a_warming_crystal_is_followed() {
    let mut clock = DeviceClock::new(RATE);
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let mut heard = 100.0;
    let mut errors = Vec::new();
    for step in 0..6_000_u64 {
        let seconds = step as f64 * PERIOD as f64 / f64::from(RATE);
        let ppm = 200.0 + 50.0 * (seconds * std::f64::consts::TAU / 60.0).sin();
        let late = rng.random_range(0.0..1.0 / f64::from(RATE));
        clock.observe(step * PERIOD, local(heard + late));
        if step > 500 {
            let said = clock.heard_at(step * PERIOD).expect("known");
            let said = (said - LocalTime::default()).as_secs_f64();
            errors.push((said - heard - 0.5 / f64::from(RATE)).abs());
        }
        heard += PERIOD as f64 / (f64::from(RATE) * (1.0 + ppm * 1e-6));
    }
    let worst = percentile(&mut errors, 0.99);
    assert!(worst < 10e-6, "p99 under wobble is {worst:.2e} s");
}

#[test]
fn stamps_of_a_polling_sound_server_are_averaged_longer() {
    let mut card = Card::new(11, -40.0);
    let mut clock = DeviceClock::new(RATE);
    let mut errors = Vec::new();
    for step in 0..4_000 {
        let (frame, stamp) = card.stamp();
        let jitter = card.rng.random_range(-150e-6..150e-6);
        clock.observe(frame, stamp + Span::from_secs_f64(jitter));
        if step > 1_000 {
            errors.push(card.line_error(&clock, frame).abs());
        }
    }
    let worst = percentile(&mut errors, 0.99);
    assert!(worst < 45e-6, "p99 with ±150 µs of jitter is {worst:.2e} s");
}

#[test]
fn hours_of_frames_lose_no_precision() {
    let mut clock = DeviceClock::new(RATE);
    let mut card = Card::new(5, 100.0);
    card.frame = 6 * 3600 * u64::from(RATE);
    let mut errors = Vec::new();
    for step in 0..2_000 {
        let (frame, stamp) = card.stamp();
        clock.observe(frame, stamp);
        if step > 500 {
            errors.push(card.line_error(&clock, frame).abs());
        }
    }
    let worst = percentile(&mut errors, 0.99);
    assert!(worst < 8e-6, "p99 after six hours is {worst:.2e} s");
}

/// Positions that lag by up to 10 ms for a few buffers, as WASAPI's do.
#[test]
fn a_position_that_lags_now_and_then_is_seen_through() {
    for (seed, ppm) in seeds().take(100) {
        let mut card = Card::new(seed, ppm);
        let mut clock = DeviceClock::new(RATE);
        let mut errors = Vec::new();
        let mut lag = 0.0;
        for step in 0..2_000 {
            if lag == 0.0 && card.rng.random_ratio(1, 12) {
                lag = 2.5e-3 * f64::from(card.rng.random_range(1..=4_u32));
            } else if card.rng.random_ratio(2, 5) {
                lag = 0.0;
            }
            let (frame, stamp) = card.stamp();
            clock.observe(frame, stamp + Span::from_secs_f64(lag));
            if step > 400 {
                errors.push(card.line_error(&clock, frame).abs());
            }
        }
        let worst = percentile(&mut errors, 1.0);
        assert!(worst < 40e-6, "the line was {worst:.2e} s off, seed {seed}");
    }
}

/// A latency that is polled every tenth stamp, so that ten in a row err alike.
#[test]
fn stamps_that_err_alike_are_no_change_of_rate() {
    for (seed, ppm) in seeds().take(100) {
        let mut card = Card::new(seed, ppm);
        let mut clock = DeviceClock::new(RATE);
        let mut errors = Vec::new();
        let mut polled = 0.0;
        for step in 0..3_000 {
            if step % 10 == 0 {
                polled = card.rng.random_range(-70e-6..70e-6);
            }
            let (frame, stamp) = card.stamp();
            clock.observe(frame, stamp + Span::from_secs_f64(polled));
            if step > 500 {
                errors.push(card.line_error(&clock, frame).abs());
            }
        }
        let worst = percentile(&mut errors, 0.99);
        assert!(worst < 80e-6, "p99 of the line's error is {worst:.2e} s, seed {seed}");
    }
}

#[test]
fn noise_that_is_larger_than_expected_is_learnt_within_a_second() {
    for (seed, ppm) in seeds().take(100) {
        let mut card = Card::new(seed, ppm);
        let mut clock = DeviceClock::new(RATE);
        let mut moves = 0;
        for _ in 0..2_000 {
            let (frame, stamp) = card.stamp();
            let noise = card.rng.random_range(-350e-6..350e-6);
            let seen = clock.observe(frame, stamp + Span::from_secs_f64(noise));
            moves += u32::from(seen == Observation::TimelineMoved);
        }
        assert_eq!(moves, 0, "noise was taken for a move, seed {seed}");
        let error = card.line_error(&clock, card.frame).abs();
        assert!(error < 300e-6, "{error:.2e} s off, seed {seed}");
    }
}
