//! Who keeps changing back what gw corrects.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::{Duration, Instant},
};

/// So many corrections of the same object,
const TIMES: usize = 3;
/// within this time, are a quarrel.
const WINDOW: Duration = Duration::from_secs(10 * 60);

/// Counts how often gw corrects the same object.
#[derive(Clone, Debug)]
pub struct Flaps {
    times: usize,
    window: Duration,
    /// When each object was corrected, oldest first, within the window.
    corrected: BTreeMap<String, VecDeque<Instant>>,
    /// Those that were told, until they calm down.
    told: BTreeSet<String>,
}

/// An object that somebody else keeps changing back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flapping {
    /// The object, as a plan names it.
    pub object: String,
    /// How often it was corrected.
    pub times: usize,
    /// Within which time.
    pub within: Duration,
    /// Whether this is the first time that it is told, since it was calm.
    pub is_news: bool,
}

impl Default for Flaps {
    fn default() -> Self {
        Self::new(TIMES, WINDOW)
    }
}

impl Flaps {
    /// Counts so many corrections within such a time as a quarrel.
    pub fn new(times: usize, window: Duration) -> Self {
        Self { times, window, corrected: BTreeMap::new(), told: BTreeSet::new() }
    }

    /// Hears which objects had drifted and were corrected by a pass at `now`, none perhaps, and
    /// tells which of all objects flap.
    pub fn hear(
        &mut self,
        now: Instant,
        corrected: impl IntoIterator<Item = String>,
    ) -> Vec<Flapping> {
        for object in corrected {
            self.corrected.entry(object).or_default().push_back(now);
        }
        let window = self.window;
        self.corrected.retain(|_, moments| {
            while moments.front().is_some_and(|first| now.duration_since(*first) > window) {
                moments.pop_front();
            }
            !moments.is_empty()
        });
        let flapping: Vec<Flapping> = self
            .corrected
            .iter()
            .filter(|(_, moments)| moments.len() >= self.times)
            .map(|(object, moments)| Flapping {
                object: object.clone(),
                times: moments.len(),
                within: moments.front().map_or(Duration::ZERO, |first| now.duration_since(*first)),
                is_news: !self.told.contains(object),
            })
            .collect();
        self.told = flapping.iter().map(|one| one.object.clone()).collect();
        flapping
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn objects(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_third_correction_in_ten_minutes_is_a_quarrel() {
        let (mut flaps, begin) = (Flaps::default(), Instant::now());
        assert_eq!(flaps.hear(begin, objects(&["server web/a", "server web/b"])), []);
        assert_eq!(flaps.hear(begin + MINUTE, objects(&["server web/a"])), []);
        let told = flaps.hear(begin + 3 * MINUTE, objects(&["server web/a"]));
        let expected =
            Flapping { object: "server web/a".into(), times: 3, within: 3 * MINUTE, is_news: true };
        assert_eq!(told, std::slice::from_ref(&expected));
        // It lasts, and is no news any more.
        let told = flaps.hear(begin + 4 * MINUTE, []);
        assert_eq!(told, [Flapping { within: 4 * MINUTE, is_news: false, ..expected }]);
    }

    #[test]
    fn what_calmed_down_is_forgotten() {
        let (mut flaps, begin) = (Flaps::default(), Instant::now());
        for minute in 0..3 {
            flaps.hear(begin + minute * MINUTE, objects(&["route x"]));
        }
        assert_eq!(flaps.hear(begin + 11 * MINUTE, []), []);
        assert_eq!(flaps.hear(begin + 13 * MINUTE, []), []);
        assert!(flaps.corrected.is_empty());
        // The next quarrel is news again.
        for minute in 20..22 {
            assert_eq!(flaps.hear(begin + minute * MINUTE, objects(&["route x"])), []);
        }
        assert!(flaps.hear(begin + 22 * MINUTE, objects(&["route x"]))[0].is_news);
    }

    #[test]
    fn now_and_then_is_no_quarrel() {
        let (mut flaps, begin) = (Flaps::default(), Instant::now());
        for minute in (0..60).step_by(6) {
            assert_eq!(flaps.hear(begin + minute * MINUTE, objects(&["route x"])), []);
        }
    }
}
