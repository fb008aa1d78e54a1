//! What the air hears of the renderer, on cards with exactly known clocks.

use assert_no_alloc::AllocDisabler;
use protocol::time::{LocalTime, Span, SwarmTime};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sync_core::ClockEstimate;

use super::stage::{Oscillator, Stage, measure, percentile, song_file};
use crate::deck::DeckState;

#[global_allocator]
static ALLOCATOR: AllocDisabler = AllocDisabler;

/// A stage on which a song of `seconds` starts one second from now; when that is.
fn playing(seed: u64, rate: u32, oscillator: Oscillator, seconds: f64) -> (Stage, f64) {
    let mut stage = Stage::new(seed, rate, 2, oscillator);
    stage.know_the_clock();
    let begin = stage.now() + 1.0;
    stage.load(song_file(44_100, seconds), begin, 0.0);
    (stage, begin)
}

fn oscillators() -> impl Iterator<Item = (u64, Oscillator)> {
    (0..40).map(|seed| {
        let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0xbeef);
        (seed, Oscillator::fast_by(rng.random_range(-200.0..200.0)))
    })
}

#[test]
fn every_start_is_heard_within_thirty_microseconds_of_its_moment() {
    let mut starts = Vec::new();
    for (seed, oscillator) in oscillators() {
        let (mut stage, begin) = playing(seed, 48_000, oscillator, 2.0);
        stage.play(1.5);
        let (_, late) = stage.lateness(begin, begin + 0.01)[0];
        assert!(late.abs() < 60e-6, "heard {late:.2e} s late at the start, seed {seed}");
        starts.push(late.abs());
        let early = stage.tape.iter().filter(|(at, _)| *at < begin - 0.001);
        assert!(early.clone().count() > 1_000);
        assert!(early.clone().all(|(_, sample)| *sample == 0.0), "sound before the start");
        assert!(stage.worst_click() < 0.02, "a click at the start, seed {seed}");
    }
    let p95 = percentile(starts, 0.95);
    assert!(p95 < 30e-6, "p95 of the starts is {p95:.2e} s");
}

#[test]
fn no_error_is_left_standing_at_two_hundred_ppm() {
    for (seed, oscillator) in oscillators().take(12) {
        let (mut stage, begin) = playing(seed, 48_000, oscillator, 16.0);
        let report = stage.play(16.0);
        let late = stage.lateness(begin, begin + 3.0);
        let mean = late.iter().map(|(_, late)| late).sum::<f64>() / late.len() as f64;
        assert!(mean.abs() < 3e-6, "{mean:.2e} s are left standing, seed {seed}");
        let p99 = percentile(late.iter().map(|(_, late)| late.abs()), 0.99);
        assert!(p99 < 10e-6, "p99 is {p99:.2e} s, seed {seed}");
        assert_eq!((report.jumps, report.gaps), (0, 0), "seed {seed}");
        assert_eq!(stage.report().interruptions, 0, "seed {seed}");
        let settled = stage.pitch.iter().skip(200);
        let squares: Vec<f64> = settled.map(|(is, said)| (is - said).powi(2)).collect();
        let wander = (squares.iter().sum::<f64>() / squares.len() as f64).sqrt();
        assert!(wander < 5.0, "the pitch wanders by {wander:.2} ppm, seed {seed}");
    }
}

#[test]
fn a_crystal_that_swings_is_followed_within_thirty_microseconds() {
    for seed in 0..4 {
        let swinging = Oscillator { ppm: 200.0, wobble: (50.0, 10.0) };
        let (mut stage, begin) = playing(seed, 48_000, swinging, 21.0);
        stage.play(21.0);
        let late = stage.lateness(begin, begin + 3.0);
        let p99 = percentile(late.iter().map(|(_, late)| late.abs()), 0.99);
        assert!(p99 < 30e-6, "p99 is {p99:.2e} s, seed {seed}");
    }
}

#[test]
fn every_pair_of_rates_is_in_time() {
    for (file, device) in
        [(44_100, 44_100), (48_000, 44_100), (96_000, 48_000), (22_050, 48_000), (44_100, 192_000)]
    {
        let mut stage = Stage::new(1, device, 2, Oscillator::fast_by(60.0));
        stage.know_the_clock();
        let begin = stage.now() + 1.0;
        stage.load(song_file(file, 5.0), begin, 0.0);
        stage.play(5.0);
        for (at, late) in stage.lateness(begin, begin + 0.3) {
            assert!(late.abs() < 30e-6, "{file} on {device}: {late:.2e} s late at {at}");
        }
    }
}

#[test]
fn a_late_joiner_is_in_time_from_its_first_sound() {
    for (seed, oscillator) in oscillators().take(10) {
        let mut stage = Stage::new(seed, 48_000, 2, oscillator);
        stage.know_the_clock();
        stage.play(1.0);
        // Ten seconds into the song already.
        let begin = stage.now() - 10.0;
        stage.load(song_file(44_100, 14.0), begin, 0.0);
        stage.play(2.0);
        let first = stage.tape.iter().find(|(_, sample)| *sample != 0.0).map(|(at, _)| *at);
        let silent_for = first.expect("it is heard") - (begin + 10.0);
        assert!(silent_for < 0.2, "silent for {silent_for:.3} s, seed {seed}");
        for (at, late) in stage.lateness(begin, begin + 10.3) {
            assert!(late.abs() < 60e-6, "{late:.2e} s late at {at}, seed {seed}");
        }
        assert!(stage.worst_click() < 0.02, "a click at the entry, seed {seed}");
    }
}

#[test]
fn without_the_swarms_clock_or_a_plan_there_is_silence() {
    let mut stage = Stage::new(1, 48_000, 2, Oscillator::fast_by(0.0));
    let begin = stage.now() + 0.5;
    stage.load(song_file(44_100, 3.0), begin, 0.0);
    let report = stage.play(1.5);
    assert_eq!(report.state, DeckState::Waiting);
    assert!(stage.tape.iter().all(|(_, sample)| *sample == 0.0));
    stage.know_the_clock();
    assert_eq!(stage.play(0.5).state, DeckState::Playing);
    stage.stop();
    assert_eq!(stage.play(0.2).state, DeckState::Idle);
    let tail = &stage.tape[stage.tape.len() - 4_000..];
    assert!(tail.iter().all(|(_, sample)| *sample == 0.0), "sound after the stop");
    assert!(stage.worst_click() < 0.02, "a click at the stop");
}

#[test]
fn a_song_ends_where_its_file_does() {
    let (mut stage, begin) = playing(1, 48_000, Oscillator::fast_by(-80.0), 2.0);
    assert_eq!(stage.play(3.5).state, DeckState::Ended);
    let last = stage.tape.iter().rev().find(|(_, sample)| sample.abs() > 0.01).unwrap().0;
    assert!((last - begin - 2.0).abs() < 0.002, "heard until {:.4} s", last - begin);
}

#[test]
fn a_moved_plan_is_heard_at_its_new_place_without_a_click() {
    for (ahead, name) in [(4.0, "forwards"), (-2.5, "backwards"), (0.5, "a little"), (-0.3, "back")]
    {
        let (mut stage, begin) = playing(3, 48_000, Oscillator::fast_by(90.0), 14.0);
        stage.play(5.0);
        let moved = stage.now();
        stage.replan(begin - ahead, 0.0);
        stage.play(2.0);
        for (at, late) in stage.lateness(begin - ahead, moved + 0.2) {
            assert!(late.abs() < 60e-6, "{name}: {late:.2e} s late at {at}");
        }
        assert!(stage.worst_click() < 0.03, "{name}: a click of {}", stage.worst_click());
    }
}

#[test]
fn a_plan_that_says_the_same_again_changes_nothing() {
    let (mut stage, begin) = playing(3, 48_000, Oscillator::fast_by(90.0), 8.0);
    stage.play(4.0);
    // The same line through time, told by another of its points.
    stage.replan(begin + 2.0, 2.0);
    let report = stage.play(2.0);
    assert_eq!(report.jumps, 0);
    for (at, late) in stage.lateness(begin, begin + 0.5) {
        assert!(late.abs() < 30e-6, "{late:.2e} s late at {at}");
    }
}

#[test]
fn another_song_replaces_the_first_with_a_short_fade() {
    let (mut stage, _) = playing(3, 48_000, Oscillator::fast_by(-20.0), 8.0);
    stage.play(3.0);
    let begin = stage.now() - 1.0;
    stage.load(song_file(48_000, 8.0), begin, 0.0);
    stage.play(1.0);
    for (at, late) in stage.lateness(begin, begin + 1.2) {
        assert!(late.abs() < 60e-6, "{late:.2e} s late at {at}");
    }
    assert!(stage.worst_click() < 0.03, "a click of {}", stage.worst_click());
}

#[test]
fn after_an_underrun_the_song_goes_on_in_its_place() {
    for (seed, oscillator) in oscillators().take(20) {
        let (mut stage, begin) = playing(seed, 48_000, oscillator, 8.0);
        stage.play(3.0);
        stage.run_dry(0.13);
        let resumed = stage.now();
        stage.play(3.0);
        assert_eq!(stage.report().interruptions, 1);
        let after = stage.tape.iter().find(|(at, sample)| *at >= resumed && *sample != 0.0);
        let silent_for = after.expect("it is heard again").0 - resumed;
        assert!(silent_for < 0.4, "silent for {silent_for:.3} s more, seed {seed}");
        for (at, late) in stage.lateness(begin, resumed + silent_for + 0.01) {
            assert!(late.abs() < 80e-6, "{late:.2e} s late at {at}, seed {seed}");
        }
    }
}

#[test]
fn a_process_that_was_stopped_for_two_seconds_is_in_lock_again_soon() {
    for (seed, oscillator) in oscillators().take(12) {
        let (mut stage, begin) = playing(seed, 48_000, oscillator, 9.0);
        stage.play(3.0);
        // The card ran dry and nobody filled it.
        stage.run_dry(2.0);
        let resumed = stage.now();
        let report = stage.play(2.0);
        assert_eq!((report.state, report.jumps), (DeckState::Playing, 0), "seed {seed}");
        let after = stage.tape.iter().find(|(at, sample)| *at >= resumed && *sample != 0.0);
        let silent_for = after.expect("it is heard again").0 - resumed;
        assert!(silent_for < 0.2, "silent for {silent_for:.3} s more, seed {seed}");
        for (at, late) in stage.lateness(begin, resumed + 0.25) {
            assert!(late.abs() < 60e-6, "{late:.2e} s late at {at}, seed {seed}");
        }
    }
}

#[test]
fn a_speaker_that_sounds_late_is_given_the_sound_early() {
    let (mut stage, begin) = playing(5, 48_000, Oscillator::fast_by(40.0), 6.0);
    assert!(stage.control.set_speaker_delay(Span::from_millis(120)));
    stage.play(4.0);
    // Measured at the plug; the speaker adds what was told.
    for (at, late) in stage.lateness(begin - 0.12, begin + 0.3) {
        assert!(late.abs() < 30e-6, "{late:.2e} s late at {at}");
    }
}

#[test]
fn a_speaker_delay_set_while_playing_is_heard_at_once() {
    for (before, after) in [(0, 80), (200, 0), (100, 101)] {
        let (mut stage, begin) = playing(5, 48_000, Oscillator::fast_by(40.0), 12.0);
        assert!(stage.control.set_speaker_delay(Span::from_millis(before)));
        stage.play(4.0);
        let set = stage.now();
        assert!(stage.control.set_speaker_delay(Span::from_millis(after)));
        let report = stage.play(5.5);
        assert_eq!(report.jumps, 0);
        let settled = set + if before.abs_diff(after) > 2 { 0.15 } else { 5.0 };
        for (at, late) in stage.lateness(begin - after as f64 * 1e-3, settled) {
            assert!(late.abs() < 60e-6, "{before} to {after} ms: {late:.2e} s late at {at}");
        }
        assert!(stage.worst_click() < 0.03, "a click of {}", stage.worst_click());
    }
}

#[test]
fn a_step_of_the_swarms_clock_is_bent_into_pitch_nobody_hears() {
    let (mut stage, begin) = playing(9, 48_000, Oscillator::fast_by(25.0), 24.0);
    stage.play(5.0);
    let stepped = stage.now();
    let local = LocalTime::default() + Span::from_secs_f64(stepped) + stage.local_offset;
    let swarm = SwarmTime::default() + Span::from_secs_f64(stepped) + Span::from_micros(100);
    stage.control.set_estimate(Some(ClockEstimate::exact(local, swarm, 0.0)));
    let report = stage.play(0.1);
    let told = report.error.expect("it plays").as_micros_f64();
    assert!((60.0..120.0).contains(&told), "the error is told as {told} µs");
    let report = stage.play(14.0);
    assert_eq!(report.jumps, 0);
    // The swarm's clock says more: the song belongs 100 µs earlier.
    let late = stage.lateness(begin - 100e-6, stepped + 12.0);
    let worst = percentile(late.iter().map(|(_, late)| late.abs()), 1.0);
    assert!(worst < 10e-6, "{worst:.2e} s are left");
    let fastest =
        stage.pitch.iter().skip(200).map(|(is, said)| (is - said).abs()).fold(0.0, f64::max);
    assert!(fastest < 80.0, "the pitch moved by {fastest:.0} ppm");
}

#[test]
fn a_plan_that_changes_its_clock_goes_on_unheard() {
    for (seed, oscillator) in oscillators().take(8) {
        let (mut stage, begin) = playing(seed, 48_000, oscillator, 6.0);
        stage.play(3.0);
        // A relay took over whose clock says an hour more.
        stage.change_clock(3_600.0, begin);
        let report = stage.play(2.5);
        for (at, late) in stage.lateness(begin, begin + 0.5) {
            assert!(late.abs() < 60e-6, "{late:.2e} s late at {at:.2} s, seed {seed}");
        }
        assert_eq!((report.jumps, report.gaps), (0, 0), "seed {seed}");
        assert!(stage.worst_click() < 0.02, "a click at the change, seed {seed}");
    }
}

#[test]
fn a_large_error_is_crossed_once_and_quietly() {
    for (micros, name) in [(9_000, "late"), (-9_000, "early"), (180_000, "very late")] {
        let (mut stage, begin) = playing(9, 48_000, Oscillator::fast_by(25.0), 12.0);
        stage.play(5.0);
        let stepped = stage.now();
        let local = LocalTime::default() + Span::from_secs_f64(stepped) + stage.local_offset;
        let swarm = SwarmTime::default() + Span::from_secs_f64(stepped) + Span::from_micros(micros);
        stage.control.set_estimate(Some(ClockEstimate::exact(local, swarm, 0.0)));
        let report = stage.play(3.0);
        assert_eq!(report.jumps, 1, "{name}");
        let begin = begin - micros as f64 * 1e-6;
        for (at, late) in stage.lateness(begin, stepped + 0.6) {
            assert!(late.abs() < 60e-6, "{name}: {late:.2e} s late at {at}");
        }
        assert!(stage.worst_click() < 0.03, "{name}: a click of {}", stage.worst_click());
    }
}

#[test]
fn data_that_comes_late_leaves_a_gap_and_no_shift() {
    let (mut stage, begin) = playing(2, 48_000, Oscillator::fast_by(10.0), 20.0);
    stage.play(4.0);
    // The decoder stands still for longer than the window holds.
    let dry = stage.now() + 7.0;
    while stage.now() < dry {
        stage.callback_only();
    }
    let report = stage.play(2.0);
    assert_eq!((report.gaps, report.state), (1, DeckState::Playing));
    for (at, late) in stage.lateness(begin, dry + 0.3) {
        assert!(late.abs() < 60e-6, "{late:.2e} s late at {at}");
    }
    assert!(stage.worst_click() < 0.03, "a click of {}", stage.worst_click());
}

#[test]
fn who_comes_late_waits_for_enough_to_play_on_without_a_hole() {
    let mut stage = Stage::new(6, 48_000, 2, Oscillator::fast_by(10.0));
    stage.know_the_clock();
    let begin = stage.now() - 3.0;
    stage.load(song_file(44_100, 20.0), begin, 0.0);
    // Once the card is known the place that is heard is asked for. A little behind it is there,
    // and the next piece takes a second more.
    (0..100).for_each(|_| stage.callback_only());
    stage.decode(30);
    let fetched = stage.now() + 1.0;
    while stage.now() < fetched {
        stage.callback_only();
    }
    let report = stage.play(3.0);
    assert_eq!((report.gaps, report.state), (0, DeckState::Playing));
    let early = stage.tape.iter().filter(|(at, _)| *at < fetched);
    assert!(early.clone().all(|(_, sample)| *sample == 0.0), "began without a cushion");
    for (at, late) in stage.lateness(begin, fetched + 0.2) {
        assert!(late.abs() < 60e-6, "{late:.2e} s late at {at}");
    }
}

#[test]
fn who_never_gets_enough_to_play_on_plays_what_there_is() {
    let mut stage = Stage::new(7, 48_000, 2, Oscillator::fast_by(10.0));
    stage.know_the_clock();
    let begin = stage.now() - 3.0;
    stage.load(song_file(44_100, 20.0), begin, 0.0);
    (0..100).for_each(|_| stage.callback_only());
    // A quarter of a second is there, and what comes is no more than what is played.
    stage.decode(30);
    for turn in 0..300 {
        stage.callback_only();
        stage.decode(1 + usize::from(turn % 3 == 0));
    }
    let last = &stage.tape[stage.tape.len() - 20_000..];
    assert!(last.iter().any(|(_, sample)| sample.abs() > 0.1), "silent for ever");
}

#[test]
fn every_number_of_channels_hears_the_song_in_front() {
    for channels in [1, 2, 6, 8] {
        let mut stage = Stage::new(4, 48_000, channels, Oscillator::fast_by(0.0));
        stage.know_the_clock();
        let begin = stage.now() + 1.0;
        stage.load(song_file(44_100, 3.0), begin, 0.0);
        stage.play(2.0);
        let frames: Vec<_> =
            stage.tape.iter().filter(|(at, _)| *at > begin + 0.1).copied().collect();
        let (late, alike) = measure(&frames, begin);
        assert!(alike > 0.999 && late.abs() < 30e-6, "{channels} channels: {alike}, {late:.2e} s");
    }
}
