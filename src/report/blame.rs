//! Who set something to what it is: a search in what gw did, newest first. Pure.

use super::json::{ActionWord, NeedWord, OutcomeWord, RecordDocument, RecordStepDocument};

/// What somebody wants to know of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The object, as plans name it: `server web/web-1`.
    pub object: String,
    /// One of its fields, as plans name it, or `port`; `None` for whatever changed last.
    pub field: Option<String>,
}

/// Who set it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What was done when.
    pub record: RecordDocument,
    /// The step of it.
    pub step: RecordStepDocument,
    /// The value of the field before, where one is known.
    pub from: Option<String>,
    /// The value that was set, where one is known.
    pub to: Option<String>,
}

impl Answer {
    /// Whether it is not known if this was really done: gw was ended in the middle of it.
    pub fn is_uncertain(&self) -> bool {
        self.step.outcome.is_none()
    }

    /// Whether the object went with it. What is there now came by other hands.
    pub fn is_removal(&self) -> bool {
        self.step.step.action == ActionWord::Remove
    }
}

impl Question {
    /// The answer that one record gives; `None` where it is not about it.
    pub fn ask(&self, record: &RecordDocument) -> Option<Answer> {
        record.steps.iter().filter(|step| is_made(step)).find_map(|step| {
            let (from, to) = self.ask_step(step)?;
            Some(Answer { record: record.clone(), step: step.clone(), from, to })
        })
    }

    /// The old and the new value, where a step is about it.
    fn ask_step(&self, made: &RecordStepDocument) -> Option<(Option<String>, Option<String>)> {
        let step = &made.step;
        if step.cause == NeedWord::Note {
            return None;
        }
        let value = |name: &str| {
            let field = step.fields.iter().find(|field| field.name == name)?;
            Some((field.from.clone(), field.to.clone()))
        };
        if step.object == self.object {
            let Some(field) = &self.field else { return Some((None, None)) };
            let found = match field.as_str() {
                "port" => value("address")
                    .map(|(from, to)| (port(from.as_deref()), port(to.as_deref())))
                    .filter(|(from, to)| from != to),
                name => value(name),
            };
            // What an addition does not name is at its default since then.
            let is_whole = step.action != ActionWord::Change;
            return found.or_else(|| is_whole.then_some((None, None)));
        }
        // Servers come and go with their backend.
        let (backend, server) = self.object.strip_prefix("server ")?.split_once('/')?;
        if step.action == ActionWord::Change || step.object != format!("backend {backend}") {
            return None;
        }
        let (from, to) = value(&format!("server {server}"))
            .or_else(|| step.fields.is_empty().then_some((None, None)))?;
        Some(match self.field.as_deref() {
            None | Some("address") => (from, to),
            Some("port") => (port(from.as_deref()), port(to.as_deref())),
            Some(_) => (None, None),
        })
    }
}

/// Whether a step was made, or may have been.
fn is_made(step: &RecordStepDocument) -> bool {
    match step.outcome {
        Some(OutcomeWord::Done) | None => true,
        // It is there, but waits for its first good check.
        Some(OutcomeWord::Pending) => step.step.action == ActionWord::Add,
        Some(OutcomeWord::Skipped | OutcomeWord::Failed) => false,
    }
}

fn port(address: Option<&str>) -> Option<String> {
    address?.rsplit_once(':').map(|(_, port)| port.to_owned())
}

#[cfg(test)]
mod tests {
    use crate::{
        plan::{Action, FieldChange, Outcome, Plan, Reason, Report},
        report::{
            json::{BegunDocument, CauseWord, EndedDocument, WhoDocument},
            samples,
        },
    };

    use super::*;

    fn who() -> WhoDocument {
        WhoDocument {
            command: CauseWord::Apply,
            user: "alice".into(),
            uid: 1000,
            sudo_user: None,
            host: "web-1".into(),
            gw: "0.1.0".into(),
        }
    }

    type Field<'a> = (&'a str, Option<&'a str>, Option<&'a str>);

    /// A record of one step.
    fn record(
        number: u64,
        object: crate::plan::Object,
        action: Action,
        fields: &[Field<'_>],
        outcome: Option<Outcome>,
    ) -> RecordDocument {
        let mut step = samples::step(object, action, Reason::FilesOnly);
        let owned = |value: Option<&str>| value.map(str::to_owned);
        step.fields = fields
            .iter()
            .map(|(name, from, to)| FieldChange {
                name: (*name).into(),
                from: owned(*from),
                to: owned(*to),
            })
            .collect();
        let plan = Plan { steps: vec![step], ..Plan::default() };
        let begun = BegunDocument::new("t".into(), who()).of_plan(&plan);
        let ends: Vec<EndedDocument> = outcome
            .map(|outcome| Report { outcomes: vec![outcome], ..Report::nothing(None) })
            .map(|report| EndedDocument::of_report("t".into(), &plan, &report))
            .into_iter()
            .collect();
        RecordDocument::new(number, begun, &ends)
    }

    /// The number of the record that answers, and the value that it set.
    fn ask(
        records: &[RecordDocument],
        object: &str,
        field: Option<&str>,
    ) -> Option<(u64, Option<String>)> {
        let field = field.map(str::to_owned);
        let question = Question { object: object.into(), field };
        let answer = records.iter().find_map(|record| question.ask(record))?;
        Some((answer.record.number, answer.to))
    }

    #[test]
    fn the_last_one_that_set_it_is_found() {
        let done = || Some(Outcome::Done);
        let failed = Some(Outcome::Failed("No such server.".into()));
        let web_1 = || samples::server("web", "web-1");
        let added: [Field<'_>; 2] =
            [("address", None, Some("10.0.0.1:80")), ("weight", None, Some("5"))];
        let moved: [Field<'_>; 1] = [("address", Some("10.0.0.1:80"), Some("10.0.0.2:80"))];
        let weighed: [Field<'_>; 1] = [("weight", Some("5"), Some("6"))];
        let records = [
            record(5, web_1(), Action::Change, &weighed, failed),
            record(4, samples::server("web", "web-2"), Action::Change, &moved, done()),
            record(3, web_1(), Action::Change, &moved, done()),
            record(2, web_1(), Action::Add, &added, Some(Outcome::Pending("check".into()))),
            record(1, web_1(), Action::Remove, &[], done()),
        ];
        let to = |value: &str| Some(value.to_owned());
        let object = "server web/web-1";
        assert_eq!(ask(&records, object, None), Some((3, None)));
        assert_eq!(ask(&records, object, Some("address")), Some((3, to("10.0.0.2:80"))));
        // The port did not change with it.
        assert_eq!(ask(&records, object, Some("port")), Some((2, to("80"))));
        assert_eq!(ask(&records, object, Some("weight")), Some((2, to("5"))));
        assert_eq!(ask(&records, object, Some("maxconn")), Some((2, None)));
        assert_eq!(ask(&records, "server web/web-9", None), None);
    }

    #[test]
    fn servers_come_with_their_backend() {
        let web = || crate::plan::Object::Backend(samples::backend("web"));
        let named: [Field<'_>; 1] = [("server web-1", None, Some("10.0.0.1:80"))];
        let runtime = [record(1, web(), Action::Add, &named, Some(Outcome::Done))];
        let object = "server web/web-1";
        assert_eq!(ask(&runtime, object, Some("port")), Some((1, Some("80".into()))));
        assert_eq!(ask(&runtime, "server web/other", None), None);
        assert_eq!(ask(&runtime, "server web2/web-1", None), None);
        // At the start of HAProxy only backends are named.
        let start = [record(1, web(), Action::Add, &[], Some(Outcome::Done))];
        assert_eq!(ask(&start, object, Some("weight")), Some((1, None)));
    }

    #[test]
    fn what_was_interrupted_is_uncertain() {
        let moved: [Field<'_>; 1] = [("address", Some("a:1"), Some("b:2"))];
        let open = record(1, samples::server("web", "web-1"), Action::Change, &moved, None);
        let question = Question { object: "server web/web-1".into(), field: Some("port".into()) };
        let answer = question.ask(&open).unwrap();
        assert!(answer.is_uncertain() && !answer.is_removal());
        assert_eq!((answer.from.as_deref(), answer.to.as_deref()), (Some("1"), Some("2")));
    }
}
