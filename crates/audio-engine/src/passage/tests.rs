//! Schedules and the passages they are made of.

use sync_core::schedule::Turn;

use super::*;

fn at(seconds: f64) -> SwarmTime {
    SwarmTime::default() + Span::from_secs_f64(seconds)
}

fn place(seconds: f64) -> MediaTime {
    MediaTime::from_millis_f64(seconds * 1e3)
}

fn file(digit: char) -> FileId {
    FileId::parse(digit.to_string().repeat(64)).unwrap()
}

fn plan(digit: char, anchor: f64, position: f64) -> PlayoutPlan {
    PlayoutPlan::playing(file(digit), at(anchor), place(position))
}

/// Every song is three minutes long.
fn asked(plans: impl IntoIterator<Item = PlayoutPlan>, now: f64) -> Programme {
    programme(&plans.into_iter().collect(), at(now), |_| Some(Span::from_secs(180)))
}

/// File, beginning, position and end of each passage.
fn outline(programme: &Programme) -> Vec<(char, f64, f64, Option<f64>)> {
    let seconds = |time: SwarmTime| (time - SwarmTime::default()).as_secs_f64();
    let outline = |passage: &Passage| {
        let Part { line, until, .. } = passage.part;
        let digit = passage.file_id.as_str().chars().next().unwrap();
        (digit, seconds(line.anchor), line.position.as_millis_f64() / 1e3, until.map(seconds))
    };
    programme.passages.iter().map(outline).collect()
}

#[test]
fn what_is_on_air_plays_until_the_seek_begins() {
    let asked = asked([plan('a', 10.0, 0.0), plan('a', 50.0, 120.0)], 20.0);
    assert_eq!(outline(&asked), [('a', 10.0, 0.0, Some(50.0)), ('a', 50.0, 120.0, None)]);
    let [first, second] = &asked.passages[..] else { panic!("two") };
    assert_eq!((first.part.fall, second.part.rise), (SEAM_SECONDS, SEAM_SECONDS));
    assert!(!first.part.plays_out && !second.joins);
}

#[test]
fn a_song_heard_to_its_end_is_not_cut_and_the_next_one_joins_it() {
    let asked = asked([plan('a', 10.0, 60.0), plan('b', 130.0, 0.0)], 20.0);
    let [first, second] = &asked.passages[..] else { panic!("two") };
    assert!(first.part.plays_out && second.joins);
    assert_eq!(second.part.rise, 0.0, "its beginning is heard as it is");
}

#[test]
fn a_song_that_is_skipped_is_cut() {
    let asked = asked([plan('a', 10.0, 60.0), plan('b', 129.0, 0.0)], 20.0);
    let [first, second] = &asked.passages[..] else { panic!("two") };
    assert!(!first.part.plays_out && !second.joins);
}

#[test]
fn a_pause_ends_a_passage_and_says_where_it_will_go_on() {
    let pause = PlayoutPlan { is_paused: true, ..plan('a', 40.0, 30.0) };
    for now in [20.0, 41.0] {
        let before = asked([plan('a', 10.0, 0.0), pause.clone()], now);
        assert_eq!(before.standing, Some((file('a'), place(30.0))), "at {now} s");
    }
    let before = asked([plan('a', 10.0, 0.0), pause.clone()], 20.0);
    assert_eq!(outline(&before), [('a', 10.0, 0.0, Some(40.0))]);
    assert_eq!(before.passages[0].part.fall, FADE_SECONDS);
    let resumed = asked([pause, plan('a', 45.0, 30.0)], 41.0);
    assert_eq!(outline(&resumed), [('a', 45.0, 30.0, None)]);
    assert_eq!(resumed.passages[0].part.rise, FADE_SECONDS);
    assert_eq!(resumed.standing, None);
}

#[test]
fn a_repeat_gives_one_turn_after_the_other() {
    let repeat = Some(Turn { from: place(30.0), to: place(40.0) });
    let repeated = PlayoutPlan { repeat, ..plan('a', 0.0, 20.0) };
    let first = asked([repeated.clone()], 5.0);
    assert_eq!(outline(&first), [('a', 0.0, 20.0, Some(20.0)), ('a', 20.0, 30.0, Some(30.0))]);
    let later = asked([repeated.clone()], 1_003.0);
    let expected = [('a', 1_000.0, 30.0, Some(1_010.0)), ('a', 1_010.0, 30.0, Some(1_020.0))];
    assert_eq!(outline(&later), expected);
    let ended = asked([repeated, plan('b', 1_012.0, 0.0)], 1_011.0);
    let expected = [('a', 1_010.0, 30.0, Some(1_012.0)), ('b', 1_012.0, 0.0, None)];
    assert_eq!(outline(&ended), expected);
}

#[test]
fn the_same_line_in_other_words_is_one_passage() {
    let again = PlayoutPlan {
        repeat: Some(Turn { from: place(60.0), to: place(90.0) }),
        ..plan('a', 30.0, 20.000_4)
    };
    let asked = asked([plan('a', 10.0, 0.0), again], 20.0);
    let seen = outline(&asked);
    assert_eq!(seen.len(), 2);
    let (_, begin, position, until) = seen[0];
    assert_eq!((begin, position), (10.0, 0.0));
    assert!((until.unwrap() - 99.999_6).abs() < 0.001, "turns at {until:?}");
}

#[test]
fn silence_asks_for_nothing_and_a_first_start_ahead_for_itself() {
    assert_eq!(asked([], 5.0), Programme::default());
    assert_eq!(outline(&asked([plan('a', 10.0, 3.0)], 5.0)), [('a', 10.0, 3.0, None)]);
}
