//! How far each step of a wave is.

use crate::{
    apply::leaving::Leaving,
    plan::{Awaited, Instruction},
};

/// How far a step is in its wave.
pub(super) struct Cursor<'a> {
    /// The step, by its place in the plan.
    pub(super) index: usize,
    rest: &'a [Instruction],
    /// The servers of an `AwaitUp` at the front that are not up yet.
    pub(super) waiting: Vec<&'a Awaited>,
    /// What HAProxy said when it last refused to delete.
    pub(super) refusal: String,
    /// How often the deletion at the front was tried in vain.
    pub(super) tries: u32,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(index: usize, rest: &'a [Instruction]) -> Self {
        let mut cursor =
            Self { index, rest, waiting: Vec::new(), refusal: String::new(), tries: 0 };
        cursor.arrive();
        cursor
    }

    /// What is to be done next; `None` at the end.
    pub(super) fn front(&self) -> Option<&'a Instruction> {
        self.rest.first()
    }

    /// Whether what is next is a command, rather than a wait.
    pub(super) fn sends(&self) -> bool {
        matches!(self.front(), Some(Instruction::Send(_) | Instruction::Must(_)))
    }

    /// Whether what is next is to let requests under way end.
    pub(super) fn settles(&self) -> bool {
        matches!(self.front(), Some(Instruction::Settle))
    }

    pub(super) fn advance(&mut self) {
        self.rest = self.rest.get(1..).unwrap_or_default();
        self.tries = 0;
        self.arrive();
    }

    /// Prepares for a wait that is next now.
    fn arrive(&mut self) {
        if let Some(Instruction::AwaitUp { servers, .. }) = self.front() {
            self.waiting = servers.iter().collect();
        }
    }
}

/// The servers that wait to be deleted.
pub(super) fn leaving<'a>(cursors: &[Cursor<'a>]) -> Leaving<'a> {
    let server = |cursor: &Cursor<'a>| match cursor.front() {
        Some(Instruction::Retire { server: Some((backend, server)), .. }) => {
            Some((backend, server))
        }
        Some(_) | None => None,
    };
    cursors.iter().filter_map(server).collect()
}
