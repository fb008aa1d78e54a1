//! `cargo xtask sim`: two devices in virtual time, with figures.
//!
//! The helper commands build on a bare machine, and the simulation does not: it holds the real
//! renderer, which is built with the system's sound library. So it is a program of its own,
//! which this builds and starts. Its options are its own: `cargo xtask sim --help`.

use std::ffi::OsString;

use anyhow::Result;
use clap::Args;

use crate::{repo, shell};

/// Options of `cargo xtask sim`.
#[derive(Args)]
pub struct Arguments {
    /// Passed on: --seed N, --seeds N, --profile NAME, --minutes M, --timeline, --trace FILE,
    /// --replay FILE, --check; --help explains them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    simulation: Vec<OsString>,
}

/// Builds the simulation and runs it. Paths are taken from where the command was given.
///
/// # Errors
///
/// When the build fails or the simulation does.
pub fn run(arguments: &Arguments) -> Result<()> {
    let mut build = shell::command(repo::cargo(), &repo::root());
    shell::run(build.args(["build", "--quiet", "-p", "simulation", "--bin", "sim"]))?;
    let program = format!("sim{}", std::env::consts::EXE_SUFFIX);
    let program = repo::target_dir().join("debug").join(program);
    let here = std::env::current_dir()?;
    shell::run(shell::command(program, &here).args(&arguments.simulation))
}
