//! `cargo xtask test`: everything that is checked, in one run, with a verdict at the end.
//!
//! Each step writes into a log of its own; only the log of a step that failed is shown.
//! Steps that cannot run on this system are named and counted, never left out in silence.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use crate::setup::{self, Consent, Purpose};
use crate::{build, clock, repo, shell};

/// Options of `cargo xtask test`.
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    consent: Consent,
    /// Run only the steps whose name contains this; the others count as skipped
    #[arg(long, value_name = "WORD")]
    only: Option<String>,
}

/// Lines of a failed step's log that are shown.
const SHOWN: usize = 150;

/// Lines of it that are repeated at the end of the run.
const REPEATED: usize = 12;

/// More failed steps than these are not chance, and none is tried again.
const MOST_AGAIN: usize = 4;

/// Sets the machine up and runs every step, also after one has failed.
///
/// # Errors
///
/// When the machine cannot be set up, the front end cannot be built, or a step fails.
pub fn run(arguments: &Arguments) -> Result<()> {
    let began = clock::now();
    setup::ensure_ready(Purpose::Test, arguments.consent)?;
    // The app contains the front end: without it nothing below compiles.
    build::front_end()?;
    let logs = repo::target_dir().join("test-logs");
    fs::create_dir_all(&logs)?;
    let (mut passed, mut failed, mut skipped) = (0, Vec::new(), 0);
    for step in steps() {
        let name = step.name;
        if arguments.only.as_ref().is_some_and(|word| !name.contains(word.as_str())) {
            skipped += 1;
        } else if step.needs_linux && !cfg!(target_os = "linux") {
            println!(
                "skipped  {name}: needs virtual sound cards and displays, which only Linux has"
            );
            skipped += 1;
        } else {
            match attempt(&step, &logs, "") {
                Ok(()) => passed += 1,
                Err(why) => failed.push((step, why)),
            }
        }
    }
    let once = failed.len();
    let failed = second_attempts(failed, &logs);
    passed += once - failed.len();
    let minutes = (clock::now() - began).as_secs_f64() / 60.0;
    println!("\n{minutes:.1} minutes, logs in {}", logs.display());
    if skipped > 0 {
        println!("{skipped} steps were skipped");
    }
    for (step, why) in &failed {
        println!("failed: {}\n{why}", step.name);
    }
    println!("{passed} passed, {} failed", failed.len());
    ensure!(failed.is_empty(), "the test run failed");
    Ok(())
}

/// Runs one step and tells how it went; if it failed, returns the lines that say why.
/// `which` sets its log apart from that of an earlier attempt.
fn attempt(step: &Step, logs: &Path, which: &str) -> Result<(), String> {
    let name = step.name;
    let log = logs.join(format!("{}{which}.log", name.replace(' ', "-")));
    let from = clock::now();
    let outcome = step.run(&log);
    let took = (clock::now() - from).as_secs_f64();
    match outcome {
        Ok(()) => {
            println!("ok       {name}{which} ({took:.0} s)");
            if step.tells {
                tell(&log);
            }
            Ok(())
        }
        Err(error) => {
            println!("FAILED   {name}{which} ({took:.0} s): {error:#}");
            show_end(&log);
            Err(why(&fs::read_to_string(&log).unwrap_or_default()))
        }
    }
}

/// What depends on real time is tried once more when the rest is done, since another program may
/// have had the computer's cores; both outcomes are told. Where much fails it is not that.
/// Returns what has failed for good.
fn second_attempts(failed: Vec<(Step, String)>, logs: &Path) -> Vec<(Step, String)> {
    if failed.len() > MOST_AGAIN {
        return failed;
    }
    failed
        .into_iter()
        .filter_map(|(step, why)| {
            if !step.is_live {
                return Some((step, why));
            }
            println!("\n{} once more, since it depends on real time; it failed by", step.name);
            println!("{why}");
            attempt(&step, logs, "-again").err().map(|why| (step, why))
        })
        .collect()
}

/// One thing that is checked: a command that succeeds or not.
struct Step {
    name: &'static str,
    program: PathBuf,
    arguments: Vec<&'static str>,
    dir: PathBuf,
    environment: &'static [(&'static str, &'static str)],
    needs_linux: bool,
    /// It depends on real time: real processes that talk to each other, sound cards, a browser.
    is_live: bool,
    /// Its log ends with a table worth showing.
    tells: bool,
    /// Longest it may take.
    limit: Duration,
}

/// A step may take this long, several times what it takes on two cores.
const LIMIT: Duration = Duration::from_secs(30 * 60);

impl Step {
    fn new(name: &'static str, program: PathBuf, words: &'static str) -> Self {
        Self {
            name,
            program,
            arguments: words.split(' ').collect(),
            dir: repo::root(),
            environment: &[],
            needs_linux: false,
            is_live: false,
            tells: false,
            limit: LIMIT,
        }
    }

    fn cargo(name: &'static str, words: &'static str) -> Self {
        Self::new(name, repo::cargo(), words)
    }

    fn ui(name: &'static str, script: &'static str) -> Self {
        let dir = repo::root().join("ui");
        let program = PathBuf::from(setup::npm(&dir).get_program());
        Self { dir, ..Self::new(name, program, script) }
    }

    /// A command of this very program. The one on disk may be replaced while the others are
    /// built, so that on Linux the running one is named.
    fn xtask(name: &'static str, words: &'static str) -> Self {
        let program = if cfg!(target_os = "linux") {
            PathBuf::from("/proc/self/exe")
        } else {
            std::env::current_exe().unwrap_or_else(|_| PathBuf::from("xtask"))
        };
        Self::new(name, program, words)
    }

    fn demo(name: &'static str, words: &'static str) -> Self {
        let limit = Duration::from_secs(15 * 60);
        Self { tells: true, limit, ..Self::xtask(name, words).live() }
    }

    /// Depends on real time, on what only Linux has.
    fn live(self) -> Self {
        Self { needs_linux: true, is_live: true, ..self }
    }

    fn run(&self, log: &Path) -> Result<()> {
        let file = File::create(log)?;
        let mut command = shell::command(&self.program, &self.dir);
        command.args(&self.arguments).envs(self.environment.iter().copied());
        command.stdout(file.try_clone()?).stderr(file);
        finish(&mut command, self.limit)
    }
}

/// Runs a command to its end, or ends it when it takes longer than `limit`.
fn finish(command: &mut Command, limit: Duration) -> Result<()> {
    let mut child = command.spawn().with_context(|| shell::line(command))?;
    let deadline = clock::now() + protocol::time::Span::from_secs_f64(limit.as_secs_f64());
    loop {
        if let Some(status) = child.try_wait()? {
            ensure!(status.success(), "{} failed: {status}", shell::line(command));
            return Ok(());
        }
        if clock::now() > deadline {
            child.kill()?;
            child.wait()?;
            bail!("{} took longer than {} s", shell::line(command), limit.as_secs());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Shows the table at the end of a demonstration's log.
fn tell(log: &Path) {
    let text = fs::read_to_string(log).unwrap_or_default();
    if let Some((_, table)) = text.trim_end().rsplit_once("\n\n") {
        println!("{table}\n");
    }
}

fn show_end(log: &Path) {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let end = &lines[lines.len().saturating_sub(SHOWN)..];
    println!("--- end of {} ---\n{}\n---", log.display(), end.join("\n"));
}

/// The lines of a log that say what was wrong: panics and failures, and figures out of bounds.
fn why(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    let says = |line: &str| {
        let line = line.trim_start();
        line.contains("panicked at")
            || line.ends_with("<-- missed")
            || ["error", "Error", "×", "AssertionError"].iter().any(|word| line.starts_with(word))
    };
    let mut told = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        // A panic's message stands in the line after the one that says where.
        let follows = index > 0 && lines[index - 1].contains("panicked at");
        if says(line) || follows {
            told.push(format!("  {}", line.trim()));
        }
    }
    if told.is_empty() {
        told.extend(lines.iter().rev().take(3).rev().map(|line| format!("  {}", line.trim())));
    }
    told.truncate(REPEATED);
    told.join("\n")
}

fn steps() -> Vec<Step> {
    // On Windows a running program cannot be replaced, and this one is running.
    let (clippy, test) = if cfg!(windows) {
        (
            "clippy --workspace --exclude xtask --all-targets -- -D warnings",
            "test --workspace --exclude xtask",
        )
    } else {
        ("clippy --workspace --all-targets -- -D warnings", "test --workspace")
    };
    let doc = Step {
        environment: &[("RUSTDOCFLAGS", "-D warnings")],
        ..Step::cargo("rust documentation", "doc --workspace --no-deps")
    };
    vec![
        Step::cargo("rust format", "fmt --all -- --check"),
        Step::xtask("tidy", "tidy"),
        Step::xtask("generated types", "gen --check"),
        Step::ui("front end lint", "run lint"),
        Step::ui("front end types", "run check"),
        Step::ui("front end tests", "run test"),
        Step::cargo("rust lint", clippy),
        Step::cargo("rust tests", test),
        doc,
        Step::cargo("build", "build -p synced-swarm-audio -p relay-server"),
        Step::ui("browser tests", "run e2e").live(),
        Step::cargo("bridge and browser", "test --workspace --test interop -- --ignored").live(),
        Step::cargo("turn server", "test -p relay-server --test turn -- --ignored").live(),
        Step::cargo(
            "relays in a cluster",
            "test -p relay-server --test cluster -- --ignored --nocapture --test-threads 1",
        )
        .live(),
        Step::demo("play mp3", "demo --built --format mp3 --seconds 15"),
        Step::demo("play flac", "demo --built --format flac --seconds 15"),
        Step::demo("play m4a", "demo --built --format m4a --seconds 15"),
        Step::demo("play alac", "demo --built --format alac --seconds 8"),
        Step::demo("play ogg", "demo --built --format ogg --seconds 8"),
        Step::demo("play wav", "demo --built --format wav --seconds 8"),
        Step::demo("play aiff", "demo --built --format aiff --seconds 8"),
        Step::demo("late join", "demo --built --scenario late-join"),
        Step::demo("director killed", "demo --built --scenario director-killed"),
        Step::demo("relay restart", "demo --built --scenario relay-restart"),
        Step::demo("device lost", "demo --built --scenario device-lost"),
        Step::demo("desktop", "demo --built --scenario desktop"),
        Step::demo("plain webtorrent", "demo --built --scenario interop"),
        Step::demo("memory", "demo --built --scenario memory"),
        // A bench of ratios: short, and with room for whatever else the machine does.
        Step::demo("relay load", "bench relay --short --check"),
        Step { needs_linux: true, ..Step::xtask("fuzz", "fuzz --seconds 10") },
        Step::demo("bench of itself", "bench self-test --built"),
        Step::demo(
            "sync equal",
            "bench sync --built --noisy --no-snapcast --seconds 20 --scenario equal",
        ),
        Step::demo("sync skewed", "bench sync --built --noisy --seconds 20 --scenario skewed"),
        Step::demo(
            "sync jitter",
            "bench sync --built --noisy --no-snapcast --seconds 20 --scenario jitter-lan",
        ),
        Step::demo(
            "sync asymmetric",
            "bench sync --built --noisy --no-snapcast --seconds 20 --scenario asymmetric-lan",
        ),
        Step::demo("sync seek", "bench sync --built --noisy --scenario seek"),
        Step::demo("sync late join", "bench sync --built --noisy --scenario late-join"),
        Step::demo("sync root killed", "bench sync --built --noisy --scenario root-killed"),
        Step::demo("sync stopped", "bench sync --built --noisy --scenario stopped"),
        Step::demo("sync wall clock", "bench sync --built --noisy --scenario wall-clock"),
        Step::demo(
            "sync starts",
            "bench sync --built --noisy --no-snapcast --starts 10 --scenario starts",
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_of_a_failure_is_found_in_its_log() {
        let log = "running 2 tests\nthread 'a' panicked at src/x.rs:1:\nnot back\nnote: run\n\
                   \x20 press to sound   900 ms  at most 700 ms  <-- missed\nother\n";
        let lines = why(log);
        assert!(lines.contains("panicked at") && lines.contains("not back"), "{lines}");
        assert!(lines.contains("900 ms") && !lines.contains("other"), "{lines}");
    }

    #[test]
    fn a_log_without_a_reason_shows_its_end() {
        assert_eq!(why("1\n2\n3\n4\n"), "  2\n  3\n  4");
    }
}
