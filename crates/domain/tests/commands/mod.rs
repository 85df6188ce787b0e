//! What people and sweepers do, at random.

use domain::provider_charge::Verdict;
use proptest::prelude::*;

use super::{SEATS, USERS};

#[derive(Debug, Clone)]
pub(crate) enum Command {
    Join { user: u8 },
    Leave { token: u8 },
    Admit,
    Open,
    Draw { most: u8 },
    Hold { user: u8, token: u8, seats: Vec<u8> },
    Cancel { user: u8, reservation: u8 },
    Expire { reservation: u8 },
    RunOut { token: u8 },
    Charge { user: u8, amount: i64 },
    Pay { user: u8, token: u8, reservation: u8, provider: bool },
    Hear { payment: u8, verdict: Verdict },
    TakeOn { payment: u8 },
    Undo { payment: u8 },
    TopUp { user: u8, amount: i64 },
    HearOfTopUp { top_up: u8, verdict: Verdict },
    UndoTopUp { top_up: u8 },
    Refund { user: u8, payment: u8 },
    Resize { capacity: u32 },
    Forget { after_seconds: u8 },
}

fn verdict() -> impl Strategy<Value = Verdict> {
    prop_oneof![
        Just(Verdict::Unknown),
        Just(Verdict::Pending),
        Just(Verdict::Charged),
        Just(Verdict::Charged),
        Just(Verdict::Declined { reason: "no".into() }),
        Just(Verdict::Returned),
    ]
}

pub(crate) fn command() -> impl Strategy<Value = Command> {
    let (user, token, other) = (0..USERS, 0..12_u8, 0..12_u8);
    prop_oneof![
        3 => user.clone().prop_map(|user| Command::Join { user }),
        1 => token.clone().prop_map(|token| Command::Leave { token }),
        4 => Just(Command::Admit),
        2 => Just(Command::Open),
        3 => (1..4_u8).prop_map(|most| Command::Draw { most }),
        5 => (user.clone(), token.clone(), prop::collection::vec(0..SEATS, 1..4))
            .prop_map(|(user, token, seats)| Command::Hold { user, token, seats }),
        2 => (user.clone(), other.clone())
            .prop_map(|(user, reservation)| Command::Cancel { user, reservation }),
        1 => other.clone().prop_map(|reservation| Command::Expire { reservation }),
        1 => token.clone().prop_map(|token| Command::RunOut { token }),
        2 => (user.clone(), -10..320_i64).prop_map(|(user, amount)| Command::Charge { user, amount }),
        6 => (user.clone(), token, other.clone(), any::<bool>()).prop_map(
            |(user, token, reservation, provider)| Command::Pay {
                user,
                token,
                reservation,
                provider
            }
        ),
        6 => (0..4_u8, verdict()).prop_map(|(payment, verdict)| Command::Hear { payment, verdict }),
        1 => other.clone().prop_map(|payment| Command::TakeOn { payment }),
        1 => (0..40_u8).prop_map(|payment| Command::Undo { payment }),
        2 => (user.clone(), -10..320_i64).prop_map(|(user, amount)| Command::TopUp { user, amount }),
        4 => (0..6_u8, verdict())
            .prop_map(|(top_up, verdict)| Command::HearOfTopUp { top_up, verdict }),
        1 => (0..6_u8).prop_map(|top_up| Command::UndoTopUp { top_up }),
        2 => (user, other).prop_map(|(user, payment)| Command::Refund { user, payment }),
        1 => (0..4_u32).prop_map(|capacity| Command::Resize { capacity }),
        1 => any::<u8>().prop_map(|after_seconds| Command::Forget { after_seconds }),
    ]
}
