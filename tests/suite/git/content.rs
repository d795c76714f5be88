//! What a tree may hold, and what it must not.

use std::fs;

use super::{Follower, backend, gw, repository, settings, validate};

/// What `gw validate` says is wrong, by file.
fn problems(url: &str, root: &std::path::Path, more: &[&str]) -> Vec<String> {
    let mut arguments = vec!["--output", "json"];
    arguments.extend(more);
    let outcome = validate(&gw(root), url, &arguments).expect(16);
    let json = outcome.json();
    let all = json["problems"].as_array().unwrap().iter();
    all.map(|one| {
        format!("{}: {}", one["file"].as_str().unwrap(), one["message"].as_str().unwrap())
    })
    .collect()
}

#[test]
fn what_a_checkout_would_turn_into_something_else_is_refused_by_name() {
    let (root, upstream) = repository();
    std::os::unix::fs::symlink("web.yaml", root.path().join("work/link.yaml")).unwrap();
    std::os::unix::fs::symlink("sites", root.path().join("work/folder")).unwrap();
    std::os::unix::fs::symlink("web.yaml", root.path().join("work/notes.txt")).unwrap();
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n";
    upstream.write("pointer.yaml", pointer);
    upstream.write(".gitattributes", "[attr]secret filter=git-crypt\n/sites/*.yaml filter=lfs\n");
    upstream.write("sites/a.yaml", backend("a", 81));
    upstream.write("sites/deep/b.yaml", backend("b", 82));
    upstream.write("sites/deep/.gitattributes", "c.yaml secret\n*.yaml -text\n");
    upstream.write("sites/deep/c.yaml", backend("c", 83));
    let id = upstream.run(&["rev-parse", "HEAD"]);
    upstream.run(&["update-index", "--add", "--cacheinfo", &format!("160000,{id},module")]);
    upstream.run(&["add", "--all", "--", ".", ":!module"]);
    upstream.run(&["commit", "--quiet", "--message", "Surprises"]);
    upstream.run(&["push", "--quiet", "origin", "HEAD"]);
    let checkout = "which gw does not run: a checkout would hold something else";
    let filtered = |path: &str, filter: &str| {
        format!("{path}: .gitattributes gives this file the filter {filter:?}, {checkout}")
    };
    assert_eq!(
        problems(&upstream.url(), root.path(), &[]),
        [
            "folder: this symbolic link leads to a directory, and is not followed".to_owned(),
            "link.yaml: this is a symbolic link, and is not followed".to_owned(),
            "module: this is a submodule, and is not followed".to_owned(),
            "pointer.yaml: this is a pointer of Git LFS, and the file itself is elsewhere"
                .to_owned(),
            filtered("sites/a.yaml", "lfs"),
            filtered("sites/deep/c.yaml", "git-crypt"),
        ]
    );
    // The attributes above the folder hold in it, too.
    assert_eq!(
        problems(&upstream.url(), root.path(), &["--path", "sites"]),
        [filtered("a.yaml", "lfs"), filtered("deep/c.yaml", "git-crypt")]
    );
    let outcome = validate(&gw(root.path()), &upstream.url(), &["--path", "folder"]).expect(13);
    assert!(outcome.stderr.contains("has no folder folder"), "{}", outcome.transcript());
}

#[test]
fn bad_files_are_problems_and_cost_no_other_file() {
    let (root, upstream) = repository();
    upstream.write("latin.yaml", [b'a', 0xe9]);
    upstream.write("huge.yaml", vec![b' '; gw::manifest::FILE_MAX + 1]);
    upstream.write("line\nbreak.yaml", "a");
    upstream.write(".hidden/x.yaml", "a: [").write("gw.yaml", "a: [").write("notes.txt", "a: [");
    upstream.push("Mixed");
    let mut follower = Follower::new(settings(&upstream.url()), root.path());
    let snapshot = follower.read().unwrap();
    let names: Vec<&str> = snapshot.files.iter().map(|file| &*file.path).collect();
    assert_eq!(names, ["web.yaml"]);
    let said: Vec<&str> = snapshot.problems.iter().map(|problem| &*problem.message).collect();
    assert_eq!(
        said,
        [
            "the file is larger than 8 MiB",
            "the file is not UTF-8: here is the byte 0xe9",
            "the name of this file holds control characters",
        ]
    );
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    let (root, upstream) = repository();
    let blob = upstream.feed(&["hash-object", "-w", "--stdin"], &backend("evil", 81));
    let inner = upstream.feed(&["mktree"], &format!("100644 blob {blob}\tx.yaml\n"));
    let entries = format!(
        "040000 tree {inner}\t..\n040000 tree {inner}\t.git\n100644 blob {blob}\tok.yaml\n"
    );
    upstream.push_tree(&entries);
    let mut follower = Follower::new(settings(&upstream.url()), root.path());
    let snapshot = follower.read().unwrap();
    let names: Vec<&str> = snapshot.files.iter().map(|file| &*file.path).collect();
    assert_eq!(names, ["ok.yaml"]);
    let said: Vec<String> = snapshot
        .problems
        .iter()
        .map(|problem| format!("{}: {}", problem.at, problem.message))
        .collect();
    let wrong = "this is no name for a file";
    assert_eq!(said, [format!("..: {wrong}"), format!(".git: {wrong}")]);
}

#[test]
fn a_tree_that_shares_its_subtrees_ends_the_look_not_the_machine() {
    let (root, upstream) = repository();
    let blob = upstream.feed(&["hash-object", "-w", "--stdin"], "a");
    let mut tree = upstream.feed(&["mktree"], &format!("100644 blob {blob}\tx.txt\n"));
    for _ in 0..10 {
        let entries: String = (0..10).map(|n| format!("040000 tree {tree}\td{n}\n")).collect();
        tree = upstream.feed(&["mktree"], &entries);
    }
    upstream.push_tree(&format!("040000 tree {tree}\td\n"));
    let error = Follower::new(settings(&upstream.url()), root.path()).read().unwrap_err();
    assert!(error.to_string().contains("there are more than"), "{error}");
}

#[test]
fn files_that_manifests_name_come_from_the_same_commit() {
    let (root, upstream) = repository();
    let authority = crate::support::tls::Authority::new(root.path());
    let certificate = fs::read_to_string(&authority.file).unwrap();
    let with = |file: &str| {
        format!(
            "apiVersion: gw/v1\nkind: Backend\nmetadata: {{ name: tls }}\nspec:\n  servers: \
             [{{ name: a, address: 127.0.0.1, port: 80 }}]\n  tls: {{ caFile: {file} }}\n"
        )
    };
    upstream.write("sites/certs/ca.pem", &certificate);
    upstream.write("outside.pem", &certificate);
    let url = upstream.url();
    let path = ["--path", "sites"];
    upstream.write("sites/prod/tls.yaml", with("../certs/ca.pem")).push("A relative path");
    let gw = gw(root.path());
    let _ = validate(&gw, &url, &path).ok();
    let told = |file: &str, reason: &str| {
        upstream.write("sites/prod/tls.yaml", with(file)).push("Another path");
        let found = problems(&url, root.path(), &path).join("\n");
        assert!(found.contains(reason), "{file}: {found}");
    };
    told("../../outside.pem", "it leads out of the manifests' directory");
    told("../certs/none.pem", "there is no such file in the commit");
    told("../certs", "it is no regular file");
    std::os::unix::fs::symlink("/etc/passwd", root.path().join("work/sites/link.pem")).unwrap();
    told("../link.pem", "it is a symbolic link");
    std::os::unix::fs::symlink("certs", root.path().join("work/sites/linked")).unwrap();
    told("../linked/ca.pem", "sites/linked is a symbolic link");
    upstream.remove("sites/linked");
    told("../certs/ca.pem/x", "there is no such file in the commit");
    // Also in a folder that holds no manifests, and is not looked at otherwise.
    upstream.write("sites/.keys/ca.pem", &certificate);
    upstream.write("sites/.keys/.gitattributes", "*.pem filter=git-crypt\n");
    told("../.keys/ca.pem", "gives this file the filter \"git-crypt\"");
    // Files of the machine only where its administrator says so.
    let secret = root.path().join("secret.pem");
    fs::write(&secret, &certificate).unwrap();
    let secret = secret.to_str().unwrap();
    told(secret, "only below /etc/gw/files, /etc/letsencrypt, /etc/ssl");
    told("/etc/ssl/../passwd", "only below");
    let allow = |folder: &std::path::Path| {
        let text = format!("source: {{git: '{url}', files: ['{}']}}\n", folder.display());
        fs::write(root.path().join("gw.yaml"), text).unwrap();
    };
    upstream.write("sites/prod/tls.yaml", with(secret)).push("A path of the machine");
    allow(root.path());
    let _ = gw.run(&["validate", "--path", "sites"]).ok();
    // A link out of such a folder leads out of it.
    let inside = root.path().join("inside");
    fs::create_dir(&inside).unwrap();
    std::os::unix::fs::symlink(secret, inside.join("link.pem")).unwrap();
    allow(&inside);
    told(inside.join("link.pem").to_str().unwrap(), "only below");
}
