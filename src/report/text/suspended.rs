//! That the manifests are not followed at present.

use crate::{model::Suspension, report::snippet::printable};

use super::utc;

/// One line that says who suspended it, until when, and why.
pub fn suspended(suspended: &Suspension) -> String {
    let Suspension { reason, by, since, until, ends_with, files: _ } = suspended;
    let end = match (until, ends_with) {
        (Some(until), _) => format!("until {}", utc(*until)),
        (None, Some(left)) => {
            format!("until the manifests ask for something else than {} does", printable(left))
        }
        (None, None) => "until `gw resume`".to_owned(),
    };
    format!("suspended by {} since {}, {end}: {}", printable(by), utc(*since), printable(reason))
}
