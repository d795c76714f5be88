//! A bar for what takes longer than a second, on a terminal only.

use std::{
    io::{self, IsTerminal as _},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

use crate::{reconcile::Progress, report::snippet::printable};

/// What is done sooner needs no bar.
const PATIENCE: Duration = Duration::from_secs(1);

/// The bar, once there is one.
#[derive(Debug)]
pub(super) struct Bar {
    started: Instant,
    is_terminal: bool,
    drawn: Option<ProgressBar>,
}

impl Bar {
    pub(super) fn new() -> Self {
        Self { started: Instant::now(), is_terminal: io::stderr().is_terminal(), drawn: None }
    }

    /// Shows how far it is.
    pub(super) fn show(&mut self, progress: &Progress) {
        if !self.is_terminal || self.started.elapsed() < PATIENCE {
            return;
        }
        let bar = self.drawn.get_or_insert_with(|| {
            let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {wide_msg}");
            let bar = ProgressBar::new(0);
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar
        });
        bar.set_length(progress.total as u64);
        bar.set_position(progress.done as u64);
        bar.set_message(printable(progress.what).into_owned());
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Some(bar) = &self.drawn {
            bar.finish_and_clear();
        }
    }
}
