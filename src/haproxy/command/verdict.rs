//! How a reply is judged: by an allow-list per command. HAProxy has no status code, its errors are
//! prose, a success can be a bare newline or prose too, and severities do not tell them apart. So
//! what is not known to be a success is a refusal.

/// What a reply means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was done.
    Done,
    /// Nothing had to be done: it was so before.
    Unchanged,
    /// It was not done, or nobody can tell. HAProxy's words, trimmed.
    Refused(String),
}

impl Verdict {
    /// Whether the goal of the command holds now.
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Done | Self::Unchanged)
    }
}

/// The successful replies of a command. Replies are compared without trailing white space, since
/// 2.6 ends many in one newline where others have two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expect {
    /// Nothing but the empty line.
    Silence,
    /// Nothing; or these words, which say that it was so before.
    SilenceOr(&'static str),
    /// The words of `set server … addr`.
    Address,
    /// A last line with this begin and end, or (`unchanged`) one that says it was so before. Only
    /// the last line counts: warnings and left-over log lines may stand before it.
    Last {
        /// How the last line begins.
        starts: &'static str,
        /// How the last line ends.
        ends: &'static str,
        /// The last line that says that it was so before.
        unchanged: Option<&'static str>,
    },
    /// Data, told from a refusal by the begin of the first line.
    Data {
        /// How the first line may begin.
        starts: &'static [&'static str],
        /// Whether no line at all is data too.
        or_empty: bool,
    },
}

impl Expect {
    /// A last line that is exactly this.
    pub(super) const fn last(line: &'static str) -> Self {
        Self::Last { starts: line, ends: "", unchanged: None }
    }

    /// Data that begins so.
    pub(super) const fn data(starts: &'static [&'static str]) -> Self {
        Self::Data { starts, or_empty: false }
    }

    /// Judges a reply without its prompt.
    pub(super) fn judge(self, reply: &str) -> Verdict {
        let text = reply.trim_end();
        let verdict = match self {
            Self::Silence => text.is_empty().then_some(Verdict::Done),
            Self::SilenceOr(unchanged) => silence_or(text, unchanged),
            Self::Address => address(text),
            Self::Last { starts, ends, unchanged } => last(text, starts, ends, unchanged),
            Self::Data { starts, or_empty } => {
                let data = starts.iter().any(|start| text.starts_with(start));
                (data || (or_empty && text.is_empty())).then_some(Verdict::Done)
            }
        };
        verdict.unwrap_or_else(|| Verdict::Refused(refusal(text)))
    }
}

fn silence_or(text: &str, unchanged: &str) -> Option<Verdict> {
    match text {
        "" => Some(Verdict::Done),
        text if text == unchanged => Some(Verdict::Unchanged),
        _ => None,
    }
}

fn last(text: &str, starts: &str, ends: &str, unchanged: Option<&str>) -> Option<Verdict> {
    let line = text.lines().last().unwrap_or_default().trim_end();
    let done = if ends.is_empty() {
        line == starts
    } else {
        line.len() >= starts.len() + ends.len() && line.starts_with(starts) && line.ends_with(ends)
    };
    if done { Some(Verdict::Done) } else { (Some(line) == unchanged).then_some(Verdict::Unchanged) }
}

/// `IP changed from 'a' to 'b', port changed from '1' to '2' by 'stats socket command'`, either
/// part alone, or `no need to change the addr` for a part (2.6, 2.8); `nothing changed` (3.0+).
/// Every part must be known, since an error can follow a change in the same reply.
fn address(text: &str) -> Option<Verdict> {
    if text == "nothing changed" {
        return Some(Verdict::Unchanged);
    }
    let parts = text.strip_suffix(" by 'stats socket command'")?;
    let mut verdict = Verdict::Unchanged;
    for part in parts.split(", ") {
        if part.starts_with("IP changed from '") || part.starts_with("port changed from '") {
            verdict = Verdict::Done;
        } else if !matches!(part, "no need to change the addr" | "no need to change the port") {
            return None;
        }
    }
    Some(verdict)
}

/// The words that a person gets to see. The list of commands that follows `Unknown command` is left
/// out: it is long and about other commands.
fn refusal(text: &str) -> String {
    if text.is_empty() {
        return "HAProxy answered nothing where it says something on success".to_owned();
    }
    if text.starts_with("Unknown command") {
        return text.lines().next().unwrap_or_default().trim_end_matches(':').to_owned();
    }
    text.to_owned()
}
