//! One member of the swarm: a real app process, driven by intents on its standard input and
//! watched by the views on its standard output.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{ChildStdin, ChildStdout, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use protocol::host::{Intent, LinkState, MeetingPoint, View};
use protocol::time::{Millis, Span};
use protocol::{FileId, LocalTime, MediaTime};

use super::display::Display;
use super::process::Process;
use crate::clock;

/// How a member is started.
pub struct Launch<'a> {
    /// The app.
    pub program: &'a Path,
    /// Its user id; its card is `dac_` and this.
    pub name: &'a str,
    /// Where its data folder and its log go.
    pub dir: &'a Path,
    /// More words on its command line.
    pub arguments: &'a [&'a str],
    /// Variables it is given.
    pub environment: &'a [(&'a str, &'a OsStr)],
    /// Its own display; the person's own if absent.
    pub display: Option<Display>,
    /// Where it is written down what the app believed of its own timing; nowhere if absent.
    pub beliefs: Option<&'a Path>,
    /// With the data folder that a person's app has, under the home that the variables name,
    /// instead of one of its own.
    pub is_at_home: bool,
}

/// A running app.
pub struct Member {
    name: String,
    process: Process,
    intents: ChildStdin,
    watch: Arc<Watch>,
    display: Option<Display>,
}

#[derive(Default)]
struct Watch {
    seen: Mutex<Seen>,
    changed: Condvar,
}

#[derive(Default)]
struct Seen {
    view: Option<View>,
    /// The view as it was written, for what this program does not know yet.
    text: String,
    at: Option<LocalTime>,
    fault: Option<String>,
    ended: bool,
}

impl Member {
    /// Starts the app and waits until it shows its first view.
    ///
    /// # Errors
    ///
    /// When it cannot be started or says nothing for 30 seconds.
    pub fn launch(launch: Launch<'_>) -> Result<Self> {
        let Launch { program, name, dir, arguments, environment, display, beliefs, is_at_home } =
            launch;
        let beliefs = beliefs.map(Beliefs::create).transpose()?;
        let data_dir = dir.join(format!("data-{name}"));
        let mut command = Process::command(program);
        command
            .args(["--status", "json", "--user-id", name, "--output"])
            .arg(format!("alsa:dac_{name}"))
            .args(arguments)
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        if !is_at_home {
            command.arg("--data-dir").arg(&data_dir);
        }
        if let Some(display) = &display {
            command.env("DISPLAY", display.name()).env_remove("WAYLAND_DISPLAY");
        }
        let mut process = Process::start(&mut command, &dir.join(format!("{name}.log")))?;
        let intents = process.child().stdin.take().context("standard input is a pipe")?;
        let views = process.child().stdout.take().context("standard output is a pipe")?;
        let watch = Arc::new(Watch::default());
        let reader = Arc::clone(&watch);
        std::thread::spawn(move || reader.read(views, beliefs));
        let mut member = Self { name: name.to_owned(), process, intents, watch, display };
        member.sees("its own first view", Span::from_secs(30), |_| true)?;
        Ok(member)
    }

    /// Waits until its view fits; returns when that view arrived.
    ///
    /// # Errors
    ///
    /// When it does not fit in time, or the app has ended; the message holds what it showed last.
    pub fn sees(
        &mut self,
        what: &str,
        within: Span,
        fits: impl Fn(&View) -> bool,
    ) -> Result<LocalTime> {
        let deadline = clock::now() + within;
        let mut seen = self.watch.seen.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let (Some(view), Some(at)) = (&seen.view, seen.at)
                && fits(view)
            {
                return Ok(at);
            }
            let left = deadline - clock::now();
            let reason = if let Some(fault) = &seen.fault {
                Some(fault.clone())
            } else if seen.ended {
                Some("the app has ended".to_owned())
            } else if left <= Span::from_nanos(0) {
                Some(format!("not within {:.1} s", within.as_secs_f64()))
            } else {
                None
            };
            if let Some(reason) = reason {
                let view = seen.view.as_ref().map_or("none".to_owned(), summary);
                let words = self.process.last_words();
                bail!(
                    "{} did not see {what}: {reason}\nits view: {view}\nits log:\n{words}",
                    self.name
                );
            }
            let pause = Duration::from_secs_f64(left.as_secs_f64().clamp(0.001, 1.0));
            seen = self
                .watch
                .changed
                .wait_timeout(seen, pause)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// What it shows now.
    ///
    /// # Errors
    ///
    /// When it has shown nothing yet.
    pub fn view(&self) -> Result<View> {
        let seen = self.watch.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.view.clone().with_context(|| format!("{} has shown nothing", self.name))
    }

    /// A value of the view by its path, `clock/root` for instance; none if it is not there.
    pub fn shows(&self, path: &str) -> Option<serde_json::Value> {
        let seen = self.watch.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let view: serde_json::Value = serde_json::from_str(&seen.text).ok()?;
        view.pointer(&format!("/{path}")).filter(|value| !value.is_null()).cloned()
    }

    /// Says what a person wants; returns the moment just before it was written.
    ///
    /// # Errors
    ///
    /// When the app no longer reads.
    pub fn wants(&mut self, intent: &Intent) -> Result<LocalTime> {
        self.is_told(&serde_json::to_string(intent)?)
    }

    /// Says one line of JSON; returns the moment just before it was written.
    ///
    /// # Errors
    ///
    /// When the app no longer reads.
    pub fn is_told(&mut self, intent: &str) -> Result<LocalTime> {
        let line = format!("{intent}\n");
        let pressed = clock::now();
        let written = self.intents.write_all(line.as_bytes()).and_then(|()| self.intents.flush());
        written.with_context(|| format!("{} no longer listens", self.name))?;
        Ok(pressed)
    }

    /// Enters a swarm at a relay.
    ///
    /// # Errors
    ///
    /// As [`Self::wants`].
    pub fn joins(&mut self, key: &str, relay: &str) -> Result<LocalTime> {
        let at = MeetingPoint::Relay { url: relay.to_owned() };
        self.wants(&Intent::JoinSwarm { key: key.to_owned(), at })
    }

    /// Carries the relay of a swarm; returns where others join.
    ///
    /// # Errors
    ///
    /// As [`Self::wants`], or when it carries nothing within ten seconds.
    pub fn hosts(&mut self, key: &str) -> Result<String> {
        self.wants(&Intent::JoinSwarm { key: key.to_owned(), at: MeetingPoint::Here })?;
        let carries = |view: &View| {
            let swarm = view.swarm.as_ref();
            swarm.is_some_and(|swarm| swarm.hosting && swarm.link == LinkState::Online)
        };
        self.sees("its own relay", Span::from_secs(10), carries)?;
        let relay = self.view()?.swarm.and_then(|swarm| swarm.relay);
        relay.context("a relay has an address")
    }

    /// Shares a file.
    ///
    /// # Errors
    ///
    /// As [`Self::wants`].
    pub fn shares(&mut self, song: &Path) -> Result<LocalTime> {
        self.wants(&Intent::AddFiles { paths: vec![song.to_string_lossy().into_owned()] })
    }

    /// Presses play.
    ///
    /// # Errors
    ///
    /// As [`Self::wants`].
    pub fn plays(&mut self, file: &FileId) -> Result<LocalTime> {
        self.plays_from(file, MediaTime::default())
    }

    /// Presses play in the middle of the song.
    ///
    /// # Errors
    ///
    /// As [`Self::wants`].
    pub fn plays_from(&mut self, file: &FileId, position: MediaTime) -> Result<LocalTime> {
        let position_ms = Millis::from(position);
        self.wants(&Intent::Play { file_id: Some(file.clone()), position_ms })
    }

    /// Presses stop.
    ///
    /// # Errors
    ///
    /// As [`Self::wants`].
    pub fn stops(&mut self) -> Result<LocalTime> {
        self.wants(&Intent::Stop)
    }

    /// Its user id.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Takes a picture of its window; none when it is on the person's own display.
    ///
    /// # Errors
    ///
    /// When the window is empty or no picture can be taken.
    pub fn picture(&mut self, path: &Path) -> Result<()> {
        self.display.as_mut().map_or(Ok(()), |display| display.picture(path))
    }

    /// Memory that the app's own process holds, without the web view's. (bytes)
    ///
    /// # Errors
    ///
    /// When the process has ended.
    pub fn resident_memory(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")).context("no VmRSS")?;
        Ok(kib.trim().parse::<u64>()? * 1024)
    }

    /// Memory of the app and of the web view's processes; what they share counts once.
    /// (bytes)
    ///
    /// # Errors
    ///
    /// When the list of processes cannot be read.
    pub fn whole_memory(&self) -> Result<u64> {
        self.process.group_memory()
    }

    /// Processor time that the app's own process has used so far, without the web view's.
    ///
    /// # Errors
    ///
    /// When the process has ended.
    pub fn processor_time(&self) -> Result<Span> {
        self.process.processor_time()
    }

    /// Stops it where it is, as a closed lid would.
    pub fn freezes(&mut self) {
        self.process.freeze();
    }

    /// Lets it go on.
    pub fn thaws(&mut self) {
        self.process.thaw();
    }

    /// Ends it at once, as a crash would.
    pub fn crashes(&mut self) {
        self.process.kill();
    }

    /// Asks it to end.
    ///
    /// # Errors
    ///
    /// When it does not end by itself.
    pub fn quits(mut self) -> Result<()> {
        if self.process.quit() {
            return Ok(());
        }
        bail!("{} did not end when asked\nits log:\n{}", self.name, self.process.last_words())
    }
}

impl Watch {
    fn read(&self, views: ChildStdout, mut beliefs: Option<Beliefs>) {
        for line in BufReader::new(views).lines() {
            let Ok(line) = line else { break };
            let at = clock::now();
            let view = serde_json::from_str::<View>(&line);
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            match view {
                Ok(view) => {
                    if let Some(beliefs) = &mut beliefs {
                        beliefs.write(at, &view);
                    }
                    seen.view = Some(view);
                    seen.text = line;
                    seen.at = Some(at);
                }
                Err(error) => seen.fault = Some(format!("no view: {error}: {line}")),
            }
            self.changed.notify_all();
        }
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).ended = true;
        self.changed.notify_all();
    }
}

/// A file of what the app believed of its own timing, view by view.
struct Beliefs(std::io::BufWriter<std::fs::File>);

impl Beliefs {
    fn create(path: &Path) -> Result<Self> {
        let mut file = std::io::BufWriter::new(std::fs::File::create(path)?);
        writeln!(file, "at_s,error_us,trim_ppm,jumps,uncertainty_us,round_trip_us,skew_ppm")?;
        Ok(Self(file))
    }

    fn write(&mut self, at: LocalTime, view: &View) {
        let number =
            |value: Option<f64>| value.map_or(String::new(), |value| format!("{value:.3}"));
        let (playback, clock) = (&view.playback, &view.clock);
        // A full disk spoils the account, not the measurement.
        let _ = writeln!(
            self.0,
            "{:.6},{},{},{},{},{},{}",
            at.as_nanos() as f64 * 1e-9,
            number(playback.error_us),
            number(playback.trim_ppm),
            playback.jumps,
            number(clock.uncertainty_us),
            number(clock.round_trip_us),
            number(clock.skew_ppm),
        );
    }
}

/// What matters of a view when something went wrong.
fn summary(view: &View) -> String {
    let mut view = view.clone();
    view.outputs.clear();
    let log: Vec<String> = view
        .log
        .drain(..)
        .map(|line| format!("    {:?} {:?} {}", line.level, line.notice.code, line.notice.detail))
        .collect();
    let rest = serde_json::to_string(&view).unwrap_or_default();
    format!("{rest}\nits notices:\n{}", log.join("\n"))
}
