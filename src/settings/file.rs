//! `gw.yaml`: settings as the administrator of the machine writes them.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_yaml::Spanned;

use crate::{
    haproxy::Endpoint,
    model::{Problem, Problems, SourceFile},
};

use super::{
    Given, GivenGuards, Listen, SettingsError, duration::parse_patience, guards, health, intervals,
    notify, source, structure, webhook,
};

/// The greatest size of the file. It has some dozen lines.
pub(super) const SIZE_MAX: u64 = 64 * 1024;

/// gw's own settings for one machine: `/etc/gw/gw.yaml`, or wherever `--config` says. Relative paths
/// are relative to the folder of the file.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(title = "gw.yaml")]
pub(super) struct Document {
    /// HAProxy's runtime socket: a path, or host:port.
    #[schemars(with = "Option<String>")]
    socket: Option<Spanned<String>>,
    /// The master's socket (`haproxy -W -S`): a path, or host:port.
    #[schemars(with = "Option<String>")]
    master: Option<Spanned<String>>,
    /// Your own configuration, which HAProxy loads before gw's.
    #[schemars(with = "Option<String>")]
    base: Option<Spanned<String>>,
    /// The state directory, whose `current` HAProxy loads.
    #[schemars(with = "Option<String>")]
    state: Option<Spanned<String>>,
    /// The haproxy program that checks configurations: a path, or a name.
    #[schemars(with = "Option<String>")]
    haproxy: Option<Spanned<String>>,
    /// How long a new server may take until its first good health check, such as 10s.
    #[schemars(with = "Option<String>")]
    ready_timeout: Option<Spanned<String>>,
    /// How long a removed server may take until its last request is answered, such as 5s.
    #[schemars(with = "Option<String>")]
    removal_timeout: Option<Spanned<String>>,
    /// Where gw answers HTTP while it follows: an IP address and a port, or off.
    #[schemars(with = "Option<String>")]
    http: Option<Spanned<String>>,
    /// Who is told how passes end.
    notify: Option<Vec<notify::Document>>,
    /// Whose webhooks hasten a fetch.
    webhook: Option<webhook::Document>,
    source: Option<source::Document>,
    watch: Option<intervals::Document>,
    /// Whether HAProxy may be reloaded.
    #[serde(default)]
    #[schemars(schema_with = "guards::reload_schema")]
    reload: Option<Spanned<String>>,
    /// Whether drift is corrected, or only reported.
    #[serde(default)]
    #[schemars(schema_with = "guards::drift_schema")]
    drift: Option<Spanned<String>>,
    /// What becomes of manifests with errors, where they are followed: each object that is wrong stays
    /// what it was (`object`), or the whole revision is refused (`revision`).
    #[schemars(with = "Option<String>")]
    bad_manifests: Option<Spanned<String>>,
    guards: Option<guards::Document>,
    health_gate: Option<health::Document>,
    /// The least time between two reloads where manifests are followed, such as 5s.
    #[schemars(with = "Option<String>")]
    reload_interval: Option<Spanned<String>>,
}

/// Reads the file at `path`.
pub(super) fn read(path: &Path) -> Result<Given, SettingsError> {
    let failed = |source| SettingsError::Read { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(SIZE_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > SIZE_MAX {
        return Err(SettingsError::TooLarge { path: path.to_owned() });
    }
    let text = String::from_utf8(bytes)
        .map_err(|error| failed(io::Error::new(io::ErrorKind::InvalidData, error)))?;
    let file = SourceFile { path: path.display().to_string().into(), text: text.into() };
    let folder = path.parent().unwrap_or(Path::new(""));
    parse(&file, folder)
        .map_err(|problems| SettingsError::Invalid { file: Arc::new(masked(file)), problems })
}

/// The file without what stands before the host in URLs: its lines are shown where they are wrong.
fn masked(file: SourceFile) -> SourceFile {
    let mask = |word: &str| {
        let (scheme, rest) = word.split_once("://")?;
        let (secret, host) = rest.rsplit_once('@')?;
        Some(format!("{scheme}://{}@{host}", "*".repeat(secret.chars().count())))
    };
    let words = file.text.split_inclusive(char::is_whitespace);
    let text: String = words.map(|word| mask(word).unwrap_or_else(|| word.to_owned())).collect();
    SourceFile { text: text.into(), ..file }
}

/// Understands the text of the file. Relative paths in it are relative to `folder`.
fn parse(file: &SourceFile, folder: &Path) -> Result<Given, Problems> {
    let (document, problems) = structure::read(file);
    let Some(document) = document else {
        return if problems.is_empty() { Ok(Given::default()) } else { Err(problems) };
    };
    let mut reader = Reader { file, problems };
    let path = |text: &str| -> Result<PathBuf, String> {
        if text.is_empty() { Err("the path is empty".to_owned()) } else { Ok(folder.join(text)) }
    };
    let socket = |text: &str| -> Result<Endpoint, String> {
        let endpoint: Endpoint = text.parse().map_err(|error| format!("{error}"))?;
        Ok(match endpoint {
            Endpoint::Unix(path) => Endpoint::Unix(folder.join(path)),
            tcp @ Endpoint::Tcp(_) => tcp,
        })
    };
    // A bare name is looked for in PATH.
    let binary = |text: &str| -> Result<PathBuf, String> {
        if text.contains('/') { path(text) } else { Ok(text.into()) }
    };
    let written = document.guards.unwrap_or_default();
    let guards = GivenGuards {
        mass_delete: reader.value(written.mass_delete, guards::percent),
        empty_backend: reader.value(written.empty_backend, guards::stance),
        shrunk_source: reader.value(written.shrunk_source, guards::percent),
        old_workers: reader.value(written.old_workers, guards::count),
    };
    let given = Given {
        socket: reader.value(document.socket, socket),
        master: reader.value(document.master, socket),
        base: reader.value(document.base, path),
        state: reader.value(document.state, path),
        haproxy: reader.value(document.haproxy, binary),
        ready_timeout: reader.value(document.ready_timeout, parse_patience),
        removal_timeout: reader.value(document.removal_timeout, parse_patience),
        http: reader
            .value(document.http, |text| text.parse::<Listen>().map_err(|error| error.to_string())),
        notify: document
            .notify
            .map(|targets| targets.into_iter().filter_map(|it| it.read(&mut reader)).collect()),
        webhook: document.webhook.and_then(|it| it.read(&mut reader, folder)),
        source: document.source.map(|it| it.read(&mut reader, folder)).unwrap_or_default(),
        watch: document.watch.map(|it| it.read(&mut reader)),
        reload: reader.value(document.reload, guards::reload),
        drift: reader.value(document.drift, str::parse),
        bad_manifests: reader.value(document.bad_manifests, str::parse),
        guards,
        health: document.health_gate.map(|it| it.read(&mut reader)).unwrap_or_default(),
        reload_interval: reader.value(document.reload_interval, parse_patience),
    };
    if reader.problems.is_empty() {
        return Ok(given);
    }
    reader.problems.sort();
    Err(reader.problems)
}

/// Reads values and collects what is wrong with them.
pub(super) struct Reader<'a> {
    file: &'a SourceFile,
    problems: Problems,
}

impl Reader<'_> {
    /// Whether nothing was wrong so far.
    pub(super) fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }

    pub(super) fn value<T>(
        &mut self,
        written: Option<Spanned<String>>,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let Spanned { value, referenced, .. } = written?;
        match parse(&value) {
            Ok(parsed) => Some(parsed),
            Err(why) => {
                let length = value.chars().count();
                self.problems
                    .push(Problem::error(structure::place(self.file, referenced, length), why));
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::guard::{Limit, Stance};
    use crate::source::{
        git::{ForcedPush, SecretFrom},
        trust::Mode,
    };

    use super::*;
    use crate::{settings::Webhook, webhook::Provider};

    fn read(text: &str) -> Result<Given, String> {
        let file = SourceFile { path: "/etc/gw/gw.yaml".into(), text: text.into() };
        parse(&file, Path::new("/etc/gw")).map_err(|problems| {
            let line = |problem: &Problem| {
                let hint =
                    problem.hint.as_ref().map_or_else(String::new, |hint| format!("; {hint}"));
                format!("{}: {}{hint}\n", problem.at, problem.message)
            };
            problems.iter().map(line).collect()
        })
    }

    #[test]
    fn every_setting_can_be_written() {
        let text = "socket: /run/haproxy/admin.sock\nmaster: 127.0.0.1:9998\nbase: base.cfg\n\
                    state: /srv/gw\nhaproxy: haproxy-3.2\nreadyTimeout: 1m\nremovalTimeout: 500ms\n";
        let given = read(text).unwrap();
        assert_eq!(given.socket, Some(Endpoint::Unix("/run/haproxy/admin.sock".into())));
        assert_eq!(given.master, Some(Endpoint::Tcp("127.0.0.1:9998".into())));
        assert_eq!(given.base, Some("/etc/gw/base.cfg".into()));
        assert_eq!(given.state, Some("/srv/gw".into()));
        assert_eq!(given.haproxy, Some("haproxy-3.2".into()));
        assert_eq!(given.ready_timeout, Some(Duration::from_secs(60)));
        assert_eq!(given.removal_timeout, Some(Duration::from_millis(500)));
        let text = "http: off\nnotify:\n- url: http://127.0.0.1:9/x\n  on: [failure]\n";
        let given = read(text).unwrap();
        assert_eq!(given.http, Some(Listen::Off));
        let target = &given.notify.unwrap()[0];
        assert!(target.failure && !target.success && target.url.path() == "/x");
        let given = read("webhook: {secretFile: secret, providers: [gitea]}\n").unwrap();
        let secret_file = "/etc/gw/secret".into();
        let providers = vec![Provider::Gitea];
        assert_eq!(given.webhook, Some(Webhook { secret_file, providers }));
        let told = read("webhook: {secretFile: secret, providers: [gitee]}\n").unwrap_err();
        assert!(told.contains("gitlab, generic"), "{told}");
        for empty in ["", "# nothing\n", "---\n"] {
            assert_eq!(read(empty), Ok(Given::default()), "{empty:?}");
        }
    }

    #[test]
    fn a_repository_can_be_written() {
        let text = "source:\n  git: https://me@example.org/r\n  ref: '>=1 <2'\n  path: sites/prod\n  \
                    auth: {tokenFile: token}\n  caFile: ca.pem\n  forcedPush: refuse\n  \
                    timeout: 5s\n  files: [/srv/keys]\n  \
                    verify: {mode: strict, allowedSigners: signers}\n";
        let source = read(text).unwrap().source.fill().unwrap();
        assert_eq!(source.address.as_str(), "https://example.org/r");
        assert_eq!(source.reference.to_string(), ">=1 <2");
        assert_eq!(source.path.as_str(), "sites/prod");
        assert_eq!(source.access.secret, Some(SecretFrom::TokenFile("/etc/gw/token".into())));
        assert_eq!(source.access.ca_file, Some("/etc/gw/ca.pem".into()));
        assert_eq!(source.forced_push, ForcedPush::Refuse);
        assert_eq!(source.timeout, Duration::from_secs(5));
        assert_eq!(source.files, [PathBuf::from("/srv/keys")]);
        assert_eq!(source.verify.mode, Mode::Strict);
        assert_eq!(source.verify.allowed_signers, Some("/etc/gw/signers".into()));
        assert!(source.history);
        let two = "source: {git: /r, auth: {tokenFile: a, passwordEnv: B}}";
        assert!(read(two).unwrap_err().contains("already"), "{two}");
        for bad in [
            "{}",
            "{git: /r, path: ..}",
            "{git: /r, files: ['']}",
            "{git: /r, ref: a..b}",
            "{git: /r, verify: {}}",
            "{git: /r, verify: {mode: head}}",
            "{git: /r, timeout: 2h}",
            "{git: /r, verify: {mode: most}}",
        ] {
            assert!(read(&format!("source: {bad}")).is_err(), "{bad}");
        }
    }

    #[test]
    fn intervals_can_be_written_and_have_limits() {
        let intervals = |text: &str| read(text).map(|given| given.watch.unwrap());
        let both = intervals("watch: {poll: 1s, resync: 1h}").unwrap();
        assert_eq!((both.poll.as_secs(), both.resync.as_secs()), (1, 3600));
        let one = intervals("watch: {resync: 5m}").unwrap();
        assert_eq!((one.poll.as_secs(), one.resync.as_secs()), (30, 300));
        for bad in ["{poll: 0s}", "{poll: 999ms}", "{resync: 61m}", "{resync: 60}", "{pol: 1s}"] {
            assert!(intervals(&format!("watch: {bad}")).is_err(), "{bad}");
        }
    }

    #[test]
    fn passwords_in_urls_are_not_shown() {
        let text = "source:\n  git: https://me:p/w@d@example.org/r?q # x@y\n";
        let file = SourceFile { path: "gw.yaml".into(), text: text.into() };
        let shown = masked(file).text;
        assert_eq!(&*shown, "source:\n  git: https://********@example.org/r?q # x@y\n");
    }

    #[test]
    fn how_strict_the_guards_are_can_be_written() {
        let text = "reload: forbid\ndrift: report\nguards:\n  massDelete: 40%\n  emptyBackend: warn\n  \
                    shrunkSource: allow\n  oldWorkers: 3\n";
        let given = read(text).unwrap();
        assert_eq!(given.reload, Some(Stance::Refuse));
        assert_eq!(given.drift, Some(crate::settings::DriftPolicy::Report));
        let expected = GivenGuards {
            mass_delete: Some(Limit::At(40)),
            empty_backend: Some(Stance::Warn),
            shrunk_source: Some(Limit::Allow),
            old_workers: Some(Limit::At(3)),
        };
        assert_eq!(given.guards, expected);
        assert_eq!(
            read("guards:\n  massDelete: 0%\n  emptyBackend: never\n").unwrap_err(),
            "/etc/gw/gw.yaml:2:15: \"0%\" is no share: write 1% to 100%, or allow\n\
             /etc/gw/gw.yaml:3:17: \"never\" is none of refuse, warn and allow\n"
        );
        let said = read("guards: {masDelete: 1%}\n").unwrap_err();
        assert!(said.contains("did you mean `massDelete`?"), "{said}");
    }

    #[test]
    fn mistakes_are_shown_with_their_place() {
        assert_eq!(
            read("state: /srv\nsokcet: /run/a\n").unwrap_err(),
            "/etc/gw/gw.yaml:2:1: there is no setting \"sokcet\"; did you mean `socket`?\n"
        );
        assert_eq!(
            read("socket: ''\nreadyTimeout: soon\n").unwrap_err(),
            "/etc/gw/gw.yaml:1:9: \"\" names no socket: give a path such as \
             /run/haproxy/admin.sock, or host:port\n\
             /etc/gw/gw.yaml:2:15: \"soon\" is no duration: write a whole number and one of h, m, \
             s, ms, such as 10s or 1m30s\n"
        );
        assert_eq!(
            read(
                "http: 5s\nhttps: off\nguards:\n  massDelete: 0%\n  masDelete: {at: 1%}\n\
                  notify:\n- url: ftp://x\n  onn:\n  - failure\n- 5\nstate: [/a]\nstate: /b\n\
                  source:\n  ref: main\nwatch: {poll: 20h}\nhealthGate: off\n"
            )
            .unwrap_err(),
            "/etc/gw/gw.yaml:1:7: \"5s\" is no place to listen at: write an IP address and a port \
             such as 127.0.0.1:7049, or off\n\
             /etc/gw/gw.yaml:2:1: there is no setting \"https\"; did you mean `http`?\n\
             /etc/gw/gw.yaml:4:15: \"0%\" is no share: write 1% to 100%, or allow\n\
             /etc/gw/gw.yaml:5:3: there is no setting \"masDelete\"; did you mean `massDelete`?\n\
             /etc/gw/gw.yaml:7:8: notifications go to an http:// or https:// URL\n\
             /etc/gw/gw.yaml:8:3: there is no setting \"onn\"; did you mean `on`?\n\
             /etc/gw/gw.yaml:10:3: a mapping (`key: value`) belongs here\n\
             /etc/gw/gw.yaml:11:8: a single value belongs here\n\
             /etc/gw/gw.yaml:14:3: `git` is missing\n\
             /etc/gw/gw.yaml:15:15: \"20h\" is too short or too long: write 1s to 1h\n\
             /etc/gw/gw.yaml:16:13: a mapping (`key: value`) belongs here\n"
        );
        let many: String = (0..9999).map(|number| format!("a{number}: 1\n")).collect();
        assert_eq!(read(&many).unwrap_err().lines().count(), 50);
        let items = "notify:\n- url: http://a.example\n  on: [failure]\n- urll: http://b.example\n  \
                     on: [success]\n- url: [x]\n  on: [failure]\n- url: ftp://c\n";
        assert_eq!(
            read(items).unwrap_err(),
            "/etc/gw/gw.yaml:4:3: there is no setting \"urll\"; did you mean `url`?\n\
             /etc/gw/gw.yaml:6:8: a single value belongs here\n\
             /etc/gw/gw.yaml:8:8: notifications go to an http:// or https:// URL\n"
        );
        let missing = read("source: {git: [a], ref: b}\nsource: /r\n").unwrap_err();
        assert_eq!(missing.lines().count(), 2, "{missing}");
        let verify = "source:\n  git: /r\n  verify:\n    mode: head\n    allowedSigner: /k\n";
        assert_eq!(read(verify).unwrap_err().lines().count(), 1);
        for bad in
            ["socket: [a]\n", "a: b: c\n", "- a\n", "state: /a\nstate: /b\n", "socket: \u{1}\n"]
        {
            let said = read(bad).unwrap_err();
            assert!(said.starts_with("/etc/gw/gw.yaml:"), "{bad:?}: {said}");
        }
    }
}
