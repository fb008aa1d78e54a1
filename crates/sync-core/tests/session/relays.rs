//! Losing the relay, finding it again, finding another one.

use protocol::host::NoticeCode;
use protocol::message::Joined;
use protocol::time::{MediaTime, Span};
use protocol::{ClientMessage, ServerMessage};
use sync_core::PlayoutPlan;
use sync_core::session::{Input, Wish};

use crate::member::*;

#[test]
fn when_the_link_breaks_music_clock_and_members_stay() {
    let mut mia = Member::online("mia", &["ada", "mia"]);
    mia.hear(play(mia.swarm_now(), 1));
    let (clock, plan) = (mia.told_clock, mia.told_plan.clone());
    mia.input(Input::LinkDown);
    mia.run(Span::from_secs(60));
    assert_eq!((mia.told_clock, &mia.told_plan), (clock, &plan));
    assert_eq!(mia.session.members().len(), 2);
    assert!(!mia.session.is_online());
    assert_eq!(mia.session.poll_timeout(), None, "there is nothing to do while offline");
}

#[test]
fn back_at_the_same_relay_what_plays_there_plays_on_unchanged() {
    let mut mia = Member::online("mia", &["ada", "mia"]);
    let started = mia.swarm_now();
    mia.hear(play(started, 1));
    mia.input(Input::LinkDown);
    mia.run(Span::from_secs(5));
    mia.input(Input::LinkUp);
    assert!(matches!(
        mia.sent().as_slice(),
        [ClientMessage::Join { resume: Some(secret), .. }] if secret == "secret"
    ));
    mia.timelines = 0;
    mia.hear(joined_playing(&["ada", "mia"], started));
    assert_eq!(mia.timelines, 0, "the same time line is no news");
}

#[test]
fn a_relay_that_slept_names_its_clock_anew_and_the_music_goes_on() {
    let mut mia = Member::online("mia", &["ada", "mia"]);
    let started = mia.swarm_now();
    mia.hear(play(started, 1));
    mia.run(Span::from_secs(20));
    // It was put forward by what it slept, which the system knew to 5 ms.
    let error = Span::from_millis(5);
    mia.root_ahead = mia.root_ahead + error;
    let ServerMessage::Joined(state) = joined_playing(&["ada", "mia"], started) else {
        unreachable!()
    };
    let before = mia.heard().expect("it plays");
    mia.hear(ServerMessage::Joined(Joined { clock_id: "second".to_owned(), ..state }));
    assert_eq!(mia.heard(), Some(before), "nothing happens at once");
    assert!(mia.session.is_online() && mia.session.members().len() == 2);
    mia.run(Span::from_secs(1));
    let still = mia.heard().expect("it plays on") - before - Span::from_secs(1);
    assert!(still.abs() < Span::from_micros(50), "moved by {still:?} before it is known well");
    mia.run(Span::from_secs(4));
    let step = mia.heard().expect("it plays on") - before - Span::from_secs(5);
    assert!((step - error).abs() < Span::from_micros(100), "carried over by {step:?}");
    assert_eq!(mia.gaps, 0, "the song was never taken away");
    assert_eq!(mia.sent(), [], "and there was nothing to say");
}

#[test]
fn a_stop_during_an_absence_is_heard_on_return() {
    let mut mia = Member::online("mia", &["ada", "mia"]);
    mia.hear(play(mia.swarm_now(), 1));
    mia.input(Input::LinkDown);
    mia.input(Input::LinkUp);
    mia.hear(joined(&["ada", "mia"]));
    assert_eq!(mia.told_plan, None);
}

#[test]
fn a_director_tells_a_replaced_relay_what_plays_without_a_step() {
    let mut ada = Member::online("ada", &["ada", "mia"]);
    ada.input(Input::LocalFiles { announcements: vec![announcement(1)], readiness: vec![] });
    ada.hear(ServerMessage::SelectFile { file_id: file(1), term: 1 });
    ada.hear(play(ada.swarm_now(), 1));
    ada.run(Span::from_secs(20));
    ada.replace_relay(Span::from_secs(-4_000));
    ada.sent();
    ada.hear(joined_at_new_relay(&["ada", "mia"]));
    let sent = ada.sent();
    assert!(matches!(sent.as_slice(), [ClientMessage::FileAnnounce(_)]), "{sent:?}");
    ada.hear(ServerMessage::FileAnnounce { user_id: id("ada"), file: announcement(1) });
    let mut told = Vec::new();
    let before = ada.heard().expect("it plays on");
    for _ in 0..40 {
        ada.run(Span::from_millis(100));
        told.append(&mut ada.sent());
    }
    let [ClientMessage::SelectFile { .. }, ClientMessage::Play(playback)] = told.as_slice() else {
        panic!("{told:?}");
    };
    ada.hear(ServerMessage::Play { playback: playback.clone(), term: 1 });
    let step = ada.heard().expect("it plays on") - before - Span::from_secs(4);
    assert!(step.abs() < Span::from_micros(50), "a step of {step:?}");
    assert_eq!(ada.gaps, 0, "the plan was never taken away");
    let file_on_new_clock = PlayoutPlan::from(playback).position_at(ada.swarm_now());
    let step = file_on_new_clock - before - Span::from_secs(4);
    assert!(step.abs() < Span::from_micros(50), "told {step:?} off");
}

#[test]
fn another_place_in_the_song_does_not_wait_until_a_replaced_relay_is_known_well() {
    let mut ada = Member::online("ada", &["ada", "mia"]);
    ada.input(Input::LocalFiles { announcements: vec![announcement(1)], readiness: vec![] });
    ada.hear(ServerMessage::SelectFile { file_id: file(1), term: 1 });
    ada.hear(play(ada.swarm_now(), 1));
    ada.run(Span::from_secs(20));
    ada.replace_relay(Span::from_secs(-4_000));
    ada.hear(joined_at_new_relay(&["ada", "mia"]));
    ada.hear(ServerMessage::FileAnnounce { user_id: id("ada"), file: announcement(1) });
    ada.run(Span::from_millis(400));
    ada.sent();
    ada.wish(Wish::Play { file_id: Some(file(1)), position: at_second(30) });
    let sent = ada.sent();
    let Some(ClientMessage::Play(playback)) = sent.last() else { panic!("{sent:?}") };
    ada.hear(ServerMessage::Play { playback: playback.clone(), term: 1 });
    assert_eq!(ada.told_plan, Some(PlayoutPlan::from(playback)), "nor does this device");
}

#[test]
fn who_does_not_lead_tells_a_replaced_relay_nothing_and_follows_the_director() {
    let mut mia = Member::online("mia", &["ada", "mia"]);
    mia.hear(play(mia.swarm_now(), 1));
    mia.run(Span::from_secs(20));
    mia.replace_relay(Span::from_secs(7));
    mia.sent();
    mia.hear(joined_at_new_relay(&["ada", "mia"]));
    mia.hear(ServerMessage::FileAnnounce { user_id: id("ada"), file: announcement(1) });
    let before = mia.heard().expect("it plays on");
    mia.run(Span::from_secs(4));
    assert_eq!(mia.sent(), []);
    let started = mia.swarm_now() - Span::from_millis(24_000);
    mia.hear(play(started, 1));
    let step = mia.heard().expect("it plays on") - before - Span::from_secs(4);
    assert!(step.abs() < Span::from_micros(100), "a step of {step:?}");
    assert_eq!(mia.gaps, 0);
    mia.hear(ServerMessage::DirectorAssert { user_id: id("mia"), term: 2 });
    mia.run(Span::from_secs(1));
    assert_eq!(mia.sent(), [], "the director told it already");
}

#[test]
fn the_lead_that_falls_to_a_member_later_brings_the_duty_to_restore_with_it() {
    let mut mia = Member::online("mia", &["ada", "mia"]);
    mia.hear(play(mia.swarm_now(), 1));
    mia.run(Span::from_secs(20));
    mia.replace_relay(Span::from_secs(7));
    mia.sent();
    mia.hear(joined_at_new_relay(&["ada", "mia"]));
    mia.hear(ServerMessage::FileAnnounce { user_id: id("mia"), file: announcement(1) });
    mia.run(Span::from_secs(4));
    mia.hear(ServerMessage::DirectorAssert { user_id: id("mia"), term: 2 });
    assert!(matches!(mia.sent().as_slice(), [ClientMessage::Play(_)]));
}

#[test]
fn a_song_that_is_over_is_not_told_to_a_replaced_relay() {
    let mut ada = Member::online("ada", &["ada"]);
    ada.hear(play(ada.swarm_now(), 1));
    ada.run(Span::from_secs(190));
    ada.replace_relay(Span::from_secs(1));
    ada.sent();
    ada.hear(joined_at_new_relay(&["ada"]));
    ada.hear(ServerMessage::FileAnnounce { user_id: id("ada"), file: announcement(1) });
    ada.run(Span::from_secs(5));
    assert_eq!(ada.sent(), []);
}

#[test]
fn one_who_took_the_lead_takes_it_again_from_a_replaced_relay() {
    let mut zoe = Member::online("zoe", &["ada", "zoe"]);
    zoe.hear(ServerMessage::DirectorTake { user_id: id("zoe"), term: 2 });
    zoe.replace_relay(Span::ZERO);
    zoe.sent();
    zoe.hear(joined_at_new_relay(&["ada", "zoe"]));
    assert_eq!(zoe.sent(), [ClientMessage::DirectorTake { user_id: id("zoe") }]);
}

#[test]
fn while_offline_a_person_can_stop_this_device_and_is_told_what_can_not_be_done() {
    let mut ada = Member::online("ada", &["ada", "mia"]);
    let started = ada.swarm_now();
    ada.hear(play(started, 1));
    ada.input(Input::LinkDown);
    ada.notices.clear();
    ada.wish(Wish::Play { file_id: Some(file(1)), position: MediaTime::default() });
    assert_eq!(ada.notices, [NoticeCode::RelayUnreachable]);
    assert!(ada.told_plan.is_some());
    ada.wish(Wish::Stop);
    assert_eq!(ada.told_plan, None);
    ada.input(Input::LinkUp);
    ada.sent();
    ada.hear(joined_playing(&["ada", "mia"], started));
    assert_eq!(ada.sent(), [ClientMessage::Stop], "it still leads, so everyone stops");
}

#[test]
fn a_stop_whose_confirmation_was_lost_stays_a_stop() {
    for relay_got_it in [true, false] {
        let mut ada = Member::online("ada", &["ada", "mia"]);
        let started = ada.swarm_now();
        ada.hear(play(started, 1));
        ada.wish(Wish::Stop);
        ada.input(Input::LinkDown);
        ada.input(Input::LinkUp);
        ada.sent();
        if relay_got_it {
            ada.hear(joined(&["ada", "mia"]));
            assert_eq!((ada.sent(), &ada.told_plan), (vec![], &None));
        } else {
            ada.hear(joined_playing(&["ada", "mia"], started));
            assert_eq!(ada.sent(), [ClientMessage::Stop]);
        }
    }
}

#[test]
fn a_room_that_began_anew_behind_the_same_clock_is_told_what_plays() {
    let mut ada = Member::online("ada", &["ada", "mia"]);
    ada.hear(play(ada.swarm_now(), 1));
    ada.input(Input::LinkDown);
    ada.run(Span::from_secs(60));
    ada.input(Input::LinkUp);
    ada.sent();
    ada.hear(joined(&["ada"]));
    assert!(matches!(ada.sent().as_slice(), [ClientMessage::Play(_)]));
    assert_eq!(ada.gaps, 0);
}
