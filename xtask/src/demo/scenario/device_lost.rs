//! A member's sound card is pulled out while the music plays: that member says so, and when
//! the card is back it is heard again, in time. Nobody else is disturbed.

use anyhow::{Context, Result};
use protocol::time::Span;

use super::{fetch, millis_between, ready, report_start, report_together, report_whole, share};
use crate::clock;
use crate::demo::Arguments;
use crate::demo::report::Report;
use crate::demo::song::{self, Reference};
use crate::demo::stage::{Stage, listen};
use crate::measure::comparison::Comparison;

/// From putting the card in until it is heard: a device that is missing is looked for every
/// five seconds at the latest. (milliseconds)
const HEARD_AGAIN: f64 = 6_000.0;

/// Shows it.
///
/// # Errors
///
/// When a step does not happen in time or a figure is out of bounds.
pub fn show(arguments: &Arguments) -> Result<()> {
    let song = song::converted(&song::real()?, "mp3", 65)?;
    let reference = Reference::decode(&song)?;
    let cards = [("a", 0.0), ("b", arguments.skew)];
    let mut stage = Stage::set("device-lost", &cards, arguments.profile, arguments.show)?;

    stage.start_relay()?;
    let [mut a, mut b] = stage.swarm(["a", "b"])?;
    let id = share(&mut a, &song)?;
    fetch(&mut b, &id)?;
    ready(&mut a, &mut [&mut b], &id)?;
    let pressed = a.plays(&id)?;
    listen(pressed + Span::from_secs(5));

    let pulled = clock::now();
    stage.rack().unplug("dac_b")?;
    let told =
        b.sees("its card missing", Span::from_secs(5), |view| view.output.fault.is_some())?;
    listen(pulled + Span::from_secs(3));
    b.picture(&stage.dir().join("b-without.png"))?;
    let back = clock::now();
    stage.rack().plug_in("dac_b")?;
    b.sees("its card again", Span::from_secs(10), |view| view.output.fault.is_none())?;
    listen(back + Span::from_secs(12));
    let stopped = a.stops()?;
    listen(stopped + Span::from_secs(1));
    a.quits()?;
    b.quits()?;

    let (heard_a, heard_b) = (stage.heard("a")?, stage.heard("b")?);
    let again = heard_b.onset(back).context("b was not heard again")?;
    let before = Comparison::between(&heard_a, &heard_b, pressed, Some(pulled))?;
    let after = Comparison::between(&heard_a, &heard_b, back, Some(stopped))?;

    let mut report = Report::new("A sound card is pulled out and put in again");
    report_start(&mut report, &before);
    report_together(&mut report, &before);
    report.fact("told after", format!("{:.0} ms", millis_between(pulled, told)));
    report.at_most("heard again after", Some(millis_between(back, again)), HEARD_AGAIN, "ms");
    report.section("with the card back");
    report_together(&mut report, &after);
    report_whole(&mut report, "a", &heard_a, &reference, (pressed, stopped))?;
    report.conclude()
}
