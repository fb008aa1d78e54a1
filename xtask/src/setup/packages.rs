//! Which system packages are needed, for what, and how each system installs them.

use std::collections::BTreeSet;
use std::process::Command;

use anyhow::Result;

use crate::shell;

/// What the machine is set up for. Testing includes running.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// Building and running the app.
    Run,
    /// Tests and the demonstration: virtual display, virtual sound cards, a browser, songs.
    Test,
}

/// A system package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Package {
    /// As the package manager calls it.
    pub name: &'static str,
    /// Why it is needed, for the person who is asked.
    pub reason: &'static str,
}

/// A system's package manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manager {
    /// Debian, Ubuntu and their kin.
    Apt,
    /// Fedora and its kin.
    Dnf,
    /// Arch and its kin.
    Pacman,
    /// macOS.
    Brew,
}

type List = &'static [(Purpose, &'static str, &'static str)];

const APT: List = &[
    (Purpose::Run, "build-essential", "C compiler and linker"),
    (Purpose::Run, "pkg-config", "finds the libraries below"),
    (Purpose::Run, "libwebkit2gtk-4.1-dev", "the window"),
    (Purpose::Run, "librsvg2-dev", "icons in the window"),
    (Purpose::Run, "libxdo-dev", "keyboard shortcuts of the window"),
    (Purpose::Run, "libssl-dev", "the window's build"),
    (Purpose::Run, "libayatana-appindicator3-dev", "the window's build"),
    (Purpose::Run, "libasound2-dev", "sound output"),
    (Purpose::Run, "file", "bundling"),
    (Purpose::Test, "git", "lists the files that tidy looks at"),
    (Purpose::Test, "alsa-utils", "lists and tries sound devices"),
    (Purpose::Test, "xvfb", "a display for machines without one"),
    (Purpose::Test, "imagemagick", "screenshots"),
    (Purpose::Test, "dbus", "a session bus for media keys and notifications"),
    (Purpose::Test, "playerctl", "presses media keys"),
    (Purpose::Test, "systemd", "busctl, which asks programs on a session bus"),
    (Purpose::Test, "fonts-dejavu-core", "text in screenshots"),
    (Purpose::Test, "chromium", "browser tests, unmodified WebTorrent"),
    (Purpose::Test, "ffmpeg", "the same song in every format"),
    (Purpose::Test, "supertux-data", "real songs under a free licence"),
    (Purpose::Test, "snapserver", "Snapcast, to measure beside"),
    (Purpose::Test, "snapclient", "its player"),
    (Purpose::Test, "coturn", "a TURN server to show credentials to"),
    (Purpose::Test, "redis-server", "the judge among several relays"),
];

const DNF: List = &[
    (Purpose::Run, "gcc", "C compiler and linker"),
    (Purpose::Run, "gcc-c++", "the window's build"),
    (Purpose::Run, "make", "the window's build"),
    (Purpose::Run, "pkgconf-pkg-config", "finds the libraries below"),
    (Purpose::Run, "webkit2gtk4.1-devel", "the window"),
    (Purpose::Run, "librsvg2-devel", "icons in the window"),
    (Purpose::Run, "libxdo-devel", "keyboard shortcuts of the window"),
    (Purpose::Run, "openssl-devel", "the window's build"),
    (Purpose::Run, "libappindicator-gtk3-devel", "the window's build"),
    (Purpose::Run, "alsa-lib-devel", "sound output"),
    (Purpose::Run, "file", "bundling"),
    (Purpose::Test, "git", "lists the files that tidy looks at"),
    (Purpose::Test, "alsa-utils", "lists and tries sound devices"),
    (Purpose::Test, "xorg-x11-server-Xvfb", "a display for machines without one"),
    (Purpose::Test, "ImageMagick", "screenshots"),
    (Purpose::Test, "dbus-daemon", "a session bus for media keys and notifications"),
    (Purpose::Test, "dbus-tools", "listens to it"),
    (Purpose::Test, "playerctl", "presses media keys"),
    (Purpose::Test, "dejavu-sans-fonts", "text in screenshots"),
    (Purpose::Test, "chromium", "browser tests, unmodified WebTorrent"),
    (Purpose::Test, "ffmpeg-free", "the same song in every format"),
    (Purpose::Test, "supertux", "real songs under a free licence"),
    (Purpose::Test, "coturn", "a TURN server to show credentials to"),
    (Purpose::Test, "redis", "the judge among several relays"),
];

const PACMAN: List = &[
    (Purpose::Run, "base-devel", "C compiler and linker"),
    (Purpose::Run, "webkit2gtk-4.1", "the window"),
    (Purpose::Run, "librsvg", "icons in the window"),
    (Purpose::Run, "xdotool", "keyboard shortcuts of the window"),
    (Purpose::Run, "openssl", "the window's build"),
    (Purpose::Run, "libappindicator-gtk3", "the window's build"),
    (Purpose::Run, "alsa-lib", "sound output"),
    (Purpose::Run, "file", "bundling"),
    (Purpose::Test, "git", "lists the files that tidy looks at"),
    (Purpose::Test, "alsa-utils", "lists and tries sound devices"),
    (Purpose::Test, "xorg-server-xvfb", "a display for machines without one"),
    (Purpose::Test, "imagemagick", "screenshots"),
    (Purpose::Test, "dbus", "a session bus for media keys and notifications"),
    (Purpose::Test, "playerctl", "presses media keys"),
    (Purpose::Test, "ttf-dejavu", "text in screenshots"),
    (Purpose::Test, "chromium", "browser tests, unmodified WebTorrent"),
    (Purpose::Test, "ffmpeg", "the same song in every format"),
    (Purpose::Test, "supertux", "real songs under a free licence"),
    (Purpose::Test, "coturn", "a TURN server to show credentials to"),
    (Purpose::Test, "valkey", "the judge among several relays"),
];

/// macOS brings window and sound itself.
const BREW: List = &[(Purpose::Test, "ffmpeg", "the same song in every format")];

/// Debian's own Rust with the sources of its standard library, for `cargo xtask cross`.
pub const CROSS: &[Package] = &[
    Package { name: "rustc-web", reason: "a Rust that comes with its standard library's sources" },
    Package { name: "cargo-web", reason: "its cargo" },
    Package { name: "rust-web-src", reason: "those sources" },
    Package { name: "gcc-mingw-w64-x86-64-win32", reason: "resources of a Windows program" },
];

impl Manager {
    /// The one this system uses; none on Windows, which brings everything itself.
    pub fn of_this_system() -> Option<Self> {
        if cfg!(target_os = "macos") {
            return shell::has("brew").then_some(Self::Brew);
        }
        [("apt-get", Self::Apt), ("dnf", Self::Dnf), ("pacman", Self::Pacman)]
            .into_iter()
            .find_map(|(program, manager)| shell::has(program).then_some(manager))
    }

    /// Brew refuses root; the others need it.
    pub fn wants_root(self) -> bool {
        self != Self::Brew
    }

    /// The packages for `purpose` that are not installed.
    ///
    /// # Errors
    ///
    /// When the package manager's own database cannot be asked.
    pub fn missing(self, purpose: Purpose) -> Result<Vec<Package>> {
        let list = match self {
            Self::Apt => APT,
            Self::Dnf => DNF,
            Self::Pacman => PACMAN,
            Self::Brew => BREW,
        };
        let wanted: Vec<Package> = list
            .iter()
            .filter(|(needed_for, _, _)| *needed_for <= purpose)
            .map(|&(_, name, reason)| Package { name, reason })
            .collect();
        self.missing_of(&wanted)
    }

    /// Those of `wanted` that are not installed.
    ///
    /// # Errors
    ///
    /// As [`Self::missing`].
    pub fn missing_of(self, wanted: &[Package]) -> Result<Vec<Package>> {
        let installed = self.installed(wanted)?;
        Ok(wanted.iter().copied().filter(|package| !installed.contains(package.name)).collect())
    }

    fn installed(self, wanted: &[Package]) -> Result<BTreeSet<String>> {
        let names = wanted.iter().map(|package| package.name);
        // Each of these fails when one package is missing, and lists the others all the same.
        let ask = |program: &str, arguments: &[&str]| -> Result<String> {
            let output = shell::output(Command::new(program).args(arguments).args(names.clone()))?;
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        };
        let answer = match self {
            Self::Apt => installed_by_dpkg(&ask(
                "dpkg-query",
                &["-W", "-f", "${Package} ${db:Status-Status}\n"],
            )?),
            Self::Dnf => ask("rpm", &["-q", "--qf", "%{NAME}\n"])?,
            // A group such as base-devel is a package by now; -T names what is not satisfied.
            Self::Pacman => {
                let missing = ask("pacman", &["-T"])?;
                let missing: BTreeSet<&str> = missing.lines().collect();
                names.filter(|name| !missing.contains(name)).collect::<Vec<_>>().join("\n")
            }
            Self::Brew => ask("brew", &["list", "--versions"])?
                .lines()
                .filter_map(|line| line.split(' ').next())
                .collect::<Vec<_>>()
                .join("\n"),
        };
        Ok(answer.lines().map(str::to_owned).collect())
    }

    /// The commands that install `packages`, without anything that gives them the right to.
    pub fn installation(self, packages: &[Package]) -> Vec<Vec<String>> {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let mut commands = Vec::new();
        let mut install = match self {
            Self::Apt => {
                commands.push(words("apt-get update"));
                words("apt-get install --yes --no-install-recommends")
            }
            Self::Dnf => words("dnf install --assumeyes"),
            Self::Pacman => words("pacman -S --needed --noconfirm"),
            Self::Brew => words("brew install"),
        };
        install.extend(packages.iter().map(|package| package.name.to_owned()));
        commands.push(install);
        commands
    }
}

/// Names from lines of `NAME STATUS` whose status is `installed`.
fn installed_by_dpkg(answer: &str) -> String {
    answer.lines().filter_map(|line| line.strip_suffix(" installed")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_that_was_removed_but_left_its_settings_is_missing() {
        let answer = "file installed\nxvfb config-files\nffmpeg not-installed\n";
        assert_eq!(installed_by_dpkg(answer), "file");
    }

    #[test]
    fn setting_up_for_tests_includes_what_running_needs() {
        for list in [APT, DNF, PACMAN] {
            assert!(list.iter().any(|(purpose, _, _)| *purpose == Purpose::Run));
            assert!(list.iter().all(|(purpose, _, _)| *purpose <= Purpose::Test));
            let names: BTreeSet<_> = list.iter().map(|(_, name, _)| name).collect();
            assert_eq!(names.len(), list.len(), "a package is listed twice");
        }
    }
}
