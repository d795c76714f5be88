//! gw.yaml, and what was said besides.

use std::path::Path;

use crate::{
    report::doctor::Check,
    settings::{CONFIG, Settings, SettingsError},
};

use super::in_full;

const ID: &str = "settings";

/// One check, or one for each mistake.
pub(super) fn checks(
    config: Option<&Path>,
    settings: Result<&Settings, &SettingsError>,
) -> Vec<Check> {
    let file = || config.unwrap_or(Path::new(CONFIG)).display();
    match settings {
        Ok(_) if config.is_some() => vec![Check::ok(ID, format!("{} is valid", file()))],
        Ok(_) => vec![Check::ok(ID, format!("there is no {CONFIG}: the defaults count"))],
        Err(SettingsError::Invalid { problems, .. }) => problems
            .iter()
            .map(|problem| {
                let otherwise =
                    || format!("correct {}; `gw schema settings` tells all keys", file());
                let mend = problem.hint.clone().unwrap_or_else(otherwise);
                Check::failed(ID, format!("{}: {}", problem.at, problem.message), mend)
            })
            .collect(),
        Err(error) => {
            let mend = error.hint().unwrap_or_else(|| format!("is {} the right file?", file()));
            vec![Check::failed(ID, in_full(error), mend)]
        }
    }
}
