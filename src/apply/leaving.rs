//! Servers on their way out: what holds their deletion up, and when it would do harm.

use std::collections::BTreeSet;

use crate::{
    haproxy::{
        Command, Connection, SocketError,
        reply::{connections, servers},
    },
    model::{BackendName, ServerName},
};

/// Servers that are to be deleted, with their backends.
pub(super) type Leaving<'a> = BTreeSet<(&'a BackendName, &'a ServerName)>;

/// Those of `leaving` whose health check is under way, as backend and server.
pub(super) async fn being_checked(
    connection: &mut Connection,
    leaving: &Leaving<'_>,
) -> Result<BTreeSet<(String, String)>, SocketError> {
    let mut busy = BTreeSet::new();
    for backend in backends(leaving) {
        let Ok(show) = Command::show_servers_state_of(backend) else { continue };
        let reply = connection.run_one(&show).await?;
        let rows = servers::parse(&reply.text).unwrap_or_default().into_iter();
        let checked = rows.filter(|row| row.check_running);
        busy.extend(checked.map(|row| (row.backend.to_owned(), row.name.to_owned())));
    }
    Ok(busy)
}

/// The commands that close the idle connections of those of `leaving` that serve nobody any more.
/// From 3.0 on `del server` does that itself; before, they hold it up until the server closes
/// them. HAProxy closes them when the address changes, which does no harm in maintenance.
pub(super) async fn closers(
    connection: &mut Connection,
    leaving: &Leaving<'_>,
) -> Result<Vec<Command>, SocketError> {
    let names: BTreeSet<(&str, &str)> =
        leaving.iter().map(|(backend, server)| (backend.as_str(), server.as_str())).collect();
    let mut commands = Vec::new();
    for backend in backends(leaving) {
        let Ok(show) = Command::show_servers_connections_of(backend) else { continue };
        let reply = connection.run_one(&show).await?;
        let rows = connections::parse(&reply.text).unwrap_or_default().into_iter();
        let idle = rows
            .filter(|row| row.used == 0 && row.idle > 0)
            .filter(|row| names.contains(&(row.backend.as_str(), row.server.as_str())));
        commands.extend(idle.filter_map(|row| {
            let place = row.address?;
            let other = if place.port() > 1 { place.port() - 1 } else { 2 };
            Command::set_server_addr(backend, &row.server, place.ip(), other).ok()
        }));
    }
    Ok(commands)
}

fn backends<'a>(leaving: &Leaving<'a>) -> BTreeSet<&'a str> {
    leaving.iter().map(|(backend, _)| backend.as_str()).collect()
}
