//! Weighted splits as entries of a prefix map.
//!
//! The program draws a number of five decimal digits, 10000 to 19999. A share is a range of these
//! numbers, and a range is a handful of decimal prefixes, as a network is a handful of address
//! prefixes. So a split costs tens of entries, whatever its weights are.

use crate::model::Digest;

/// How finely a split is cut: the program draws one of so many numbers.
pub(crate) const SHARES: u32 = 10_000;

/// A target and its share of the requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Share {
    /// What the lookup yields.
    pub(super) target: String,
    /// How many of the [`SHARES`] it gets.
    pub(super) size: u32,
}

/// Rounds weights to shares by the largest remainder. Every weight above 0 gets at least one.
/// Weights of one target are added up. Empty where all weights are 0.
pub(super) fn shares(weights: impl IntoIterator<Item = (String, u32)>) -> Vec<Share> {
    let mut merged: Vec<(String, u64)> = Vec::new();
    for (target, weight) in weights {
        if weight == 0 {
            continue;
        }
        match merged.iter_mut().find(|(known, _)| *known == target) {
            Some((_, sum)) => *sum += u64::from(weight),
            None => merged.push((target, u64::from(weight))),
        }
    }
    let total: u64 = merged.iter().map(|(_, weight)| weight).sum();
    let scaled = |weight: u64| weight * u64::from(SHARES);
    let mut sizes: Vec<u64> =
        merged.iter().map(|(_, weight)| (scaled(*weight) / total).max(1)).collect();
    let mut by_remainder: Vec<usize> = (0..merged.len()).collect();
    by_remainder.sort_by_key(|&i| std::cmp::Reverse(scaled(merged[i].1) % total));
    // Rounding down leaves fewer numbers than targets; raising to 1 may take too many.
    let mut next = by_remainder.iter().cycle();
    while !merged.is_empty() && sizes.iter().sum::<u64>() < u64::from(SHARES) {
        if let Some(&i) = next.next() {
            sizes[i] += 1;
        }
    }
    while sizes.iter().sum::<u64>() > u64::from(SHARES) {
        if let Some(largest) = sizes.iter_mut().max() {
            *largest -= 1;
        }
    }
    merged
        .into_iter()
        .zip(sizes)
        .map(|((target, _), size)| Share { target, size: u32::try_from(size).unwrap_or(SHARES) })
        .collect()
}

/// The name of a split: a digest of all it says, so that other weights are another split, which
/// can be made before any route turns to it.
pub(super) fn name(shares: &[Share]) -> String {
    let parts = shares.iter().flat_map(|share| [share.target.clone(), share.size.to_string()]);
    format!("split:{}", &Digest::of_parts(parts).short())
}

/// The map keys below a split's name, with the target of each.
pub(super) fn prefixes(shares: &[Share]) -> Vec<(String, &str)> {
    let mut entries = Vec::new();
    let mut start = 0;
    for share in shares {
        let end = start + share.size;
        let mut at = start;
        while at < end {
            // The largest power of ten that `at` is a multiple of and that fits.
            let mut step = 1;
            while step * 10 < SHARES && at % (step * 10) == 0 && at + step * 10 <= end {
                step *= 10;
            }
            let digits = (SHARES + at).to_string();
            let zeros = step.ilog10() as usize;
            entries.push((digits[..digits.len() - zeros].to_owned(), share.target.as_str()));
            at += step;
        }
        start = end;
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What HAProxy does: the longest prefix of the number decides.
    fn look_up<'a>(entries: &[(String, &'a str)], number: u32) -> Option<&'a str> {
        let number = number.to_string();
        entries
            .iter()
            .filter(|(prefix, _)| number.starts_with(prefix))
            .max_by_key(|(prefix, _)| prefix.len())
            .map(|(_, target)| *target)
    }

    #[test]
    fn every_number_meets_its_share_and_few_entries_are_needed() {
        for weights in [vec![1, 1], vec![90, 10], vec![1, 1, 1], vec![1, 1_000_000], vec![7, 5, 3]]
        {
            let shares =
                shares(weights.iter().enumerate().map(|(i, weight)| (format!("b{i}"), *weight)));
            assert_eq!(shares.iter().map(|share| share.size).sum::<u32>(), SHARES);
            let entries = prefixes(&shares);
            assert!(entries.len() <= 36 * weights.len(), "{weights:?}: {}", entries.len());
            let mut drawn = vec![0; shares.len()];
            for number in SHARES..2 * SHARES {
                let target = look_up(&entries, number).unwrap();
                let index = shares.iter().position(|share| share.target == target).unwrap();
                drawn[index] += 1;
            }
            assert_eq!(drawn, shares.iter().map(|share| share.size).collect::<Vec<_>>());
        }
    }

    #[test]
    fn even_halves_are_ten_entries() {
        let halves = shares([("a".to_owned(), 1), ("b".to_owned(), 1)]);
        assert_eq!(prefixes(&halves).len(), 10);
    }

    #[test]
    fn a_small_weight_is_never_lost_and_no_weight_is_no_share() {
        let all = shares([("a".to_owned(), 1_000_000), ("b".to_owned(), 1), ("c".to_owned(), 0)]);
        assert_eq!(all.len(), 2);
        assert_eq!(all[1].size, 1);
        assert!(shares([("a".to_owned(), 0)]).is_empty());
    }

    #[test]
    fn the_same_backend_twice_is_one_share() {
        let shares = shares([("a".to_owned(), 1), ("b".to_owned(), 2), ("a".to_owned(), 1)]);
        assert_eq!(shares.len(), 2);
        assert_eq!(shares[0].size, 5_000);
    }
}
