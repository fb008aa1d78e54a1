//! Swarms in virtual time: real sessions, invented clocks and networks.
//!
//! Every device has a [`Crystal`] that is wrong in a known way, and a
//! [`Path`] to the relay that delays in a known way, so that what a session
//! believes can be compared with what is true. An hour takes a moment, and a seed repeats it
//! to the nanosecond. Dev only: nothing here ships.
//!
//! - [`world`]: members, relay and the events between them. Start here.
//! - [`crystal`], [`network`]: what is wrong with clocks and paths.
//! - [`relay`]: the relay's part, in few lines.
//! - [`measure`]: how far apart the members play, in true time.
//!
//! What is measured is what a perfect sound card would play: the audio engine is not in the
//! loop.

#![forbid(unsafe_code)]

pub mod crystal;
pub mod measure;
pub mod network;
pub mod relay;
pub mod world;

pub use crystal::{Crystal, TrueTime};
pub use measure::Spread;
pub use network::Path;
pub use world::World;
