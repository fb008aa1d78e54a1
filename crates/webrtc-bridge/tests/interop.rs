//! Unmodified WebTorrent in Chromium against WebTorrent over the bridge.
//!
//! Needs Chromium, Node and the packages of `ui` (`npm ci` there), so it runs when it is asked
//! for: `cargo test -p webrtc-bridge --test interop -- --ignored`.

use std::path::Path;
use std::process::Command;

#[test]
#[ignore = "needs Chromium, Node and the packages of ui"]
fn webtorrent_in_chromium_and_over_the_bridge_exchange_files() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    // Cargo builds the examples beside the tests: target/debug/deps/this, target/debug/examples.
    let this = std::env::current_exe().unwrap();
    let server = this.ancestors().nth(2).unwrap().join("examples/bridge_server");
    assert!(server.exists(), "{} is missing", server.display());

    let output = Command::new("node")
        .arg(here.join("tests/browser/interop.mjs"))
        .arg(server)
        .args(["--pairs", "bridge:native,native:bridge,bridge:bridge", "--mebibytes", "8"])
        .output()
        .expect("node starts");
    let (stdout, stderr) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stdout}\n{stderr}");
    assert_eq!(stdout.matches(r#""intact":true"#).count(), 3, "{stdout}\n{stderr}");
}
