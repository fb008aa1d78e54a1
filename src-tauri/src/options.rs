//! The command line: the same intents as in the window, for scripts and for people.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Parser, ValueEnum};
use peer::{Bench, PeerConfig, Startup};
use protocol::host::MeetingPoint;
use protocol::ids::{Alias, UserId};

/// Play the same music on many devices in the same instant.
///
/// Everyone who enters the same swarm key is in one swarm. Files go from device to device;
/// no server stores or hears them.
#[derive(Clone, Debug, Default, Parser)]
#[command(name = "synced-swarm-audio", version)]
pub struct Options {
    /// Open these: an invitation, swarm://join#…, to join by when a person says so, and files to
    /// share. An app that runs already is handed them.
    #[arg(value_name = "LINK|FILE")]
    pub open: Vec<String>,

    /// Meet at this relay, for instance ws://192.168.1.20:8080. Without --relay and --host:
    /// at a party found nearby, else at a relay carried by this app.
    #[arg(long, value_name = "URL", conflicts_with = "host")]
    pub relay: Option<String>,

    /// Carry the relay in this app, announced on the local network.
    #[arg(long)]
    pub host: bool,

    /// Enter the swarm that this key opens.
    #[arg(long, value_name = "KEY", env = "SYNCED_SWARM_KEY", hide_env_values = true)]
    pub swarm: Option<String>,

    /// What the others call this device.
    #[arg(long, value_name = "ALIAS")]
    pub name: Option<Alias>,

    /// Share this file. May be given several times.
    #[arg(long, value_name = "FILE")]
    pub add: Vec<PathBuf>,

    /// Play the first file as soon as every member can, if this device directs.
    #[arg(long)]
    pub play: bool,

    /// Where the sound goes: an id from --list-outputs. On Linux any ALSA PCM as alsa:NAME.
    #[arg(long, value_name = "DEVICE")]
    pub output: Option<String>,

    /// List the devices that sound can go to, and end.
    #[arg(long)]
    pub list_outputs: bool,

    /// Keep settings and fetched files here instead of the usual place.
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,

    /// Be this member instead of the one remembered. The lowest id directs.
    #[arg(long, value_name = "ID")]
    pub user_id: Option<UserId>,

    /// Open no window on the screen.
    #[arg(long)]
    pub hidden: bool,

    /// Print the state on standard output, one line for every change, and take intents from
    /// standard input, one per line.
    #[arg(long, value_name = "FORMAT")]
    pub status: Option<StatusFormat>,
}

/// How the state is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum StatusFormat {
    /// One JSON object per line.
    Json,
}

impl Options {
    /// What a second start wants opened, links and paths.
    pub fn opened(self) -> impl Iterator<Item = String> {
        let added = self.add.into_iter().map(|path| path.to_string_lossy().into_owned());
        self.open.into_iter().chain(added)
    }

    /// True for the app that a person has one of. One with a data folder of its own is another.
    pub fn is_the_one(&self) -> bool {
        self.data_dir.is_none()
    }

    /// Where settings and files are kept.
    ///
    /// # Errors
    ///
    /// When this system names no folder for them.
    pub fn folder(&self) -> anyhow::Result<PathBuf> {
        match &self.data_dir {
            Some(dir) => Ok(dir.clone()),
            None => peer::default_data_dir()
                .context("this system names no folder for settings; give one with --data-dir"),
        }
    }

    /// What the app's core is to do.
    ///
    /// # Errors
    ///
    /// When there is no folder to keep settings in.
    pub fn peer_config(&self) -> anyhow::Result<PeerConfig> {
        let data_dir = self.folder()?;
        let at = match (&self.relay, self.host) {
            (Some(url), _) => MeetingPoint::Relay { url: url.clone() },
            (None, true) => MeetingPoint::Here,
            (None, false) => MeetingPoint::Anywhere,
        };
        Ok(PeerConfig {
            bench: Bench::from_environment()?,
            data_dir,
            user_id: self.user_id.clone(),
            alias: self.name.clone(),
            output: self.output.clone(),
            startup: Startup {
                join: self.swarm.clone().map(|key| (key, at)),
                add: self.add.clone(),
                play: self.play,
            },
        })
    }
}
