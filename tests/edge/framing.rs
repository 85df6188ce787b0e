//! Requests whose end is not clear. Whoever stands between a client and the server may see another end
//! than the server does, and then what he takes for a body is a request to us, in another's name. So where
//! there could be two opinions, the connection ends with a 400.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::harness::Installation;

const POST: &str = "POST /api/sessions HTTP/1.1\r\nHost: x\r\n";
const GET: &str = "GET /livez HTTP/1.1\r\nHost: x\r\n";
/// What is sent behind each. Where it is answered, the server took all that is before it for the request.
const BEHIND: &str = "GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

/// What it is; how it begins, and goes on; what is answered until the connection is closed.
type Case = (&'static str, &'static str, &'static str, &'static str);

const CASES: &[Case] = &[
    ("two lengths that differ", POST, "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", "400"),
    ("two lengths that agree", POST, "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", "400"),
    ("a list of lengths", POST, "Content-Length: 2, 2\r\n\r\n{}", "400"),
    ("a length with a sign", POST, "Content-Length: +2\r\n\r\n{}", "400"),
    ("a negative length", POST, "Content-Length: -2\r\n\r\n{}", "400"),
    ("a hexadecimal length", POST, "Content-Length: 0x2\r\n\r\n{}", "400"),
    ("a length with a fraction", POST, "Content-Length: 2.0\r\n\r\n{}", "400"),
    ("a length of letters", POST, "Content-Length: two\r\n\r\n{}", "400"),
    ("an empty length", POST, "Content-Length:\r\n\r\n{}", "400"),
    ("a length past 64 bits", POST, "Content-Length: 18446744073709551618\r\n\r\n{}", "400"),
    ("a length with a space in it", POST, "Content-Length: 1 2\r\n\r\n{}", "400"),
    (
        "a length and chunks",
        POST,
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        "400",
    ),
    (
        "chunks and a length",
        POST,
        "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        "400",
    ),
    (
        "chunks and a length of none",
        POST,
        "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        "400",
    ),
    (
        "chunked twice",
        POST,
        "Transfer-Encoding: chunked, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        "400",
    ),
    (
        "two transfer encodings",
        POST,
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        "400",
    ),
    (
        "chunked, then identity",
        POST,
        "Transfer-Encoding: chunked, identity\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        "400",
    ),
    (
        "identity, then chunked",
        POST,
        "Transfer-Encoding: identity, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        "400",
    ),
    ("identity", POST, "Transfer-Encoding: identity\r\nContent-Length: 2\r\n\r\n{}", "400"),
    (
        "gzip, then chunked",
        POST,
        "Transfer-Encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        "400",
    ),
    (
        "an encoding that nobody knows",
        POST,
        "Transfer-Encoding: xchunked\r\nContent-Length: 2\r\n\r\n{}",
        "400",
    ),
    (
        "chunked in quotes",
        POST,
        "Transfer-Encoding: \"chunked\"\r\nContent-Length: 2\r\n\r\n{}",
        "400",
    ),
    (
        "chunked in capitals",
        POST,
        "Transfer-Encoding: CHUNKED\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        "400 404",
    ),
    (
        "chunked behind a tab",
        POST,
        "Transfer-Encoding:\tchunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        "400 404",
    ),
    (
        "chunked behind a vertical tab",
        POST,
        "Transfer-Encoding:\x0bchunked\r\nContent-Length: 2\r\n\r\n{}",
        "400",
    ),
    (
        "an empty transfer encoding",
        POST,
        "Transfer-Encoding:\r\nContent-Length: 2\r\n\r\n{}",
        "400",
    ),
    (
        "a space before the colon",
        POST,
        "Transfer-Encoding : chunked\r\nContent-Length: 2\r\n\r\n{}",
        "400",
    ),
    ("a length with a space before the colon", POST, "Content-Length : 2\r\n\r\n{}", "400"),
    (
        "a header that goes on in the next line",
        POST,
        "X-A: b\r\n c\r\nContent-Length: 2\r\n\r\n{}",
        "400",
    ),
    (
        "an encoding in the next line",
        POST,
        "Transfer-Encoding:\r\n chunked\r\nContent-Length: 2\r\n\r\n{}",
        "400",
    ),
    (
        "a first header that is indented",
        "",
        "POST /api/sessions HTTP/1.1\r\n Host: x\r\n\r\n",
        "400",
    ),
    ("a header without a colon", POST, "Content-Length\r\n\r\n{}", "400"),
    ("a header without a name", POST, ": x\r\nContent-Length: 2\r\n\r\n{}", "400"),
    ("a zero byte in a header", POST, "X-A: a\0b\r\nContent-Length: 2\r\n\r\n{}", "400"),
    ("a zero byte in a name", POST, "X\0A: b\r\nContent-Length: 2\r\n\r\n{}", "400"),
    ("a bare carriage return in a header", POST, "X-A: a\rb\r\nContent-Length: 2\r\n\r\n{}", "400"),
    (
        "lines that end in a line feed alone",
        "",
        "POST /api/sessions HTTP/1.1\nHost: x\nContent-Length: 2\n\n{}",
        "400 404",
    ),
    (
        "an underscore for a hyphen",
        POST,
        "Transfer_Encoding: chunked\r\nContent-Length: 2\r\n\r\n{}",
        "400 404",
    ),
    ("a chunk of no size", POST, "Transfer-Encoding: chunked\r\n\r\n\r\n{}\r\n0\r\n\r\n", "400"),
    (
        "a chunk whose size is no number",
        POST,
        "Transfer-Encoding: chunked\r\n\r\nx\r\n{}\r\n0\r\n\r\n",
        "400",
    ),
    (
        "a chunk size with a sign",
        POST,
        "Transfer-Encoding: chunked\r\n\r\n+2\r\n{}\r\n0\r\n\r\n",
        "400",
    ),
    (
        "a negative chunk size",
        POST,
        "Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n",
        "400",
    ),
    (
        "a chunk size with 0x",
        POST,
        "Transfer-Encoding: chunked\r\n\r\n0x2\r\n{}\r\n0\r\n\r\n",
        "400",
    ),
    (
        "a chunk size past 64 bits",
        POST,
        "Transfer-Encoding: chunked\r\n\r\n10000000000000002\r\n{}\r\n0\r\n\r\n",
        "400",
    ),
    (
        "a chunk size with zeros before it",
        POST,
        "Transfer-Encoding: chunked\r\n\r\n0002\r\n{}\r\n0\r\n\r\n",
        "400 404",
    ),
    (
        "a chunk longer than its size",
        POST,
        "Transfer-Encoding: chunked\r\n\r\n1\r\n{}\r\n0\r\n\r\n",
        "400",
    ),
    ("a chunk without its end", POST, "Transfer-Encoding: chunked\r\n\r\n2\r\n{}0\r\n\r\n", "400"),
    (
        "a chunk that ends in a line feed",
        POST,
        "Transfer-Encoding: chunked\r\n\r\n2\n{}\n0\n\n",
        "400",
    ),
    (
        "a chunk extension",
        POST,
        "Transfer-Encoding: chunked\r\n\r\n2;a=b\r\n{}\r\n0\r\n\r\n",
        "400 404",
    ),
    (
        "a line feed in a chunk extension",
        POST,
        "Transfer-Encoding: chunked\r\n\r\n2;a\nb\r\n{}\r\n0\r\n\r\n",
        "400",
    ),
    (
        "a trailer",
        POST,
        "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX-A: b\r\n\r\n",
        "400 404",
    ),
    (
        "a length in a trailer",
        POST,
        "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nContent-Length: 60\r\n\r\n",
        "400 404",
    ),
    (
        "chunks of HTTP/1.0",
        "",
        "POST /api/sessions HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        "400",
    ),
    ("HTTP/0.9", "", "GET /livez\r\n\r\n", "400"),
    ("HTTP/1.2", "", "GET /livez HTTP/1.2\r\nHost: x\r\n\r\n", "400"),
    ("HTTP/2 without asking", "", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "400"),
    (
        "an upgrade to HTTP/2",
        GET,
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
        "200 404",
    ),
    ("no version", "", "GET /livez \r\nHost: x\r\n\r\n", "400"),
    ("a version in small letters", "", "GET /livez http/1.1\r\nHost: x\r\n\r\n", "400"),
    ("two spaces before the path", "", "GET  /livez HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
    ("a space in the path", "", "GET /li vez HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
    ("a tab for a space", "", "GET\t/livez\tHTTP/1.1\r\nHost: x\r\n\r\n", "400"),
    (
        "a path of another host",
        "",
        "GET http://evil.example/livez HTTP/1.1\r\nHost: x\r\n\r\n",
        "200 404",
    ),
    ("a path without a slash", "", "GET livez HTTP/1.1\r\nHost: x\r\n\r\n", "404 404"),
    ("a path with a zero byte", "", "GET /livez\0 HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
    ("a path with a line feed", "", "GET /livez\n HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
    ("two hosts", GET, "Host: y\r\n\r\n", "400"),
    ("no host", "", "GET /livez HTTP/1.1\r\n\r\n", "400"),
    ("CONNECT", "", "CONNECT evil.example:443 HTTP/1.1\r\nHost: x\r\n\r\n", "404"),
    ("a method with a line feed", "", "GE\nT /livez HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
    ("a method in small letters", "", "get /livez HTTP/1.1\r\nHost: x\r\n\r\n", "405 404"),
    ("lines before the request", "", "\r\n\r\nGET /livez HTTP/1.1\r\nHost: x\r\n\r\n", "200 404"),
    ("a body of a GET", GET, "Content-Length: 2\r\n\r\n{}", "200 404"),
    (
        "a body of a GET that is a request",
        GET,
        "Content-Length: 33\r\n\r\nGET /livez HTTP/1.1\r\nHost: x\r\n\r\n",
        "400 404",
    ),
    (
        "a body of a HEAD",
        "",
        "HEAD /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}",
        "405 404",
    ),
    (
        "a body that is expected",
        POST,
        "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n{}",
        "100 400 404",
    ),
    (
        "an expectation that nobody knows",
        POST,
        "Content-Length: 2\r\nExpect: much\r\n\r\n{}",
        "400 404",
    ),
    (
        "a connection header that names the length",
        POST,
        "Connection: Content-Length\r\nContent-Length: 2\r\n\r\n{}",
        "400 404",
    ),
];

/// All that is answered until the connection is closed.
fn answers(address: &str, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    // The server may close before all is sent.
    let _ = stream.write_all(request);
    let (mut all, mut some) = (Vec::new(), [0; 4_096]);
    while let Ok(length @ 1..) = stream.read(&mut some) {
        all.extend_from_slice(&some[..length]);
    }
    String::from_utf8_lossy(&all).into_owned()
}

/// That those statuses were answered, and each refusal as a problem with the name of its request.
fn assert_answered(name: &str, answers: &str, wanted: &str) {
    let mut statuses = String::new();
    for answer in answers.split("HTTP/1.1 ").skip(1) {
        let status = &answer[..3];
        write!(statuses, "{}{status}", if statuses.is_empty() { "" } else { " " }).unwrap();
        if status >= "400" {
            assert!(answer.contains("content-type: application/problem+json"), "{name}: {answer}");
            assert!(answer.contains("x-request-id: "), "{name}: {answer}");
        }
    }
    assert_eq!(statuses, wanted, "{name}: {answers}");
}

#[test]
fn where_a_request_ends_is_never_a_matter_of_opinion() {
    let installation = Installation::new();
    let server = installation.start();
    let address = server.address().trim_start_matches("http://");
    std::thread::scope(|scope| {
        for (name, begins, goes_on, wanted) in CASES {
            let request = [begins, goes_on, BEHIND].concat();
            scope.spawn(move || {
                assert_answered(name, &answers(address, request.as_bytes()), wanted)
            });
        }
    });
    assert!(CASES.len() > 70, "{}", CASES.len());
}

#[test]
fn a_head_that_is_too_long_or_odd_is_answered_too() {
    let installation = Installation::new();
    let server = installation.start();
    let address = server.address().trim_start_matches("http://");
    let many: String = (0..200).map(|n| format!("X-{n}: y\r\n")).collect();
    let long = format!("X-A: {}\r\n", "a".repeat(140_000));
    for (name, header, wanted) in [("many headers", many, "431"), ("a long header", long, "431")] {
        let request = format!("{GET}{header}\r\n{BEHIND}");
        assert_answered(name, &answers(address, request.as_bytes()), wanted);
    }
    let odd = [GET.as_bytes(), b"X-A: \xff\xfe\r\n\r\n", BEHIND.as_bytes()].concat();
    assert_answered("letters past ASCII", &answers(address, &odd), "200 404");
}
