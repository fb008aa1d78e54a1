//! A swarm that changes its owner: what the next one knows, and what was never decided.

use protocol::message::{RepeatMode, SharedFile};
use protocol::time::Millis;

use super::tests::{NOW, announce, bare_join, enter, file, id, refusal, said, say, withdraw};
use super::*;

const LATER: SwarmTime = SwarmTime::from_nanos(NOW.as_nanos() + 60_000_000_000);

#[test]
fn a_new_owner_knows_who_directs_what_is_selected_and_what_plays() {
    let mut former = inherited(1_000, None);
    for user in ["ada", "mia", "zoe"] {
        enter(&mut former, user);
    }
    say(&mut former, "mia", ClientMessage::DirectorTake { user_id: id("mia") });
    say(&mut former, "ada", announce('a'));
    say(&mut former, "ada", announce('b'));
    let file_id = file('a').file_id;
    say(&mut former, "mia", ClientMessage::SelectFile { file_id: file_id.clone() });
    let start = Millis::from(NOW);
    let playback = Playback::playing(file_id.clone(), start, Millis::default());
    say(&mut former, "mia", ClientMessage::Play(playback.clone()));
    let queue = Queue { order: vec![file('b').file_id], repeat: RepeatMode::One, shuffled: true };
    say(&mut former, "mia", ClientMessage::Queue(queue.clone()));
    let term = former.seat.term();

    let written = serde_json::to_string(&former.heritage()).expect("plain data");
    let heritage = serde_json::from_str(&written).expect("as it was written");
    let mut next = inherited(2_000, Some(heritage));
    let joined = enter_and_hear(&mut next, "zoe");
    assert_eq!(joined.director, Some(id("mia")), "she is not there yet, and leads");
    assert_eq!((joined.epoch, joined.term), (2_000, 2_000), "above {term}");
    assert_eq!(joined.playback, Some(playback), "to the last bit");
    assert_eq!(joined.selection, Some(file_id));
    assert_eq!(joined.queue, queue);
    let listed = [SharedFile { file: file('a'), owners: vec![id("ada")] }];
    assert_eq!(joined.files, listed, "the other file comes back with its owner");

    assert_eq!(refusal(&say(&mut next, "zoe", ClientMessage::Stop)), ErrorCode::NotDirector);
    come_back(&mut next, "mia").expect("the seat is hers");
    enter(&mut next, "ada");
    assert_eq!(
        next.seat.director(),
        Some(&id("mia")),
        "a lower id does not replace one who took it"
    );
    assert_eq!(next.handle_timeout(LATER), [], "and the end of the grace changes nothing");
}

#[test]
fn who_does_not_come_back_leads_and_owns_nothing_after_the_grace() {
    let mut former = inherited(1_000, None);
    enter(&mut former, "ada");
    enter(&mut former, "mia");
    say(&mut former, "ada", announce('a'));
    let selection = ClientMessage::SelectFile { file_id: file('a').file_id };
    say(&mut former, "ada", selection);

    let mut next = inherited(2_000, Some(former.heritage()));
    enter(&mut next, "mia");
    let due = next.poll_timeout().expect("a grace");
    assert_eq!(next.handle_timeout(NOW), [], "it has only begun");
    let outputs = next.handle_timeout(due);
    let mia_leads = ServerMessage::DirectorAssert { user_id: id("mia"), term: 2_001 };
    assert_eq!(said(&outputs), [mia_leads], "what is selected stays");
    assert_eq!(next.files.list()[0].owners, []);
    assert_eq!(next.poll_timeout(), None);
}

#[test]
fn the_seat_of_a_director_is_kept_for_who_has_its_secret_and_nobody_else_of_that_name() {
    let mut former = inherited(1_000, None);
    enter(&mut former, "ada");
    enter(&mut former, "mia");
    let written = serde_json::to_string(&former.heritage()).expect("plain data");
    assert!(!written.contains("secret of ada"), "the secret itself is nowhere: {written}");
    let heritage: Heritage = serde_json::from_str(&written).expect("as it was written");

    let mut next = inherited(2_000, Some(heritage.clone()));
    for shown in [None, Some(""), Some("secret of mia")] {
        let join = Join { resume: shown.map(str::to_owned), ..bare_join("ada") };
        let refused = next.join(NOW, join, "fresh".to_owned()).expect_err("not ada");
        assert_eq!(refused.code, ErrorCode::UserTaken, "{shown:?}");
    }
    assert!(next.is_empty());
    // Others need none, and are led by her meanwhile; also those whom the owner after this one
    // will not know either.
    assert_eq!(enter_and_hear(&mut next, "mia").director, Some(id("ada")));
    assert_eq!(next.heritage().director_fingerprint, heritage.director_fingerprint);
    let joined = come_back(&mut next, "ada").expect("ada");
    assert_eq!(joined.director, Some(id("ada")));
    assert_eq!(joined.resume, "secret of ada", "a lost answer locks nobody out");
    say(&mut next, "ada", ClientMessage::DirectorAssert { user_id: id("ada") });
    assert_eq!(next.heritage().director_fingerprint, heritage.director_fingerprint);

    // Who does not come back has no name that nobody else may have.
    let mut next = inherited(2_000, Some(heritage.clone()));
    next.handle_timeout(LATER);
    assert_eq!(enter_and_hear(&mut next, "ada").resume, "fresh");
    // Nor has one whose seat somebody took.
    let mut next = inherited(2_000, Some(heritage));
    enter(&mut next, "mia");
    say(&mut next, "mia", ClientMessage::DirectorTake { user_id: id("mia") });
    assert_eq!(enter_and_hear(&mut next, "ada").director, Some(id("mia")));
}

#[test]
fn a_withdrawal_that_is_taken_back_leaves_the_file_where_it_stood_and_plays_on() {
    let mut room = inherited(1_000, None);
    for user in ["ada", "eve", "mia"] {
        enter(&mut room, user);
    }
    for (user, letter) in [("eve", 'a'), ("mia", 'b'), ("mia", 'c')] {
        say(&mut room, user, announce(letter));
    }
    say(&mut room, "ada", play('b'));
    // What is on air stays when its owner has gone, and goes with it when it ends.
    room.leave(&id("mia"));
    let before = room.decided();
    let listed = |room: &Room| -> Vec<FileId> {
        room.files.list().iter().map(|shared| shared.file.file_id.clone()).collect()
    };
    let files = ['a', 'b'].map(|letter| file(letter).file_id);
    assert_eq!(listed(&room), files, "nobody can give the third");
    for ends in [ClientMessage::Stop, withdraw('b')] {
        say(&mut room, "ada", withdraw('a'));
        say(&mut room, "ada", ends);
        say(&mut room, "ada", announce('d'));
        assert_eq!(listed(&room), [file('d').file_id]);
        assert_eq!(room.go_back(before.clone()), []);
        assert_eq!(listed(&room), [file('a').file_id, file('b').file_id, file('d').file_id]);
        assert_eq!(room.files.list()[0].owners, [id("eve")]);
        assert!(room.is_on_air(&file('b').file_id));
        room.files.remove(&file('d').file_id);
    }
    // What was written down in between is gone for good.
    say(&mut room, "ada", withdraw('a'));
    let settled = room.decided();
    say(&mut room, "ada", withdraw('b'));
    room.settle(&settled);
    room.go_back(settled);
    assert_eq!(listed(&room), [file('b').file_id]);
}

#[test]
fn who_does_not_come_back_is_not_waited_for_a_second_time() {
    let mut former = inherited(1_000, None);
    enter(&mut former, "ada");
    let mut next = inherited(2_000, Some(former.heritage()));
    enter(&mut next, "mia");
    let before = next.decided();
    next.handle_timeout(LATER);
    // That mia leads could not be written down, and the grace does not come again.
    let outputs = next.go_back(before);
    assert_eq!(next.seat.director(), Some(&id("mia")));
    assert!(matches!(said(&outputs).as_slice(), [ServerMessage::DirectorAssert { .. }]));
}

#[test]
fn a_swarm_that_is_kept_under_a_higher_number_says_so_by_its_term() {
    let mut room = inherited(1_000, None);
    enter(&mut room, "ada");
    let outputs = room.raise_epoch(5_000);
    let assertion = ServerMessage::DirectorAssert { user_id: id("ada"), term: 5_000 };
    assert_eq!(said(&outputs), [assertion]);
    assert_eq!(room.raise_epoch(5_000), [], "once");
    assert_eq!(enter_and_hear(&mut room, "mia").epoch, 5_000);
}

#[test]
fn what_is_taken_back_was_never_decided_whoever_came_and_went_meanwhile() {
    let mut room = inherited(1_000, None);
    for user in ["ada", "eve", "mia"] {
        enter(&mut room, user);
    }
    say(&mut room, "ada", announce('a'));
    let before = room.decided();
    let file_id = file('a').file_id;
    say(&mut room, "ada", ClientMessage::SelectFile { file_id });
    say(&mut room, "mia", ClientMessage::DirectorTake { user_id: id("mia") });
    enter(&mut room, "zoe");
    room.leave(&id("eve"));
    assert_eq!(room.go_back(before), [], "nobody was told otherwise");
    assert_eq!((room.seat.director(), &room.selection), (Some(&id("ada")), &None));
    let members: Vec<_> = room.seat.members().collect();
    assert_eq!(members, [&id("ada"), &id("mia"), &id("zoe")]);

    // One whom the others believe to lead has gone: that they are told.
    let before = room.decided();
    room.leave(&id("ada"));
    let outputs = room.go_back(before);
    assert!(matches!(
        said(&outputs).as_slice(),
        [ServerMessage::DirectorAssert { user_id, .. }] if *user_id == id("mia")
    ));
}

fn inherited(epoch: u64, heritage: Option<Heritage>) -> Room {
    Room::inherit(Limits::default(), "clock".to_owned(), epoch, (heritage, NOW))
}

fn enter_and_hear(room: &mut Room, user: &str) -> Joined {
    hear(room.join(NOW, bare_join(user), "fresh".to_owned()).expect("room for one more"))
}

/// Comes with the secret of `enter`.
fn come_back(room: &mut Room, user: &str) -> Result<Joined, Refusal> {
    let join = Join { resume: Some(format!("secret of {user}")), ..bare_join(user) };
    room.join(NOW, join, "fresh".to_owned()).map(hear)
}

fn play(letter: char) -> ClientMessage {
    let start = Millis::from(NOW);
    ClientMessage::Play(Playback::playing(file(letter).file_id, start, Millis::default()))
}

fn hear(outputs: Vec<Output>) -> Joined {
    match outputs.into_iter().next().map(|output| output.message) {
        Some(ServerMessage::Joined(joined)) => joined,
        other => panic!("expected joined, got {other:?}"),
    }
}
