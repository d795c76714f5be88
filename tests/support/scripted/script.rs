//! What a scripted peer is to do.

use std::time::Duration;

/// What to do about one command.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Replies in HAProxy's framing: the text, which ends in its own newline if it has lines, then
    /// the empty line or the prompt. `Reply("")` is HAProxy's silent success.
    Reply(String),
    /// The same after a while.
    Late(Duration, String),
    /// Sends exactly this and goes on.
    Raw(String),
    /// Sends exactly this and closes the connection.
    Truncate(String),
    /// Never answers, and keeps the connection open.
    Stall,
}

impl Act {
    /// A reply.
    pub(crate) fn reply(text: &str) -> Self {
        Self::Reply(text.to_owned())
    }

    /// A reply that breaks off.
    pub(crate) fn truncate(text: &str) -> Self {
        Self::Truncate(text.to_owned())
    }
}

/// How often an interactive connection gets a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Prompts {
    /// After each command, like HAProxy up to 3.0.
    PerCommand,
    /// After each line, like HAProxy from 3.2 on.
    PerLine,
}

/// Which commands are answered how.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    rules: Vec<(String, Vec<Act>)>,
    pub(super) otherwise: Act,
    pub(super) prompts: Prompts,
    pub(super) refuses: bool,
}

impl Default for Script {
    /// Knows no command, in the words of HAProxy 2.8 and later.
    fn default() -> Self {
        let otherwise =
            Act::reply("Unknown command. Please enter one of the following commands only:\n");
        Self { rules: Vec::new(), otherwise, prompts: Prompts::PerLine, refuses: false }
    }
}

impl Script {
    /// A peer that accepts connections and closes them at once.
    pub(crate) fn refuse() -> Self {
        Self { refuses: true, ..Self::default() }
    }

    /// Answers commands that begin with `prefix` by `acts`: the first time by the first, the second
    /// time by the second, and by the last from then on. Of two rules that fit, the earlier counts.
    pub(crate) fn on(mut self, prefix: &str, acts: impl IntoIterator<Item = Act>) -> Self {
        let acts: Vec<_> = acts.into_iter().collect();
        assert!(!acts.is_empty(), "a rule needs an act");
        self.rules.push((prefix.to_owned(), acts));
        self
    }

    /// Answers all other commands by `act`.
    pub(crate) fn otherwise(mut self, act: Act) -> Self {
        self.otherwise = act;
        self
    }

    /// Frames replies like a certain version.
    pub(crate) fn prompts(mut self, prompts: Prompts) -> Self {
        self.prompts = prompts;
        self
    }

    /// The first rule that fits, with its place.
    pub(super) fn rule(&self, command: &str) -> Option<(usize, &[Act])> {
        let fits = |(prefix, _): &(String, Vec<Act>)| command.starts_with(prefix.as_str());
        let place = self.rules.iter().position(fits)?;
        Some((place, &self.rules[place].1))
    }
}

/// The commands of a line: separated by `;`, which a backslash protects.
pub(super) fn split(line: &str) -> Vec<String> {
    let mut commands = vec![String::new()];
    let mut escaped = false;
    for character in line.chars() {
        if character == ';' && !escaped {
            commands.push(String::new());
            continue;
        }
        escaped = character == '\\' && !escaped;
        commands.last_mut().expect("never empty").push(character);
    }
    commands
}
