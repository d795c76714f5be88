//! A peer that follows a script: stalls, truncates, lies.

use std::time::{Duration, Instant};

use gw::haproxy::{Command, Connection, Endpoint, SocketError, Verdict};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream},
};

const SHORT: Duration = Duration::from_millis(300);

/// Answers a greeting as 3.2 does, then hands over the stream and the nonce.
async fn greet(listener: UnixListener) -> (UnixStream, String) {
    let (mut stream, _) = listener.accept().await.unwrap();
    stream.write_all(b"\n> ").await.unwrap();
    let mut received = String::new();
    let mut answered = 1;
    loop {
        let mut chunk = [0; 4096];
        let count = stream.read(&mut chunk).await.unwrap();
        received.push_str(std::str::from_utf8(&chunk[..count]).unwrap());
        for line in received.lines().skip(answered) {
            answered += 1;
            let reply = match line {
                "show version" => "3.2.1\n".to_owned(),
                "show cli level" => "admin\n".to_owned(),
                _ => line.strip_prefix("echo ").map_or(String::new(), |nonce| format!("{nonce}\n")),
            };
            stream.write_all(format!("{reply}\n> ").as_bytes()).await.unwrap();
            if let Some(nonce) = line.strip_prefix("echo ") {
                return (stream, nonce.to_owned());
            }
        }
    }
}

/// Opens a session with a peer that sends `script` after its greeting (`$N` is the nonce), and then
/// stays silent (or closes). Runs `show info` and a change.
async fn against(script: &'static [u8], close: bool) -> Result<Vec<Verdict>, SocketError> {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("s");
    let listener = UnixListener::bind(&path).unwrap();
    let peer = tokio::spawn(async move {
        let (mut stream, nonce) = greet(listener).await;
        stream.readable().await.unwrap();
        let script = String::from_utf8_lossy(script).replace("$N", &nonce);
        for chunk in script.as_bytes().chunks(3) {
            let _ = stream.write_all(chunk).await;
            tokio::task::yield_now().await;
        }
        if !close {
            tokio::time::sleep(SHORT * 4).await;
        }
    });
    let mut connection = Connection::open(&Endpoint::Unix(path), SHORT).await.unwrap();
    let commands = [Command::show_info(), Command::enable_server("b", "s").unwrap()];
    let result = connection.run(&commands).await;
    if result.is_err() {
        let again = connection.run(&commands).await;
        assert!(matches!(again, Err(SocketError::Closed { .. })), "{again:?}");
    }
    peer.abort();
    Ok(result?.into_iter().map(|reply| reply.verdict).collect())
}

#[tokio::test]
async fn a_dump_may_quote_prompts() {
    let script = b"Name: x\ndescription: \n> \nnode: \n> $N \n> \n> $N\n\n> \n> $N\n\n> ";
    assert_eq!(against(script, false).await.unwrap(), [Verdict::Done, Verdict::Done]);
}

#[tokio::test]
async fn a_stalled_peer_runs_into_the_deadline() {
    let begin = Instant::now();
    let error = against(b"Name: x\n\n> $N\n\n> No such serv", false).await.unwrap_err();
    assert!(matches!(error, SocketError::Timeout { answered: 1, .. }), "{error:?}");
    assert!(begin.elapsed() < SHORT * 4);
}

#[tokio::test]
async fn a_truncated_reply_is_no_reply() {
    let error = against(b"Name: x\n\n> $N\n\n> No such server.", true).await.unwrap_err();
    assert!(matches!(error, SocketError::Closed { answered: 1 }), "{error:?}");
    let error = against(b"Name: x\n", true).await.unwrap_err();
    assert!(matches!(error, SocketError::Closed { answered: 0 }), "{error:?}");
    let error = against(b"", true).await.unwrap_err();
    assert!(matches!(error, SocketError::Closed { answered: 0 }), "{error:?}");
}

#[tokio::test]
async fn one_prompt_too_many_is_noticed() {
    let error = against(b"Name: x\n\n> $N\n\n> \n> \n> $N\n\n> ", false).await.unwrap_err();
    assert!(matches!(error, SocketError::Protocol(_)), "{error:?}");
}

#[tokio::test]
async fn what_is_not_haproxy_is_told_apart() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("s");
    let open = async |path: &std::path::Path| {
        Connection::open(&Endpoint::Unix(path.into()), SHORT * 3).await.unwrap_err()
    };
    assert!(matches!(open(&path).await, SocketError::Missing(_)));
    let listener = UnixListener::bind(&path).unwrap();
    assert!(matches!(open(&path).await, SocketError::Timeout { .. }));
    let web = tokio::spawn(async move {
        listener.accept().await.unwrap();
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 64];
        let _ = stream.read(&mut request).await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    });
    assert!(matches!(open(&path).await, SocketError::Protocol(_)));
    web.await.unwrap();
    assert!(matches!(open(&path).await, SocketError::Refused(_)));
    assert!(matches!(open(dir.path()).await, SocketError::Refused(_)));
}
