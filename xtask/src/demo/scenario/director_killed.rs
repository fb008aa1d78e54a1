//! The director's process dies while the music plays: the others play on, the lowest of
//! them leads, and what it says counts.

use anyhow::{Context as _, Result};
use protocol::time::Span;

use super::{
    PRESS_TO_SILENCE, PRESS_TO_SOUND, directs, fetch, millis_between, ready, report_start,
    report_together, report_whole, share,
};
use crate::clock;
use crate::demo::Arguments;
use crate::demo::report::Report;
use crate::demo::song::{self, Reference};
use crate::demo::stage::{Stage, listen};
use crate::measure::capture::Capture;
use crate::measure::comparison::Comparison;

/// Shows it.
///
/// # Errors
///
/// When a step does not happen in time or a figure is out of bounds.
pub fn show(arguments: &Arguments) -> Result<()> {
    let song = song::converted(&song::real()?, "mp3", 65)?;
    let reference = Reference::decode(&song)?;
    let cards = [("a", 0.0), ("b", arguments.skew), ("c", -arguments.skew)];
    let mut stage = Stage::set("director-killed", &cards, arguments.profile, arguments.show)?;

    stage.start_relay()?;
    let [mut a, mut b, mut c] = stage.swarm(["a", "b", "c"])?;
    let id = share(&mut a, &song)?;
    fetch(&mut b, &id)?;
    fetch(&mut c, &id)?;
    ready(&mut a, &mut [&mut b, &mut c], &id)?;
    let pressed = a.plays(&id)?;
    listen(pressed + Span::from_secs(6));

    let died = clock::now();
    a.crashes();
    let led = b.sees("itself leading", Span::from_secs(15), directs)?;
    listen(died.max(led) + Span::from_secs(6));
    let stopped = b.stops()?;
    listen(stopped + Span::from_secs(2));
    let again = b.plays(&id)?;
    listen(again + Span::from_secs(5));
    let ended = b.stops()?;
    listen(ended + Span::from_secs(1));
    b.quits()?;
    c.quits()?;

    let (heard_b, heard_c) = (stage.heard("b")?, stage.heard("c")?);
    let first = Comparison::between(&heard_b, &heard_c, pressed, Some(stopped))?;
    let quiet = stopped + Span::from_secs(1);
    let silent = |heard: &Capture| heard.is_silent(quiet, again - quiet);
    let second = Comparison::between(&heard_b, &heard_c, quiet, Some(ended))?;
    let restart = second.from - reference.lead();
    let last = heard_b.last_sound().max(heard_c.last_sound()).context("nothing was heard")?;

    let mut report = Report::new("The director's process is killed");
    report.at_most("next one leads after", Some(millis_between(died, led).max(0.0)), 5_000.0, "ms");
    report_start(&mut report, &first);
    report_together(&mut report, &first);
    for (name, heard) in [("b", &heard_b), ("c", &heard_c)] {
        report_whole(&mut report, name, heard, &reference, (pressed, stopped))?;
    }
    report.section("and under the next director");
    report.claim("its stop silenced both", silent(&heard_b) && silent(&heard_c));
    report.at_most("press to sound", Some(millis_between(again, restart)), PRESS_TO_SOUND, "ms");
    report_start(&mut report, &second);
    report_together(&mut report, &second);
    let silence = millis_between(ended, last).max(0.0);
    report.at_most("press to silence", Some(silence), PRESS_TO_SILENCE, "ms");
    report.conclude()
}
