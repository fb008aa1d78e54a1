//! Loads this project's relay and, in the same run, a plain Node relay and the reference
//! WebTorrent tracker, and compares what each needs.
//!
//! `cargo xtask bench relay` builds and starts this. Rounds are interleaved, so that whatever
//! else the machine does falls on both; what is told are medians over the rounds. Start at
//! [`scenario::Scenario`]; `process.rs` starts the servers, `crowd.rs` holds the members.

#![allow(clippy::print_stdout, reason = "a command-line tool speaks on standard output")]

mod client;
mod clock;
mod crowd;
mod figures;
mod process;
mod scenario;
mod serve;
mod stamped;
mod table;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::{Parser, Subcommand, ValueEnum as _};
use rustix::process::{Resource, getrlimit, setrlimit};

use figures::{Figure, median};
use scenario::{Scenario, Size};
use table::{Form, Row, Table};

/// Loads relays and compares them.
#[derive(Parser)]
#[command(name = "cargo xtask bench relay", bin_name = "cargo xtask bench relay")]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Only these; all but the soak otherwise
    #[arg(long, value_enum, value_delimiter = ',')]
    scenario: Vec<Scenario>,
    /// Rounds of each but the soak; each server is measured once in a round
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Fail when a bound is missed
    #[arg(long)]
    check: bool,
    /// One short round and wider bounds, for machines that do other things too
    #[arg(long)]
    short: bool,
    /// How long the soak lasts
    #[arg(long, value_name = "MINUTES", default_value_t = 30.0)]
    minutes: f64,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the relay to be measured, and prints its port
    #[command(hide = true)]
    Serve(serve::Arguments),
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    allow_files()?;
    if let Some(Command::Serve(serving)) = &arguments.command {
        return serve::run(serving);
    }
    let (size, form) = if arguments.short {
        let soak = Duration::from_secs(60);
        (Size { window: Duration::from_secs(1), idle: 1_000, soak }, Form::Short)
    } else {
        let soak = Duration::from_secs_f64(arguments.minutes * 60.0);
        (Size { window: Duration::from_secs(4), idle: 5_000, soak }, Form::Full)
    };
    let rounds = if arguments.short { 1 } else { arguments.rounds.max(1) };
    let all = Scenario::value_variants().iter().copied();
    let chosen: Vec<Scenario> = if arguments.scenario.is_empty() {
        all.filter(|scenario| *scenario != Scenario::Soak).collect()
    } else {
        arguments.scenario.clone()
    };
    let mut table = Table::new(form);
    for scenario in chosen {
        // One soak is as long as many rounds of the others.
        let rounds = if scenario == Scenario::Soak { 1 } else { rounds };
        measure(scenario, rounds, size, &mut table)?;
    }
    table.print();
    let missed = table.missed();
    ensure!(!arguments.check || missed == 0, "{missed} figures are out of bounds");
    Ok(())
}

/// Runs one scenario on everyone, round by round.
fn measure(scenario: Scenario, rounds: usize, size: Size, table: &mut Table) -> Result<()> {
    let name = scenario.to_possible_value().map_or_else(String::new, |v| v.get_name().to_owned());
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 1..=rounds {
        eprintln!("{name}, round {round} of {rounds}");
        let measured = scenario.run(scenario.ours(), size);
        ours.push(measured.with_context(|| format!("{name} at this relay"))?);
        if let Some(rival) = scenario.rival() {
            let measured = scenario.run(rival, size);
            theirs.push(measured.with_context(|| format!("{name} at Node's"))?);
        }
    }
    for (index, figure) in ours[0].iter().enumerate() {
        let law = scenario.laws().iter().find(|(named, _)| *named == figure.name);
        table.add(Row {
            scenario: name.clone(),
            figure: figure.name,
            unit: figure.unit,
            ours: middle(&ours, index).unwrap_or(f64::NAN),
            theirs: middle(&theirs, index),
            law: law.map(|(_, law)| *law),
        });
    }
    Ok(())
}

/// The median of one figure over all rounds.
fn middle(rounds: &[Vec<Figure>], index: usize) -> Option<f64> {
    let values: Vec<f64> = rounds.iter().map(|round| round[index].value).collect();
    (!values.is_empty()).then(|| median(&values))
}

/// Thousands of connections need as many descriptors; the servers inherit what is set here.
fn allow_files() -> Result<()> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    Ok(setrlimit(Resource::Nofile, limit)?)
}
