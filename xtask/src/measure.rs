//! Measuring what players really put out, from the captures of virtual cards.
//!
//! [`capture`] reads what a card heard and when, [`timeline`] places it on one time line,
//! [`lag`] compares two sounds on it, [`gap`] finds holes, [`comparison`] sums up.

pub mod capture;
pub mod comparison;
pub mod gap;
pub mod lag;
pub mod timeline;

#[cfg(test)]
mod tests;

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;
use protocol::LocalTime;

use capture::Capture;
use comparison::Comparison;
use lag::Verdict;

use crate::demo::song::Reference;

/// Options of `cargo xtask measure`.
#[derive(Args)]
pub struct Arguments {
    /// The capture of one player
    first: PathBuf,
    /// The capture of the other; its lag behind the first is measured
    #[arg(required_unless_present = "song")]
    second: Option<PathBuf>,
    /// Compare with this song as another decoder gives it, on a perfect clock
    #[arg(long, conflicts_with = "second")]
    song: Option<PathBuf>,
    /// Print every window
    #[arg(long)]
    windows: bool,
}

/// Compares two captures and prints what was found.
///
/// # Errors
///
/// When a capture cannot be read or the two cannot be compared.
pub fn run(arguments: &Arguments) -> Result<()> {
    let first = Capture::read(&arguments.first)?;
    let start = LocalTime::from_nanos(0);
    let second = match (&arguments.second, &arguments.song) {
        (Some(second), _) => Capture::read(second)?,
        (None, Some(song)) => {
            let reference = Reference::decode(song)?;
            let onset = first.onset(start).context("nothing was heard")?;
            reference.played(onset - reference.lead())
        }
        (None, None) => bail!("nothing to compare with"),
    };
    let comparison = Comparison::between(&first, &second, start, None)?;
    if arguments.windows {
        for window in &comparison.windows {
            let verdict = match window.verdict {
                Verdict::Lag(lag) => format!("{:+.2}", lag * 1e6),
                Verdict::Refused => "refused".to_owned(),
                Verdict::Silent => "silent".to_owned(),
            };
            println!("{:8.2} s  {verdict:>10}", window.at);
        }
    }
    let micros =
        |lag: Option<f64>| lag.map_or("-".to_owned(), |lag| format!("{:.2} us", lag * 1e6));
    println!("heard together   {:.2} s", comparison.length);
    println!("start offset     {}", micros(comparison.start_offset()));
    for (name, share) in [("p50", 0.5), ("p99", 0.99), ("max", 1.0)] {
        println!("error {name}        {}", micros(comparison.error(share)));
    }
    println!("drift            {:.2} ppm", comparison.drift_ppm().unwrap_or(f64::NAN));
    println!("steps            {}", comparison.steps());
    println!(
        "windows          {} measured, {} refused",
        comparison.measured(),
        comparison.refused()
    );
    for (name, gaps) in [("first", &comparison.first_gaps), ("second", &comparison.second_gaps)] {
        println!("gaps in {name:<8} {}", gaps.len());
        for gap in gaps {
            println!("    at {:.3} s, {:.1} ms", gap.at, gap.length * 1e3);
        }
    }
    let end = LocalTime::from_nanos(i64::MAX);
    println!("underruns        {}, {}", first.underruns(start, end), second.underruns(start, end));
    Ok(())
}
