//! Running the process that fetches, and no longer than it may take.

use std::{
    env,
    ffi::OsString,
    fs,
    io::{self, BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::Instant,
};

use super::{
    Address, COMMAND, GitError, Settings, TRANSFER_MAX, Transport,
    access::Credentials,
    known_hosts::{KnownHosts, PORT},
    wire::{Done, Failure, Line, Request},
};

/// A fetch may take so many times the silence that a server may keep.
const ENDURANCE: u32 = 10;

/// The variables that the process keeps.
const INHERITED: [&str; 13] = [
    "https_proxy",
    "HTTPS_PROXY",
    "http_proxy",
    "HTTP_PROXY",
    "no_proxy",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "OPENSSL_CONF",
    "SSH_AUTH_SOCK",
    "LD_LIBRARY_PATH",
    "LANG",
    "TZ",
];

/// Where OpenSSL finds an authority by the hash of its name, and Debian keeps each of those that are in
/// the file with all of them. To read that file takes longer than a fetch from a server nearby.
const AUTHORITIES: &str = "/etc/ssl/certs";

/// What the process needs to know besides the settings.
pub(super) struct Wanted<'a> {
    /// The bare repository to fetch into; `None` where the server is only to tell what it has.
    pub(super) repository: Option<&'a Path>,
    /// A folder that is HOME to the process.
    pub(super) home: &'a Path,
    /// The local reference that shall point to what is fetched.
    pub(super) target: String,
    /// The commit that it is compared with.
    pub(super) previous: Option<String>,
}

/// Fetches. Blocks for ten times the timeout at most.
pub(super) fn fetch(settings: &Settings, wanted: &Wanted<'_>) -> Result<Done, GitError> {
    if settings.access.ca_file.is_some() || !can_look_up() {
        return run(settings, wanted, false);
    }
    match run(settings, wanted, true) {
        // Somebody may have added one to the file alone.
        Err(GitError::Certificate { .. }) => run(settings, wanted, false),
        other => other,
    }
}

/// Whether the system's authorities can be looked up one by one, and nobody names others.
fn can_look_up() -> bool {
    let is_named = |name| env::var_os(name).is_some();
    let mut names = fs::read_dir(AUTHORITIES).into_iter().flatten().flatten();
    !is_named("SSL_CERT_FILE")
        && !is_named("SSL_CERT_DIR")
        && names.any(|entry| entry.path().extension().is_some_and(|ending| ending == "0"))
}

/// Fetches; `look_up` leaves the file with all authorities alone.
fn run(settings: &Settings, wanted: &Wanted<'_>, look_up: bool) -> Result<Done, GitError> {
    let address = &settings.address;
    let access = &settings.access;
    let port = address.port().unwrap_or(PORT);
    let preferred = wanted.home.join(".ssh/known_hosts");
    let known_hosts = match address.transport() {
        Transport::Ssh => prefer(settings, &preferred, port)?,
        _ => String::new(),
    };
    let request = Request {
        repository: wanted.repository.map(Path::to_owned),
        url: address.as_str().to_owned(),
        host: address.host().to_owned(),
        port,
        reference: settings.reference.to_string(),
        target: wanted.target.clone(),
        previous: wanted.previous.clone(),
        history: settings.history,
        credentials: access.credentials(address)?.expose(),
        known_hosts,
        preferred,
        proxy: access.proxy.as_ref().map(Address::exposed),
    };
    let mut command = Command::new(&settings.program);
    command.arg(COMMAND).env_clear().env("HOME", wanted.home).env("XDG_CONFIG_HOME", wanted.home);
    let inherited = INHERITED.iter().filter_map(|name| Some((name, env::var_os(name)?)));
    command.envs(inherited.collect::<Vec<(&&str, OsString)>>());
    if let Some(file) = &access.ca_file {
        fs::File::open(file)
            .map_err(|source| GitError::Credential { what: file.display().to_string(), source })?;
        // The system's authorities are in the folder that this one is instead of.
        command.env("SSL_CERT_FILE", file).env("SSL_CERT_DIR", wanted.home);
    }
    if look_up {
        command.env("SSL_CERT_FILE", "/dev/null").env("SSL_CERT_DIR", AUTHORITIES);
    }
    let (lines, _process) = start(&mut command, &request)
        .map_err(|source| process(address, format!("can't be started: {source}")))?;
    let begin = Instant::now();
    loop {
        let left = (settings.timeout * ENDURANCE).saturating_sub(begin.elapsed());
        match lines.recv_timeout(left.min(settings.timeout)) {
            Ok(Line::Alive) => {}
            Ok(Line::Done(done)) => return Ok(done),
            Ok(Line::Failed(failure)) => {
                let place = wanted.repository.unwrap_or(wanted.home);
                return Err(explain(settings, place, failure));
            }
            Err(RecvTimeoutError::Timeout) => {
                let limit = if left < settings.timeout {
                    settings.timeout * ENDURANCE
                } else {
                    settings.timeout
                };
                return Err(GitError::Timeout { address: address.to_string(), limit });
            }
            Err(RecvTimeoutError::Disconnected) => {
                return Err(process(address, "ended without an answer".to_owned()));
            }
        }
    }
}

/// Ends the process when dropped.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(command: &mut Command, request: &Request) -> io::Result<(Receiver<Line>, Process)> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut process = Process(command.spawn()?);
    let input = process.0.stdin.take();
    let output = process.0.stdout.take();
    let (mut input, output) = input.zip(output).expect("both were asked for as pipes");
    // Secrets go this way, where no list of processes shows them.
    input.write_all(&serde_json::to_vec(request)?)?;
    drop(input);
    let (sender, lines) = channel();
    let follow = move |output: ChildStdout| {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            let Ok(line) = serde_json::from_str(&line) else { return };
            if sender.send(line).is_err() {
                return;
            }
        }
    };
    thread::spawn(move || follow(output));
    Ok((lines, process))
}

/// Writes what is known of the host where libssh2 reads which algorithms to ask for. Returns all
/// that is known of any host, which decides.
fn prefer(settings: &Settings, preferred: &Path, port: u16) -> Result<String, GitError> {
    let text = settings.access.known_hosts()?;
    let mut known = KnownHosts::default();
    known.add(&text);
    let lines = known.plain_lines(settings.address.host(), port);
    let folder = preferred.parent().expect("the path was joined to a folder");
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(preferred, lines))
        .map_err(|source| GitError::Io { action: "write", path: preferred.to_owned(), source })?;
    Ok(text)
}

fn process(address: &Address, what: String) -> GitError {
    GitError::Process { address: address.to_string(), what }
}

/// Whether a repository of this machine is not there.
fn is_gone(address: &Address) -> bool {
    address.transport() == Transport::Local && !Path::new(address.as_str()).exists()
}

/// What the process could not do, with what it need not know.
fn explain(settings: &Settings, repository: &Path, failure: Failure) -> GitError {
    let address = settings.address.to_string();
    let reference = settings.reference.to_string();
    match failure {
        // libgit2 takes a path without a folder for a URL that it does not know.
        Failure::Unreachable(_) if is_gone(&settings.address) => {
            GitError::NotFound { address, why: "there is no such folder".to_owned() }
        }
        Failure::Unreachable(why) => GitError::Unreachable { address, why },
        Failure::NotFound(why) => GitError::NotFound { address, why },
        Failure::NotOwned => GitError::NotOwned { address },
        Failure::Authentication(why) => {
            let shown = settings.access.credentials(&settings.address);
            let had_credentials = shown
                .is_ok_and(|shown| !matches!(shown, Credentials::None | Credentials::Agent { .. }));
            GitError::Authentication { address, had_credentials, why }
        }
        Failure::Certificate(why) => GitError::Certificate { address, why },
        Failure::HostKey { host, why, hint } => GitError::HostKey { host, why, hint },
        Failure::Empty => GitError::Empty { address },
        Failure::Missing { similar } => GitError::NoReference { address, reference, similar },
        Failure::NoVersion { highest } => {
            GitError::NoVersion { address, range: reference, highest }
        }
        Failure::NoCommit => GitError::NoCommit { address, id: reference },
        Failure::NotACommit => GitError::NotACommit { address, reference },
        Failure::TooLarge => GitError::TooLarge { address, limit: TRANSFER_MAX },
        Failure::Clone(why) => GitError::Clone { path: repository.to_owned(), why },
    }
}
