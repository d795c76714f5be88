//! A source file as the layering tests see it: without comments and tests, as a list of paths.

use std::{fs, path::Path};

/// One file below `src/`, without its tests.
pub(super) struct File {
    /// Its path, `src/plan/step.rs`.
    pub(super) path: String,
    /// The module whose layer it is in: `plan`, or `haproxy::reply`.
    pub(super) module: String,
    /// How many lines it has, tests included.
    pub(super) lines: usize,
    /// The path of the module that the file is: `plan`, `step`.
    place: Vec<String>,
    /// Without comments and tests.
    code: String,
    /// The names that `haproxy.rs` gives to parts of its folder: `Command`, `command`.
    facade: Vec<(String, String)>,
}

/// All files below a folder, those that only hold tests left out.
pub(super) fn files(src: &Path) -> Vec<File> {
    let facade = facade(&fs::read_to_string(src.join("haproxy.rs")).unwrap());
    let mut files = Vec::new();
    let mut folders = vec![src.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension() == Some("rs".as_ref()) {
                files.extend(file(src, &path, &facade));
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(!files.is_empty(), "no source in {}", src.display());
    files
}

fn file(src: &Path, path: &Path, facade: &[(String, String)]) -> Option<File> {
    let text = fs::read_to_string(path).unwrap();
    let inside = path.strip_prefix(src).unwrap().with_extension("");
    let place: Vec<String> =
        inside.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    // Files of tests only: `#[cfg(test)] mod tests;` `mod recorded;`, `mod samples;`.
    if place.iter().any(|name| ["tests", "recorded", "samples"].contains(&name.as_str())) {
        return None;
    }
    let module = match place.as_slice() {
        [top, part, ..] if top == "haproxy" => format!("{top}::{part}"),
        [top, ..] => top.clone(),
        [] => return None,
    };
    let code = text.split("\n#[cfg(test)]\nmod tests").next().unwrap_or_default();
    Some(File {
        path: format!("src/{}.rs", place.join("/")),
        module,
        lines: text.lines().count(),
        code: without_comments(code),
        facade: facade.to_owned(),
        place,
    })
}

/// What `pub use part::{Name, …}` of `haproxy.rs` says.
fn facade(text: &str) -> Vec<(String, String)> {
    paths(&without_comments(text))
        .into_iter()
        .filter_map(|path| match path.as_slice() {
            [part, name] if is_type(name) => Some((name.clone(), part.clone())),
            _ => None,
        })
        .collect()
}

fn is_type(name: &str) -> bool {
    name.starts_with(char::is_uppercase)
}

impl File {
    /// All paths that the code names, imports taken apart.
    pub(super) fn paths(&self) -> Vec<Vec<String>> {
        paths(&without_strings(&self.code))
    }

    /// The modules that it uses.
    pub(super) fn uses(&self) -> Vec<String> {
        self.paths().into_iter().filter_map(|path| self.module_of(&path)).collect()
    }

    /// The module that a path leads to, where that is one of this crate's.
    fn module_of(&self, path: &[String]) -> Option<String> {
        let above = path.iter().take_while(|name| *name == "super").count();
        let full: Vec<&String> = match path.first()?.as_str() {
            "crate" => path[1..].iter().collect(),
            "super" => {
                let kept = self.place.len().checked_sub(above)?;
                self.place[..kept].iter().chain(&path[above..]).collect()
            }
            _ => return None,
        };
        let top = full.first()?.as_str();
        if top != "haproxy" {
            return (!is_type(top)).then(|| top.to_owned());
        }
        let part = full.get(1)?.as_str();
        let known = self.facade.iter().find(|(name, _)| name == part);
        Some(format!("haproxy::{}", known.map_or(part, |(_, part)| part)))
    }

    /// What `expect` and `unwrap` say, which is nothing for the latter.
    pub(super) fn panics(&self) -> Vec<&str> {
        let calls = |call| self.code.split(call).skip(1);
        // Other types have an `expect` of their own, which takes no text.
        let texts = calls(".expect(").filter_map(|rest| rest.trim_start().strip_prefix('"'));
        let messages = texts.map(|text| text.split('"').next().unwrap_or_default());
        messages.chain(calls(".unwrap()").map(|_| "")).collect()
    }
}

fn without_comments(text: &str) -> String {
    text.lines()
        .map(|line| match line.find("//") {
            // Not the `//` of a URL.
            Some(at) if line[..at].matches('"').count() % 2 == 0 => &line[..at],
            Some(_) | None => line,
        })
        .collect::<Vec<_>>()
        .join("\n")
}

/// Empties string literals. Good for code that rustfmt has seen.
fn without_strings(text: &str) -> String {
    let mut code = String::new();
    let mut inside = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' if inside => drop(chars.next()),
            // The character '"', not the end of a string.
            '\'' if !inside && chars.peek() == Some(&'"') => drop((chars.next(), chars.next())),
            '"' => inside = !inside,
            c if !inside => code.push(c),
            _ => {}
        }
    }
    code
}

/// All paths of a text, trees of imports taken apart: `a::{b, c::D}` is `a::b` and `a::c::D`.
fn paths(code: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut rest = code;
    while let Some(at) = rest.find(is_word) {
        rest = read(&rest[at..], &[], &mut found);
    }
    found
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Reads the path at the start of `text`, and returns what follows.
fn read<'t>(text: &'t str, head: &[String], found: &mut Vec<Vec<String>>) -> &'t str {
    let end = text.find(|c| !is_word(c)).unwrap_or(text.len());
    let mut path = head.to_owned();
    path.push(text[..end].to_owned());
    let rest = &text[end..];
    let Some(next) = rest.strip_prefix("::") else {
        found.push(path);
        return rest;
    };
    let Some(mut tree) = next.strip_prefix('{') else {
        if next.starts_with(is_word) {
            return read(next, &path, found);
        }
        found.push(path);
        return next;
    };
    loop {
        tree = tree.trim_start_matches(|c: char| c == ',' || c == '*' || c.is_whitespace());
        match tree.strip_prefix('}') {
            Some(after) => return after,
            None if tree.starts_with(is_word) => tree = read(tree, &path, found),
            None => return tree,
        }
    }
}

#[test]
fn imports_are_taken_apart() {
    let code = "use a::{b, c::{D, e::F}, *};\nlet x = crate::g::h(i::J);";
    let joined: Vec<String> = paths(code).iter().map(|path| path.join("::")).collect();
    let expected = ["use", "a::b", "a::c::D", "a::c::e::F", "let", "x", "crate::g::h", "i::J"];
    assert_eq!(joined, expected);
}
