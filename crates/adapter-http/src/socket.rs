//! A client's connection as the HTTP server sees it: nothing is read without an end, and what is no HTTP
//! is answered as everything else is.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_web::http::StatusCode;
use actix_web::rt::net::TcpStream;
use actix_web::web::Data;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::problem::Problem;
use crate::shared::Shared;

/// How much is read before something is answered: more than the longest request, with those that wait
/// behind it. actix reads on what comes behind an answer that closes the connection, to hear its end.
const READ_MAX: usize = 512 * 1024;
/// An answer of actix' own is no longer than this.
const BARE_MAX: usize = 256;

/// A connection.
pub(crate) struct ClientSocket {
    stream: TcpStream,
    shared: Data<Shared>,
    /// How much was read since something was written.
    read: usize,
    /// What is said in place of a bare answer, and how much of it is written.
    instead: Option<(Vec<u8>, usize)>,
}

impl ClientSocket {
    pub(crate) const fn new(stream: TcpStream, shared: Data<Shared>) -> Self {
        Self { stream, shared, read: 0, instead: None }
    }

    pub(crate) const fn stream(&self) -> &TcpStream {
        &self.stream
    }
}

impl AsyncRead for ClientSocket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.read >= READ_MAX {
            // The sender waits, and a timer ends the connection.
            return Poll::Pending;
        }
        let before = into.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, into))?;
        self.read += into.filled().len() - before;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ClientSocket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.read = 0;
        let this = &mut *self;
        match bare_answer(bytes) {
            Some((0, status)) => {
                let shared = &this.shared;
                let say = || (problem(status).as_message(&shared.request_names.next()), 0);
                let (message, written) = this.instead.get_or_insert_with(say);
                while let Some(rest) = message.get(*written..).filter(|rest| !rest.is_empty()) {
                    *written += ready!(Pin::new(&mut this.stream).poll_write(cx, rest))?;
                }
                Poll::Ready(Ok(bytes.len()))
            }
            Some((at, _)) => {
                let (before, _) = bytes.split_at(at);
                Pin::new(&mut this.stream).poll_write(cx, before)
            }
            None => Pin::new(&mut this.stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// The status of an answer that actix gave by itself, without a body, and where it begins. It is the last
/// on its connection; ours all have the name of their request.
fn bare_answer(bytes: &[u8]) -> Option<(usize, StatusCode)> {
    let at = bytes.len().saturating_sub(BARE_MAX);
    let last = bytes.strip_suffix(b"\r\n\r\n")?.get(at..)?;
    let last = String::from_utf8_lossy(last);
    let begins = last.rfind("HTTP/1.1 4")?;
    let head = last.get(begins..)?;
    if head.contains("\r\n\r\n") || head.contains("x-request-id") || !last.is_ascii() {
        return None;
    }
    let status = match head.get(9..12)? {
        "400" => StatusCode::BAD_REQUEST,
        "408" => StatusCode::REQUEST_TIMEOUT,
        "431" => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        _ => return None,
    };
    Some((at + begins, status))
}

fn problem(status: StatusCode) -> Problem {
    match status {
        StatusCode::REQUEST_TIMEOUT => {
            Problem::new(status, "request_timeout", "the request did not arrive in time")
        }
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => {
            Problem::new(status, "headers_too_large", "a request's head has at most 128 KiB")
        }
        _ => Problem::invalid("request", "is not HTTP as this server understands it"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_without_a_name_is_told_from_all_others() {
        let bare = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        assert_eq!(bare_answer(bare), Some((0, StatusCode::BAD_REQUEST)));
        let ours = b"HTTP/1.1 304 Not Modified\r\nx-request-id: 7\r\n\r\n";
        let both = [ours.as_slice(), bare].concat();
        assert_eq!(bare_answer(&both), Some((ours.len(), StatusCode::BAD_REQUEST)));
        assert_eq!(bare_answer(ours), None);
        let refused = b"HTTP/1.1 404 Not Found\r\nx-request-id: 7\r\ncontent-length: 0\r\n\r\n";
        assert_eq!(bare_answer(refused), None);
        let told = b"HTTP/1.1 200 OK\r\ncontent-length: 14\r\n\r\nHTTP/1.1 400\r\n";
        assert_eq!(bare_answer(told), None);
        assert_eq!(bare_answer(b""), None);
    }
}
