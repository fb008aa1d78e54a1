//! `cargo xtask sim`: figures of simulated runs, as tables.
//!
//! Parses, spreads the runs over the processors and prints; what is simulated is the library's
//! matter. The same seeds give the same tables on every machine, however many processors.

#![allow(clippy::print_stdout, reason = "a command-line tool speaks on standard output")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{fs, thread};

use anyhow::{Context, Result, bail};
use clap::Parser;
use protocol::trace::Trace;
use simulation::duet::{Company, Duet, Setting};
use simulation::report::{Row, Runs, row, story, tables};
use simulation::{Profile, replay};

/// Two devices in virtual time, under networks, sound systems and troubles of every kind.
#[derive(Parser)]
#[command(name = "cargo xtask sim", bin_name = "cargo xtask sim")]
struct Arguments {
    /// The first seed
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many seeds
    #[arg(long, default_value_t = 3)]
    seeds: u64,
    /// Conditions by name; all of them if none is given
    #[arg(long)]
    profile: Vec<String>,
    /// Length of each run
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
    /// Seconds from joining to pressing play
    #[arg(long, default_value_t = 2.0)]
    waited: f64,
    /// Rate of the sound cards; a lower one takes less time
    #[arg(long, default_value_t = 48_000, value_parser = clap::value_parser!(u32).range(8_000..=192_000))]
    rate: u32,
    /// Leave other players' rules out
    #[arg(long)]
    alone: bool,
    /// Tell one run as a time line instead
    #[arg(long)]
    timeline: bool,
    /// Write the stamps of one run's second device to this file
    #[arg(long)]
    trace: Option<PathBuf>,
    /// Play a saved trace through the filters instead
    #[arg(long, conflicts_with_all = ["timeline", "trace"])]
    replay: Option<PathBuf>,
    /// Fail unless every bound of the tests is met
    #[arg(long)]
    check: bool,
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
    if let Some(path) = &arguments.replay {
        let text = fs::read_to_string(path).with_context(|| format!("{}", path.display()))?;
        let trace = Trace::parse(&text).with_context(|| format!("{}", path.display()))?;
        println!("Made by version {}.", trace.header.app);
        print!("{}", replay(&trace).timeline());
        return Ok(());
    }
    let profiles = profiles(&arguments.profile)?;
    if arguments.timeline || arguments.trace.is_some() {
        return tell(arguments, profiles.first().context("no profile")?);
    }
    let rows: Vec<Row> = profiles.iter().map(|profile| measure(arguments, profile)).collect();
    println!(
        "{} seeds from {} on, {} minutes each; how far the two devices are apart, from half \
         a minute after joining on\n",
        arguments.seeds, arguments.seed, arguments.minutes
    );
    print!("{}", tables(&rows));
    if arguments.check {
        check(&rows)?;
    }
    Ok(())
}

fn profiles(names: &[String]) -> Result<Vec<Profile>> {
    if names.is_empty() {
        return Ok(Profile::ALL.to_vec());
    }
    let known = || Profile::ALL.map(|profile| profile.name).join(", ");
    let named = |name: &String| {
        Profile::named(name).with_context(|| format!("no profile {name}; there are {}", known()))
    };
    names.iter().map(named).collect()
}

fn setting(arguments: &Arguments, profile: &Profile, seed: u64) -> Setting {
    let seconds = arguments.minutes * 60.0;
    let waited = arguments.waited.max(1.0);
    Setting { profile: *profile, seed, waited, seconds, rate: arguments.rate }
}

/// Tells one run, and writes it down if that is asked.
fn tell(arguments: &Arguments, profile: &Profile) -> Result<()> {
    let duet = Duet::run(&setting(arguments, profile, arguments.seed), Company::Alone, true);
    let trace = duet.trace(1, arguments.rate);
    if arguments.timeline {
        println!("{}, seed {}, from the start of the song:", profile.name, arguments.seed);
        print!("{}", story(&duet));
        println!("The second device, from its first stamp on:");
        print!("{}", replay(&trace).timeline());
    }
    if let Some(path) = &arguments.trace {
        fs::write(path, trace.to_text()).with_context(|| format!("{}", path.display()))?;
        println!("{} records in {}", trace.records.len(), path.display());
    }
    Ok(())
}

/// All seeds of one profile, spread over the processors.
fn measure(arguments: &Arguments, profile: &Profile) -> Row {
    let company = if arguments.alone { Company::Alone } else { Company::Rivals };
    let count = usize::try_from(arguments.seeds).unwrap_or(usize::MAX);
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= count {
                return done;
            }
            let seed = arguments.seed.wrapping_add(index as u64);
            let duet = Duet::run(&setting(arguments, profile, seed), company, false);
            done.push((index, Runs::from(&duet)));
        }
    };
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let mut runs: Vec<(usize, Runs)> = thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("no run panics")).collect()
    });
    runs.sort_by_key(|(index, _)| *index);
    row(profile.name, runs.into_iter().map(|(_, run)| run))
}

fn check(rows: &[Row]) -> Result<()> {
    let faults: Vec<String> = rows.iter().flat_map(simulation::bounds::faults).collect();
    if !faults.is_empty() {
        bail!("{} bounds are not met:\n{}", faults.len(), faults.join("\n"));
    }
    println!("\nEvery bound is met.");
    Ok(())
}
