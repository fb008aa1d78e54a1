//! What the air hears where one passage gives way to another.

use super::stage::{Oscillator, Stage, measure, part, part_until, song_file};
use crate::deck::DeckState;
use crate::passage::{FADE_SECONDS, Part, SEAM_SECONDS};

/// A stage on which a song has played for `seconds`; when it began and which deck it is on.
fn playing(seed: u64, oscillator: Oscillator, seconds: f64) -> (Stage, f64, u64) {
    let mut stage = Stage::new(seed, 48_000, 2, oscillator);
    stage.know_the_clock();
    let begin = stage.now() + 1.0;
    let deck = stage.cue(song_file(44_100, 20.0), 0.0);
    stage.arrange(vec![(deck, part(begin, 0.0))]);
    stage.play(seconds + 1.0);
    (stage, begin, deck)
}

/// The same part, crossed into.
fn seam(part: Part) -> Part {
    Part { rise: SEAM_SECONDS, ..part }
}

/// Every fifth of a second of sound between two moments is the song that began at `begin`.
fn assert_in_time(stage: &Stage, begin: f64, from: f64, to: f64, what: &str) {
    let heard: Vec<_> =
        stage.tape.iter().filter(|(at, _)| (from..to).contains(at)).copied().collect();
    assert!(heard.len() > 400, "{what}: too short to be measured");
    for frames in heard.chunks(9_600).filter(|frames| frames.len() > 400) {
        let (late, alike) = measure(frames, begin);
        assert!(alike > 0.999, "{what}: {alike:.4} alike at {}", frames[0].0);
        assert!(late.abs() < 60e-6, "{what}: {late:.2e} s late at {}", frames[0].0);
    }
}

#[test]
fn a_seek_that_lies_ahead_leaves_no_gap_and_no_click() {
    for (seed, place) in [(1, 12.0), (2, 3.21), (3, 0.5)] {
        let (mut stage, begin, deck) = playing(seed, Oscillator::fast_by(120.0), 5.0);
        let next = stage.cue(song_file(44_100, 20.0), place);
        // Somewhere inside a chunk and between two frames.
        let moment = stage.now() + 0.412_345_6;
        stage.arrange(vec![
            (deck, part_until(begin, 0.0, moment, SEAM_SECONDS)),
            (next, seam(part(moment, place))),
        ]);
        stage.play(2.0);
        let what = format!("a seek to {place} s");
        assert_in_time(&stage, begin, begin + 0.1, moment, &what);
        let settled = moment + SEAM_SECONDS + 1e-4;
        assert_in_time(&stage, moment - place, settled, settled + 1.0, &what);
        let around =
            stage.tape.iter().filter(|(at, _)| (moment - 0.01..moment + 0.02).contains(at));
        let energy: f32 = around.map(|(_, sample)| sample * sample).sum();
        assert!(energy > 8.0, "{what}: a gap, energy {energy}");
        assert!(stage.worst_click() < 0.03, "{what}: a click of {}", stage.worst_click());
    }
}

#[test]
fn a_pause_begins_at_its_moment_and_a_resume_is_placed_between_two_frames() {
    let (mut stage, begin, deck) = playing(4, Oscillator::fast_by(-150.0), 3.0);
    let pause = stage.now() + 0.305_551_7;
    let place = pause - begin;
    let resume = pause + 1.1;
    let next = stage.cue(song_file(44_100, 20.0), place);
    stage.arrange(vec![
        (deck, part_until(begin, 0.0, pause, FADE_SECONDS)),
        (next, part(resume, place)),
    ]);
    stage.play(0.6);
    assert_eq!(stage.report().of(deck).state, DeckState::Left);
    assert_eq!(stage.report().of(next).state, DeckState::Armed);
    stage.play(2.0);
    assert_in_time(&stage, begin, begin + 0.1, pause, "before the pause");
    let pausing = |at: f64| (pause + FADE_SECONDS + 1e-4..resume).contains(&at);
    let silence: Vec<_> = stage.tape.iter().filter(|(at, _)| pausing(*at)).collect();
    assert!(silence.len() > 50_000 && silence.iter().all(|(_, sample)| *sample == 0.0));
    let first = stage.tape.iter().find(|(at, sample)| *at > resume - 0.1 && *sample != 0.0);
    let late = first.expect("it goes on").0 - resume;
    assert!((-30e-6..80e-6).contains(&late), "goes on {late:.2e} s late");
    assert_in_time(&stage, resume - place, resume + 0.01, resume + 1.0, "after the resume");
    assert!(stage.worst_click() < 0.02, "a click of {}", stage.worst_click());
}

#[test]
fn a_song_that_joins_the_end_of_another_is_heard_as_one_with_it() {
    // The second song is the first one's rest, so that a perfect joint cannot be heard.
    for (seed, ppm) in [(5, 170.0), (6, -90.0), (7, 0.0)] {
        let mut stage = Stage::new(seed, 48_000, 2, Oscillator::fast_by(ppm));
        stage.know_the_clock();
        let begin = stage.now() + 1.0;
        let whole = song_file(48_000, 12.0);
        let cut = 44 + 48_000 * 4 * 4;
        let (head, tail) = (with_length(&whole[..cut]), rest_of(&whole, cut));
        let first = stage.cue(head, 0.0);
        let second = stage.cue(tail, 0.0);
        let joint = begin + 4.0;
        let head = Part { plays_out: true, ..part_until(begin, 0.0, joint, SEAM_SECONDS) };
        stage.arrange(vec![(first, head), (second, part(joint, 0.0))]);
        stage.play(8.0);
        assert_eq!(stage.report().of(first).state, DeckState::Ended);
        let around: Vec<_> = stage
            .tape
            .iter()
            .filter(|(at, _)| (joint - 0.01..joint + 0.01).contains(at))
            .copied()
            .collect();
        let (_, alike) = measure(&around, begin);
        assert!(alike > 0.999_99, "{alike:.7} alike around the joint at {ppm} ppm");
        assert_in_time(&stage, begin, begin + 0.1, begin + 6.0, "through the joint");
        let click = stage.worst_click_between(joint - 1.0, joint + 1.0);
        assert!(click < 0.0, "a click of {click}");
    }
}

#[test]
fn a_repeat_turns_in_time_each_time() {
    let (mut stage, begin, deck) = playing(8, Oscillator::fast_by(60.0), 1.0);
    let (from, length) = (1.25, 1.5);
    let mut turn = begin + from + length;
    let mut playing = (deck, part_until(begin, 0.0, turn, SEAM_SECONDS));
    for _ in 0..3 {
        let next = stage.cue(song_file(44_100, 20.0), from);
        stage.arrange(vec![playing, (next, seam(part(turn, from)))]);
        let settled = turn + 0.7;
        stage.play(settled - stage.now());
        assert_in_time(&stage, turn - from, turn + 0.006, settled, "after the turn");
        playing = (next, seam(part_until(turn, from, turn + length, SEAM_SECONDS)));
        turn += length;
    }
    assert!(stage.worst_click() < 0.03, "a click of {}", stage.worst_click());
}

#[test]
fn what_was_to_follow_is_forgotten_unheard() {
    let (mut stage, begin, deck) = playing(9, Oscillator::fast_by(10.0), 2.0);
    let next = stage.cue(song_file(44_100, 20.0), 9.0);
    let moment = stage.now() + 0.4;
    stage.arrange(vec![
        (deck, part_until(begin, 0.0, moment, SEAM_SECONDS)),
        (next, seam(part(moment, 9.0))),
    ]);
    stage.play(0.2);
    stage.arrange(vec![(deck, part(begin, 0.0))]);
    stage.play(1.5);
    assert_eq!(stage.control.collect().collect::<Vec<_>>(), [next]);
    assert_in_time(&stage, begin, begin + 0.1, begin + 3.0, "what plays on");
    assert!(stage.worst_click() < 0.01, "a click of {}", stage.worst_click());
}

/// `head` as a file of its own: its length says what it holds.
fn with_length(head: &[u8]) -> Vec<u8> {
    let mut file = head.to_vec();
    let data = file.len() as u32 - 44;
    file[4..8].copy_from_slice(&(36 + data).to_le_bytes());
    file[40..44].copy_from_slice(&data.to_le_bytes());
    file
}

/// What comes after `cut`, as a file of its own.
fn rest_of(whole: &[u8], cut: usize) -> Vec<u8> {
    with_length(&[&whole[..44], &whole[cut..]].concat())
}
