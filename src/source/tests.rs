//! On real directories and repositories.

use std::{fs, os::unix::fs::symlink};

use git2::{Repository, Signature};
use tempfile::TempDir;

use crate::model::{FilePath, FileRequest};

use super::*;

fn write(root: &Path, path: &str, text: impl AsRef<[u8]>) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn names(snapshot: &Snapshot) -> Vec<&str> {
    snapshot.files.iter().map(|file| &*file.path).collect()
}

fn problems(snapshot: &Snapshot) -> Vec<String> {
    let show = |problem: &Problem| format!("{}: {}", problem.at, problem.message);
    snapshot.problems.iter().map(show).collect()
}

/// Commits all that is there.
fn commit(repository: &Repository) -> String {
    let mut index = repository.index().unwrap();
    index.add_all(["*"], git2::IndexAddOption::DEFAULT, None).unwrap();
    index.write().unwrap();
    let tree = repository.find_tree(index.write_tree().unwrap()).unwrap();
    let who = Signature::now("a", "a@example.org").unwrap();
    let parent = repository.head().ok().map(|head| head.peel_to_commit().unwrap());
    let parents: Vec<_> = parent.iter().collect();
    let id = repository.commit(Some("HEAD"), &who, &who, "x", &tree, &parents).unwrap();
    id.to_string()[..12].to_owned()
}

#[test]
fn manifests_are_found_below_the_directory_in_order() {
    let root = TempDir::new().unwrap();
    for path in ["b.yaml", "a/c.yml", "a/b.json", "gw.yaml", "a/gw.yaml", ".x.yaml", ".d/a.yaml"] {
        write(root.path(), path, "a");
    }
    for path in ["notes.txt", "ca.pem"] {
        write(root.path(), path, [0xff]);
    }
    let snapshot = load(&[root.path().to_owned()]).unwrap();
    assert_eq!(names(&snapshot), ["a/b.json", "a/c.yml", "a/gw.yaml", "b.yaml"]);
    assert_eq!(problems(&snapshot), [""; 0]);
    assert!(snapshot.revision.starts_with("sha256:"), "{}", snapshot.revision);
}

#[test]
fn bad_files_are_problems_and_cost_no_other_file() {
    let (root, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    write(root.path(), "good.yaml", "a");
    write(root.path(), "latin.yaml", b"a\n\xc3\xa9b\xe9");
    write(root.path(), "huge.yaml", vec![b' '; crate::manifest::FILE_MAX + 1]);
    write(root.path(), "line\nbreak.yaml", "a");
    write(other.path(), "a.yaml", "a");
    symlink(other.path().join("a.yaml"), root.path().join("out.yaml")).unwrap();
    symlink(other.path(), root.path().join("dir")).unwrap();
    symlink("nowhere", root.path().join("lost.yaml")).unwrap();
    symlink("good.yaml", root.path().join("in.yaml")).unwrap();
    symlink(other.path().join("a.yaml"), root.path().join("key.pem")).unwrap();
    let made = std::process::Command::new("mkfifo").arg(root.path().join("pipe.yaml")).status();
    assert!(made.unwrap().success());
    let snapshot = load(&[root.path().to_owned()]).unwrap();
    assert_eq!(names(&snapshot), ["good.yaml", "in.yaml"]);
    assert_eq!(
        problems(&snapshot),
        [
            "dir: this symbolic link leads to a directory, and is not followed",
            "huge.yaml: the file is larger than 8 MiB",
            "latin.yaml:2:3: the file is not UTF-8: here is the byte 0xe9",
            "line\nbreak.yaml: the name of this file is not UTF-8, or holds control characters",
            "lost.yaml: this symbolic link leads nowhere",
            "out.yaml: this symbolic link leads out of the directory",
            "pipe.yaml: this is not a regular file",
        ]
    );
}

#[test]
fn a_lost_source_is_an_error_not_an_empty_one() {
    assert!(matches!(load(&["/nowhere/at/all".into()]), Err(LoadError::Io { .. })));
    assert!(matches!(load(&[]), Err(LoadError::Nothing)));
}

#[test]
fn after_a_failure_a_partial_look_is_a_whole_one() {
    let root = TempDir::new().unwrap();
    let (here, gone) = (root.path().join("here"), root.path().join("gone"));
    write(&here, "a.yaml", "a");
    write(&here, "b.yaml", "b");
    let mut loader = Loader::new(std::slice::from_ref(&here));
    loader.load().unwrap();
    fs::rename(&here, &gone).unwrap();
    assert!(loader.load().is_err());
    assert!(loader.reload(&[here.join("a.yaml")]).is_err());
    fs::rename(&gone, &here).unwrap();
    assert_eq!(names(&loader.reload(&[here.join("a.yaml")]).unwrap()), ["a.yaml", "b.yaml"]);
}

#[test]
fn named_files_keep_their_names() {
    let root = TempDir::new().unwrap();
    write(root.path(), "a.conf", "a");
    write(root.path(), "d/b.yaml", "b");
    let paths = [root.path().join("a.conf"), root.path().join("d")];
    let snapshot = load(&paths).unwrap();
    let expected = [paths[0].clone(), paths[1].join("b.yaml")];
    assert_eq!(names(&snapshot), expected.map(|path| path.to_str().unwrap().to_owned()));
}

#[test]
fn another_look_sees_each_change_and_keeps_what_stayed() {
    let root = TempDir::new().unwrap();
    for path in ["a.yaml", "b.yaml", "d/c.yaml"] {
        write(root.path(), path, "1");
        // Old enough for the stamp to be trusted.
        let file = fs::File::open(root.path().join(path)).unwrap();
        file.set_modified(std::time::SystemTime::now() - std::time::Duration::from_secs(60))
            .unwrap();
    }
    let mut loader = Loader::new(&[root.path().to_owned()]);
    let first = loader.load().unwrap();
    let again = loader.load().unwrap();
    assert!(first.files.iter().zip(&again.files).all(|(a, b)| Arc::ptr_eq(a, b)));
    assert_eq!(first.revision, again.revision);

    write(root.path(), "b.yaml", "2");
    write(root.path(), "new.yaml", "3");
    write(root.path(), "ca.pem", "x");
    fs::remove_file(root.path().join("a.yaml")).unwrap();
    let changed = ["a.yaml", "b.yaml", "new.yaml", "ca.pem", ".b.yaml.swp"];
    let next = loader.reload(&changed.map(|name| root.path().join(name))).unwrap();
    assert_eq!(names(&next), ["b.yaml", "d/c.yaml", "new.yaml"]);
    assert_eq!(&*next.files[0].text, "2");
    assert!(Arc::ptr_eq(&next.files[1], &first.files[2]));
    assert_ne!(next.revision, first.revision);
    assert_eq!(next.revision, load(&[root.path().to_owned()]).unwrap().revision);

    // Read again, since it is so new, but found to be the same.
    let same = loader.load().unwrap();
    assert!(next.files.iter().zip(&same.files).all(|(a, b)| Arc::ptr_eq(a, b)));

    // Unchanged in length, and changed so soon that time stamps alone would not tell.
    write(root.path(), "b.yaml", "4");
    assert_eq!(&*loader.load().unwrap().files[0].text, "4");

    // Sorts between the directory and what is in it.
    write(root.path(), "d-.yaml", "5");
    loader.load().unwrap();
    fs::remove_dir_all(root.path().join("d")).unwrap();
    let last = loader.reload(&[root.path().join("d")]).unwrap();
    assert_eq!(names(&last), ["b.yaml", "d-.yaml", "new.yaml"]);

    let paths = ["b.yaml", "new.yaml"].map(|name| root.path().join(name));
    drop(root);
    assert!(loader.reload(&paths).is_err(), "a lost source looks like an empty one");
}

#[test]
fn the_revision_is_the_commit_unless_the_files_differ() {
    let root = TempDir::new().unwrap();
    let repository = Repository::init(root.path()).unwrap();
    let manifests = root.path().join("manifests");
    write(&manifests, "a/a.yaml", "1");
    write(&manifests, "b.yaml", "1");
    write(root.path(), ".gitignore", "ignored.yaml\n");
    symlink("b.yaml", manifests.join("c.yaml")).unwrap();
    let mut loader = Loader::new(std::slice::from_ref(&manifests));
    assert!(loader.load().unwrap().revision.starts_with("sha256:"));

    let first = commit(&repository);
    assert_eq!(loader.load().unwrap().revision, first);
    assert_eq!(load(&[manifests.join("b.yaml")]).unwrap().revision, first);
    assert_eq!(load(&[root.path().to_owned()]).unwrap().revision, first);

    // What Git does not track or ignores is not in the commit either.
    write(root.path(), "elsewhere.yaml", "1");
    assert_eq!(loader.load().unwrap().revision, first);
    write(&manifests, "ignored.yaml", "1");
    assert_eq!(loader.load().unwrap().revision, format!("{first}-dirty"));
    fs::remove_file(manifests.join("ignored.yaml")).unwrap();
    write(&manifests, "b.yaml", "2");
    assert_eq!(loader.load().unwrap().revision, format!("{first}-dirty"));

    let second = commit(&repository);
    assert_ne!(first, second);
    assert_eq!(loader.load().unwrap().revision, second);
}

#[test]
fn no_path_in_a_manifest_leads_out_of_the_manifests() {
    let outer = TempDir::new().unwrap();
    let root = outer.path().join("root");
    write(&root, "in/file", "inside");
    write(outer.path(), "file", "outside");
    write(outer.path(), "in/file", "outside");
    symlink("..", root.join("out")).unwrap();
    symlink("../../file", root.join("in/link")).unwrap();
    symlink("in", root.join("fine")).unwrap();
    let parts = ["..", ".", "in", "out", "link", "fine", "file", "root", ""];
    let part = proptest::sample::select(parts.to_vec());
    let path = proptest::collection::vec(part, 1..7);
    let manifest = proptest::sample::select(vec!["a.yaml", "in/a.yaml", "out/a.yaml"]);
    let mut runner = proptest::test_runner::TestRunner::default();
    let read = runner.run(&(manifest, path), |(manifest, path)| {
        let path = path.join("/");
        // An absolute one is the administrator's own word.
        let Ok(path) = FilePath::new(path.trim_start_matches('/')) else { return Ok(()) };
        let request = FileRequest { manifest: manifest.into(), path };
        for (_, text) in read_referenced(&root, [request]) {
            proptest::prop_assert_ne!(text.as_deref(), Ok("outside"));
        }
        Ok(())
    });
    read.unwrap();
}
