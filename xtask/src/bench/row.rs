//! The rows of the table: two members under one condition, beside Snapcast under the same.

use anyhow::{Context, Result};
use protocol::time::Span;

use super::figures::{Bounds, Figures, PROCESSOR};
use super::proxy::Weather;
use super::proxy::path::Leg;
use super::room::{Plan, Room, Seat};
use super::snapcast;
use super::sync::Run;
use crate::card::Card;
use crate::demo::member::Member;
use crate::demo::report::Report;
use crate::demo::song::Reference;
use crate::demo::stage::listen;

/// Clocks of members, in seconds and parts per million, as far apart as crystals come.
pub const CLOCKS: [&str; 3] = ["37,35", "-11,-45", "5,20"];

/// Snapcast's 99th percentile must be so many times ours, where the table asks for it.
const LEAD: f64 = 5.0;

/// What comes before is the start. (seconds)
const SETTLED: i64 = 5;

/// A condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Row {
    /// Cards and clocks that are alike
    Equal,
    /// One card 200 ppm fast, wavering by another 50
    Skewed,
    /// One member behind 20 ± 10 ms to the relay, both on one local network
    JitterLan,
    /// One member 20 ms further from the relay one way than back, both on one local network
    AsymmetricLan,
    /// One member behind 20 ± 10 ms, and no local network
    Jitter,
}

/// One line of the table.
pub struct Line {
    /// The condition.
    pub row: Row,
    /// Ours.
    pub ours: Figures,
    /// What our busier process used of one core. (%)
    pub processor: f64,
    /// Snapcast's, if it was there.
    pub snapcast: Option<Figures>,
}

impl Row {
    /// All of them, in the table's order.
    pub const ALL: [Self; 5] =
        [Self::Equal, Self::Skewed, Self::JitterLan, Self::AsymmetricLan, Self::Jitter];

    /// As the table calls it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Equal => "virtual cards, equal clocks",
            Self::Skewed => "cards 200 ppm apart and 50 ppm wobble",
            Self::JitterLan => "one member behind 20 ± 10 ms to the relay, both on one LAN",
            Self::AsymmetricLan => "one member 20 ms asymmetric to the relay, both on one LAN",
            Self::Jitter => "one member behind 20 ± 10 ms, no LAN path",
        }
    }

    /// Names its folder.
    pub fn name(self) -> &'static str {
        match self {
            Self::Equal => "equal",
            Self::Skewed => "skewed",
            Self::JitterLan => "jitter-lan",
            Self::AsymmetricLan => "asymmetric-lan",
            Self::Jitter => "jitter",
        }
    }

    /// The bounds of the table.
    pub fn bounds(self) -> Bounds {
        match self {
            Self::Equal => Bounds { p50: 10.0, p99: 25.0, max: 60.0 },
            Self::Skewed => Bounds { p50: 15.0, p99: 40.0, max: 100.0 },
            Self::JitterLan | Self::AsymmetricLan => Bounds { p50: 15.0, p99: 50.0, max: 120.0 },
            Self::Jitter => Bounds { p50: 200.0, p99: 500.0, max: 1_000.0 },
        }
    }

    /// Whether it must lead Snapcast by [`LEAD`]: where cards differ, and where jitter does
    /// not reach those who can measure each other.
    fn must_lead(self) -> bool {
        matches!(self, Self::Skewed | Self::JitterLan)
    }

    fn weather(self) -> Option<Weather> {
        let leg = |delay, jitter| Leg {
            delay: Span::from_millis(delay),
            jitter: Span::from_millis(jitter),
            overtaking: true,
            ..Leg::default()
        };
        match self {
            Self::Equal | Self::Skewed => None,
            Self::JitterLan | Self::Jitter => Some(Weather { up: leg(20, 10), down: leg(20, 10) }),
            Self::AsymmetricLan => Some(Weather { up: Leg::default(), down: leg(20, 0) }),
        }
    }

    fn cards(self) -> [Card; 2] {
        let second = match self {
            Self::Skewed => Card { wobble: 50.0, ..Card::new("dac_b", 200.0) },
            _ => Card::new("dac_b", 0.0),
        };
        [Card::new("dac_a", 0.0), second]
    }

    /// The members: on clocks of their own, except where clocks are to be alike.
    pub fn seats(self) -> Vec<Seat> {
        let mut seats: Vec<Seat> = ["a", "b"]
            .into_iter()
            .zip(self.cards())
            .zip(CLOCKS)
            .map(|((name, card), clock)| {
                let seat = Seat { card, ..Seat::new(name, 0.0) };
                if self == Self::Equal { seat } else { seat.on_clock(clock) }
            })
            .collect();
        seats[1].weather = self.weather();
        seats
    }

    /// Plays, measures and judges.
    ///
    /// # Errors
    ///
    /// When a player does not start or is not heard.
    pub fn measure(self, run: &Run) -> Result<(Report, Line)> {
        let length = Span::from_secs(i64::from(run.seconds));
        let song = run.song(run.seconds)?;
        let plan = Plan {
            name: self.name().to_owned(),
            seats: self.seats(),
            lan: self != Self::Jitter,
            host: None,
            song: song.clone(),
            profile: run.profile,
        };
        let mut room = Room::open(plan, 2)?;
        let id = room.song.clone();
        let pressed = room.director().plays(&id)?;
        let settled = pressed + Span::from_secs(SETTLED);
        listen(settled);
        let before = processor(&room.members)?;
        listen(pressed + length);
        let after = processor(&room.members)?;
        let stopped = room.director().stops()?;
        let busiest = before.iter().zip(&after).map(|(before, after)| *after - *before).max();
        let busiest = busiest.context("a room has members")?.as_secs_f64();
        let heard = room.close()?;
        let [first, second] = &heard[..] else { anyhow::bail!("two cards were played on") };
        let reference = Reference::decode(&song)?;
        let within = (pressed, stopped);
        let ours = Figures::of([first, second], Some(&reference), within)?;
        let share = busiest / (stopped - settled).as_secs_f64() * 100.0;

        let mut report = Report::new(format!("{}, {} s", self.title(), run.seconds));
        ours.judge(&mut report, self.bounds(), run.factor);
        report.at_most("processor of one core", Some(share), PROCESSOR * run.factor, "%");
        let mut line = Line { row: self, ours, processor: share, snapcast: None };
        if run.snapcast {
            self.beside_snapcast(run, &reference, &mut line, &mut report)?;
        }
        Ok((report, line))
    }

    fn beside_snapcast(
        self,
        run: &Run,
        reference: &Reference,
        line: &mut Line,
        report: &mut Report,
    ) -> Result<()> {
        let length = Span::from_secs(i64::from(run.seconds));
        let song = run.song(run.seconds)?;
        let played = snapcast::play(self.name(), &self.cards(), self.weather(), &song, length)?;
        let [first, second] = &played.heard;
        let theirs = Figures::of([first, second], Some(reference), played.within)?;
        report.section("Snapcast under the same condition");
        theirs.show(report);
        report.fact("processor of one core", format!("{:.1} %", played.processor));
        let ratio = line.ours.p99.zip(theirs.p99).map(|(ours, theirs)| ours / theirs.max(1e-3));
        let label = "our p99 to Snapcast's";
        if self.must_lead() {
            report.at_most(label, ratio, run.factor / LEAD, "");
        } else {
            report.fact(label, ratio.map_or("none".to_owned(), |ratio| format!("{ratio:.2}")));
        }
        line.snapcast = Some(theirs);
        Ok(())
    }
}

fn processor(members: &[Member]) -> Result<Vec<Span>> {
    members.iter().map(Member::processor_time).collect()
}
