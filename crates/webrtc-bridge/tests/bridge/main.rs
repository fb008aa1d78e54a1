//! Two bridges talking to each other over real sockets.

mod pair;

use std::time::Instant;

use pair::{connect, noise};
use webrtc_bridge::Bridge;

#[tokio::test(flavor = "multi_thread")]
async fn twenty_megabytes_each_way_arrive_whole() {
    const LENGTH: usize = 20 * 1024 * 1024;
    let (a, _a_events, b, _b_events) = connect(&Bridge::default(), &Bridge::default()).await;
    let (upward, downward) = (noise(LENGTH, 1), noise(LENGTH, 2));
    let started = Instant::now();
    let (_, _, at_b, at_a) = tokio::join!(
        a.send_all(&upward, 16 * 1024),
        b.send_all(&downward, 16 * 1024),
        b.receive_all(LENGTH),
        a.receive_all(LENGTH),
    );
    eprintln!("{:.1} MB/s each way", LENGTH as f64 / 1e6 / started.elapsed().as_secs_f64());
    assert!(at_b == upward, "what a sent differs from what b received");
    assert!(at_a == downward, "what b sent differs from what a received");
}
