//! One desktop with a session bus of its own: a link and a file that are opened reach the app
//! that runs; media keys move the room for the director and mute the device for a guest; news is
//! told, the computer is kept awake, the window's place is kept.

use std::ffi::OsStr;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use protocol::host::{Intent, Muted, PlaybackState, View};
use protocol::time::Span;

use super::{directs, fetch, is_online, members, millis_between, ready};
use crate::clock;
use crate::demo::Arguments;
use crate::demo::bus::Bus;
use crate::demo::member::Member;
use crate::demo::process::Process;
use crate::demo::report::Report;
use crate::demo::song;
use crate::demo::stage::{Extras, KEY, Stage, listen, wait_until};

/// A second start hands over what it was to open and ends. It begins as any start does, so this
/// is most of a start. (milliseconds)
const HANDED_OVER: f64 = 5_000.0;

/// An answer of an app to a key or a link.
const PROMPT: Span = Span::from_secs(5);

/// From a guest's pause to the last sound: views, orders and a fade are within a tenth of a
/// second; a sound server may hold as much again. (milliseconds)
const MUTED_WITHIN: f64 = 500.0;

const LINK: &str = "swarm://join#v=1&k=acid-acorn&n=Kitchen&r=192.0.2.20:8080";

/// The person's app, whose links and files these are.
const AT_HOME: &str = "SyncedSwarmAudio";

/// Shows it.
///
/// # Errors
///
/// When a step does not happen in time or a figure is out of bounds.
pub fn show(arguments: &Arguments) -> Result<()> {
    // It comes with a title and an artist.
    let song = song::shipped();
    let mut stage = Stage::set("desktop", &[("a", 0.0), ("b", 0.0)], arguments.profile, false)?;
    let bus = Bus::start(stage.dir())?;
    let home = stage.dir().join("home");
    std::fs::create_dir_all(&home)?;
    let homes = [("HOME", ""), ("XDG_DATA_HOME", "data"), ("XDG_CONFIG_HOME", "config")]
        .map(|(variable, folder)| (variable, home.join(folder)));
    let homes = homes.iter().map(|(variable, folder)| (*variable, folder.as_os_str()));
    let spoken = ("LANG", OsStr::new("C.UTF-8"));
    let environment: Vec<_> = bus.environment().into_iter().chain(homes).chain([spoken]).collect();
    let mut report = Report::new("One desktop");
    stage.start_relay()?;

    // Out of sight, so that news is told outside of the window.
    let extras = Extras { arguments: &["--hidden"], environment: &environment, is_at_home: true };
    let mut b = stage.special_member("b", extras)?;
    wait_until(PROMPT, || bus.players().is_ok_and(|players| players == [AT_HOME]))
        .context("the app's media keys are not there")?;
    // An app on a machine without a bus starts all the same.
    let nowhere = [("DBUS_SESSION_BUS_ADDRESS", OsStr::new("unix:path=/nonexistent"))];
    let extras = Extras { environment: &nowhere, ..Extras::default() };
    let mut a = stage.special_member("a", extras)?;

    // The window has spoken: the icon beside the clock has a menu.
    bus.hears("com.canonical.dbusmenu; member=LayoutUpdated")?;
    b.joins(&KEY, &stage.relay_url())?;
    bus.hears("You are directing now")?;
    a.joins(&KEY, &stage.relay_url())?;
    for member in [&mut a, &mut b] {
        member.sees("both members", PROMPT, |view| is_online(view) && members(view) == 2)?;
    }

    let second = |words: &[&OsStr]| second_start(&stage, &environment, words);
    let took = second(&[LINK.as_ref()])?;
    b.sees("the invitation of the link", PROMPT, |view| {
        view.lobby.invitation.as_ref().is_some_and(|shown| shown.name.as_str() == "Kitchen")
    })?;
    report.at_most("a second start hands over and ends", Some(took), HANDED_OVER, "ms");
    let stays = b.view()?.swarm.is_some_and(|swarm| swarm.key == *KEY);
    report.claim("a link waits for a yes", stays);
    b.wants(&Intent::DismissInvite)?;

    second(&[song.as_os_str()])?;
    b.sees("the file that was opened", Span::from_secs(60), |view| {
        view.files.iter().any(|file| file.mine)
    })?;
    let id = b.view()?.files.first().context("the file was withdrawn")?.file_id.clone();
    fetch(&mut a, &id)?;
    ready(&mut a, &mut [&mut b], &id)?;

    a.wants(&Intent::SelectFile { file_id: id.clone() })?;
    b.sees("the choice", PROMPT, |view| view.selection.as_ref() == Some(&id))?;
    let began = clock::now();
    a.plays(&id)?;
    both(&mut a, &mut b, "the music", PlaybackState::Playing)?;
    listen(clock::now() + Span::from_secs(2));
    is_shown(&bus, &b.view()?, &mut report)?;
    bus.hears("string \"idle\"")?;

    let pressed = clock::now();
    bus.player(AT_HOME, &["pause"])?;
    b.sees("its own silence", PROMPT, |view| view.output.muted == Some(Muted::ByPerson))?;
    listen(clock::now() + Span::from_secs(3));
    report.claim("a guest's pause leaves the room playing", plays(&a.view()?) && plays(&b.view()?));
    report.claim("and shows as paused", bus.player(AT_HOME, &["status"])? == "Paused");
    let again = clock::now();
    bus.player(AT_HOME, &["play"])?;
    b.sees("itself heard again", PROMPT, |view| view.output.muted.is_none())?;
    listen(clock::now() + Span::from_secs(2));

    b.wants(&Intent::TakeDirector)?;
    b.sees("itself directing", PROMPT, directs)?;
    bus.player(AT_HOME, &["position", "30"])?;
    let is_there = |view: &View| view.playback.position_ms.is_some_and(|at| at.get() >= 30_000.0);
    a.sees("the song moved", PROMPT, is_there)?;
    bus.player(AT_HOME, &["pause"])?;
    both(&mut a, &mut b, "a pause", PlaybackState::Paused)?;
    bus.player(AT_HOME, &["play-pause"])?;
    both(&mut a, &mut b, "the music again", PlaybackState::Playing)?;
    let ended = clock::now();
    bus.player(AT_HOME, &["stop"])?;
    both(&mut a, &mut b, "the end", PlaybackState::Stopped)?;

    a.picture(&stage.dir().join("a.png"))?;
    bus.quit(AT_HOME)?;
    let place = home.join("data/syncedswarmaudio/window.json");
    wait_until(PROMPT, || place.exists()).context("the window's place was not kept")?;
    a.quits()?;

    let (heard_a, heard_b) = (stage.heard("a")?, stage.heard("b")?);
    let silent_by = pressed + Span::from_secs_f64(MUTED_WITHIN * 1e-3);
    let heard_again = heard_b.onset(silent_by).context("b was not heard again")?;
    let after = millis_between(again, heard_again);
    report.claim("the guest was silent while muted", after >= 0.0);
    report.at_most("heard again after", Some(after), 1_000.0, "ms");
    let gaps = heard_a.underruns(began, ended);
    report.none_of("underruns of the director", gaps);
    report.fact("pictures and recordings", stage.dir().display());
    report.conclude()
}

/// What a desktop shows of the music.
fn is_shown(bus: &Bus, view: &View, report: &mut Report) -> Result<()> {
    let media = view.files.first().map(|file| &file.media).context("there is no song")?;
    let asked = |key: &str| bus.player(AT_HOME, &["metadata", key]);
    let title = media.title.as_ref().map(ToString::to_string).unwrap_or_default();
    report.claim("its title is shown", asked("xesam:title")? == title && !title.is_empty());
    let artist = media.artist.as_ref().map(ToString::to_string).unwrap_or_default();
    report.claim("its artist is shown", asked("xesam:artist")? == artist);
    let length: f64 = asked("mpris:length")?.parse().context("the length is no number")?;
    let expected = view.playback.duration_ms.map_or(0.0, |length| length.get());
    report.at_most("its length is off by", Some(length / 1e3 - expected), 50.0, "ms");
    let position: f64 = bus.player(AT_HOME, &["position"])?.parse().context("no position")?;
    let expected = view.playback.position_ms.map_or(0.0, |position| position.get());
    report.at_most("its position is off by", Some(position * 1e3 - expected), 2_000.0, "ms");
    report.claim("it is shown as playing", bus.player(AT_HOME, &["status"])? == "Playing");
    report.claim("a guest may not seek", bus.property(AT_HOME, "CanSeek")? == "b false");
    Ok(())
}

fn plays(view: &View) -> bool {
    view.playback.state == PlaybackState::Playing
}

fn both(a: &mut Member, b: &mut Member, what: &str, state: PlaybackState) -> Result<()> {
    a.sees(what, PROMPT, |view| view.playback.state == state)?;
    b.sees(what, PROMPT, |view| view.playback.state == state).map(drop)
}

/// Starts the app again, as a desktop does to open something with it, until it ends; how long
/// that took. (milliseconds)
fn second_start(stage: &Stage, environment: &[(&str, &OsStr)], words: &[&OsStr]) -> Result<f64> {
    let display = crate::demo::display::Display::start(stage.dir())?;
    let program = stage.program();
    let mut command = Process::command(program);
    command.args(words).envs(environment.iter().copied()).env("DISPLAY", display.name());
    command.env_remove("WAYLAND_DISPLAY").stdout(Stdio::null());
    let began = clock::now();
    let mut process = Process::start(&mut command, &stage.dir().join("second.log"))?;
    let ended = wait_until(Span::from_secs(20), || !process.is_running());
    ensure!(ended.is_ok(), "the second start did not end:\n{}", process.last_words());
    Ok(millis_between(began, clock::now()))
}
