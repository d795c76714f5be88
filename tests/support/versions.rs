//! Which HAProxy binaries there are to test with.

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// Names the folder that holds one folder per version, each with a `haproxy` in it.
const FOLDER: &str = "GW_HAPROXY_DIR";

/// Names the versions that must be there, such as `2.6 3.4`.
const REQUIRED: &str = "GW_REQUIRE_HAPROXY";

/// Where Debian and a build from source put the binary, for users whose PATH lacks them.
const SYSTEM: [&str; 2] = ["/usr/sbin/haproxy", "/usr/local/sbin/haproxy"];

/// One HAProxy binary. Ordered by version.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version {
    /// The branch, such as `(2, 6)`.
    pub(crate) branch: (u16, u16),
    /// The whole version, such as `2.6.12-1+deb12u4`.
    pub(crate) full: String,
    /// The absolute path of the binary.
    pub(crate) binary: PathBuf,
}

impl Version {
    /// Asks a binary for its version; `None` where it does not run or is no HAProxy.
    pub(crate) fn of(binary: &Path) -> Option<Self> {
        let output = Command::new(binary).arg("-v").output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        let full = text.strip_prefix("HAProxy version ")?.split_whitespace().next()?;
        let mut numbers = full.split(['.', '-']).map(str::parse);
        let branch = (numbers.next()?.ok()?, numbers.next()?.ok()?);
        Some(Self { branch, full: full.to_owned(), binary: binary.canonicalize().ok()? })
    }

    /// Whether this is `major.minor` or newer.
    pub(crate) fn is_at_least(&self, major: u16, minor: u16) -> bool {
        self.branch >= (major, minor)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.branch.0, self.branch.1)
    }
}

/// All versions there are, oldest first, never none.
///
/// They come from the folder that `GW_HAPROXY_DIR` names; without it, from `target/haproxy`; where
/// that is empty, it is the system's HAProxy. Panics where a version that `GW_REQUIRE_HAPROXY` names is
/// missing: a test that silently did not run is worse than none.
pub(crate) fn versions() -> &'static [Version] {
    static VERSIONS: LazyLock<Vec<Version>> = LazyLock::new(find);
    &VERSIONS
}

/// The oldest version there is.
pub(crate) fn oldest() -> &'static Version {
    versions().first().expect("never none")
}

/// The newest version there is.
pub(crate) fn newest() -> &'static Version {
    versions().last().expect("never none")
}

/// The newest version there is, in a folder or installed, and no matter what tests require.
pub(crate) fn newest_at_hand() -> Option<Version> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/haproxy");
    let folder = env::var_os(FOLDER).map_or(own, PathBuf::from);
    in_folder(&folder).into_iter().chain(of_system()).max()
}

fn find() -> Vec<Version> {
    let (found, place) = if let Some(folder) = env::var_os(FOLDER).map(PathBuf::from) {
        (in_folder(&folder), format!("{} ({FOLDER})", folder.display()))
    } else {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/haproxy");
        let place = format!("{}, PATH or {}", folder.display(), SYSTEM.join(", "));
        let found = in_folder(&folder);
        (if found.is_empty() { of_system() } else { found }, place)
    };
    assert!(!found.is_empty(), "no HAProxy in {place}: install one, or set {FOLDER}");
    for required in env::var(REQUIRED).unwrap_or_default().split_whitespace() {
        let present = found.iter().any(|version| version.to_string() == required);
        assert!(present, "HAProxy {required} is required by {REQUIRED}, but not in {place}");
    }
    found
}

fn in_folder(folder: &Path) -> Vec<Version> {
    let entries = folder.read_dir().into_iter().flatten().flatten();
    let mut found: Vec<_> =
        entries.filter_map(|entry| Version::of(&entry.path().join("haproxy"))).collect();
    found.sort();
    found
}

fn of_system() -> Vec<Version> {
    let path = env::var_os("PATH").unwrap_or_default();
    let in_path = env::split_paths(&path).map(|folder| folder.join("haproxy"));
    let known = SYSTEM.iter().map(PathBuf::from);
    in_path.chain(known).find_map(|binary| Version::of(&binary)).into_iter().collect()
}
