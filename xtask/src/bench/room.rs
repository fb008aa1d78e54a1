//! A room of real apps on virtual cards: one relay, members of which some are far from it,
//! and a song that everyone has already.
//!
//! Windows stay hidden and share one display: what is measured is the sound, and the two
//! cores are for the players.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use protocol::time::Span;
use protocol::{FileId, LocalTime};

use super::proxy::{Proxy, Weather};
use crate::build::Profile;
use crate::card::Card;
use crate::clock;
use crate::demo::display::Display;
use crate::demo::member::Member;
use crate::demo::scenario::{fetch, is_online, members, ready};
use crate::demo::stage::{Extras, KEY, Stage, listen};
use crate::measure::capture::Capture;
use crate::repo;

/// Offset in seconds and speed in parts per million that an app is to give its own clock.
const CLOCK: &str = "SYNCED_SWARM_CLOCK";
/// The ways by which an app may learn the time, out of `lan,udp,ws`.
const TIME_PATHS: &str = "SYNCED_SWARM_TIME_PATHS";
/// Everything except the direct way between members of one local network.
const WITHOUT_LAN: &str = "udp,ws";

/// Bounds hold for members that know the time: from being ready until the first press.
const LEARNT: Span = Span::from_secs(3);

/// How a member looks at the world.
#[derive(Clone, Debug)]
pub struct Seat {
    /// Its user id; its card is `dac_` and this.
    pub name: &'static str,
    /// Its sound card.
    pub card: Card,
    /// What its clock is off by, as [`CLOCK`] spells it; as it is if absent. Processes on one
    /// machine share an oscillator, and that would hide errors of clock estimation.
    pub clock: Option<&'static str>,
    /// The network between it and the relay; none worth speaking of if absent.
    pub weather: Option<Weather>,
    /// A library that is loaded in front of the others, and its variable.
    pub shim: Option<(PathBuf, &'static str, &'static str)>,
}

impl Seat {
    /// A member next to the relay, with a clock that is right.
    pub fn new(name: &'static str, ppm: f64) -> Self {
        let card = Card::new(&format!("dac_{name}"), ppm);
        Self { name, card, clock: None, weather: None, shim: None }
    }

    /// With a clock that is off by `OFFSET_SECONDS,PPM`.
    pub fn on_clock(self, clock: &'static str) -> Self {
        Self { clock: Some(clock), ..self }
    }
}

/// Who is there and what the network is like.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Names the folder of the recordings.
    pub name: String,
    /// The members; the first one directs.
    pub seats: Vec<Seat>,
    /// Whether members may measure each other directly.
    pub lan: bool,
    /// Whose app carries the relay; a relay that stands alone does if absent.
    pub host: Option<usize>,
    /// What is played.
    pub song: PathBuf,
    /// Which build of the app.
    pub profile: Profile,
}

/// A room in which everyone is ready to play.
pub struct Room {
    /// Those who have joined, in order.
    pub members: Vec<Member>,
    /// The song.
    pub song: FileId,
    /// The relay, the cards and the recordings.
    pub stage: Stage,
    plan: Plan,
    screen: Display,
    proxies: Vec<Option<Proxy>>,
}

impl Room {
    /// Starts everything for the first `count` seats and waits until they could play.
    ///
    /// # Errors
    ///
    /// When something does not start, or does not get ready in time.
    pub fn open(plan: Plan, count: usize) -> Result<Self> {
        let cards: Vec<Card> = plan.seats.iter().map(|seat| seat.card.clone()).collect();
        let mut stage = Stage::set_in(&folder().join(&plan.name), &cards, plan.profile, false)?;
        if plan.host.is_none() {
            stage.start_relay()?;
        }
        let screen = Display::start(stage.dir())?;
        let mut proxies = Vec::new();
        for (number, seat) in (1..).zip(&plan.seats) {
            let open = |weather| Proxy::open(stage.port(), weather, number);
            proxies.push(seat.weather.map(open).transpose()?);
        }
        let mut members = Vec::new();
        for seat in &plan.seats[..count] {
            members.push(start(&stage, &screen, seat, plan.lan)?);
        }
        let hosted = match plan.host {
            Some(host) => Some(members.get_mut(host).context("the host is there")?.hosts(&KEY)?),
            None => None,
        };
        for (number, member) in members.iter_mut().enumerate() {
            if plan.host != Some(number) {
                let to_relay = || url(&stage, proxies[number].as_ref());
                member.joins(&KEY, &hosted.clone().unwrap_or_else(to_relay))?;
                member.sees("the relay", Span::from_secs(10), is_online)?;
            }
            member.shares(&plan.song)?;
        }
        let mut song = None;
        for member in &mut members {
            member.sees("the whole swarm", Span::from_secs(10), |view| {
                self::members(view) == count
            })?;
            member.sees("its song announced", Span::from_secs(60), |view| {
                view.adding.is_empty() && view.files.iter().any(|file| file.mine)
            })?;
            song = member.view()?.files.first().map(|file| file.file_id.clone());
        }
        let song = song.context("a room has members")?;
        let (director, others) = members.split_first_mut().context("a room has members")?;
        ready(director, &mut others.iter_mut().collect::<Vec<_>>(), &song)?;
        listen(clock::now() + LEARNT);
        Ok(Self { members, song, stage, plan, screen, proxies })
    }

    /// Starts the member of the next seat, without letting it join.
    ///
    /// # Errors
    ///
    /// When it does not come up.
    pub fn newcomer(&self) -> Result<Member> {
        let seat = self.plan.seats.get(self.members.len()).context("nobody is left to come")?;
        start(&self.stage, &self.screen, seat, self.plan.lan)
    }

    /// Lets a newcomer join, and share the song it has; returns when it was asked to join.
    ///
    /// # Errors
    ///
    /// When it does not get into the swarm.
    pub fn joins(&mut self, mut newcomer: Member) -> Result<LocalTime> {
        newcomer.shares(&self.plan.song)?;
        let proxy = self.proxies[self.members.len()].as_ref();
        let asked = newcomer.joins(&KEY, &url(&self.stage, proxy))?;
        self.members.push(newcomer);
        Ok(asked)
    }

    /// Waits until the last member that came holds the song.
    ///
    /// # Errors
    ///
    /// When it does not in time.
    pub fn settles(&mut self) -> Result<()> {
        let song = self.song.clone();
        fetch(self.members.last_mut().context("a room has members")?, &song).map(drop)
    }

    /// The one who directs at first.
    pub fn director(&mut self) -> &mut Member {
        &mut self.members[0]
    }

    /// The member that everyone takes the time from: as the view names it, else the first.
    pub fn root(&self) -> usize {
        let named = self.members[0].shows("clock/root");
        let name = named.as_ref().and_then(|name| name.as_str());
        self.members.iter().position(|member| Some(member.name()) == name).unwrap_or(0)
    }

    /// Plays for some time and stops; returns the two presses.
    ///
    /// # Errors
    ///
    /// When the director no longer listens.
    pub fn plays(&mut self, length: Span) -> Result<(LocalTime, LocalTime)> {
        let song = self.song.clone();
        let pressed = self.director().plays(&song)?;
        listen(pressed + length);
        Ok((pressed, self.director().stops()?))
    }

    /// Lets everyone end and returns what each card heard, of the seats that were taken.
    ///
    /// # Errors
    ///
    /// When a card was never played on.
    pub fn close(mut self) -> Result<Vec<Capture>> {
        listen(clock::now() + Span::from_secs(1));
        let names: Vec<String> = self.members.iter().map(|one| one.name().to_owned()).collect();
        for member in self.members.drain(..) {
            // One that was killed on purpose is gone already.
            let _ = member.quits();
        }
        names.iter().map(|name| self.stage.heard(name)).collect()
    }
}

/// Where reports and recordings of this bench go.
pub fn folder() -> PathBuf {
    repo::root().join("bench-output/sync")
}

fn url(stage: &Stage, proxy: Option<&Proxy>) -> String {
    proxy.map_or_else(|| stage.relay_url(), |proxy| format!("ws://127.0.0.1:{}/ws", proxy.port()))
}

fn start(stage: &Stage, screen: &Display, seat: &Seat, lan: bool) -> Result<Member> {
    let mut environment: Vec<(&str, OsString)> = Vec::new();
    if let Some(clock) = seat.clock {
        environment.push((CLOCK, clock.into()));
    }
    if !lan {
        environment.push((TIME_PATHS, WITHOUT_LAN.into()));
    }
    if let Some((library, name, value)) = &seat.shim {
        environment.push(("LD_PRELOAD", Path::as_os_str(library).to_owned()));
        environment.push((name, (*value).into()));
    }
    let environment: Vec<(&str, &OsStr)> =
        environment.iter().map(|(name, value)| (*name, value.as_os_str())).collect();
    stage.hidden_member(
        seat.name,
        screen,
        Extras { environment: &environment, ..Extras::default() },
    )
}
