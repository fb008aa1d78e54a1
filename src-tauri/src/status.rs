//! The state for scripts: a line of JSON for every change, and intents line by line.

use std::io::{BufRead, Write, stderr, stdin, stdout};

use peer::PeerHandle;
use protocol::host::Intent;
use tokio::runtime::Handle;

/// Prints every view from now on, and obeys intents from standard input.
pub fn run(runtime: &Handle, peer: &PeerHandle) {
    let mut views = peer.views();
    let waiter = runtime.clone();
    // A reader that is slow blocks standard output: a thread may wait for it, a task may not.
    std::thread::spawn(move || {
        loop {
            let line = serde_json::to_string(&**views.borrow_and_update())
                .expect("views have text keys and finite numbers only");
            // Nobody reads any more: the script has gone, the music need not.
            if writeln!(stdout().lock(), "{line}").is_err() {
                return;
            }
            if waiter.block_on(views.changed()).is_err() {
                return;
            }
        }
    });
    let (peer, runtime) = (peer.clone(), runtime.clone());
    // Reading standard input blocks, so it has a thread of its own; it ends with the process.
    std::thread::spawn(move || {
        for line in stdin().lock().lines() {
            let Ok(line) = line else { return };
            if line.trim().is_empty() {
                continue;
            }
            match serde_json::from_str::<Intent>(&line) {
                Ok(intent) => runtime.block_on(peer.send(intent)),
                Err(error) => {
                    let _ = writeln!(stderr(), "this line is no intent and was skipped: {error}");
                }
            }
        }
    });
}
