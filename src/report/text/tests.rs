use anstream::adapter::strip_str;

use crate::{
    plan::{Loading, Outcome, Plan, Report},
    report::{
        PlanView,
        blame::Question,
        json::{EndedDocument, RecordDocument},
        samples,
    },
};

use super::*;

fn shown(view: PlanView<'_>, detail: Detail) -> String {
    strip_str(&plan(view, detail, Diff::OfReloads)).to_string()
}

fn told(plan: &Plan, outcome: &Report) -> String {
    strip_str(&report("3f2a9c01b7de", plan, outcome, Detail::Brief)).to_string()
}

#[test]
fn a_plan_without_reload() {
    assert_eq!(
        shown(samples::view(&samples::runtime_plan()), Detail::Brief),
        "\
Servers
  [runtime] `set server` changes it in place
  ~ server web/web-2: address 10.0.0.2:80 → 10.0.0.9:80  backends.yaml:5  (drift)
  [runtime] `add server` makes it; it takes requests after its first good check
  + server web/web-3  backends.yaml:5
      address 10.0.0.3:80
      weight 50

Routes
  [runtime] routes are map entries, which HAProxy looks up live
  + route http:80 shop.example/api/*: to api  routes.yaml:12

Held by an operator: left alone
  server api/api-3: in maintenance
  server api/api-4: weight 5 instead of 1, by alice@web-1 until 2027-01-01T00:59:59Z: INC-42

Plan: 2 to add, 1 to change, 0 to remove: 3 at runtime, no reload.
"
    );
}

#[test]
fn what_guards_refuse_is_told_with_the_flag_that_overrides_it() {
    assert_eq!(
        strip_str(&refusals(&samples::refusals())).to_string(),
        "
Refused: `gw apply` would not carry this out
  mass-delete: it deletes 12 of 20 servers (60 %), more than the 30 % allowed
      if that is meant, pass --allow-mass-delete=12
"
    );
    assert_eq!(refusals(&[]), "");
}

#[test]
fn the_commands_of_a_plan_are_shown_on_demand() {
    let text = shown(samples::view(&samples::runtime_plan()), Detail::Full);
    for command in [
        "\n      set server web/web-2 addr 10.0.0.9 port 80\n",
        "\n      add server web/web-3 10.0.0.3:80 weight 50\n      enable server web/web-3\n",
        "\n      add map maps/prefix.map http:80/shop.example/api/ api\n",
    ] {
        assert!(text.contains(command), "{text}");
    }
}

#[test]
fn a_plan_with_reload() {
    assert_eq!(
        shown(samples::view(&samples::reload_plan()), Detail::Brief),
        "\
Backends
  [reload] no command sets `timeout server` of a backend
  ~ backend api  backends.yaml:14
      balance none → leastconn
      timeout server 30s → 1m

What changes in the files
--- a/05-profiles.cfg
+++ b/05-profiles.cfg
@@ -1,3 +1,3 @@
-defaults profile:aa
+defaults profile:bb
     mode http
-    timeout server 30s
+    timeout server 1m

To be removed
  [reload] done by the reload that another change needs
  - server web/web-1: address 10.0.0.1:80

Plan: 0 to add, 1 to change, 1 to remove: one reload, because no command sets `timeout server` of \
a backend.
"
    );
}

#[test]
fn an_haproxy_that_does_not_run_is_not_reloaded() {
    let plan = samples::reload_plan();
    let text = shown(PlanView { running: false, ..samples::view(&plan) }, Detail::Brief);
    let line = "Plan: 0 to add, 1 to change, 1 to remove: HAProxy is not running and will load it \
                at its start.\n";
    assert!(text.ends_with(line), "{text}");
}

#[test]
fn a_plan_without_steps() {
    let plan = Plan { held: samples::runtime_plan().held, ..Plan::default() };
    let remarks = ["the master socket is missing".to_owned()];
    assert_eq!(
        shown(PlanView { remarks: &remarks, ..samples::view(&plan) }, Detail::Brief),
        "\
Held by an operator: left alone
  server api/api-3: in maintenance
  server api/api-4: weight 5 instead of 1, by alice@web-1 until 2027-01-01T00:59:59Z: INC-42

note: the master socket is missing

Nothing to do: HAProxy runs revision 3f2a9c01b7de.
"
    );
    let nothing = Plan::default();
    assert_eq!(
        shown(samples::view(&nothing), Detail::Brief),
        "Nothing to do: HAProxy runs revision 3f2a9c01b7de.\n"
    );
}

#[test]
fn long_plans_are_folded_but_never_what_they_remove() {
    let plan = samples::long_plan();
    let brief = shown(samples::view(&plan), Detail::Brief);
    assert_eq!(brief.matches("+ server").count(), 10, "{brief}");
    assert_eq!(brief.matches("- server").count(), 15, "{brief}");
    assert_eq!(brief.matches("`add server`").count(), 1, "{brief}");
    assert!(brief.contains("\n  … and 290 more to add (-v shows all)\n"), "{brief}");
    let full = shown(samples::view(&plan), Detail::Full);
    assert_eq!(full.matches("+ server").count(), 300);
}

#[test]
fn nothing_of_the_input_reaches_the_terminal_raw() {
    let hostile = samples::hostile_plan();
    let mut text = plan(samples::view(&hostile), Detail::Full, Diff::Always);
    let evil = "\u{1b}]0;evil\u{7}\u{202e}".to_owned();
    let failed = Report {
        outcomes: vec![Outcome::Failed(evil.clone())],
        loading: Loading::Refused { message: evil.clone(), generation: evil.clone() },
        remarks: vec![evil.clone()],
        ..Report::nothing(None)
    };
    text += &report(&evil, &hostile, &failed, Detail::Full);
    // `strip_str` takes away what looks like any escape, so look at the bytes before: colours only.
    let without_colors: String = text
        .split("\u{1b}[")
        .enumerate()
        .map(|(i, part)| match (i, part.split_once('m')) {
            (0, _) | (_, None) => part,
            (_, Some((color, rest))) => {
                assert!(color.chars().all(|c| c.is_ascii_digit() || c == ';'), "{part:?}");
                rest
            }
        })
        .collect();
    let is_fine = |c: char| c == '\n' || !(c.is_control() || c == '\u{202e}');
    assert!(without_colors.chars().all(is_fine), "{without_colors:?}");
    assert!(without_colors.contains("\\u{1b}[2J\\u{202e}x\\r\\ny"), "{without_colors}");
}

#[test]
fn a_report_says_what_is_not_done_and_why() {
    assert_eq!(
        told(&samples::runtime_plan(), &samples::mixed_report()),
        "\
Pending (a later pass finishes it)
  + server web/web-3
      no good check within 10s

Skipped (not begun)
  + route http:80 shop.example/api/*
      it needs a step that failed

Failed (in HAProxy's words)
  ~ server web/web-2
      No such server.

note: the master socket is missing; SIGUSR2 was sent instead
Revision 3f2a9c01b7de: 0 of 3 changes done, 1 pending, 1 skipped, 1 failed.
3 commands sent, 4096 bytes written, no reload, generation 42.
"
    );
}

#[test]
fn a_report_of_success_is_short() {
    let done = Report {
        outcomes: vec![Outcome::Done; 2],
        bytes_written: 1,
        reloads: 1,
        loading: Loading::Reloaded { pid: 7 },
        ..Report::nothing(Some(3))
    };
    assert_eq!(
        told(&samples::reload_plan(), &done),
        "HAProxy was reloaded; worker 7 serves.\n\
         Applied revision 3f2a9c01b7de: all 2 changes are done.\n\
         0 commands sent, 1 byte written, one reload, generation 3.\n"
    );
    assert_eq!(
        told(&Plan::default(), &Report::nothing(None)),
        "Revision 3f2a9c01b7de: nothing was to be done.\n\
         0 commands sent, 0 bytes written, no reload, no generation yet.\n"
    );
}

#[test]
fn a_refusal_shows_the_words_of_haproxy_and_where_the_files_are() {
    let refused = Report {
        outcomes: vec![Outcome::Skipped("the configuration was refused".into()); 2],
        loading: Loading::Refused {
            message: "[ALERT] unknown keyword 'x'\n[ALERT] fatal errors".into(),
            generation: "/var/lib/gw/failed/0043".into(),
        },
        ..Report::nothing(Some(42))
    };
    assert_eq!(
        told(&samples::reload_plan(), &refused),
        "\
HAProxy refused the configuration. The old one serves on, and its files are back in place.
    [ALERT] unknown keyword 'x'
    [ALERT] fatal errors
The refused files stay in /var/lib/gw/failed/0043 for reading.
Skipped (not begun)
  ~ backend api
  - server web/web-1
      the configuration was refused

Revision 3f2a9c01b7de: 0 of 2 changes done, 2 skipped.
0 commands sent, 0 bytes written, no reload, generation 42.
"
    );
}

#[test]
fn what_haproxy_said_about_everything_is_said_once() {
    let message = "[ALERT] unknown keyword 'x'".to_owned();
    let refused = Report {
        outcomes: vec![Outcome::Failed(message.clone()); 2],
        loading: Loading::Refused { message, generation: "generations/0043".into() },
        ..Report::nothing(Some(42))
    };
    let text = told(&samples::reload_plan(), &refused);
    assert_eq!(text.matches("unknown keyword").count(), 1, "{text}");
    assert!(text.contains("0 of 2 changes done, 2 failed."), "{text}");
}

#[test]
fn drift_is_told_apart_from_what_waits_and_what_is_held() {
    assert_eq!(
        strip_str(&drift(&samples::drift(), Detail::Brief)).to_string(),
        "\
Drift: somebody changed it; the next apply repairs it
  ~ server web/web-2: address 10.0.0.2:80 → 10.0.0.9:80  backends.yaml:5  (drift)

Pending commit 77aa9c01b7de: at runtime
  + server web/web-3  backends.yaml:5
      address 10.0.0.3:80
      weight 50
  + route http:80 shop.example/api/*: to api  routes.yaml:12

Under way: the next apply finishes it
  server web/web-3: its first good health check

Held by an operator: left alone
  server api/api-3: in maintenance
  server api/api-4: weight 5 instead of 1, by alice@web-1 until 2027-01-01T00:59:59Z: INC-42

Unmanaged: not gw's, left alone
  backend old  3 servers
  frontend stats

note: suspended by alice@web-1 since 2026-12-31T23:59:59Z, until 2027-01-01T00:59:59Z: INC-42

1 object drifted from generation 42; 2 changes to commit.
"
    );
}

#[test]
fn a_status_fits_on_a_screen() {
    assert_eq!(
        strip_str(&status(&samples::status())).to_string(),
        "\
Revision    3f2a9c01b7de
Following   suspended by alice@web-1 since 2026-12-31T23:59:59Z, until 2027-01-01T00:59:59Z: INC-42
Not tried   revision 0bad was taken back at 2026-12-31T23:59:59Z: backend web has 0 of 2 servers up, and had 2 of 2 before (`gw retry`)
Asked for   revision 3f2a9c01b7d4 is not what runs: web.yaml:3:5: unknown field `servrs`
Manifests   can't be read since 2026-12-31T23:59:59Z: no route to host
Generation  42 of 2026-12-31T23:59:59Z (apply)
HAProxy     3.2.4-1, worker 4711, up for 1 day 1 hour
Structure   in sync
Objects     12: 11 in sync, 1 drifted
Servers     6: 4 up, 1 down, 1 in maintenance

Drift: what the next apply repairs
  ~ server web/web-2

Pending: the next apply finishes it
  server web/web-3: its first good health check

Held by an operator: left alone
  server api/api-3: in maintenance
  server api/api-4: weight 5 instead of 1, by alice@web-1 until 2027-01-01T00:59:59Z: INC-42

Backends with servers that are not up
  api: 4: 2 up, 1 down, 1 in maintenance
"
    );
}

#[test]
fn a_history_in_short() {
    let record = samples::record(&samples::runtime_plan());
    let shown = strip_str(&history(&[record])).to_string();
    assert_eq!(
        shown,
        "   7  2026-12-31T23:00:00Z  apply by alice (as root) on web-1  failed  revision 3f2a9c01b7de
      Alice <alice@shop.example>: Move web-2
      +2 ~1  server web/web-2, server web/web-3, route http:80 shop.example/api/*
      3 commands sent, no reload, generation 42, 1250 ms
"
    );
    assert_eq!(history(&[]), "Nothing was done yet.\n");
}

#[test]
fn a_record_in_full() {
    let shown = strip_str(&record(&samples::record(&samples::runtime_plan()))).to_string();
    for part in [
        "Record 7: apply by alice (as root) on web-1, gw 0.1.0\n",
        "  ended       2026-12-31T23:00:01.500Z, 1250 ms of work\n",
        "  generation  41 → 42\n",
        "  HAProxy     3.4.0 (worker 123)\n",
        "  ~ server web/web-2  failed  [runtime] `set server` changes it in place\n      No such server.\n",
        "      address 10.0.0.2:80 → 10.0.0.9:80\n      asked for by Backend web (backends.yaml:5)\n",
        "      set server web/web-2 addr 10.0.0.9 port 80\n",
        "\nfailed: 3 commands sent, no reload, generation 42.\n",
    ] {
        assert!(shown.contains(part), "no {part:?} in\n{shown}");
    }
}

#[test]
fn hostile_texts_in_records_are_escaped() {
    let mut hostile = samples::record(&samples::hostile_plan());
    let evil = "\u{1b}[31mevil\u{7}";
    hostile.who.user = evil.into();
    hostile.commit.as_mut().unwrap().subject = evil.into();
    hostile.message = Some(evil.into());
    hostile.about = Some(evil.into());
    hostile.remarks = vec![evil.into()];
    let shown = record(&hostile) + &history(std::slice::from_ref(&hostile));
    let plain = strip_str(&shown).to_string();
    assert!(!plain.contains(|c: char| c.is_control() && c != '\n'), "{plain:?}");
}

#[test]
fn blame_tells_who_and_since_when() {
    let question = Question { object: "route http:80 shop.example/api/*".into(), field: None };
    let done = Report { outcomes: vec![Outcome::Done; 3], ..Report::nothing(Some(42)) };
    let plan = samples::runtime_plan();
    let ended = EndedDocument::of_report("t".into(), &plan, &done);
    let record = RecordDocument::new(7, samples::begun(&plan), &[ended]);
    let answer = question.ask(&record).unwrap();
    assert_eq!(
        strip_str(&blame(&question, &answer, None)).to_string(),
        "\
route http:80 shop.example/api/*
  since     2026-12-31T23:00:00Z, record 7
  by        apply by alice (as root) on web-1
  revision  3f2a9c01b7de
  commit    Alice <alice@shop.example>, 2026-12-31T22:00:00Z: Move web-2
  as        added
            to api
  from      routes.yaml:12
"
    );
    let question = Question { field: Some("to".into()), ..question };
    let answer = question.ask(&record).unwrap();
    let shown = strip_str(&blame(&question, &answer, Some("other"))).to_string();
    assert!(shown.contains("note: It set api. Nothing in the journal"), "{shown}");
    let nobody = blame_nobody(&question, None, Some(&record));
    assert!(nobody.contains("reaches back to record 7"), "{nobody}");
    assert!(blame_nobody(&question, Some("api"), None).contains("is api, and"), "{nobody}");
}
