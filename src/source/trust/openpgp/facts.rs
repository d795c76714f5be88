//! What self-signatures say about a key, and what follows for a moment.

use crate::source::trust::Moment;

/// A self-signature that binds a key or a name to a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Binding {
    /// When it was made.
    pub(super) from: Moment,
    /// When it ends: it expires, or its user ID was revoked.
    pub(super) until: Option<Moment>,
    /// When the key expires, by its words.
    pub(super) key_until: Option<Moment>,
    /// Whether the key may sign, by its words.
    pub(super) signs: bool,
}

/// A revocation of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Revocation {
    /// When it was made.
    pub(super) from: Moment,
    /// Whether what was signed before it may still be trusted: the key is superseded or retired.
    pub(super) is_soft: bool,
}

/// All about one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    /// When the key was made.
    pub(super) created: Moment,
    pub(super) bindings: Vec<Binding>,
    pub(super) revocations: Vec<Revocation>,
}

/// Why a key was not good at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NotGood {
    Young(Moment),
    Old(Moment),
    Revoked,
    Unbound,
}

impl Facts {
    /// The binding that was in force at `at`, if the key was good then.
    pub(super) fn at(&self, at: Moment) -> Result<&Binding, NotGood> {
        let is_revoked =
            self.revocations.iter().any(|revocation| !revocation.is_soft || revocation.from <= at);
        if is_revoked {
            return Err(NotGood::Revoked);
        }
        if at < self.created {
            return Err(NotGood::Young(self.created));
        }
        let made = self.bindings.iter().filter(|binding| binding.from <= at);
        let in_force = made
            .clone()
            .filter(|binding| binding.until.is_none_or(|until| at < until))
            .max_by_key(|binding| binding.from);
        let binding = match (in_force, made.filter_map(|binding| binding.until).max()) {
            (Some(binding), _) => binding,
            (None, Some(ended)) => return Err(NotGood::Old(ended)),
            // Exports are cleaned of old self-signatures: the oldest there is speaks for the past.
            (None, None) => {
                self.bindings.iter().min_by_key(|binding| binding.from).ok_or(NotGood::Unbound)?
            }
        };
        match binding.key_until {
            Some(until) if at >= until => Err(NotGood::Old(until)),
            _ => Ok(binding),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binding(from: i64, key_until: Option<i64>) -> Binding {
        Binding { from: Moment(from), until: None, key_until: key_until.map(Moment), signs: true }
    }

    fn facts(bindings: Vec<Binding>, revocations: Vec<Revocation>) -> Facts {
        Facts { created: Moment(100), bindings, revocations }
    }

    fn good(facts: &Facts, at: i64) -> Result<Moment, NotGood> {
        facts.at(Moment(at)).map(|binding| binding.from)
    }

    #[test]
    fn the_newest_binding_of_the_time_counts() {
        let facts = facts(vec![binding(100, Some(200)), binding(300, Some(400))], vec![]);
        assert_eq!(good(&facts, 99), Err(NotGood::Young(Moment(100))));
        assert_eq!(good(&facts, 100), Ok(Moment(100)));
        assert_eq!(good(&facts, 199), Ok(Moment(100)));
        assert_eq!(good(&facts, 200), Err(NotGood::Old(Moment(200))));
        assert_eq!(good(&facts, 299), Err(NotGood::Old(Moment(200))));
        assert_eq!(good(&facts, 300), Ok(Moment(300)));
        assert_eq!(good(&facts, 400), Err(NotGood::Old(Moment(400))));
    }

    #[test]
    fn a_cleaned_export_speaks_for_the_past() {
        let facts = facts(vec![binding(300, Some(400))], vec![]);
        assert_eq!(good(&facts, 150), Ok(Moment(300)));
        assert_eq!(good(&facts, 50), Err(NotGood::Young(Moment(100))));
    }

    #[test]
    fn an_ended_binding_counts_no_more() {
        let ended = Binding { until: Some(Moment(150)), ..binding(100, None) };
        let facts = facts(vec![ended], vec![]);
        assert_eq!(good(&facts, 149), Ok(Moment(100)));
        assert_eq!(good(&facts, 150), Err(NotGood::Old(Moment(150))));
    }

    #[test]
    fn a_key_without_a_binding_is_nobodys() {
        assert_eq!(good(&facts(vec![], vec![]), 100), Err(NotGood::Unbound));
    }

    #[test]
    fn soft_revocations_count_from_their_time_and_hard_ones_always() {
        let revoked = |is_soft| {
            facts(vec![binding(100, None)], vec![Revocation { from: Moment(200), is_soft }])
        };
        assert_eq!(good(&revoked(true), 199), Ok(Moment(100)));
        assert_eq!(good(&revoked(true), 200), Err(NotGood::Revoked));
        assert_eq!(good(&revoked(false), 150), Err(NotGood::Revoked));
    }
}
