//! A compiler and an archiver that make empty files.
//!
//! A build script that compiles C for another system asks for that system's compiler. As
//! nothing is linked, what it makes is never read. This program plays both parts itself when
//! it is called by one of their names.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Name of the compiler.
pub const COMPILER: &str = "stub-cc";
/// Name of the archiver.
pub const ARCHIVER: &str = "stub-ar";

/// Puts this program into `dir` under one of the names.
///
/// # Errors
///
/// When the link cannot be made.
pub fn install(dir: &Path, name: &str) -> Result<PathBuf> {
    let path = dir.join(name);
    if path.symlink_metadata().is_ok() {
        std::fs::remove_file(&path)?;
    }
    let program = std::env::current_exe().context("this program has a path")?;
    #[cfg(unix)]
    std::os::unix::fs::symlink(program, &path)?;
    #[cfg(not(unix))]
    std::fs::copy(program, &path)?;
    Ok(path)
}

/// Whether the program was called by one of the names.
pub fn is_meant(program: &OsStr) -> bool {
    Path::new(program).file_name().is_some_and(|name| name == COMPILER || name == ARCHIVER)
}

/// Makes the files that were asked for, empty.
///
/// # Errors
///
/// When one cannot be made.
pub fn run(arguments: &[OsString]) -> Result<()> {
    // `-E` asks which compiler this is: build scripts know gcc's way of speaking best.
    if arguments.iter().any(|word| word == "-E") {
        println!("#pragma message \"gcc\"");
        return Ok(());
    }
    for path in products(arguments) {
        File::create(&path).with_context(|| format!("cannot make {}", path.display()))?;
    }
    Ok(())
}

/// The files that a command line asks to be made.
fn products(arguments: &[OsString]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let text = word.to_string_lossy();
        let lower = text.to_lowercase();
        if lower == "-o" {
            found.extend(words.next().map(PathBuf::from));
        } else if let Some(path) = ["-fo", "/fo", "-out:", "/out:"]
            .iter()
            .find_map(|mark| lower.starts_with(mark).then(|| PathBuf::from(&text[mark.len()..])))
        {
            found.push(path);
        } else if !lower.starts_with('-') && (lower.ends_with(".a") || lower.ends_with(".lib")) {
            found.push(PathBuf::from(word));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(line: &str) -> Vec<PathBuf> {
        products(&line.split(' ').map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn every_way_to_name_a_product_is_understood() {
        assert_eq!(made("-O2 -c -o out/a.o a.c"), [Path::new("out/a.o")]);
        assert_eq!(made("-nologo -FoC:/a.obj -c a.c"), [Path::new("C:/a.obj")]);
        assert_eq!(made("-out:b.lib a.obj"), [Path::new("b.lib")]);
        assert_eq!(made("cq libx.a a.o b.o"), [Path::new("libx.a")]);
    }
}
