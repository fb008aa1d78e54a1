//! However something ends, the other side and every waiting call get to know.

use webrtc_bridge::frame::FrameKind;
use webrtc_bridge::{
    Bridge, BridgeError, ChannelConfig, ConnectionConfig, ConnectionEvent, Description,
};

use crate::pair::{Events, connect, frames, noise, within};

#[tokio::test(flavor = "multi_thread")]
async fn closing_a_connection_ends_the_channel_of_the_other_side() {
    let (a, _a_events, b, _b_events) = connect(&Bridge::default(), &Bridge::default()).await;
    a.bridge.close(a.connection).await.unwrap();
    assert_eq!(b.next_frames().await, [(FrameKind::Closed, vec![])]);
    assert!(matches!(b.receive().await, Err(BridgeError::UnknownChannel(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_before_a_channel_closed_still_arrives() {
    const LENGTH: usize = 512 * 1024;
    let (a, _a_events, b, _b_events) = connect(&Bridge::default(), &Bridge::default()).await;
    let bytes = noise(LENGTH, 5);
    a.send_all(&bytes, 16 * 1024).await;
    a.bridge.close_channel(a.connection, a.channel).await.unwrap();

    let mut received = Vec::new();
    'reading: loop {
        for (kind, payload) in b.next_frames().await {
            match kind {
                FrameKind::Closed => break 'reading,
                _ => received.extend(payload),
            }
        }
    }
    assert!(received == bytes, "{} of {LENGTH} bytes arrived", received.len());
    assert_eq!(a.next_frames().await, [(FrameKind::Closed, vec![])], "the closing side is told");
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_a_connection_ends_a_waiting_receive_and_a_waiting_send() {
    let (a, _a_events, _b, _b_events) = connect(&Bridge::default(), &Bridge::default()).await;
    let block = noise(64 * 1024, 6);
    let sending = tokio::spawn({
        let a = a.clone();
        // Nobody reads at b, so that this comes to wait.
        async move { while a.send(&[(FrameKind::Binary, &block[..])]).await.is_ok() {} }
    });
    let receiving = a.receive();
    tokio::pin!(receiving);
    assert!(futures_util::poll!(&mut receiving).is_pending(), "nothing has been sent to a");

    a.bridge.close(a.connection).await.unwrap();
    let batch = receiving.await.unwrap();
    assert_eq!(frames(batch), [(FrameKind::Closed, vec![])]);
    within("the end of sending", sending).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_is_not_who_it_says_fails_the_connection() {
    let (a, b) = (Bridge::default(), Bridge::default());
    let (a_sink, mut a_events) = Events::new();
    let (b_sink, mut b_events) = Events::new();
    let a_connection = a.open(ConnectionConfig::default(), a_sink).await.unwrap();
    let b_connection = b.open(ConnectionConfig::default(), b_sink).await.unwrap();
    let channel = a.create_channel(a_connection, ChannelConfig::reliable("x")).await.unwrap();
    let offer = a.create_offer(a_connection).await.unwrap();
    a.set_local(a_connection, offer).await.unwrap();
    b.set_remote(b_connection, a_events.gathered().await).await.unwrap();
    let answer = b.create_answer(b_connection).await.unwrap();
    b.set_local(b_connection, answer).await.unwrap();

    let answer = b_events.gathered().await;
    let (before, fingerprint) = answer.sdp.split_once("a=fingerprint:sha-256 ").unwrap();
    let forged = format!("{before}a=fingerprint:sha-256 00:00:00:00{}", &fingerprint[11..]);
    a.set_remote(a_connection, Description { sdp: forged, ..answer }).await.unwrap();

    // The refused side repeats itself for 8 s, then its stack gives up; the page must hear of it.
    b_events
        .wait("the failure", |event| match event {
            ConnectionEvent::Connection { state } => (state == "failed").then_some(()),
            ConnectionEvent::Channel { .. } => panic!("a channel opened to an impostor"),
            _ => None,
        })
        .await;
    a.close(a_connection).await.unwrap();
    assert!(matches!(
        a.receive(a_connection, channel).await,
        Err(BridgeError::UnknownConnection(_))
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_loaded_again_finds_nothing_of_the_page_before() {
    let bridge = Bridge::default();
    let (a, _a_events, b, _b_events) = connect(&bridge, &Bridge::default()).await;
    bridge.reset().await;

    assert_eq!(bridge.connections(), 0);
    assert_eq!(b.next_frames().await, [(FrameKind::Closed, vec![])]);
    assert!(matches!(a.receive().await, Err(BridgeError::UnknownConnection(_))));

    let (sink, _events) = Events::new();
    let next = bridge.open(ConnectionConfig::default(), sink).await.unwrap();
    assert_ne!(next, a.connection, "a call the old page left behind must not find it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_opened_by_a_page_that_has_left_is_closed_again() {
    let bridge = Bridge::default();
    let (sink, _events) = Events::new();
    let opening = bridge.open(ConnectionConfig::default(), sink);
    // The reset comes while the connection is being opened or just after, as the machine will.
    let (opened, ()) = futures_util::future::join(opening, bridge.reset()).await;
    assert_eq!(bridge.connections(), 0);
    match opened {
        Ok(id) => {
            let closed = bridge.close(id).await;
            assert!(matches!(closed, Err(BridgeError::UnknownConnection(_))));
        }
        Err(error) => assert!(matches!(error, BridgeError::Reset), "{error}"),
    }
}
