//! This project's relay as a process to be measured: the library with its own defaults, on the
//! runtime the relay's program uses.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use relay_server::{Limits, Rate, Relay, TlsFiles};

/// The certificate's file.
pub const CERTIFICATE: &str = "certificate.pem";

/// The file of its key.
pub const KEY: &str = "key.pem";

/// Options of `relay-load serve`.
#[derive(Args)]
pub struct Arguments {
    /// Lets tracker clients ask as fast as they can
    #[arg(long)]
    unmetered_tracker: bool,
    /// Speaks TLS, with `certificate.pem` and `key.pem` in this folder
    #[arg(long, value_name = "FOLDER")]
    tls: Option<PathBuf>,
}

/// Serves until it is killed. Prints its port.
///
/// # Errors
///
/// When it cannot listen.
pub fn run(arguments: &Arguments) -> Result<()> {
    let most = Rate { per_second: 1e6, burst: 1e6 };
    // Thousands of connections come from this one machine within a second or two.
    let mut limits = Limits { new_connections: most, ..Limits::default() };
    if arguments.unmetered_tracker {
        limits.tracker_messages = most;
        limits.flood_times = 1e6;
    }
    let tls = arguments
        .tls
        .as_ref()
        .map(|folder| TlsFiles { certificate: folder.join(CERTIFICATE), key: folder.join(KEY) });
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let relay =
            Relay::builder().limits(limits).tls(tls).spawn().await.context("a free port")?;
        println!("{}", relay.local_addr().port());
        std::future::pending::<()>().await;
        drop(relay);
        Ok(())
    })
}
