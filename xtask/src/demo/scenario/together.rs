//! Two members on cards whose clocks differ; one shares a song, both play it in time.

use std::path::Path;

use anyhow::{Context, Result};
use protocol::time::Span;

use super::{
    PRESS_TO_SILENCE, PRESS_TO_SOUND, fetch, file, is_online, members, millis_between, ready,
    report_start, report_together, report_whole, share,
};
use crate::clock;
use crate::demo::Arguments;
use crate::demo::report::Report;
use crate::demo::song::Reference;
use crate::demo::stage::{KEY, Stage, listen};
use crate::measure::comparison::Comparison;

/// From asking to join until both members see each other. (milliseconds)
const JOIN: f64 = 1_000.0;

/// Plays `song`, which is of this format, and reports.
///
/// # Errors
///
/// When a step does not happen in time or a figure is out of bounds.
pub fn show(arguments: &Arguments, format: &str, song: &Path) -> Result<()> {
    let reference = Reference::decode(song)?;
    let cards = [("a", 0.0), ("b", arguments.skew)];
    let name = format!("together-{format}");
    let mut stage = Stage::set(&name, &cards, arguments.profile, arguments.show)?;
    println!("Two apps, one relay, {} for {} s", song.display(), arguments.seconds);

    stage.start_relay()?;
    let mut a = stage.member("a", &[])?;
    let mut b = stage.member("b", &[])?;
    a.joins(&KEY, &stage.relay_url())?;
    a.sees("the relay", Span::from_secs(10), is_online)?;
    let asked = b.joins(&KEY, &stage.relay_url())?;
    let both = |view: &_| is_online(view) && members(view) == 2;
    let joined = b.sees("both members", Span::from_secs(10), both)?;
    let joined = a.sees("both members", Span::from_secs(10), both)?.max(joined);

    let id = share(&mut a, song)?;
    let announced = b.sees("the song", Span::from_secs(10), |view| file(view, &id).is_some())?;
    let fetched = fetch(&mut b, &id)?;
    ready(&mut a, &mut [&mut b], &id)?;

    let length = reference.length() - Span::from_secs(1);
    let pressed = a.plays(&id)?;
    let end = pressed + length.min(Span::from_secs(i64::from(arguments.seconds)));
    listen(pressed + Span::from_secs(4));
    a.picture(&stage.dir().join("a.png"))?;
    b.picture(&stage.dir().join("b.png"))?;
    listen(end);
    let stopped = a.stops()?;
    listen(clock::now() + Span::from_secs(1));
    a.quits()?;
    b.quits()?;

    let (heard_a, heard_b) = (stage.heard("a")?, stage.heard("b")?);
    let onset_a = heard_a.onset(pressed).context("a was not heard")?;
    let onset_b = heard_b.onset(pressed).context("b was not heard")?;
    let first_note = onset_a.max(onset_b) - reference.lead();
    let last_note = heard_a.last_sound().max(heard_b.last_sound()).context("nothing was heard")?;
    let comparison = Comparison::between(&heard_a, &heard_b, pressed, Some(stopped))?;
    let size = song.metadata()?.len() as f64;
    let took = (fetched - announced).as_secs_f64();

    let title = format!("Together, {format}, cards {} ppm apart", arguments.skew);
    let mut report = Report::new(title);
    report.at_most("join", Some(millis_between(asked, joined)), JOIN, "ms");
    report.fact("transfer", format!("{:.1} MB in {took:.2} s", size / 1e6));
    report.fact("transfer rate", format!("{:.2} MB/s", size / 1e6 / took.max(1e-3)));
    let press = millis_between(pressed, first_note);
    report.at_most("press to sound", Some(press), PRESS_TO_SOUND, "ms");
    let stop = millis_between(stopped, last_note);
    report.at_most("press to silence", Some(stop.max(0.0)), PRESS_TO_SILENCE, "ms");
    let planned = (end - pressed).as_secs_f64();
    report.at_least("heard together", comparison.length, planned - 2.0, "s");
    report_start(&mut report, &comparison);
    report_together(&mut report, &comparison);
    for (name, heard) in [("a", &heard_a), ("b", &heard_b)] {
        report_whole(&mut report, name, heard, &reference, (pressed, stopped))?;
    }
    report.fact("pictures and recordings", stage.dir().display());
    report.conclude()
}
