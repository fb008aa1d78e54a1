//! What one member does, told by what goes in and what comes out.

use std::collections::VecDeque;

use protocol::host::NoticeCode;
use protocol::ids::{Alias, FileId, FileName, InfoHash, Magnet, SwarmHash, UserId};
use protocol::message::{
    FileAnnouncement, FileReadiness, Joined, MediaInfo, PeerInfo, Playback, PresenceAction,
    SharedFile,
};
use protocol::time::{LocalTime, MediaTime, Millis, Span, SwarmTime};
use protocol::{ClientMessage, ErrorCode, ServerMessage};
use rand::{RngExt, SeedableRng};
use sync_core::PlayoutPlan;
use sync_core::session::{Input, Output, Session, SessionConfig, Wish};

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
    assert!(ada.session.clock_state().synced);
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
fn a_director_plays_a_fifth_of_a_second_ahead_and_only_when_the_relay_says_so() {
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
    assert_eq!(ada.session.plan(), None, "nothing plays before the relay says so");
    ada.hear(ServerMessage::Play { playback: playback.clone(), term: 1 });
    assert_eq!(ada.session.plan(), Some(&PlayoutPlan::from(playback)));
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
    let plan = mia.session.plan().cloned();
    mia.hear(ServerMessage::Stop { term: 6 });
    mia.hear(play(mia.swarm_now() + Span::from_secs(9), 6));
    mia.hear(ServerMessage::SelectFile { file_id: file(9), term: 6 });
    mia.hear(ServerMessage::DirectorAssert { user_id: id("mia"), term: 6 });
    assert_eq!(mia.session.plan().cloned(), plan);
    assert_eq!(mia.session.selection(), None);
    assert_eq!(mia.session.director(), Some(&id("ada")));
}

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
            session.handle(now, Input::Message { message, received: now });
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

/// A session with a quiet wired path to its relay, whose clock is `root_ahead` of its own.
struct Member {
    session: Session,
    now: LocalTime,
    root_ahead: Span,
    sent: Vec<ClientMessage>,
    pongs: VecDeque<(LocalTime, ServerMessage)>,
    pings: u32,
    notices: Vec<NoticeCode>,
    details: Vec<String>,
    told_clock: Option<sync_core::ClockEstimate>,
    told_plan: Option<PlayoutPlan>,
    timelines: u32,
    /// Times a plan was taken away.
    gaps: u32,
}

impl Member {
    fn new(name: &str) -> Self {
        Self {
            session: session(name),
            now: LocalTime::from_nanos(777_000_000_000),
            root_ahead: Span::from_secs(1_000_000),
            sent: Vec::new(),
            pongs: VecDeque::new(),
            pings: 0,
            notices: Vec::new(),
            details: Vec::new(),
            told_clock: None,
            told_plan: None,
            timelines: 0,
            gaps: 0,
        }
    }

    /// In the swarm, with a known clock and nothing said that a test has not asked for.
    fn online(name: &str, members: &[&str]) -> Self {
        let mut member = Self::new(name);
        member.input(Input::LinkUp);
        member.hear(joined(members));
        member.run(Span::from_secs(1));
        member.sent.clear();
        member.notices.clear();
        member.details.clear();
        member
    }

    fn replace_relay(&mut self, clock_ahead_by: Span) {
        self.input(Input::LinkDown);
        self.pongs.clear();
        self.root_ahead = self.root_ahead + clock_ahead_by;
        self.input(Input::LinkUp);
    }

    fn input(&mut self, input: Input) {
        self.session.handle(self.now, input);
        self.drain();
    }

    fn wish(&mut self, wish: Wish) {
        self.input(Input::Wish(wish));
    }

    fn hear(&mut self, message: ServerMessage) {
        self.input(Input::Message { message, received: self.now });
    }

    fn sent(&mut self) -> Vec<ClientMessage> {
        std::mem::take(&mut self.sent)
    }

    fn swarm_now(&self) -> SwarmTime {
        SwarmTime::from_nanos(self.now.as_nanos()) + self.root_ahead
    }

    /// Position heard now by what the shell was told.
    fn heard(&self) -> Option<MediaTime> {
        Some(self.told_plan.as_ref()?.position_at(self.told_clock?.to_swarm(self.now)))
    }

    /// Lets time pass, serving timeouts and answering pings.
    fn run(&mut self, span: Span) {
        let end = self.now + span;
        loop {
            let pong = self.pongs.front().map(|(at, _)| *at);
            let next = [self.session.poll_timeout(), pong].into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= end) else { break };
            self.now = self.now.max(next);
            if pong.is_some_and(|at| at <= self.now) {
                let (_, message) = self.pongs.pop_front().expect("it is there");
                self.hear(message);
            } else {
                self.session.handle_timeout(self.now);
                self.drain();
            }
        }
        self.now = end;
    }

    fn drain(&mut self) {
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::Send(message) => self.sent.push(message),
                Output::Ping => self.ping(),
                Output::Timeline { clock, plan } => {
                    self.timelines += 1;
                    self.gaps += u32::from(self.told_plan.is_some() && plan.is_none());
                    (self.told_clock, self.told_plan) = (clock, plan);
                }
                Output::Notice { code, detail, .. } => {
                    self.notices.push(code);
                    self.details.push(detail);
                }
                Output::Signal { .. } | Output::Changed => {}
            }
        }
    }

    fn ping(&mut self) {
        self.pings += 1;
        let t1 = Millis::from(self.swarm_now() + Span::from_micros(100));
        let message = ServerMessage::TimePong { t0: self.now.into(), t_s: t1, t1, t2: t1 };
        self.pongs.push_back((self.now + Span::from_micros(200), message));
    }
}

fn session(name: &str) -> Session {
    Session::new(SessionConfig {
        swarm_hash: SwarmHash::parse("0".repeat(64)).expect("64 hex digits"),
        user_id: id(name),
        alias: Alias::parse(name).expect("a plain name"),
    })
}

/// The state of a swarm led by the first member, that shares file 1 of `ada` and plays nothing.
fn joined(members: &[&str]) -> ServerMessage {
    let peers = members
        .iter()
        .map(|name| PeerInfo { user_id: id(name), alias: None, readiness: Vec::new() })
        .collect();
    ServerMessage::Joined(Joined {
        peers,
        director: members.first().map(|name| id(name)),
        term: 1,
        files: vec![SharedFile { file: announcement(1), owners: vec![id("ada")] }],
        selection: None,
        playback: None,
        clock_id: "first".to_owned(),
        files_per_member: 3,
        resume: "secret".to_owned(),
    })
}

fn joined_playing(members: &[&str], start: SwarmTime) -> ServerMessage {
    let ServerMessage::Joined(state) = joined(members) else { unreachable!() };
    ServerMessage::Joined(Joined { playback: Some(playback(start)), ..state })
}

/// What a relay says that has just been started.
fn joined_at_new_relay(members: &[&str]) -> ServerMessage {
    let ServerMessage::Joined(state) = joined(members) else { unreachable!() };
    let clock_id = "second".to_owned();
    ServerMessage::Joined(Joined { clock_id, files: Vec::new(), ..state })
}

fn play(start: SwarmTime, term: u64) -> ServerMessage {
    ServerMessage::Play { playback: playback(start), term }
}

fn playback(start: SwarmTime) -> Playback {
    Playback {
        file_id: file(1),
        global_start_time_ms: start.into(),
        position_ms: Millis::default(),
    }
}

fn announcement(number: u8) -> FileAnnouncement {
    FileAnnouncement {
        file_id: file(number),
        name: FileName::parse("song.flac").expect("a plain name"),
        size: 1_000_000,
        info_hash: InfoHash::parse(format!("{number:040x}")).expect("40 hex digits"),
        magnet: Magnet::parse("magnet:?xt=urn:btih:0").expect("a magnet link"),
        media: MediaInfo {
            duration_ms: Some(Millis::new(180_000.0).expect("three minutes")),
            ..MediaInfo::default()
        },
    }
}

fn file(number: u8) -> FileId {
    FileId::parse(format!("{number:064x}")).expect("64 hex digits")
}

fn id(name: &str) -> UserId {
    UserId::parse(name).expect("a plain id")
}

fn at_second(seconds: i64) -> MediaTime {
    MediaTime::default() + Span::from_secs(seconds)
}
