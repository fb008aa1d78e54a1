//! The relay dies while the music plays and comes back: no gap, and presence and control
//! return by themselves.

use anyhow::{Context, Result};
use protocol::time::Span;

use super::{
    PRESS_TO_SILENCE, PRESS_TO_SOUND, fetch, is_online, members, millis_between, ready,
    report_start, report_together, report_whole, share,
};
use crate::clock;
use crate::demo::Arguments;
use crate::demo::report::Report;
use crate::demo::song::{self, Reference};
use crate::demo::stage::{Stage, listen};
use crate::measure::capture::Capture;
use crate::measure::comparison::Comparison;

/// How long the relay stays away.
const AWAY: Span = Span::from_secs(5);

/// Shows it.
///
/// # Errors
///
/// When a step does not happen in time or a figure is out of bounds.
pub fn show(arguments: &Arguments) -> Result<()> {
    let song = song::converted(&song::real()?, "mp3", 65)?;
    let reference = Reference::decode(&song)?;
    let cards = [("a", 0.0), ("b", arguments.skew)];
    let mut stage = Stage::set("relay-restart", &cards, arguments.profile, arguments.show)?;

    stage.start_relay()?;
    let [mut a, mut b] = stage.swarm(["a", "b"])?;
    let id = share(&mut a, &song)?;
    fetch(&mut b, &id)?;
    ready(&mut a, &mut [&mut b], &id)?;
    let pressed = a.plays(&id)?;
    listen(pressed + Span::from_secs(5));

    stage.kill_relay();
    a.sees("the relay gone", Span::from_secs(5), |view| !is_online(view))?;
    b.sees("the relay gone", Span::from_secs(5), |view| !is_online(view))?;
    listen(clock::now() + AWAY);
    stage.start_relay()?;
    let back = clock::now();
    let whole = |view: &_| is_online(view) && members(view) == 2;
    let seen_a = a.sees("both members again", Span::from_secs(30), whole)?;
    let seen_b = b.sees("both members again", Span::from_secs(30), whole)?;
    a.picture(&stage.dir().join("a.png"))?;
    listen(clock::now() + Span::from_secs(5));
    let stopped = a.stops()?;
    listen(stopped + Span::from_secs(2));
    let again = a.plays(&id)?;
    listen(again + Span::from_secs(4));
    let ended = a.stops()?;
    listen(ended + Span::from_secs(1));
    a.quits()?;
    b.quits()?;

    let (heard_a, heard_b) = (stage.heard("a")?, stage.heard("b")?);
    let first = Comparison::between(&heard_a, &heard_b, pressed, Some(stopped))?;
    let quiet = stopped + Span::from_secs(1);
    let second = Comparison::between(&heard_a, &heard_b, quiet, Some(ended))?;
    let silent = |heard: &Capture| heard.is_silent(quiet, again - quiet);
    let last = heard_a.last_sound().max(heard_b.last_sound()).context("nothing was heard")?;

    let mut report = Report::new("The relay is killed and started again");
    let returned = millis_between(back, seen_a.max(seen_b)).max(0.0);
    report.at_most("presence is back after", Some(returned), 10_000.0, "ms");
    report_start(&mut report, &first);
    report_together(&mut report, &first);
    for (name, heard) in [("a", &heard_a), ("b", &heard_b)] {
        report_whole(&mut report, name, heard, &reference, (pressed, stopped))?;
    }
    report.section("and with the new relay");
    report.claim("stop silenced both", silent(&heard_a) && silent(&heard_b));
    let press = millis_between(again, second.from - reference.lead());
    report.at_most("press to sound", Some(press), PRESS_TO_SOUND, "ms");
    report_start(&mut report, &second);
    report_together(&mut report, &second);
    let silence = millis_between(ended, last).max(0.0);
    report.at_most("press to silence", Some(silence), PRESS_TO_SILENCE, "ms");
    report.conclude()
}
