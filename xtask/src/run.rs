//! `cargo xtask run`: from a fresh machine to the app's window in one command.

use anyhow::Result;
use clap::Args;

use crate::build::{self, Profile};
use crate::setup::{self, Consent, Purpose};
use crate::{demo, repo, shell};

/// Options of `cargo xtask run`.
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    consent: Consent,
    #[command(flatten)]
    profile: Profile,
    /// Passed to the app; `-- --help` lists what it takes
    #[arg(last = true)]
    app: Vec<String>,
}

/// Installs what is missing, builds, and opens the app; without a display it shows the
/// demonstration instead.
///
/// # Errors
///
/// When the machine cannot be set up, the build fails, or the app ends with an error.
pub fn run(arguments: &Arguments) -> Result<()> {
    if !has_display() {
        println!("There is no display here, so the app has nowhere to open its window.");
        println!(
            "This is the demonstration instead: two apps on virtual displays and sound cards."
        );
        return demo::run(&demo::Arguments::plain(arguments.consent, arguments.profile));
    }
    setup::ensure_ready(Purpose::Run, arguments.consent)?;
    build::all(arguments.profile)?;
    let program = arguments.profile.program("synced-swarm-audio");
    shell::run(shell::command(program, &repo::root()).args(&arguments.app))
}

fn has_display() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !cfg!(target_os = "linux") || set("DISPLAY") || set("WAYLAND_DISPLAY")
}
