//! Members come, talk and go for a long time: does memory stay where it was?

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Error, Result};
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
    let (mut stays, mut faults) = (0, BTreeMap::<String, usize>::new());
    while let Some(life) = lives.join_next().await {
        let Life { stays: stayed, faults: failed } = life?;
        stays += stayed;
        for fault in failed {
            *faults.entry(format!("{fault:#}")).or_default() += 1;
        }
    }
    for (fault, count) in &faults {
        eprintln!("{count} stays were cut off: {fault}");
    }
    // Five minutes of half an hour; the same share of a shorter run.
    let early = average(&samples, samples.len() / 6).context("no samples")?;
    let late = average(&samples, samples.len() - 1).context("no samples")?;
    Ok(vec![
        Figure::new("memory early", Unit::Kb, early / 1e3),
        Figure::new("memory at the end", Unit::Kb, late / 1e3),
        Figure::new("memory, times early", Unit::Times, late / early),
        Figure::new("stays", Unit::Count, stays as f64),
        Figure::new("cut off", Unit::Count, faults.values().sum::<usize>() as f64),
    ])
}

/// Around one sample: the two before it, and itself.
fn average(samples: &[f64], at: usize) -> Option<f64> {
    let some = samples.get(at.saturating_sub(2)..=at)?;
    Some(some.iter().sum::<f64>() / some.len() as f64)
}

/// What became of one who came and went.
struct Life {
    stays: usize,
    /// Why stays ended otherwise than by its own will.
    faults: Vec<Error>,
}

/// Comes and goes until the end.
async fn live(address: SocketAddr, number: usize, end: Instant) -> Life {
    let mut life = Life { stays: 0, faults: Vec::new() };
    while Instant::now() < end {
        let stay = STAY.mul_f64(rand::rng().random_range(1.0..3.0));
        let until = end.min(Instant::now() + stay);
        life.stays += 1;
        life.faults.extend(visit(address, number, until).await.err());
    }
    life
}

async fn visit(address: SocketAddr, number: usize, until: Instant) -> Result<()> {
    let connecting = timeout(BETWEEN, connect(address, "/ws", None));
    let socket = connecting.await.context("not let in within 5 s")?.context("not let in")?;
    let (mut reader, mut writer) = client::split(socket);
    writer.send(join(9_000 + number / IN_SWARM, &format!("s{number}"))).await?;
    reader.next_of("joined").await.context("not joined")?;
    let mut next = Instant::now() + BETWEEN.mul_f64(rand::rng().random_range(0.0..1.0));
    loop {
        tokio::select! {
            () = tokio::time::sleep_until(next.min(until)) => {
                if next >= until {
                    writer.send(r#"{"type":"leave"}"#).await?;
                    // Whoever came back before the relay has seen it go would be refused: a
                    // second connection with the same user id needs the first one's token.
                    let goodbye = timeout(BETWEEN, reader.ended()).await;
                    return goodbye.context("no goodbye within 5 s");
                }
                next += BETWEEN;
                writer.send(format!("{{\"type\":\"timePing\",\"t0\":{}}}", now_ms())).await?;
                writer.send(r#"{"type":"sync:report","state":"locked"}"#).await?;
            }
            text = reader.next() => { text?; }
        }
    }
}
