//! The instrument against lags, drifts and faults that are known.

use protocol::LocalTime;
use protocol::time::Span;

use super::capture::Capture;
use super::comparison::{Beginning, Comparison};
use super::lag::Verdict;

const RATE: u32 = 48_000;
const SECONDS: u32 = 8;

/// Sound with a spectrum like music's, falling towards high notes; never the same twice.
fn music(seed: u64) -> Vec<f32> {
    let mut state = seed;
    let mut smooth = [0.0f32; 2];
    (0..RATE * SECONDS)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let noise = (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0;
            smooth[0] += 0.2 * (noise - smooth[0]);
            smooth[1] += 0.2 * (smooth[0] - smooth[1]);
            smooth[1]
        })
        .collect()
}

fn start() -> LocalTime {
    LocalTime::from_nanos(55_000_000_000)
}

fn played(samples: Vec<f32>, ppm: f64, late: Span) -> Capture {
    Capture::from_samples(samples, RATE, ppm, start() + late)
}

fn compare(first: &Capture, second: &Capture) -> Comparison {
    Comparison::between(first, second, start(), None).unwrap()
}

#[test]
fn known_lags_come_back_within_a_microsecond() {
    let quarter_sample = 0.25e6 / f64::from(RATE);
    for micros in [0.0, quarter_sample, 137.3, -62.5, 5_000.0, -48_211.7] {
        let first = played(music(1), 0.0, Span::from_secs(0));
        let second = played(music(1), 0.0, Span::from_secs_f64(micros * 1e-6));
        let found = compare(&first, &second);
        assert_eq!(found.refused(), 0, "{micros} us");
        assert!((found.start_offset().unwrap() * 1e6 - micros).abs() < 1.0);
        for share in [0.01, 0.5, 1.0] {
            let error = found.error(share).unwrap() * 1e6 - micros.abs();
            assert!(error.abs() < 1.0, "{micros} us came back with an error of {error} us");
        }
    }
}

#[test]
fn a_drift_of_fifty_ppm_comes_back_within_a_third_of_a_ppm() {
    let first = played(music(1), 0.0, Span::from_secs(0));
    let second = played(music(1), -50.0, Span::from_secs(0));
    let drift = compare(&first, &second).drift_ppm().unwrap();
    assert!((drift - 50.0).abs() < 0.3, "50 ppm came back as {drift}");
}

#[test]
fn cards_on_different_clocks_that_play_the_right_samples_show_no_error() {
    // What a perfect player would send to a card that runs 200 ppm fast.
    let reference = played(music(1), 0.0, Span::from_secs(0));
    let length = Span::from_secs(i64::from(SECONDS));
    let stretched = super::timeline::place(
        &Capture::from_samples(music(1), RATE, -200.0, start()),
        start(),
        length,
    );
    let second = Capture::from_samples(stretched, RATE, 200.0, start());
    let found = compare(&reference, &second);
    assert!(found.error(1.0).unwrap() < 1e-6, "{:?}", found.error(1.0));
}

#[test]
fn independent_noise_on_both_sides_hardly_disturbs() {
    let noisy = |seed: u64| -> Vec<f32> {
        let noise = music(seed);
        music(1).iter().zip(noise).map(|(sample, noise)| sample + 0.1 * noise).collect()
    };
    let first = played(noisy(2), 0.0, Span::from_secs(0));
    let second = played(noisy(3), 0.0, Span::from_secs_f64(137.3e-6));
    let found = compare(&first, &second);
    assert!((found.error(1.0).unwrap() - 137.3e-6).abs() < 2e-6);
}

#[test]
fn a_player_that_corrects_itself_at_500_ppm_is_followed_all_the_way() {
    let bright: Vec<f32> = music(1).windows(2).map(|pair| pair[1] - 0.9 * pair[0]).collect();
    // Two seconds at 500 ppm: a millisecond gained.
    let slewing: Vec<f32> = (0..bright.len() - 100)
        .map(|frame| {
            let moved = (frame as f64 - 144_000.0).clamp(0.0, 96_000.0) * 500e-6;
            let (whole, part) = (moved as usize, (moved % 1.0) as f32);
            bright[frame + whole] * (1.0 - part) + bright[frame + whole + 1] * part
        })
        .collect();
    let first = played(bright, 0.0, Span::from_secs(0));
    let second = played(slewing, 0.0, Span::from_secs(0));
    let found = compare(&first, &second);
    assert_eq!(found.refused(), 0);
    for window in &found.windows {
        let Verdict::Lag(lag) = window.verdict else { panic!("{window:?}") };
        let truth = -(window.at - 3.0).clamp(0.0, 2.0) * 500e-6;
        // Half a window of movement, where the correction begins and ends.
        assert!((lag - truth).abs() < 70e-6, "{:.0} us at {} s", lag * 1e6, window.at);
    }
}

#[test]
fn two_different_pieces_are_refused_rather_than_measured() {
    let first = played(music(1), 0.0, Span::from_secs(0));
    let second = played(music(2), 0.0, Span::from_secs(0));
    let found = compare(&first, &second);
    assert_eq!(found.measured(), 0);
    assert!(found.refused() > 20);
}

#[test]
fn a_stretch_of_other_sound_is_refused_although_its_neighbours_fit() {
    let mut foreign = music(1);
    foreign[233_300..240_000].copy_from_slice(&music(2)[..6_700]);
    let first = played(music(1), 0.0, Span::from_secs(0));
    let second = played(foreign, 0.0, Span::from_millis(1));
    let found = compare(&first, &second);
    assert!(found.refused() > 0, "140 ms of another piece went unnoticed");
    assert!(found.measured() > 20, "and no more than that is refused");
}

#[test]
fn a_tone_that_fits_at_many_places_is_refused() {
    let tone: Vec<f32> = (0..RATE * SECONDS)
        .map(|frame| (2.0 * std::f32::consts::PI * 440.0 / RATE as f32 * frame as f32).sin())
        .collect();
    let first = played(tone.clone(), 0.0, Span::from_secs(0));
    let second = played(tone, 0.0, Span::from_secs(0));
    assert_eq!(compare(&first, &second).measured(), 0);
}

#[test]
fn a_hole_of_ten_milliseconds_is_found_in_the_player_that_has_it() {
    let mut holed = music(1);
    holed[240_000..240_480].fill(0.0);
    let first = played(music(1), 0.0, Span::from_secs(0));
    let second = played(holed, 0.0, Span::from_millis(3));
    let found = compare(&first, &second);
    assert!(found.first_gaps.is_empty());
    let [gap] = found.second_gaps[..] else { panic!("{:?}", found.second_gaps) };
    assert!((gap.at - 5.0).abs() < 0.005, "found at {}", gap.at);
    assert!((gap.length - 0.010).abs() < 0.003, "found to be {} long", gap.length);
}

#[test]
fn a_player_that_skips_two_milliseconds_shows_a_step() {
    let mut skipping = music(1);
    skipping.drain(240_000..240_096);
    let first = played(music(1), 0.0, Span::from_secs(0));
    let second = played(skipping, 0.0, Span::from_secs(0));
    let found = compare(&first, &second);
    assert!(found.steps() >= 1);
    assert!((found.error(1.0).unwrap() - 2e-3).abs() < 1e-6);
}

#[test]
fn a_player_that_is_a_millisecond_late_is_not_called_good() {
    let first = played(music(1), 0.0, Span::from_secs(0));
    let second = played(music(1), 0.0, Span::from_millis(1));
    assert!(compare(&first, &second).error(0.5).unwrap() > 0.9e-3);
}

#[test]
fn silence_from_one_player_is_an_error_and_not_a_figure() {
    let first = played(music(1), 0.0, Span::from_secs(0));
    let second = played(vec![0.0; 240_000], 0.0, Span::from_secs(0));
    assert!(Comparison::between(&first, &second, start(), None).is_err());
}

/// The piece read at a speed that is off by `ppm(second)`.
fn at_speed(ppm: impl Fn(f64) -> f64) -> Vec<f32> {
    let piece = music(1);
    let mut position = 0.0;
    let mut out = Vec::new();
    while position < (piece.len() - 2) as f64 {
        let (whole, part) = (position as usize, (position % 1.0) as f32);
        out.push(piece[whole] * (1.0 - part) + piece[whole + 1] * part);
        position += 1.0 + ppm(out.len() as f64 / f64::from(RATE)) * 1e-6;
    }
    out
}

#[test]
fn a_single_frame_more_or_less_is_counted_and_a_change_of_speed_is_not() {
    let first = played(music(1), 0.0, Span::from_secs(0));
    let mut doubled = music(1);
    doubled.insert(200_000, doubled[200_000]);
    let mut dropped = music(1);
    dropped.remove(150_000);
    dropped.remove(250_000);
    for (samples, changes) in [(doubled, 1), (dropped, 2), (music(1), 0)] {
        let found = compare(&first, &played(samples, 0.0, Span::from_secs(0)));
        assert_eq!(found.frames_off(), changes);
    }
    for ppm in [50.0, -450.0] {
        let hasty = at_speed(|at| if (3.0..5.0).contains(&at) { ppm } else { 0.0 });
        let found = compare(&first, &played(hasty, 0.0, Span::from_secs(0)));
        assert_eq!(found.frames_off(), 0, "{ppm} ppm");
    }
}

#[test]
fn pitch_is_the_speed_without_its_mean() {
    let first = played(music(1), 0.0, Span::from_secs(0));
    let steady = played(at_speed(|_| 40.0), 0.0, Span::from_secs(0));
    let pitch = compare(&first, &steady).pitch_ppm().unwrap();
    // The straight lines between samples, not the instrument, cost half a ppm here.
    assert!(pitch < 1.0, "a steady speed has a pitch error of {pitch} ppm");
    // A sine of 100 ppm over two seconds is half undone within the second it is judged over.
    let wavering = at_speed(|at| 100.0 * (std::f64::consts::PI * at).sin());
    let wavering = played(wavering, 0.0, Span::from_secs(0));
    let pitch = compare(&first, &wavering).pitch_ppm().unwrap();
    assert!((25.0..70.0).contains(&pitch), "a wavering speed has one of {pitch} ppm");
}

#[test]
fn a_start_is_judged_by_its_first_quarter_of_a_second() {
    let first = played(music(1), 0.0, Span::from_secs(0));
    let mut corrected = music(1);
    corrected.drain(12_100..12_102);
    let second = played(corrected, 0.0, Span::from_secs_f64(2.0 / f64::from(RATE)));
    let beginning = Beginning::after(&first, &second, start()).unwrap();
    assert!((beginning.offset.unwrap() - 2.0 / f64::from(RATE)).abs() < 1e-6);
    assert!(compare(&first, &second).error(0.5).unwrap() < 1e-6);
}

#[test]
fn being_in_time_for_good_is_dated_by_the_last_part_that_was_not() {
    let first = played(music(1), 0.0, Span::from_secs(0));
    let mut late = music(1);
    late.drain(96_000..96_048);
    let second = played(late, 0.0, Span::from_millis(1));
    let found = compare(&first, &second);
    let since = found.within_for_good(100e-6).unwrap();
    assert!((since - 2.0).abs() < 0.11, "in time after {since} s");
    assert!(found.cut(3.0, 7.0).within_for_good(100e-6).unwrap() < 3.06);
    assert!(found.cut(0.0, 1.9).within_for_good(100e-6).is_none());
}
