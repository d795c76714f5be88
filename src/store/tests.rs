use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use super::{
    prune::{KEEP, KEEP_REFUSED},
    *,
};

fn store() -> (tempfile::TempDir, Store) {
    let root = tempfile::tempdir().unwrap();
    let store = Store::new(&root.path().join("state"));
    store.create().unwrap();
    (root, store)
}

fn files(entries: &[(&str, &str)]) -> Files {
    entries.iter().map(|(name, text)| ((*name).to_owned(), Arc::from(*text))).collect()
}

fn metadata(structure: &str) -> Metadata {
    Metadata {
        contents: None,
        revision: "r".to_owned(),
        structure: structure.to_owned(),
        created: 0,
        cause: String::new(),
    }
}

#[test]
fn a_generation_is_current_only_after_the_switch() {
    let (_root, store) = store();
    assert_eq!(store.current().unwrap(), None);
    let all = files(&[("00-gw.cfg", "global\n"), ("maps/exact.map", ""), ("certs/a.pem", "key")]);
    let (first, written) = store.stage(&all, &metadata("s1"), None).unwrap();
    assert!(written > 10);
    assert_eq!(store.current().unwrap(), None);
    store.switch(&first).unwrap();
    assert_eq!(store.current().unwrap().as_ref(), Some(&first));
    assert_eq!(store.read(&first).unwrap(), all);
    let mode = |name: &str| fs::metadata(first.path.join(name)).unwrap().permissions().mode();
    assert_eq!((mode("certs") & 0o777, mode("certs/a.pem") & 0o777), (0o700, 0o600));
}

#[test]
fn what_did_not_change_is_linked() {
    let (_root, store) = store();
    let old = files(&[("a.cfg", "same"), ("b.cfg", "old")]);
    let (first, _) = store.stage(&old, &metadata("s"), None).unwrap();
    let new = files(&[("a.cfg", "same"), ("b.cfg", "new!!")]);
    let (second, _) = store.stage(&new, &metadata("s"), Some((&first, &old))).unwrap();
    let inode = |generation: &Generation, name: &str| {
        fs::metadata(generation.path.join(name)).unwrap().ino()
    };
    assert_eq!(inode(&first, "a.cfg"), inode(&second, "a.cfg"));
    assert_ne!(inode(&first, "b.cfg"), inode(&second, "b.cfg"));
    assert_eq!(store.read(&first).unwrap(), old);
    assert_eq!(store.read(&second).unwrap(), new);
}

#[test]
fn ten_generations_are_kept_and_the_current_one_always() {
    let (_root, store) = store();
    let (first, _) = store.stage(&files(&[]), &metadata("s"), None).unwrap();
    store.switch(&first).unwrap();
    for _ in 0..14 {
        store.stage(&files(&[]), &metadata("s"), None).unwrap();
    }
    store.prune(None, None).unwrap();
    let numbers = store.numbers().unwrap();
    assert_eq!(numbers.len(), 11);
    assert_eq!((numbers[0], numbers[10]), (1, 15));
}

#[test]
fn what_runs_and_what_was_good_are_kept_though_they_are_not_current() {
    let (_root, store) = store();
    store.stage(&files(&[]), &metadata("running"), None).unwrap();
    for _ in 0..15 {
        store.stage(&files(&[]), &metadata("s"), None).unwrap();
    }
    store.prune(Some("running"), Some(3)).unwrap();
    assert_eq!(store.numbers().unwrap()[..3], [1, 3, 7]);
    assert_eq!(store.numbers().unwrap().len(), 12);
}

#[test]
fn the_loaded_generation_is_found_by_its_structure() {
    let (_root, store) = store();
    for structure in ["s1", "s2", "s1", "s3"] {
        store.stage(&files(&[]), &metadata(structure), None).unwrap();
    }
    assert_eq!(store.with_structure("s1").unwrap().map(|found| found.number), Some(3));
    assert_eq!(store.with_structure("s9").unwrap(), None);
}

#[test]
fn the_way_back_leads_to_what_served() {
    let (_root, store) = store();
    let stage = |revision: &str| {
        let metadata = Metadata { revision: revision.to_owned(), ..metadata("s") };
        store.stage(&files(&[]), &metadata, None).unwrap().0
    };
    let empty = stage(NO_REVISION);
    let first = stage("a");
    let refused = stage("b");
    store.note_refusal(&refused, "no").unwrap();
    let last = stage("c");
    assert_eq!(store.earlier(&last).unwrap().as_ref(), Some(&first));
    // There is nothing in what `gw init` made.
    assert_eq!(store.earlier(&first).unwrap(), None);
    assert_eq!(store.earlier(&empty).unwrap(), None);
}

#[test]
fn a_second_lock_names_the_holder() {
    let (_root, store) = store();
    let held = store.lock().unwrap();
    let error = store.lock().unwrap_err();
    assert!(error.to_string().contains(&std::process::id().to_string()), "{error}");
    drop(held);
    store.lock().unwrap();
}

#[test]
fn a_missing_directory_says_how_to_make_it() {
    let store = Store::new(Path::new("/nonexistent/gw"));
    let error = store.current().unwrap_err();
    assert!(error.hint().unwrap().contains("gw init"), "{error}");
    // Nor did gw prepare each folder that exists.
    let empty = tempfile::tempdir().unwrap();
    assert!(matches!(Store::new(empty.path()).current(), Err(StoreError::Missing(_))));
}

#[test]
fn nobody_waits_for_the_end_of_a_gw_that_follows() {
    for (command, word) in [("up", "end it"), ("watch", "end it"), ("apply", "wait")] {
        let holder = format!("process 7 (/usr/bin/gw {command} manifests), since yesterday");
        let error = StoreError::Locked { path: "lock".into(), holder };
        assert!(error.hint().unwrap().contains(word), "{:?}", error.hint());
    }
}

#[test]
fn what_was_refused_pushes_nothing_good_out() {
    let (_root, store) = store();
    let stage = || store.stage(&files(&[("a.cfg", "a")]), &metadata("s"), None).unwrap().0;
    let good: Vec<Generation> = (0..KEEP).map(|_| stage()).collect();
    store.switch(&good[0]).unwrap();
    for _ in 0..20 {
        store.note_refusal(&stage(), "no").unwrap();
        store.prune(None, None).unwrap();
    }
    let numbers = store.numbers().unwrap();
    assert_eq!(numbers.len(), KEEP + KEEP_REFUSED);
    assert!(good.iter().all(|generation| numbers.contains(&generation.number)), "{numbers:?}");
    assert_eq!(numbers.last(), Some(&30), "the newest refusal is the one to read");
}

#[test]
fn torsos_are_removed() {
    let (_root, store) = store();
    let (first, _) = store.stage(&files(&[("a.cfg", "a")]), &metadata("s"), None).unwrap();
    store.switch(&first).unwrap();
    fs::create_dir_all(store.folder(2).join("maps")).unwrap();
    store.prune(None, None).unwrap();
    assert_eq!(store.numbers().unwrap(), [1]);
}

#[test]
fn only_files_for_haproxy_are_read_back() {
    let (_root, store) = store();
    let all = files(&[("a.cfg", "a"), ("maps/exact.map", "")]);
    let (first, _) = store.stage(&all, &metadata("s"), None).unwrap();
    store.note_checked(&first);
    store.note_refusal(&first, "no").unwrap();
    // Left by a gw that was killed while it wrote the refusal.
    fs::write(first.path.join("haproxy-said.new"), "n").unwrap();
    assert_eq!(store.read(&first).unwrap(), all);
}

#[test]
fn the_way_back_from_what_nobody_checked_leads_to_what_was() {
    let (_root, store) = store();
    let stage = || store.stage(&files(&[]), &metadata("s"), None).unwrap().0;
    let [first, second, unchecked, current] = [stage(), stage(), stage(), stage()];
    assert_eq!(store.last_checked(&current).unwrap(), None);
    store.note_checked(&first);
    store.note_checked(&second);
    store.note_checked(&current);
    assert_eq!(store.last_checked(&current).unwrap(), Some(second.clone()));
    assert!(!store.is_checked(&unchecked) && store.is_checked(&second));
    store.note_refusal(&second, "no").unwrap();
    assert_eq!(store.last_checked(&current).unwrap(), Some(first));
}
