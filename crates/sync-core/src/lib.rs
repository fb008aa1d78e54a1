//! The rules that keep a swarm in time: who leads, what time it is, what plays when.
//!
//! Sans-IO: nothing here opens a socket, reads a clock or waits. The caller passes in what
//! arrived and when, and takes out what to send and what to play. `peer` runs a
//! [`Session`] over a real relay; `simulation` runs many of them in
//! virtual time; `relay-server` seats directors with [`director::DirectorSeat`].
//!
//! - [`session`]: one member; composes everything else. Start here.
//! - [`clock`]: what the swarm's clock says, from time pings. The only bridge between
//!   [`protocol::time`]'s domains.
//! - [`cadence`]: when to ping.
//! - [`schedule`]: what plays when, and how far ahead to start it.
//! - [`queue`]: in which order songs play, and which comes next.
//! - [`timeline`]: the plan and the clock it is read by, also while the swarm's clock changes.
//! - [`room`]: one clock for all who share a local network.
//! - [`rate`]: how much one sender may ask.
//! - [`readiness`]: who holds what, and whether a song can start.
//! - [`director`]: who leads.
//! - [`succession`]: which member's app carries the relay when the one that did is gone.
//! - [`device_clock`], [`drift`]: when a sound card's frames are heard, and how to steer them.
//! - [`stamp_check`]: whether a sound system's stamps are to be believed.

#![forbid(unsafe_code)]

pub mod cadence;
pub mod clock;
pub mod device_clock;
pub mod director;
pub mod drift;
pub mod queue;
pub mod rate;
pub mod readiness;
pub mod room;
pub mod schedule;
pub mod session;
pub mod stamp_check;
pub mod succession;
pub mod timeline;

pub use clock::{ClockEstimate, ClockSample};
pub use director::DirectorSeat;
pub use schedule::PlayoutPlan;
pub use session::Session;
