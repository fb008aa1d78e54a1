//! Two programs that never rest run beside the players, one for each core of a small
//! machine.

use std::process::Stdio;

use anyhow::Result;
use protocol::time::Span;

use super::super::figures::Figures;
use super::{Report, Run, room};
use crate::demo::process::Process;
use crate::demo::song::Reference;

/// How many.
const LOOPS: usize = 2;

pub fn show(run: &Run) -> Result<Report> {
    let seconds = run.seconds.min(120);
    let reference = Reference::decode(&run.song(seconds)?)?;
    let mut room = room(run, "stress", 2, seconds)?;
    let mut loops = Vec::new();
    for _ in 0..LOOPS {
        let mut command = Process::command("sh");
        command.args(["-c", "while :; do :; done"]).stdout(Stdio::null());
        loops.push(Process::start(&mut command, &room.stage.dir().join("loops.log"))?);
    }
    let within = room.plays(Span::from_secs(i64::from(seconds)))?;
    drop(loops);
    let heard = room.close()?;
    let (first, second) = super::pair(&heard, 0, 1)?;
    let figures = Figures::of([first, second], Some(&reference), within)?;
    let mut report = Report::new(format!("Two busy loops beside the players, {seconds} s"));
    figures.show(&mut report);
    report.none_of("holes in the music", figures.gaps + figures.underruns);
    Ok(report)
}
