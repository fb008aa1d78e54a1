//! Log lines: levels from the settings, as text or as JSON, on standard error.
//!
//! What may be in them is the business of those who write them; a test of the whole program
//! looks for secrets in everything it wrote at its most talkative.

use std::io::{IsTerminal, stderr};

use anyhow::Context;
use tracing_subscriber::EnvFilter;

use crate::settings::{LogFormat, LogSettings};

/// Writes log lines from now on.
///
/// # Errors
///
/// When the level is none; the settings were checked for that before.
pub fn start(settings: &LogSettings) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&settings.level).context("log.level")?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_target(false)
        .with_writer(stderr)
        .with_ansi(stderr().is_terminal());
    match settings.format {
        LogFormat::Text => lines.init(),
        LogFormat::Json => lines.json().flatten_event(true).init(),
    }
    Ok(())
}
