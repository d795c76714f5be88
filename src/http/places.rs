//! Who is served where there is not room for all.

use std::{
    collections::{HashMap, VecDeque},
    net::IpAddr,
};

use tokio::task::{AbortHandle, JoinSet};

/// How many connections there may be at a time.
const CONNECTIONS: usize = 64;

/// The connections there are. They end when dropped.
///
/// Nobody waits for a place: where all are taken, whoever has the most gives up its oldest one. So
/// strangers who hold connections without asking for anything only drive out each other, and a monitor,
/// whose request takes a moment, is answered at once.
#[derive(Default)]
pub(super) struct Places {
    tasks: JoinSet<()>,
    /// Whose each is, the oldest first.
    taken: VecDeque<(IpAddr, AbortHandle)>,
}

impl Places {
    /// Serves a connection.
    pub(super) fn give(
        &mut self,
        peer: IpAddr,
        connection: impl Future<Output = ()> + Send + 'static,
    ) {
        while self.tasks.try_join_next().is_some() {}
        self.taken.retain(|(_, task)| !task.is_finished());
        if self.taken.len() >= CONNECTIONS
            && let Some(oldest) = self.oldest_of_the_most()
            && let Some((_, task)) = self.taken.remove(oldest)
        {
            task.abort();
        }
        self.taken.push_back((peer, self.tasks.spawn(connection)));
    }

    fn oldest_of_the_most(&self) -> Option<usize> {
        let mut of_peer: HashMap<IpAddr, usize> = HashMap::new();
        for (peer, _) in &self.taken {
            *of_peer.entry(*peer).or_default() += 1;
        }
        let most = of_peer.values().max()?;
        self.taken.iter().position(|(peer, _)| of_peer.get(peer) == Some(most))
    }
}
