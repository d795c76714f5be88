//! What happens to manifests from one commit to the next.

use super::generate::{
    backend, balance, check, condition, gateway, listener, parents, route, rule, server, settle,
    target,
};
use super::model::{Backend, Listener, Name, Route, Rule, Server, Set, Speaks};
use super::origins::POOL;
use super::pools::{
    BACKENDS, HOSTS, LISTENERS, NAMESPACES, ROUTES, SERVERS, SHARES, STATES, TIMEOUTS, WEIGHTS,
};
use crate::support::random::Random;

type Edit = fn(&mut Set, &mut Random);

/// What HAProxy can do at runtime, as a rule.
const LIGHT: [Edit; 16] = [
    add_server,
    add_server,
    remove_server,
    remove_server,
    move_server,
    rename_server,
    weigh_server,
    limit_server,
    enable_server,
    add_route,
    remove_route,
    rename_route,
    change_hosts,
    change_rules,
    change_condition,
    change_targets,
];

/// What takes a reload, on some version at least.
const HEAVY: [Edit; 13] = [
    add_backend,
    add_backend,
    remove_backend,
    rename_backend,
    replace_backend,
    change_settings,
    change_servers_protocol,
    back_server_up,
    change_parents,
    add_listener,
    remove_listener,
    change_listener,
    change_gateways,
];

/// The set after one commit.
pub(crate) fn next(set: &Set, random: &mut Random) -> Set {
    if random.chance(6) {
        return super::generate::set(random);
    }
    let mut next = set.clone();
    let light_only = random.chance(45);
    for _ in 0..random.between(1, 4) {
        let edit =
            if light_only || random.chance(50) { random.pick(&LIGHT) } else { random.pick(&HEAVY) };
        edit(&mut next, random);
    }
    if random.chance(15) {
        next.layout = random.next();
    }
    if random.chance(8) {
        next.certificate = 1 - next.certificate;
    }
    settle(&mut next, random);
    next
}

/// One of `items`, where there is any.
fn any<'a, T>(items: &'a mut [T], random: &mut Random) -> Option<&'a mut T> {
    if items.is_empty() {
        return None;
    }
    let place = random.below(items.len());
    items.get_mut(place)
}

fn remove_any<T>(items: &mut Vec<T>, random: &mut Random) {
    if !items.is_empty() {
        items.swap_remove(random.below(items.len()));
    }
}

fn any_backend<'a>(set: &'a mut Set, random: &mut Random) -> Option<&'a mut Backend> {
    any(&mut set.backends, random)
}

fn on_server(set: &mut Set, random: &mut Random, edit: impl FnOnce(&mut Server, &mut Random)) {
    let with_servers = set.backends.iter_mut().filter(|backend| !backend.servers.is_empty());
    let mut backends: Vec<&mut Backend> = with_servers.collect();
    if let Some(backend) = any(&mut backends, random)
        && let Some(server) = any(&mut backend.servers, random)
    {
        edit(server, random);
    }
}

fn on_route(set: &mut Set, random: &mut Random, edit: impl FnOnce(&mut Route, &mut Random)) {
    if let Some(route) = any(&mut set.routes, random) {
        edit(route, random);
    }
}

fn on_rule(set: &mut Set, random: &mut Random, edit: impl FnOnce(&mut Rule, &mut Random)) {
    on_route(set, random, |route, random| {
        if let Some(rule) = any(&mut route.rules, random) {
            edit(rule, random);
        }
    });
}

fn on_listener(set: &mut Set, random: &mut Random, edit: impl FnOnce(&mut Listener, &mut Random)) {
    if let Some(gateway) = any(&mut set.gateways, random)
        && let Some(listener) = any(&mut gateway.listeners, random)
    {
        edit(listener, random);
    }
}

fn add_server(set: &mut Set, random: &mut Random) {
    if let Some(backend) = any_backend(set, random) {
        backend.servers.push(server(random));
    }
}

fn remove_server(set: &mut Set, random: &mut Random) {
    if let Some(backend) = any_backend(set, random) {
        remove_any(&mut backend.servers, random);
    }
}

fn move_server(set: &mut Set, random: &mut Random) {
    on_server(set, random, |server, random| server.origin = random.below(POOL));
}

fn rename_server(set: &mut Set, random: &mut Random) {
    on_server(set, random, |server, random| random.pick(&SERVERS).clone_into(&mut server.name));
}

fn weigh_server(set: &mut Set, random: &mut Random) {
    on_server(set, random, |server, random| server.weight = random.pick(&WEIGHTS));
}

fn limit_server(set: &mut Set, random: &mut Random) {
    let limits = [None, Some(1), Some(5), Some(100)];
    on_server(set, random, |server, random| server.maxconn = random.pick(&limits));
}

fn enable_server(set: &mut Set, random: &mut Random) {
    on_server(set, random, |server, random| server.state = random.pick(&STATES));
}

fn back_server_up(set: &mut Set, random: &mut Random) {
    on_server(set, random, |server, _| server.backup = !server.backup);
}

fn add_route(set: &mut Set, random: &mut Random) {
    let new = route(set, random);
    set.routes.push(new);
}

fn remove_route(set: &mut Set, random: &mut Random) {
    remove_any(&mut set.routes, random);
}

fn rename_route(set: &mut Set, random: &mut Random) {
    on_route(set, random, |route, random| {
        if random.chance(60) {
            random.pick(&ROUTES).clone_into(&mut route.name.name);
        } else {
            route.name.namespace = random.pick(&NAMESPACES);
        }
        route.short = random.chance(50);
    });
}

fn change_hosts(set: &mut Set, random: &mut Random) {
    on_route(set, random, |route, random| {
        let count = random.between(0, 3);
        route.hostnames = random.sample(&HOSTS, count);
    });
}

fn change_rules(set: &mut Set, random: &mut Random) {
    let new = rule(set, random);
    on_route(set, random, |route, random| match random.below(3) {
        0 => remove_any(&mut route.rules, random),
        1 => random.shuffle(&mut route.rules),
        _ => route.rules.push(new),
    });
}

fn change_condition(set: &mut Set, random: &mut Random) {
    let new = condition(random);
    on_rule(set, random, |rule, random| match random.below(3) {
        0 => remove_any(&mut rule.matches, random),
        1 => rule.matches.push(new),
        _ => {
            if let Some(old) = any(&mut rule.matches, random) {
                *old = new;
            }
        }
    });
}

fn change_targets(set: &mut Set, random: &mut Random) {
    let new = target(set, random);
    on_rule(set, random, |rule, random| {
        if random.chance(40) {
            rule.backends.push((new, random.pick(&SHARES)));
        } else if let Some(target) = any(&mut rule.backends, random) {
            *target =
                (if random.chance(50) { new } else { target.0.clone() }, random.pick(&SHARES));
        }
    });
}

fn add_backend(set: &mut Set, random: &mut Random) {
    set.backends.push(backend(random));
    change_targets(set, random);
}

fn remove_backend(set: &mut Set, random: &mut Random) {
    remove_any(&mut set.backends, random);
}

fn rename_backend(set: &mut Set, random: &mut Random) {
    let name = Name::new(random.pick(&NAMESPACES), random.pick(&BACKENDS));
    let Some(backend) = any_backend(set, random) else { return };
    let old = std::mem::replace(&mut backend.name, name.clone());
    // As a person would: the references follow, as a rule.
    if random.chance(80) {
        let rules = set.routes.iter_mut().flat_map(|route| &mut route.rules);
        for (target, _) in rules.flat_map(|rule| &mut rule.backends) {
            if *target == old {
                *target = name.clone();
            }
        }
    }
}

fn replace_backend(set: &mut Set, random: &mut Random) {
    if let Some(old) = any_backend(set, random) {
        *old = Backend { name: old.name.clone(), ..backend(random) };
    }
}

fn change_settings(set: &mut Set, random: &mut Random) {
    let Some(backend) = any_backend(set, random) else { return };
    match random.below(5) {
        0 => backend.balance = balance(random),
        1 => backend.check = check(random),
        2 => backend.timeout = random.pick(&TIMEOUTS),
        3 => backend.retries = random.pick(&[None, Some(2)]),
        _ => backend.cookie = !backend.cookie,
    }
}

fn change_servers_protocol(set: &mut Set, random: &mut Random) {
    let Some(backend) = any_backend(set, random) else { return };
    backend.speaks = random.pick(&[Speaks::Http1, Speaks::H2c, Speaks::H2, Speaks::Https]);
}

fn change_parents(set: &mut Set, random: &mut Random) {
    let new = parents(set, random);
    on_route(set, random, |route, _| route.parents = new);
}

fn add_listener(set: &mut Set, random: &mut Random) {
    if let Some(gateway) = any(&mut set.gateways, random) {
        gateway.listeners.push(listener(random));
    }
}

fn remove_listener(set: &mut Set, random: &mut Random) {
    if let Some(gateway) = any(&mut set.gateways, random) {
        remove_any(&mut gateway.listeners, random);
    }
}

fn change_listener(set: &mut Set, random: &mut Random) {
    on_listener(set, random, |listener, random| match random.below(3) {
        0 => listener.hostname = random.chance(60).then(|| random.pick(&HOSTS)),
        1 => listener.open = !listener.open,
        _ => random.pick(&LISTENERS).clone_into(&mut listener.name),
    });
}

fn change_gateways(set: &mut Set, random: &mut Random) {
    match random.below(3) {
        0 => set.gateways.push(gateway(random)),
        1 => remove_any(&mut set.gateways, random),
        _ => set.bound = !set.bound,
    }
}
