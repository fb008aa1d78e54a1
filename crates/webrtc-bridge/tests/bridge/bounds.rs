//! What is too much is refused, and refusing it costs nothing that was there.

use webrtc_bridge::frame::FrameKind;
use webrtc_bridge::limits::{
    MAX_BATCH, MAX_CHANNELS, MAX_DESCRIPTION, MAX_EARLY_CANDIDATES, MAX_LABEL, MAX_MESSAGE,
};
use webrtc_bridge::{
    Bridge, BridgeError, Candidate, ChannelConfig, ConnectionConfig, ConnectionId, Description,
    DescriptionKind, Limits,
};

use crate::pair::{Events, connect};

#[tokio::test]
async fn connections_beyond_the_limit_are_refused_until_one_closes() {
    let bridge = Bridge::new(Limits { connections: 2 });
    let first = open(&bridge).await.unwrap();
    open(&bridge).await.unwrap();
    assert!(matches!(open(&bridge).await, Err(BridgeError::TooManyConnections(2))));

    bridge.close(first).await.unwrap();
    open(&bridge).await.unwrap();
}

#[tokio::test]
async fn connections_opened_at_once_cannot_slip_past_the_limit() {
    let bridge = Bridge::new(Limits { connections: 2 });
    let opened = tokio::join!(open(&bridge), open(&bridge), open(&bridge), open(&bridge));
    let opened = [opened.0, opened.1, opened.2, opened.3];
    assert_eq!(opened.iter().filter(|result| result.is_ok()).count(), 2);
}

#[tokio::test]
async fn channels_beyond_the_limit_are_refused() {
    let bridge = Bridge::default();
    let connection = open(&bridge).await.unwrap();
    for n in 0..MAX_CHANNELS {
        bridge.create_channel(connection, ChannelConfig::reliable(format!("{n}"))).await.unwrap();
    }
    let refused = bridge.create_channel(connection, ChannelConfig::reliable("one more")).await;
    assert!(matches!(refused, Err(BridgeError::TooManyChannels(MAX_CHANNELS))));
}

#[tokio::test]
async fn texts_beyond_their_limit_are_refused() {
    let bridge = Bridge::default();
    let connection = open(&bridge).await.unwrap();
    let label = ChannelConfig::reliable("x".repeat(MAX_LABEL + 1));
    assert!(matches!(
        bridge.create_channel(connection, label).await,
        Err(BridgeError::TooLong { what: "the label", .. })
    ));
    let sdp = "x".repeat(MAX_DESCRIPTION + 1);
    let description = Description { kind: DescriptionKind::Offer, sdp };
    assert!(matches!(
        bridge.set_remote(connection, description).await,
        Err(BridgeError::TooLong { what: "the session description", .. })
    ));
}

#[tokio::test]
async fn candidates_that_come_early_are_kept_up_to_a_limit() {
    let bridge = Bridge::default();
    let connection = open(&bridge).await.unwrap();
    for _ in 0..MAX_EARLY_CANDIDATES {
        bridge.add_candidate(connection, Candidate::default()).await.unwrap();
    }
    let refused = bridge.add_candidate(connection, Candidate::default()).await;
    assert!(matches!(refused, Err(BridgeError::TooManyCandidates(_))));
}

#[tokio::test]
async fn a_bad_batch_is_refused_and_the_channel_lives_on() {
    let (a, _a_events, b, _b_events) = connect(&Bridge::default(), &Bridge::default()).await;
    let long = vec![0; MAX_MESSAGE + 1];
    assert!(matches!(
        a.send(&[(FrameKind::Binary, &long)]).await,
        Err(BridgeError::TooLong { what: "the message", .. })
    ));
    assert!(matches!(
        a.bridge.send(a.connection, a.channel, vec![0; MAX_BATCH + 1]).await,
        Err(BridgeError::TooLong { what: "the batch", .. })
    ));
    for malformed in [&[1, 9, 0, 0, 0, 1][..], &[1, 2], &[7, 0, 0, 0, 0], &[0, 1, 0, 0, 0, 0xFF]] {
        assert!(matches!(
            a.bridge.send(a.connection, a.channel, malformed.to_vec()).await,
            Err(BridgeError::Frame(_))
        ));
    }
    assert!(matches!(a.send(&[(FrameKind::Opened, b"")]).await, Err(BridgeError::Frame(_))));

    a.send(&[(FrameKind::Text, b"still here")]).await.unwrap();
    assert_eq!(b.next_frames().await, [(FrameKind::Text, b"still here".to_vec())]);
}

#[tokio::test]
async fn a_description_that_is_none_is_refused() {
    let bridge = Bridge::default();
    let connection = open(&bridge).await.unwrap();
    for sdp in ["", "v=0", "\0\0\0", "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio"] {
        let description = Description { kind: DescriptionKind::Offer, sdp: sdp.to_owned() };
        assert!(bridge.set_remote(connection, description).await.is_err(), "took {sdp:?}");
    }
    // And it can be used as if nothing had been.
    bridge.create_channel(connection, ChannelConfig::reliable("x")).await.unwrap();
    bridge.create_offer(connection).await.unwrap();
}

async fn open(bridge: &Bridge) -> Result<ConnectionId, BridgeError> {
    bridge.open(ConnectionConfig::default(), Events::new().0).await
}
