//! `gw render`.

use std::{
    fmt::Write as _,
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use crate::{
    reconcile::Reconciler,
    render::Rendered,
    report::{is_secret, text::counted},
};

use super::{error::CliError, exit::Exit, manifests::Manifests, options::Options, output};

/// Print the configuration and the map files that HAProxy would load
///
/// The same manifests give the same bytes. Each block has a comment that names the manifest it came
/// from. Certificates and keys are not printed. Needs no HAProxy.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  gw render manifests
  gw render manifests --output-dir out && haproxy -c -f /etc/haproxy/haproxy.cfg -f $PWD/out")]
pub(super) struct Args {
    #[command(flatten)]
    manifests: Manifests,

    /// Write the files into this new or empty directory, keys included (only you can read them)
    #[arg(long, value_name = "DIR")]
    output_dir: Option<PathBuf>,

    #[command(flatten)]
    options: Options,
}

pub(super) fn run(args: &Args) -> Result<Exit, CliError> {
    let settings = args.options.settings()?;
    let mut reconciler = Reconciler::new(&settings);
    let intent = args.manifests.compile(&settings, &mut reconciler)?;
    match &args.output_dir {
        None => output::print(&listing(&intent.rendered))?,
        Some(folder) => {
            write(folder, &intent.rendered)?;
            let files = counted(intent.rendered.files.len(), "file");
            output::eprint(&format!("{files} written to {}\n", folder.display()));
        }
    }
    Ok(Exit::Ok)
}

/// All files one after the other.
fn listing(rendered: &Rendered) -> String {
    let mut out = String::new();
    for (path, text) in &rendered.files {
        let _ = writeln!(out, "# file: {path}");
        if is_secret(path) {
            let _ = writeln!(out, "# secret, {} bytes", text.len());
        } else {
            out.push_str(text);
        }
        if !out.ends_with('\n') {
            out.push('\n');
        }
        out.push('\n');
    }
    out
}

fn write(folder: &Path, rendered: &Rendered) -> Result<(), CliError> {
    let failed = |path: &Path| {
        let message = format!("cannot write {}", path.display());
        move |error: io::Error| CliError::new(Exit::Error, message).because(&error)
    };
    fs::create_dir_all(folder).map_err(failed(folder))?;
    if fs::read_dir(folder).map_err(failed(folder))?.next().is_some() {
        // HAProxy would load what was left over from another time.
        let message = format!("{} is not empty", folder.display());
        return Err(CliError::new(Exit::Error, message).hint("name a new directory"));
    }
    for (path, text) in &rendered.files {
        let file = folder.join(path);
        let mode = if is_secret(path) { 0o600 } else { 0o644 };
        fs::create_dir_all(file.parent().unwrap_or(folder)).map_err(failed(&file))?;
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&file)
            .and_then(|mut out| out.write_all(text.as_bytes()))
            .map_err(failed(&file))?;
    }
    Ok(())
}
