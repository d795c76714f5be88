//! Webhooks that come, and notifications that go.

use crate::{
    report::{doctor::Check, text::counted},
    settings::Settings,
    telemetry::secrets,
};

use super::{credentials, in_full};

/// Whether the secret is there. Nobody is notified of anything.
pub(super) fn checks(settings: &Settings) -> Vec<Check> {
    let (webhook, notify) = ("webhook", "notify");
    let first = match &settings.webhook {
        None => Check::not_checked(webhook, "nobody's are asked for"),
        Some(asked) => {
            let file = asked.secret_file.display();
            match (secrets(asked), credentials::exposed(&asked.secret_file)) {
                (Err(error), _) => {
                    let mend = format!(
                        "openssl rand -hex 32 | sudo install -m 600 /dev/stdin {file}; the forge has the same"
                    );
                    Check::failed(webhook, in_full(&error), mend)
                }
                (Ok(_), Some((found, mend))) => Check::failed(webhook, found, mend),
                (Ok(_), None) if settings.http.is_none() => Check::failed(
                    webhook,
                    "there is a secret, but gw does not listen",
                    "name an address by --http or `http`",
                ),
                (Ok(found), None) => {
                    Check::ok(webhook, format!("{} in {file}", counted(found.len(), "secret")))
                }
            }
        }
    };
    let targets = settings.notify.len();
    let second = match targets {
        0 => Check::not_checked(notify, "nobody is to be told"),
        _ => {
            let named = counted(targets, "target");
            Check::not_checked(notify, format!("{named}: nothing is sent to try"))
        }
    };
    vec![first, second]
}
