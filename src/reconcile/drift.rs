//! What somebody changed in the process, told apart from what nobody applied yet, from what is held
//! and from what is none of gw's business.

use std::collections::BTreeMap;

use crate::{
    haproxy::{
        Command, Connection, SocketError,
        reply::{
            ReplyError, servers,
            stat::{StatKind, StatReader},
        },
    },
    intent::Intent,
    model::{Desired, Live, Note},
    plan::{Cause, Step},
    report::drift::{Drift, PendingCommit, Proxy, Unmanaged},
};

use super::{ReconcileError, Reconciler, kept_out::wanted, standing};

/// How the names of gw's own frontends and of its internal backend begin. Nothing else may have a
/// colon so early: `http:80`, `https:443`, `gw:keeper`.
const OWN: [&str; 3] = ["http:", "https:", "gw:"];
/// The proxy of the sockets themselves.
const INTERNAL: &str = "GLOBAL";

impl Reconciler {
    /// Compares the process with the current generation, and that with the manifests where they are
    /// given. Takes no lock and writes nothing, neither to disk nor to HAProxy.
    pub async fn drift(&mut self, intent: Option<&Intent>) -> Result<Drift, ReconcileError> {
        let disk = self.disk()?;
        let desired = standing::desired(&disk);
        let Some(mut standing) = self.standing(&disk, &desired).await? else {
            return Err(ReconcileError::NotRunning { socket: self.socket()?.to_string() });
        };
        let suspended = self.suspended(intent.and_then(wanted))?;
        let unmanaged = unmanaged(&mut standing.connection, &standing.live, &desired).await?;
        drop(standing.connection);
        let pending_commit = match intent {
            None => None,
            Some(intent) => {
                let plan = self.plan(intent).await?.plan;
                let is_commit = |step: &Step| step.cause == Cause::Commit;
                Some(PendingCommit {
                    revision: intent.revision.clone(),
                    reload: plan.reload,
                    steps: plan.steps.into_iter().filter(is_commit).collect(),
                })
            }
        };
        Ok(Drift {
            revision: standing.live.notes.get(&Note::Revision).cloned(),
            generation: standing::generation(&disk),
            haproxy: standing.worker,
            drift: standing.drift,
            pending_commit,
            under_way: standing.pending,
            held: standing.held,
            suspended,
            unmanaged,
        })
    }
}

/// The proxies of others: of the operator's own files, or made at the socket.
async fn unmanaged(
    connection: &mut Connection,
    live: &Live,
    desired: &Desired,
) -> Result<Vec<Unmanaged>, ReconcileError> {
    let reply = connection.run_one(&Command::show_stat_proxies()).await?;
    let mut reader = StatReader::new();
    let mut found: BTreeMap<String, Proxy> = BTreeMap::new();
    for line in reply.text.lines() {
        let Some(row) = reader.line(line).map_err(not_understood)? else { continue };
        let name = &*row.proxy;
        let is_ours = OWN.iter().any(|own| name.starts_with(own))
            || live.backends.contains_key(name)
            || desired.backends.contains_key(name);
        if is_ours || name == INTERNAL {
            continue;
        }
        let kind = match row.kind {
            StatKind::Frontend => Proxy::Frontend,
            StatKind::Backend => Proxy::Backend,
            StatKind::Server | StatKind::Listener => continue,
        };
        found.entry(name.to_owned()).and_modify(|known| *known = Proxy::Listen).or_insert(kind);
    }
    let mut unmanaged = Vec::new();
    for (name, kind) in found {
        let mut servers = 0;
        if kind != Proxy::Frontend
            && let Ok(command) = Command::show_servers_state_of(&name)
        {
            let reply = connection.run_one(&command).await?;
            servers = servers::parse(&reply.text).map_or(0, |rows| rows.len());
        }
        unmanaged.push(Unmanaged { name, kind, servers });
    }
    Ok(unmanaged)
}

#[expect(clippy::needless_pass_by_value, reason = "the shape of `map_err`")]
fn not_understood(error: ReplyError) -> SocketError {
    SocketError::Protocol(error.to_string())
}
