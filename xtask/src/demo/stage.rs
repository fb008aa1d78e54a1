//! Where a demonstration takes place: a folder, virtual cards, displays, and one real relay.

use std::ffi::OsStr;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use anyhow::{Context, Result, ensure};
use protocol::time::Span;
use protocol::{LocalTime, SwarmKey};

use super::display::Display;
use super::member::{Launch, Member};
use super::process::Process;
use crate::build::Profile;
use crate::card::{Card, Rack};
use crate::measure::capture::Capture;
use crate::{clock, repo, shell};

/// The swarm key of this demonstration. Another one on the same machine has another key, or
/// their members would take each other for neighbours.
pub static KEY: LazyLock<String> =
    LazyLock::new(|| format!("the demonstration's swarm {}", std::process::id()));

/// How a member differs from a plain one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Extras<'a> {
    /// More words on its command line.
    pub arguments: &'a [&'a str],
    /// More variables.
    pub environment: &'a [(&'a str, &'a OsStr)],
    /// With the data folder of the home that the variables name.
    pub is_at_home: bool,
}

/// Everything the members of one demonstration share.
pub struct Stage {
    dir: PathBuf,
    recordings: PathBuf,
    rack: Rack,
    relay: Option<Process>,
    port: u16,
    profile: Profile,
    shown: bool,
    keeps: bool,
}

impl Stage {
    /// Sets up in `demo-output/NAME`, emptied first. Each member has the card `dac_` and its
    /// name; `shown` opens windows on the person's own display.
    ///
    /// # Errors
    ///
    /// When the folder cannot be made or the cards cannot be built.
    pub fn set(name: &str, cards: &[(&str, f64)], profile: Profile, shown: bool) -> Result<Self> {
        let cards: Vec<Card> =
            cards.iter().map(|(name, ppm)| Card::new(&format!("dac_{name}"), *ppm)).collect();
        Self::set_in(&repo::root().join("demo-output").join(name), &cards, profile, shown)
    }

    /// Sets up in a folder, emptied first, with these cards.
    ///
    /// # Errors
    ///
    /// As [`Self::set`].
    pub fn set_in(dir: &Path, cards: &[Card], profile: Profile, shown: bool) -> Result<Self> {
        ensure!(
            cfg!(target_os = "linux"),
            "the demonstration plays on virtual sound cards, which only Linux has"
        );
        let dir = dir.to_path_buf();
        if dir.exists() {
            std::fs::remove_dir_all(&dir)?;
        }
        std::fs::create_dir_all(&dir)?;
        let name = dir.file_name().unwrap_or_default().to_string_lossy();
        let recordings = recordings_folder(&name).unwrap_or_else(|| dir.clone());
        let rack = Rack::build(&dir, &recordings, cards)?;
        // Asked for and given back: nobody else on this machine is handed it again so soon.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        Ok(Self { dir, recordings, rack, relay: None, port, profile, shown, keeps: true })
    }

    /// Where the pictures and recordings of this demonstration are.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Throws away what the cards capture once it has been looked at.
    pub fn forgets_recordings(&mut self) {
        self.keeps = false;
    }

    /// Starts the relay, or starts it again on the same port.
    ///
    /// # Errors
    ///
    /// When it does not listen within ten seconds.
    pub fn start_relay(&mut self) -> Result<()> {
        let mut command = Process::command(self.profile.program("relay-server"));
        command.arg("--listen").arg(format!("127.0.0.1:{}", self.port)).stdout(Stdio::null());
        let mut relay = Process::start(&mut command, &self.dir.join("relay.log"))?;
        wait_until(Span::from_secs(10), || {
            std::net::TcpStream::connect(("127.0.0.1", self.port)).is_ok()
        })
        .with_context(|| format!("the relay does not listen:\n{}", relay.last_words()))?;
        ensure!(relay.is_running(), "the relay has ended:\n{}", relay.last_words());
        self.relay = Some(relay);
        Ok(())
    }

    /// Ends the relay at once.
    pub fn kill_relay(&mut self) {
        self.relay = None;
    }

    /// Where members meet.
    pub fn relay_url(&self) -> String {
        format!("ws://127.0.0.1:{}/ws", self.port)
    }

    /// The port of the relay.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where plain WebTorrent clients meet the members.
    ///
    /// # Errors
    ///
    /// Never with a key that is one.
    pub fn tracker_url(&self) -> Result<String> {
        let namespace = SwarmKey::parse(&KEY)?.tracker_namespace();
        Ok(format!("ws://127.0.0.1:{}/announce/{namespace}", self.port))
    }

    /// Starts a member; `arguments` are added to its command line.
    ///
    /// # Errors
    ///
    /// When the app does not come up.
    pub fn member(&self, name: &str, arguments: &[&str]) -> Result<Member> {
        let display = if self.shown { None } else { Some(Display::start(&self.dir)?) };
        self.launch(name, Extras { arguments, ..Extras::default() }, display, None)
    }

    /// Starts a member on a display of its own.
    ///
    /// # Errors
    ///
    /// As [`Self::member`].
    pub fn special_member(&self, name: &str, extras: Extras<'_>) -> Result<Member> {
        self.launch(name, extras, Some(Display::start(&self.dir)?), None)
    }

    /// Starts a member without a window of its own, on a display that several share; what it
    /// believes of its own timing goes to `NAME.csv`.
    ///
    /// # Errors
    ///
    /// As [`Self::member`].
    pub fn hidden_member(
        &self,
        name: &str,
        screen: &Display,
        extras: Extras<'_>,
    ) -> Result<Member> {
        let arguments = [extras.arguments, &["--hidden"]].concat();
        let own = [("DISPLAY", OsStr::new(screen.name())), ("GDK_BACKEND", OsStr::new("x11"))];
        let environment = [extras.environment, &own].concat();
        let beliefs = self.dir.join(format!("{name}.csv"));
        let extras = Extras { arguments: &arguments, environment: &environment, ..extras };
        self.launch(name, extras, None, Some(&beliefs))
    }

    fn launch(
        &self,
        name: &str,
        extras: Extras<'_>,
        display: Option<Display>,
        beliefs: Option<&Path>,
    ) -> Result<Member> {
        let cards = self.rack.environment();
        let environment = [extras.environment, &[(cards.0, cards.1.as_os_str())]].concat();
        Member::launch(Launch {
            program: &self.program(),
            name,
            dir: &self.dir,
            arguments: extras.arguments,
            environment: &environment,
            display,
            beliefs,
            is_at_home: extras.is_at_home,
        })
    }

    /// Starts several members and lets them join; returns once everyone sees everyone.
    ///
    /// # Errors
    ///
    /// When one of them does not come up or the swarm is not whole within ten seconds.
    pub fn swarm<const N: usize>(&self, names: [&str; N]) -> Result<[Member; N]> {
        let mut members = Vec::with_capacity(N);
        for name in names {
            members.push(self.member(name, &[])?);
        }
        for member in &mut members {
            member.joins(&KEY, &self.relay_url())?;
        }
        for member in &mut members {
            member.sees("the whole swarm", Span::from_secs(10), |view| {
                view.swarm.as_ref().is_some_and(|swarm| swarm.members.len() == N)
            })?;
        }
        members.try_into().ok().context("as many members as names")
    }

    /// The app.
    pub fn program(&self) -> PathBuf {
        self.profile.program("synced-swarm-audio")
    }

    /// The cards, to pull their plugs.
    pub fn rack(&self) -> &Rack {
        &self.rack
    }

    /// What was played on the card of a member.
    ///
    /// # Errors
    ///
    /// When nothing was.
    pub fn heard(&self, name: &str) -> Result<Capture> {
        Capture::read(&self.rack.capture(&format!("dac_{name}")))
            .with_context(|| format!("{name} was not heard"))
    }

    /// Runs a Node script of `xtask/interop` that prints JSON, and returns what it printed.
    ///
    /// # Errors
    ///
    /// When it fails.
    pub fn script(&self, name: &str, arguments: &[&str]) -> Result<serde_json::Value> {
        let script = repo::root().join("xtask/interop").join(name);
        let mut node = shell::command("node", &repo::root().join("ui"));
        let said = shell::read(node.arg(script).args(arguments))?;
        serde_json::from_str(said.trim()).with_context(|| format!("{name} printed: {said}"))
    }

    /// Starts a Node script of `xtask/interop`, which runs until it is dropped.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn start_script(&self, name: &str, arguments: &[&str]) -> Result<Process> {
        let root = repo::root();
        let mut node = Process::command("node");
        node.current_dir(root.join("ui")).arg(root.join("xtask/interop").join(name));
        node.args(arguments).stdout(Stdio::null());
        Process::start(&mut node, &self.dir.join(format!("{name}.log")))
    }
}

impl Drop for Stage {
    /// Brings the recordings to the other files, whatever the outcome.
    fn drop(&mut self) {
        if self.recordings == self.dir {
            return;
        }
        if !self.keeps {
            let _ = std::fs::remove_dir_all(&self.recordings);
            return;
        }
        let moved = std::fs::read_dir(&self.recordings).and_then(|mut entries| {
            entries.try_for_each(|entry| {
                let entry = entry?;
                std::fs::copy(entry.path(), self.dir.join(entry.file_name())).map(drop)
            })
        });
        match moved {
            Ok(()) => drop(std::fs::remove_dir_all(&self.recordings)),
            Err(error) => println!("recordings stay in {}: {error}", self.recordings.display()),
        }
    }
}

/// Room for an hour on three cards.
const RECORDINGS: u64 = 4 << 30;

/// A folder in memory for what the cards capture, if there is room. The cards are written
/// from the players' audio threads, and a busy disk held these up for 100 ms at a time.
fn recordings_folder(name: &str) -> Option<PathBuf> {
    let memory = Path::new("/dev/shm");
    let space = rustix::fs::statvfs(memory).ok()?;
    let prefix = "synced-swarm-audio-demo-";
    for entry in std::fs::read_dir(memory).ok()?.flatten() {
        let file = entry.file_name().to_string_lossy().into_owned();
        let Some(rest) = file.strip_prefix(prefix) else { continue };
        let owner = rest.split('-').next().unwrap_or_default();
        if !Path::new("/proc").join(owner).exists() {
            let _ = std::fs::remove_dir_all(entry.path()); // its demonstration was killed
        }
    }
    let folder = memory.join(format!("{prefix}{}-{name}", std::process::id()));
    let is_roomy = space.f_bavail * space.f_frsize >= RECORDINGS;
    (is_roomy && std::fs::create_dir(&folder).is_ok()).then_some(folder)
}

/// Looks again every 10 ms until `done`.
///
/// # Errors
///
/// When it is not done in time.
pub fn wait_until(within: Span, mut done: impl FnMut() -> bool) -> Result<LocalTime> {
    let deadline = clock::now() + within;
    while clock::now() < deadline {
        if done() {
            return Ok(clock::now());
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    anyhow::bail!("not within {:.1} s", within.as_secs_f64())
}

/// Lets music play until the clock shows `until`.
pub fn listen(until: LocalTime) {
    let left = until - clock::now();
    if let Ok(left) = std::time::Duration::try_from_secs_f64(left.as_secs_f64()) {
        std::thread::sleep(left);
    }
}

/// Runs ffmpeg quietly.
///
/// # Errors
///
/// When it fails.
pub fn ffmpeg(arguments: &[&str]) -> Result<()> {
    let mut command = Command::new("ffmpeg");
    shell::run(
        command.args(["-hide_banner", "-loglevel", "error", "-nostdin", "-y"]).args(arguments),
    )
}
