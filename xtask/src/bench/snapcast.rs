//! Snapcast on the same kinds of cards and behind the same network, for the comparison.
//!
//! Debian's packages, with ports, settings and folders of their own: a server that the
//! system itself runs is neither used nor disturbed.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use protocol::LocalTime;
use protocol::time::Span;

use super::proxy::{Proxy, Weather};
use super::room::folder;
use crate::build::Profile;
use crate::card::Card;
use crate::demo::process::Process;
use crate::demo::stage::{Stage, listen, wait_until};
use crate::measure::capture::Capture;
use crate::{clock, shell};

/// How long after what is fed a client plays. (milliseconds)
const BUFFER: i64 = 1_000;

/// What its two clients played, and when.
pub struct Played {
    /// What the two cards heard.
    pub heard: [Capture; 2],
    /// From the first sound that was fed to the last that counts.
    pub within: (LocalTime, LocalTime),
    /// What the busier client used of one core. (%)
    pub processor: f64,
}

/// Whether it is installed.
pub fn is_there() -> bool {
    shell::has("snapserver") && shell::has("snapclient")
}

/// Lets it play `song` for some time; the second client is behind `weather`.
///
/// # Errors
///
/// When it does not start or is not heard.
pub fn play(
    name: &str,
    cards: &[Card; 2],
    weather: Option<Weather>,
    song: &Path,
    length: Span,
) -> Result<Played> {
    let dir = folder().join(format!("{name}-snapcast"));
    let mut stage = Stage::set_in(&dir, cards, Profile::default(), false)?;
    stage.forgets_recordings();
    let dir = stage.dir();
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let fifo = dir.join("sound");
    make_fifo(&fifo)?;
    fs::create_dir_all(dir.join("home"))?;
    let settings = dir.join("snapserver.conf");
    fs::write(&settings, configuration(dir, &fifo, port))?;
    let mut command = Process::command("snapserver");
    command.arg("--config").arg(&settings).env("HOME", dir.join("home")).stdout(Stdio::null());
    let mut server = Process::start(&mut command, &dir.join("snapserver.log"))?;
    wait_until(Span::from_secs(10), || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok())
        .with_context(|| format!("snapserver does not listen:\n{}", server.last_words()))?;
    ensure!(server.is_running(), "snapserver has ended:\n{}", server.last_words());

    let proxy = weather.map(|weather| Proxy::open(port, weather, 1)).transpose()?;
    let far = proxy.as_ref().map_or(port, Proxy::port);
    let mut clients = Vec::new();
    for (number, (card, port)) in (1..).zip(cards.iter().zip([port, far])) {
        clients.push(client(&stage, number, card, port)?);
    }
    let fed = clock::now();
    let mut feeder = Process::command("ffmpeg");
    feeder.args(["-hide_banner", "-loglevel", "error", "-nostdin", "-y", "-i"]).arg(song);
    feeder.args(["-vn", "-ac", "2", "-ar", "48000", "-f", "s16le"]).arg(&fifo);
    let feeder = Process::start(feeder.stdout(Stdio::null()), &dir.join("feeder.log"))?;

    let times = |clients: &[Process]| -> Result<Vec<Span>> {
        clients.iter().map(Process::processor_time).collect()
    };
    let settled = fed + Span::from_secs(5);
    listen(settled);
    let before = times(&clients)?;
    let end = fed + Span::from_millis(BUFFER) + length;
    listen(end);
    let after = times(&clients)?;
    let busiest = before.iter().zip(&after).map(|(before, after)| *after - *before).max();
    let processor = busiest.unwrap_or_default().as_secs_f64() / (end - settled).as_secs_f64();
    for mut client in clients {
        client.quit();
    }
    drop((feeder, server));
    let heard = |card: &Card| Capture::read(&stage.rack().capture(&card.name));
    Ok(Played {
        heard: [heard(&cards[0])?, heard(&cards[1])?],
        within: (fed, end),
        processor: processor * 100.0,
    })
}

fn client(stage: &Stage, number: usize, card: &Card, port: u16) -> Result<Process> {
    let (name, cards) = stage.rack().environment();
    let mut command = Process::command("snapclient");
    command.args(["--host", "127.0.0.1", "--port", &port.to_string()]);
    command.args(["--hostID", &format!("bench-{}", card.name), "--instance", &number.to_string()]);
    command.args(["--player", "alsa", "--soundcard", &card.name]);
    command.env(name, cards).env("HOME", stage.dir().join("home")).stdout(Stdio::null());
    Process::start(&mut command, &stage.dir().join(format!("snapclient-{number}.log")))
}

fn configuration(dir: &Path, fifo: &Path, port: u16) -> String {
    format!(
        "[server]\ndatadir = {dir}\n\
         [http]\nenabled = false\n\
         [tcp]\nenabled = false\n\
         [stream]\nbind_to_address = 127.0.0.1\nport = {port}\n\
         source = pipe://{fifo}?name=bench&mode=read&sampleformat=48000:16:2\n\
         codec = flac\nchunk_ms = 20\nbuffer = {BUFFER}\n",
        dir = dir.display(),
        fifo = fifo.display(),
    )
}

#[cfg(target_os = "linux")]
fn make_fifo(path: &Path) -> Result<()> {
    use rustix::fs::{CWD, Mode};
    rustix::fs::mkfifoat(CWD, path, Mode::RUSR | Mode::WUSR)
        .with_context(|| format!("cannot make {}", path.display()))
}

/// There are no virtual cards to play on here.
#[cfg(not(target_os = "linux"))]
fn make_fifo(path: &Path) -> Result<()> {
    anyhow::bail!("cannot make {}: this system has no such thing", path.display())
}
