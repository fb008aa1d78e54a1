//! A swarm that changes its owner: what the next one knows, and what was never decided.

use protocol::message::{RepeatMode, SharedFile};
use protocol::time::Millis;

use super::tests::{NOW, announce, bare_join, enter, file, id, refusal, said, say};
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
    enter(&mut next, "mia");
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
    let outputs = room.join(NOW, bare_join(user), String::new()).expect("room for one more");
    match outputs.into_iter().next().map(|output| output.message) {
        Some(ServerMessage::Joined(joined)) => joined,
        other => panic!("expected joined, got {other:?}"),
    }
}
