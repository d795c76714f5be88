//! The program, the operator's own configuration, and both with gw's.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    haproxy::{Binary, BinaryError},
    report::doctor::Check,
    service::Service,
};

use super::{in_full, runtime::Runtime};

/// How long HAProxy may take for a check.
const PATIENCE: Duration = Duration::from_secs(120);
/// What bounds the life of old workers.
const HARD_STOP: &str = "hard-stop-after";

/// All checks of configurations.
pub(super) async fn checks(runtime: &Runtime, service: &Service) -> Vec<Check> {
    let binary = Binary::new(service.binary(), PATIENCE);
    let mut checks = Vec::new();
    let version = binary.version_text().await;
    let can_check = version.is_ok();
    let running = runtime.worker.as_ref().map(|worker| worker.info.version_text.as_str());
    checks.push(program(service.binary(), version, running));
    let texts: io::Result<Vec<(PathBuf, String)>> = texts(service.base());
    let base = match &texts {
        _ if service.base().is_empty() => {
            Check::not_checked("base", "no configuration of your own is named: --base")
        }
        Err(error) => {
            let mend = "name the file that HAProxy loads before gw's by --base, and let gw read it";
            Check::failed("base", format!("can't read {}: {error}", list(service.base())), mend)
        }
        Ok(_) if !can_check => Check::not_checked("base", "there is no program to check it"),
        Ok(_) => alone(&binary, service.base()).await,
    };
    let base_is_good = base.mend.is_none();
    checks.push(base);
    checks.push(if !can_check {
        Check::not_checked("configuration", "there is no program to check it")
    } else if !base_is_good {
        Check::not_checked("configuration", "your own has to be mended first")
    } else if !service.current().exists() {
        Check::not_checked("configuration", "there is no generation")
    } else {
        together(service).await
    });
    checks.push(match &texts {
        Ok(texts) if !texts.is_empty() => hard_stop(texts),
        Ok(_) | Err(_) => Check::not_checked(HARD_STOP, "there is nothing to read"),
    });
    checks
}

/// Whether the program that checks is the one that runs.
fn program(path: &Path, version: Result<String, BinaryError>, running: Option<&str>) -> Check {
    const ID: &str = "binary";
    let path = path.display();
    match version {
        Err(error @ BinaryError::Missing(_)) => {
            Check::failed(ID, in_full(&error), "sudo apt install haproxy; or name it by --haproxy")
        }
        Err(error) => Check::failed(ID, in_full(&error), "name HAProxy's program by --haproxy"),
        Ok(version) => match running {
            Some(running) if running != version => Check::warning(
                ID,
                format!("{path} is {version}, and {running} runs: it checks for another version"),
                "sudo systemctl restart haproxy; or name the program that runs by --haproxy",
            ),
            Some(_) => Check::ok(ID, format!("{path} is {version}, which runs")),
            None => Check::ok(ID, format!("{path} is {version}")),
        },
    }
}

async fn alone(binary: &Binary, base: &[PathBuf]) -> Check {
    const ID: &str = "base";
    let files = list(base);
    match binary.check(base).await {
        Ok(report) if report.ok => Check::ok(ID, format!("{files} passes haproxy -c")),
        Ok(report) => {
            let arguments: String =
                base.iter().map(|path| format!(" -f {}", path.display())).collect();
            let mend = format!("correct it, then try: {} -c{arguments}", binary.path().display());
            Check::failed(ID, format!("HAProxy refuses {files}: {}", report.alerts()), mend)
        }
        Err(error) => Check::failed(ID, in_full(&error), "name HAProxy's program by --haproxy"),
    }
}

async fn together(service: &Service) -> Check {
    const ID: &str = "configuration";
    let current = service.current().display();
    match service.check(service.current()).await {
        Ok(Ok(())) => Check::ok(ID, format!("{current} passes haproxy -c with your own")),
        Ok(Err(words)) => {
            let mend = "sections of your own must not have the names of gw's; when that is corrected: \
                        gw apply";
            Check::failed(ID, format!("HAProxy refuses {current} with your own: {words}"), mend)
        }
        Err(error) => Check::failed(ID, error, "name HAProxy's program by --haproxy"),
    }
}

/// Whether old workers end some day.
fn hard_stop(texts: &[(PathBuf, String)]) -> Check {
    let lines = texts.iter().flat_map(|(_, text)| text.lines());
    let mut words = lines.map(str::split_whitespace);
    let found = words.find_map(|mut words| {
        (words.next() == Some(HARD_STOP)).then(|| words.next().unwrap_or_default().to_owned())
    });
    match (found, texts.first()) {
        (Some(value), _) => Check::ok(HARD_STOP, value),
        (None, file) => {
            let file = file.map(|(path, _)| path.display().to_string()).unwrap_or_default();
            let found =
                "not set: a worker that was replaced lives as long as its longest connection";
            let mend = format!("in the `global` section of {file}: {HARD_STOP} 5m");
            Check::warning(HARD_STOP, found, mend)
        }
    }
}

/// The texts of configuration files, in the order in which HAProxy loads them.
fn texts(base: &[PathBuf]) -> io::Result<Vec<(PathBuf, String)>> {
    let mut files = Vec::new();
    for path in base {
        if path.is_dir() {
            let entries = fs::read_dir(path)?.collect::<io::Result<Vec<_>>>()?;
            let mut inside: Vec<PathBuf> = entries.iter().map(fs::DirEntry::path).collect();
            inside.retain(|path| path.extension().is_some_and(|end| end == "cfg"));
            inside.sort();
            files.extend(inside);
        } else {
            files.push(path.clone());
        }
    }
    let read =
        |path: PathBuf| Ok((path.clone(), String::from_utf8_lossy(&fs::read(path)?).into_owned()));
    files.into_iter().map(read).collect()
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}
