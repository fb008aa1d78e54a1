//! Log lines: levels from the settings, as text or as JSON, on standard error.
//!
//! What may be in them is the business of those who write them; a test of the whole program
//! looks for secrets in everything it wrote at its most talkative.

use std::io::{IsTerminal, stderr};

use anyhow::Context;
use tracing::{Level, Metadata};
use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, fmt, registry};

use crate::settings::{LogFormat, LogSettings};

/// Crates of this project, whose lines are known to hold no secrets.
const OURS: [&str; 3] = ["relay_server", "sync_core", "time_socket"];

/// Writes log lines from now on.
///
/// # Errors
///
/// When the level is none; the settings were checked for that before.
pub fn start(settings: &LogSettings) -> anyhow::Result<()> {
    let asked_for = EnvFilter::try_new(&settings.level).context("log.level")?;
    let lines =
        fmt::layer().with_target(false).with_writer(stderr).with_ansi(stderr().is_terminal());
    let lines = match settings.format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    registry().with(lines.with_filter(asked_for.and(filter_fn(is_discreet)))).init();
    Ok(())
}

/// False for what libraries say in detail: it holds whole messages, and so all of the secrets.
fn is_discreet(line: &Metadata<'_>) -> bool {
    let is_ours = |name: &&str| line.target().split("::").next() == Some(*name);
    *line.level() <= Level::INFO || OURS.iter().any(is_ours)
}
