//! What is sent arrives, whole and in order, and no faster than it is read.

use std::time::Duration;

use tokio::time::timeout;
use webrtc_bridge::frame::FrameKind;
use webrtc_bridge::limits::{MAX_BATCH, MAX_MESSAGE};
use webrtc_bridge::{Bridge, BridgeError};

use crate::pair::{connect, frames, noise};

const BLOCK: usize = 16 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn twenty_megabytes_each_way_arrive_whole() {
    const LENGTH: usize = 20 * 1024 * 1024;
    let (a, _a_events, b, _b_events) = connect(&Bridge::default(), &Bridge::default()).await;
    let (upward, downward) = (noise(LENGTH, 1), noise(LENGTH, 2));
    let (_, _, at_b, at_a) = tokio::join!(
        a.send_all(&upward, BLOCK),
        b.send_all(&downward, BLOCK),
        b.receive_all(LENGTH),
        a.receive_all(LENGTH),
    );
    assert!(at_b == upward, "what a sent differs from what b received");
    assert!(at_a == downward, "what b sent differs from what a received");
}

#[tokio::test]
async fn messages_keep_their_kind_and_their_bounds() {
    let (a, _a_events, b, _b_events) = connect(&Bridge::default(), &Bridge::default()).await;
    let largest = noise(MAX_MESSAGE, 3);
    let sent: [(FrameKind, &[u8]); 6] = [
        (FrameKind::Text, "größer".as_bytes()),
        (FrameKind::Binary, b""),
        (FrameKind::Binary, &[0]),
        (FrameKind::Text, b""),
        (FrameKind::Binary, &largest),
        (FrameKind::Binary, b"last"),
    ];
    a.send(&sent).await.unwrap();

    let mut received = Vec::new();
    while received.len() < sent.len() {
        received.extend(b.next_frames().await);
    }
    let received: Vec<_> = received.iter().map(|(kind, bytes)| (*kind, &bytes[..])).collect();
    assert_eq!(received, sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_stops_stops_its_writer() {
    let (a, _a_events, b, _b_events) = connect(&Bridge::default(), &Bridge::default()).await;
    let block = noise(BLOCK, 4);
    let batch = [(FrameKind::Binary, &block[..]); 4];

    // Nobody reads at b. Send until a has waited for a second in vain.
    let mut accepted = 0;
    while let Ok(sent) = timeout(Duration::from_secs(1), a.send(&batch)).await {
        sent.unwrap();
        accepted += batch.len() * BLOCK;
        assert!(accepted < 16 * MAX_BATCH, "{accepted} bytes were taken that nobody reads");
    }

    // The batch that was given up may have got in by part; everything before it has.
    let mut arrived = 0;
    while arrived < accepted {
        let batch = b.receive().await.unwrap();
        assert!(batch.len() <= MAX_BATCH, "a batch of {} bytes", batch.len());
        for (kind, bytes) in frames(batch) {
            assert_eq!(kind, FrameKind::Binary);
            assert!(bytes == block, "the block after {arrived} bytes is damaged");
            arrived += bytes.len();
        }
    }
}

#[tokio::test]
async fn a_second_reader_of_a_channel_is_refused() {
    let (a, _a_events, b, _b_events) = connect(&Bridge::default(), &Bridge::default()).await;
    let first = b.receive();
    tokio::pin!(first);
    assert!(futures_util::poll!(&mut first).is_pending(), "nothing has been sent yet");
    assert!(matches!(b.receive().await, Err(BridgeError::AlreadyReading(_))));

    a.send(&[(FrameKind::Text, b"now")]).await.unwrap();
    assert_eq!(frames(first.await.unwrap()), [(FrameKind::Text, b"now".to_vec())]);
}
