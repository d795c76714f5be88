//! Comparing text with a file that is kept in the repository.

use std::env;
use std::fs;
use std::path::Path;

use similar::TextDiff;

/// Compares `actual` with the file at `path`, and panics with a diff where they differ.
///
/// With `UPDATE_GOLDEN=1` the file is written instead; read its `git diff` before committing.
pub(crate) fn check(path: &Path, actual: &str) {
    let expected = fs::read_to_string(path).unwrap_or_default();
    if expected == actual {
        return;
    }
    if env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1") {
        let folder = path.parent().expect("a golden file lies in a folder");
        fs::create_dir_all(folder).and_then(|()| fs::write(path, actual)).unwrap_or_else(|error| {
            panic!("{}: {error}", path.display());
        });
        return;
    }
    panic!(
        "{} differs (UPDATE_GOLDEN=1 rewrites it):\n{}",
        path.display(),
        diff(&expected, actual, "golden", "actual"),
    );
}

/// The unified diff of two texts.
pub(crate) fn diff(old: &str, new: &str, old_name: &str, new_name: &str) -> String {
    TextDiff::from_lines(old, new)
        .unified_diff()
        .context_radius(3)
        .header(old_name, new_name)
        .to_string()
}
