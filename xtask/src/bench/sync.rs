//! `cargo xtask bench sync`: how far apart real apps play, under every condition that has a
//! bound, and what faults cost. [`super::row`] has the conditions, [`faults`] the stories.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser};

use super::faults::{self, Fault};
use super::figures::Figures;
use super::row::{Line, Row};
use super::{room, snapcast};
use crate::build::{self, Profile};
use crate::demo::report::Report;
use crate::demo::song;
use crate::setup::{self, Consent, Purpose};
use crate::stillness;

/// With `--noisy` bounds are so many times as wide: on machines that build and test other
/// things meanwhile, threads wake up late by so much more.
pub const NOISY: f64 = 3.0;

/// Options of `cargo xtask bench sync`.
#[derive(Args, Clone)]
pub struct Arguments {
    #[command(flatten)]
    consent: Consent,
    #[command(flatten)]
    profile: Profile,
    /// What to measure
    #[arg(long, value_name = "NAME", default_value = TABLE,
          value_parser = PossibleValuesParser::new(scenarios()))]
    scenario: String,
    /// How long each condition is played, seconds; bounds are meant for 600
    #[arg(long, default_value_t = 600)]
    seconds: u32,
    /// How many starts are measured
    #[arg(long, default_value_t = 100)]
    starts: u32,
    /// How long the long run is, minutes
    #[arg(long, default_value_t = 60)]
    minutes: u32,
    /// Leave Snapcast out
    #[arg(long)]
    no_snapcast: bool,
    /// Bounds three times as wide, for a machine that is busy with other things
    #[arg(long)]
    noisy: bool,
    /// Use what is built already, on a machine that is set up
    #[arg(long)]
    built: bool,
}

/// What can be measured, each with what it is.
fn scenarios() -> Vec<PossibleValue> {
    let groups = [(TABLE, "Every condition of the table"), (FAULTS, "Every fault, starts, seeks")];
    let rows = Row::ALL.map(|row| (row.name(), row.title()));
    let faults = faults::ALL.map(|fault| (fault.name, fault.title));
    let all = groups.into_iter().chain(rows).chain(faults);
    all.map(|(name, title)| PossibleValue::new(name).help(title)).collect()
}

/// Every condition.
const TABLE: &str = "table";
/// Every fault except the long run.
const FAULTS: &str = "faults";

/// How everything is measured.
pub struct Run {
    /// How long conditions are played. (seconds)
    pub seconds: u32,
    /// How many starts are measured.
    pub starts: u32,
    /// How long the long run is. (minutes)
    pub minutes: u32,
    /// How many times as wide the bounds are.
    pub factor: f64,
    /// Whether Snapcast plays too.
    pub snapcast: bool,
    /// Which build of the app.
    pub profile: Profile,
}

impl Run {
    /// A real song that is long enough to play for so many seconds.
    ///
    /// # Errors
    ///
    /// When it cannot be made.
    pub fn song(&self, seconds: u32) -> Result<PathBuf> {
        song::converted(&song::real()?, "mp3", seconds + 10)
    }
}

/// One thing to measure.
enum Part {
    Row(Row),
    Fault(&'static Fault),
}

/// Measures what was asked for, prints everything and writes it down.
///
/// # Errors
///
/// When something could not be measured or is out of bounds, after all else was measured.
pub fn run(arguments: &Arguments) -> Result<()> {
    if !arguments.built {
        setup::ensure_ready(Purpose::Test, arguments.consent)?;
        build::all(arguments.profile)?;
    }
    let wants_snapcast = !arguments.no_snapcast;
    ensure!(
        !wants_snapcast || snapcast::is_there(),
        "snapserver and snapclient are missing: cargo xtask setup --tests, or --no-snapcast"
    );
    let run = Run {
        seconds: arguments.seconds,
        starts: arguments.starts,
        minutes: arguments.minutes,
        factor: if arguments.noisy { NOISY } else { 1.0 },
        snapcast: wants_snapcast,
        profile: arguments.profile,
    };
    let (mut reports, mut lines, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    let holds = |report: &Report| report.missed().is_empty();
    for part in parts(&arguments.scenario) {
        let (title, outcome) = match part {
            Part::Row(row) => {
                println!("{} ({} s)", row.title(), run.seconds);
                let mut line = None;
                let measure = || {
                    let (report, measured) = row.measure(&run)?;
                    line = Some(measured);
                    Ok(report)
                };
                let measured = stillness::measured(measure, holds);
                lines.extend(line.filter(|_| measured.is_ok()));
                (row.title(), measured)
            }
            Part::Fault(fault) => {
                println!("{}", fault.title);
                (fault.title, stillness::measured(|| (fault.show)(&run), holds))
            }
        };
        match outcome {
            Ok(report) => {
                print!("\n{report}");
                let missed = report.missed().join(", ");
                if !missed.is_empty() {
                    failed.push(format!("{}: missed: {missed}", report.title()));
                }
                reports.push(report);
            }
            Err(error) => {
                println!("\n{title}: not measured: {error:#}\n");
                failed.push(format!("{title}: not measured: {error:#}"));
            }
        }
    }
    let dir = room::folder().join(&arguments.scenario);
    std::fs::create_dir_all(&dir)?;
    let path = dir.join("report.md");
    std::fs::write(&path, written(&lines, &reports, &failed))?;
    if lines.len() > 1 {
        print!("\n{}", table(&lines));
    }
    for fault in &failed {
        println!("{fault}");
    }
    println!("written to {}", path.display());
    ensure!(failed.is_empty(), "{} of the measurements are out of bounds", failed.len());
    Ok(())
}

fn parts(scenario: &str) -> Vec<Part> {
    let rows = Row::ALL.into_iter().filter(|row| scenario == TABLE || scenario == row.name());
    let faults = faults::ALL
        .iter()
        .filter(|fault| scenario == fault.name || scenario == FAULTS && !fault.is_long);
    rows.map(Part::Row).chain(faults.map(Part::Fault)).collect()
}

/// The report as a file.
fn written(lines: &[Line], reports: &[Report], failed: &[String]) -> String {
    let mut text = String::from("# Sync, measured\n\n");
    if !lines.is_empty() {
        text.push_str(&table(lines));
    }
    text.push('\n');
    for fault in failed {
        text.push_str(&format!("- {fault}\n"));
    }
    for report in reports {
        text.push('\n');
        text.push_str(&report.markdown());
    }
    text
}

/// The table of conditions, in microseconds.
fn table(lines: &[Line]) -> String {
    let mut text = String::from(
        "| device to device, us | p50 | p99 | max | start | gaps | underruns | steps | frames \
         | pitch, ppm | processor, % | Snapcast p50 | p99 | max | p99 to its |\n\
         |---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n",
    );
    let shown = |value: Option<f64>, digits: usize| {
        value.map_or("–".to_owned(), |value| format!("{value:.digits$}"))
    };
    let bounded = |value: Option<f64>, bound: f64| {
        let mark = if value.is_some_and(|value| value.abs() <= bound) { "" } else { " **missed**" };
        format!("{} of {bound:.0}{mark}", shown(value, 1))
    };
    for Line { row, ours, processor, snapcast } in lines {
        let bounds = row.bounds();
        let theirs = |value: fn(&Figures) -> Option<f64>| snapcast.as_ref().and_then(value);
        let ratio = ours.p99.zip(theirs(|figures| figures.p99)).map(|(ours, theirs)| ours / theirs);
        let cells = [
            row.title().to_owned(),
            bounded(ours.p50, bounds.p50),
            bounded(ours.p99, bounds.p99),
            bounded(ours.max, bounds.max),
            shown(ours.start, 1),
            ours.gaps.to_string(),
            ours.underruns.to_string(),
            ours.steps.to_string(),
            ours.frames.to_string(),
            shown(ours.pitch, 1),
            format!("{processor:.1}"),
            shown(theirs(|figures| figures.p50), 0),
            shown(theirs(|figures| figures.p99), 0),
            shown(theirs(|figures| figures.max), 0),
            shown(ratio, 2),
        ];
        text.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(p99: f64) -> Figures {
        Figures {
            length: 600.0,
            start: Some(3.0),
            p50: Some(8.0),
            p99: Some(p99),
            max: Some(40.0),
            refused: 0,
            gaps: 0,
            underruns: 0,
            steps: 0,
            frames: 0,
            pitch: Some(2.0),
        }
    }

    #[test]
    fn every_scenario_can_be_asked_for_by_a_name_of_its_own() {
        let scenarios = scenarios();
        let names: std::collections::BTreeSet<_> =
            scenarios.iter().map(|scenario| scenario.get_name()).collect();
        assert_eq!(names.len(), scenarios.len());
        assert!(names.iter().all(|name| !parts(name).is_empty()));
        assert_eq!(parts(TABLE).len(), Row::ALL.len());
        assert_eq!(parts("starts").len(), 1);
    }

    #[test]
    fn a_figure_out_of_bounds_stays_in_the_table_and_is_marked() {
        let line = |p99| Line {
            row: Row::Equal,
            ours: figures(p99),
            processor: 2.0,
            snapcast: Some(figures(250.0)),
        };
        let text = table(&[line(24.0), line(26.0)]);
        assert_eq!(text.matches("**missed**").count(), 1);
        assert!(text.contains("| 26.0 of 25 **missed** |"));
        assert!(text.contains("| 0.10 |"), "{text}");
    }
}
