//! What others are told of a repository: that it can't be followed, once for each cause, and when that
//! is over. Pure.

use std::time::Duration;

use crate::report::SourceAnswer;

/// So long a server may tell nothing before that is told: a blip is no alarm.
const BLIP: Duration = Duration::from_secs(60);

/// What others know of a repository.
#[derive(Debug, Default)]
pub(super) struct SourceNews {
    /// Since when the server tells nothing, as time since gw began.
    silent: Option<Duration>,
    /// What was told last; `None` where all is well as far as others know.
    told: Option<Cause>,
}

/// Why a repository can't be followed.
#[derive(Debug, PartialEq, Eq)]
enum Cause {
    /// Its server tells nothing. The words may be others at each try.
    Silent,
    /// What it tells is refused: why, which names the commit.
    Refused(String),
}

/// What is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News<'a> {
    /// It can't be followed: why.
    Failure(&'a str),
    /// It can be again.
    End,
}

impl SourceNews {
    /// Hears an answer at `up`, the time since gw began.
    pub(super) fn hear<'a>(&mut self, answer: SourceAnswer<'a>, up: Duration) -> Option<News<'a>> {
        let (why, cause) = match answer {
            SourceAnswer::Revision { .. } => {
                self.silent = None;
                return self.told.take().map(|_| News::End);
            }
            SourceAnswer::Rewritten(why) | SourceAnswer::Unverified(why) => {
                self.silent = None;
                (why, Cause::Refused(why.to_owned()))
            }
            SourceAnswer::Nothing(why) => {
                let silent = *self.silent.get_or_insert(up);
                if up.saturating_sub(silent) < BLIP {
                    return None;
                }
                (why, Cause::Silent)
            }
        };
        let is_news = self.told.as_ref() != Some(&cause);
        self.told = Some(cause);
        is_news.then_some(News::Failure(why))
    }
}

#[cfg(test)]
mod tests {
    use super::{News::Failure, *};

    const GOOD: SourceAnswer<'_> = SourceAnswer::Revision { name: "a", is_verified: false };

    #[test]
    fn a_blip_is_no_alarm_and_silence_is_told_once() {
        let mut news = SourceNews::default();
        let mut hear = |answer, up| news.hear(answer, Duration::from_secs(up));
        let silence = SourceAnswer::Nothing;
        assert_eq!(hear(GOOD, 0), None);
        for begin in [0, 100] {
            assert_eq!(hear(silence("no route"), begin + 1), None);
            assert_eq!(hear(silence("refused by port 50001"), begin + 60), None);
            assert_eq!(hear(GOOD, begin + 61), None);
        }
        assert_eq!(hear(silence("no route"), 201), None);
        assert_eq!(hear(silence("port 50001"), 261), Some(Failure("port 50001")));
        assert_eq!(hear(silence("port 50002"), 321), None);
        assert_eq!(hear(GOOD, 351), Some(News::End));
        assert_eq!(hear(GOOD, 381), None);
    }

    #[test]
    fn what_is_refused_is_told_at_once_and_for_each_commit() {
        let mut news = SourceNews::default();
        let mut hear = |answer, up| news.hear(answer, Duration::from_secs(up));
        let unsigned = SourceAnswer::Unverified;
        assert_eq!(hear(unsigned("b is not signed"), 1), Some(Failure("b is not signed")));
        assert_eq!(hear(unsigned("b is not signed"), 31), None);
        // The server's silence in between changes nothing.
        assert_eq!(hear(SourceAnswer::Nothing("no route"), 61), None);
        assert_eq!(hear(unsigned("b is not signed"), 91), None);
        assert_eq!(hear(unsigned("c is not signed"), 121), Some(Failure("c is not signed")));
        let rewritten = SourceAnswer::Rewritten("d does not contain a");
        assert_eq!(hear(rewritten, 151), Some(Failure("d does not contain a")));
        assert_eq!(hear(GOOD, 181), Some(News::End));
    }
}
