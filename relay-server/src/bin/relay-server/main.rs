//! The relay as a program of its own: reads the settings, runs a relay, heeds signals.

mod bounds;
mod keys;
mod logs;
mod settings;
mod signals;
mod sources;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use relay_server::{
    ClusterPlace, Relay, RelayBuilder, RelayError, RunningRelay, TlsFiles, TurnServer,
};
use tracing::info;

use settings::{ClusterSettings, Settings};
use signals::{Signals, Wish};
use sources::Task;

/// Where the web interface lies when the project was built from source.
const BUILT_UI: &str = "ui/dist";

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("relay-server: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> anyhow::Result<()> {
    let settings = match sources::from_command_line(std::env::args_os())? {
        Task::Serve(settings) => settings,
        Task::PrintConfig => {
            let mut out = std::io::stdout().lock();
            return out.write_all(keys::template().as_bytes()).context("printing");
        }
    };
    logs::start(&settings.log)?;
    let mut signals = Signals::listen().context("listening for signals")?;
    let relay = match builder(&settings).spawn().await {
        Err(error @ RelayError::AddressInUse { .. }) => {
            bail!("{error}; end that program, or choose another port with --listen 0.0.0.0:8081")
        }
        spawned => spawned?,
    };
    until_asked_to_end(&relay, &mut signals).await;
    let orderly = async {
        relay.drain(settings.drain).await;
        relay.shutdown().await;
    };
    tokio::select! {
        () = orderly => {}
        () = asked_to_end(&mut signals) => info!("ended at once, as asked twice"),
    }
    Ok(())
}

fn builder(settings: &Settings) -> RelayBuilder {
    let Settings { tls, metrics, turn, .. } = settings;
    let files = TlsFiles { certificate: tls.cert.clone(), key: tls.key.clone() };
    Relay::builder()
        .listen(settings.listen)
        .static_dir(static_dir(&settings.static_dir))
        .name(&settings.name)
        .limits(settings.limits.clone())
        .access(settings.access.clone())
        .tls((!tls.cert.as_os_str().is_empty()).then_some(files))
        .cluster(cluster(&settings.cluster))
        .metrics_listen(metrics.listen)
        .metrics_token(metrics.token.reveal().map(str::to_owned))
        .turn((!turn.urls.is_empty()).then(|| TurnServer {
            urls: turn.urls.clone(),
            secret: turn.secret.reveal().unwrap_or_default().to_owned(),
            lifetime: turn.lifetime,
        }))
}

/// This relay's place in its cluster; none if it is alone.
fn cluster(settings: &ClusterSettings) -> Option<ClusterPlace> {
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Some(ClusterPlace {
        redis_url: settings.redis_url.reveal()?.to_owned(),
        node_id: settings.node_id.clone(),
        public_url: given(&settings.public_url),
        inside_url: given(&settings.inside_url),
        lease: settings.lease,
        redis_ca: (!settings.redis_ca.as_os_str().is_empty()).then(|| settings.redis_ca.clone()),
    })
}

fn static_dir(set: &Path) -> Option<PathBuf> {
    if set.as_os_str().is_empty() {
        let built_ui = PathBuf::from(BUILT_UI);
        return built_ui.is_dir().then_some(built_ui);
    }
    Some(set.to_owned())
}

async fn until_asked_to_end(relay: &RunningRelay, signals: &mut Signals) {
    while signals.next().await == Wish::Reload {
        // A failure was logged, and nothing has changed.
        let _ = relay.reload_certificate();
    }
}

async fn asked_to_end(signals: &mut Signals) {
    while signals.next().await != Wish::End {}
}
