//! Connections that do not end by themselves, and what is read of them.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::harness::{Installation, Server};

/// How long an answer may take, the body's ten seconds included, and how long a connection may stay
/// after it.
const ANSWERED_WITHIN: Duration = Duration::from_secs(20);
const CLOSED_WITHIN: Duration = Duration::from_secs(5);

/// What was answered, and for how long the connection was open after that.
fn end_of(mut stream: TcpStream) -> (String, Duration) {
    stream.set_read_timeout(Some(ANSWERED_WITHIN)).unwrap();
    let mut answer = vec![0; 4_096];
    let length = stream.read(&mut answer).unwrap();
    let answered = Instant::now();
    answer.truncate(length);
    let mut rest = [0; 4_096];
    loop {
        match stream.read(&mut rest) {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
            Err(error) => panic!("still open: {error}"),
        }
    }
    (String::from_utf8_lossy(&answer).into_owned(), answered.elapsed())
}

fn connect(server: &Server, said: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.address().trim_start_matches("http://")).unwrap();
    stream.write_all(said.as_bytes()).unwrap();
    stream
}

#[test]
fn a_body_that_does_not_end_ends_with_its_answer() {
    let installation = Installation::new();
    let server = installation.start();
    let paths = [
        "GET /livez",
        "GET /nowhere",
        "GET /api/users/me",
        "POST /api/sessions",
        "POST /api/users",
        "PUT /api/concerts",
        "POST /api/gateway/notices",
    ];
    let beginnings = ["", "5\r\n{\"a\":\r\n"];
    let mut open = Vec::new();
    for path in paths {
        for beginning in beginnings {
            for framing in ["Transfer-Encoding: chunked", "Content-Length: 60000"] {
                let said = format!("{path} HTTP/1.1\r\nHost: x\r\n{framing}\r\n\r\n{beginning}");
                open.push((said.clone(), connect(&server, &said)));
            }
        }
    }
    let ends = open.into_iter().map(|(said, stream)| (said, std::thread::spawn(|| end_of(stream))));
    for (said, end) in ends.collect::<Vec<_>>() {
        let (answer, open_for) = end.join().unwrap();
        assert!(answer.starts_with("HTTP/1.1 4"), "{said}: {answer}");
        assert!(open_for < CLOSED_WITHIN, "{said}: open for {open_for:?}");
    }
}

#[test]
fn little_is_read_of_a_body_without_an_end() {
    let installation = Installation::new();
    let server = installation.start();
    let chunk = [b"10000\r\n".as_slice(), &[b' '; 0x10000], b"\r\n"].concat();
    for path in ["POST /api/sessions", "GET /nowhere", "GET /api/users/me"] {
        let said = format!("{path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
        let mut stream = connect(&server, &said);
        stream.set_write_timeout(Some(CLOSED_WITHIN)).unwrap();
        let (began, mut sent) = (Instant::now(), 0_usize);
        while stream.write_all(&chunk).is_ok() {
            sent += chunk.len();
            assert!(began.elapsed() < CLOSED_WITHIN, "{path}: {sent} bytes, and no end");
        }
        // What the system takes before anybody reads is some megabytes on loopback.
        assert!(sent < 64 << 20, "{path}: {sent} bytes were read");
    }
}

#[test]
fn requests_behind_a_body_that_ended_are_answered_on_the_same_connection() {
    let installation = Installation::new();
    let server = installation.start();
    let empty = "POST /api/sessions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
    let last = "GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let mut stream = connect(&server, &[empty, empty, last].concat());
    let mut answers = String::new();
    stream.set_read_timeout(Some(ANSWERED_WITHIN)).unwrap();
    stream.read_to_string(&mut answers).unwrap();
    assert_eq!(answers.matches("HTTP/1.1 400").count(), 2, "{answers}");
    assert_eq!(answers.matches("HTTP/1.1 200").count(), 1, "{answers}");
}
