//! The measuring bench: `cargo xtask bench self-test`, `bench sync` and `bench relay`.
//!
//! Real processes play on virtual cards whose clocks are known, through networks that are as
//! bad as asked for; what they put out is compared. [`self_test`] measures the bench itself
//! first, [`sync`] the app, [`relay`] the relay under load.

mod faults;
mod figures;
mod proxy;
mod relay;
mod room;
mod row;
mod self_test;
mod snapcast;
mod sync;

use anyhow::Result;
use clap::{Args, Subcommand};

/// Options of `cargo xtask bench`.
#[derive(Args)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Whether the bench finds what is put in, and nothing else
    SelfTest(self_test::Arguments),
    /// How far apart real apps play
    Sync(sync::Arguments),
    /// What the relay needs under load, beside Node's
    #[command(disable_help_flag = true)]
    Relay(relay::Arguments),
}

/// Measures what was asked for.
///
/// # Errors
///
/// When something cannot be measured or is out of bounds.
pub fn run(arguments: &Arguments) -> Result<()> {
    match &arguments.what {
        What::SelfTest(arguments) => self_test::run(arguments),
        What::Sync(arguments) => sync::run(arguments),
        What::Relay(arguments) => relay::run(arguments),
    }
}
