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
    report.fact("3 minutes", format!("{short:.1} MiB"));
    report.fact("3 hours", format!("{long:.1} MiB"));
    report.at_most("difference", Some(long - short), APART, "MiB");
    report.conclude()
}

/// Memory after half a minute of play, the highest of ten looks. (MiB)
fn playing(arguments: &Arguments, name: &str, song: &Path) -> Result<f64> {
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
    let mut most = 0;
    for second in 20..30 {
        listen(pressed + Span::from_secs(second));
        most = most.max(a.resident_memory()?);
    }
    a.quits()?;
    Ok(most as f64 / f64::from(1 << 20))
}
