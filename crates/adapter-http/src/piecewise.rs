//! A long body that many are sent at once, handed out piece by piece.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use bytes::Bytes;

/// How long a piece is at the most.
const PIECE: usize = 65_536;

/// A body that is sent in pieces, its length known. What a connection is given it copies, and keeps until
/// it is sent: of all of a large seat map, a thousand slow readers would keep gigabytes.
pub(crate) struct Piecewise(Bytes);

impl Piecewise {
    pub(crate) const fn new(whole: Bytes) -> Self {
        Self(whole)
    }
}

impl MessageBody for Piecewise {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(u64::try_from(self.0.len()).unwrap_or(u64::MAX))
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Infallible>>> {
        let length = self.0.len().min(PIECE);
        Poll::Ready((length > 0).then(|| Ok(self.0.split_to(length))))
    }

    fn try_into_bytes(self) -> Result<Bytes, Self> {
        Ok(self.0)
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
            let mut body = Piecewise::new(whole.clone().into());
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
