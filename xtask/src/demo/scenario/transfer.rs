//! How fast a song gets from app to app, beside two browsers with unmodified WebTorrent on
//! the same machine and the same relay.

use anyhow::{Context, Result};
use protocol::time::Span;

use super::{TRANSFER, file, holds_all, share};
use crate::demo::Arguments;
use crate::demo::report::Report;
use crate::demo::song;
use crate::demo::stage::Stage;

/// Length of the song that is moved: 64 MB as WAV.
const LENGTH: u32 = 363;

/// The piece length that the app chooses for a file of this size, so that both sides move
/// the same pieces. (bytes)
const PIECE: &str = "262144";

/// Shows it. The comparison is meant for `--release`.
///
/// # Errors
///
/// When a transfer does not end in time, or the apps are slower than the browsers in a
/// release build.
pub fn show(arguments: &Arguments) -> Result<()> {
    let song = song::converted(&song::real()?, "wav", LENGTH)?;
    let size = song.metadata()?.len() as f64 / 1e6;
    let cards = [("a", 0.0), ("b", 0.0)];
    let mut stage = Stage::set("transfer", &cards, arguments.profile, arguments.show)?;
    stage.start_relay()?;

    let [mut a, mut b] = stage.swarm(["a", "b"])?;
    let id = share(&mut a, &song)?;
    let announced = b.sees("the song", Span::from_secs(10), |view| file(view, &id).is_some())?;
    let fetched = b.sees("the whole song", TRANSFER, |view| holds_all(view, &id))?;
    a.quits()?;
    b.quits()?;
    let apps = size / (fetched - announced).as_secs_f64();

    let song_name = song.to_string_lossy();
    let said = stage.script("transfer.mjs", &[&stage.tracker_url()?, &song_name, PIECE])?;
    let seconds = said["seconds"].as_f64().context("transfer.mjs says how many seconds")?;
    let browsers = size / seconds;

    let mut report = Report::new(format!("Transfer of {size:.0} MB"));
    report.fact("two browsers", format!("{browsers:.2} MB/s"));
    if arguments.profile.release {
        report.at_least("two apps", apps, browsers, "MB/s");
    } else {
        report.fact("two apps, not a release build", format!("{apps:.2} MB/s"));
    }
    report.conclude()
}
