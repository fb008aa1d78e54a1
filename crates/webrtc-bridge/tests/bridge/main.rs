//! Two bridges talking to each other over real sockets.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod bounds;
mod closing;
mod negotiation;
mod pair;
mod transfer;
