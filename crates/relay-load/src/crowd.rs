//! Members of one swarm at a server under load: they join, say things on request, and note
//! when what they hear arrived. All of a crowd lives on one thread, so that nothing here is shared.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures_util::future::try_join_all;
use tokio::task::{JoinSet, yield_now};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use crate::client::{self, Reader, Writer, connect, join, number};
use crate::clock::{epoch_ms, now_ms};

/// The swarm that crowds meet in.
pub const SWARM: usize = 1;

/// The song that directors play.
const FILE_ID: &str = "5ca1ab1e5ca1ab1e5ca1ab1e5ca1ab1e5ca1ab1e5ca1ab1e5ca1ab1e5ca1ab1e";

/// The crowd looks at its sockets this often. What arrives meanwhile is stamped by the kernel.
///
/// A member that sleeps until its frame is there is woken by whoever sends it, when both are on
/// one machine: in a swarm of 200 up to a third of what a relay is seen to work.
const LOOK: Duration = Duration::from_millis(4);

/// Longest wait for anything that must happen.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// What a crowd heard.
#[derive(Default)]
pub struct Heard {
    /// From being sent to being there. (milliseconds)
    pub latencies: Vec<f64>,
    /// Members that were disconnected.
    pub lost: usize,
}

/// The members of a swarm that listen.
pub struct Crowd {
    /// The first one directs.
    pub writers: Vec<Writer>,
    /// What was heard since it was last taken.
    pub heard: Rc<RefCell<Heard>>,
    _readers: JoinSet<()>,
}

impl Crowd {
    /// Lets `count` members join one after the other, the director first, and share a song.
    ///
    /// # Errors
    ///
    /// When one of them is not let in.
    pub async fn gather(address: SocketAddr, count: usize) -> Result<Self> {
        let heard = Rc::new(RefCell::new(Heard::default()));
        let mut readers = JoinSet::new();
        let mut writers = Vec::with_capacity(count);
        let sockets = try_join_all((0..count).map(|_| connect(address, "/ws", None))).await?;
        for (index, socket) in sockets.into_iter().enumerate() {
            let (mut reader, mut writer) = client::split(socket);
            writer.send(join(SWARM, &format!("m{index:03}"))).await?;
            reader.next_of("joined").await?;
            readers.spawn_local(listen(reader, heard.clone()));
            writers.push(writer);
        }
        readers.spawn_local(look_rarely());
        let director = writers.first_mut().context("a crowd has members")?;
        director.send(song()).await?;
        let mut crowd = Self { writers, heard, _readers: readers };
        crowd.settle().await?;
        Ok(crowd)
    }

    /// Waits until everyone has heard everything that was said so far, and forgets it.
    async fn settle(&mut self) -> Result<()> {
        let everyone = self.writers.len();
        self.writers[0].send(play()).await?;
        let deadline = Instant::now() + PATIENCE;
        while self.heard.borrow().latencies.len() < everyone {
            if Instant::now() > deadline {
                bail!("{} of {everyone} heard the director", self.heard.borrow().latencies.len());
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        self.take();
        Ok(())
    }

    /// What was heard since the last call.
    pub fn take(&self) -> Heard {
        std::mem::take(&mut self.heard.borrow_mut())
    }

    /// The director plays something `rate` times a second, for `time`. Returns how often.
    ///
    /// # Errors
    ///
    /// When the director is disconnected.
    pub async fn direct(&mut self, rate: f64, time: Duration) -> Result<usize> {
        let mut ticks = ticker(rate);
        let end = Instant::now() + time;
        let mut said = 0;
        while ticks.tick().await < end {
            self.writers[0].send(play()).await?;
            said += 1;
        }
        Ok(said)
    }

    /// Members report in turn, `rate` times a second together, for `time`. Returns how often.
    ///
    /// # Errors
    ///
    /// When one of them is disconnected.
    pub async fn report(&mut self, rate: f64, time: Duration) -> Result<usize> {
        let mut ticks = ticker(rate);
        let end = Instant::now() + time;
        let mut said = 0;
        while ticks.tick().await < end {
            let turn = said % self.writers.len();
            self.writers[turn].send(report()).await?;
            said += 1;
        }
        Ok(said)
    }

    /// Lets what is on its way arrive, until nothing has for `quiet` or `most` is over.
    pub async fn drain(&self, quiet: Duration, most: Duration) {
        let end = Instant::now() + most;
        let mut count = self.heard.borrow().latencies.len();
        loop {
            let next = Instant::now() + quiet;
            sleep_until(next.min(end)).await;
            let now = self.heard.borrow().latencies.len();
            if now == count || next >= end {
                return;
            }
            count = now;
        }
    }
}

/// Keeps this thread from waiting at its sockets.
async fn look_rarely() {
    loop {
        thread::sleep(LOOK);
        yield_now().await;
    }
}

async fn listen(mut reader: Reader, heard: Rc<RefCell<Heard>>) {
    loop {
        let Ok(text) = reader.next().await else {
            heard.borrow_mut().lost += 1;
            return;
        };
        if let Some(sent) = stamp(&text) {
            heard.borrow_mut().latencies.push(reader.arrived() - sent);
        }
    }
}

/// When a message that carries its own moment was sent.
fn stamp(text: &str) -> Option<f64> {
    if client::is(text, "play") {
        number(text, "\"positionMs\":")
    } else if client::is(text, "sync:report") {
        number(text, "\"errorUs\":")
    } else if client::is(text, "rtc:signal") {
        number(text, "\"sentMs\":")
    } else {
        None
    }
}

/// A tick `rate` times a second. Those that were missed are made up for.
pub fn ticker(rate: f64) -> tokio::time::Interval {
    let mut ticks = interval(Duration::from_secs_f64(1.0 / rate));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    ticks
}

fn song() -> String {
    format!(
        "{{\"type\":\"file:announce\",\"fileId\":\"{FILE_ID}\",\"name\":\"song.mp3\",\"size\":5000000,\
         \"infoHash\":\"{0}\",\"magnet\":\"magnet:?xt=urn:btih:{0}\"}}",
        &FILE_ID[..40]
    )
}

fn play() -> String {
    format!(
        "{{\"type\":\"play\",\"fileId\":\"{FILE_ID}\",\"globalStartTimeMs\":{},\"positionMs\":{}}}",
        epoch_ms(),
        now_ms()
    )
}

fn report() -> String {
    format!(
        "{{\"type\":\"sync:report\",\"state\":\"locked\",\"errorUs\":{},\"uncertaintyUs\":21.5,\
         \"path\":\"lan\",\"root\":\"m000\",\"ratePpm\":3.25,\"jumps\":0}}",
        now_ms()
    )
}

/// A WebRTC description of usual length for one member.
pub fn signal(to: &str) -> String {
    format!(
        "{{\"type\":\"rtc:signal\",\"to\":\"{to}\",\"data\":{{\"sentMs\":{},\"sdp\":\"{}\"}}}}",
        now_ms(),
        "v".repeat(2_000)
    )
}
