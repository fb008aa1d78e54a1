//! One member misbehaves: what do the others notice?

use std::net::SocketAddr;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use anyhow::Result;
use tokio::time::Instant;

use super::Size;
use crate::client::{self, Socket, connect, join};
use crate::crowd::{Crowd, SWARM, ticker};
use crate::figures::{Figure, Unit, percentile};
use crate::process::Server;

/// Members that behave.
const MEMBERS: usize = 20;

/// Words of the director a second.
const RATE: f64 = 50.0;

/// Bytes the system of the member that never reads takes in. (the least Linux allows is more)
const SMALL_BUFFER: u32 = 4 * 1024;

/// One member never reads, and is sent more than systems and relay hold for it.
pub async fn slow_reader(server: &Server, size: Size) -> Result<Vec<Figure>> {
    let mut crowd = Crowd::gather(server.address, MEMBERS).await?;
    let quiet = quiet(&mut crowd, size).await?;
    let before = server.memory()?;
    let stuck = stuck_member(server.address).await?;
    let (end, address) = (Instant::now() + size.window, server.address);
    let feeding = tokio::task::spawn_local(feed(address, end));
    crowd.direct(RATE, size.window).await?;
    let _ = feeding.await?;
    let figures = compared(&crowd, quiet, server.memory()? - before);
    drop(stuck);
    Ok(figures)
}

/// One member says far more than it may, on a thread of its own.
pub async fn flood(server: &Server, size: Size) -> Result<Vec<Figure>> {
    let mut crowd = Crowd::gather(server.address, MEMBERS).await?;
    let quiet = quiet(&mut crowd, size).await?;
    let before = server.memory()?;
    let address = server.address;
    let flooding = thread::spawn(move || pour(address, size.window));
    crowd.direct(RATE, size.window).await?;
    let grown = server.memory()? - before;
    while !flooding.is_finished() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(compared(&crowd, quiet, grown))
}

/// The 99th percentile of the others while nothing is wrong. (milliseconds)
async fn quiet(crowd: &mut Crowd, size: Size) -> Result<f64> {
    crowd.direct(RATE, size.window).await?;
    Ok(percentile(&crowd.take().latencies, 0.99))
}

fn compared(crowd: &Crowd, quiet: f64, grown: f64) -> Vec<Figure> {
    let heard = crowd.take();
    let disturbed = percentile(&heard.latencies, 0.99);
    vec![
        Figure::new("others' p99, quiet", Unit::Ms, quiet),
        Figure::new("others' p99, disturbed", Unit::Ms, disturbed),
        Figure::new("others' p99, times quiet", Unit::Times, disturbed / quiet),
        Figure::new("others disconnected", Unit::Count, heard.lost as f64),
        Figure::new("memory grown", Unit::Kb, grown / 1e3),
    ]
}

async fn stuck_member(address: SocketAddr) -> Result<Socket> {
    let socket = connect(address, "/ws", Some(SMALL_BUFFER)).await?;
    let (mut reader, mut writer) = client::split(socket);
    writer.send(join(SWARM, "zz-stuck")).await?;
    reader.next_of("joined").await?;
    reader.reunite(writer)
}

/// Sends the member that never reads 30 kB, 40 times a second.
async fn feed(address: SocketAddr, end: Instant) -> Result<()> {
    let (mut reader, mut writer) = client::split(connect(address, "/ws", None).await?);
    writer.send(join(SWARM, "zz-feeder")).await?;
    reader.next_of("joined").await?;
    let reading = tokio::task::spawn_local(async move { while reader.next().await.is_ok() {} });
    let data = "x".repeat(30_000);
    let text = Rc::new(format!("{{\"type\":\"rtc:signal\",\"to\":\"zz-stuck\",\"data\":\"{data}\"}}"));
    let mut ticks = ticker(40.0);
    while ticks.tick().await < end {
        writer.send(text.as_str()).await?;
    }
    reading.abort();
    Ok(())
}

/// Says 5,000 things a second, a hundred times as much as a member may, and never listens.
fn pour(address: SocketAddr, time: Duration) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (mut reader, mut writer) = client::split(connect(address, "/ws", None).await?);
        writer.send(join(SWARM, "zzz")).await?;
        reader.next_of("joined").await?;
        let reading = tokio::spawn(async move { while reader.next().await.is_ok() {} });
        let end = Instant::now() + time;
        let mut ticks = ticker(500.0);
        while ticks.tick().await < end {
            for _ in 0..10 {
                writer.send(r#"{"type":"sync:report","state":"locked"}"#).await?;
            }
        }
        reading.abort();
        Ok(())
    })
}
