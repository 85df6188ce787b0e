//! The body of an answer on its way out.

use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use bytes::Bytes;

use crate::body::Incoming;

/// How much a connection is given at once.
const PIECE: usize = 32 * 1024;

/// A body that is handed out in pieces. What a connection is given it copies, and keeps until it is sent:
/// of a large answer that many get, the pieces are copied, and the whole is shared.
pub(crate) struct Sending {
    body: BoxBody,
    /// What is left of the last part that the body gave.
    rest: Bytes,
    /// What the request has not been read to the end of has an owner [until this is
    /// out](Incoming).
    _incoming: Option<Incoming>,
}

impl Sending {
    pub(crate) const fn new(body: BoxBody, incoming: Option<Incoming>) -> Self {
        Self { body, rest: Bytes::new(), _incoming: incoming }
    }

    fn piece(&mut self) -> Bytes {
        self.rest.split_to(self.rest.len().min(PIECE))
    }
}

impl MessageBody for Sending {
    type Error = Box<dyn std::error::Error>;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        if self.rest.is_empty() {
            match Pin::new(&mut self.body).poll_next(cx) {
                Poll::Ready(Some(Ok(part))) => self.rest = part,
                other => return other,
            }
        }
        Poll::Ready(Some(Ok(self.piece())))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[actix_web::test]
    async fn the_pieces_are_short_and_together_the_whole() {
        for length in [0, 1, PIECE, 3 * PIECE + 7] {
            let whole: Vec<u8> = (0..length).map(|at| (at % 251).try_into().unwrap()).collect();
            let mut body = Sending::new(BoxBody::new(Bytes::from(whole.clone())), None);
            assert_eq!(body.size(), BodySize::Sized(length.try_into().unwrap()));
            let mut sent = Vec::new();
            while let Some(piece) = poll_fn(|cx| Pin::new(&mut body).poll_next(cx)).await {
                let piece = piece.unwrap();
                assert!((1..=PIECE).contains(&piece.len()));
                sent.extend(piece);
            }
            assert_eq!(sent, whole);
        }
    }
}
