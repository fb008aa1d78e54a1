//! A member that matters is killed while the music plays: the two others have no gap and
//! take no audible step.

use anyhow::{Context as _, Result};
use protocol::time::Span;

use super::{Report, Run, report_undisturbed, room};
use crate::clock;
use crate::demo::stage::listen;
use crate::measure::comparison::Comparison;

/// The member that everyone takes the time from.
pub fn root(run: &Run) -> Result<Report> {
    kill(run, "root-killed", "The one that everyone takes the time from is killed", |room| {
        Ok(room.root())
    })
}

/// The director.
pub fn director(run: &Run) -> Result<Report> {
    kill(run, "director-killed", "The director is killed", |room| {
        let swarm = room.members[0].view()?.swarm.context("everyone is in the swarm")?;
        let leads = |id: &str| swarm.director.as_ref().is_some_and(|own| own.as_str() == id);
        room.members.iter().position(|member| leads(member.name())).context("nobody directs")
    })
}

fn kill(
    run: &Run,
    name: &str,
    title: &str,
    choose: fn(&super::Room) -> Result<usize>,
) -> Result<Report> {
    let mut room = room(run, name, 3, 60)?;
    let song = room.song.clone();
    let pressed = room.director().plays(&song)?;
    listen(pressed + Span::from_secs(12));
    let victim = choose(&room)?;
    let died = clock::now();
    room.members[victim].crashes();
    listen(died + Span::from_secs(20));
    let heir = if victim == 0 { 1 } else { 0 };
    // Stops only if it leads by now; else what is heard ends with the processes.
    room.members[heir].stops()?;
    let ended = clock::now();
    let names: Vec<String> = room.members.iter().map(|one| one.name().to_owned()).collect();
    let heard = room.close()?;

    let left: Vec<usize> = (0..heard.len()).filter(|number| *number != victim).collect();
    let (first, second) = super::pair(&heard, left[0], left[1])?;
    let whole = Comparison::between(first, second, pressed, Some(ended))?;
    let mut report = Report::new(title);
    report.fact("killed", &names[victim]);
    let before = super::between(&whole, pressed + Span::from_secs(5), died);
    report.fact("error max before", super::shown(before.error(1.0).map(|error| error * 1e6)));
    report.at_least("heard after it", (ended - died).as_secs_f64(), 15.0, "s");
    report_undisturbed(&mut report, &super::between(&whole, died, ended), run.factor);
    Ok(report)
}
