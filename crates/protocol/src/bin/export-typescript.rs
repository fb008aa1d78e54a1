//! Writes the TypeScript types into the folder given as the only argument; called by `cargo xtask gen`.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(dir) = std::env::args_os().nth(1) else {
        eprintln!("usage: export-typescript FOLDER");
        return ExitCode::FAILURE;
    };
    match protocol::typescript::export(Path::new(&dir)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cannot write {}: {error}", Path::new(&dir).display());
            ExitCode::FAILURE
        }
    }
}
