//! The measuring bench: `cargo xtask bench self-test` and `cargo xtask bench sync`.
//!
//! Real processes play on virtual cards whose clocks are known, through networks that are as
//! bad as asked for; what they put out is compared. [`self_test`] measures the bench itself
//! first, [`sync`] the app.

mod faults;
mod figures;
mod proxy;
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
    }
}
