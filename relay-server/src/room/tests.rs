use protocol::message::{FileAnnouncement, MediaInfo, RepeatMode};
use protocol::time::Millis;

use super::*;

#[test]
fn an_announced_file_is_told_to_everyone_once() {
    let mut room = room_of(&["ada", "mia"]);
    let outputs = say(&mut room, "ada", announce('a'));
    assert_eq!(outputs.len(), 1);
    assert_eq!(outputs[0].to, Audience::All);
    assert_eq!(say(&mut room, "ada", announce('a')), [], "said before");
    let second_owner = say(&mut room, "mia", announce('a'));
    assert_eq!(second_owner.len(), 1, "another member shares the same bytes");
    assert_eq!(room.files.list().len(), 1);
    assert_eq!(room.files.list()[0].owners, [id("ada"), id("mia")]);
}

#[test]
fn a_waveform_that_comes_later_is_told_once_and_changes_nothing_else() {
    let mut room = room_of(&["ada", "mia"]);
    say(&mut room, "ada", announce('a'));
    let drawn = |letters: &str| {
        let media =
            MediaInfo { waveform: Some(letters.parse().expect("letters")), ..MediaInfo::default() };
        let name = "renamed.mp3".parse().expect("a file name");
        ClientMessage::FileAnnounce(FileAnnouncement { media, name, ..file('a') })
    };
    assert_eq!(say(&mut room, "ada", drawn("AbC")).len(), 1);
    assert_eq!(say(&mut room, "ada", drawn("xyz")), [], "it has one");
    let shared = &room.files.list()[0].file;
    assert_eq!(shared.media.waveform.as_ref().map(|waveform| waveform.as_str()), Some("AbC"));
    assert_eq!(shared.name, file('a').name);
}

#[test]
fn the_same_content_can_not_have_another_length_or_torrent() {
    let mut room = room_of(&["ada", "mia"]);
    say(&mut room, "ada", announce('a'));
    let mut longer = file('a');
    longer.size += 1;
    let mut other_torrent = file('a');
    other_torrent.info_hash = file('b').info_hash;
    for lie in [longer, other_torrent] {
        let outputs = say(&mut room, "mia", ClientMessage::FileAnnounce(lie));
        assert_eq!(refusal(&outputs), ErrorCode::BadField);
    }
    assert_eq!(room.files.list()[0].owners, [id("ada")]);
}

#[test]
fn a_member_shares_no_more_than_its_number_until_it_withdraws_one() {
    let mut room = room_of(&["ada", "mia"]);
    for letter in ['a', 'b', 'c'] {
        assert_eq!(say(&mut room, "mia", announce(letter)).len(), 1);
    }
    assert_eq!(refusal(&say(&mut room, "mia", announce('d'))), ErrorCode::TooManyFiles);
    assert_eq!(say(&mut room, "ada", announce('d')).len(), 1, "others have their own number");
    // Sharing what another shares counts too.
    assert_eq!(refusal(&say(&mut room, "mia", announce('d'))), ErrorCode::TooManyFiles);
    assert_eq!(said(&say(&mut room, "mia", withdraw('a'))), [gone('a')]);
    assert_eq!(say(&mut room, "mia", announce('d')).len(), 1);
}

#[test]
fn a_swarm_shares_no_more_than_its_number() {
    let limits = Limits { files_per_swarm: 2, ..Limits::default() };
    let mut room = Room::new(limits, "clock".to_owned());
    enter(&mut room, "ada");
    say(&mut room, "ada", announce('a'));
    say(&mut room, "ada", announce('b'));
    assert_eq!(refusal(&say(&mut room, "ada", announce('c'))), ErrorCode::TooManyFiles);
}

#[test]
fn only_owners_and_the_director_withdraw_a_file() {
    let mut room = room_of(&["ada", "mia", "zoe"]);
    say(&mut room, "mia", announce('a'));
    say(&mut room, "mia", announce('b'));
    assert_eq!(refusal(&say(&mut room, "zoe", withdraw('a'))), ErrorCode::NotDirector);
    assert_eq!(said(&say(&mut room, "mia", withdraw('a'))), [gone('a')]);
    assert_eq!(said(&say(&mut room, "ada", withdraw('b'))), [gone('b')], "ada directs");
    assert_eq!(refusal(&say(&mut room, "ada", withdraw('b'))), ErrorCode::UnknownFile);
}

#[test]
fn a_file_on_air_is_withdrawn_by_the_director_only_and_that_stops_it() {
    let mut room = room_of(&["ada", "mia"]);
    say(&mut room, "mia", announce('a'));
    say(&mut room, "ada", ClientMessage::SelectFile { file_id: file('a').file_id });
    say(&mut room, "ada", play('a', 0));
    assert_eq!(refusal(&say(&mut room, "mia", withdraw('a'))), ErrorCode::NotDirector);
    assert_eq!(said(&say(&mut room, "ada", withdraw('a'))), [stop(1), gone('a')]);
    assert_eq!((&room.selection, &room.schedule), (&None, &Schedule::silent()));
}

#[test]
fn a_file_goes_with_its_last_owner_unless_someone_holds_it_whole() {
    let mut room = room_of(&["ada", "mia", "zoe"]);
    say(&mut room, "mia", announce('a'));
    say(&mut room, "mia", announce('b'));
    say(&mut room, "zoe", holds('a', 1_000));
    say(&mut room, "zoe", holds('a', 1_000));
    assert_eq!(said(&room.leave(&id("mia")))[1..], [gone('b')], "b is held by nobody");
    assert_eq!(room.files.list()[0].owners, []);
    assert_eq!(said(&room.leave(&id("zoe")))[1..], [gone('a')]);
}

#[test]
fn a_file_held_in_part_goes_with_its_last_owner() {
    let mut room = room_of(&["ada", "mia"]);
    say(&mut room, "mia", announce('a'));
    say(&mut room, "ada", holds('a', 999));
    assert_eq!(said(&room.leave(&id("mia")))[1..], [gone('a')]);
}

#[test]
fn a_file_stays_while_one_of_its_owners_stays() {
    let mut room = room_of(&["ada", "mia", "zoe"]);
    say(&mut room, "mia", announce('a'));
    say(&mut room, "zoe", announce('a'));
    assert_eq!(said(&room.leave(&id("mia"))).len(), 1, "presence only");
    assert_eq!(room.files.list()[0].owners, [id("zoe")]);
}

#[test]
fn a_file_selected_or_on_air_outlives_its_owner_until_something_else_is() {
    let mut room = room_of(&["ada", "mia", "zoe"]);
    for letter in ['a', 'b'] {
        say(&mut room, "zoe", announce(letter));
    }
    say(&mut room, "mia", announce('c'));
    say(&mut room, "ada", ClientMessage::SelectFile { file_id: file('a').file_id });
    say(&mut room, "ada", play('b', 0));
    assert_eq!(said(&room.leave(&id("zoe"))).len(), 1, "presence only");
    let selected = say(&mut room, "ada", ClientMessage::SelectFile { file_id: file('c').file_id });
    assert_eq!(said(&selected)[1..], [gone('a')]);
    assert_eq!(said(&say(&mut room, "ada", ClientMessage::Stop)), [stop(1), gone('b')]);
}

#[test]
fn a_start_may_lie_a_minute_ahead_and_a_day_behind_and_no_more() {
    let mut room = room_of(&["ada"]);
    say(&mut room, "ada", announce('a'));
    let day = 24 * 3_600_000;
    for fine in [60_000, 0, -1, -3 * 3_600_000, -day] {
        say(&mut room, "ada", ClientMessage::Stop);
        assert_eq!(say(&mut room, "ada", play('a', fine)).len(), 1, "{fine} ms");
        assert!(!room.schedule.is_silent(), "{fine} ms");
    }
    let next = say(&mut room, "ada", play('a', day));
    assert!(matches!(said(&next)[0], ServerMessage::Play { .. }), "while something is on air");
    say(&mut room, "ada", ClientMessage::Stop);
    let before = room.schedule.clone();
    for wrong in [60_001, day, -day - 1, -1_795_342_400_000] {
        let outputs = say(&mut room, "ada", play('a', wrong));
        assert_eq!(refusal(&outputs), ErrorCode::BadStartTime, "{wrong} ms");
    }
    assert_eq!(room.schedule, before, "a refused play changes nothing");
}

#[test]
fn a_play_before_the_songs_beginning_or_of_no_song_is_refused() {
    let mut room = room_of(&["ada"]);
    assert_eq!(refusal(&say(&mut room, "ada", play('a', 0))), ErrorCode::UnknownFile);
    say(&mut room, "ada", announce('a'));
    let ClientMessage::Play(mut playback) = play('a', 0) else { unreachable!() };
    playback.position_ms = Millis::new(-0.5).expect("a time");
    let outputs = say(&mut room, "ada", ClientMessage::Play(playback));
    assert_eq!(refusal(&outputs), ErrorCode::BadField);
}

#[test]
fn control_is_told_under_the_term_of_the_director_who_said_it() {
    let mut room = room_of(&["ada", "mia"]);
    say(&mut room, "mia", announce('a'));
    say(&mut room, "mia", ClientMessage::DirectorTake { user_id: id("mia") });
    assert_eq!(said(&say(&mut room, "mia", ClientMessage::Stop)), [stop(2)]);
    assert_eq!(refusal(&say(&mut room, "ada", ClientMessage::Stop)), ErrorCode::NotDirector);
}

#[test]
fn the_order_of_songs_is_the_directors_and_outlives_who_said_it() {
    let mut room = room_of(&["ada", "mia"]);
    let order = vec![file('b').file_id, file('a').file_id];
    let queue = Queue { order, repeat: RepeatMode::All, shuffled: false };
    let refused = say(&mut room, "mia", ClientMessage::Queue(queue.clone()));
    assert_eq!(refusal(&refused), ErrorCode::NotDirector);
    let outputs = say(&mut room, "ada", ClientMessage::Queue(queue.clone()));
    assert_eq!(said(&outputs), [ServerMessage::Queue { queue: queue.clone(), term: 1 }]);
    assert_eq!(outputs[0].to, Audience::All);
    room.leave(&id("ada"));
    assert_eq!(room.whole_state_for(&id("mia")).queue, queue);
}

#[test]
fn one_who_asks_for_the_lead_it_has_is_told_so_alone() {
    let mut room = room_of(&["ada", "mia"]);
    let outputs = say(&mut room, "ada", ClientMessage::DirectorAssert { user_id: id("ada") });
    let message = ServerMessage::DirectorAssert { user_id: id("ada"), term: 1 };
    assert_eq!(outputs, [Output { to: Audience::One(id("ada")), message }]);
}

#[test]
fn readiness_is_told_to_the_others_when_it_changes() {
    let mut room = room_of(&["ada", "mia"]);
    let outputs = say(&mut room, "mia", holds('a', 10));
    assert_eq!(outputs[0].to, Audience::AllBut(id("mia")));
    assert!(outputs[0].is_droppable());
    assert_eq!(say(&mut room, "mia", holds('a', 10)), [], "nothing changed");
    assert_eq!(room.peers()[1].readiness.len(), 1);
}

#[test]
fn readiness_beyond_what_can_be_shared_is_refused() {
    let mut room = room_of(&["ada"]);
    let one = FileReadiness { file_id: file('a').file_id, held_bytes: 0, playable: false };
    let files = vec![one; 101];
    let outputs = say(&mut room, "ada", ClientMessage::Readiness { files });
    assert_eq!(refusal(&outputs), ErrorCode::BadField);
    let outputs = say(&mut room, "ada", holds('a', MAX_FILE_SIZE + 1));
    assert_eq!(refusal(&outputs), ErrorCode::BadField);
}

#[test]
fn a_second_join_on_one_connection_is_refused() {
    let mut room = room_of(&["ada"]);
    let join = ClientMessage::Join {
        swarm_hash: "0".repeat(64).parse().expect("hex"),
        user_id: id("eve"),
        alias: None,
        resume: None,
        challenge: None,
    };
    assert_eq!(refusal(&say(&mut room, "ada", join)), ErrorCode::AlreadyJoined);
}

#[test]
fn the_state_of_an_ordinary_swarm_fits_one_message() {
    let mut room = room_of(&["ada", "mia", "zoe"]);
    for letter in ['a', 'b', 'c'] {
        say(&mut room, "ada", announce(letter));
    }
    let whole = ServerMessage::Joined(room.whole_state_for(&id("mia")));
    assert_eq!(snapshot::frames(&whole), [whole.encode()]);
}

#[test]
fn the_state_of_the_largest_swarm_is_told_whole_in_messages_that_members_can_read() {
    let (room, newcomer) = largest_room();
    let whole = room.whole_state_for(&newcomer);
    let frames = snapshot::frames(&ServerMessage::Joined(whole.clone()));
    assert!(frames.len() > 1);

    // What a member makes of it, message by message.
    let mut heard = Joined { peers: Vec::new(), files: Vec::new(), ..whole.clone() };
    for frame in &frames {
        let message = ServerMessage::decode(frame).expect("below the largest size");
        match message {
            ServerMessage::Joined(joined) => heard = joined,
            ServerMessage::Presence { user_id, alias, .. } => {
                heard.peers.push(PeerInfo::new(user_id, alias));
            }
            ServerMessage::Readiness { user_id, files } => {
                let peer = heard.peers.iter_mut().find(|peer| peer.user_id == user_id);
                peer.expect("a member named before").readiness = files;
            }
            ServerMessage::FileAnnounce { user_id, file } => {
                match heard.files.iter_mut().find(|f| f.file.file_id == file.file_id) {
                    Some(shared) => shared.owners.push(user_id),
                    None => heard
                        .files
                        .push(protocol::message::SharedFile { file, owners: vec![user_id] }),
                }
            }
            other => panic!("unexpected {other:?}"),
        }
    }
    heard.peers.sort_by(|a, b| a.user_id.cmp(&b.user_id));
    assert_eq!(heard.peers, whole.peers);
    let by_id = |files: &[protocol::message::SharedFile]| {
        let mut files = files.to_vec();
        files.sort_by(|a, b| a.file.file_id.cmp(&b.file.file_id));
        files
    };
    assert_eq!(by_id(&heard.files), by_id(&whole.files));
    for frame in snapshot::frames(&ServerMessage::Peers { peers: room.peers() }) {
        assert!(ServerMessage::decode(&frame).is_ok());
    }
}

/// As many members and files as allowed, every text as long as allowed.
fn largest_room() -> (Room, UserId) {
    let mut room = Room::new(Limits::default(), "clock".to_owned());
    let users: Vec<UserId> = (0..200).map(|n| id(&format!("{n:0>64}"))).collect();
    for user in &users {
        let alias = Some("\u{1f3b5}".repeat(40).parse().expect("an alias"));
        let join = Join { alias, ..bare_join(user.as_str()) };
        room.join(NOW, join, "0".repeat(32)).expect("room for 200");
    }
    let mut readiness = Vec::new();
    for (number, user) in users.iter().enumerate().take(100) {
        let file_id: FileId = format!("{number:0>64}").parse().expect("hex");
        let text: protocol::ids::Label = "\u{1f3b5}".repeat(255).parse().expect("a label");
        let file = FileAnnouncement {
            file_id: file_id.clone(),
            name: "\u{1f3b5}".repeat(255).parse().expect("a file name"),
            magnet: format!("magnet:?{}", "x".repeat(4088)).parse().expect("a magnet link"),
            media: MediaInfo {
                title: Some(text.clone()),
                artist: Some(text.clone()),
                album: Some(text),
                ..MediaInfo::default()
            },
            ..file('a')
        };
        let outputs = room.handle_message(NOW, user, ClientMessage::FileAnnounce(file));
        assert_eq!(outputs.len(), 1);
        readiness.push(FileReadiness { file_id, held_bytes: 1_000, playable: true });
    }
    for user in &users {
        let files = readiness.clone();
        room.handle_message(NOW, user, ClientMessage::Readiness { files });
    }
    (room, users[199].clone())
}

pub(super) const NOW: SwarmTime = SwarmTime::from_nanos(1_795_342_400_000_000_000);

fn room_of(users: &[&str]) -> Room {
    let mut room = Room::new(Limits::default(), "clock".to_owned());
    for user in users {
        enter(&mut room, user);
    }
    room
}

/// A join of one who brings nothing.
pub(super) fn bare_join(user: &str) -> Join {
    let (ice, relays) = (Vec::new(), Vec::new());
    let (challenge, carrier) = (None, None);
    let user_id = id(user);
    Join { user_id, alias: None, resume: None, time: None, ice, relays, challenge, carrier }
}

pub(super) fn enter(room: &mut Room, user: &str) {
    let join = bare_join(user);
    room.join(NOW, join, format!("secret of {user}")).expect("room for one more");
}

pub(super) fn say(room: &mut Room, user: &str, message: ClientMessage) -> Vec<Output> {
    room.handle_message(NOW, &id(user), message)
}

pub(super) fn said(outputs: &[Output]) -> Vec<ServerMessage> {
    outputs.iter().map(|output| output.message.clone()).collect()
}

pub(super) fn refusal(outputs: &[Output]) -> ErrorCode {
    match outputs {
        [Output { message: ServerMessage::Error { code, in_reply_to: Some(_), .. }, .. }] => *code,
        other => panic!("expected one refusal, got {other:?}"),
    }
}

pub(super) fn announce(letter: char) -> ClientMessage {
    ClientMessage::FileAnnounce(file(letter))
}

pub(super) fn withdraw(letter: char) -> ClientMessage {
    ClientMessage::FileWithdraw { file_id: file(letter).file_id }
}

fn gone(letter: char) -> ServerMessage {
    ServerMessage::FileWithdraw { file_id: file(letter).file_id }
}

fn stop(term: u64) -> ServerMessage {
    ServerMessage::Stop { term }
}

fn holds(letter: char, held_bytes: u64) -> ClientMessage {
    let file_id = file(letter).file_id;
    ClientMessage::Readiness { files: vec![FileReadiness { file_id, held_bytes, playable: false }] }
}

fn play(letter: char, milliseconds_ahead: i64) -> ClientMessage {
    let start = Millis::from(NOW + Span::from_millis(milliseconds_ahead));
    ClientMessage::Play(Playback::playing(file(letter).file_id, start, Millis::default()))
}

pub(super) fn file(letter: char) -> FileAnnouncement {
    let digits = format!("{:x}", u32::from(letter)).repeat(64);
    FileAnnouncement {
        file_id: digits[..64].parse().expect("hex"),
        name: format!("{letter}.mp3").parse().expect("a file name"),
        size: 1_000,
        info_hash: digits[..40].parse().expect("hex"),
        magnet: "magnet:?xt=urn:btih:0".parse().expect("a magnet link"),
        media: MediaInfo::default(),
    }
}

pub(super) fn id(text: &str) -> UserId {
    UserId::parse(text).expect("a plain user id")
}
