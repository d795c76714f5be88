//! Whole files through the decoder.

use std::{
    fmt::Write as _,
    fs,
    path::Path,
    sync::LazyLock,
    time::{Duration, Instant},
};

use proptest::prelude::*;
use serde_json::Value;

use crate::model::{Problem, Severity};

use super::*;

const GOOD: &str = include_str!("samples/good.yaml");
const BAD: &str = include_str!("samples/bad.txt");

fn read(text: &str) -> Parsed {
    parse(&SourceFile { path: "a.yaml".into(), text: text.into() })
}

/// The cases of a file of samples: title, and manifests without what is expected of them.
fn cases(file: &str) -> impl Iterator<Item = (&str, String)> {
    file.split("### ").skip(1).filter_map(|case| {
        let (title, body) = case.split_once('\n')?;
        let lines = body.lines().filter(|line| !line.starts_with("=> "));
        Some((title, lines.fold(String::new(), |text, line| text + line + "\n")))
    })
}

fn show(problem: &Problem) -> String {
    let severity = match problem.severity {
        Severity::Note => "note",
        Severity::Warning => "warning",
        Severity::Error => "error",
    };
    let hint = problem.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
    format!("{} {severity}: {}{hint}", problem.at, problem.message)
}

/// One line for each problem and each document, as in `samples/bad.txt`.
fn outcome(text: &str) -> String {
    let parsed = read(text);
    let mut lines = String::new();
    for problem in &parsed.problems {
        writeln!(lines, "=> {}", show(problem)).unwrap();
    }
    for document in &parsed.documents {
        let (kind, name, index) = (document.kind(), &document.name, document.index);
        writeln!(lines, "=> document {index}: {kind} {name}").unwrap();
    }
    lines
}

/// `UPDATE_GOLDEN=1 cargo test` writes what is found into the file, for `git diff` to judge.
#[test]
fn every_bad_input_is_told_what_is_wrong_with_it_and_where() {
    let mut found = String::new();
    for (title, text) in cases(BAD) {
        write!(found, "### {title}\n{text}{}", outcome(&text)).unwrap();
    }
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/manifest/samples/bad.txt");
        fs::write(path, &found).unwrap();
        return;
    }
    for (found, expected) in found.split("### ").zip(BAD.split("### ")) {
        assert_eq!(found, expected);
    }
}

#[test]
fn good_input_is_good() {
    let parsed = read(GOOD);
    let notes = parsed.problems.count(Severity::Note);
    assert_eq!(parsed.problems.iter().count(), notes, "{:#?}", parsed.problems);
    assert_eq!(notes, 4);
    assert_eq!(parsed.documents.len(), 10);
}

/// A file's documents as JSON, by another way than the decoder's.
fn as_json(text: &str) -> Vec<Value> {
    serde_yaml::from_multiple(text).unwrap()
}

static VALIDATOR: LazyLock<jsonschema::Validator> =
    LazyLock::new(|| jsonschema::validator_for(&schema::json_schema()).unwrap());

#[test]
fn the_schema_is_a_schema_and_takes_what_the_decoder_takes() {
    let schema = schema::json_schema();
    assert!(jsonschema::meta::is_valid(&schema));
    let mut accepted = 0;
    for text in cases(BAD).map(|(_, text)| text).chain([GOOD.to_owned()]) {
        let parsed = read(&text);
        if parsed.problems.worst() > Some(Severity::Note) || parsed.documents.is_empty() {
            continue;
        }
        for document in as_json(&text) {
            assert!(VALIDATOR.is_valid(&document), "the schema refuses {document}");
            accepted += 1;
        }
    }
    assert!(accepted >= 10);
}

#[test]
fn line_ends_byte_order_marks_and_document_marks_do_not_matter() {
    let expected = read(GOOD).documents.len();
    for text in [
        GOOD.replace('\n', "\r\n"),
        format!("\u{feff}{GOOD}"),
        format!("%YAML 1.2\n---\n{GOOD}\n...\n---\n---\n# end\n"),
        as_json(GOOD).iter().fold(String::new(), |text, json| text + &format!("{json:#}\n---\n")),
    ] {
        let parsed = read(&text);
        assert_eq!(parsed.documents.len(), expected, "{:?}", parsed.problems);
    }
    let tabs = "{\n\t\"apiVersion\": \"gw/v1\",\n\t\"kind\": \"Certificate\",\n\t\"metadata\": \
                {\"name\": \"a\"},\n\t\"spec\": {\"file\": \"a\\/b.pem\"}\n}";
    assert_eq!(read(tabs).documents.len(), 1, "{:?}", read(tabs).problems);
}

/// Adds an unknown field to the `at`-th mapping of a document, in depth-first order.
fn spoil(value: &mut Value, at: &mut usize) -> bool {
    match value {
        Value::Object(fields) => {
            if *at == 0 {
                fields.insert("zzz".to_owned(), Value::Bool(true));
                return true;
            }
            *at -= 1;
            // Free-form mappings: any key is known there.
            fields
                .iter_mut()
                .filter(|(name, _)| !matches!(name.as_str(), "labels" | "annotations" | "status"))
                .any(|(_, value)| spoil(value, at))
        }
        Value::Array(items) => items.iter_mut().any(|item| spoil(item, at)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

#[test]
fn decoder_and_schema_both_refuse_unknown_fields_everywhere() {
    let mut tried = 0;
    for document in as_json(GOOD) {
        for at in 0.. {
            let mut spoilt = document.clone();
            if !spoil(&mut spoilt, &mut at.clone()) {
                break;
            }
            let text = spoilt.to_string();
            assert!(!VALIDATOR.is_valid(&spoilt), "the schema takes {text}");
            let parsed = read(&text);
            assert!(parsed.documents.is_empty(), "the decoder takes {text}");
            assert!(parsed.problems.iter().any(|problem| problem.message.contains("zzz")));
            tried += 1;
        }
    }
    assert!(tried > 50);
}

/// Nothing may take long: a limit far above what is needed, far below what a bomb would take.
fn quickly(text: &str) -> Parsed {
    let start = Instant::now();
    let parsed = read(text);
    assert!(start.elapsed() < Duration::from_secs(30), "took {:?}", start.elapsed());
    parsed
}

fn first_error(parsed: &Parsed) -> String {
    let error = parsed.problems.iter().find(|problem| problem.severity == Severity::Error);
    show(error.expect("an error"))
}

#[test]
fn bombs_do_not_go_off() {
    let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..30 {
        let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
        writeln!(laughs, "a{level}: &a{level} [{aliases}]").unwrap();
    }
    let error = first_error(&quickly(&laughs));
    assert!(error.contains("repeat more than 100000 values"), "{error}");

    let mut texts = format!("a: &a {}\nb:\n", "x".repeat(1_000_000));
    texts.push_str(&"- *a\n".repeat(100_000));
    let error = first_error(&quickly(&texts));
    assert!(error.contains("repeat more than 100000 values"), "{error}");

    let mut chain = "a0: &a0 [x]\n".to_owned();
    for level in 1..100_000 {
        writeln!(chain, "a{level}: &a{level} [*a{}]", level - 1).unwrap();
    }
    let error = first_error(&quickly(&chain));
    assert!(error.contains("nested deeper than 64 levels"), "{error}");

    for deep in ["[".repeat(1_000_000), "{a: ".repeat(1_000_000), "- ".repeat(1_000_000)] {
        let error = first_error(&quickly(&deep));
        assert!(error.contains("nested deeper than 64 levels"), "{error}");
    }
}

#[test]
fn huge_files_are_refused_and_large_ones_read() {
    let error = first_error(&quickly(&" ".repeat(FILE_MAX + 1)));
    assert_eq!(error, "a.yaml error: the file is larger than 8 MiB");

    let mut unknown = "apiVersion: gw/v1\nkind: Backend\nspec:\n".to_owned();
    for field in 0..200_000 {
        writeln!(unknown, "  servrs{field}: 1").unwrap();
    }
    let parsed = quickly(&unknown);
    assert_eq!(parsed.problems.iter().count(), 1_001);
}

/// Texts that mean something to YAML, to HAProxy or to a terminal.
fn hostile() -> impl Strategy<Value = String> {
    let pieces = [
        "\n",
        "\r",
        "\0",
        "\t",
        " ",
        "\"",
        "'",
        "\\",
        ";",
        "#",
        "%[",
        "${A}",
        "%",
        "*",
        "&a",
        "*a",
        "<<",
        "!",
        "---",
        "...",
        "|",
        ">",
        "@",
        "`",
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "- ",
        "? ",
        "\u{1b}[31m",
        "\u{202e}",
        "\u{feff}",
        "\u{2028}",
        "a",
        "0",
        ".",
        "/",
        "%2f",
        "//",
        "..",
        "apiVersion: gw/v1\n",
        "kind: Backend\n",
        "metadata: {name: a}\n",
        "spec:\n",
        "  servers:\n",
    ];
    proptest::collection::vec(proptest::sample::select(pieces.to_vec()), 0..40)
        .prop_map(|pieces| pieces.concat())
}

/// Of these, many fields are made.
const PIECES: [&str; 24] = [
    "a",
    "B",
    "0",
    "9",
    "-",
    ".",
    "*.",
    "/",
    "_",
    ":",
    "%20",
    "?a=1",
    "1s",
    "ms",
    "200",
    "-399",
    "10.0.0.1",
    "::1",
    "example.org",
    "HTTP",
    "S",
    "Secret",
    "a.pem",
    "h2",
];

/// Puts a text in the place of the `at`-th one of a document.
fn replace(value: &mut Value, at: &mut usize, text: &str) -> bool {
    match value {
        Value::String(old) if *at == 0 => {
            text.clone_into(old);
            true
        }
        Value::String(_) => {
            *at -= 1;
            false
        }
        Value::Object(fields) => fields.iter_mut().any(|(_, value)| replace(value, at, text)),
        Value::Array(items) => items.iter_mut().any(|item| replace(item, at, text)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        read(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn hostile_texts_never_panic(text in hostile()) {
        read(&text);
    }

    #[test]
    fn hostile_texts_in_any_field_are_refused(text in hostile(), document in 0..10_usize, at in 0..40_usize) {
        let mut documents = as_json(GOOD);
        // What is not looked at goes nowhere, so it may hold anything.
        for (part, field) in
            [("/metadata", "uid"), ("/metadata", "annotations"), ("/spec", "gatewayClassName")]
        {
            let part = documents[document].pointer_mut(part).and_then(Value::as_object_mut);
            part.map(|part| part.shift_remove(field));
        }
        let is_hostile = text.contains(['\n', '\r', '\0', ' ', '"', '\\', '#', '\t', '`', '{', '|']);
        if replace(&mut documents[document], &mut at.clone(), &text) && is_hostile {
            let parsed = read(&documents[document].to_string());
            prop_assert!(parsed.documents.is_empty(), "{:#?}", parsed.documents);
        }
    }

    #[test]
    fn what_the_decoder_takes_in_any_field_the_schema_takes(
        pieces in proptest::collection::vec(proptest::sample::select(PIECES.to_vec()), 0..4),
        document in 0..10_usize,
        at in 0..40_usize,
    ) {
        let mut documents = as_json(GOOD);
        let document = &mut documents[document];
        if replace(document, &mut at.clone(), &pieces.concat())
            && !read(&document.to_string()).documents.is_empty()
        {
            prop_assert!(VALIDATOR.is_valid(document), "the schema refuses {document}");
        }
    }
}
