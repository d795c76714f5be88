//! What takes longer with more manifests must not take much longer than in proportion, whatever shape
//! they have.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use gw::intent::Builder;
use gw::source::{Look, Source};

/// The small estate, and how many times larger the large one is. In proportion that is how many times
/// longer it takes; where each is compared with each, the square.
const SMALL: usize = 300;
const TIMES: usize = 6;
/// How many times longer the large one may take.
const MOST: f64 = 15.0;
/// Each is measured so often at most, and the shortest times count: others share the machine.
const TRIES: usize = 6;

fn backend(number: usize, port: usize) -> String {
    format!(
        "apiVersion: gw/v1\nkind: Backend\nmetadata: {{name: b{number}}}\n\
         spec: {{servers: [{{name: a, address: 10.0.0.1, port: {port}}}]}}\n"
    )
}

/// One file.
fn together(folder: &Path, documents: impl Iterator<Item = String>) {
    let all: Vec<String> = documents.collect();
    fs::write(folder.join("all.yaml"), all.join("---\n")).unwrap();
}

/// A file for each.
fn apart(folder: &Path, documents: impl Iterator<Item = String>) {
    for (number, text) in documents.enumerate() {
        fs::write(folder.join(format!("{number}.yaml")), text).unwrap();
    }
}

/// What is written before the look that is measured, and then.
type Shape = (&'static str, fn(&Path, usize), fn(&Path, usize));

const SHAPES: [Shape; 5] = [
    (
        "one document of a file changes",
        |folder, count| together(folder, (0..count).map(|number| backend(number, 80))),
        |folder, count| {
            together(folder, (0..count).map(|number| backend(number, 80 + number / (count - 1))));
        },
    ),
    (
        "a document comes first in a file",
        |folder, count| together(folder, (0..count).map(|number| backend(number, 80))),
        |folder, count| together(folder, (0..=count).rev().map(|number| backend(number, 80))),
    ),
    (
        "all files are unreadable",
        |folder, count| apart(folder, (0..count).map(|number| backend(number, 80))),
        |folder, count| apart(folder, (0..count).map(|_| "{".to_owned())),
    ),
    (
        "all files have a mistake",
        |folder, count| apart(folder, (0..count).map(|number| backend(number, 80))),
        |folder, count| apart(folder, (0..count).map(|number| backend(number, 80_000))),
    ),
    (
        "all documents of a file have a mistake",
        |folder, count| together(folder, (0..count).map(|number| backend(number, 80))),
        |folder, count| together(folder, (0..count).map(|number| backend(number, 80_000))),
    ),
];

fn time((_, before, after): Shape, count: usize) -> Duration {
    let folder = tempfile::tempdir().unwrap();
    let source = Source::Paths(vec![folder.path().to_owned()]);
    let state = folder.path().join(".gw");
    std::fs::create_dir(&state).unwrap();
    let mut builder = Builder::new(&source, &state, Path::new("/state/servers"));
    builder.keep_objects(None);
    before(folder.path(), count);
    let intent = builder.build(Look::Everything).unwrap();
    assert!(intent.is_valid(), "{:?}", intent.problems.first_error());
    after(folder.path(), count);
    let begin = Instant::now();
    let intent = builder.build(Look::Everything).unwrap();
    let took = begin.elapsed();
    assert!(intent.is_valid(), "{:?}", intent.problems.first_error());
    took
}

#[test]
fn more_manifests_take_longer_in_proportion() {
    for shape in SHAPES {
        let mut shortest = [Duration::MAX; 2];
        let mut ratio = f64::MAX;
        for _ in 0..TRIES {
            let times = [SMALL, SMALL * TIMES].map(|count| time(shape, count));
            shortest = [0, 1].map(|which| shortest[which].min(times[which]));
            ratio = shortest[1].as_secs_f64() / shortest[0].as_secs_f64();
            if ratio < MOST {
                break;
            }
        }
        let told = format!("{}: {shortest:.1?} for {TIMES} times as many", shape.0);
        println!("{told}, {ratio:.1} times as long");
        assert!(ratio < MOST, "{told}");
    }
}
