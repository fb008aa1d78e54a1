//! How fast two bridges in one process exchange bytes, and how long they take to meet.
//!
//! `cargo run --release -p webrtc-bridge --example throughput [MEBIBYTES] [MESSAGE_BYTES]`; the
//! messages are WebTorrent's blocks of 16 KiB unless said otherwise.
#![allow(clippy::unwrap_used, dead_code, reason = "shares the helpers of the tests")]

#[path = "../tests/bridge/pair.rs"]
mod pair;

use std::io::Write;
use std::time::Instant;

use webrtc_bridge::Bridge;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    let mut arguments = std::env::args().skip(1);
    let mebibytes: usize = arguments.next().map_or(Ok(100), |text| text.parse())?;
    let message: usize = arguments.next().map_or(Ok(16 * 1024), |text| text.parse())?;
    let length = mebibytes * 1024 * 1024;
    let mut out = std::io::stdout();

    let started = Instant::now();
    let (a, _a_events, b, _b_events) = pair::connect(&Bridge::default(), &Bridge::default()).await;
    writeln!(out, "connected in {:.0} ms", started.elapsed().as_secs_f64() * 1e3)?;

    let bytes = pair::noise(length, 1);
    let one_way = Instant::now();
    tokio::join!(a.send_all(&bytes, message), b.receive_all(length));
    writeln!(out, "one way   {:.1} MB/s", rate(length, one_way))?;

    let both_ways = Instant::now();
    tokio::join!(
        a.send_all(&bytes, message),
        b.send_all(&bytes, message),
        a.receive_all(length),
        b.receive_all(length),
    );
    writeln!(out, "both ways {:.1} MB/s each", rate(length, both_ways))?;
    Ok(())
}

fn rate(length: usize, since: Instant) -> f64 {
    length as f64 / 1e6 / since.elapsed().as_secs_f64()
}
