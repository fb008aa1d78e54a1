//! Starts the app on a desktop.
#![cfg_attr(all(windows, not(debug_assertions)), windows_subsystem = "windows")]

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    synced_swarm_audio::start(synced_swarm_audio::Options::parse())
}
