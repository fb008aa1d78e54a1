//! The TypeScript types of everything the window and the core say to each other, written
//! from the Rust types. They are committed, so that the front end builds without Rust.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::{repo, shell};

/// Options of `cargo xtask gen`.
#[derive(Args)]
pub struct Arguments {
    /// Change nothing; fail when the committed types are not what the Rust types say
    #[arg(long)]
    check: bool,
}

/// Writes the types, or compares them.
///
/// # Errors
///
/// When the export fails, or with `--check` when a file differs, is missing or is left over.
pub fn run(arguments: &Arguments) -> Result<()> {
    let root = repo::root();
    let committed = root.join("ui/src/protocol/generated");
    let fresh = repo::target_dir().join("generated-types");
    if fresh.exists() {
        fs::remove_dir_all(&fresh)?;
    }
    fs::create_dir_all(&fresh)?;
    let fresh = fresh.canonicalize()?;
    let export =
        ["run", "--quiet", "-p", "protocol", "--features", "ts", "--bin", "export-typescript"];
    shell::run(shell::command(repo::cargo(), &root).args(export).arg("--").arg(&fresh))?;
    let (old, new) = (files(&committed)?, files(&fresh)?);
    let differences = differences(&old, &new);
    if differences.is_empty() {
        println!("The TypeScript types are up to date.");
        return Ok(());
    }
    if arguments.check {
        bail!("the TypeScript types are stale, run `cargo xtask gen`:\n{}", differences.join("\n"));
    }
    if committed.exists() {
        fs::remove_dir_all(&committed)?;
    }
    for (name, text) in &new {
        let path = committed.join(name);
        fs::create_dir_all(path.parent().context("a file has a folder")?)?;
        fs::write(path, text)?;
    }
    println!("{}", differences.join("\n"));
    Ok(())
}

fn files(dir: &Path) -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![dir.to_path_buf()];
    while let Some(folder) = folders.pop() {
        if !folder.exists() {
            continue;
        }
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(dir)?.to_string_lossy().replace('\\', "/");
                found.insert(name, fs::read_to_string(&path)?);
            }
        }
    }
    Ok(found)
}

fn differences(old: &BTreeMap<String, String>, new: &BTreeMap<String, String>) -> Vec<String> {
    let mut lines = Vec::new();
    for (name, text) in new {
        match old.get(name) {
            None => lines.push(format!("new      {name}")),
            Some(before) if before != text => lines.push(format!("changed  {name}")),
            Some(_) => {}
        }
    }
    lines.extend(
        old.keys().filter(|name| !new.contains_key(*name)).map(|name| format!("gone     {name}")),
    );
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_changed_and_left_over_files_are_named() {
        let set = |files: &[(&str, &str)]| {
            files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
        };
        let old = set(&[("A.ts", "1"), ("B.ts", "2"), ("C.ts", "3")]);
        let new = set(&[("A.ts", "1"), ("B.ts", "changed"), ("D.ts", "4")]);
        assert_eq!(differences(&old, &new), ["changed  B.ts", "new      D.ts", "gone     C.ts"]);
        assert!(differences(&old, &old).is_empty());
    }
}
