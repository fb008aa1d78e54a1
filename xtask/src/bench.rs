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
        What::Sync(arguments) => sync::run(arguments),
    }
}
