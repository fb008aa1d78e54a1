//! Type-checks what ships for systems that this machine is not: Windows, macOS, iOS, Android.
//!
//! Debian's own Rust comes with the sources of the standard library, so that cargo builds
//! that library for any target; the toolchain of rustup stays as it is. `cargo check` never
//! links, so no linker or system library of those systems is needed. The few crates that
//! compile C in their build scripts are given [`stub`], a compiler that makes empty files:
//! all Rust code is still checked in full. What this cannot show is that the code works.

pub mod stub;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::setup::{self, Consent};
use crate::{build, clock, repo, shell};

/// Crates that ship, without the window.
const CRATES: &[&str] =
    &["protocol", "sync-core", "audio-engine", "track-store", "relay-server", "peer"];

/// The window's crate.
const APP: &[&str] = &["synced-swarm-audio"];

/// What is checked where. The app for Windows is checked in its GNU flavour, whose resource
/// compiler exists here.
const CHECKS: &[(&str, &[&str])] = &[
    ("x86_64-pc-windows-msvc", CRATES),
    ("aarch64-apple-darwin", CRATES),
    ("aarch64-apple-ios", CRATES),
    ("aarch64-linux-android", CRATES),
    ("x86_64-pc-windows-gnu", APP),
    ("aarch64-linux-android", APP),
];

/// Options of `cargo xtask cross`.
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    consent: Consent,
    /// Check only targets whose name contains this
    #[arg(long, value_name = "WORD")]
    target: Option<String>,
    /// Check only these crates
    #[arg(long = "package", short = 'p', value_name = "CRATE")]
    packages: Vec<String>,
}

/// Checks everything, also after one check has failed.
///
/// # Errors
///
/// When Debian's Rust is missing and cannot be installed, or a check fails.
pub fn run(arguments: &Arguments) -> Result<()> {
    setup::ensure_cross(arguments.consent)?;
    if !repo::root().join("ui/dist/index.html").exists() {
        build::front_end()?; // the app's crate contains it
    }
    let toolchain = Toolchain::find()?;
    let mut failed = Vec::new();
    for (target, crates) in CHECKS {
        let packages: Vec<&str> = crates
            .iter()
            .copied()
            .filter(|name| {
                arguments.packages.is_empty() || arguments.packages.iter().any(|p| p == name)
            })
            .collect();
        let wanted = arguments.target.as_ref().is_none_or(|word| target.contains(word.as_str()));
        if packages.is_empty() || !wanted {
            continue;
        }
        let from = clock::now();
        let outcome = shell::run(&mut toolchain.check(target, &packages));
        let took = (clock::now() - from).as_secs_f64();
        let verdict = if outcome.is_ok() { "ok     " } else { "FAILED " };
        println!("{verdict} {target}: {} ({took:.0} s)", packages.join(", "));
        if outcome.is_err() {
            failed.push(*target);
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    bail!("does not type-check for {}", failed.join(", "))
}

/// Debian's Rust, by path.
struct Toolchain {
    cargo: PathBuf,
    rustc: PathBuf,
    compiler: PathBuf,
    archiver: PathBuf,
    dir: PathBuf,
}

impl Toolchain {
    fn find() -> Result<Self> {
        let dir = repo::target_dir().join("cross");
        std::fs::create_dir_all(dir.join("sdk"))?;
        let dir = dir.canonicalize()?;
        Ok(Self {
            cargo: program_of("cargo-web", "cargo")?,
            rustc: program_of("rustc-web", "rustc")?,
            compiler: stub::install(&dir, stub::COMPILER)?,
            archiver: stub::install(&dir, stub::ARCHIVER)?,
            dir,
        })
    }

    fn check(&self, target: &str, packages: &[&str]) -> Command {
        let mut check = shell::command(&self.cargo, &repo::root());
        check.args(["check", "--locked", "-Zbuild-std=std,panic_abort", "--target", target]);
        check.arg("--target-dir").arg(&self.dir);
        for package in packages {
            check.args(["--package", package]);
        }
        if packages == APP {
            check.arg("--lib");
        }
        // What the toolchain of this program told it must not reach the other one.
        for name in ["RUSTUP_TOOLCHAIN", "LD_LIBRARY_PATH", "CARGO", "RUSTFLAGS"] {
            check.env_remove(name);
        }
        check.env("RUSTC_BOOTSTRAP", "1").env("RUSTC", &self.rustc);
        let name = target.replace('-', "_");
        check.env(format!("CC_{name}"), &self.compiler).env(format!("CXX_{name}"), &self.compiler);
        check.env(format!("AR_{name}"), &self.archiver);
        // Apple's tools are asked for these unless they are given.
        check.env("SDKROOT", self.dir.join("sdk"));
        check.env("MACOSX_DEPLOYMENT_TARGET", "11.0").env("IPHONEOS_DEPLOYMENT_TARGET", "14.0");
        check
    }
}

/// The program of this name that a Debian package carries.
fn program_of(package: &str, program: &str) -> Result<PathBuf> {
    let listing = shell::read(Command::new("dpkg").args(["-L", package]))?;
    listing
        .lines()
        .map(Path::new)
        .find(|path| path.file_name().is_some_and(|name| name == program) && path.is_file())
        .map(Path::to_path_buf)
        .with_context(|| format!("{package} carries no {program}"))
}
