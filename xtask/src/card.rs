//! Virtual sound cards: ALSA devices whose clock is arithmetic and known exactly.
//!
//! The card itself is `virtual-card/pcm_swarmcard.c`; this builds it and writes the ALSA
//! configuration that names the cards of one run. What the players wrote is read back by
//! [`crate::measure::capture`].

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::{repo, shell};

/// What one card is like. Latencies and steps are in frames.
#[derive(Clone, Debug, PartialEq)]
pub struct Card {
    /// The ALSA device: `dac_a` is `alsa:dac_a` to the app.
    pub name: String,
    /// Frames per second, by its own clock.
    pub rate: u32,
    /// Samples per frame.
    pub channels: u16,
    /// The one sample format it takes, as ALSA spells it; several if absent.
    pub format: Option<String>,
    /// How much faster than nominal its clock runs. (parts per million)
    pub ppm: f64,
    /// Amplitude of a sine added to `ppm`. (parts per million)
    pub wobble: f64,
    /// Period of that sine. (seconds)
    pub wobble_s: f64,
    /// Latency that the card tells.
    pub fifo: u32,
    /// Latency that the card does not tell.
    pub hidden: u32,
    /// The position it tells advances in steps of this.
    pub step: u32,
}

impl Card {
    /// A plain stereo card at 48 kHz whose clock is off by `ppm`.
    pub fn new(name: &str, ppm: f64) -> Self {
        Self {
            name: name.to_owned(),
            rate: 48_000,
            channels: 2,
            format: None,
            ppm,
            wobble: 0.0,
            wobble_s: 10.0,
            fifo: 0,
            hidden: 0,
            step: 1,
        }
    }

    /// Reads `NAME` or `NAME:WORD=VALUE,…`, with the words of the card's configuration.
    ///
    /// # Errors
    ///
    /// When a word is unknown or its value no number.
    pub fn parse(text: &str) -> Result<Self> {
        let (name, words) = text.split_once(':').unwrap_or((text, ""));
        let mut card = Self::new(name, 0.0);
        for word in words.split(',').filter(|word| !word.is_empty()) {
            let (key, value) =
                word.split_once('=').with_context(|| format!("expected WORD=VALUE: {word}"))?;
            card.set(key, value).with_context(|| format!("{key}={value}"))?;
        }
        Ok(card)
    }

    fn set(&mut self, key: &str, value: &str) -> Result<()> {
        match key {
            "rate" => self.rate = value.parse()?,
            "channels" => self.channels = value.parse()?,
            "format" => self.format = Some(value.to_uppercase()),
            "ppm" => self.ppm = value.parse()?,
            "wobble" => self.wobble = value.parse()?,
            "wobble_s" => self.wobble_s = value.parse()?,
            "fifo" => self.fifo = value.parse()?,
            "hidden" => self.hidden = value.parse()?,
            "step" => self.step = value.parse()?,
            _ => bail!("a card has no such word"),
        }
        Ok(())
    }

    fn configuration(&self, recordings: &Path) -> String {
        let format =
            self.format.as_ref().map_or_else(String::new, |name| format!("format {name} "));
        format!(
            "pcm.{name} {{ type swarmcard file \"{file}\" rate {rate} channels {channels} {format}\
             ppm {ppm:.6} wobble {wobble:.6} wobble_s {wobble_s:.6} \
             fifo {fifo} hidden {hidden} step {step} \
             hint {{ show on description \"Virtual card {name}\" }} }}",
            name = self.name,
            file = capture_file(recordings, &self.name).display(),
            rate = self.rate,
            channels = self.channels,
            ppm = self.ppm,
            wobble = self.wobble,
            wobble_s = self.wobble_s,
            fifo = self.fifo,
            hidden = self.hidden,
            step = self.step,
        )
    }
}

/// A set of cards, ready to be played on.
#[derive(Clone, Debug)]
pub struct Rack {
    recordings: PathBuf,
    conf: PathBuf,
}

impl Rack {
    /// Builds the cards, with their configuration in `dir` and what they capture in
    /// `recordings`. Earlier captures there are removed.
    ///
    /// # Errors
    ///
    /// When there is no C compiler, no ALSA header, or a folder cannot be written.
    pub fn build(dir: &Path, recordings: &Path, cards: &[Card]) -> Result<Self> {
        let made = |dir: &Path| -> Result<PathBuf> {
            std::fs::create_dir_all(dir)
                .with_context(|| format!("cannot make {}", dir.display()))?;
            Ok(dir.canonicalize()?)
        };
        let (dir, recordings) = (made(dir)?, made(recordings)?);
        let mut text = String::from("</usr/share/alsa/alsa.conf>\n");
        let library = compile()?;
        writeln!(text, "pcm_type.swarmcard {{ lib \"{}\" }}", library.display())?;
        for card in cards {
            let capture = capture_file(&recordings, &card.name);
            for file in [capture.with_extension("cap.idx"), unplugged_file(&capture), capture] {
                if file.exists() {
                    std::fs::remove_file(&file)?;
                }
            }
            writeln!(text, "{}", card.configuration(&recordings))?;
        }
        let conf = dir.join("asound.conf");
        std::fs::write(&conf, text)?;
        Ok(Self { recordings, conf })
    }

    /// The variable that shows the cards to a process, and to it alone.
    pub fn environment(&self) -> (&'static str, &Path) {
        ("ALSA_CONFIG_PATH", &self.conf)
    }

    /// Pulls the plug of a card.
    ///
    /// # Errors
    ///
    /// When the file that stands for it cannot be made.
    pub fn unplug(&self, name: &str) -> Result<()> {
        Ok(std::fs::write(unplugged_file(&self.capture(name)), "")?)
    }

    /// Puts it in again.
    ///
    /// # Errors
    ///
    /// When it was not out.
    pub fn plug_in(&self, name: &str) -> Result<()> {
        Ok(std::fs::remove_file(unplugged_file(&self.capture(name)))?)
    }

    /// What was played on the card of this name.
    pub fn capture(&self, name: &str) -> PathBuf {
        capture_file(&self.recordings, name)
    }
}

/// The file whose presence pulls the plug of the card with this capture.
fn unplugged_file(capture: &Path) -> PathBuf {
    capture.with_extension("cap.unplugged")
}

fn capture_file(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("{name}.cap"))
}

/// Compiles the card.
fn compile() -> Result<PathBuf> {
    library("pcm_swarmcard.c", "libasound_module_pcm_swarmcard.so", &["-lasound", "-lm"])
}

/// Compiles the library that lets one process see another wall clock.
///
/// # Errors
///
/// When there is no C compiler.
pub fn compile_shim() -> Result<PathBuf> {
    library("wall_clock.c", "libwall_clock.so", &["-ldl"])
}

/// Compiles a library unless the one in the build directory is newer than its source.
fn library(source: &str, name: &str, needs: &[&str]) -> Result<PathBuf> {
    let source = repo::root().join("xtask/virtual-card").join(source);
    let dir = repo::target_dir().join("virtual-card");
    std::fs::create_dir_all(&dir)?;
    let dir = dir.canonicalize()?;
    let library = dir.join(name);
    let written = |path: &Path| path.metadata().and_then(|meta| meta.modified());
    if written(&library).is_ok_and(|built| written(&source).is_ok_and(|source| source < built)) {
        return Ok(library);
    }
    // Built aside and renamed, so that a running player never sees half a library.
    let fresh = dir.join(format!("building-{}-{name}", std::process::id()));
    shell::run(
        shell::command("cc", &dir)
            .args(["-shared", "-fPIC", "-DPIC", "-O2", "-Wall", "-Wextra", "-o"])
            .arg(&fresh)
            .arg(&source)
            .args(needs),
    )
    .context("virtual sound cards need a C compiler and ALSA's header: cargo xtask setup")?;
    std::fs::rename(&fresh, &library)?;
    Ok(library)
}

/// Options of `cargo xtask card`.
#[derive(Args)]
pub struct Arguments {
    /// Where the configuration and the captures go
    #[arg(long)]
    dir: PathBuf,
    /// A card: NAME or NAME:WORD=VALUE,… ; without any, `dac_a` and `dac_b` are made
    #[arg(long = "card", value_name = "CARD", value_parser = Card::parse)]
    cards: Vec<Card>,
    /// How much faster than nominal the clock of `dac_a` runs, ppm
    #[arg(long, default_value_t = 0.0, allow_negative_numbers = true)]
    ppm_a: f64,
    /// How much faster than nominal the clock of `dac_b` runs, ppm
    #[arg(long, default_value_t = 0.0, allow_negative_numbers = true)]
    ppm_b: f64,
}

/// Makes cards and prints the variable that shows them to a program.
///
/// # Errors
///
/// As [`Rack::build`].
pub fn run(arguments: &Arguments) -> Result<()> {
    let mut cards = arguments.cards.clone();
    if cards.is_empty() {
        cards = vec![Card::new("dac_a", arguments.ppm_a), Card::new("dac_b", arguments.ppm_b)];
    }
    let rack = Rack::build(&arguments.dir, &arguments.dir, &cards)?;
    let (name, value) = rack.environment();
    println!("export {name}={}", value.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_is_described_in_one_word() {
        let card = Card::parse("dac_x:ppm=-80.5,hidden=480,format=s16_le").unwrap();
        let expected =
            Card { hidden: 480, format: Some("S16_LE".to_owned()), ..Card::new("dac_x", -80.5) };
        assert_eq!(card, expected);
        assert!(Card::parse("dac_x:speed=2").is_err());
    }
}
