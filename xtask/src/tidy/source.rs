//! Rules about single source files.

use super::Fault;

/// Longest file. (lines that are neither empty nor only a comment: words are free)
const LONGEST: usize = 500;

/// The files that may read a clock. Everything else is told the time.
const CLOCKS: &[&str] = &[
    "crates/audio-engine/src/clock.rs",
    "crates/relay-load/src/clock.rs",
    "crates/time-socket/src/sleep.rs",
    "crates/time-socket/src/lib.rs",
    "crates/time-socket/src/stamp.rs",
    "crates/webrtc-bridge/src/runtime.rs",
    "relay-server/src/clock.rs",
    "xtask/src/clock.rs",
];

/// Crates that only decide: no sockets, files, threads or clocks.
const PURE: &[&str] = &["crates/protocol/src/", "crates/sync-core/src/"];

/// What writes the TypeScript types, inside a pure crate.
const EXPORTS: &[&str] =
    &["crates/protocol/src/typescript.rs", "crates/protocol/src/bin/export-typescript.rs"];

/// Checks one file by its path from the root.
pub fn check(path: &str, text: &str) -> Vec<Fault> {
    let mut faults = Vec::new();
    let is_rust = path.ends_with(".rs");
    let is_script = [".ts", ".tsx", ".mjs", ".js"].iter().any(|end| path.ends_with(end));
    if is_made(path) {
        return faults;
    }
    if is_rust || is_script || path.ends_with(".c") || path.ends_with(".css") {
        faults.extend(length(path, text));
    }
    // Tests beside a module are explained by it.
    if is_rust && !["build.rs", "/tests.rs"].iter().any(|end| path.ends_with(end)) {
        faults.extend(head(path, text));
    }
    if is_rust && !path.starts_with("xtask/src/tidy/") {
        faults.extend(rust(path, text));
    }
    if is_script && path.starts_with("ui/") && !path.starts_with("ui/src/host/tauri") {
        let law = "only ui/src/host/tauri*.ts talks to the window system";
        faults.extend(lines_with(path, text, &["@tauri-apps"], law));
    }
    faults
}

/// Written by a program: not for people to read or change.
fn is_made(path: &str) -> bool {
    path.contains("/generated/") || path.starts_with("src-tauri/gen/") || path.contains("/dist/")
}

fn length(path: &str, text: &str) -> Option<Fault> {
    let counts = |line: &&str| {
        let line = line.trim();
        !line.is_empty() && !["//", "/*", "*"].iter().any(|mark| line.starts_with(mark))
    };
    let lines = text.lines().filter(counts).count();
    (lines > LONGEST).then(|| {
        Fault::new(path, format!("has {lines} lines, at most {LONGEST}: split it by noun"))
    })
}

fn head(path: &str, text: &str) -> Option<Fault> {
    (!text.trim_start().starts_with("//!")).then(|| {
        Fault::new(path, "must begin with `//!`: what it is, what it is not, where to start")
    })
}

fn rust(path: &str, text: &str) -> Vec<Fault> {
    let is_test = ["/tests/", "/benches/", "/examples/"].iter().any(|dir| path.contains(dir))
        || path.ends_with("/tests.rs");
    let shipped = if is_test { "" } else { before_tests(text) };
    let mut faults = Vec::new();
    if !path.starts_with("crates/audio-engine/src/output") {
        let law = "only audio-engine's output talks to sound devices";
        faults.extend(lines_with(path, text, &["cpal::"], law));
    }
    if !CLOCKS.contains(&path) {
        let law = "time is an argument; only the named clock files read one";
        faults.extend(lines_with(path, shipped, &["SystemTime::now"], law));
        if !uses_timers(text) {
            faults.extend(lines_with(path, shipped, &["Instant::now"], law));
        }
    }
    let unbounded =
        ["unbounded_channel", "channel::unbounded", "flume::unbounded", "mpsc::channel()"];
    let law = "every queue is bounded and says what happens when it is full";
    faults.extend(lines_with(path, shipped, &unbounded, law));
    if PURE.iter().any(|dir| path.starts_with(dir)) && !EXPORTS.contains(&path) {
        let outside = ["std::fs", "std::net", "std::thread", "std::process", "tokio::"];
        faults.extend(lines_with(path, shipped, &outside, "this crate decides and does no I/O"));
    }
    faults
}

/// Whether `Instant` here is the one of tokio's timers, which says when to wake and nothing
/// else, and which tests can set.
fn uses_timers(text: &str) -> bool {
    text.lines().any(|line| line.starts_with("use tokio::time::") && line.contains("Instant"))
}

/// The part of a file before its tests, which may do as they like.
fn before_tests(text: &str) -> &str {
    text.find("#[cfg(test)]\nmod ").map_or(text, |start| &text[..start])
}

fn lines_with(path: &str, text: &str, words: &[&str], law: &str) -> Vec<Fault> {
    let code = |line: &str| !line.trim_start().starts_with("//");
    text.lines()
        .enumerate()
        .filter(|(_, line)| code(line) && words.iter().any(|word| line.contains(word)))
        .map(|(index, _)| Fault::new(format!("{path}:{}", index + 1), law))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn laws(path: &str, text: &str) -> usize {
        check(path, &format!("//! Head.\n{text}")).len()
    }

    #[test]
    fn a_module_without_a_head_is_a_fault() {
        assert_eq!(check("crates/peer/src/link.rs", "fn main() {}\n").len(), 1);
        assert_eq!(check("crates/peer/src/link.rs", "//! Head.\n").len(), 0);
    }

    #[test]
    fn a_file_of_501_lines_is_a_fault_and_comments_are_free() {
        let long = "let a = 1;\n".repeat(501);
        assert_eq!(laws("crates/peer/src/link.rs", &long), 1);
        assert_eq!(laws("ui/src/main.tsx", &long), 1);
        assert_eq!(laws("crates/peer/src/link.rs", &"// word\n".repeat(600)), 0);
        assert_eq!(laws("ui/src/protocol/generated/View.ts", &long), 0);
    }

    #[test]
    fn sound_devices_are_for_the_output_alone() {
        assert_eq!(laws("crates/audio-engine/src/render.rs", "use cpal::Stream;\n"), 1);
        assert_eq!(laws("crates/audio-engine/src/output.rs", "use cpal::Stream;\n"), 0);
        assert_eq!(laws("crates/audio-engine/src/output/stream.rs", "use cpal::Stream;\n"), 0);
    }

    #[test]
    fn the_window_system_is_for_one_file_alone() {
        let import = "import { invoke } from '@tauri-apps/api/core'\n";
        assert_eq!(laws("ui/src/state/files.ts", import), 1);
        assert_eq!(laws("ui/src/host/tauri.ts", import), 0);
    }

    #[test]
    fn clocks_are_for_clock_files_and_tests() {
        let read = "let now = Instant::now();\n";
        assert_eq!(laws("crates/peer/src/link.rs", read), 1);
        assert_eq!(laws("crates/audio-engine/src/clock.rs", read), 0);
        assert_eq!(laws("crates/peer/tests/link.rs", read), 0);
        let in_tests = format!("fn a() {{}}\n#[cfg(test)]\nmod tests {{\n{read}}}\n");
        assert_eq!(laws("crates/peer/src/link.rs", &in_tests), 0);
        assert_eq!(laws("crates/peer/src/link.rs", "// never Instant::now here\n"), 0);
        let timer = format!("use tokio::time::{{Instant, sleep_until}};\n{read}");
        assert_eq!(laws("crates/peer/src/link.rs", &timer), 0);
    }

    #[test]
    fn unbounded_queues_are_a_fault() {
        for queue in ["mpsc::unbounded_channel()", "std::sync::mpsc::channel()"] {
            assert_eq!(laws("crates/peer/src/link.rs", &format!("let a = {queue};\n")), 1);
        }
        assert_eq!(laws("crates/peer/src/link.rs", "let a = mpsc::channel(8);\n"), 0);
    }

    #[test]
    fn a_crate_that_decides_does_no_io() {
        assert_eq!(laws("crates/sync-core/src/session.rs", "use std::net::TcpStream;\n"), 1);
        assert_eq!(laws("crates/peer/src/link.rs", "use std::net::TcpStream;\n"), 0);
    }
}
