//! What members of a swarm see of each other, over real sockets.

mod common;

use common::{Client, eventually, file, id, join_message, play, relay, relay_with};
use protocol::message::{FileReadiness, PresenceAction};
use protocol::{ClientMessage, ErrorCode, ServerMessage, Span};
use relay_server::Limits;

#[tokio::test]
async fn members_see_each_other_come_and_go() {
    let relay = relay().await;
    let (mut ada, joined) = Client::join(&relay, "ada").await;
    assert_eq!(joined.peers.len(), 1);
    assert_eq!(joined.director, Some(id("ada")));

    let (mia, joined) = Client::join(&relay, "mia").await;
    let names: Vec<&str> = joined.peers.iter().map(|peer| peer.user_id.as_str()).collect();
    assert_eq!(names, ["ada", "mia"]);
    assert_eq!(ada.next().await, presence("mia", PresenceAction::Join));

    mia.end().await;
    assert_eq!(ada.next().await, presence("mia", PresenceAction::Leave));
}

#[tokio::test]
async fn a_member_that_says_leave_is_gone_at_once() {
    let relay = relay().await;
    let mut ada = Client::member(&relay, "ada").await;
    let mut mia = Client::member(&relay, "mia").await;
    ada.next().await;
    mia.send(ClientMessage::Leave).await;
    assert_eq!(ada.next().await, presence("mia", PresenceAction::Leave));
    assert_eq!(mia.close_code().await, 1000);
}

#[tokio::test]
async fn swarms_with_different_keys_know_nothing_of_each_other() {
    let relay = relay().await;
    let mut ada = Client::member(&relay, "ada").await;
    let mut eve = Client::stranger(&relay).await;
    eve.send(join_message("another party", "eve", None)).await;
    let joined = eve.joined().await;
    assert_eq!(joined.peers.len(), 1);
    let signal = ClientMessage::RtcSignal { to: id("ada"), data: 1.into() };
    assert_eq!(eve.refused(signal).await, ErrorCode::UnknownPeer);
    assert_eq!(ada.settled().await, []);
    assert_eq!((relay.swarms(), relay.members()), (2, 2));
}

#[tokio::test]
async fn a_late_joiner_gets_the_whole_state() {
    let relay = relay().await;
    let mut ada = Client::member(&relay, "ada").await;
    let song = file('a');
    let ready =
        vec![FileReadiness { file_id: song.file_id.clone(), held_bytes: 1_000, playable: true }];
    let now = ada.time().await;
    ada.send(ClientMessage::FileAnnounce(song.clone())).await;
    ada.send(ClientMessage::FileAnnounce(file('b'))).await;
    ada.send(ClientMessage::Readiness { files: ready.clone() }).await;
    ada.send(ClientMessage::SelectFile { file_id: song.file_id.clone() }).await;
    ada.send(play(&song, now, Span::from_millis(-30_000))).await;
    ada.settled().await;

    let (_mia, joined) = Client::join(&relay, "mia").await;
    assert_eq!(joined.director, Some(id("ada")));
    assert_eq!(joined.term, 1);
    assert_eq!(joined.peers[0].readiness, ready);
    assert_eq!(joined.files.iter().map(|f| &f.file).collect::<Vec<_>>(), [&song, &file('b')]);
    assert_eq!(joined.files[0].owners, [id("ada")]);
    assert_eq!(joined.selection, Some(song.file_id.clone()));
    let playback = joined.playback.expect("a song plays");
    assert_eq!(playback.file_id, song.file_id);
    assert_eq!(
        protocol::SwarmTime::from(playback.global_start_time_ms),
        now + Span::from_secs(-30)
    );
    assert_eq!(joined.resume.len(), 32, "128 bits as hex");
}

#[tokio::test]
async fn the_sender_hears_its_own_message_in_the_order_everyone_hears_it() {
    let relay = relay().await;
    let mut ada = Client::member(&relay, "ada").await;
    let mut mia = Client::member(&relay, "mia").await;
    ada.next().await;
    ada.send(ClientMessage::FileAnnounce(file('a'))).await;
    mia.send(ClientMessage::FileAnnounce(file('b'))).await;
    ada.send(ClientMessage::SelectFile { file_id: file('a').file_id }).await;
    let heard = [ada.next().await, ada.next().await, ada.next().await];
    assert_eq!(heard, [mia.next().await, mia.next().await, mia.next().await]);
}

#[tokio::test]
async fn only_the_director_selects_plays_and_stops() {
    let relay = relay().await;
    let mut ada = Client::member(&relay, "ada").await;
    let mut mia = Client::member(&relay, "mia").await;
    let now = mia.time().await;
    mia.send(ClientMessage::FileAnnounce(file('a'))).await;
    mia.settled().await;
    let select = ClientMessage::SelectFile { file_id: file('a').file_id };
    for message in [select, play(&file('a'), now, Span::ZERO), ClientMessage::Stop] {
        assert_eq!(mia.refused(message).await, ErrorCode::NotDirector);
    }
    let unheard = ada.settled().await;
    assert!(
        !unheard.iter().any(|m| matches!(
            m,
            ServerMessage::SelectFile { .. }
                | ServerMessage::Play { .. }
                | ServerMessage::Stop { .. }
        )),
        "{unheard:?}"
    );
}

#[tokio::test]
async fn the_lowest_user_id_leads_until_another_takes_the_lead_and_gives_it_back() {
    let relay = relay().await;
    let mut mia = Client::member(&relay, "mia").await;
    let (mut zoe, joined) = Client::join(&relay, "zoe").await;
    assert_eq!(joined.director, Some(id("mia")));
    let (_ada, joined) = Client::join(&relay, "ada").await;
    assert_eq!(joined.director, Some(id("ada")), "lowest of the three");
    assert_eq!(mia.wait_for(director).await, (id("ada"), 2));

    zoe.send(ClientMessage::DirectorTake { user_id: id("zoe") }).await;
    assert_eq!(mia.wait_for(director).await, (id("zoe"), 3));
    let claim = ClientMessage::DirectorAssert { user_id: id("mia") };
    assert_eq!(mia.refused(claim).await, ErrorCode::NotDirector);

    zoe.send(ClientMessage::DirectorResign { user_id: id("zoe") }).await;
    assert_eq!(mia.next().await, ServerMessage::DirectorResign { user_id: id("zoe"), term: 3 });
    assert_eq!(mia.next().await, ServerMessage::DirectorAssert { user_id: id("ada"), term: 4 });
}

#[tokio::test]
async fn when_the_director_vanishes_the_lowest_of_the_others_leads_and_its_word_counts() {
    let relay = relay().await;
    let ada = Client::member(&relay, "ada").await;
    let mut mia = Client::member(&relay, "mia").await;
    let mut zoe = Client::member(&relay, "zoe").await;
    mia.send(ClientMessage::FileAnnounce(file('a'))).await;
    mia.settled().await;
    // No goodbye, as when a process is killed.
    drop(ada);
    assert_eq!(mia.wait_for(director).await, (id("mia"), 2));
    let now = mia.time().await;
    mia.send(play(&file('a'), now, Span::from_millis(500))).await;
    let term = zoe.wait_for(|message| match message {
        ServerMessage::Play { term, .. } => Some(term),
        _ => None,
    });
    assert_eq!(term.await, 2);
}

#[tokio::test]
async fn nobody_speaks_for_another_member() {
    let relay = relay().await;
    let _ada = Client::member(&relay, "ada").await;
    let mut mia = Client::member(&relay, "mia").await;
    for message in [
        ClientMessage::DirectorTake { user_id: id("ada") },
        ClientMessage::DirectorAssert { user_id: id("ada") },
        ClientMessage::DirectorResign { user_id: id("ada") },
    ] {
        assert_eq!(mia.refused(message).await, ErrorCode::WrongUser);
    }
}

#[tokio::test]
async fn a_signal_reaches_the_one_it_is_for_and_nobody_else() {
    let relay = relay().await;
    let mut ada = Client::member(&relay, "ada").await;
    let mut mia = Client::member(&relay, "mia").await;
    let mut zoe = Client::member(&relay, "zoe").await;
    let data = serde_json::json!({ "type": "offer", "sdp": "v=0\r\n", "nested": [1, null, "ü"] });
    zoe.send(ClientMessage::RtcSignal { to: id("ada"), data: data.clone() }).await;
    let heard = ada.wait_for(|message| match message {
        ServerMessage::RtcSignal { from, data } => Some((from, data)),
        _ => None,
    });
    assert_eq!(heard.await, (id("zoe"), data));
    let heard = mia.settled().await;
    assert!(!heard.iter().any(|m| matches!(m, ServerMessage::RtcSignal { .. })), "{heard:?}");
    let to_self = ClientMessage::RtcSignal { to: id("zoe"), data: 1.into() };
    assert_eq!(zoe.refused(to_self).await, ErrorCode::UnknownPeer);
}

#[tokio::test]
async fn a_user_id_in_use_is_taken_for_everyone_without_its_secret() {
    let relay = relay().await;
    let (mut ada, first) = Client::join(&relay, "ada").await;
    let mut thief = Client::stranger(&relay).await;
    for guess in [None, Some("0".repeat(32)), Some(String::new())] {
        let refused = thief.refused(join_message("party", "ada", guess)).await;
        assert_eq!(refused, ErrorCode::UserTaken);
    }
    assert_eq!(ada.settled().await, [], "the rightful one is not disturbed");
    // The refused connection may still come in under another name.
    thief.send(join_message("party", "eve", None)).await;
    assert_ne!(thief.joined().await.resume, first.resume);
}

#[tokio::test]
async fn a_member_with_its_secret_takes_its_place_again_and_the_others_notice_nothing() {
    let relay = relay().await;
    let (mut old, first) = Client::join(&relay, "ada").await;
    let mut mia = Client::member(&relay, "mia").await;
    old.send(ClientMessage::FileAnnounce(file('a'))).await;
    old.settled().await;
    mia.settled().await;

    let mut new = Client::stranger(&relay).await;
    new.send(join_message("party", "ada", Some(first.resume.clone()))).await;
    let joined = new.joined().await;
    assert_eq!(joined.director, Some(id("ada")), "still leads");
    assert_eq!(joined.files[0].owners, [id("ada")], "still shares");
    assert_eq!(joined.resume, first.resume, "a lost `joined` locks nobody out");
    assert_eq!(old.close_code().await, 4010);

    // What the replaced connection said last does not count any more, nor does its end.
    new.send(ClientMessage::Stop).await;
    let stop = ServerMessage::Stop { term: 1 };
    assert_eq!(mia.settled().await, [stop]);
    assert_eq!(relay.members(), 2);
}

#[tokio::test]
async fn a_user_id_is_free_again_once_its_member_has_left() {
    let relay = relay().await;
    let (ada, first) = Client::join(&relay, "ada").await;
    ada.end().await;
    eventually("the member is out", || relay.members() == 0).await;
    let (_again, second) = Client::join(&relay, "ada").await;
    assert_ne!(first.resume, second.resume);
}

#[tokio::test]
async fn nothing_of_a_swarm_remains_after_its_last_member() {
    let relay = relay().await;
    let (mut ada, first) = Client::join(&relay, "ada").await;
    let now = ada.time().await;
    ada.send(ClientMessage::FileAnnounce(file('a'))).await;
    ada.send(play(&file('a'), now, Span::ZERO)).await;
    ada.settled().await;
    ada.end().await;
    eventually("the swarm is gone", || relay.swarms() == 0).await;

    let (_mia, joined) = Client::join(&relay, "mia").await;
    assert_eq!((joined.files.len(), joined.playback, joined.term), (0, None, 1));
    assert_eq!(joined.clock_id, first.clock_id, "the clock is the relay's, not the swarm's");
}

#[tokio::test]
async fn a_join_is_never_lost_while_its_swarm_comes_to_its_end() {
    let relay = relay().await;
    // Each round a member leaves and another comes at the same moment.
    for round in 0..300 {
        let (leaver, _) = Client::join(&relay, "ada").await;
        let mut comer = Client::stranger(&relay).await;
        let user = format!("comer-{round}");
        let ((), ()) = tokio::join!(leaver.end(), comer.send(join_message("party", &user, None)));
        let joined = comer.joined().await;
        assert!(joined.peers.iter().any(|peer| peer.user_id == id(&user)), "round {round}");
        comer.send(ClientMessage::Leave).await;
        assert_eq!(comer.close_code().await, 1000, "round {round}");
        eventually("everyone is out", || relay.members() == 0).await;
    }
}

#[tokio::test]
async fn a_full_swarm_takes_a_newcomer_as_soon_as_someone_has_left() {
    let relay = relay_with(Limits { members: 2, ..Limits::default() }).await;
    let (_ada, _) = Client::join(&relay, "ada").await;
    let mia = Client::member(&relay, "mia").await;
    let mut zoe = Client::stranger(&relay).await;
    assert_eq!(zoe.refused(join_message("party", "zoe", None)).await, ErrorCode::SwarmFull);
    mia.end().await;
    eventually("a place is free", || relay.members() == 1).await;
    zoe.send(join_message("party", "zoe", None)).await;
    assert_eq!(zoe.joined().await.peers.len(), 2);
}

fn presence(user: &str, action: PresenceAction) -> ServerMessage {
    ServerMessage::Presence { user_id: id(user), action, alias: None }
}

fn director(message: ServerMessage) -> Option<(protocol::UserId, u64)> {
    match message {
        ServerMessage::DirectorAssert { user_id, term }
        | ServerMessage::DirectorTake { user_id, term } => Some((user_id, term)),
        _ => None,
    }
}
