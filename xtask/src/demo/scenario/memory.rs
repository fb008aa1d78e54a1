//! An app that plays a song of three hours holds no more memory than with one of three
//! minutes.

use std::path::Path;

use anyhow::Result;
use protocol::host::PlaybackState;
use protocol::time::Span;

use super::{ready, share};
use crate::demo::Arguments;
use crate::demo::report::Report;
use crate::demo::song;
use crate::demo::stage::{Stage, listen};

/// How much further apart the two may be. (MiB)
const APART: f64 = 20.0;

/// Shows it.
///
/// # Errors
///
/// When a step does not happen in time or the difference is out of bounds.
pub fn show(arguments: &Arguments) -> Result<()> {
    let minutes = song::converted(&song::real()?, "mp3", 3 * 60)?;
    let hours = song::repeated(&minutes, 60)?;
    let short = playing(arguments, "short", &minutes)?;
    let long = playing(arguments, "long", &hours)?;
    let mut report = Report::new("Memory of an app that plays");
    for (name, memory) in [("3 minutes", &short), ("3 hours", &long)] {
        report.fact(name, format!("{:.1} MiB", memory.own));
        report.fact("  with its web view", format!("{:.1} MiB", memory.whole));
    }
    report.at_most("difference", Some(long.own - short.own), APART, "MiB");
    report.fact("  with its web view", format!("{:.1} MiB", long.whole - short.whole));
    report.conclude()
}

/// Memory of a playing app. (MiB)
#[derive(Default)]
struct Memory {
    /// Of its own process.
    own: f64,
    /// With the processes of its web view.
    whole: f64,
}

/// Plays a song for half a minute; the highest of ten looks.
fn playing(arguments: &Arguments, name: &str, song: &Path) -> Result<Memory> {
    let name = format!("memory-{name}");
    let mut stage = Stage::set(&name, &[("a", 0.0)], arguments.profile, arguments.show)?;
    stage.start_relay()?;
    let [mut a] = stage.swarm(["a"])?;
    let id = share(&mut a, song)?;
    ready(&mut a, &mut [], &id)?;
    let pressed = a.plays(&id)?;
    a.sees("its song playing", Span::from_secs(10), |view| {
        view.playback.state == PlaybackState::Playing
    })?;
    let mebibytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let mut most = Memory::default();
    for second in 20..30 {
        listen(pressed + Span::from_secs(second));
        most.own = most.own.max(mebibytes(a.resident_memory()?));
        most.whole = most.whole.max(mebibytes(a.whole_memory()?));
    }
    a.quits()?;
    Ok(most)
}
