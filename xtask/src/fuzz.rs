//! `cargo xtask fuzz`: random inputs for what strangers can send to a relay, guided by which
//! code they reach.
//!
//! `fuzz/` is laid out for cargo-fuzz, and `cargo fuzz run control` works there too. This builds
//! the same targets with the same instrumentation by flags that stable Rust has; what cargo-fuzz
//! adds is an address sanitizer, which code without `unsafe` needs least. Inputs that are found
//! stay below the build directory, only those in `fuzz/corpus` are kept.

use std::fs;

use anyhow::{Result, ensure};
use clap::Args;

use crate::{repo, shell};

/// What can be fuzzed.
const TARGETS: &[&str] = &["control", "tracker", "time"];

/// How LLVM notes which code an input reaches: what cargo-fuzz asks for.
const INSTRUMENTATION: &[&str] = &[
    "--cfg=fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cdebug-assertions",
    "-Coverflow-checks",
];

/// Options of `cargo xtask fuzz`.
#[derive(Args)]
pub struct Arguments {
    /// Only this one: control, tracker or time
    #[arg(long, value_name = "NAME")]
    target: Option<String>,
    /// How long each is fuzzed
    #[arg(long, default_value_t = 60)]
    seconds: u32,
}

/// Builds the targets and runs them one after the other.
///
/// # Errors
///
/// When the build fails, or an input is found that breaks something: its path is told.
pub fn run(arguments: &Arguments) -> Result<()> {
    let chosen: Vec<&str> = TARGETS
        .iter()
        .copied()
        .filter(|target| arguments.target.as_ref().is_none_or(|name| name == target))
        .collect();
    ensure!(!chosen.is_empty(), "there are {}", TARGETS.join(", "));
    let (fuzz, target_dir) = (repo::root().join("fuzz"), repo::target_dir().join("fuzz"));
    let host = shell::read(shell::command("rustc", &fuzz).args(["--print", "host-tuple"]))?;
    let host = host.trim();
    println!("Building the fuzz targets");
    let mut build = shell::command(repo::cargo(), &fuzz);
    // With a target named, the flags are not those of build scripts.
    build.args(["build", "--quiet", "--release", "--locked", "--target", host]);
    build.arg("--target-dir").arg(&target_dir);
    shell::run(build.env("CARGO_ENCODED_RUSTFLAGS", INSTRUMENTATION.join("\u{1f}")))?;
    for target in chosen {
        println!("Fuzzing {target} for {} s", arguments.seconds);
        let found = target_dir.join("corpus").join(target);
        let faults = target_dir.join("faults").join(target);
        fs::create_dir_all(&found)?;
        fs::create_dir_all(&faults)?;
        let program = target_dir.join(host).join("release").join(target);
        let mut fuzzing = shell::command(program, &fuzz);
        // What is new goes into the first folder.
        fuzzing.arg(&found).arg(fuzz.join("corpus").join(target));
        fuzzing.arg(format!("-max_total_time={}", arguments.seconds));
        fuzzing.arg(format!("-artifact_prefix={}/", faults.display()));
        fuzzing.args([
            "-timeout=10",
            "-rss_limit_mb=2048",
            "-max_len=16384",
            "-print_final_stats=1",
        ]);
        shell::run(&mut fuzzing)?;
    }
    Ok(())
}
