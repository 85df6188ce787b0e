//! What becomes of a payment at the provider, and how that is told.

use std::collections::VecDeque;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, RngExt};

/// A payment's way through the provider.
#[derive(Debug, Clone, Default)]
pub(crate) struct Plan {
    pub(crate) decision: Decision,
    /// How the first requests about it are answered; those after them as they should be.
    pub(crate) deliveries: VecDeque<Delivery>,
    /// What is told of each change by itself.
    pub(crate) notices: Vec<NoticeKind>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Decision {
    #[default]
    Charge,
    Decline,
    /// Leaves it open.
    Wait,
}

impl Decision {
    pub(crate) const fn state(self) -> &'static str {
        match self {
            Self::Charge => "charged",
            Self::Decline => "declined",
            Self::Wait => "pending",
        }
    }

    pub(crate) const fn reason(self) -> Option<&'static str> {
        match self {
            Self::Decline => Some("no credit"),
            Self::Charge | Self::Wait => None,
        }
    }
}

/// How a request is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// As it should be.
    Whole,
    /// The connection is cut before anything is done.
    CutBefore,
    /// It is done, and the connection is cut before that is said.
    CutAfter,
    /// It is done late, and said late.
    WaitBefore(Duration),
    /// It is done, and said late.
    WaitAfter(Duration),
    /// A server error, and nothing is done.
    Fail,
    /// It is done, and what is said makes no sense.
    Garbage,
}

/// A notice that the provider sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoticeKind {
    /// As it is.
    Right,
    /// As it was before, so in the wrong order.
    Stale,
    /// With a signature of something else.
    Forged,
}

impl Plan {
    pub(crate) fn that(decision: Decision) -> Self {
        Self { decision, ..Self::default() }
    }

    /// Answers the first requests like this.
    pub(crate) fn after(self, deliveries: impl IntoIterator<Item = Delivery>) -> Self {
        Self { deliveries: deliveries.into_iter().collect(), ..self }
    }

    /// How the next request is answered.
    pub(crate) fn next_delivery(&mut self) -> Delivery {
        self.deliveries.pop_front().unwrap_or(Delivery::Whole)
    }

    /// Anything that can happen.
    pub(crate) fn random(random: &mut StdRng) -> Self {
        let decision =
            if random.random_range(0..3) == 0 { Decision::Decline } else { Decision::Charge };
        let deliveries = (0..random.random_range(0..4)).map(|_| {
            let wait = Duration::from_millis(random.random_range(0..1_500));
            match random.random_range(0..7) {
                0 => Delivery::Whole,
                1 => Delivery::CutBefore,
                2 => Delivery::CutAfter,
                3 => Delivery::WaitBefore(wait),
                4 => Delivery::WaitAfter(wait),
                5 => Delivery::Fail,
                _ => Delivery::Garbage,
            }
        });
        let deliveries = deliveries.collect();
        let kinds = [NoticeKind::Right, NoticeKind::Stale, NoticeKind::Forged];
        let notices = (0..random.random_range(0..4))
            .map(|_| kinds[usize::try_from(random.next_u32() % 3).unwrap()]);
        Self { decision, deliveries, notices: notices.collect() }
    }
}
