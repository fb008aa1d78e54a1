//! Plain WebTorrent takes part: a browser that knows only an info hash and the relay's
//! tracker fetches a song from the app, and feeds the app a song that only it has.

use anyhow::{Context, Result};
use protocol::SwarmKey;
use protocol::time::Span;

use super::{fetch, file, share};
use crate::demo::Arguments;
use crate::demo::report::Report;
use crate::demo::song;
use crate::demo::stage::{KEY, Stage};

/// Shows it.
///
/// # Errors
///
/// When one of the two transfers does not end in time or the bytes differ.
pub fn show(arguments: &Arguments) -> Result<()> {
    let ours = song::shipped();
    let theirs = song::converted(&song::real()?, "mp3", 65)?;
    let mut stage = Stage::set("interop", &[("a", 0.0)], arguments.profile, arguments.show)?;
    stage.start_relay()?;
    let [mut a] = stage.swarm(["a"])?;

    let id = share(&mut a, &ours)?;
    let view = a.view()?;
    let info_hash = file(&view, &id).context("the song was withdrawn")?.info_hash.to_string();
    let fetched = stage.script("fetch.mjs", &[&stage.tracker_url()?, &info_hash])?;
    let same = fetched["sha256"].as_str() == Some(id.as_str());

    let swarm = SwarmKey::parse(KEY.as_str())?.hash();
    let feeding = stage.start_script(
        "feed.mjs",
        &[&stage.relay_url(), &stage.tracker_url()?, swarm.as_str(), &theirs.to_string_lossy()],
    )?;
    let seen = a.sees("the browser's song", Span::from_secs(30), |view| view.files.len() == 2)?;
    let view = a.view()?;
    let fed = view.files.iter().find(|file| !file.mine).context("the song was withdrawn")?;
    let fed = fed.file_id.clone();
    // The app calls a song whole when all its bytes match the announced hash.
    let whole = fetch(&mut a, &fed)?;
    drop(feeding);
    a.quits()?;

    let mut report = Report::new("Unmodified WebTorrent in a browser");
    report.claim("fetched the app's song, byte for byte", same);
    report.fact("in", format!("{:.2} s", fetched["seconds"].as_f64().unwrap_or(f64::NAN)));
    report.fact("fed the app a song in", format!("{:.2} s", (whole - seen).as_secs_f64()));
    report.conclude()
}
