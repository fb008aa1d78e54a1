//! What the air hears of a device that plays alone, and of one that gets company.

use super::Assignment;
use super::stage::{Oscillator, Stage, measure, part, part_until, song, song_file};
use crate::deck::DeckState;
use crate::passage::{Part, SEAM_SECONDS};

const RATE: u32 = 48_000;

/// A stage that is alone, with a song of the device's rate that starts in a second; when.
fn alone(seed: u64, ppm: f64, seconds: f64) -> (Stage, f64) {
    let mut stage = Stage::new(seed, RATE, 2, Oscillator::fast_by(ppm));
    assert!(stage.control.set_alone(true));
    stage.know_the_clock();
    let begin = stage.now() + 1.0;
    stage.load(song_file(RATE, seconds), begin, 0.0);
    (stage, begin)
}

/// The file's own samples.
fn samples(from: usize, count: usize) -> Vec<f32> {
    (from..from + count).map(|frame| song(frame as f64 / f64::from(RATE)) as f32).collect()
}

/// Where these samples are heard last, bit for bit; the place in the stage's tape.
fn find(stage: &Stage, wanted: &[f32]) -> Option<usize> {
    let heard: Vec<f32> = stage.tape.iter().map(|(_, sample)| *sample).collect();
    heard.windows(wanted.len()).rposition(|window| window == wanted)
}

#[test]
fn alone_a_song_of_the_devices_rate_comes_out_bit_for_bit() {
    for (seed, ppm) in [(1, 183.0), (2, -77.0), (3, 0.0)] {
        let (mut stage, begin) = alone(seed, ppm, 6.0);
        let report = stage.play(5.5);
        // The song's first frame is zero: the one after it can be told from silence.
        let place = find(&stage, &samples(1, 4 * RATE as usize));
        let place = place.unwrap_or_else(|| panic!("it was changed at {ppm} ppm"));
        let late = stage.tape[place - 1].0 - begin;
        assert!((-20e-6..45e-6).contains(&late), "placed {late:.2e} s late at {ppm} ppm");
        assert_eq!((report.jumps, report.gaps, report.trim_ppm()), (0, 0, Some(0.0)));
    }
}

#[test]
fn alone_the_next_song_follows_the_last_sample_of_the_one_before() {
    for (seed, ppm) in [(4, 200.0), (5, -200.0)] {
        let (mut stage, begin) = alone(seed, ppm, 8.0);
        let first = stage.assignments[0].deck;
        let second = stage.cue(song_file(RATE, 8.0), 0.0);
        let joint = begin + 8.0;
        let ends = Part { plays_out: true, ..part_until(begin, 0.0, joint, SEAM_SECONDS) };
        stage.assign(
            vec![
                Assignment { deck: first, part: Some(ends), joins: None },
                Assignment { deck: second, part: Some(part(joint, 0.0)), joins: Some(first) },
            ],
            None,
        );
        stage.play(12.0);
        let seam = [samples(7 * RATE as usize, RATE as usize), samples(0, RATE as usize)].concat();
        let place = find(&stage, &seam).unwrap_or_else(|| panic!("no joint at {ppm} ppm"));
        // By then the device is wrong by 1.6 ms, and keeps its own time.
        let late = stage.tape[place + RATE as usize].0 - joint;
        assert!(late.abs() > 1e-3, "joined {late:.2e} s late at {ppm} ppm");
    }
}

#[test]
fn a_seek_alone_is_placed_to_the_whole_frame() {
    let (mut stage, begin) = alone(6, 150.0, 20.0);
    let first = stage.assignments[0].deck;
    stage.play(9.0);
    let next = stage.cue(song_file(RATE, 20.0), 3.0);
    let moment = stage.now() + 0.303_333;
    let crossed = Part { rise: SEAM_SECONDS, ..part(moment, 3.0) };
    stage.arrange(vec![(first, part_until(begin, 0.0, moment, SEAM_SECONDS)), (next, crossed)]);
    stage.play(1.5);
    let settled = 3 * RATE as usize + 1_000;
    let place = find(&stage, &samples(settled, 24_000)).expect("whole frames behind the seek");
    let late = stage.tape[place].0 - (moment + 1_000.0 / f64::from(RATE));
    assert!(late.abs() < 45e-6, "placed {late:.2e} s late");
    assert!(stage.worst_click() < 0.03, "a click of {}", stage.worst_click());
}

#[test]
fn company_brings_a_device_back_to_its_place() {
    // A second makes a small error that is played away, twenty a large one that is crossed.
    for (seed, ppm, seconds, jumps) in
        [(7, 190.0, 1.0, 0), (8, 190.0, 20.0, 1), (9, -190.0, 20.0, 1)]
    {
        let (mut stage, begin) = alone(seed, ppm, 40.0);
        let report = stage.play(1.0 + seconds);
        let error = report.error.expect("it plays").as_secs_f64();
        assert!(error.abs() > 0.9 * seconds * 190e-6, "{error:.2e} s after {seconds} s");
        let joined = stage.now();
        assert!(stage.control.set_alone(false));
        let report = stage.play(4.0);
        assert_eq!((report.jumps, report.state), (jumps, DeckState::Playing), "{ppm} ppm");
        let settled = joined + if jumps == 0 { 2.5 } else { 0.1 };
        for (at, late) in stage.lateness(begin, settled) {
            assert!(late.abs() < 60e-6, "{ppm} ppm: {late:.2e} s late at {at}");
        }
        assert!(stage.worst_click() < 0.03, "a click of {}", stage.worst_click());
    }
}

#[test]
fn whoever_is_left_alone_goes_over_to_whole_frames_unheard() {
    let (mut stage, begin) = alone(10, 120.0, 20.0);
    assert!(stage.control.set_alone(false));
    stage.play(5.0);
    let left = stage.now();
    assert!(stage.control.set_alone(true));
    stage.play(2.0);
    let settled = ((left - begin) * f64::from(RATE)) as usize + 1_000;
    assert!(find(&stage, &samples(settled, 48_000)).is_some(), "whole frames");
    let around: Vec<_> = stage
        .tape
        .iter()
        .filter(|(at, _)| (left - 0.05..left + 0.05).contains(at))
        .copied()
        .collect();
    let (late, alike) = measure(&around, begin);
    assert!(alike > 0.999 && late.abs() < 60e-6, "{alike} alike, {late:.2e} s late");
    assert!(stage.worst_click() < 0.01, "a click of {}", stage.worst_click());
}

#[test]
fn alone_a_song_of_another_rate_stays_in_time() {
    let mut stage = Stage::new(11, RATE, 2, Oscillator::fast_by(200.0));
    assert!(stage.control.set_alone(true));
    stage.know_the_clock();
    let begin = stage.now() + 1.0;
    stage.load(song_file(44_100, 15.0), begin, 0.0);
    stage.play(12.0);
    for (at, late) in stage.lateness(begin, begin + 0.5) {
        assert!(late.abs() < 60e-6, "{late:.2e} s late at {at}");
    }
}
