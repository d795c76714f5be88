//! Plans as text for golden files: every step with all it says, then what is sent, wave by wave.

use std::fmt::Write as _;

use gw::{
    diff::HeldState,
    plan::{Instruction, Plan, Step},
};

/// A plan, whole.
pub(crate) fn plan(plan: &Plan) -> String {
    let mut text = String::new();
    for held in &plan.held {
        let what = match held.state {
            HeldState::Maintenance => "in maintenance by hand".to_owned(),
            HeldState::Drain => "draining by hand".to_owned(),
            HeldState::Weight { to, from } => format!("weight {to} by hand instead of {from}"),
        };
        let _ = writeln!(text, "held server {}/{}: {what}", held.backend, held.server);
    }
    if plan.is_empty() {
        text.push_str("nothing to do\n");
    }
    for step in &plan.steps {
        let Step { object, action, mechanism, because, .. } = step;
        let (action, mechanism) = (action.as_str(), mechanism.as_str());
        let _ = writeln!(text, "{action} {object} [{mechanism}] {because}");
        for field in &step.fields {
            let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "none".to_owned());
            let _ = writeln!(
                text,
                "    {}: {} -> {}",
                field.name,
                value(&field.from),
                value(&field.to)
            );
        }
    }
    let made = plan.steps.iter().flat_map(|step| &step.make);
    wave(&mut text, "make", made);
    let switched = plan.switch_order.iter().flat_map(|&index| &plan.steps[index].switch);
    wave(&mut text, "switch", switched);
    let finished = plan.steps.iter().flat_map(|step| &step.finish);
    wave(&mut text, "finish", finished);
    let closing: Vec<Instruction> = plan.closing.iter().cloned().map(Instruction::Send).collect();
    wave(&mut text, "close", &closing);
    text
}

fn wave<'a>(
    text: &mut String,
    name: &str,
    instructions: impl IntoIterator<Item = &'a Instruction>,
) {
    let lines: Vec<String> = instructions.into_iter().flat_map(instruction).collect();
    if !lines.is_empty() {
        let _ = writeln!(text, "{name}:\n    {}", lines.join("\n    "));
    }
}

fn instruction(instruction: &Instruction) -> Vec<String> {
    match instruction {
        Instruction::Send(command) | Instruction::Must(command) => vec![command.to_string()],
        Instruction::AwaitUp { backend, servers } => servers
            .iter()
            .flat_map(|awaited| {
                let head = format!("until {backend}/{} is up, then:", awaited.server);
                let then = awaited.then.iter().map(|command| format!("    {command}"));
                std::iter::once(head).chain(then).collect::<Vec<_>>()
            })
            .collect(),
        Instruction::Retire { delete, .. } => vec![format!("until it succeeds: {delete}")],
        Instruction::Settle => vec!["(a moment, for requests that are being routed)".to_owned()],
    }
}
