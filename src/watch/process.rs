//! HAProxy restarted, reloaded or ended by somebody else.

use std::{mem, time::Duration};

use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};

use crate::{
    model::Process,
    reconcile::{old_workers, running},
    settings::Settings,
};

use super::vitals::Vitals;

/// How often HAProxy is asked who it is, and its master which old workers live: one small command each,
/// on a connection of its own, since an old worker lives for as long as it is connected to.
const LOOK: Duration = Duration::from_secs(2);

/// So often in a row it may be too busy to answer.
const SILENT: usize = 2;

/// Tells whenever another process answers than before, and when none does any more. One that answers the first look
/// is no news. Ends when nobody listens any more.
pub(super) fn observe(settings: &Settings, vitals: &Vitals) -> watch::Receiver<Option<Process>> {
    let (sender, receiver) = watch::channel(None);
    let (settings, vitals) = (settings.clone(), vitals.clone());
    tokio::spawn(async move {
        let mut ticks = interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut silent = 0;
        while !sender.is_closed() {
            ticks.tick().await;
            let found = running(&settings).await;
            vitals.see(found.as_ref(), old_workers(&settings, found.as_ref()).await);
            // Where it does not answer, the next one that does is another one.
            let Some(found) = found else {
                silent += 1;
                if silent >= SILENT {
                    sender.send_if_modified(|known| known.take().is_some());
                }
                continue;
            };
            let was_gone = mem::take(&mut silent) > 0;
            sender.send_if_modified(|known| {
                let before = known.replace(found);
                if before.is_some() { before != *known } else { was_gone }
            });
        }
    });
    receiver
}
