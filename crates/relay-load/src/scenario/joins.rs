//! Many come at once, and in the end everyone must know everyone.

use std::collections::BTreeSet;
use std::rc::Rc;

use anyhow::{Result, ensure};
use futures_util::future::try_join_all;
use serde_json::Value;
use tokio::sync::Barrier;
use tokio::time::timeout;

use crate::client::{self, connect, is, join};
use crate::clock::now_ms;
use crate::crowd::{PATIENCE, SWARM};
use crate::figures::{Figure, Unit, percentile};
use crate::process::Server;

/// What one member saw of the storm.
struct Arrival {
    /// From `join` to `joined`. (milliseconds)
    joined: f64,
    /// From the start to knowing everyone. (milliseconds)
    complete: f64,
    /// `presence` and `peers` that it took.
    frames: usize,
}

/// `count` members join one swarm at once.
pub async fn storm(server: &Server, count: usize) -> Result<Vec<Figure>> {
    let sockets = try_join_all((0..count).map(|_| connect(server.address, "/ws", None))).await?;
    let before = server.processor()?;
    // Nobody hangs up before the last one knows everyone.
    let complete = Rc::new(Barrier::new(count));
    let begin = now_ms();
    let arrivals = sockets.into_iter().enumerate().map(|(index, socket)| {
        let complete = complete.clone();
        async move {
            let (mut reader, mut writer) = client::split(socket);
            let sent = now_ms();
            writer.send(join(SWARM, &format!("m{index:03}"))).await?;
            let mut known = names(&reader.next_of("joined").await?)?;
            let joined = now_ms() - sent;
            let mut frames = 0;
            while known.len() < count {
                let text = reader.next().await?;
                if is(&text, "peers") {
                    frames += 1;
                    known = names(&text)?;
                } else if is(&text, "presence") {
                    frames += 1;
                    let message: Value = serde_json::from_str(&text)?;
                    known.extend(message["userId"].as_str().map(str::to_owned));
                }
            }
            let arrival = Arrival { joined, complete: now_ms() - begin, frames };
            complete.wait().await;
            Ok::<_, anyhow::Error>(arrival)
        }
    });
    let arrivals = timeout(PATIENCE, try_join_all(arrivals)).await??;
    let processor = server.processor()? - before;
    ensure!(arrivals.len() == count, "everyone knows everyone");
    let joined: Vec<f64> = arrivals.iter().map(|arrival| arrival.joined).collect();
    let complete: Vec<f64> = arrivals.iter().map(|arrival| arrival.complete).collect();
    let frames: usize = arrivals.iter().map(|arrival| arrival.frames).sum();
    Ok(vec![
        Figure::new("join p50", Unit::Ms, percentile(&joined, 0.5)),
        Figure::new("join p99", Unit::Ms, percentile(&joined, 0.99)),
        Figure::new("all know all", Unit::Ms, percentile(&complete, 1.0)),
        Figure::new("presence frames", Unit::Count, frames as f64),
        Figure::new("processor", Unit::Ms, processor * 1e3),
    ])
}

fn names(text: &str) -> Result<BTreeSet<String>> {
    let message: Value = serde_json::from_str(text)?;
    let peers = message["peers"].as_array().into_iter().flatten();
    Ok(peers.filter_map(|peer| peer["userId"].as_str().map(str::to_owned)).collect())
}
