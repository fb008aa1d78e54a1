//! Every helper command of the project: `cargo xtask COMMAND`.
//!
//! Builds on a machine that has nothing but Rust: pure Rust dependencies only, so that the
//! same program can install what the app needs. Start at [`Command`]; one module per noun.

#![allow(clippy::print_stdout, reason = "a command-line tool speaks on standard output")]

mod card;
mod measure;
mod repo;
mod shell;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Helper commands of Synced Swarm Audio.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make virtual sound cards to play on by hand
    Card(card::Arguments),
    /// Compare what two virtual cards heard
    Measure(measure::Arguments),
}

fn main() -> Result<()> {
    match Arguments::parse().command {
        Command::Card(arguments) => card::run(&arguments),
        Command::Measure(arguments) => measure::run(&arguments),
    }
}
