//! What was measured, for people to read.

use std::{fmt, time::Duration};

use crate::support::versions::Version;

/// The figures of one version and size.
pub(crate) struct Table {
    title: String,
    rows: Vec<Row>,
}

enum Row {
    Section(String),
    Figure { what: String, value: String, ratio: String, goal: String },
}

/// How many times the baseline.
#[derive(Clone, Copy)]
pub(crate) struct Goal {
    times: f64,
    /// Added to the product.
    plus: Duration,
}

impl Goal {
    pub(crate) const fn times(times: f64) -> Self {
        Self { times, plus: Duration::ZERO }
    }

    pub(crate) const fn plus(self, plus: Duration) -> Self {
        Self { plus, ..self }
    }

    fn is_met(self, value: Duration, baseline: Duration) -> bool {
        value <= baseline.mul_f64(self.times) + self.plus
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "≤ {} ×", self.times)?;
        if self.plus.is_zero() { Ok(()) } else { write!(f, " + {:?}", self.plus) }
    }
}

impl Table {
    pub(crate) fn new(version: &Version, size: usize) -> Self {
        Self { title: format!("HAProxy {version}, {} backends", grouped(size)), rows: Vec::new() }
    }

    pub(crate) fn section(&mut self, title: impl Into<String>) {
        self.rows.push(Row::Section(title.into()));
    }

    /// The time that all others of the section are compared with.
    pub(crate) fn baseline(&mut self, what: &str, time: Duration) {
        self.row(what, shown(time), "1".to_owned(), String::new());
    }

    /// A time beside its baseline.
    pub(crate) fn time(&mut self, what: &str, time: Duration, baseline: Duration) {
        self.row(what, shown(time), ratio(time, baseline), String::new());
    }

    /// A time beside its baseline and a goal.
    pub(crate) fn goal(&mut self, what: &str, time: Duration, baseline: Duration, goal: Goal) {
        let met = if goal.is_met(time, baseline) { "met" } else { "missed" };
        self.row(what, shown(time), ratio(time, baseline), format!("{goal}  {met}"));
    }

    /// Any other figure.
    pub(crate) fn row(&mut self, what: &str, value: String, ratio: String, goal: String) {
        self.rows.push(Row::Figure { what: what.to_owned(), value, ratio, goal });
    }

    pub(crate) fn print(&self) {
        if self.rows.is_empty() {
            return;
        }
        println!("{}", self.title);
        for row in &self.rows {
            match row {
                Row::Section(title) => println!("  {title}"),
                Row::Figure { what, value, ratio, goal } => {
                    let line = format!("    {what:<58} {value:>10} {ratio:>8}   {goal}");
                    println!("{}", line.trim_end());
                }
            }
        }
        println!();
    }
}

/// The middle of some times.
pub(crate) fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// A time with three digits.
fn shown(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1e3;
    match ms {
        ms if ms < 10.0 => format!("{ms:.2} ms"),
        ms if ms < 100.0 => format!("{ms:.1} ms"),
        ms if ms < 1000.0 => format!("{ms:.0} ms"),
        ms => format!("{:.2} s", ms / 1e3),
    }
}

fn ratio(time: Duration, baseline: Duration) -> String {
    let ratio = time.as_secs_f64() / baseline.as_secs_f64().max(1e-9);
    if ratio < 10.0 { format!("{ratio:.2} ×") } else { format!("{ratio:.0} ×") }
}

/// A number with its thousands apart.
pub(crate) fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}
