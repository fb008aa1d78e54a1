//! A relay that is asked to end lets its members go, a swarm at a time, and lets nobody in.

mod common;

use std::time::{Duration, Instant};

use common::{Client, eventually, http_get, id, join_message, relay, within};
use protocol::{ClientMessage, ErrorCode, ServerMessage};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::{Error, Message};

/// Long enough that what is done at its beginning is done before its end.
const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn while_it_drains_nobody_comes_in_and_members_go_on() {
    let relay = relay().await;
    let mut ada = Client::member(&relay, "ada").await;
    let mut mia = Client::member(&relay, "mia").await;
    let mut stranger = Client::stranger(&relay).await;
    assert!(
        http_get(relay.local_addr(), "/ready").await.contains("{\"obstacles\":[],\"ready\":true}")
    );

    // The swarm's moment is drawn from so long a time that it does not come during this test,
    // but with a chance of one in thousands.
    let draining = relay.drain(LONG * 60);
    let checks = async {
        eventually("not ready", || relay.metrics().contains("\nrelay_ready 0\n")).await;
        let ready = http_get(relay.local_addr(), "/ready").await;
        assert!(ready.starts_with("HTTP/1.1 503"), "{ready}");
        assert!(ready.contains("{\"obstacles\":[\"draining\"],\"ready\":false}"), "{ready}");
        assert!(http_get(relay.local_addr(), "/health").await.starts_with("HTTP/1.1 200"));
        for path in ["/ws", "/announce"] {
            let refused = connect_async(format!("ws://{}{path}", relay.local_addr())).await;
            let Err(Error::Http(answer)) = refused else { panic!("let in at {path}") };
            assert_eq!(answer.status(), 503);
            assert_eq!(answer.headers()["retry-after"], "2");
        }
        assert_eq!(stranger.error().await.0, ErrorCode::ShuttingDown);
        assert_eq!(stranger.close_code().await, 1001);

        ada.send(ClientMessage::RtcSignal { to: id("mia"), data: "still here".into() }).await;
        mia.wait_for(|message| matches!(message, ServerMessage::RtcSignal { .. }).then_some(()))
            .await;
        ada.time().await;
        assert_eq!(relay.members(), 2);
    };
    tokio::select! {
        () = draining => panic!("drained with members"),
        () = checks => {}
    }
}

#[tokio::test]
async fn swarms_part_one_after_the_other_and_each_as_a_whole() {
    let relay = relay().await;
    let mut swarms = Vec::new();
    for key in ["a", "b", "c", "d", "e", "f", "g", "h"] {
        let mut members = Vec::new();
        for user in ["ada", "mia", "zoe"] {
            let mut client = Client::stranger(&relay).await;
            client.send(join_message(&format!("swarm {key}"), user, None)).await;
            client.joined().await;
            members.push(client);
        }
        swarms.push(members);
    }
    let within_this = Duration::from_millis(800);
    let began = Instant::now();
    let goodbyes = async {
        let each = swarms.iter_mut().map(|members| async {
            let mut instants = Vec::new();
            for member in members {
                let (presences, code) = last_words(member).await;
                assert_eq!(code, ErrorCode::ShuttingDown);
                assert_eq!(presences, 0, "nobody is told that others left");
                instants.push(began.elapsed());
            }
            instants
        });
        futures_util::future::join_all(each).await
    };
    let ((), instants) = within(async { tokio::join!(relay.drain(within_this), goodbyes) }).await;
    let spread = |instants: &[Duration]| {
        let least = instants.iter().min().copied().unwrap_or_default();
        instants.iter().max().copied().unwrap_or_default() - least
    };
    let firsts: Vec<Duration> = instants.iter().map(|swarm| swarm[0]).collect();
    assert!(spread(&firsts) > within_this / 8, "swarms part at once: {instants:?}");
    assert_eq!((relay.members(), relay.swarms()), (0, 0));
    within(relay.shutdown()).await;
}

#[tokio::test]
async fn an_empty_relay_has_nothing_to_wait_for() {
    let relay = relay().await;
    within(relay.drain(LONG)).await;
    within(relay.shutdown()).await;
}

#[tokio::test]
async fn the_time_is_answered_to_the_last() {
    let relay = relay().await;
    let mut ada = Client::member(&relay, "ada").await;
    let asking = async {
        let mut answers = 0_u32;
        loop {
            ada.send(ClientMessage::TimePing { t0: Default::default() }).await;
            match ada.frame().await {
                Message::Text(text) if text.contains("timePong") => answers += 1,
                Message::Text(text) if text.contains("shutting-down") => return answers,
                Message::Text(text) if text.contains("rate-limited") => {}
                other => panic!("{other:?}"),
            }
        }
    };
    let (answers, ()) =
        within(async { tokio::join!(asking, relay.drain(Duration::from_millis(200))) }).await;
    assert!(answers >= 1, "no answer");
}

/// Presences and then the error that ends the connection.
async fn last_words(member: &mut Client) -> (usize, ErrorCode) {
    let mut leaves = 0;
    loop {
        match member.next().await {
            ServerMessage::Presence {
                action: protocol::message::PresenceAction::Leave, ..
            } => leaves += 1,
            ServerMessage::Error { code, .. } => {
                assert_eq!(member.close_code().await, 1001);
                return (leaves, code);
            }
            _ => {}
        }
    }
}
