//! Songs that follow each other, and who sees to it.

use protocol::message::{FileReadiness, Queue, RepeatMode};
use protocol::time::{MediaTime, Span};
use protocol::{ClientMessage, ErrorCode, FileId, ServerMessage};
use sync_core::PlayoutPlan;
use sync_core::queue::Way;
use sync_core::session::{Input, Wish};

use crate::member::*;

/// Length of every song. (seconds)
const LENGTH: i64 = 180;

#[test]
fn songs_follow_each_other_without_a_gap_until_the_last_or_for_ever() {
    for (repeat, heard) in
        [(RepeatMode::Off, vec![1, 2, 3]), (RepeatMode::All, vec![1, 2, 3, 1, 2])]
    {
        let mut ada = playing(1);
        ada.wish(Wish::Repeat(repeat));
        confirm(&mut ada);
        let first = ada.told_plan_at_now();
        for (number, song) in heard.iter().enumerate() {
            let plan = ada.told_plan_at_now();
            assert_eq!(plan.file_id, file(*song), "song {number} with {repeat:?}");
            let begins = first.anchor + Span::from_secs(LENGTH * number as i64);
            assert!((plan.anchor - begins).abs() < Span::from_millis(1), "song {number}");
            // Devices know a song's end soon after it has begun.
            ada.input(Input::SongEnds { file_id: file(*song), end: at_second(LENGTH) });
            confirm(&mut ada);
            ada.run(Span::from_secs(LENGTH));
            confirm(&mut ada);
        }
        let follows = next_of(&ada).is_some() || ada.told_plan_at_now().file_id != file(3);
        assert_eq!(follows, repeat == RepeatMode::All, "{repeat:?}");
    }
}

#[test]
fn a_song_that_is_alone_follows_itself_when_all_are_repeated() {
    let mut ada = playing(1);
    for number in [2, 3] {
        ada.hear(ServerMessage::FileWithdraw { file_id: file(number) });
    }
    ada.wish(Wish::Repeat(RepeatMode::All));
    confirm(&mut ada);
    let first = ada.told_plan_at_now().anchor;
    for number in 0..4 {
        let plan = ada.told_plan_at_now();
        let begins = first + Span::from_secs(LENGTH * number);
        assert!((plan.anchor - begins).abs() < Span::from_millis(1), "time {number}");
        ada.run(Span::from_secs(LENGTH));
        confirm(&mut ada);
    }
}

#[test]
fn a_relay_that_refuses_is_not_asked_again_and_again() {
    let mut ada = playing(1);
    let before = Queue { order: vec![file(1), file(3)], ..Queue::default() };
    ada.hear(ServerMessage::Queue { queue: before, term: 1 });
    let mut asked = 0;
    for _ in 0..50 {
        asked += plays(&ada.sent()).len();
        let in_reply_to = Some("play".to_owned());
        let code = ErrorCode::BadStartTime;
        ada.hear(ServerMessage::Error { code, message: "no".to_owned(), in_reply_to });
        ada.run(Span::from_millis(50));
    }
    assert_eq!(asked, 1, "as long as it refuses");
    ada.run(Span::from_secs(2));
    confirm(&mut ada);
    assert_eq!(next_of(&ada), Some(file(3)));
}

#[test]
fn another_song_follows_once_the_order_is_another_one() {
    let mut ada = playing(1);
    assert_eq!(next_of(&ada), Some(file(2)));
    let begins = ada.session.schedule().plans().last().expect("it follows").anchor;
    ada.wish(Wish::Move { file_id: file(3), to: 1 });
    confirm(&mut ada);
    assert_eq!(ada.session.sequence(), [file(1), file(3), file(2)]);
    assert_eq!(next_of(&ada), Some(file(3)));
    let again = ada.session.schedule().plans().last().expect("it follows").anchor;
    assert!((again - begins).abs() < Span::from_millis(1), "the song on air is not touched");
    ada.wish(Wish::Move { file_id: file(1), to: 2 });
    confirm(&mut ada);
    assert_eq!(next_of(&ada), None, "the song on air is the last one now");
    assert_eq!(ada.told_plan_at_now().file_id, file(1));
}

#[test]
fn the_next_director_goes_on_with_the_order_of_the_one_before() {
    let mut mia = Member::online("mia", &["ada", "mia"]);
    shared(&mut mia, "ada");
    let order = vec![file(1), file(3), file(2)];
    let queue = Queue { order: order.clone(), repeat: RepeatMode::All, shuffled: true };
    mia.hear(ServerMessage::Queue { queue: queue.clone(), term: 1 });
    mia.hear(ServerMessage::Play { playback: playback(mia.swarm_now()), term: 1 });
    mia.input(Input::SongEnds { file_id: file(1), end: at_second(LENGTH) });
    assert_eq!(plays(&mia.sent()), [], "ada sees to it");
    mia.hear(ServerMessage::DirectorAssert { user_id: id("mia"), term: 2 });
    let sent = plays(&mia.sent());
    let [next] = &sent[..] else { panic!("{sent:?}") };
    assert_eq!(next.file_id, file(3));
    assert_eq!((mia.session.sequence(), mia.session.queue()), (order, &queue));
    let stale = ServerMessage::Queue { queue: Queue::default(), term: 1 };
    mia.hear(stale);
    assert_eq!(mia.session.queue(), &queue, "said by the director of before");
}

#[test]
fn a_relay_that_has_lost_the_order_is_told_it_again() {
    let mut ada = playing(1);
    ada.wish(Wish::Move { file_id: file(3), to: 0 });
    confirm(&mut ada);
    let queue = ada.session.queue().clone();
    ada.replace_relay(Span::from_secs(5));
    ada.hear(joined_at_new_relay(&["ada"]));
    let told = |sent: &[ClientMessage]| sent.contains(&ClientMessage::Queue(queue.clone()));
    assert!(told(&ada.sent()));
}

#[test]
fn the_music_goes_on_when_the_song_that_was_to_follow_is_removed() {
    let mut ada = playing(1);
    ada.wish(Wish::Withdraw { file_id: file(2) });
    let sent = ada.sent();
    let gone =
        sent.iter().position(|message| matches!(message, ClientMessage::FileWithdraw { .. }));
    let before = plays(&sent[..gone.expect("it is withdrawn")]);
    assert_eq!(before.last().map(|plan| &plan.file_id), Some(&file(1)), "nothing follows by then");
    assert!(plays(&sent).iter().all(|plan| plan.file_id != file(2)), "{sent:?}");
    echo(&mut ada, sent);
    confirm(&mut ada);
    assert_eq!(next_of(&ada), Some(file(3)));
}

#[test]
fn one_song_is_repeated_whichever_it_is_and_no_longer_than_wanted() {
    let mut ada = playing(1);
    ada.wish(Wish::Repeat(RepeatMode::One));
    confirm(&mut ada);
    ada.run(Span::from_secs(2));
    assert!(ada.told_plan_at_now().is_endless());
    ada.wish(Wish::Skip(Way::On));
    confirm(&mut ada);
    ada.input(Input::SongEnds { file_id: file(2), end: at_second(LENGTH) });
    confirm(&mut ada);
    ada.run(Span::from_secs(2 * LENGTH));
    let plan = ada.told_plan_at_now();
    assert_eq!((&plan.file_id, plan.is_endless()), (&file(2), true));
    ada.wish(Wish::Repeat(RepeatMode::Off));
    confirm(&mut ada);
    ada.run(Span::from_secs(1));
    confirm(&mut ada);
    assert!(!ada.told_plan_at_now().is_endless());
    assert_eq!(next_of(&ada), Some(file(3)));
}

#[test]
fn going_back_leads_to_the_beginning_and_from_there_to_the_song_before() {
    let mut ada = playing(2);
    ada.run(Span::from_secs(30));
    ada.wish(Wish::Skip(Way::Back));
    confirm(&mut ada);
    ada.run(Span::from_secs(1));
    assert_eq!(ada.told_plan_at_now().file_id, file(2));
    assert!(ada.told_plan_at_now().position_at(ada.swarm_now()) < at_second(2));
    ada.wish(Wish::Skip(Way::Back));
    confirm(&mut ada);
    ada.run(Span::from_secs(1));
    assert_eq!(ada.told_plan_at_now().file_id, file(1));
}

#[test]
fn a_drawn_order_begins_with_the_song_on_air_and_is_forgotten_when_it_is_not_wanted() {
    let mut ada = playing(2);
    ada.wish(Wish::Shuffle(Some(7)));
    confirm(&mut ada);
    let drawn = ada.session.sequence();
    assert_eq!((&drawn[0], ada.session.queue().shuffled), (&file(2), true));
    assert_eq!(next_of(&ada).as_ref(), Some(&drawn[1]));
    ada.wish(Wish::Shuffle(None));
    confirm(&mut ada);
    assert_eq!(ada.session.sequence(), [file(1), file(2), file(3)]);
    assert!(!ada.session.queue().shuffled);
}

#[test]
fn changes_in_a_row_count_although_the_relay_has_not_confirmed_the_first() {
    let mut ada = playing(1);
    ada.wish(Wish::Move { file_id: file(3), to: 0 });
    ada.wish(Wish::Repeat(RepeatMode::All));
    ada.wish(Wish::Move { file_id: file(2), to: 0 });
    confirm(&mut ada);
    assert_eq!(ada.session.sequence(), [file(2), file(3), file(1)]);
    assert_eq!(ada.session.queue().repeat, RepeatMode::All);

    ada.wish(Wish::Move { file_id: file(1), to: 0 });
    ada.sent();
    let code = ErrorCode::RateLimited;
    ada.hear(ServerMessage::Error { code, message: "no".to_owned(), in_reply_to: None });
    ada.wish(Wish::Repeat(RepeatMode::Off));
    confirm(&mut ada);
    assert_eq!(ada.session.sequence(), [file(2), file(3), file(1)], "the move was dropped");
}

#[test]
fn only_who_directs_changes_the_order() {
    let mut mia = Member::online("mia", &["ada", "mia"]);
    shared(&mut mia, "ada");
    for wish in [
        Wish::Move { file_id: file(1), to: 1 },
        Wish::Skip(Way::On),
        Wish::Repeat(RepeatMode::All),
        Wish::Shuffle(Some(1)),
    ] {
        mia.wish(wish);
        assert_eq!(mia.sent(), []);
        assert_eq!(mia.notices.pop(), Some(protocol::host::NoticeCode::NotDirector));
    }
}

/// Leads alone, holds three songs, and plays one of them.
fn playing(song: u8) -> Member {
    let mut ada = Member::online("ada", &["ada"]);
    shared(&mut ada, "ada");
    ada.wish(Wish::Play { file_id: Some(file(song)), position: MediaTime::default() });
    confirm(&mut ada);
    for number in 1..=3 {
        ada.input(Input::SongEnds { file_id: file(number), end: at_second(LENGTH) });
    }
    ada.run(Span::from_secs(1));
    confirm(&mut ada);
    ada
}

fn shared(member: &mut Member, owner: &str) {
    for number in [2, 3] {
        let file = announcement(number);
        member.hear(ServerMessage::FileAnnounce { user_id: id(owner), file });
    }
    let held = |number| {
        let size = announcement(number).size;
        FileReadiness { file_id: file(number), held_bytes: size, playable: true }
    };
    let readiness = (1..=3).map(held).collect();
    member.input(Input::LocalFiles { announcements: Vec::new(), readiness });
    member.sent();
}

/// The relay says back whatever was asked for, until nothing is.
fn confirm(member: &mut Member) {
    for _ in 0..10 {
        let sent = member.sent();
        if sent.is_empty() {
            return;
        }
        echo(member, sent);
    }
    panic!("there is no end of {:?}", member.sent());
}

fn echo(member: &mut Member, sent: Vec<ClientMessage>) {
    for message in sent {
        match message {
            ClientMessage::Play(playback) => member.hear(ServerMessage::Play { playback, term: 1 }),
            ClientMessage::Queue(queue) => member.hear(ServerMessage::Queue { queue, term: 1 }),
            ClientMessage::SelectFile { file_id } => {
                member.hear(ServerMessage::SelectFile { file_id, term: 1 });
            }
            ClientMessage::FileWithdraw { file_id } => {
                member.hear(ServerMessage::FileWithdraw { file_id });
            }
            _ => {}
        }
    }
}

fn plays(sent: &[ClientMessage]) -> Vec<PlayoutPlan> {
    let plan = |message: &ClientMessage| match message {
        ClientMessage::Play(playback) => Some(PlayoutPlan::from(playback)),
        _ => None,
    };
    sent.iter().filter_map(plan).collect()
}

/// What the schedule lets follow the song on air.
fn next_of(member: &Member) -> Option<FileId> {
    let now = member.swarm_now();
    let plans = member.session.schedule().plans();
    let on_air = &member.told_plan_at_now().file_id;
    plans
        .iter()
        .find(|plan| plan.anchor > now && plan.file_id != *on_air)
        .map(|plan| plan.file_id.clone())
}
