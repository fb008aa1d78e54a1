//! `cargo xtask shots`: a picture of every screen and state of the window, on one page.
//!
//! The pictures come from the built front end on made-up parties, in both themes, at two sizes
//! and in every language. Which screens there are is listed once, beside the
//! browser tests: `ui/tests/e2e/screens.ts`.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;

use crate::setup::{self, Consent, Purpose};
use crate::{repo, shell};

/// Options of `cargo xtask shots`.
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    consent: Consent,
    /// The folder for the pictures; a folder beside what cargo builds unless said
    #[arg(long, value_name = "FOLDER")]
    into: Option<PathBuf>,
}

/// Takes the pictures and says where the page with all of them is.
///
/// # Errors
///
/// When the machine cannot be set up, the folder cannot be made, the front end cannot be built,
/// or a screen cannot be shown without a fault.
pub fn run(arguments: &Arguments) -> Result<()> {
    setup::ensure_ready(Purpose::Test, arguments.consent)?;
    let folder = arguments.into.clone().unwrap_or_else(|| repo::target_dir().join("shots"));
    // The front end runs in a folder of its own, so a path from here must not be relative.
    let folder = std::path::absolute(&folder)
        .with_context(|| format!("{} is no path for a folder", folder.display()))?;
    let mut npm = setup::npm(&repo::root().join("ui"));
    shell::run(npm.args(["run", "--silent", "shots"]).env("SHOTS_DIR", &folder))?;
    println!("Open {}", folder.join("index.html").display());
    Ok(())
}
