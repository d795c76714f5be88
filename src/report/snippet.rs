//! Problems as a person reads them: message, place, the line with a caret, and what to do, in the
//! format of rustc. What comes from the input is shown escaped, so that it can't drive a terminal.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

use annotate_snippets::{Annotation, AnnotationKind, Level, Origin, Renderer, Snippet};

use crate::model::{Problem, Problems, Severity, SourceFile, Span};

/// Longer lines, in bytes, are not shown: nobody reads them, and each problem would cost their length.
const SHOWN_MAX: usize = 10_000;

static PLAIN: LazyLock<Renderer> = LazyLock::new(Renderer::plain);
static STYLED: LazyLock<Renderer> = LazyLock::new(Renderer::styled);

/// All `problems`, each with its line from `files` where that is at hand, separated by empty lines.
pub fn problems(problems: &Problems, files: &[Arc<SourceFile>], color: bool) -> String {
    let files: BTreeMap<&str, &SourceFile> =
        files.iter().map(|file| (&*file.path, &**file)).collect();
    let renderer = if color { &*STYLED } else { &*PLAIN };
    let mut lines = Lines::default();
    let mut report = String::new();
    for problem in problems {
        if !report.is_empty() {
            report.push('\n');
        }
        let file = files.get(&*problem.at.file).copied();
        let line = file.and_then(|file| lines.get(file, problem.at.span.line));
        report.push_str(&render(problem, line, renderer));
        report.push('\n');
    }
    report
}

/// The lines of the file that was asked for last: problems come file by file.
#[derive(Default)]
struct Lines<'a> {
    path: &'a str,
    lines: Vec<&'a str>,
}

impl<'a> Lines<'a> {
    /// A line, counted from 1.
    fn get(&mut self, file: &'a SourceFile, line: u32) -> Option<&'a str> {
        if self.path != &*file.path {
            *self = Self { path: &file.path, lines: file.text.lines().collect() };
        }
        self.lines.get((line as usize).checked_sub(1)?).copied()
    }
}

fn render(problem: &Problem, line: Option<&str>, renderer: &Renderer) -> String {
    let span = problem.at.span;
    let level = match problem.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let title = level.primary_title(printable(&problem.message));
    let path = printable(&problem.at.file);
    let mut group = match line.filter(|line| line.len() <= SHOWN_MAX) {
        Some(line) => title.element(snippet(line, span).path(path)),
        None if span.line > 0 => title
            .element(Origin::path(path).line(span.line as usize).char_column(span.column as usize)),
        None => title.element(Origin::path(path)),
    };
    if let Some(hint) = &problem.hint {
        group = group.element(Level::HELP.message(printable(hint)));
    }
    renderer.render(&[group])
}

/// A line with its place underlined.
fn snippet(line: &str, span: Span) -> Snippet<'static, Annotation<'static>> {
    // One character for each, so that columns stay as they are.
    let shown: String = line.chars().map(pictured).collect();
    let byte = |column: usize| shown.char_indices().nth(column).map_or(shown.len(), |(at, _)| at);
    let first = (span.column as usize).saturating_sub(1);
    let (start, end) = (byte(first), byte(first.saturating_add(span.length.max(1) as usize)));
    Snippet::source(shown)
        .line_start(span.line as usize)
        .annotation(AnnotationKind::Primary.span(start..end))
}

/// A character as one that a terminal only shows.
fn pictured(c: char) -> char {
    match c {
        // The renderer makes it spaces.
        '\t' => c,
        // Unicode has a picture of each.
        '\0'..='\u{1f}' => {
            char::from_u32(0x2400 + u32::from(c)).unwrap_or(char::REPLACEMENT_CHARACTER)
        }
        _ if is_printable(c) => c,
        _ => char::REPLACEMENT_CHARACTER,
    }
}

/// A text without characters that a terminal would act on.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_printable) {
        return text.into();
    }
    let escape =
        |c: char| if is_printable(c) { c.to_string() } else { c.escape_default().to_string() };
    text.chars().map(escape).collect::<String>().into()
}

/// The same in one line.
pub(crate) fn one_line(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    printable(&lines.collect::<Vec<_>>().join("; ")).into_owned()
}

/// Whether Rust's own rules for `Debug` show a character as it is: neither a control character nor
/// an invisible one, such as those that turn the direction of text.
fn is_printable(c: char) -> bool {
    matches!(c, '"' | '\'' | '\\') || c.escape_debug().eq([c])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Location;

    fn show(text: &str, span: Span, message: &str, hint: Option<&str>) -> String {
        let file = SourceFile { path: "a.yaml".into(), text: text.into() };
        let at = Location { file: "a.yaml".into(), span };
        let mut all = Problems::default();
        let problem = Problem::error(at, message);
        all.push(Problem { hint: hint.map(str::to_owned), ..problem });
        problems(&all, &[Arc::new(file)], false)
    }

    #[test]
    fn a_problem_shows_its_line() {
        let span = Span { line: 2, column: 7, length: 6 };
        let text = "apiVersion: gw/v1\nkind: Backnd\n";
        assert_eq!(
            show(text, span, "there is no kind \"Backnd\"", Some("did you mean `Backend`?")),
            "\
error: there is no kind \"Backnd\"
 --> a.yaml:2:7
  |
2 | kind: Backnd
  |       ^^^^^^
  |
  = help: did you mean `Backend`?
"
        );
    }

    #[test]
    fn a_problem_with_a_whole_file_shows_its_name() {
        assert_eq!(show("", Span::default(), "too large", None), "error: too large\n--> a.yaml\n");
    }

    #[test]
    fn places_beyond_the_text_do_no_harm() {
        for (line, column) in [(9, 1), (1, 9), (1, 0), (u32::MAX, u32::MAX)] {
            show("a", Span { line, column, length: u32::MAX }, "x", None);
        }
    }

    #[test]
    fn nothing_of_the_input_reaches_the_terminal_raw() {
        let evil = "\u{1b}[31m\u{9b}1m\u{202e}\u{7}\0\u{85}";
        let shown =
            show(&format!("é: {evil}"), Span { line: 1, column: 4, length: 3 }, evil, Some(evil));
        assert!(shown.chars().all(|c| c == '\n' || is_printable(c)), "{shown:?}");
        assert!(shown.contains("error: \\u{1b}[31m\\u{9b}1m\\u{202e}"), "{shown}");
        assert!(shown.contains("1 | é: ␛[31m�1m�␇␀�\n  |    ^^^\n"), "{shown}");
    }

    #[test]
    fn long_lines_are_cut_or_left_out() {
        for (half, most) in [(2_000, 400), (1_000_000, 40)] {
            let text = format!("{}{}", "a".repeat(half), "b".repeat(half));
            let column = u32::try_from(half + 1).unwrap();
            let shown = show(&text, Span { line: 1, column, length: 3 }, "x", None);
            assert!(shown.contains(&format!("a.yaml:1:{column}")), "{shown}");
            assert!(shown.len() < most, "{}", shown.len());
        }
    }
}
