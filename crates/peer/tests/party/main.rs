//! Whole members with real sockets, real files and a real relay. The window is played by
//! the test, which carries pieces from store to store as WebTorrent would.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should end")]

mod files;
mod host;
mod joining;
mod stage;
mod swarm;
mod system;
