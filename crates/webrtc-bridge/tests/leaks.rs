//! What is opened is given back. Alone in this process, since it counts the process's files.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
#![allow(dead_code, reason = "shares the helpers of the other tests")]

#[path = "bridge/pair.rs"]
mod pair;

use pair::Events;
use webrtc_bridge::{Bridge, ChannelConfig, ConnectionConfig};

#[tokio::test(flavor = "multi_thread")]
async fn offers_that_nobody_answers_leave_nothing_behind() {
    let bridge = Bridge::default();
    offer_and_close(&bridge, 3).await;
    let before = open_files();
    offer_and_close(&bridge, 60).await;
    assert_eq!(open_files(), before, "sockets stayed open");
}

async fn offer_and_close(bridge: &Bridge, count: usize) {
    for _ in 0..count {
        let (sink, mut events) = Events::new();
        let connection = bridge.open(ConnectionConfig::default(), sink).await.unwrap();
        bridge.create_channel(connection, ChannelConfig::reliable("x")).await.unwrap();
        let offer = bridge.create_offer(connection).await.unwrap();
        bridge.set_local(connection, offer).await.unwrap();
        events.gathered().await;
        bridge.close(connection).await.unwrap();
    }
}

fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}
