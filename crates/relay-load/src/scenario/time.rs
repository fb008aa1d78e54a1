//! Members ask for the time while others keep the relay busy. Whoever asks has a thread of its
//! own: its stamps must not wait for what the rest of the crowd reads.

use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use anyhow::{Result, anyhow};
use futures_util::future::try_join_all;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::Size;
use crate::client::{self, connect, is, join, number};
use crate::clock::now_ms;
use crate::crowd::{Crowd, SWARM};
use crate::figures::{Figure, Unit, median, percentile};
use crate::process::Server;

/// Members that ask.
const ASKERS: usize = 10;

/// Between two questions of one of them.
const BETWEEN: Duration = Duration::from_millis(50);

/// One answer. (milliseconds)
struct Sample {
    round_trip: f64,
    offset: f64,
}

/// `members` hear `rate` words a second; ten of them ask for the time meanwhile.
pub async fn ask(server: &Server, members: usize, rate: f64, size: Size) -> Result<Vec<Figure>> {
    let mut crowd = Crowd::gather(server.address, members - ASKERS).await?;
    let address = server.address;
    let asking = thread::spawn(move || ask_all(address, size.window));
    crowd.report(rate, size.window).await?;
    let waiting = async {
        while !asking.is_finished() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    waiting.await;
    let samples = asking.join().map_err(|_| anyhow!("the asking thread failed"))??;
    let trips: Vec<f64> = samples.iter().map(|sample| sample.round_trip).collect();
    let offsets: Vec<f64> = samples.iter().map(|sample| sample.offset).collect();
    // Both clocks are this machine's: whatever varies is error.
    let truth = median(&offsets);
    let errors: Vec<f64> = offsets.iter().map(|offset| (offset - truth).abs()).collect();
    Ok(vec![
        Figure::new("round trip p50", Unit::Ms, percentile(&trips, 0.5)),
        Figure::new("round trip p99", Unit::Ms, percentile(&trips, 0.99)),
        Figure::new("offset error p50", Unit::Ms, percentile(&errors, 0.5)),
        Figure::new("offset error p99", Unit::Ms, percentile(&errors, 0.99)),
    ])
}

fn ask_all(address: SocketAddr, time: Duration) -> Result<Vec<Sample>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let askers = (0..ASKERS).map(|number| ask_one(address, number, time));
        Ok(try_join_all(askers).await?.into_iter().flatten().collect())
    })
}

async fn ask_one(address: SocketAddr, index: usize, time: Duration) -> Result<Vec<Sample>> {
    let (mut reader, mut writer) = client::split(connect(address, "/ws", None).await?);
    writer.send(join(SWARM, &format!("t{index}"))).await?;
    reader.next_of("joined").await?;
    let begin = Instant::now();
    // Spread over the interval, so that no question meets another.
    let mut ticks = interval_at(begin + BETWEEN * index as u32 / ASKERS as u32, BETWEEN);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut samples = Vec::new();
    let mut waits = false;
    loop {
        tokio::select! {
            tick = ticks.tick() => {
                if tick > begin + time {
                    return Ok(samples);
                }
                if !waits {
                    writer.send(format!("{{\"type\":\"timePing\",\"t0\":{}}}", now_ms())).await?;
                    waits = true;
                }
            }
            text = reader.next() => {
                let text = text?;
                let t3 = now_ms();
                if is(&text, "timePong") {
                    waits = false;
                    samples.extend(sample(&text, t3));
                }
            }
        }
    }
}

/// The four-stamp rule of NTP.
fn sample(text: &str, t3: f64) -> Option<Sample> {
    let t0 = number(text, "\"t0\":")?;
    let t1 = number(text, "\"t1\":")?;
    let t2 = number(text, "\"t2\":")?;
    let middle = number(text, "\"tS\":")?;
    Some(Sample { round_trip: (t3 - t0) - (t2 - t1), offset: middle - (t0 + t3) / 2.0 })
}
