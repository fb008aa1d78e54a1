//! A session bus of its own, so that a demonstration neither needs a desktop nor disturbs one.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use protocol::time::Span;

use super::process::Process;
use super::stage::wait_until;
use crate::shell;

/// The variable that leads programs to their session's bus.
const SESSION: &str = "DBUS_SESSION_BUS_ADDRESS";

/// A running bus, and what is said on it.
pub struct Bus {
    address: String,
    said: PathBuf,
    _listener: Process,
    _daemon: Process,
}

impl Bus {
    /// Starts one.
    ///
    /// # Errors
    ///
    /// When there is no `dbus-daemon` or it does not come up.
    pub fn start(dir: &Path) -> Result<Self> {
        let mut command = Process::command("dbus-daemon");
        command.args(["--session", "--nofork", "--print-address=1"]).stdout(Stdio::piped());
        let mut daemon = Process::start(&mut command, &dir.join("bus.log"))?;
        let out = daemon.child().stdout.take().context("the bus's output is a pipe")?;
        let mut address = String::new();
        BufReader::new(out).read_line(&mut address)?;
        let address = address.trim().to_owned();
        ensure!(!address.is_empty(), "the bus did not come up:\n{}", daemon.last_words());
        let said = dir.join("bus-said.log");
        let mut listener = Process::command("dbus-monitor");
        listener.args(["--address", &address]).stdout(std::fs::File::create(&said)?);
        let listener = Process::start(&mut listener, &dir.join("bus.log"))?;
        let bus = Self { address, said, _listener: listener, _daemon: daemon };
        bus.hears("NameAcquired")?;
        Ok(bus)
    }

    /// The variables that lead a program here. Where it would ask the system's bus it asks this
    /// one too: what it asks is seen, and nobody answers.
    pub fn environment(&self) -> [(&'static str, &OsStr); 2] {
        let address = OsStr::new(&self.address);
        [(SESSION, address), ("DBUS_SYSTEM_BUS_ADDRESS", address)]
    }

    /// Waits until something with this text was said.
    ///
    /// # Errors
    ///
    /// When it was not within ten seconds.
    pub fn hears(&self, text: &str) -> Result<()> {
        let heard = || std::fs::read_to_string(&self.said).is_ok_and(|said| said.contains(text));
        wait_until(Span::from_secs(10), heard)
            .map(drop)
            .with_context(|| format!("nobody said `{text}` on the bus"))
    }

    /// Presses a media key of the player of this name, or asks it something.
    ///
    /// # Errors
    ///
    /// When it is refused or not answered.
    pub fn player(&self, name: &str, words: &[&str]) -> Result<String> {
        let mut command = Command::new("playerctl");
        command.args(["--player", name]).args(words).env(SESSION, &self.address);
        Ok(shell::read(&mut command)?.trim().to_owned())
    }

    /// The players there are.
    ///
    /// # Errors
    ///
    /// When the bus does not answer.
    pub fn players(&self) -> Result<Vec<String>> {
        let mut command = Command::new("playerctl");
        let list = shell::read(command.arg("--list-all").env(SESSION, &self.address))?;
        Ok(list.lines().map(str::to_owned).collect())
    }

    /// A property of a player, as `busctl` writes it.
    ///
    /// # Errors
    ///
    /// When it is not answered.
    pub fn property(&self, player: &str, property: &str) -> Result<String> {
        let mut command = self.busctl("get-property", player);
        let answer = shell::read(command.args(["org.mpris.MediaPlayer2.Player", property]))?;
        Ok(answer.trim().to_owned())
    }

    /// Asks a player to end its program.
    ///
    /// # Errors
    ///
    /// When it is refused.
    pub fn quit(&self, player: &str) -> Result<()> {
        shell::run(self.busctl("call", player).args(["org.mpris.MediaPlayer2", "Quit"]))
    }

    fn busctl(&self, verb: &str, player: &str) -> Command {
        let mut command = Command::new("busctl");
        command.arg(format!("--address={}", self.address)).arg(verb);
        command.args([&format!("org.mpris.MediaPlayer2.{player}"), "/org/mpris/MediaPlayer2"]);
        command
    }
}
