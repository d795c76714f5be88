//! Asking a running HAProxy what it can do.

use super::{Capabilities, Command, Connection, SocketError, Verdict};

impl Capabilities {
    /// Asks a running worker. Changes nothing and leaves no line in its log.
    pub async fn probe(connection: &mut Connection) -> Result<Self, SocketError> {
        let known = Self::of(connection.version());
        if connection.level() != "admin" {
            // Neither of the commands could be used; what the version says is good for display.
            return Ok(known);
        }
        let replies = connection.run(&Command::probes()).await?;
        let [backends, wait, keywords] = replies.as_slice() else { return Ok(known) };
        let listed = keywords.verdict == Verdict::Done;
        let keyword = |name: &str, otherwise| {
            let mut words = keywords.text.split_whitespace();
            if listed { words.any(|word| word == name) } else { otherwise }
        };
        Ok(Self {
            dynamic_backends: backends.verdict == Verdict::Done,
            wait_srv_removable: wait.verdict == Verdict::Done,
            add_server_cookie: keyword("cookie", known.add_server_cookie),
            init_state: keyword("init-state", known.init_state),
            ..known
        })
    }
}
