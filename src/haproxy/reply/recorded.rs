//! The codecs against what real processes of five versions said (`tests/record-replies.sh`), and
//! against nonsense.

use std::{fs, path::PathBuf};

use proptest::prelude::*;

use super::{
    ReplyError, backend, cert, info, map, proc,
    servers::{self, CheckResult, OpState},
    stat::{self, Answers, StatKind, StatReader, StatRow},
    var,
};
use crate::haproxy::{Command, Verdict, Version};

const VERSIONS: [&str; 5] = ["2.6", "2.8", "3.0", "3.2", "3.4"];

fn recorded(version: &str, name: &str) -> String {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/replies");
    fs::read_to_string(root.join(version).join(name).with_extension("txt")).unwrap()
}

/// Runs a test on the recording of each version.
fn on_all(name: &str, test: impl Fn(&str, &str)) {
    for version in VERSIONS {
        test(version, &recorded(version, name));
    }
}

#[test]
fn info_names_the_worker() {
    on_all("info", |version, text| {
        assert_eq!(Command::show_info().judge(text), Verdict::Done);
        let info = info::parse(text).unwrap();
        assert_eq!(info.version.to_string(), version);
        assert!(info.version_text.starts_with(version));
        assert_eq!((info.node.as_str(), info.threads, info.stopping), ("lab-1", 2, false));
        assert!(info.pid > 0 && info.start_time > 1_700_000_000);
        // The 2.8 of PyPI warns of itself; what it means varies with builds.
        assert_eq!(info.tainted & 0x8, 0);
    });
}

#[test]
fn servers_say_where_and_how_they_are() {
    on_all("servers-state", |_, text| {
        assert_eq!(Command::show_servers_state().judge(text), Verdict::Done);
        let rows = servers::parse(text).unwrap();
        let row = |name: &str| rows.iter().find(|row| row.name == name).unwrap();
        assert_eq!(rows.len(), 10);
        let up = row("up");
        assert_eq!((up.backend, up.port, up.weight), ("api", 29902, 10));
        assert_eq!(up.address, Some("127.0.0.1".parse().unwrap()));
        assert_eq!(up.op_state, OpState::Running);
        // The result is unknown while a check is under way.
        assert!(matches!(up.check_result, CheckResult::Passed | CheckResult::Unknown));
        assert!(up.check_configured && !up.admin.in_maint());
        let down = row("down");
        assert_eq!(down.op_state, OpState::Stopped);
        assert!(matches!(down.check_result, CheckResult::Failed | CheckResult::Unknown));
        let six = row("six");
        assert_eq!(six.address, Some("::1".parse().unwrap()));
        assert_eq!((six.weight, six.initial_weight), (5, 1));
        assert!(!six.check_configured);
        assert_eq!((row("sock").address, row("sock").port), (None, 0));
        let off = row("off").admin;
        assert!(off.in_maint() && off.forced_maint() && off.config_maint() && !off.drain());
        let lost = row("lost");
        assert_eq!(lost.address, None);
        assert!(lost.admin.in_maint() && !lost.admin.forced_maint());
        let hands = row("hands").admin;
        assert!(hands.forced_maint() && !hands.config_maint());
        assert!(row("drained").admin.forced_drain() && !row("drained").admin.in_maint());
        let late = row("late");
        assert!(late.admin.in_maint() && late.check_configured);
        assert_eq!((row("a").backend, row("a").weight), ("shop.api", 0));
    });
    on_all("servers-state-void", |_, text| assert_eq!(servers::parse(text), Ok(Vec::new())));
    on_all("servers-state-missing", |_, text| {
        assert!(servers::parse(text).is_err());
        let command = Command::show_servers_state_of("nosuch").unwrap();
        assert_eq!(command.judge(text), Verdict::Refused("Can't find backend.".to_owned()));
    });
}

/// What `show stat` says of each row: proxy, name, kind, limit and whether it is a backup.
type Stat = (String, String, StatKind, Option<u32>, bool);

fn stat(text: &str) -> Result<Vec<Stat>, ReplyError> {
    let mut reader = StatReader::new();
    let mut rows = Vec::new();
    for line in text.split('\n') {
        if let Some(StatRow { proxy, name, kind, limit, backup, unpublished: _ }) =
            reader.line(line)?
        {
            rows.push((proxy.into_owned(), name.into_owned(), kind, limit, backup));
        }
    }
    reader.end().map(|()| rows)
}

#[test]
fn statistics_are_found_by_name_of_column() {
    on_all("stat-api", |_, text| {
        assert_eq!(Command::show_stat_of("api").unwrap().judge(text), Verdict::Done);
        let rows = stat(text).unwrap();
        let row = |name: &str| {
            let (proxy, _, kind, limit, backup) = rows.iter().find(|row| row.1 == name).unwrap();
            (proxy.as_str(), *kind, *limit, *backup)
        };
        assert_eq!(rows.len(), 10);
        assert_eq!(row("up"), ("api", StatKind::Server, Some(50), false));
        assert_eq!(row("down"), ("api", StatKind::Server, None, true));
        assert_eq!(row("six"), ("api", StatKind::Server, None, false));
        assert_eq!(row("BACKEND").1, StatKind::Backend);
    });
    on_all("stat-missing", |_, text| {
        let verdict = Command::show_stat_of("nosuch").unwrap().judge(text);
        assert_eq!(verdict, Verdict::Refused("No such proxy.".to_owned()));
        assert!(stat(text).is_err());
    });
    on_all("stat-backends", |_, text| {
        let rows = stat(text).unwrap();
        let names: Vec<_> = rows.iter().map(|row| row.0.as_str()).collect();
        assert_eq!(names, ["api", "shop.api", "void"]);
    });
}

#[test]
fn answers_are_counted_for_each_backend() {
    let header = "# pxname,type,hrsp_1xx,hrsp_2xx,hrsp_3xx,hrsp_4xx,hrsp_5xx,hrsp_other,\n";
    let rows = "web,1,1,20,3,4,5,6,\nfront,0,0,9,0,0,0,0,\ntcp,1,,,,,,,\n\n";
    let found = stat::answers(&format!("{header}{rows}")).unwrap();
    assert_eq!(found, [("web".to_owned(), Answers { all: 39, errors: 5 })].into());
    on_all("stat-backends", |_, text| {
        let nothing = |name: &str| (name.to_owned(), Answers::default());
        let expected = ["api", "shop.api", "void"].map(nothing);
        assert_eq!(stat::answers(text).unwrap(), expected.into());
    });
    assert!(stat::answers("# pxname,type\n").is_err());
}

#[test]
fn a_quoted_field_may_hold_anything() {
    let header = "# pxname,last_chk,svname,type,slim,bck,status,-,\n";
    let row = |text: &str| format!("b,\"{text}\",s,2,7,1,UP,-,\n");
    let hostile = ["", ",", "a, \"\"b\"\"\nc", "\"\"", "\n\n\"\",\"\"\n", "b,s,2"];
    let text: String = hostile.iter().map(|text| row(text)).collect();
    let rows = stat(&format!("{header}{text}\n\0")).unwrap();
    let good = ("b".to_owned(), "s".to_owned(), StatKind::Server, Some(7), true);
    assert_eq!(rows, vec![good; hostile.len()]);
    assert!(stat(&format!("{header}b,s\n")).unwrap_err().to_string().contains("b,s"));
    let quoted = "# pxname,svname,type,slim,bck,status\nb,\"a\"\",\"\"b\",2,,0,UP\n";
    assert_eq!(stat(quoted).unwrap()[0].1, "a\",\"b");
}

#[test]
fn maps_are_read() {
    on_all("map-hosts", |_, text| {
        assert_eq!(Command::show_map("m").unwrap().judge(text), Verdict::Done);
        let entries = map::parse_entries(text).unwrap();
        let pairs: Vec<_> = entries.iter().map(|e| (&*e.key, &*e.value)).collect();
        let (a, b) = (("a.example", "alpha"), ("b.example", "two words"));
        assert_eq!(pairs, [a, b, ("b.example", "again"), (">", "odd"), ("+", "odd too")]);
        assert!(entries.iter().all(|entry| entry.reference > 0));
    });
    on_all("map-empty", |_, text| {
        assert_eq!(Command::show_map("m").unwrap().judge(text), Verdict::Done);
        assert_eq!(map::parse_entries(text), Ok(Vec::new()));
    });
    on_all("map-get", |_, text| {
        assert_eq!(Command::get_map("m", "b.example").unwrap().judge(text), Verdict::Done);
        assert_eq!(map::parse_lookup(text), Ok(Some("two words".to_owned())));
    });
    on_all("map-get-missing", |_, text| assert_eq!(map::parse_lookup(text), Ok(None)));
    assert!(map::parse_lookup("Unknown map identifier.").is_err());
}

#[test]
fn backends_variables_and_certificates() {
    on_all("backend", |_, text| {
        assert_eq!(Command::show_backend().judge(text), Verdict::Done);
        assert_eq!(backend::parse(text).unwrap(), ["api", "shop.api", "void"]);
    });
    let get = Command::get_var("proc.gw_structure").unwrap();
    on_all("var", |_, text| {
        assert_eq!(get.judge(text), Verdict::Done);
        assert_eq!(var::parse(text), Ok(Some("0123456789abcdef".to_owned())));
    });
    on_all("var-number", |_, text| assert_eq!(var::parse(text), Ok(Some("7".to_owned()))));
    on_all("var-missing", |_, text| {
        assert_eq!(get.judge(text), Verdict::Done);
        assert_eq!(var::parse(text), Ok(None));
    });
    on_all("certs", |_, text| {
        assert_eq!(Command::show_ssl_certs().judge(text), Verdict::Done);
        assert_eq!(cert::parse_list(text), ["site.pem"]);
    });
    on_all("cert", |_, text| {
        assert_eq!(Command::show_ssl_cert("site.pem").unwrap().judge(text), Verdict::Done);
        let cert = cert::parse(text).unwrap();
        assert_eq!((cert.name.as_str(), cert.status.as_str()), ("site.pem", "Used"));
        assert_eq!(cert.fingerprint.unwrap().len(), 40);
        assert_eq!(cert.serial.as_deref(), Some("4D"));
        assert_eq!(cert.alt_names.as_deref(), Some("DNS:a.example, DNS:*.a.example"));
    });
    on_all("cert-missing", |_, text| {
        assert!(!Command::show_ssl_cert("x").unwrap().judge(text).is_success());
    });
    on_all("unknown", |_, text| {
        let verdict = get.judge(text);
        assert!(matches!(verdict, Verdict::Refused(words) if words.lines().count() == 1));
    });
}

#[test]
fn processes_before_and_after_reloads() {
    let parse = |version, name| proc::parse(&recorded(version, name)).unwrap();
    for version in VERSIONS {
        let start = parse(version, "proc");
        assert_eq!((start.reloads, start.failed, start.old_workers.len()), (0, 0, 0));
        let reloaded = parse(version, "proc-reloaded");
        assert_eq!((reloaded.reloads, reloaded.failed), (1, 0));
        assert_eq!(reloaded.old_workers[0].pid, start.serving().unwrap().pid);
        assert_eq!(reloaded.serving().unwrap().reloads, 0);
        let failed = parse(version, "proc-failed");
        assert_eq!((failed.reloads, failed.failed), (2, 1));
        assert_eq!(failed.master_pid, start.master_pid);
        // 3.2 and later list the serving worker elsewhere.
        let elsewhere = Version::parse(version).unwrap() >= Version::V3_2;
        assert_eq!(failed.workers.is_empty(), elsewhere);
        assert_eq!(failed.serving().unwrap().pid, reloaded.serving().unwrap().pid);
        assert!(failed.serving().unwrap().version.starts_with(version));
    }
}

proptest! {
    #[test]
    fn nothing_panics_on_nonsense(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        all(&String::from_utf8_lossy(&bytes));
    }

    /// True replies with a byte changed and an end missing.
    #[test]
    fn nothing_panics_on_damaged_replies(
        version in 0usize..5,
        name in prop::sample::select(vec![
            "info", "servers-state", "stat-api", "map-get", "map-hosts", "var", "cert", "proc-failed",
        ]),
        at in 0usize..4000,
        byte in prop::sample::select(b"\0\n ,\"-:#[9\xff".to_vec()),
        end in 0usize..4000,
    ) {
        let mut bytes = recorded(VERSIONS[version], name).into_bytes();
        if let Some(place) = bytes.get_mut(at) {
            *place = byte;
        }
        bytes.truncate(end.max(1));
        all(&String::from_utf8_lossy(&bytes));
    }
}

fn all(text: &str) {
    let _ = (info::parse(text), servers::parse(text), stat(text), backend::parse(text));
    let _ = (map::parse_entries(text), map::parse_lookup(text));
    let _ = (var::parse(text), cert::parse(text), cert::parse_list(text));
    let _ = (proc::parse(text), Version::parse(text));
}
