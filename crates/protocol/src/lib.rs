//! The words a swarm speaks: messages between members and relay, and between the app's
//! core and its window.
//!
//! Types and bounds only: no I/O, no clock, no rule about who may do what. Everything that
//! arrives from outside becomes one of these types or an error, so the code behind them
//! never checks twice.
//!
//! - [`message`]: what travels over the relay's WebSocket. Start here.
//! - [`host`]: what travels between the core and the window (or a script).
//! - [`ice`]: servers that help members reach each other.
//! - [`sync`]: what members tell each other about keeping time.
//! - [`datagram`]: time exchanges over UDP.
//! - [`ids`]: validated names of swarms, members, files and torrents.
//! - [`key`]: the secret of a swarm. [`invite`]: a link that carries it.
//! - [`trace`]: what one device measured, to be replayed elsewhere.
//! - [`time`]: the time domains and the differences between their instants.
//! - [`json`]: how deep a text nests.
//! - [`limits`]: every bound, with its reason.

mod carrier;
pub mod datagram;
mod file;
pub mod host;
pub mod ice;
pub mod ids;
pub mod invite;
pub mod json;
pub mod key;
pub mod limits;
pub mod message;
mod playback;
mod queue;
pub mod sync;
pub mod time;
pub mod trace;

#[cfg(feature = "ts")]
pub mod typescript;

pub use carrier::{Carriage, Carrier, Challenge, Standby};
pub use ids::{FileId, InfoHash, SwarmHash, UserId};
pub use key::SwarmKey;
pub use message::{ClientMessage, ErrorCode, ServerMessage};
pub use time::{LocalTime, MediaTime, Span, SwarmTime};
