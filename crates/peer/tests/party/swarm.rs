//! Meeting, leading, losing the relay.

use peer::{Peer, PeerConfig, StartError, Startup};
use protocol::host::{Intent, LinkState, MeetingPoint, NoticeCode, PlaybackState};
use protocol::ids::UserId;
use protocol::limits;
use protocol::time::Millis;

use relay_server::{Relay, TurnServer};

use crate::stage::{Member, relay_on, song};

fn id(text: &str) -> UserId {
    UserId::parse(text).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn members_with_one_key_meet_and_the_lowest_id_leads() {
    let root = tempfile::tempdir().unwrap();
    let relay = relay_on(0).await;
    let b = Member::joined(root.path(), "b", "blue otter", relay.local_addr()).await;
    b.directs().await;
    let a = Member::joined(root.path(), "a", "blue otter", relay.local_addr()).await;
    a.directs().await;
    let view =
        b.sees("two members", |v| v.swarm.as_ref().is_some_and(|s| s.members.len() == 2)).await;
    assert_eq!(view.swarm.as_ref().unwrap().director, Some(id("a")));

    let stranger = Member::joined(root.path(), "c", "red fox", relay.local_addr()).await;
    let view = stranger.directs().await;
    assert_eq!(view.swarm.as_ref().unwrap().members.len(), 1, "other keys are other swarms");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_window_is_shown_the_servers_that_the_relay_names() {
    let root = tempfile::tempdir().unwrap();
    let server = TurnServer {
        urls: vec!["turn:turn.example.org".to_owned()],
        secret: "north".to_owned(),
        lifetime: std::time::Duration::from_secs(3_600),
    };
    let relay = Relay::builder().turn(Some(server)).spawn().await.unwrap();
    let a = Member::joined(root.path(), "a", "blue otter", relay.local_addr()).await;
    let view = a.sees("a server", |v| v.swarm.as_ref().is_some_and(|s| !s.ice.is_empty())).await;
    let server = &view.swarm.as_ref().unwrap().ice[0];
    assert_eq!(server.urls, ["turn:turn.example.org"]);
    assert!(server.username.as_ref().unwrap().ends_with(":a") && server.credential.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lead_is_taken_resigned_and_inherited() {
    let root = tempfile::tempdir().unwrap();
    let relay = relay_on(0).await;
    let a = Member::joined(root.path(), "a", "key", relay.local_addr()).await;
    let b = Member::joined(root.path(), "b", "key", relay.local_addr()).await;
    let c = Member::joined(root.path(), "c", "key", relay.local_addr()).await;
    a.directs().await;
    c.handle.send(Intent::TakeDirector).await;
    c.directs().await;
    c.handle.send(Intent::ResignDirector).await;
    a.directs().await;
    a.handle.shutdown().await;
    b.directs().await;
    c.sees("b leading", |v| v.swarm.as_ref().is_some_and(|s| s.director == Some(id("b")))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_director_plays() {
    let root = tempfile::tempdir().unwrap();
    let relay = relay_on(0).await;
    let a = Member::joined(root.path(), "a", "key", relay.local_addr()).await;
    let b = Member::joined(root.path(), "b", "key", relay.local_addr()).await;
    let file = a.shares(&song(root.path(), "song.wav", 1, 2)).await.files[0].file_id.clone();
    b.sees("the file", |v| !v.files.is_empty()).await;
    let play = Intent::Play { file_id: Some(file.clone()), position_ms: Millis::default() };
    b.handle.send(play.clone()).await;
    b.is_told(NoticeCode::NotDirector).await;
    a.handle.send(play).await;
    for member in [&a, &b] {
        let view = member.sees("the song on air", |v| v.playback.on_air.is_some()).await;
        assert_eq!(view.playback.on_air.as_ref().unwrap().file_id, file);
        assert_ne!(view.playback.state, PlaybackState::Failed);
    }
    a.handle.send(Intent::Stop).await;
    b.sees("silence", |v| v.playback.on_air.is_none()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_comes_back_finds_its_members_files_and_song_again() {
    let root = tempfile::tempdir().unwrap();
    let relay = relay_on(0).await;
    let address = relay.local_addr();
    let a = Member::joined(root.path(), "a", "key", address).await;
    let b = Member::joined(root.path(), "b", "key", address).await;
    let file = a.shares(&song(root.path(), "song.wav", 2, 20)).await.files[0].file_id.clone();
    b.sees("the file", |v| !v.files.is_empty()).await;
    a.handle.send(Intent::Play { file_id: Some(file), position_ms: Millis::default() }).await;
    b.sees("the song on air", |v| v.playback.on_air.is_some()).await;

    relay.shutdown().await;
    for member in [&a, &b] {
        let view = member
            .sees("the loss", |v| {
                v.swarm.as_ref().is_some_and(|s| s.link == LinkState::Reconnecting)
            })
            .await;
        assert!(view.playback.on_air.is_some(), "music does not wait for the relay");
    }
    let _again = relay_on(address.port()).await;
    for member in [&a, &b] {
        member
            .sees("everything again", |v| {
                let swarm = v.swarm.as_ref().unwrap();
                swarm.link == LinkState::Online
                    && swarm.members.len() == 2
                    && swarm.director == Some(id("a"))
                    && v.files.len() == 1
                    && v.playback.on_air.is_some()
            })
            .await;
    }
    let late = Member::joined(root.path(), "c", "key", address).await;
    late.sees("the running song", |v| v.playback.on_air.is_some()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_party_started_here_carries_its_own_relay() {
    let root = tempfile::tempdir().unwrap();
    let host = Member::start(root.path(), "host").await;
    // Others on this network may be testing the same.
    let key =
        host.sees("words", |v| v.lobby.new_key.is_some()).await.lobby.new_key.clone().unwrap();
    host.handle.send(Intent::JoinSwarm { key: key.clone(), at: MeetingPoint::Here }).await;
    let view = host.directs().await;
    let swarm = view.swarm.as_ref().unwrap();
    assert!(swarm.hosting);
    let url = swarm.relay.clone().unwrap();
    let guest = Member::start(root.path(), "zoe").await;
    guest.handle.send(Intent::JoinSwarm { key, at: MeetingPoint::Relay { url } }).await;
    guest.sees("the host", |v| v.swarm.as_ref().is_some_and(|s| s.members.len() == 2)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_used_is_refused_with_a_reason_and_changes_nothing() {
    let root = tempfile::tempdir().unwrap();
    let relay = relay_on(0).await;
    let a = Member::joined(root.path(), "a", "key", relay.local_addr()).await;
    let join = |key: &str, at| Intent::JoinSwarm { key: key.to_owned(), at };
    a.handle.send(join(" \n", MeetingPoint::Here)).await;
    a.is_told(NoticeCode::BadKey).await;
    a.handle.send(join(&"x".repeat(limits::MAX_SWARM_KEY + 1), MeetingPoint::Here)).await;
    a.handle.send(join("other", MeetingPoint::Relay { url: "ftp://x".into() })).await;
    a.is_told(NoticeCode::BadRelayAddress).await;
    a.handle.send(join("other", MeetingPoint::Nearby { id: "nobody".into() })).await;
    let before = a.handle.views().borrow().settings.clone();
    for intent in [
        Intent::SetSpeakerDelay { ms: Millis::new(500.1).unwrap() },
        Intent::SetSpeakerDelay { ms: Millis::new(-1.0).unwrap() },
        Intent::SetFilesPerMember { count: 0 },
        Intent::SetFilesPerMember { count: limits::MAX_FILES_PER_MEMBER + 1 },
    ] {
        a.handle.send(intent).await;
    }
    let view = a.is_told(NoticeCode::BadSetting).await;
    assert_eq!(view.settings, before);
    assert_eq!(view.swarm.as_ref().unwrap().key, "key", "still in the swarm it was in");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_apps_cannot_share_a_data_folder() {
    let root = tempfile::tempdir().unwrap();
    let first = Member::start(root.path(), "a").await;
    let config = PeerConfig {
        data_dir: first.dir.clone(),
        user_id: None,
        alias: None,
        output: None,
        startup: Startup::default(),
        bench: Default::default(),
    };
    let Err(error) = Peer::start(config).await else { panic!("two apps in one folder") };
    assert!(matches!(error, StartError::Store(_)));
    assert!(error.to_string().contains("another program uses"), "{error}");
}
