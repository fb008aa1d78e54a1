//! What a person opens with the app from outside of it, on its way to the app that runs: a link
//! that was clicked, files chosen in a file manager. What comes of it is `peer::opened`'s matter.

use std::path::Path;

use clap::Parser;
use peer::PeerHandle;
use protocol::host::Intent;
use tauri::AppHandle;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::options::Options;
use crate::window;

/// Intents waiting for the core while it starts. Nobody clicks so many links within that
/// second; what does not fit is dropped, and the log says so.
const DEPTH: usize = 32;

/// The way in, from any thread.
#[derive(Clone)]
pub struct Opened(mpsc::Sender<Intent>);

/// What came in.
pub struct Waiting(mpsc::Receiver<Intent>);

/// Both ends of the way.
pub fn channel() -> (Opened, Waiting) {
    let (sender, receiver) = mpsc::channel(DEPTH);
    (Opened(sender), Waiting(receiver))
}

impl Opened {
    /// A second start of the app was asked for these words, program name first, and ended.
    pub fn by_second_start(&self, app: &AppHandle, words: Vec<String>, folder: &str) {
        window::raise(app);
        match Options::try_parse_from(words) {
            Ok(options) => self.open(options.opened(), Path::new(folder)),
            Err(error) => tracing::warn!(%error, "a second start was asked for nothing known"),
        }
    }

    /// Takes links and paths.
    pub fn open(&self, words: impl IntoIterator<Item = String>, folder: &Path) {
        for intent in peer::opened::intents_of(words, folder) {
            if self.0.try_send(intent).is_err() {
                tracing::warn!("too much was opened at once; some of it was dropped");
            }
        }
    }
}

impl Waiting {
    /// Hands everything to the core from now on.
    pub fn run(mut self, runtime: &Handle, peer: &PeerHandle) {
        let peer = peer.clone();
        runtime.spawn(async move {
            while let Some(intent) = self.0.recv().await {
                peer.send(intent).await;
            }
        });
    }
}
