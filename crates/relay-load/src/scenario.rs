//! What is measured, on whom, and what it must come to.
//!
//! A scenario is a function from a fresh server to figures. [`Scenario::run`] starts the server
//! and the thread that loads it; each module below holds one kind of load.

mod crowded;
mod disturbed;
mod idle;
mod joins;
mod soak;
mod time;
mod tracker;

use std::time::Duration;

use anyhow::Result;
use clap::ValueEnum;
use tokio::task::LocalSet;

use crate::figures::{Figure, Law};
use crate::process::{Contender, Server};

/// A kind of load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Scenario {
    /// The director of 20 says 50 things a second
    FanOut20,
    /// The director of 200 says 20 things a second
    FanOut200,
    /// 200 members say 200 things a second: 40,000 frames
    Overload,
    /// 10 of 50 members ask for the time, 200 times a second, beside 1,000 frames a second
    Time,
    /// The same among 200, beside 20,000 frames a second
    TimeLoaded,
    /// 300 WebRTC descriptions a second among 50 members
    Signalling,
    /// 200 join one swarm at once
    Joins,
    /// Thousands of members that say nothing
    Idle,
    /// The same over TLS
    IdleTls,
    /// 100 tracker clients, 5 offers in each announce, as fast as they are answered
    #[value(name = "tracker-100")]
    Tracker100,
    /// 400 tracker clients
    #[value(name = "tracker-400")]
    Tracker400,
    /// Few tracker clients, whose system acknowledges late and at once: Nagle's algorithm shows
    TrackerDelay,
    /// One member of 20 never reads
    SlowReader,
    /// One member of 20 says 5,000 things a second
    Flood,
    /// 2,000 members come and go
    Soak,
}

/// How long and how large.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// How long load is applied at a time.
    pub window: Duration,
    /// Connections in [`Scenario::Idle`] and [`Scenario::IdleTls`].
    pub idle: usize,
    /// How long [`Scenario::Soak`] lasts.
    pub soak: Duration,
}

impl Scenario {
    /// Whom ours is measured beside.
    pub fn rival(self) -> Option<Contender> {
        match self {
            Self::Tracker100 | Self::Tracker400 => Some(Contender::NodeTracker),
            Self::IdleTls | Self::TrackerDelay | Self::Soak => None,
            _ => Some(Contender::NodeRelay),
        }
    }

    /// Which form of ours is measured.
    pub fn ours(self) -> Contender {
        match self {
            Self::Tracker100 | Self::Tracker400 | Self::TrackerDelay => Contender::OursUnmetered,
            Self::IdleTls => Contender::OursTls,
            _ => Contender::Ours,
        }
    }

    /// What its figures must keep to; figures without a law are told only.
    pub fn laws(self) -> &'static [(&'static str, Law)] {
        use Law::{AtLeast, AtMost, TimesAtLeast, TimesAtMost};
        match self {
            Self::FanOut20 => &[
                ("latency p50", TimesAtMost(0.5)),
                ("latency p99", TimesAtMost(1.0)),
                ("processor per frame", TimesAtMost(0.6)),
            ],
            Self::FanOut200 => &[
                ("latency p50", TimesAtMost(0.7)),
                ("latency p99", TimesAtMost(1.0)),
                ("processor per frame", TimesAtMost(0.6)),
            ],
            Self::Overload => &[
                ("share delivered", AtLeast(1.0)),
                ("latency p99", TimesAtMost(1.0)),
                ("processor per frame", TimesAtMost(0.6)),
            ],
            Self::Time => {
                &[("round trip p50", TimesAtMost(0.5)), ("round trip p99", TimesAtMost(0.5))]
            }
            Self::TimeLoaded => {
                &[("offset error p99", AtMost(2.0)), ("round trip p99", TimesAtMost(0.5))]
            }
            Self::Signalling => {
                &[("latency p50", TimesAtMost(1.0)), ("latency p99", TimesAtMost(1.0))]
            }
            Self::Joins => &[
                // Fewer than half of the N²/2 that telling everyone of everyone takes.
                ("presence frames", AtMost(200.0 * 199.0 / 4.0)),
                ("join p99", TimesAtMost(0.5)),
            ],
            Self::Idle => &[("connections per GB", AtLeast(100_000.0))],
            // Told only: TLS keeps its own state for each connection, whoever speaks it.
            Self::IdleTls => &[],
            Self::Tracker100 => &[("reply p50", AtMost(5.0)), ("announces", TimesAtLeast(3.0))],
            Self::Tracker400 => &[("announces", TimesAtLeast(3.0))],
            // A stall of Nagle's algorithm against delayed acknowledgements takes 40 ms.
            Self::TrackerDelay => &[("late acknowledgement, times", AtMost(3.0))],
            Self::SlowReader | Self::Flood => {
                &[("others' p99, times quiet", AtMost(2.0)), ("memory grown", AtMost(4_000.0))]
            }
            Self::Soak => &[("memory, times early", AtMost(1.05))],
        }
    }

    /// Measures one contender, once.
    ///
    /// # Errors
    ///
    /// When the server fails, or members miss what they must hear.
    pub fn run(self, contender: Contender, size: Size) -> Result<Vec<Figure>> {
        let server = Server::start(contender)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        LocalSet::new().block_on(&runtime, self.load(&server, size))
    }

    async fn load(self, server: &Server, size: Size) -> Result<Vec<Figure>> {
        match self {
            Self::FanOut20 => crowded::fan_out(server, 20, 50.0, size).await,
            Self::FanOut200 => crowded::fan_out(server, 200, 20.0, size).await,
            Self::Overload => crowded::overload(server, size).await,
            Self::Time => time::ask(server, 50, 20.0, size).await,
            Self::TimeLoaded => time::ask(server, 200, 100.0, size).await,
            Self::Signalling => crowded::signalling(server, size).await,
            Self::Joins => joins::storm(server, 200).await,
            Self::Idle | Self::IdleTls => idle::hold(server, size.idle).await,
            Self::Tracker100 => tracker::announce(server, 100, size).await,
            Self::Tracker400 => tracker::announce(server, 400, size).await,
            Self::TrackerDelay => tracker::acknowledge(server, size).await,
            Self::SlowReader => disturbed::slow_reader(server, size).await,
            Self::Flood => disturbed::flood(server, size).await,
            Self::Soak => soak::churn(server, size.soak).await,
        }
    }
}
