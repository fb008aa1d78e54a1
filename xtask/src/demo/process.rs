//! A child process that never outlives this one, nor the stage it belongs to.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use protocol::time::Span;

use crate::clock;

/// How long a process may take to end when asked politely.
const GRACE: Span = Span::from_secs(5);

/// In which Linux counts a process's time, on every machine. (1/s)
const TICKS: i64 = 100;

/// A running child, in a process group of its own so that its own children end with it.
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command`; its standard error goes to `log`, its standard input and output are
    /// as the caller set them.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn start(command: &mut Command, log: &Path) -> Result<Self> {
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(command, 0);
        let file = File::options().create(true).append(true).open(log)?;
        let child = command
            .stderr(file)
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        Ok(Self { child, log: log.to_path_buf() })
    }

    /// A command that is killed when this process dies in whatever way, Ctrl-C included.
    pub fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).arg(program).stdin(Stdio::null());
        command
    }

    /// The child itself, for its pipes.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Memory of it and its children; what they share counts once. (bytes)
    ///
    /// # Errors
    ///
    /// When the list of processes cannot be read.
    pub fn group_memory(&self) -> Result<u64> {
        let field = |text: &str, name: &str| -> Option<u64> {
            text.lines()
                .find_map(|line| line.strip_prefix(name))?
                .split_whitespace()
                .next()?
                .parse()
                .ok()
        };
        let mut kib = 0;
        for entry in std::fs::read_dir("/proc")? {
            let dir = entry?.path();
            // A process may end between these looks; then it holds nothing.
            let status = std::fs::read_to_string(dir.join("status")).unwrap_or_default();
            if field(&status, "NSpgid:") == Some(u64::from(self.child.id())) {
                let memory = std::fs::read_to_string(dir.join("smaps_rollup")).unwrap_or_default();
                kib += field(&memory, "Pss:").unwrap_or(0);
            }
        }
        Ok(kib * 1024)
    }

    /// Processor time that its own process has used so far, its children's left out.
    ///
    /// # Errors
    ///
    /// When it has ended.
    pub fn processor_time(&self) -> Result<Span> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The name in brackets may hold spaces; user and system time are fields 14 and 15.
        let fields = stat.rsplit_once(')').context("no name in brackets")?.1;
        let mut ticks = fields.split_whitespace().skip(11).map(str::parse::<i64>);
        let (user, system) = (ticks.next().context("no time")??, ticks.next().context("no time")??);
        Ok(Span::from_nanos((user + system) * (1_000_000_000 / TICKS)))
    }

    /// Stops it where it is, as a closed lid would, its children too.
    pub fn freeze(&mut self) {
        self.signal(Signal::Stop);
    }

    /// Lets it go on.
    pub fn thaw(&mut self) {
        self.signal(Signal::Continue);
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// The last lines of what it wrote to standard error.
    pub fn last_words(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    /// Ends it at once, as a crash or a pulled plug would.
    pub fn kill(&mut self) {
        self.signal(Signal::Kill);
        let _ = self.child.wait();
    }

    /// Asks it to end and waits; ends it by force when it does not. True when it ended by itself.
    pub fn quit(&mut self) -> bool {
        self.signal(Signal::Terminate);
        let deadline = clock::now() + GRACE;
        while clock::now() < deadline {
            if !self.is_running() {
                self.signal(Signal::Kill); // what it left behind in its group
                return true;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        self.kill();
        false
    }

    #[cfg(unix)]
    fn signal(&self, signal: Signal) {
        let signal = match signal {
            Signal::Terminate => rustix::process::Signal::TERM,
            Signal::Kill => rustix::process::Signal::KILL,
            Signal::Stop => rustix::process::Signal::STOP,
            Signal::Continue => rustix::process::Signal::CONT,
        };
        let id = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
        if let Some(group) = id {
            // Fails only when nobody is left in the group.
            let _ = rustix::process::kill_process_group(group, signal);
        }
    }

    /// Without signals there is only one way to end.
    #[cfg(not(unix))]
    fn signal(&mut self, signal: Signal) {
        if matches!(signal, Signal::Terminate | Signal::Kill) {
            let _ = self.child.kill();
        }
    }
}

#[derive(Clone, Copy)]
enum Signal {
    Terminate,
    Kill,
    Stop,
    Continue,
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
