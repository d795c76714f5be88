//! What HAProxy prints while it reads a configuration: at `haproxy -c`, and in the reply to a
//! reload. Pure text work.

/// A place in a configuration that HAProxy complains about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file, as HAProxy was given it.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
}

/// Takes out what changes from run to run (process ids) and what says nothing (versions, paths):
/// `[ALERT]    (9460) : config : [x.cfg:37] : …` becomes `[ALERT] config : [x.cfg:37] : …`.
pub fn clean(text: &str) -> String {
    let mut cleaned = String::with_capacity(text.len());
    for line in text.lines().map(str::trim_end).filter(|line| !line.is_empty()) {
        let (level, message) = split(line);
        if message.starts_with("haproxy version is ") || message.starts_with("path to executable ")
        {
            continue;
        }
        if let Some(level) = level {
            cleaned.extend([level, " "]);
        }
        cleaned.extend([message, "\n"]);
    }
    cleaned
}

/// Only the lines that say why it failed, cleaned; all of them where none does. From 3.0 on the
/// reason often stands on indented lines below the alert.
pub fn alerts(text: &str) -> String {
    let all = clean(text);
    let mut alerts = String::new();
    let mut in_alert = false;
    for line in all.lines() {
        in_alert = line.starts_with("[ALERT]") || (in_alert && line.starts_with([' ', '\t']));
        if in_alert {
            alerts.extend([line, "\n"]);
        }
    }
    if alerts.is_empty() { all } else { alerts }
}

/// The places that the lines name, in order: `[file:line]`.
pub fn places(text: &str) -> Vec<Place> {
    let mut places = Vec::new();
    for part in text.split('[').skip(1) {
        let Some((inside, _)) = part.split_once(']') else { continue };
        let Some((file, line)) = inside.rsplit_once(':') else { continue };
        if let Ok(line) = line.parse()
            && !file.is_empty()
        {
            let place = Place { file: file.to_owned(), line };
            if !places.contains(&place) {
                places.push(place);
            }
        }
    }
    places
}

/// `[ALERT]    (9460) : message` into its level and its message.
fn split(line: &str) -> (Option<&str>, &str) {
    let level = line.find(']').filter(|_| line.starts_with('[')).map(|end| &line[..=end]);
    let Some(level) = level else { return (None, line) };
    let rest = line[level.len()..].trim_start();
    let message = rest.strip_prefix('(').and_then(|rest| {
        let (pid, message) = rest.split_once(") : ")?;
        pid.bytes().all(|byte| byte.is_ascii_digit()).then_some(message)
    });
    match message {
        Some(message) => (Some(level), message),
        None => (None, line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_lose_their_process_ids_and_keep_their_places() {
        let text = "[NOTICE]   (9460) : haproxy version is 2.6.12\n\
            [ALERT]    (9460) : config : [a.cfg:37] : 'server' expects <name>\n\
            [ALERT]    (9460) : config : parsing [/x/b:c.cfg:2] : [odd] [:3] [a.cfg:37]\n\n\
            [not] a log line\n[ALERT]    (9460) : Fatal errors found in configuration.\n";
        let expected = "[ALERT] config : [a.cfg:37] : 'server' expects <name>\n\
            [ALERT] config : parsing [/x/b:c.cfg:2] : [odd] [:3] [a.cfg:37]\n\
            [not] a log line\n[ALERT] Fatal errors found in configuration.\n";
        assert_eq!(clean(text), expected);
        assert_eq!(alerts(text).lines().count(), 3);
        let place = |file: &str, line| Place { file: file.to_owned(), line };
        assert_eq!(places(text), [place("a.cfg", 37), place("/x/b:c.cfg", 2)]);
        assert_eq!(alerts("just words"), "just words\n");
        let folded = "[WARNING]  (1) : config : a\n  b\n\
            [ALERT]    (1) : config : parsing [x:5] : 'bind' :\n  'crt-list' : why\n  and why\n\
            [NOTICE]   (1) : c\n  d\n";
        let expected = "[ALERT] config : parsing [x:5] : 'bind' :\n  'crt-list' : why\n  and why\n";
        assert_eq!(alerts(folded), expected);
    }
}
