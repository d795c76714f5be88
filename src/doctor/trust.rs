//! Who may sign commits.

use crate::{
    report::{doctor::Check, text::counted},
    source::trust::{Mode, Moment, Policy, PolicyError, Settings},
    store,
};

use super::in_full;

const ID: &str = "git-trust";

/// Whether the files can be understood, and which keys may sign today.
pub(super) fn checks(settings: &Settings) -> Vec<Check> {
    if settings.mode == Mode::None {
        return vec![Check::not_checked(ID, "no signatures are asked for")];
    }
    match Policy::load(settings) {
        Ok(policy) => today(&policy, Moment(i64::try_from(store::now()).unwrap_or(i64::MAX))),
        Err(error) => vec![Check::failed(ID, in_full(&error), mend(&error))],
    }
}

fn mend(error: &PolicyError) -> String {
    let otherwise = || "name files that gw can read under `verify` of `source`".to_owned();
    error.hint().unwrap_or_else(otherwise)
}

/// Which keys may sign at a moment.
fn today(policy: &Policy, now: Moment) -> Vec<Check> {
    let renew = "renew the key and its line, or take it out; what it signed before stays good";
    let mut able = 0;
    let mut checks = Vec::new();
    for (who, key, allowed) in policy.keys(now) {
        match allowed {
            Ok(()) => able += 1,
            Err(why) => checks.push(Check::warning(ID, format!("{who} ({key}): {why}"), renew)),
        }
    }
    let mode = policy.mode;
    checks.insert(
        0,
        match able {
            0 => Check::failed(ID, format!("mode {mode}, and no key may sign today"), renew),
            able => Check::ok(ID, format!("mode {mode}: {} may sign", counted(able, "key"))),
        },
    );
    checks
}
