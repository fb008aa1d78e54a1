//! Members come, talk and go for a long time: does memory stay where it was?

use std::time::Duration;

use anyhow::{Context, Result};
use rand::RngExt as _;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::client::{self, connect, join};
use crate::clock::now_ms;
use crate::crowd::ticker;
use crate::figures::{Figure, Unit};
use crate::process::Server;

/// Members at any moment.
const MEMBERS: usize = 2_000;

/// Members of one swarm.
const IN_SWARM: usize = 20;

/// Between two words of one member.
const BETWEEN: Duration = Duration::from_secs(5);

/// A member stays at least this long, and at most three times as long.
const STAY: Duration = Duration::from_secs(20);

/// 2,000 members talk, leave and come back for `time`.
pub async fn churn(server: &Server, time: Duration) -> Result<Vec<Figure>> {
    let end = Instant::now() + time;
    let mut lives = JoinSet::new();
    for number in 0..MEMBERS {
        lives.spawn_local(live(server.address, number, end));
        // Nobody's system takes thousands of connections in one moment.
        if number.is_multiple_of(20) {
            sleep(Duration::from_millis(5)).await;
        }
    }
    let mut samples = Vec::new();
    let mut ticks = ticker(time.as_secs_f64().recip() * 120.0);
    while ticks.tick().await < end {
        samples.push(server.memory()?);
    }
    let (mut stays, mut faults) = (0, 0);
    while let Some(life) = lives.join_next().await {
        let (stayed, failed) = life?;
        stays += stayed;
        faults += failed;
    }
    // Five minutes of half an hour; the same share of a shorter run.
    let early = average(&samples, samples.len() / 6).context("no samples")?;
    let late = average(&samples, samples.len() - 1).context("no samples")?;
    Ok(vec![
        Figure::new("memory early", Unit::Kb, early / 1e3),
        Figure::new("memory at the end", Unit::Kb, late / 1e3),
        Figure::new("memory, times early", Unit::Times, late / early),
        Figure::new("stays", Unit::Count, f64::from(stays)),
        Figure::new("cut off", Unit::Count, f64::from(faults)),
    ])
}

/// Around one sample: the two before it, and itself.
fn average(samples: &[f64], at: usize) -> Option<f64> {
    let some = samples.get(at.saturating_sub(2)..=at)?;
    Some(some.iter().sum::<f64>() / some.len() as f64)
}

/// Comes and goes until the end. Returns how often, and how often not by its own will.
async fn live(address: std::net::SocketAddr, number: usize, end: Instant) -> (u32, u32) {
    let (mut stays, mut faults) = (0, 0);
    while Instant::now() < end {
        let stay = STAY.mul_f64(rand::rng().random_range(1.0..3.0));
        let until = end.min(Instant::now() + stay);
        stays += 1;
        faults += u32::from(visit(address, number, until).await.is_err());
    }
    (stays, faults)
}

async fn visit(address: std::net::SocketAddr, number: usize, until: Instant) -> Result<()> {
    let socket = timeout(BETWEEN, connect(address, "/ws", None)).await??;
    let (mut reader, mut writer) = client::split(socket);
    writer.send(join(9_000 + number / IN_SWARM, &format!("s{number}"))).await?;
    reader.next_of("joined").await?;
    let mut next = Instant::now() + BETWEEN.mul_f64(rand::rng().random_range(0.0..1.0));
    loop {
        tokio::select! {
            () = tokio::time::sleep_until(next.min(until)) => {
                if next >= until {
                    writer.send(r#"{"type":"leave"}"#).await?;
                    return Ok(());
                }
                next += BETWEEN;
                writer.send(format!("{{\"type\":\"timePing\",\"t0\":{}}}", now_ms())).await?;
                writer.send(r#"{"type":"sync:report","state":"locked"}"#).await?;
            }
            text = reader.next() => { text?; }
        }
    }
}
