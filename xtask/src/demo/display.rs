//! A virtual display for one window, and pictures of it.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::process::Process;
use crate::shell;

/// Size of the display: the window fills it. (pixels)
const SIZE: &str = "420x820x24";

/// Fewer colours than this is an empty window, not a screen.
const COLOURS: u32 = 24;

/// A running X server without hardware.
pub struct Display {
    server: Process,
    name: String,
}

impl Display {
    /// Starts one under a number that nobody uses.
    ///
    /// # Errors
    ///
    /// When Xvfb is missing or does not come up.
    pub fn start(dir: &Path) -> Result<Self> {
        let mut command = Process::command("Xvfb");
        // The server finds a free number itself and says which.
        command.args(["-displayfd", "1", "-screen", "0", SIZE, "-nolisten", "tcp", "-noreset"]);
        let mut server = Process::start(command.stdout(Stdio::piped()), &dir.join("display.log"))?;
        let mut said = std::io::BufReader::new(
            server.child().stdout.take().context("the display's output is a pipe")?,
        );
        let mut number = String::new();
        std::io::BufRead::read_line(&mut said, &mut number)?;
        ensure!(!number.trim().is_empty(), "Xvfb did not come up:\n{}", server.last_words());
        Ok(Self { server, name: format!(":{}", number.trim()) })
    }

    /// The value for `DISPLAY`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Takes a picture of everything on the display.
    ///
    /// # Errors
    ///
    /// When the picture cannot be taken, or shows an empty window.
    pub fn picture(&mut self, path: &Path) -> Result<()> {
        ensure!(self.server.is_running(), "the display has ended");
        shell::run(
            Command::new("import").args(["-display", &self.name, "-window", "root"]).arg(path),
        )?;
        let count = shell::read(Command::new("identify").args(["-format", "%k"]).arg(path))?;
        let colours: u32 = count.trim().parse().context("identify counts colours")?;
        ensure!(colours >= COLOURS, "{} shows nothing: {colours} colours", path.display());
        Ok(())
    }
}
