//! The relay as a program of its own.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Parser;
use relay_server::{Relay, RelayError};
use tracing_subscriber::EnvFilter;

/// Where the web interface lies when the project was built from source.
const BUILT_UI: &str = "ui/dist";

/// A meeting place for people who play music together with Synced Swarm Audio.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Address and port to listen on.
    #[arg(long, env = "RELAY_LISTEN", default_value = "0.0.0.0:8080")]
    listen: SocketAddr,

    /// Folder of the web interface, served at `/`. [default: ui/dist, if it exists]
    #[arg(long, env = "RELAY_STATIC_DIR")]
    static_dir: Option<PathBuf>,

    /// What to log: error, warn, info, debug or trace.
    #[arg(long, env = "RELAY_LOG", default_value = "info")]
    log: EnvFilter,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("relay-server: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    tracing_subscriber::fmt().with_env_filter(arguments.log).with_target(false).init();

    let built_ui = PathBuf::from(BUILT_UI);
    let static_dir = arguments.static_dir.or_else(|| built_ui.is_dir().then_some(built_ui));
    let spawned = Relay::builder().listen(arguments.listen).static_dir(static_dir).spawn().await;
    let relay = match spawned {
        Err(error @ RelayError::AddressInUse { .. }) => {
            bail!("{error}; end that program, or choose another port with --listen 0.0.0.0:8081")
        }
        spawned => spawned?,
    };

    stop_requested().await.context("waiting for a signal")?;
    relay.shutdown().await;
    Ok(())
}

/// Resolves on Ctrl-C, and on Unix when the process is asked to terminate.
async fn stop_requested() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            pressed = tokio::signal::ctrl_c() => pressed,
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}
