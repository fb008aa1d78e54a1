//! Several relays that share their swarms, as real processes beside a real Redis: what members
//! notice when one is killed, stands still or is drained, and when Redis is away or emptied.
//!
//! Ignored by default because they need `redis-server`; `cargo xtask test` installs and runs
//! them. To see the figures: `cargo test -p relay-server --test cluster -- --ignored
//! --nocapture --test-threads 1`.
#![cfg(unix)]

#[path = "../common/mod.rs"]
mod common;

mod away;
mod drain;
mod inherited;
mod killed;
mod member;
mod one_owner;
mod proxied;
mod session;
mod stage;
mod tls;
