//! Repositories that are pushed to, and real servers in front of them.

pub(crate) mod daemon;
pub(crate) mod http;
pub(crate) mod proxy;
pub(crate) mod ssh;

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A bare repository as a server has it, and a work tree that is pushed to it. The branch is `main`.
#[derive(Debug)]
pub(crate) struct Upstream {
    /// The bare repository, `site.git` in `root`.
    pub(crate) bare: PathBuf,
    /// The folder that servers serve.
    pub(crate) root: PathBuf,
    work: PathBuf,
}

impl Upstream {
    /// An empty repository in a folder.
    pub(crate) fn new(folder: &Path) -> Self {
        Self::with_work_tree(folder, folder.join("work"))
    }

    /// The same with a work tree that may be there already.
    pub(crate) fn with_work_tree(folder: &Path, work: PathBuf) -> Self {
        let root = folder.join("served");
        let bare = root.join("site.git");
        fs::create_dir_all(&root).expect("the test's folder is writable");
        let upstream = Self { bare, root, work };
        let text = |path: &Path| path.to_str().expect("the test's folder is UTF-8").to_owned();
        let (bare, work) = (text(&upstream.bare), text(&upstream.work));
        git(folder, &["init", "--quiet", "--bare", "--initial-branch=main", &bare], "");
        git(folder, &["init", "--quiet", "--initial-branch=main", &work], "");
        upstream.run(&["remote", "add", "origin", &bare]);
        upstream
    }

    /// Writes a file of the work tree.
    pub(crate) fn write(&self, path: &str, text: impl AsRef<[u8]>) -> &Self {
        let path = self.work.join(path);
        fs::create_dir_all(path.parent().expect("a file is in a folder")).unwrap();
        fs::write(path, text).expect("the test's folder is writable");
        self
    }

    /// Removes a file or a folder of the work tree, if it is there.
    pub(crate) fn remove(&self, path: &str) -> &Self {
        let path = self.work.join(path);
        let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
        match removed {
            Err(error) if error.kind() != ErrorKind::NotFound => panic!("{error}"),
            _ => self,
        }
    }

    /// Commits all that is in the work tree and pushes it. Returns the id of the commit.
    pub(crate) fn push(&self, subject: &str) -> String {
        let id = self.commit(subject);
        self.run(&["push", "--quiet", "--force", "origin", "HEAD"]);
        id
    }

    /// Commits all that is in the work tree.
    pub(crate) fn commit(&self, subject: &str) -> String {
        self.run(&["add", "--all"]);
        self.run(&["commit", "--quiet", "--allow-empty", "--message", subject]);
        self.run(&["rev-parse", "HEAD"])
    }

    /// Runs git in the work tree, and returns what it prints.
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        git(&self.work, arguments, "")
    }

    /// The same with an input.
    pub(crate) fn feed(&self, arguments: &[&str], input: &str) -> String {
        git(&self.work, arguments, input)
    }

    /// Makes a commit of a tree that no work tree could hold, in the form of `git ls-tree`, and
    /// pushes it.
    pub(crate) fn push_tree(&self, entries: &str) -> String {
        let tree = self.feed(&["mktree", "--missing"], entries);
        let id = self.run(&["commit-tree", &tree, "-m", "by hand"]);
        self.run(&["push", "--quiet", "--force", "origin", &format!("{id}:refs/heads/main")]);
        id
    }

    /// A `file://` URL.
    pub(crate) fn url(&self) -> String {
        format!("file://{}", self.bare.display())
    }
}

/// Runs git away from the settings of whoever runs the tests.
fn git(folder: &Path, arguments: &[&str], input: &str) -> String {
    let mut child = isolated(&mut Command::new("git"), folder)
        .args(["-c", "protocol.file.allow=always"])
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("git is installed: tests/setup.sh test");
    let mut stdin = child.stdin.take().expect("it was asked for");
    std::io::Write::write_all(&mut stdin, input.as_bytes()).expect("git reads its input");
    drop(stdin);
    let output = child.wait_with_output().expect("git ends");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "git {arguments:?}: {said}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Nothing of the caller's environment but where programs are.
fn isolated<'a>(command: &'a mut Command, home: &Path) -> &'a mut Command {
    command
        .env_clear()
        .env("PATH", "/usr/bin:/bin:/usr/local/bin")
        .env("HOME", home)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .envs([("GIT_AUTHOR_NAME", "Ann Author"), ("GIT_AUTHOR_EMAIL", "ann@example.org")])
        .envs([("GIT_COMMITTER_NAME", "Cy"), ("GIT_COMMITTER_EMAIL", "cy@example.org")])
}
