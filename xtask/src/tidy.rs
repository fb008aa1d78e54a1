//! Rules about the source that no compiler checks: who may use whom, where clocks, sound
//! devices and windows may be touched, how long a file may grow.
//!
//! Every rule is a function from text to faults, tested by planting the fault it looks for.

mod layers;
mod locks;
mod source;

use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::{repo, shell};

/// A place where a rule is broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file, from the root, with a line if there is one; or a crate.
    pub at: String,
    /// What is wrong and what to do.
    pub law: String,
}

impl Fault {
    /// A fault at a place.
    pub fn new(at: impl Into<String>, law: impl Into<String>) -> Self {
        Self { at: at.into(), law: law.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.law)
    }
}

/// Checks the whole checkout.
///
/// # Errors
///
/// When a rule is broken; the message names every place.
pub fn run() -> Result<()> {
    let root = repo::root();
    let metadata = shell::read(shell::command(repo::cargo(), &root).args([
        "metadata",
        "--format-version=1",
        "--no-deps",
    ]))?;
    let mut faults = layers::check(&metadata)?;
    for path in files(&root)? {
        // A file that git knows but a person has just deleted, or no text.
        if let Ok(text) = fs::read_to_string(root.join(&path)) {
            faults.extend(source::check(&path, &text));
            faults.extend(locks::check(&path, &text));
        }
    }
    if faults.is_empty() {
        println!("Tidy.");
        return Ok(());
    }
    let lines: Vec<String> = faults.iter().map(Fault::to_string).collect();
    bail!("broken rules: {}:\n{}", lines.len(), lines.join("\n"))
}

/// Every file that is committed or about to be, from the root, with forward slashes.
fn files(root: &Path) -> Result<Vec<String>> {
    let listing = shell::read(shell::command("git", root).args([
        // The checkout may belong to another user, as in a container.
        "-c",
        "safe.directory=*",
        "ls-files",
        "--cached",
        "--others",
        "--exclude-standard",
    ]))
    .context("tidy looks at the files that git knows")?;
    Ok(listing.lines().map(str::to_owned).collect())
}
