//! A member that comes in the middle of a song is soon heard in time, although it holds
//! hardly anything of the song yet, and the others are not disturbed.

use anyhow::{Context, Result};
use protocol::time::Span;

use super::{
    held, members, millis_between, ready, report_gaps, report_together, report_whole, share,
};
use crate::demo::Arguments;
use crate::demo::report::Report;
use crate::demo::song::{self, Reference};
use crate::demo::stage::{KEY, Stage, listen};
use crate::measure::comparison::Comparison;

/// From asking to join until the newcomer is heard. (milliseconds)
const HEARD: f64 = 3_000.0;

/// Length of the song: as WAV it takes far longer to fetch than the newcomer may take.
const LENGTH: u32 = 600;

/// Shows it.
///
/// # Errors
///
/// When a step does not happen in time or a figure is out of bounds.
pub fn show(arguments: &Arguments) -> Result<()> {
    let song = song::converted(&song::real()?, "wav", LENGTH)?;
    let reference = Reference::decode(&song)?;
    let cards = [("a", 0.0), ("b", arguments.skew), ("c", -arguments.skew)];
    let mut stage = Stage::set("late-join", &cards, arguments.profile, arguments.show)?;

    stage.start_relay()?;
    let [mut a, mut b] = stage.swarm(["a", "b"])?;
    let mut c = stage.member("c", &[])?;
    let id = share(&mut a, &song)?;
    ready(&mut a, &mut [&mut b], &id)?;
    let pressed = a.plays(&id)?;
    listen(pressed + Span::from_secs(8));

    let asked = c.joins(&KEY, &stage.relay_url())?;
    let known = c.sees("all three", Span::from_secs(5), |view| members(view) == 3)?;
    let first = c.sees("the first piece", Span::from_secs(30), |view| held(view, &id, "c") > 0)?;
    listen(asked + Span::from_secs(3));
    let size = song.metadata()?.len();
    let held_then = held(&c.view()?, &id, "c");
    c.picture(&stage.dir().join("c.png"))?;
    listen(asked + Span::from_secs(12));
    let stopped = a.stops()?;
    listen(stopped + Span::from_secs(1));
    for member in [a, b, c] {
        member.quits()?;
    }

    let (heard_a, heard_b, heard_c) = (stage.heard("a")?, stage.heard("b")?, stage.heard("c")?);
    let onset = heard_c.onset(asked).context("the newcomer was not heard")?;
    let newcomer = Comparison::between(&heard_a, &heard_c, asked, Some(stopped))?;
    let others = Comparison::between(&heard_a, &heard_b, pressed, Some(stopped))?;

    let mut report = Report::new("A third member joins in the middle of a song");
    report.at_most("heard after", Some(millis_between(asked, onset)), HEARD, "ms");
    report.fact("knows the swarm after", format!("{:.0} ms", millis_between(asked, known)));
    report.fact("holds a piece after", format!("{:.0} ms", millis_between(asked, first)));
    let share_held = held_then as f64 / size as f64 * 100.0;
    report.at_most("held of the song 3 s after", Some(share_held), 99.0, "%");
    report.section("the newcomer beside a member who was there");
    report_together(&mut report, &newcomer);
    report_gaps(&mut report, "the newcomer", &newcomer.second_gaps);
    report.none_of("jumps of the newcomer", newcomer.steps());
    report.none_of("underruns of the newcomer", heard_c.underruns(onset, stopped));
    report.section("the two who were there");
    report_together(&mut report, &others);
    for (name, heard) in [("a", &heard_a), ("b", &heard_b)] {
        report_whole(&mut report, name, heard, &reference, (pressed, stopped))?;
    }
    report.conclude()
}
