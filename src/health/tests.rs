use crate::model::LiveServer;

use super::*;

fn server(up: bool, maintenance: bool) -> LiveServer {
    LiveServer {
        address: None,
        port: 80,
        weight: 1,
        initial_weight: 1,
        maxconn: None,
        backup: false,
        maintenance,
        disabled_in_file: false,
        draining: false,
        up,
        check_passed: up,
        checked: true,
        check_enabled: true,
    }
}

/// A census of backend `web`.
fn census(up: usize, down: usize, maintenance: usize) -> Census {
    let states = [(up, true, false), (down, false, false), (maintenance, false, true)];
    let mut servers = BTreeMap::new();
    for (count, up, maintenance) in states {
        for _ in 0..count {
            servers.insert(format!("s{}", servers.len()), server(up, maintenance));
        }
    }
    let live = Live { backends: [("web".to_owned(), servers)].into(), ..Live::default() };
    Census::of(&live, None)
}

fn traffic(pid: u32, all: u64, errors: u64) -> Traffic {
    let process = Process { pid, ..Process::default() };
    Traffic { process, backends: [("web".to_owned(), Answers { all, errors })].into() }
}

fn trial(servers: Census, seen: impl IntoIterator<Item = Traffic>, begin: Traffic) -> Trial {
    let mut usual = Usual::default();
    seen.into_iter().for_each(|traffic| usual.note(traffic));
    Trial { limits: Limits::default(), servers, usual, begin }
}

fn told(worse: &[Worse]) -> String {
    worse.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

#[test]
fn too_few_servers_are_worse_only_where_there_were_more() {
    let judge = |before, now| told(&trial(before, None, traffic(1, 0, 0)).servers(&now));
    assert_eq!(
        judge(census(4, 0, 0), census(1, 3, 0)),
        "backend web has 1 of 4 servers up, and had 4 of 4 before"
    );
    assert_eq!(judge(census(4, 0, 0), census(2, 2, 0)), "", "half of them is enough");
    assert_eq!(judge(census(1, 3, 0), census(1, 3, 0)), "", "no worse than before");
    assert_eq!(judge(census(0, 4, 0), census(0, 2, 0)), "", "it was down before");
    assert_eq!(judge(census(2, 0, 0), census(1, 0, 3)), "", "maintenance is meant");
    assert_eq!(judge(Census::default(), census(0, 2, 0)), "", "it is new");
    assert_eq!(judge(census(2, 0, 0), census(0, 0, 0)), "", "it has none on purpose");
}

#[test]
fn backends_that_a_change_does_not_touch_are_not_counted() {
    let live = Live {
        backends: ["a", "b"]
            .map(|name| (name.to_owned(), [("s".to_owned(), server(true, false))].into()))
            .into(),
        ..Live::default()
    };
    let only: BTreeSet<BackendName> = BackendName::from_haproxy("b").into_iter().collect();
    assert_eq!(Census::of(&live, Some(&only)).0.into_keys().collect::<Vec<_>>(), ["b"]);
    assert_eq!(Census::of(&live, None).0.len(), 2);
}

#[test]
fn more_errors_are_worse_than_what_is_usual() {
    let judge =
        |usual, begin, now: Traffic| told(&trial(census(1, 0, 0), usual, begin).errors(&now));
    let usual = || Some(traffic(1, 1000, 20));
    assert_eq!(
        judge(usual(), traffic(1, 1000, 20), traffic(1, 1100, 50)),
        "backend web answered 30% of 100 requests with 5xx, and 2% before"
    );
    let is_fine = |begin, now, why: &str| assert_eq!(judge(usual(), begin, now), "", "{why}");
    is_fine(traffic(1, 1000, 20), traffic(1, 1100, 27), "5 points more are allowed");
    is_fine(traffic(1, 1000, 20), traffic(1, 1009, 29), "too few to tell");
    assert_ne!(judge(usual(), traffic(2, 500, 0), traffic(3, 100, 100)), "", "a restart since");
    assert_ne!(judge(usual(), traffic(2, 0, 0), traffic(2, 100, 100)), "", "after a reload");
    let begin = || traffic(1, 0, 0);
    assert_eq!(judge(None, begin(), traffic(1, 100, 50)), "", "nobody knows what is usual");
    assert_ne!(judge(None, begin(), traffic(1, 100, 51)), "", "requests were turned to it");
    // What counts is what was answered of late, if that was not too little.
    let after_an_incident = || [traffic(1, 100, 90), traffic(1, 200, 90), traffic(1, 205, 95)];
    let judge_late = |now| {
        let trial = trial(census(1, 0, 0), after_an_incident(), traffic(1, 205, 95));
        told(&trial.errors(&now))
    };
    assert_eq!(judge_late(traffic(1, 305, 99)), "");
    assert!(
        judge_late(traffic(1, 305, 105)).contains("10% of 100 requests with 5xx, and 0% before")
    );
    let few = Some(traffic(1, 9, 0));
    assert_eq!(judge(few, begin(), traffic(1, 100, 50)), "", "too few to be usual");
}
