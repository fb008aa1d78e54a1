//! Changes to the song on air, and what becomes of the one that was to follow it.

use protocol::message::{FileReadiness, Joined, Playback, Repeat};
use protocol::time::{MediaTime, Millis, Span, SwarmTime};
use protocol::{ClientMessage, ErrorCode, ServerMessage};
use sync_core::PlayoutPlan;
use sync_core::session::{Input, Wish};

use crate::member::*;

#[test]
fn what_follows_a_repeated_song_begins_at_its_end_and_never_in_the_past() {
    for played in [1, 100] {
        let mut ada = Member::online("ada", &["ada"]);
        let [from, to] = [0.0, 10_000.0].map(|ms| Millis::new(ms).expect("a time"));
        let repeat = Repeat::new(from, to);
        let playback = Playback { repeat, ..playback(ada.swarm_now()) };
        ada.hear(ServerMessage::Play { playback, term: 1 });
        ada.run(Span::from_secs(played));
        ada.sent();
        ada.wish(Wish::PlayNext { file_id: file(1), end: at_second(10) });
        let sent = ada.sent();
        let [ClientMessage::Play(on_air), ClientMessage::Play(next)] = sent.as_slice() else {
            panic!("{sent:?}");
        };
        assert_eq!(on_air.repeat, None, "a song that repeats has no end");
        let on_air = PlayoutPlan::from(on_air);
        let begins = SwarmTime::from(next.global_start_time_ms);
        assert!(begins >= on_air.anchor && on_air.anchor > ada.swarm_now(), "after {played} s");
        let off = begins - on_air.time_of(at_second(10));
        assert!(off.abs() < Span::from_micros(1), "{off:?} off its end after {played} s");
    }
}

#[test]
fn what_was_to_follow_follows_still_after_a_pause_a_seek_and_a_repeat() {
    for everyone_holds in [true, false] {
        let mut ada = playing_with_a_follower(everyone_holds);
        ada.wish(Wish::Pause);
        let [paused] = &plays(&mut ada)[..] else { panic!("nothing follows a pause") };
        assert!(paused.is_paused);
        ada.run(Span::from_secs(5));
        ada.wish(Wish::Resume);
        ends_before_file_2(&mut ada, "after a pause");

        ada.wish(Wish::Seek { position: at_second(100) });
        ends_before_file_2(&mut ada, "after a seek");

        ada.wish(Wish::SetRepeat { repeat: repeat(90, 170) });
        assert_eq!(plays(&mut ada).len(), 1, "a song that repeats has no end");
        ada.wish(Wish::SetRepeat { repeat: None });
        ends_before_file_2(&mut ada, "after a repeat");
        ada.wish(Wish::SetRepeat { repeat: repeat(0, 10) });
        ends_before_file_2(&mut ada, "beyond a repeat");

        ada.wish(Wish::Seek { position: at_second(999) });
        let [elsewhere, next] = &plays(&mut ada)[..] else { panic!("two plans") };
        assert_eq!(elsewhere.anchor, next.anchor, "a place beyond the end ends the song");
        assert_eq!(next.file_id, file(2));
    }
}

#[test]
fn a_song_chosen_to_follow_one_that_stands_still_follows_once_that_goes_on() {
    let mut ada = playing_with_a_follower(true);
    ada.wish(Wish::Play { file_id: Some(file(1)), position: MediaTime::default() });
    ada.run(Span::from_secs(1));
    assert_eq!(plays(&mut ada).len(), 1, "another start forgets what was to follow");
    ada.wish(Wish::Pause);
    plays(&mut ada);
    ada.wish(Wish::PlayNext { file_id: file(2), end: at_second(180) });
    assert_eq!(plays(&mut ada), []);
    ada.wish(Wish::Resume);
    ends_before_file_2(&mut ada, "after the pause");
}

#[test]
fn going_on_right_after_a_pause_counts_although_the_relay_has_not_confirmed_the_pause() {
    let mut ada = playing_with_a_follower(true);
    ada.wish(Wish::Pause);
    ada.wish(Wish::Resume);
    let sent = plays(&mut ada);
    let [paused, on_air, next] = &sent[..] else { panic!("{sent:?}") };
    assert!(paused.is_paused && !on_air.is_paused && next.file_id == file(2), "{sent:?}");
    assert_eq!((paused.anchor, paused.position), (on_air.anchor, on_air.position));
}

#[test]
fn what_follows_is_chosen_while_others_are_still_getting_ready_for_a_seek() {
    let mut ada = playing_with_a_follower(true);
    let arriving = FileReadiness { file_id: file(1), held_bytes: 9, playable: false };
    ada.hear(ServerMessage::Readiness { user_id: id("mia"), files: vec![arriving] });
    ada.hear(ServerMessage::FileAnnounce { user_id: id("ada"), file: announcement(3) });
    ada.wish(Wish::Seek { position: at_second(60) });
    ada.wish(Wish::PlayNext { file_id: file(3), end: at_second(180) });
    assert_eq!(plays(&mut ada), [], "mia is waited for");
    ada.run(Span::from_secs(2));
    let sent = plays(&mut ada);
    let [on_air, next] = &sent[..] else { panic!("{sent:?}") };
    assert_eq!((on_air.position, &next.file_id), (at_second(60), &file(3)));
}

#[test]
fn a_change_that_was_refused_or_dropped_is_not_taken_for_made() {
    for (in_reply_to, code) in
        [(Some("play"), ErrorCode::NotDirector), (None, ErrorCode::RateLimited)]
    {
        let mut ada = playing_with_a_follower(true);
        ada.wish(Wish::Pause);
        ada.sent();
        let in_reply_to = in_reply_to.map(str::to_owned);
        ada.hear(ServerMessage::Error { code, message: "no".to_owned(), in_reply_to });
        ada.wish(Wish::Resume);
        assert_eq!(plays(&mut ada), [], "nothing stands still");
        ada.wish(Wish::Pause);
        plays(&mut ada);
        ada.wish(Wish::Resume);
        ends_before_file_2(&mut ada, "after the pause that was granted");
    }
}

#[test]
fn what_was_to_follow_is_forgotten_with_its_file_or_with_the_lead() {
    let mut ada = playing_with_a_follower(true);
    ada.wish(Wish::Pause);
    plays(&mut ada);
    ada.hear(ServerMessage::FileWithdraw { file_id: file(2) });
    ada.wish(Wish::Resume);
    assert_eq!(plays(&mut ada).len(), 1, "its file is gone");

    let mut ada = playing_with_a_follower(true);
    ada.wish(Wish::Pause);
    plays(&mut ada);
    ada.input(Input::LinkDown);
    ada.input(Input::LinkUp);
    let paused = ada.session.schedule().last().map(Playback::from);
    let ServerMessage::Joined(state) = joined(&["ada", "mia"]) else { unreachable!() };
    ada.hear(ServerMessage::Joined(Joined { term: 5, playback: paused, ..state }));
    ada.run(Span::from_secs(1));
    ada.sent();
    ada.wish(Wish::Resume);
    ada.run(Span::from_secs(2));
    assert_eq!(plays(&mut ada).len(), 1, "somebody else led meanwhile");
}

#[test]
fn a_seek_to_the_beginning_is_no_song_of_its_own_although_less_notice_is_needed_later() {
    let mut ada = playing_with_a_follower(true);
    ada.input(Input::OutputNotice(Span::from_millis(900)));
    ada.wish(Wish::Seek { position: MediaTime::default() });
    ada.input(Input::OutputNotice(Span::ZERO));
    ada.wish(Wish::Pause);
    let sent = plays(&mut ada);
    let [begun, _next, paused] = &sent[..] else { panic!("{sent:?}") };
    assert_eq!((paused.anchor, paused.position), (begun.anchor, MediaTime::default()));
    ada.wish(Wish::Resume);
    ends_before_file_2(&mut ada, "after both");
}

fn repeat(from: u32, to: u32) -> Option<Repeat> {
    let [from, to] = [from, to].map(|s| Millis::new(f64::from(s) * 1e3).expect("a time"));
    Repeat::new(from, to)
}

/// Leads, plays file 1 of three minutes, and file 2 follows.
fn playing_with_a_follower(everyone_holds: bool) -> Member {
    let mut ada = Member::online("ada", &["ada", "mia"]);
    ada.hear(ServerMessage::FileAnnounce { user_id: id("ada"), file: announcement(2) });
    let held = |number| FileReadiness {
        file_id: file(number),
        held_bytes: announcement(number).size,
        playable: true,
    };
    let files = vec![held(1), held(2)];
    ada.input(Input::LocalFiles {
        announcements: vec![announcement(1), announcement(2)],
        readiness: files.clone(),
    });
    if everyone_holds {
        ada.hear(ServerMessage::Readiness { user_id: id("mia"), files });
    }
    ada.run(Span::from_secs(1));
    ada.wish(Wish::Play { file_id: Some(file(1)), position: MediaTime::default() });
    // Mia is waited for, and says nothing.
    ada.run(Span::from_secs(1));
    assert_eq!(plays(&mut ada).len(), 1);
    ada.run(Span::from_secs(10));
    ada.wish(Wish::PlayNext { file_id: file(2), end: at_second(180) });
    assert_eq!(plays(&mut ada).len(), 1);
    ada
}

/// What was asked to play since the last look, confirmed at once by the relay.
fn plays(ada: &mut Member) -> Vec<PlayoutPlan> {
    let mut plans = Vec::new();
    for message in ada.sent() {
        if let ClientMessage::Play(playback) = message {
            plans.push(PlayoutPlan::from(&playback));
            ada.hear(ServerMessage::Play { playback, term: 1 });
        }
    }
    plans
}

fn ends_before_file_2(ada: &mut Member, when: &str) {
    let sent = plays(ada);
    let [on_air, next] = &sent[..] else { panic!("{when}: {sent:?}") };
    assert_eq!((&on_air.file_id, &next.file_id), (&file(1), &file(2)), "{when}");
    let off = next.anchor - on_air.time_of(at_second(180));
    assert!(off.abs() < Span::from_micros(1), "{when}: {off:?} off the end");
    assert_eq!(ada.session.schedule().last(), Some(next), "{when}");
}
