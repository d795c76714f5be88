//! What gw did, for people.

use std::fmt::Write as _;

use crate::{
    plan::Action,
    report::{
        blame::{Answer, Question},
        json::{
            ActionWord, CauseWord, CommitDocument, FieldDocument, MechanismWord, OutcomeWord,
            ProcessDocument, RecordDocument, RecordStepDocument, ResultWord, WhoDocument,
        },
        snippet::printable,
    },
};

use super::{
    counted, reloads,
    style::{ALARM, BAD, DIM, GOOD, HEADING, WARN, sign},
};

/// How many objects of a record a history names.
const OBJECTS_SHOWN: usize = 3;

/// Records in short, newest first.
pub fn history(records: &[RecordDocument]) -> String {
    let mut out = String::new();
    for record in records {
        let _ = write!(
            out,
            "{HEADING}{:>4}{HEADING:#}  {}  {}  {}",
            record.number,
            printable(&seconds(&record.begun)),
            who(&record.who),
            result(record.result),
        );
        if let Some(revision) = &record.revision {
            let _ = write!(out, "  revision {}", printable(revision));
        }
        out.push('\n');
        if let Some(commit) = &record.commit {
            let (author, subject) = (printable(&commit.author), printable(&commit.subject));
            let _ = writeln!(out, "      {author}: {subject}");
        }
        if let Some(about) = &record.about {
            let _ = writeln!(out, "      {}", printable(about));
        }
        if !record.steps.is_empty() {
            let _ = writeln!(out, "      {}", changes(record));
            let _ = writeln!(out, "      {DIM}{}{DIM:#}", took(record));
        }
        if let Some(message) = record.message.as_ref().and_then(|words| words.lines().next()) {
            let _ = writeln!(out, "      {BAD}{}{BAD:#}", printable(message));
        }
    }
    if out.is_empty() { "Nothing was done yet.\n".to_owned() } else { out }
}

/// A record with all that is known of it.
pub fn record(record: &RecordDocument) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{HEADING}Record {}{HEADING:#}: {}, gw {}",
        record.number,
        who(&record.who),
        printable(&record.who.gw)
    );
    let mut line = |name: &str, text: String| {
        let _ = writeln!(out, "  {name:<11} {text}");
    };
    let ended = record.ended.as_deref().map_or("not ended", |time| time);
    line("begun", printable(&record.begun).into_owned());
    line("ended", format!("{}, {} ms of work", printable(ended), record.milliseconds));
    if let Some(about) = &record.about {
        line("about", printable(about).into_owned());
    }
    if let Some(revision) = &record.revision {
        line("revision", printable(revision).into_owned());
    }
    if let Some(commit) = &record.commit {
        line("commit", self::commit(commit));
    }
    if record.generation_before.is_some() || record.generation_after.is_some() {
        let number = |number: Option<u64>| number.map(|number| number.to_string());
        let (before, after) = (number(record.generation_before), number(record.generation_after));
        line("generation", pair(before, after));
    }
    if record.haproxy_before.is_some() || record.haproxy_after.is_some() {
        let process = |process: &ProcessDocument| {
            format!("{} (worker {})", printable(&process.version), process.pid)
        };
        let before = record.haproxy_before.as_ref().map(process);
        line("HAProxy", pair(before, record.haproxy_after.as_ref().map(process)));
    }
    for because in &record.reload_because {
        line("reload", format!("because {}", printable(because)));
    }
    if !record.steps.is_empty() {
        let _ = writeln!(out, "\n{HEADING}Steps{HEADING:#}");
    }
    for step in &record.steps {
        write_step(&mut out, step);
    }
    for remark in &record.remarks {
        let _ = writeln!(out, "\n{WARN}note{WARN:#}: {}", printable(remark));
    }
    out.push('\n');
    if let Some(message) = &record.message {
        for words in message.lines() {
            let _ = writeln!(out, "    {}", printable(words));
        }
    }
    let _ = writeln!(out, "{}: {}.", result(record.result), totals(record));
    out
}

/// Who set what somebody asked about.
pub fn blame(question: &Question, answer: &Answer, now: Option<&str>) -> String {
    let mut out = String::new();
    let Answer { record, step, from, to } = answer;
    let _ = write!(out, "{HEADING}{}", printable(&question.object));
    if let Some(field) = &question.field {
        let _ = write!(out, " {}", printable(field));
    }
    let _ = write!(out, "{HEADING:#}");
    match now.or(to.as_deref()) {
        Some(value) => {
            let _ = writeln!(out, ": {}", printable(value));
        }
        None => out.push('\n'),
    }
    let mut line = |name: &str, text: String| {
        let _ = writeln!(out, "  {name:<9} {text}");
    };
    line("since", format!("{}, record {}", printable(&seconds(&record.begun)), record.number));
    line("by", who(&record.who));
    if let Some(about) = &record.about {
        line("about", printable(about).into_owned());
    }
    if let Some(revision) = &record.revision {
        line("revision", printable(revision).into_owned());
    }
    if let Some(commit) = &record.commit {
        line("commit", self::commit(commit));
    }
    let object = if step.step.object == question.object {
        String::new()
    } else {
        format!(" {}", printable(&step.step.object))
    };
    let what = match step.step.action {
        ActionWord::Add => "added",
        ActionWord::Change => "changed",
        ActionWord::Remove => "removed",
    };
    let before = from
        .as_deref()
        .map_or(String::new(), |value| format!(", before it was {}", printable(value)));
    line("as", format!("{what}{object}{before}"));
    if question.field.is_none() {
        for change in &step.step.fields {
            line("", field(change));
        }
    }
    if let Some(origin) = &step.step.origin {
        line("from", printable(&format!("{}:{}", origin.file, origin.line)).into_owned());
    }
    let mut note = |text: &str| {
        let _ = writeln!(out, "{WARN}note{WARN:#}: {text}");
    };
    if answer.is_uncertain() {
        note("gw was ended in the middle of that, so this may not have been done by it.");
    }
    if answer.is_removal() {
        note("It was removed then. Nothing in the journal made what is there now.");
    } else if let (Some(to), Some(now)) = (to, now)
        && to != now
    {
        let to = printable(to);
        note(&format!("It set {to}. Nothing in the journal made it what it is now."));
    }
    out
}

/// What is known where a history holds no answer.
pub fn blame_nobody(
    question: &Question,
    now: Option<&str>,
    oldest: Option<&RecordDocument>,
) -> String {
    let field = question.field.as_deref().map_or(String::new(), |field| format!(" {field}"));
    let now = now.map_or(String::new(), |now| format!(" is {now}, and"));
    let reach = match oldest {
        Some(oldest) => format!(
            "it reaches back to record {}, {}: it was so before",
            oldest.number,
            seconds(&oldest.begun)
        ),
        None => "it is empty".to_owned(),
    };
    let object = &question.object;
    let text = format!("{object}{field}{now} nothing in the journal set it; {reach}.");
    printable(&text).into_owned() + "\n"
}

/// A moment without its fraction of a second.
fn seconds(time: &str) -> String {
    time.split_once('.').map_or(time.to_owned(), |(seconds, _)| format!("{seconds}Z"))
}

fn who(who: &WhoDocument) -> String {
    let command = match who.command {
        CauseWord::Apply => "apply",
        CauseWord::Up => "up",
        CauseWord::Watch => "watch",
        CauseWord::Rollback => "rollback",
        CauseWord::Suspend => "suspend",
        CauseWord::Resume => "resume",
        CauseWord::Retry => "retry",
        CauseWord::Hold => "hold",
        CauseWord::Release => "release",
    };
    let user = match &who.sudo_user {
        Some(caller) => format!("{caller} (as {})", who.user),
        None => who.user.clone(),
    };
    format!("{command} by {} on {}", printable(&user), printable(&who.host))
}

fn commit(commit: &CommitDocument) -> String {
    let CommitDocument { author, time, subject, .. } = commit;
    format!("{}, {}: {}", printable(author), printable(time), printable(subject))
}

/// Before and after.
fn pair(before: Option<String>, after: Option<String>) -> String {
    let shown = |value: Option<String>| value.unwrap_or_else(|| "none".to_owned());
    if before == after { shown(before) } else { format!("{} → {}", shown(before), shown(after)) }
}

fn result(result: ResultWord) -> String {
    let (style, words) = match result {
        ResultWord::Done => (GOOD, "done"),
        ResultWord::Incomplete => (WARN, "incomplete"),
        ResultWord::Failed => (BAD, "failed"),
        ResultWord::Refused => (BAD, "refused"),
        ResultWord::Broken => (ALARM, "broken"),
        ResultWord::Interrupted => (WARN, "interrupted"),
        ResultWord::Unfinished => (WARN, "under way, or interrupted"),
    };
    format!("{style}{words}{style:#}")
}

/// What changed, in a line.
fn changes(record: &RecordDocument) -> String {
    let summary = &record.summary;
    let parts = [
        (Action::Add, summary.add),
        (Action::Change, summary.change),
        (Action::Remove, summary.remove),
    ];
    let counts: Vec<String> = parts
        .into_iter()
        .filter(|(_, number)| *number > 0)
        .map(|(action, number)| format!("{}{number}", sign(action)))
        .collect();
    let shown = record.steps.iter().take(OBJECTS_SHOWN);
    let mut objects: Vec<String> =
        shown.map(|step| printable(&step.step.object).into_owned()).collect();
    let rest = record.steps.len().saturating_sub(OBJECTS_SHOWN);
    if rest > 0 {
        objects.push(format!("{rest} more"));
    }
    format!("{}  {}", counts.join(" "), objects.join(", "))
}

fn took(record: &RecordDocument) -> String {
    format!("{}, {} ms", totals(record), record.milliseconds)
}

fn totals(record: &RecordDocument) -> String {
    let mut text =
        format!("{} sent, {}", counted(record.commands_sent, "command"), reloads(record.reloads));
    if let Some(generation) = record.generation_after {
        let _ = write!(text, ", generation {generation}");
    }
    text
}

fn write_step(out: &mut String, made: &RecordStepDocument) {
    let step = &made.step;
    let outcome = match made.outcome {
        Some(OutcomeWord::Done) => format!("{GOOD}done{GOOD:#}"),
        Some(OutcomeWord::Pending) => format!("{WARN}pending{WARN:#}"),
        Some(OutcomeWord::Skipped) => format!("{WARN}skipped{WARN:#}"),
        Some(OutcomeWord::Failed) => format!("{BAD}failed{BAD:#}"),
        None => format!("{WARN}perhaps done{WARN:#}"),
    };
    let means = match step.mechanism {
        MechanismWord::Runtime => "runtime",
        MechanismWord::Reload => "reload",
    };
    let _ = writeln!(
        out,
        "  {} {}  {outcome}  {DIM}[{means}] {}{DIM:#}",
        sign(step.action.action()),
        printable(&step.object),
        printable(&step.because)
    );
    for line in made.why.iter().flat_map(|why| why.lines()) {
        let _ = writeln!(out, "      {BAD}{}{BAD:#}", printable(line));
    }
    for field in &step.fields {
        let _ = writeln!(out, "      {}", self::field(field));
    }
    if let Some(origin) = &step.origin {
        let place = format!("{} ({}:{})", origin.object, origin.file, origin.line);
        let _ = writeln!(out, "      {DIM}asked for by {}{DIM:#}", printable(&place));
    }
    for line in step.commands.iter().flat_map(|command| command.lines()) {
        let _ = writeln!(out, "      {DIM}{}{DIM:#}", printable(line));
    }
}

fn field(field: &FieldDocument) -> String {
    let FieldDocument { name, from, to } = field;
    let shown = |value: &String| printable(value).into_owned();
    let values = match (from.as_ref().map(shown), to.as_ref().map(shown)) {
        (None, None) => String::new(),
        (None, Some(one)) | (Some(one), None) => one,
        (Some(from), Some(to)) => format!("{BAD}{from}{BAD:#} → {GOOD}{to}{GOOD:#}"),
    };
    format!("{} {values}", printable(name))
}
