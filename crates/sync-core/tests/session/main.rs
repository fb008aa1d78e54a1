//! What one member does, told by what goes in and what comes out. Changes to what plays, and what
//! follows it, are in `follow`, the order of songs in `queue`; relays that come and go in `relays`.

mod follow;
mod member;
mod queue;
mod relays;

use protocol::host::NoticeCode;
use protocol::ids::FileId;
use protocol::message::{FileAnnouncement, FileReadiness, Joined, PresenceAction, SharedFile};
use protocol::time::{LocalTime, MediaTime, Millis, Span, SwarmTime};
use protocol::{ClientMessage, ErrorCode, ServerMessage};
use rand::{RngExt, SeedableRng};
use sync_core::PlayoutPlan;
use sync_core::session::{Input, Output, Session, Wish};

use crate::member::*;

#[test]
fn a_member_enters_its_swarm_and_asks_for_the_time() {
    let mut ada = Member::new("ada");
    ada.input(Input::LinkUp);
    assert!(matches!(
        ada.sent().as_slice(),
        [ClientMessage::Join { user_id, alias: Some(_), resume: None, .. }] if *user_id == id("ada")
    ));
    assert_eq!(ada.pings, 0, "the first message on a connection is `join`");
    ada.hear(joined(&["ada"]));
    ada.run(Span::from_millis(250));
    assert_eq!(ada.pings, 20, "the start burst");
    assert!(ada.session.clock_state(ada.now).synced);
}

#[test]
fn pings_come_five_times_a_second_before_music_and_twice_while_it_plays() {
    let mut ada = Member::online("ada", &["ada"]);
    ada.run(Span::from_secs(1));
    let before = ada.pings;
    ada.run(Span::from_secs(10));
    assert_eq!(ada.pings - before, 50);
    ada.hear(play(ada.swarm_now(), 1));
    ada.run(Span::from_secs(1));
    let before = ada.pings;
    ada.run(Span::from_secs(10));
    assert_eq!(ada.pings - before, 20);
}

#[test]
fn a_director_plays_200_ms_ahead_and_only_when_the_relay_says_so() {
    let mut ada = Member::online("ada", &["ada", "mia"]);
    ada.wish(Wish::Play { file_id: Some(file(1)), position: at_second(30) });
    let sent = ada.sent();
    let [ClientMessage::SelectFile { file_id }, ClientMessage::Play(playback)] = sent.as_slice()
    else {
        panic!("{sent:?}");
    };
    assert_eq!((file_id, &playback.file_id), (&file(1), &file(1)));
    assert_eq!(MediaTime::from(playback.position_ms), at_second(30));
    let lead = SwarmTime::from(playback.global_start_time_ms) - ada.swarm_now();
    assert!((lead - Span::from_millis(200)).abs() < Span::from_millis(1), "lead {lead:?}");
    assert_eq!(ada.session.schedule().last(), None, "nothing plays before the relay says so");
    ada.hear(ServerMessage::Play { playback: playback.clone(), term: 1 });
    assert_eq!(ada.session.schedule().last(), Some(&PlayoutPlan::from(playback)));
    assert_eq!(ada.told_plan, Some(PlayoutPlan::from(playback)));
}

#[test]
fn a_start_pressed_before_the_clock_is_known_waits_for_it() {
    let mut ada = Member::new("ada");
    ada.input(Input::LinkUp);
    ada.hear(joined(&["ada"]));
    ada.sent();
    ada.wish(Wish::Play { file_id: Some(file(1)), position: MediaTime::default() });
    assert_eq!(ada.sent(), [], "a start needs a time");
    ada.run(Span::from_millis(300));
    assert!(ada.sent().iter().any(|message| matches!(message, ClientMessage::Play(_))));
}

#[test]
fn a_start_waits_a_moment_for_members_whose_file_is_arriving() {
    let arriving = FileReadiness { file_id: file(1), held_bytes: 9, playable: false };
    let mut ada = Member::online("ada", &["ada", "mia"]);
    let tell = |held| ServerMessage::Readiness { user_id: id("mia"), files: vec![held] };
    ada.hear(tell(arriving.clone()));
    ada.wish(Wish::Play { file_id: Some(file(1)), position: MediaTime::default() });
    ada.run(Span::from_millis(400));
    assert_eq!(ada.sent(), []);
    ada.hear(tell(FileReadiness { playable: true, ..arriving.clone() }));
    assert_eq!(ada.sent().len(), 2, "selected and played at once");

    ada.hear(tell(arriving));
    ada.wish(Wish::Play { file_id: Some(file(1)), position: MediaTime::default() });
    ada.run(Span::from_millis(1_490));
    assert_eq!(ada.sent(), []);
    ada.run(Span::from_millis(20));
    assert_eq!(ada.sent().len(), 2, "after a second and a half the slow join in time");
}

#[test]
fn only_the_director_selects_plays_and_stops() {
    let mut mia = Member::online("mia", &["ada", "mia"]);
    mia.wish(Wish::Select { file_id: file(1) });
    mia.wish(Wish::Play { file_id: Some(file(1)), position: MediaTime::default() });
    mia.wish(Wish::Stop);
    mia.wish(Wish::ResignDirector);
    assert_eq!(mia.sent(), []);
    assert_eq!(std::mem::take(&mut mia.notices), [NoticeCode::NotDirector; 4]);
    mia.wish(Wish::TakeDirector);
    assert_eq!(mia.sent(), [ClientMessage::DirectorTake { user_id: id("mia") }]);
    mia.hear(ServerMessage::DirectorTake { user_id: id("mia"), term: 2 });
    assert!(mia.session.is_director());
    assert_eq!(mia.notices, [NoticeCode::YouDirect]);
    mia.wish(Wish::Stop);
    assert_eq!(mia.sent(), [ClientMessage::Stop]);
}

#[test]
fn a_late_joiner_needs_nothing_but_joined() {
    let mut mia = Member::new("mia");
    mia.input(Input::LinkUp);
    let started = mia.swarm_now() - Span::from_secs(60);
    let ServerMessage::Joined(state) = joined(&["ada", "mia"]) else { unreachable!() };
    mia.hear(ServerMessage::Joined(Joined {
        playback: Some(playback(started)),
        selection: Some(file(1)),
        ..state
    }));
    assert_eq!(mia.session.director(), Some(&id("ada")));
    assert_eq!(mia.session.files().len(), 1);
    assert_eq!(mia.session.selection(), Some(&file(1)));
    mia.run(Span::from_millis(250));
    let heard = mia.heard().expect("clock and plan");
    assert!((heard - at_second(60)).abs() < Span::from_millis(251), "{heard:?}");
}

#[test]
fn messages_of_an_older_term_change_nothing() {
    let mut mia = Member::online("mia", &["ada", "mia"]);
    mia.hear(ServerMessage::DirectorTake { user_id: id("ada"), term: 7 });
    mia.hear(play(mia.swarm_now(), 7));
    let plan = mia.session.schedule().clone();
    mia.hear(ServerMessage::Stop { term: 6 });
    mia.hear(play(mia.swarm_now() + Span::from_secs(9), 6));
    mia.hear(ServerMessage::SelectFile { file_id: file(9), term: 6 });
    mia.hear(ServerMessage::DirectorAssert { user_id: id("mia"), term: 6 });
    assert_eq!(mia.session.schedule().clone(), plan);
    assert_eq!(mia.session.selection(), None);
    assert_eq!(mia.session.director(), Some(&id("ada")));
}
#[test]
fn files_are_announced_once_and_again_after_a_reconnection() {
    let mut mia = Member::online("mia", &["ada", "mia"]);
    let files = |numbers: &[u8]| Input::LocalFiles {
        announcements: numbers.iter().map(|number| announcement(*number)).collect(),
        readiness: Vec::new(),
    };
    mia.input(files(&[5]));
    mia.input(files(&[5]));
    mia.input(files(&[5, 6]));
    let announced = |member: &mut Member| -> Vec<FileId> {
        let sent = member.sent();
        sent.into_iter()
            .filter_map(|message| match message {
                ClientMessage::FileAnnounce(file) => Some(file.file_id),
                _ => None,
            })
            .collect()
    };
    assert_eq!(announced(&mut mia), [file(5), file(6)]);
    mia.input(Input::LinkDown);
    mia.input(Input::LinkUp);
    let ServerMessage::Joined(state) = joined(&["ada", "mia"]) else { unreachable!() };
    let kept = SharedFile { file: announcement(5), owners: vec![id("mia")] };
    mia.hear(ServerMessage::Joined(Joined { files: vec![kept], ..state }));
    assert_eq!(announced(&mut mia), [file(6)], "the relay still lists the other one");
}

#[test]
fn holdings_are_told_four_times_a_second_at_most_and_shown_here_at_once() {
    let mut mia = Member::online("mia", &["ada", "mia"]);
    mia.run(Span::from_secs(1));
    mia.sent();
    for step in 1..=100 {
        let held = FileReadiness { file_id: file(1), held_bytes: step, playable: false };
        mia.input(Input::LocalFiles { announcements: vec![], readiness: vec![held] });
        let own = &mia.session.members()[1].readiness;
        assert_eq!(own[0].held_bytes, step);
        mia.run(Span::from_millis(10));
    }
    let told = mia.sent();
    assert!((4..=5).contains(&told.len()), "{} reports in a second", told.len());
}

#[test]
fn after_a_suspend_the_clock_is_learnt_anew_and_the_song_finds_its_place() {
    let mut mia = Member::online("mia", &["ada", "mia"]);
    mia.hear(play(mia.swarm_now(), 1));
    mia.run(Span::from_secs(20));
    // The device's clock stood still for an hour.
    mia.root_ahead = mia.root_ahead + Span::from_secs(3_600);
    mia.input(Input::Suspended);
    assert_eq!(mia.told_clock, None);
    mia.run(Span::from_millis(250));
    let heard = mia.heard().expect("clock and plan");
    let truth = at_second(3_620) + Span::from_millis(250);
    assert!((heard - truth).abs() < Span::from_millis(1), "{heard:?}");
}

#[test]
fn a_refusal_reaches_the_person_without_invisible_characters() {
    let mut mia = Member::online("mia", &["ada", "mia"]);
    mia.hear(ServerMessage::Error {
        code: ErrorCode::TooManyFiles,
        message: "no\u{1b}[2J more".to_owned(),
        in_reply_to: Some("file:announce".to_owned()),
    });
    assert_eq!(mia.notices, [NoticeCode::TooManyFiles]);
    assert_eq!(mia.details, ["no[2J more"]);
}

#[test]
fn whatever_happens_no_timeout_asks_for_the_present_and_the_same_inputs_do_the_same() {
    for seed in 0..200 {
        let (first, second) = (random_run(seed), random_run(seed));
        assert!(first == second, "seed {seed} gave two results");
    }
}

/// Five hundred random inputs; checks that no timeout is due at once after it was served.
fn random_run(seed: u64) -> Vec<Output> {
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    let mut session = session("mia");
    let mut now = LocalTime::default();
    let mut outputs = Vec::new();
    let users = ["ada", "mia", "zoe"];
    for step in 0..500 {
        now += Span::from_micros(rng.random_range(0..300_000));
        let swarm = SwarmTime::from_nanos(now.as_nanos());
        let term = rng.random_range(0..5);
        let user_id = id(users[rng.random_range(0..3)]);
        let number = rng.random_range(1..4);
        let message = match rng.random_range(0..24) {
            0 => return_input(&mut session, now, Input::LinkUp),
            1 => return_input(&mut session, now, Input::LinkDown),
            2 => return_input(&mut session, now, Input::Suspended),
            3 => return_input(&mut session, now, Input::Wish(Wish::Stop)),
            4 => return_input(&mut session, now, Input::Wish(Wish::TakeDirector)),
            5 => {
                let wish =
                    Wish::Play { file_id: Some(file(1)), position: at_second(number.into()) };
                return_input(&mut session, now, Input::Wish(wish))
            }
            6 => {
                let held = FileReadiness {
                    file_id: file(number),
                    held_bytes: rng.random_range(0..9),
                    playable: rng.random(),
                };
                let announcements = vec![announcement(number)];
                let files = Input::LocalFiles { announcements, readiness: vec![held] };
                return_input(&mut session, now, files)
            }
            7 => Some(joined(&users[..])),
            8 => Some(joined_at_new_relay(&users[..])),
            9 => Some(joined_playing(&users[..], swarm)),
            10 => Some(play(swarm, term)),
            11 => Some(ServerMessage::Stop { term }),
            12 => Some(ServerMessage::SelectFile { file_id: file(number), term }),
            13 => Some(ServerMessage::DirectorTake { user_id, term }),
            14 => Some(ServerMessage::DirectorAssert { user_id, term }),
            15 => Some(ServerMessage::Presence {
                user_id,
                action: if rng.random() { PresenceAction::Join } else { PresenceAction::Leave },
                alias: None,
            }),
            16 => Some(ServerMessage::FileWithdraw { file_id: file(number) }),
            17 => Some(ServerMessage::FileAnnounce { user_id, file: announcement(number) }),
            _ => {
                let root = Millis::from(swarm + Span::from_micros(rng.random_range(0..9_000)));
                let t0 = Millis::from(now - Span::from_micros(rng.random_range(-9_000..90_000)));
                Some(ServerMessage::TimePong { t0, t_s: root, t1: root, t2: root })
            }
        };
        if let Some(message) = message {
            session.handle(now, Input::Message { message: Box::new(message), received: now });
        }
        session.handle_timeout(now);
        if let Some(due) = session.poll_timeout() {
            assert!(due > now, "due {due:?} at {now:?}, seed {seed}, step {step}");
        }
        outputs.extend(std::iter::from_fn(|| session.poll_output()));
    }
    outputs
}

fn return_input(session: &mut Session, now: LocalTime, input: Input) -> Option<ServerMessage> {
    session.handle(now, input);
    None
}

#[test]
fn an_answer_to_a_question_from_before_a_suspend_says_nothing() {
    let mut mia = Member::online("mia", &["ada", "mia"]);
    mia.run(Span::from_secs(20));
    let asked = mia.now;
    mia.now += Span::from_millis(5);
    mia.pongs.clear();
    let stale = ServerMessage::TimePong {
        t0: asked.into(),
        t_s: mia.swarm_now().into(),
        t1: mia.swarm_now().into(),
        t2: mia.swarm_now().into(),
    };
    mia.root_ahead = mia.root_ahead + Span::from_secs(3_600);
    mia.input(Input::Suspended);
    for _ in 0..10 {
        mia.hear(stale.clone());
    }
    assert_eq!(mia.session.clock_state(mia.now).estimate, None);
    mia.run(Span::from_millis(150));
    let estimate = mia.session.clock_state(mia.now).estimate.expect("half of the burst");
    let off = estimate.to_swarm(mia.now) - mia.swarm_now();
    assert!(off.abs() < Span::from_millis(1), "{off:?}");
}

#[test]
fn a_waveform_drawn_later_is_announced_once_and_not_again_where_it_is_known() {
    let mut ada = Member::online("ada", &["ada"]);
    let share = |ada: &mut Member, file: FileAnnouncement| {
        ada.input(Input::LocalFiles { announcements: vec![file], readiness: Vec::new() });
        ada.sent()
    };
    assert_eq!(share(&mut ada, announcement(1)), [], "the relay lists it");
    let mut drawn = announcement(1);
    drawn.media.waveform = Some("AbC".parse().expect("letters"));
    let told = [ClientMessage::FileAnnounce(drawn.clone())];
    assert_eq!(share(&mut ada, drawn.clone()), told);
    assert_eq!(share(&mut ada, drawn.clone()), []);
    ada.hear(ServerMessage::FileAnnounce { user_id: id("ada"), file: drawn.clone() });
    assert_eq!(ada.session.files()[0].file, drawn);
    assert_eq!(ada.session.files()[0].owners, [id("ada")]);
    ada.replace_relay(Span::ZERO);
    ada.hear(joined(&["ada"]));
    assert_eq!(announced(&ada.sent()), told, "a relay that has no waveform of it");
}

fn announced(sent: &[ClientMessage]) -> Vec<ClientMessage> {
    let is_announcement =
        |message: &&ClientMessage| matches!(message, ClientMessage::FileAnnounce(_));
    sent.iter().filter(is_announcement).cloned().collect()
}
