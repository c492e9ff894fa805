//! Connections: slow ones, idle ones, too many, and clients that never read.

use super::*;

/// Limits that a test need not wait long for.
fn short() -> Limits {
    Limits {
        head_timeout: Duration::from_millis(150),
        body_timeout: Duration::from_millis(150),
        ..Limits::default()
    }
}

#[tokio::test]
async fn slow_clients_are_cut_off_at_each_stage() {
    let server = TestServer::start(short()).await;
    let head = format!(
        "POST /webhook HTTP/1.1\r\nHost: h\r\nX-GitHub-Event: issues\r\nX-GitHub-Delivery: g\r\n\
         Content-Type: application/json\r\nX-Hub-Signature-256: {}\r\nContent-Length: {}\r\n\r\n",
        sign(&Secret::new(SECRET), BODY),
        BODY.len()
    );
    // Nothing at all; half a head; a whole head and half a body; and a head without a body that
    // is refused by the head alone.
    let refused = head.replace("X-GitHub-Event", "X-Other");
    for (sent, status) in [
        (&b""[..], None),
        (&head.as_bytes()[..40], None),
        (&[head.as_bytes(), &BODY[..9]].concat(), Some(408)),
        (refused.as_bytes(), Some(400)),
    ] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(sent).await.unwrap();
        let found = status_of(&mut stream).await;
        assert!(
            found == status || (status.is_none() && found == Some(408)),
            "{found:?}"
        );
    }
    // A body cut off in the middle.
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&BODY[..9]).await.unwrap();
    stream.shutdown().await.unwrap();
    assert!(matches!(status_of(&mut stream).await, None | Some(400)));
    assert_eq!(server.log.taken(), []);
    assert_eq!(server.post("issues", "g", BODY).await, 202);
    server.stop().await;
}

#[tokio::test]
async fn headers_without_end_are_refused() {
    let server = TestServer::start(Limits::default()).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream
        .write_all(b"POST /webhook HTTP/1.1\r\n")
        .await
        .unwrap();
    let line = format!("X-Filler: {}\r\n", "f".repeat(1_000));
    for _ in 0..200 {
        if stream.write_all(line.as_bytes()).await.is_err() {
            break;
        }
    }
    assert!(matches!(status_of(&mut stream).await, None | Some(431)));
    assert_eq!(server.post("issues", "g", BODY).await, 202);
    server.stop().await;
}

#[tokio::test]
async fn a_thousand_idle_connections_harm_no_delivery() {
    let server = TestServer::start(Limits::default()).await;
    let mut idle = Vec::new();
    for _ in 0..1_000 {
        idle.push(TcpStream::connect(server.address).await.unwrap());
    }
    for index in 0..10 {
        assert_eq!(server.post("issues", &format!("g{index}"), BODY).await, 202);
    }
    assert_eq!(server.log.taken().len(), 10);
    // Stopping does not wait for them.
    server.stop().await;
}

#[tokio::test]
async fn at_the_connection_bound_a_delivery_waits_until_an_idle_one_times_out() {
    let limits = Limits {
        connections_max: 2,
        ..short()
    };
    let server = TestServer::start(limits).await;
    let mut idle = Vec::new();
    for _ in 0..2 {
        idle.push(TcpStream::connect(server.address).await.unwrap());
    }
    assert_eq!(server.post("issues", "g", BODY).await, 202);
    server.stop().await;
}

#[tokio::test]
async fn a_peer_that_sends_on_and_reads_no_answer_loses_its_connection() {
    let limits = Limits {
        connections_max: 1,
        write_timeout: Duration::from_millis(150),
        ..Limits::default()
    };
    let server = TestServer::start(limits).await;
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    // So that its side of the answers is soon full.
    socket.set_recv_buffer_size(4_096).unwrap();
    let mut peer = socket.connect(server.address).await.unwrap();
    let requests = "GET /webhook HTTP/1.1\r\nHost: h\r\n\r\n".repeat(1_000);
    let pipelining = async {
        loop {
            if peer.write_all(requests.as_bytes()).await.is_err() {
                return;
            }
        }
    };
    let ended = tokio::time::timeout(Duration::from_secs(60), pipelining).await;
    assert!(ended.is_ok(), "its connection is never closed");
    // The one slot is free again.
    assert_eq!(server.post("issues", "g", BODY).await, 202);
    server.stop().await;
}
