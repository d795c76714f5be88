use std::sync::Arc;

use crate::{
    compile::{ReferencedFiles, compile},
    haproxy::reply::servers::{self, OpState, ServerState},
    manifest,
    model::{BackendName, SourceFile},
};

use super::*;

const HEADER: &str = "# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state \
    srv_uweight srv_iweight srv_time_since_last_change srv_check_status srv_check_result \
    srv_check_health srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn \
    srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr srv_agent_addr srv_agent_port";

fn desired(backends: &str) -> Desired {
    let text =
        format!("apiVersion: gw/v1\nkind: Backend\nmetadata: {{name: api}}\nspec: {backends}\n");
    let parsed = manifest::parse(&SourceFile { path: "t.yaml".into(), text: text.into() });
    assert!(parsed.problems.is_empty(), "{:?}", parsed.problems);
    let documents: Vec<_> = parsed.documents.into_iter().map(Arc::new).collect();
    compile(&documents, &ReferencedFiles::default()).desired
}

/// A row of a server that is up, in address, admin state, weight and initial weight as given.
fn row(place: &str, address: &str, admin: u32, weight: u32, initial: u32) -> String {
    let (backend, server) = place.split_once('/').unwrap();
    format!(
        "3 {backend} 1 {server} {address} 2 {admin} {weight} {initial} 9 6 3 4 6 0 0 0 - 80 - 0 0 - - 0"
    )
}

/// What the next worker reads, by `backend/server`.
fn carried(
    rows: &[String],
    desired: &Desired,
    held: &[(&str, HeldState)],
    adding: &[&str],
) -> Vec<(String, ServerState<'static>)> {
    let reply = format!("1\n{HEADER}\n{}\n", rows.join("\n"));
    let held: Vec<Held> = held
        .iter()
        .map(|(server, state)| Held {
            backend: BackendName::from_haproxy("api").unwrap(),
            server: ServerName::new(server).unwrap(),
            state: *state,
            hold: None,
        })
        .collect();
    let adding = adding.iter().map(ToString::to_string).collect();
    let file = format!("1\n{}", carry_over(&reply, desired, &held, &adding));
    let rows = servers::parse(file.leak()).unwrap();
    rows.into_iter().map(|row| (format!("{}/{}", row.backend, row.name), row)).collect()
}

const TWO: &str = "{servers: [{name: a, address: 10.0.0.1, port: 80}, {name: b, address: 10.0.0.2, port: 81, weight: 7}]}";

#[test]
fn git_wins_where_it_owns_and_the_operator_where_they_hold() {
    let rows = [row("api/a", "10.9.9.9", 8, 50, 1), row("api/b", "10.0.0.2", 1, 3, 7)];
    let held = [("a", HeldState::Drain), ("a", HeldState::Weight { to: 50, from: 1 })];
    let carried = carried(&rows, &desired(TWO), &held, &[]);
    let [(_, a), (_, b)] = carried.as_slice() else { panic!("{carried:?}") };
    assert_eq!((a.address, a.port), (Some([10, 0, 0, 1].into()), 80));
    assert_eq!((a.admin.0, a.weight, a.initial_weight), (8, 50, 1));
    // Nothing of b is held: what a hand did to it is drift, and ends here.
    assert_eq!((b.admin.0, b.weight, b.initial_weight, b.port), (0, 7, 7, 81));
}

#[test]
fn what_git_does_not_have_is_left_out_and_what_others_wrote_is_left_alone() {
    let theirs = row("manual/x", "10.1.1.1", 1, 3, 3);
    let rows = [row("api/a", "10.0.0.1", 0, 1, 1), row("api/gone", "10.0.0.3", 0, 1, 1), theirs];
    let carried = carried(&rows, &desired(TWO), &[], &[]);
    let names: Vec<&str> = carried.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["api/a", "manual/x"]);
    assert_eq!((carried[1].1.admin.0, carried[1].1.weight), (1, 3));
}

#[test]
fn a_newcomer_counts_as_down_unless_all_are_new() {
    let checked = TWO.replacen('{', "{healthCheck: {type: tcp}, ", 1);
    let desired = desired(&checked);
    let carried_of = |rows: &[String], adding: &[&str]| {
        let carried = carried(rows, &desired, &[], adding);
        carried.into_iter().map(|(name, row)| (name, row.op_state)).collect::<Vec<_>>()
    };
    let a = [row("api/a", "10.0.0.1", 0, 1, 1)];
    let (name_a, name_b) = ("api/a".to_owned(), "api/b".to_owned());
    let expected = vec![(name_a.clone(), OpState::Running), (name_b.clone(), OpState::Stopped)];
    assert_eq!(carried_of(&a, &[]), expected);
    assert_eq!(carried_of(&[row("api/old", "10.0.0.9", 0, 1, 1)], &[]), []);
    // One that is still waiting for its first good check waits on, where another one serves.
    let both = [a[0].clone(), row("api/b", "10.0.0.2", 0, 7, 7)];
    assert_eq!(carried_of(&both, &["api/a"])[0], (name_a.clone(), OpState::Stopped));
    let b_is_down = [a[0].clone(), both[1].replacen(" 2 0 7 7", " 0 0 7 7", 1)];
    assert_eq!(carried_of(&b_is_down, &["api/a"]), [(name_b, OpState::Stopped)]);
    assert_eq!(carried_of(&a, &["api/a"]), []);
    // One that takes no requests since an operator says so is no other one.
    let held = [("a", HeldState::Maintenance)];
    let rows = carried(&both[..1], &desired, &held, &["api/a"]);
    assert_eq!(rows.iter().map(|(name, _)| name).collect::<Vec<_>>(), [&name_a]);
}

#[test]
fn a_reply_that_is_no_table_makes_an_empty_file() {
    for reply in ["", "1", "1\n\n", "1\n# be_name srv_name\nx y", "what?"] {
        let file = carry_over(reply, &desired(TWO), &[], &BTreeSet::new());
        assert!(file.lines().all(|line| line.starts_with('#')), "{reply:?}: {file:?}");
    }
}
