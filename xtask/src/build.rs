//! Building what runs: the front end, the app and the relay.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::{repo, setup, shell};

/// Which build of the app.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct Profile {
    /// Build for speed: takes several times longer, for the same sound. In the plain build
    /// everything that touches samples, hashes and packets is optimised already
    #[arg(long)]
    pub release: bool,
}

impl Profile {
    fn folder(self) -> &'static str {
        if self.release { "release" } else { "debug" }
    }

    /// Where a built program lies.
    pub fn program(self, name: &str) -> PathBuf {
        let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
        repo::target_dir().join(self.folder()).join(file)
    }
}

/// Builds the front end into `ui/dist`.
///
/// # Errors
///
/// When the build fails.
pub fn front_end() -> Result<()> {
    println!("Building the front end");
    let mut build = setup::npm(&repo::root().join("ui"));
    shell::run(
        build
            .args(["run", "--silent", "build", "--", "--logLevel", "warn"])
            .env("TAURI_ENV_PLATFORM", repo::platform()),
    )
}

/// Builds the front end, the app and the relay.
///
/// # Errors
///
/// When a build fails.
pub fn all(profile: Profile) -> Result<()> {
    front_end()?;
    println!("Building the app ({})", profile.folder());
    let mut cargo = shell::command(repo::cargo(), &repo::root());
    cargo.args(["build", "-p", "synced-swarm-audio", "-p", "relay-server"]);
    if profile.release {
        cargo.arg("--release");
    }
    shell::run(&mut cargo)
}
