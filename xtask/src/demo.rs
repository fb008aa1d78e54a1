//! The main job on one machine, with real processes: apps that join, share, play and stay
//! in time, recorded by virtual sound cards and compared.
//!
//! [`scenario`] holds what is shown, each written as a story on a [`stage`]; the figures go
//! into a [`report`].

pub mod bus;
pub mod display;
pub mod member;
pub mod process;
pub mod report;
pub mod scenario;
pub mod song;
pub mod stage;

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Args, ValueEnum};

use crate::build::{self, Profile};
use crate::setup::{self, Consent, Purpose};
use crate::stillness;

/// Options of `cargo xtask demo`.
#[derive(Args, Clone)]
pub struct Arguments {
    #[command(flatten)]
    consent: Consent,
    #[command(flatten)]
    profile: Profile,
    /// What to show
    #[arg(long, value_enum, default_value_t = Scenario::Together)]
    scenario: Scenario,
    /// Any song; without one, the short piece that comes with the project
    #[arg(long)]
    song: Option<PathBuf>,
    /// How long to play, seconds
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// How much faster the second sound card's clock runs, parts per million
    #[arg(long, default_value_t = 100.0, allow_negative_numbers = true)]
    skew: f64,
    /// Play a real song as MP3, FLAC and M4A, one after the other
    #[arg(long)]
    formats: bool,
    /// Play a real song in one format: mp3, flac, m4a (AAC), alac, ogg, wav or aiff
    #[arg(long)]
    format: Option<String>,
    /// Open the windows on this display instead of virtual ones; then no pictures are taken
    #[arg(long)]
    show: bool,
    /// Use what is built already, on a machine that is set up
    #[arg(long)]
    built: bool,
}

/// What can be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Scenario {
    /// Two members, one song, played together
    Together,
    /// A third member joins in the middle of a song that it does not hold yet
    LateJoin,
    /// The director's process is killed while the music plays
    DirectorKilled,
    /// The relay is killed and started again while the music plays
    RelayRestart,
    /// A member's sound card is pulled out and put in again while the music plays
    DeviceLost,
    /// A song of three minutes and one of three hours need the same memory
    Memory,
    /// Links, files, media keys and notifications of one desktop reach the right app
    Desktop,
    /// Transfer between two apps beside transfer between two browsers
    Transfer,
    /// Unmodified WebTorrent in a browser fetches from the app and feeds it
    Interop,
}

impl Arguments {
    /// The plain demonstration.
    pub fn plain(consent: Consent, profile: Profile) -> Self {
        Self {
            consent,
            profile,
            scenario: Scenario::Together,
            song: None,
            seconds: 60,
            skew: 100.0,
            formats: false,
            format: None,
            show: false,
            built: false,
        }
    }
}

/// Sets the machine up, builds, and shows what was asked for.
///
/// # Errors
///
/// When something cannot be built or started, when sound does not come out, or when a figure
/// exceeds the bound that is printed beside it.
pub fn run(arguments: &Arguments) -> Result<()> {
    if !arguments.built {
        setup::ensure_ready(Purpose::Test, arguments.consent)?;
        build::all(arguments.profile)?;
    }
    let show: fn(&Arguments) -> Result<()> = match arguments.scenario {
        Scenario::Together => return together(arguments),
        Scenario::LateJoin => scenario::late_join::show,
        Scenario::DirectorKilled => scenario::director_killed::show,
        Scenario::RelayRestart => scenario::relay_restart::show,
        Scenario::DeviceLost => scenario::device_lost::show,
        Scenario::Desktop => scenario::desktop::show,
        Scenario::Memory => scenario::memory::show,
        Scenario::Transfer => scenario::transfer::show,
        Scenario::Interop => scenario::interop::show,
    };
    told(|| show(arguments))
}

fn together(arguments: &Arguments) -> Result<()> {
    let formats: Vec<&str> = match &arguments.format {
        Some(format) => vec![format],
        None if arguments.formats => vec!["mp3", "flac", "m4a"],
        None => {
            let song = arguments.song.clone().unwrap_or_else(song::shipped);
            let format = song.extension().unwrap_or_default().to_string_lossy();
            return play(arguments, &format, &song);
        }
    };
    let song = arguments.song.clone().map_or_else(song::real, Ok)?;
    for format in formats {
        let song = song::converted(&song, format, arguments.seconds + 5)?;
        play(arguments, format, &song)?;
    }
    Ok(())
}

fn play(arguments: &Arguments, format: &str, song: &Path) -> Result<()> {
    told(|| scenario::together::show(arguments, format, song))
}

/// Lets a story happen that tells by itself what it found.
fn told(mut story: impl FnMut() -> Result<()>) -> Result<()> {
    stillness::measured(|| story().map(|()| ""), |_| true).map(|_| ())
}
