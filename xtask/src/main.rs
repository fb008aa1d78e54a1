//! Every helper command of the project: `cargo xtask COMMAND`.
//!
//! Builds on a machine that has nothing but Rust: pure Rust dependencies only, so that the
//! same program can install what the app needs. Start at [`Command`]; one module per noun.

#![allow(clippy::print_stdout, reason = "a command-line tool speaks on standard output")]

mod bench;
mod build;
mod card;
mod chance;
mod clock;
mod cross;
mod demo;
mod fuzz;
mod generated;
mod measure;
mod repo;
mod run;
mod setup;
mod shell;
mod shots;
mod sim;
mod song;
mod stillness;
mod test;
mod tidy;

use std::process::ExitCode;

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
    /// Install what is missing, build, and open the app
    Run(run::Arguments),
    /// Show the main job: two real apps play one song in time, and are measured
    Demo(demo::Arguments),
    /// Install what is missing, build, and run every test
    Test(test::Arguments),
    /// Install what is missing, and nothing else
    Setup(setup::Arguments),
    /// Write the TypeScript types from the Rust types
    Gen(generated::Arguments),
    /// Check the rules that no compiler checks
    Tidy,
    /// Type-check what ships for Windows, macOS, iOS and Android; takes long
    Cross(cross::Arguments),
    /// Make virtual sound cards to play on by hand
    Card(card::Arguments),
    /// Render the piece of music that comes with the project
    Song(song::Arguments),
    /// Take a picture of every screen and state of the window
    Shots(shots::Arguments),
    /// Measure real apps beside Snapcast, the relay beside Node's, and the bench itself
    Bench(bench::Arguments),
    /// Compare what two virtual cards heard
    Measure(measure::Arguments),
    /// Play two devices in virtual time and tell how far apart they are heard
    #[command(disable_help_flag = true)]
    Sim(sim::Arguments),
    /// Feed what strangers can send to a relay with random inputs
    Fuzz(fuzz::Arguments),
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let mut words = std::env::args_os();
    if words.next().is_some_and(|program| cross::stub::is_meant(&program)) {
        return cross::stub::run(&words.collect::<Vec<_>>());
    }
    match Arguments::parse().command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Test(arguments) => test::run(&arguments),
        Command::Setup(arguments) => setup::run(&arguments),
        Command::Gen(arguments) => generated::run(&arguments),
        Command::Tidy => tidy::run(),
        Command::Cross(arguments) => cross::run(&arguments),
        Command::Card(arguments) => card::run(&arguments),
        Command::Song(arguments) => song::run(&arguments),
        Command::Shots(arguments) => shots::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Measure(arguments) => measure::run(&arguments),
        Command::Sim(arguments) => sim::run(&arguments),
        Command::Fuzz(arguments) => fuzz::run(&arguments),
    }
}
