use std::{fs, os::unix::fs::symlink};

use super::*;

async fn next(watcher: &mut Watcher) -> Option<Changed> {
    timeout(Duration::from_millis(200), watcher.changed()).await.ok()
}

fn names(changed: &Changed, path: &Path) -> bool {
    matches!(changed, Changed::Paths(paths) if paths.iter().any(|changed| changed == path))
}

/// Waits until changes in a folder are told by name: then it is watched. Events of what was done
/// before may come first.
async fn assert_followed(watcher: &mut Watcher, folder: &Path) {
    for time in 0..100 {
        let path = folder.join(format!("{time}.yaml"));
        fs::write(&path, "1").unwrap();
        while let Some(changed) = next(watcher).await {
            if names(&changed, &path) {
                return;
            }
        }
    }
    panic!("{} is not followed", folder.display());
}

async fn assert_everything_told(watcher: &mut Watcher) {
    for _ in 0..100 {
        if next(watcher).await == Some(Changed::Everything) {
            return;
        }
    }
    panic!("the replacement was not told");
}

#[tokio::test]
async fn a_folder_is_followed_through_its_replacements() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path().canonicalize().unwrap();
    let [one, two, link] = ["one", "two", "link"].map(|name| root.join(name));
    fs::create_dir(&one).unwrap();
    fs::create_dir(&two).unwrap();
    symlink("one", &link).unwrap();
    let mut watcher = Watcher::new(std::slice::from_ref(&link), &root.join("state")).unwrap();
    assert_followed(&mut watcher, &one).await;

    // Configuration tools publish like this.
    symlink("two", root.join("fresh")).unwrap();
    fs::rename(root.join("fresh"), &link).unwrap();
    assert_everything_told(&mut watcher).await;
    assert_followed(&mut watcher, &two).await;

    fs::remove_file(&link).unwrap();
    assert_everything_told(&mut watcher).await;
    fs::create_dir(&link).unwrap();
    assert_followed(&mut watcher, &link).await;
}

#[tokio::test]
async fn what_lies_beside_the_folder_or_in_the_state_is_not_told() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path().canonicalize().unwrap();
    let folder = root.join("folder");
    let state = folder.join(".gw");
    fs::create_dir_all(&state).unwrap();
    let mut watcher = Watcher::new(std::slice::from_ref(&folder), &state).unwrap();
    fs::write(root.join("other"), "1").unwrap();
    fs::write(state.join("lock"), "1").unwrap();
    fs::write(folder.join("last.yaml"), "1").unwrap();
    let told = timeout(Duration::from_secs(30), watcher.changed()).await.unwrap();
    assert!(names(&told, &folder.join("last.yaml")), "{told:?}");
}

#[tokio::test]
async fn a_folder_is_followed_through_replacements_of_those_above_it() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path().canonicalize().unwrap();
    for release in ["1", "2"] {
        fs::create_dir_all(root.join("rel").join(release).join("m")).unwrap();
    }
    symlink("1", root.join("rel/current")).unwrap();
    // A link, and a way back from it, as in `..`.
    let path = root.join("rel/current/../current/m");
    let mut watcher = Watcher::new(std::slice::from_ref(&path), &root.join("state")).unwrap();
    assert_followed(&mut watcher, &root.join("rel/1/m")).await;

    symlink("2", root.join("rel/fresh")).unwrap();
    fs::rename(root.join("rel/fresh"), root.join("rel/current")).unwrap();
    assert_everything_told(&mut watcher).await;
    assert_followed(&mut watcher, &root.join("rel/2/m")).await;

    // At once, and slowly.
    for moment in [0, 100] {
        fs::remove_dir_all(root.join("rel")).unwrap();
        assert_everything_told(&mut watcher).await;
        tokio::time::sleep(Duration::from_millis(moment)).await;
        fs::create_dir_all(root.join("rel/current/m")).unwrap();
        assert_everything_told(&mut watcher).await;
        assert_followed(&mut watcher, &root.join("rel/current/m")).await;
    }

    // What is elsewhere by now is another folder.
    fs::rename(root.join("rel"), root.join("old")).unwrap();
    assert_everything_told(&mut watcher).await;
    fs::create_dir_all(root.join("rel/current/m")).unwrap();
    assert_followed(&mut watcher, &root.join("rel/current/m")).await;
}

#[tokio::test]
async fn a_folder_that_is_not_there_yet_is_waited_for_and_a_circle_is_no_folder() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path().canonicalize().unwrap();
    symlink("circle", root.join("circle")).unwrap();
    let paths = [root.join("a/b/c"), root.join("circle/m")];
    let mut watcher = Watcher::new(&paths, &root.join("state")).unwrap();
    fs::create_dir_all(&paths[0]).unwrap();
    assert_followed(&mut watcher, &paths[0]).await;
}

#[tokio::test]
async fn of_git_only_the_revision_matters() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path().canonicalize().unwrap();
    for folder in ["m/.git/refs/heads", "m/.git/objects", "m/..data"] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    let mut watcher = Watcher::new(&[root.join("m")], &root.join("state")).unwrap();
    for (name, is_told) in [
        ("m/.git/index.lock", false),
        ("m/.git/objects/12", false),
        ("m/.git/HEAD", true),
        ("m/.git/FETCH_HEAD", false),
        ("m/.git/refs/heads/main", true),
        ("m/..data/all.yaml", true),
    ] {
        fs::write(root.join(name), "1").unwrap();
        fs::write(root.join("m/end.yaml"), "1").unwrap();
        let mut told = Vec::new();
        while let Some(changed) = next(&mut watcher).await {
            told.push(changed);
        }
        assert!(told.iter().any(|changed| names(changed, &root.join("m/end.yaml"))), "{name}");
        let is_there = told.iter().any(|changed| names(changed, &root.join(name)));
        assert_eq!(is_there, is_told, "{name}: {told:?}");
    }
}

#[tokio::test]
async fn a_burst_that_never_ends_is_looked_at_all_the_same() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("all.yaml");
    let mut watcher = Watcher::new(&[root.path().to_owned()], &root.path().join("state")).unwrap();
    let churn = tokio::spawn(async move {
        loop {
            fs::write(&file, "1").unwrap();
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    let begun = Instant::now();
    let burst = watcher.rest_of_burst(Changed::Paths(Vec::new()), Duration::from_secs(1));
    let told = timeout(2 * BURST_MAX, burst).await;
    assert!(matches!(told, Ok(Changed::Paths(paths)) if !paths.is_empty()));
    assert!(begun.elapsed() >= BURST_MAX, "nothing changed for a while");
    churn.abort();
}
