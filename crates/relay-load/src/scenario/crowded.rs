//! Everyone hears what one says: fan-out, more of it than Node manages, and signalling.

use std::time::Duration;

use anyhow::{Result, ensure};
use rand::RngExt as _;

use super::Size;
use crate::crowd::{Crowd, Heard, signal, ticker};
use crate::figures::{Figure, Unit, percentile};
use crate::process::Server;

/// What arrives this long after the last word still counts as delivered.
const GRACE: Duration = Duration::from_millis(500);

/// The director of `members` speaks `rate` times a second.
pub async fn fan_out(
    server: &Server,
    members: usize,
    rate: f64,
    size: Size,
) -> Result<Vec<Figure>> {
    let mut crowd = Crowd::gather(server.address, members).await?;
    let before = server.processor()?;
    let said = crowd.direct(rate, size.window).await?;
    crowd.drain(Duration::from_millis(50), GRACE).await;
    let processor = server.processor()? - before;
    let heard = crowd.take();
    ensure!(heard.latencies.len() == said * members, "someone missed a word of the director");
    Ok(told(&heard, processor))
}

/// 200 members, each of whom speaks once a second.
pub async fn overload(server: &Server, size: Size) -> Result<Vec<Figure>> {
    const MEMBERS: usize = 200;
    let mut crowd = Crowd::gather(server.address, MEMBERS).await?;
    let before = server.processor()?;
    let said = crowd.report(200.0, size.window).await?;
    crowd.drain(GRACE, GRACE).await;
    let processor = server.processor()? - before;
    let heard = crowd.take();
    let offered = said * (MEMBERS - 1);
    let mut figures = told(&heard, processor);
    let delivered = heard.latencies.len() as f64;
    figures.push(Figure::new("share delivered", Unit::Times, delivered / offered as f64));
    let seconds = (size.window + GRACE).as_secs_f64();
    figures.push(Figure::new("frames", Unit::PerSecond, delivered / seconds));
    Ok(figures)
}

/// 50 members send each other WebRTC descriptions.
pub async fn signalling(server: &Server, size: Size) -> Result<Vec<Figure>> {
    const MEMBERS: usize = 50;
    const RATE: f64 = 300.0;
    let mut crowd = Crowd::gather(server.address, MEMBERS).await?;
    let before = server.processor()?;
    let mut ticks = ticker(RATE);
    let count = (RATE * size.window.as_secs_f64()) as usize;
    for turn in 0..count {
        ticks.tick().await;
        let from = turn % MEMBERS;
        let to = (from + rand::rng().random_range(1..MEMBERS)) % MEMBERS;
        crowd.writers[from].send(signal(&format!("m{to:03}"))).await?;
    }
    crowd.drain(Duration::from_millis(50), GRACE).await;
    let processor = server.processor()? - before;
    let heard = crowd.take();
    ensure!(heard.latencies.len() == count, "a signal was lost");
    Ok(told(&heard, processor))
}

fn told(heard: &Heard, processor: f64) -> Vec<Figure> {
    let frames = heard.latencies.len() as f64;
    vec![
        Figure::new("latency p50", Unit::Ms, percentile(&heard.latencies, 0.5)),
        Figure::new("latency p99", Unit::Ms, percentile(&heard.latencies, 0.99)),
        Figure::new("processor per frame", Unit::Us, processor * 1e6 / frames),
    ]
}
