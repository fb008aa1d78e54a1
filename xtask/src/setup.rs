//! Setting a machine up: the system packages and front-end packages that are missing.
//!
//! Rust and Node come from the person; everything else is looked for here, and what is
//! missing is installed by the system's own package manager. [`packages`] holds the lists.

mod packages;

use std::io::{IsTerminal, Write as _};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use crate::{repo, shell};
pub use packages::Purpose;
use packages::{Manager, Package};

/// What the front-end packages run on, as Vite states it: from these minor versions on, and
/// every later major one.
const NODE: [(u32, u32); 2] = [(20, 19), (22, 12)];

/// Options of every command that sets the machine up first.
#[derive(Args, Clone, Copy)]
pub struct Consent {
    /// Install what is missing without asking
    #[arg(long, short = 'y')]
    pub yes: bool,
}

/// Options of `cargo xtask setup`.
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    consent: Consent,
    /// Also what the tests and the demonstration need
    #[arg(long)]
    tests: bool,
}

/// Sets the machine up for building, and for testing if asked.
///
/// # Errors
///
/// As [`ensure_ready`].
pub fn run(arguments: &Arguments) -> Result<()> {
    let purpose = if arguments.tests { Purpose::Test } else { Purpose::Run };
    ensure_ready(purpose, arguments.consent)?;
    println!("Everything is in place.");
    Ok(())
}

/// Finds what is missing for `purpose` and installs it.
///
/// # Errors
///
/// When Node or a part of Rust is missing or too old, when the person declines, or when an
/// installation fails.
pub fn ensure_ready(purpose: Purpose, consent: Consent) -> Result<()> {
    check_node()?;
    if purpose == Purpose::Test {
        ensure_rust_components()?;
    }
    if let Some(manager) = Manager::of_this_system() {
        let missing = manager.missing(purpose)?;
        if !missing.is_empty() {
            install(manager, &missing, consent)?;
        }
    } else if cfg!(target_os = "linux") {
        println!("No apt, dnf, pacman or brew here: see README.md for what the app needs.");
    }
    ensure_front_end()
}

/// Installs what type-checking for other systems needs.
///
/// # Errors
///
/// When this is no Debian, or as [`ensure_ready`].
pub fn ensure_cross(consent: Consent) -> Result<()> {
    ensure_ready(Purpose::Run, consent)?;
    let manager = Manager::of_this_system().filter(|manager| *manager == Manager::Apt);
    let manager = manager.context("cross needs Debian's packages rustc-web and rust-web-src")?;
    let missing = manager.missing_of(packages::CROSS)?;
    if missing.is_empty() { Ok(()) } else { install(manager, &missing, consent) }
}

fn check_node() -> Result<()> {
    let hint = "Node.js 20.19, 22.12 or newer is needed, with npm: https://nodejs.org";
    let version = shell::read(Command::new("node").arg("--version")).context(hint)?;
    let mut numbers = version.trim().trim_start_matches('v').split('.').map(str::parse::<u32>);
    let (Some(Ok(major)), Some(Ok(minor))) = (numbers.next(), numbers.next()) else {
        bail!("{hint}; this calls itself {}", version.trim());
    };
    let suits = NODE.iter().any(|&(line, least)| major == line && minor >= least);
    ensure!(suits || major > NODE[1].0, "{hint}; this is {}", version.trim());
    ensure!(shell::read(npm(&repo::root()).arg("--version")).is_ok(), hint);
    Ok(())
}

/// The tests check format and lint; a minimal toolchain comes without the tools for it.
fn ensure_rust_components() -> Result<()> {
    let present = |tool| shell::read(Command::new(repo::cargo()).args([tool, "--version"])).is_ok();
    if present("fmt") && present("clippy") {
        return Ok(());
    }
    let hint = "rustfmt and clippy are needed, which belong to Rust";
    ensure!(shell::has("rustup"), "{hint}: install them as you installed Rust");
    println!("Adding rustfmt and clippy to Rust");
    shell::run(Command::new("rustup").args(["component", "add", "rustfmt", "clippy"])).context(hint)
}

fn install(manager: Manager, missing: &[Package], consent: Consent) -> Result<()> {
    println!("These system packages are missing:");
    for package in missing {
        println!("    {:<34} {}", package.name, package.reason);
    }
    let root = is_root();
    let commands = manager.installation(missing);
    println!("They are installed by:");
    for words in &commands {
        println!(
            "    {}{}",
            if root || !manager.wants_root() { "" } else { "sudo " },
            words.join(" ")
        );
    }
    if !root && !consent.yes && !agreed()? {
        bail!("nothing was installed; run the commands above yourself, or repeat with --yes");
    }
    for words in commands {
        shell::run(&mut privileged(manager, &words))?;
    }
    Ok(())
}

fn agreed() -> Result<bool> {
    if !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    print!("Install them now? [Y/n] ");
    std::io::stdout().flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "" | "y" | "yes"))
}

/// The command as root: directly, or through sudo, which may ask for a password.
fn privileged(manager: Manager, words: &[String]) -> Command {
    let mut command = if is_root() || !manager.wants_root() {
        Command::new(&words[0])
    } else {
        let mut sudo = Command::new("sudo");
        sudo.arg("--preserve-env=DEBIAN_FRONTEND").arg(&words[0]);
        sudo
    };
    command.args(&words[1..]).env("DEBIAN_FRONTEND", "noninteractive");
    command
}

#[cfg(unix)]
fn is_root() -> bool {
    rustix::process::getuid().is_root()
}

#[cfg(not(unix))]
fn is_root() -> bool {
    false
}

/// Installs the front-end packages from the lock file, unless they are newer than it.
fn ensure_front_end() -> Result<()> {
    let ui = repo::root().join("ui");
    let changed = |path: &Path| path.metadata().and_then(|meta| meta.modified());
    let installed = changed(&ui.join("node_modules/.package-lock.json"));
    let locked =
        changed(&ui.join("package-lock.json")).context("ui/package-lock.json is missing")?;
    if installed.is_ok_and(|installed| installed >= locked) {
        return Ok(());
    }
    println!("Installing the front-end packages");
    // Scripts of packages are not run: none is needed, and one refuses any manager but its own.
    shell::run(npm(&ui).args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]))
}

/// npm in `dir`; on Windows it is a batch file.
pub fn npm(dir: &Path) -> Command {
    shell::command(if cfg!(windows) { "npm.cmd" } else { "npm" }, dir)
}
