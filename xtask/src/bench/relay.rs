//! `cargo xtask bench relay`: the relay under load, beside a plain Node relay and the reference
//! WebTorrent tracker.
//!
//! The load generator needs the relay, which the helper commands must not: so it is a program
//! of its own, `crates/relay-load`, which this builds and starts. Its options are its own.

use std::ffi::OsString;
use std::path::Path;

use anyhow::Result;
use clap::Args;

use crate::{build, repo, setup, shell};

/// Options of `cargo xtask bench relay`.
#[derive(Args)]
pub struct Arguments {
    /// Do not build
    #[arg(long)]
    built: bool,
    /// Passed on: --scenario NAME, --rounds N, --check, --short, --minutes M; --help explains them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    load: Vec<OsString>,
}

/// Builds what is measured, for speed, and measures it.
///
/// # Errors
///
/// When something cannot be built or measured, or is out of bounds where those are checked.
pub fn run(arguments: &Arguments) -> Result<()> {
    let root = repo::root();
    install_rivals(&root.join("crates/relay-load/rivals"))?;
    if !arguments.built {
        let mut build = shell::command(repo::cargo(), &root);
        shell::run(build.args(["build", "--quiet", "--release", "-p", "relay-load"]))?;
    }
    let program = build::Profile { release: true }.program("relay-load");
    let here = std::env::current_dir()?;
    shell::run(shell::command(program, &here).args(&arguments.load))
}

/// Installs the packages that ours is measured beside, unless they are there.
fn install_rivals(rivals: &Path) -> Result<()> {
    if rivals.join("node_modules").is_dir() {
        return Ok(());
    }
    println!("Installing what the relay is measured beside");
    // Scripts of packages are not run: the one there is fetches what the tracker does not need.
    shell::run(setup::npm(rivals).args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]))
}
