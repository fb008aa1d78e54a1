//! The relay: the place where the members of a swarm meet.
//!
//! It tells members who else is there, passes on what they say in an order that is the same
//! for everyone, answers time pings, and introduces WebTorrent clients to each other. It
//! never carries music, never reads what members signal to each other, and keeps nothing of
//! a swarm after its last member has left.
//!
//! ```no_run
//! # async fn example() -> Result<(), relay_server::RelayError> {
//! let relay = relay_server::Relay::builder().spawn().await?;
//! println!("ws://{}/ws", relay.local_addr());
//! relay.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! Where to read: [`Relay`] starts and ends everything (`relay.rs`); `web.rs` lists the
//! routes. The rules are sans-IO and need no socket: `room.rs` for a swarm, `tracker/` for
//! the WebTorrent tracker, `admission.rs`, `access.rs` and `budget.rs` for who is let in and how
//! much they may say. Around them, `door.rs` asks at every connection, `member.rs` and
//! `tracker/link.rs` run one each, and `swarms.rs` owns the swarms: one task each. What it says goes
//! out by `seat.rs` (who missed what), `outbox.rs` and `line.rs`: straight into the socket, under the
//! line's own lock, or into a bounded queue while the socket is full.
//! `ownership.rs` says which relay keeps which swarm where several share them (feature `cluster`).
//!
//! `docs/protocol.md` shows every message by example.

mod access;
mod admission;
mod budget;
mod clock;
mod door;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod limits;
mod line;
mod member;
mod metrics;
mod outbox;
mod ownership;
mod patience;
mod presence;
#[cfg(feature = "cluster")]
mod proxy;
mod queue;
mod relay;
mod room;
mod seat;
mod site;
mod socket;
mod status;
mod swarms;
mod time;
#[cfg(feature = "tls")]
mod tls;
mod tracker;
mod turn;
mod web;

pub use access::{Access, ForwardedBy};
pub use limits::{Limits, Rate};
#[cfg(feature = "cluster")]
pub use ownership::cluster::{ClusterError, ClusterPlace};
pub use ownership::party::{Carrying, Course, Knock, PartyPlace};
pub use relay::{Relay, RelayBuilder, RelayError, RunningRelay};
#[cfg(feature = "tls")]
pub use tls::{TlsError, TlsFiles};
pub use turn::TurnServer;
