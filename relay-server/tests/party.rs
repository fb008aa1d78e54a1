//! A relay inside an app: it stands by, carries the party, and gives way.

mod common;

use std::time::Instant;

use common::{Client, file, id, join_message, relay, swarm, within};
use protocol::datagram::DatagramKey;
use protocol::message::{Joined, Playback, SharedFile};
use protocol::time::Millis;
use protocol::{Challenge, ClientMessage, ErrorCode, ServerMessage, Span, SwarmKey, SwarmTime};
use relay_server::{Carrying, Course, Knock, PartyPlace, Relay, RunningRelay};
use sync_core::ClockEstimate;
use sync_core::session::Legacy;
use tokio::sync::mpsc;

const KEY: &str = "party";

#[tokio::test]
async fn who_knocks_waits_until_the_app_carries_the_party_and_finds_it_as_it_was() {
    let (relay, carrying, mut knocks) = standing_by().await;
    let mut mia = knock(&relay, "mia").await;
    assert_eq!(within(knocks.recv()).await, Some(Knock::Waits(id("mia"))));
    let mut ada = knock(&relay, "ada").await;
    assert_eq!(within(knocks.recv()).await, Some(Knock::Waits(id("ada"))));

    let begun = SwarmTime::from_nanos(1_795_342_400_000_000_000);
    let course = Course { at: Instant::now(), says: begun + Span::from_secs(60), rate: 0.0 };
    carrying.carry(Some(legacy(begun)), Some(course));
    for member in [&mut mia, &mut ada] {
        let joined = member.joined().await;
        assert_eq!((joined.epoch, joined.clock_id.as_str()), (4, "first"), "it has followers");
        assert_eq!(joined.director, Some(id("mia")), "although a lower id is there");
        assert_eq!(joined.files.len(), 1);
        let playback = joined.playback.expect("the song on air");
        assert_eq!(playback.global_start_time_ms, Millis::from(begun));
        assert!(key().made_carrier(&challenge(), &joined.carrier.expect("a carrier")));
    }
    // Who led does so still.
    mia.send(ClientMessage::Stop).await;
    ada.wait_for(|message| matches!(message, ServerMessage::Stop { .. }).then_some(())).await;
    // The time goes on.
    ada.send(ClientMessage::TimePing { t0: Millis::default() }).await;
    let now = ada.wait_for(time_of).await;
    let passed = now - begun - Span::from_secs(60);
    assert!(passed > Span::ZERO && passed < Span::from_secs(20), "{passed:?}");
}

#[tokio::test]
async fn a_party_counts_once_somebody_else_comes_and_says_so_to_those_who_ask() {
    let (relay, carrying, mut knocks) = standing_by().await;
    assert_eq!(ask(&relay, "zoe").await, None, "it carries nothing");
    let asked = within(knocks.recv()).await;
    assert!(matches!(asked, Some(Knock::Asks { user_id, .. }) if user_id == id("zoe")));
    carrying.carry(None, None);
    let mut host = knock(&relay, "host").await;
    assert_eq!(host.joined().await.epoch, 0);
    assert_eq!(ask(&relay, "zoe").await, Some((0, false)));
    let mut mia = knock(&relay, "mia").await;
    assert_eq!(mia.joined().await.epoch, 1);
    assert_eq!(ask(&relay, "zoe").await, Some((1, true)));
    let mut leo = knock(&relay, "leo").await;
    assert_eq!(leo.joined().await.epoch, 1, "once");
}

#[tokio::test]
async fn one_that_gives_way_sends_everyone_on_under_another_name_of_its_clock() {
    let (relay, carrying, _knocks) = standing_by().await;
    carrying.carry(None, None);
    let mut mia = knock(&relay, "mia").await;
    let clock_id = mia.joined().await.clock_id;
    let url = "ws://192.0.2.7:8080/ws";
    carrying.give_way(url.to_owned(), 9);
    let renamed = mia.wait_for(joined_of).await;
    assert_ne!(renamed.clock_id, clock_id, "the clocks may have parted");
    let to = mia.wait_for(moved_of).await;
    assert_eq!(to, (Some(url.to_owned()), 9));
    let mut late = knock(&relay, "leo").await;
    assert_eq!(late.wait_for(moved_of).await.0, Some(url.to_owned()));
    assert_eq!(ask(&relay, "zoe").await, None);

    // Those who wait hear of it too, once it is known where the party is.
    carrying.refer_to(None);
    let mut waiting = knock(&relay, "kim").await;
    waiting.send(ClientMessage::TimePing { t0: Millis::default() }).await;
    carrying.refer_to(Some(url.to_owned()));
    assert_eq!(waiting.wait_for(moved_of).await.0, Some(url.to_owned()));
}

#[tokio::test]
async fn friends_with_another_key_meet_at_a_relay_that_carries_and_at_none_that_stands_by() {
    let (standing, _carrying, _knocks) = standing_by().await;
    let mut refused = Client::stranger(&standing).await;
    refused.send(join_message("other", "mia", None)).await;
    assert_eq!(refused.close_code().await, 1013);
    let (relay, carrying, _knocks) = standing_by().await;
    carrying.carry(None, None);
    let mut mia = Client::stranger(&relay).await;
    mia.send(join_message("other", "mia", None)).await;
    let joined = mia.joined().await;
    assert_eq!((joined.epoch, joined.carrier), (0, None));
}

#[tokio::test]
async fn a_relay_that_stands_alone_has_no_carrier() {
    let relay = relay().await;
    let (_, joined) = Client::join(&relay, "ada").await;
    assert_eq!((joined.carrier, joined.epoch), (None, 0));
    assert_eq!(ask(&relay, "zoe").await, None);
}

async fn standing_by() -> (RunningRelay, Carrying, mpsc::Receiver<Knock>) {
    let place = PartyPlace { swarm: swarm(KEY), key: key(), carrier: id("host") };
    let mut relay = Relay::builder().party(place).spawn().await.expect("a free port");
    let (carrying, knocks) = relay.carrying().expect("an app's relay");
    (relay, carrying, knocks)
}

async fn knock(relay: &RunningRelay, user: &str) -> Client {
    let mut client = Client::stranger(relay).await;
    let ClientMessage::Join { swarm_hash, user_id, alias, resume, .. } =
        join_message(KEY, user, None)
    else {
        unreachable!()
    };
    let challenge = Some(challenge());
    client.send(ClientMessage::Join { swarm_hash, user_id, alias, resume, challenge }).await;
    client
}

/// Epoch, and whether the party has followers.
async fn ask(relay: &RunningRelay, user: &str) -> Option<(u64, bool)> {
    let mut client = Client::stranger(relay).await;
    let (swarm_hash, challenge) = (swarm(KEY), challenge());
    let ask = ClientMessage::CarrierAsk { swarm_hash, challenge, user_id: id(user), standby: None };
    client.send(ask).await;
    match client.next().await {
        ServerMessage::Carriage(said) => {
            assert!(key().made_carriage(&self::challenge(), &said));
            Some((said.epoch, said.is_followed))
        }
        ServerMessage::Error { code: ErrorCode::NotOwner, .. } => None,
        other => panic!("{other:?}"),
    }
}

fn legacy(begun: SwarmTime) -> Legacy {
    let song = file('a');
    let playback = Playback::playing(song.file_id.clone(), begun.into(), Millis::default());
    Legacy {
        epoch: 3,
        director: Some(id("mia")),
        has_taken_lead: true,
        term: 7,
        files: vec![SharedFile { file: song, owners: vec![id("ada")] }],
        selection: None,
        schedule: vec![playback],
        queue: Default::default(),
        clock: Some(("first".to_owned(), ClockEstimate::identity(Default::default()))),
    }
}

fn time_of(message: ServerMessage) -> Option<SwarmTime> {
    match message {
        ServerMessage::TimePong { t_s, .. } => Some(t_s.into()),
        _ => None,
    }
}

fn joined_of(message: ServerMessage) -> Option<Joined> {
    match message {
        ServerMessage::Joined(joined) => Some(joined),
        _ => None,
    }
}

fn moved_of(message: ServerMessage) -> Option<(Option<String>, u64)> {
    match message {
        ServerMessage::Moved { url, epoch } => Some((url, epoch)),
        _ => None,
    }
}

fn key() -> DatagramKey {
    DatagramKey::of_swarm(&SwarmKey::parse(KEY).expect("a plain key"))
}

fn challenge() -> Challenge {
    Challenge::new([7; 16])
}
