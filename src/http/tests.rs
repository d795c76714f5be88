use std::net::{Ipv4Addr, SocketAddrV4};

use http_body_util::{BodyExt as _, Full};
use hyper::{Method, Request, body::Bytes};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpSocket,
};

use crate::{
    plan::Plan,
    report::{PassRecord, WatchEvent, board::Moment, pass::PassResult},
    store::Store,
};

use super::{answer::answer, *};

/// For how long a good pass is fresh.
const FRESH: Duration = Duration::from_secs(60);

fn view(on_webhook: Option<OnWebhook>) -> View {
    let vitals = Vitals::default();
    let (_, board) = watch::channel(Board::new(vitals.now(), false));
    let metrics = Arc::new(std::sync::Mutex::new(Metrics::default()));
    // There is no such folder, and so no journal.
    let journal = Journal::of(&Store::new(std::path::Path::new("/nonexistent")));
    let journal = Arc::new(Mutex::new(journal));
    View { board, metrics, vitals, fresh: FRESH, journal, on_webhook }
}

/// The status and the text of an answer.
async fn get(view: &View, path: &str) -> (u16, String) {
    let request = Request::get(path).body(Full::new(Bytes::new())).unwrap();
    let answer = answer(view, request).await;
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

/// What is shown of a gw that made a good pass right at its begin, and nothing since.
fn silent_for(time: Duration) -> View {
    let begun = Moment::default();
    let mut board = Board::new(begun, false);
    let pass = PassRecord {
        is_running: Some(true),
        result: PassResult::Done,
        plan: Some(Plan::default()),
        ..PassRecord::default()
    };
    board.fold(&WatchEvent::PassEnded(&pass), begun);
    let (_, board) = watch::channel(board);
    View { board, vitals: Vitals::silent_for(time), ..view(None) }
}

async fn status(view: &View, method: Method, path: &str, body: usize) -> u16 {
    let request = Request::builder().method(method).uri(path);
    let request = request.body(Full::new(Bytes::from(vec![b'x'; body]))).unwrap();
    answer(view, request).await.status().as_u16()
}

#[tokio::test]
async fn paths_and_methods_are_those_that_are_known() {
    let view = view(None);
    for (method, path, expected) in [
        (Method::GET, "/metrics", 200),
        (Method::HEAD, "/metrics", 200),
        (Method::GET, "/healthz?verbose", 200),
        (Method::GET, "/readyz", 503),
        (Method::GET, "/v1/status", 200),
        (Method::GET, "/v1/history", 200),
        (Method::HEAD, "/v1/history?limit=200", 200),
        (Method::GET, "/v1/history?limit=0", 400),
        (Method::GET, "/v1/history?limit=201", 400),
        (Method::GET, "/v1/history?limit=-1", 400),
        (Method::GET, "/v1/history?limit=5&limit=6", 400),
        (Method::GET, "/v1/history?last=5", 400),
        (Method::POST, "/v1/history", 405),
        (Method::POST, "/metrics", 405),
        (Method::DELETE, "/v1/status", 405),
        (Method::GET, "/", 404),
        (Method::GET, "/v1/../metrics", 404),
        (Method::GET, "//metrics", 404),
        (Method::GET, "/metrics/", 404),
        (Method::POST, "/webhook", 404),
        (Method::GET, "/webhook", 404),
    ] {
        let status = status(&view, method.clone(), path, 0).await;
        assert_eq!(status, expected, "{method} {path}");
    }
}

#[tokio::test]
async fn a_loop_that_is_stuck_is_not_healthy() {
    let (status, told) = get(&silent_for(SILENCE_MAX / 2), "/healthz").await;
    assert_eq!((status, &*told), (200, "ok\n"));
    let (status, told) = get(&silent_for(SILENCE_MAX + Duration::from_secs(1)), "/healthz").await;
    assert_eq!((status, &*told), (503, "the loop gave no sign of life for 31 s\n"));
}

#[tokio::test]
async fn what_was_good_too_long_ago_is_not_ready() {
    let (status, told) = get(&silent_for(FRESH / 2), "/readyz").await;
    assert!(status == 200 && told.starts_with("Applied: "), "{status} {told}");
    let stale = silent_for(FRESH + Duration::from_secs(1));
    let (status, told) = get(&stale, "/readyz").await;
    assert_eq!((status, &*told), (503, "Stale: the last good pass is older than 60 s\n"));
    // Whoever asks otherwise hears the same.
    assert!(get(&stale, "/metrics").await.1.contains("gw_ready 0\n"));
    assert!(get(&stale, "/v1/status").await.1.contains("\"reason\": \"Stale\""));
}

#[tokio::test]
async fn a_webhook_gets_what_is_not_too_much() {
    let on_webhook: OnWebhook = Arc::new(Mutex::new(|headers: &HeaderMap, body: &[u8]| {
        assert!(headers.is_empty());
        if body.len() == 3 { StatusCode::ACCEPTED } else { StatusCode::UNAUTHORIZED }
    }));
    let view = view(Some(on_webhook));
    let post = |size| status(&view, Method::POST, "/webhook", size);
    assert_eq!(post(3).await, 202);
    assert_eq!(post(4).await, 401);
    assert_eq!(post(1024 * 1024 + 1).await, 413);
    assert_eq!(status(&view, Method::GET, "/webhook", 0).await, 405);
}

const MONITOR: Ipv4Addr = Ipv4Addr::LOCALHOST;
const STRANGER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// Connects from an address of this machine, and sends some bytes.
async fn send(from: Ipv4Addr, to: SocketAddr, bytes: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddrV4::new(from, 0).into()).unwrap();
    let mut stream = socket.connect(to).await.unwrap();
    stream.write_all(bytes.as_bytes()).await.unwrap();
    stream
}

/// The status line that comes within a moment.
async fn answered(mut stream: TcpStream) -> String {
    let mut answer = String::new();
    let read = timeout(HEAD_PATIENCE / 2, stream.read_to_string(&mut answer)).await;
    assert!(matches!(read, Ok(Ok(_))), "{read:?}");
    answer.lines().next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn strangers_who_ask_for_nothing_keep_nobody_waiting() {
    let on_webhook: OnWebhook = Arc::new(Mutex::new(|_: &HeaderMap, _: &[u8]| StatusCode::OK));
    let listener = TcpListener::bind((MONITOR, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let _server = Server(tokio::spawn(accept(listener, view(Some(on_webhook)))));
    let head = "GET /healthz HTTP/1.1\r\nHost: gw\r\n";
    let body = "POST /webhook HTTP/1.1\r\nHost: gw\r\nContent-Length: 9\r\n\r\nslow";
    for stranger in [STRANGER, MONITOR] {
        for half in [head, body] {
            // One who is slow, too, but alone.
            let mut slow = send(Ipv4Addr::new(127, 0, 0, 3), address, head).await;
            let mut held = Vec::new();
            for _ in 0..200 {
                held.push(send(stranger, address, half).await);
            }
            let monitor = send(MONITOR, address, &format!("{head}\r\n")).await;
            assert_eq!(answered(monitor).await, "HTTP/1.1 200 OK", "{stranger} {half}");
            slow.write_all(b"\r\n").await.unwrap();
            assert_eq!(answered(slow).await, "HTTP/1.1 200 OK", "{stranger} {half}");
        }
    }
}
