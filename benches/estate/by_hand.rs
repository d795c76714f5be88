//! What HAProxy's socket costs without gw: lines in, replies out, nothing understood.

use std::{
    io::{self, Read, Write},
    os::unix::net::UnixStream,
    path::Path,
    thread,
    time::Duration,
};

/// How long HAProxy may stay silent.
const PATIENCE: Duration = Duration::from_secs(60);

/// Sends commands, one per line over one connection, without waiting for replies in between, until
/// all were answered.
pub(crate) fn pipelined(socket: &Path, commands: &[String]) {
    let mut stream = connect(socket);
    let mut text = String::from("prompt\n");
    for command in commands {
        text.push_str(command);
        text.push('\n');
    }
    let mut writer = stream.try_clone().expect("a socket can be shared");
    thread::scope(|scope| {
        scope.spawn(move || writer.write_all(text.as_bytes()).expect("HAProxy reads commands"));
        // One prompt for `prompt` itself.
        read_prompts(&mut stream, commands.len() + 1);
    });
}

/// Sends one command and reads its whole reply, however long. Returns its size.
pub(crate) fn dump(socket: &Path, command: &str) -> u64 {
    let mut stream = connect(socket);
    stream.write_all(format!("{command}\n").as_bytes()).expect("HAProxy reads commands");
    io::copy(&mut stream, &mut io::sink()).expect("HAProxy answers")
}

fn connect(socket: &Path) -> UnixStream {
    let stream = UnixStream::connect(socket).expect("HAProxy's socket is there");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
    stream
}

/// Reads until `count` prompts were seen.
fn read_prompts(stream: &mut UnixStream, count: usize) {
    let (mut seen, mut last) = (0, [0; 2]);
    let mut chunk = vec![0; 64 * 1024];
    while seen < count {
        let length = stream.read(&mut chunk).expect("HAProxy answers");
        assert!(length > 0, "HAProxy closed its socket after {seen} of {count} replies");
        for &byte in &chunk[..length] {
            if last == *b"\n>" && byte == b' ' {
                seen += 1;
            }
            last = [last[1], byte];
        }
    }
}
