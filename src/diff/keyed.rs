//! The one way in which two sorted sets are compared.

use std::{cmp::Ordering, iter::Peekable};

/// What happened to one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change<W, R> {
    /// Wanted, and not there.
    Add(W),
    /// There, and not wanted.
    Remove(R),
    /// There, but different.
    Modify {
        /// What is wanted.
        to: W,
        /// What is there.
        from: R,
    },
}

/// Joins two sequences, each sorted by key without duplicates, into one of all keys.
pub fn merge_join<K: Ord, W, R>(
    wanted: impl IntoIterator<Item = (K, W)>,
    running: impl IntoIterator<Item = (K, R)>,
) -> impl Iterator<Item = (K, Option<W>, Option<R>)> {
    let (mut wanted, mut running) = (wanted.into_iter().peekable(), running.into_iter().peekable());
    std::iter::from_fn(move || {
        let order = match (wanted.peek(), running.peek()) {
            (None, None) => return None,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((a, _)), Some((b, _))) => a.cmp(b),
        };
        take(&mut wanted, &mut running, order)
    })
}

fn take<K, W, R>(
    wanted: &mut Peekable<impl Iterator<Item = (K, W)>>,
    running: &mut Peekable<impl Iterator<Item = (K, R)>>,
    order: Ordering,
) -> Option<(K, Option<W>, Option<R>)> {
    match order {
        Ordering::Less => wanted.next().map(|(key, value)| (key, Some(value), None)),
        Ordering::Greater => running.next().map(|(key, value)| (key, None, Some(value))),
        Ordering::Equal => {
            let (key, value) = wanted.next()?;
            Some((key, Some(value), running.next().map(|(_, value)| value)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_either_side_comes_once_in_order() {
        let joined: Vec<_> =
            merge_join([(1, 'a'), (2, 'b'), (5, 'c')], [(2, 'x'), (3, 'y'), (5, 'z')]).collect();
        assert_eq!(
            joined,
            [
                (1, Some('a'), None),
                (2, Some('b'), Some('x')),
                (3, None, Some('y')),
                (5, Some('c'), Some('z')),
            ]
        );
    }
}
