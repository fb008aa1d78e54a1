//! Swarms in virtual time: real sessions, invented clocks and networks.
//!
//! Every device has a [`Crystal`] that is wrong in a known way, and a
//! [`Path`] to the relay that delays in a known way, so that what a session
//! believes can be compared with what is true. An hour takes a moment, and a seed repeats it
//! to the nanosecond. Dev only: nothing here ships.
//!
//! Two stages stand side by side:
//!
//! - [`world`]: whole sessions, relay and the events between them. What is measured there is
//!   what a perfect sound card would play.
//! - [`duet`]: two devices with the real renderer, and other players' rules on the same
//!   clocks, networks and sound cards. What is measured is what the air hears. Start here.
//!
//! Below them:
//!
//! - [`crystal`], [`oscillator`]: what is wrong with clocks.
//! - [`network`], [`weather`]: what is wrong with paths.
//! - [`card`]: what is wrong with sound cards' stamps.
//! - [`profile`]: the conditions by name.
//! - [`member`]: one device of ours. [`rivals`]: other players' rules.
//! - [`hearing`], [`measure`]: what is heard, and how far apart.
//! - [`report`], [`bounds`], [`mod@replay`]: figures for people; what they must stay below; a saved trace played through the filters.
//! - [`relay`]: the relay's part, in few lines.

#![forbid(unsafe_code)]

pub mod bounds;
pub mod card;
pub mod crystal;
pub mod duet;
pub mod hearing;
pub mod measure;
pub mod member;
pub mod network;
pub mod oscillator;
pub mod profile;
pub mod relay;
pub mod replay;
pub mod report;
pub mod rivals;
pub mod weather;
pub mod world;

pub use crystal::{Crystal, TrueTime};
pub use measure::Spread;
pub use network::Path;
pub use oscillator::Oscillator;
pub use profile::Profile;
pub use replay::replay;
pub use world::World;
