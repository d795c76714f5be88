//! What changes in the files that HAProxy loads, as a unified diff.

use std::{borrow::Cow, sync::Arc};

use similar::{ChangeTag, TextDiff};

use super::is_secret;

/// Lines of context around each change, as `diff -u` has them.
const CONTEXT: usize = 3;

/// One file of the configuration on both sides; empty where it does not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileDiff {
    /// The path inside the generation.
    pub path: String,
    /// What HAProxy loaded.
    pub old: Arc<str>,
    /// What it would load.
    pub new: Arc<str>,
}

/// One line of a unified diff, without newline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    pub(super) mark: Mark,
    pub(super) text: Cow<'a, str>,
}

/// What a line of a diff is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// Names a file.
    File,
    /// Names a place in it.
    Place,
    /// Stays.
    Same,
    /// Is new.
    Added,
    /// Goes.
    Removed,
}

impl Mark {
    /// What the line begins with, in the format of `diff -u`.
    pub(super) fn sign(self) -> &'static str {
        match self {
            Self::File | Self::Place => "",
            Self::Same => " ",
            Self::Added => "+",
            Self::Removed => "-",
        }
    }
}

/// All lines of the diff of all `files`. Keys never show.
pub(super) fn lines(files: &[FileDiff]) -> Vec<Line<'_>> {
    files.iter().filter(|file| file.old != file.new).flat_map(of_file).collect()
}

fn of_file(file: &FileDiff) -> Vec<Line<'_>> {
    let FileDiff { path, old, new } = file;
    let other = |mark, text: String| Line { mark, text: text.into() };
    if is_secret(path) {
        return vec![other(Mark::File, format!("{path}: changed, not shown because it is secret"))];
    }
    let name = |side: &str, text: &str| match text {
        "" => "/dev/null".to_owned(),
        _ => format!("{side}/{path}"),
    };
    let mut lines = vec![
        other(Mark::File, format!("--- {}", name("a", old))),
        other(Mark::File, format!("+++ {}", name("b", new))),
    ];
    let diff = TextDiff::from_lines(&**old, &**new);
    for group in diff.grouped_ops(CONTEXT) {
        let header = similar::udiff::UnifiedHunkHeader::new(&group);
        lines.push(other(Mark::Place, header.to_string()));
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let mark = match change.tag() {
                ChangeTag::Equal => Mark::Same,
                ChangeTag::Insert => Mark::Added,
                ChangeTag::Delete => Mark::Removed,
            };
            let text: &str = change.value();
            lines.push(Line { mark, text: text.trim_end_matches('\n').to_owned().into() });
        }
    }
    lines
}

/// The diff as one text, such as `patch` reads.
pub(super) fn unified(files: &[FileDiff]) -> Option<String> {
    let lines = lines(files);
    let text = |line: &Line<'_>| format!("{}{}\n", line.mark.sign(), line.text);
    (!lines.is_empty()).then(|| lines.iter().map(text).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, old: &str, new: &str) -> FileDiff {
        FileDiff { path: path.into(), old: old.into(), new: new.into() }
    }

    #[test]
    fn changed_files_show_what_changes() {
        let files = [
            file("00-gw.cfg", "a\nb\nc\n", "a\nB\nc\n"),
            file("10-backends.cfg", "same\n", "same\n"),
            file("20-new.cfg", "", "new\n"),
        ];
        assert_eq!(
            unified(&files).unwrap(),
            "--- a/00-gw.cfg\n+++ b/00-gw.cfg\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n\
             --- /dev/null\n+++ b/20-new.cfg\n@@ -0,0 +1 @@\n+new\n"
        );
        assert_eq!(unified(&files[1..2]), None);
    }

    #[test]
    fn keys_never_show() {
        let shown = unified(&[file("certs/shop.pem", "OLD", "NEW")]).unwrap();
        assert_eq!(shown, "certs/shop.pem: changed, not shown because it is secret\n");
    }
}
