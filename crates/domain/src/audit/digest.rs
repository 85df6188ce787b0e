//! The digest that binds an entry to those before it, as [`crate::cash::EntryDigest`] describes it.

use uuid::Uuid;

use crate::cash::{CashEntry, EntryDigest, EntryKind};

/// The digest that an entry must have if the one before it has `before`.
pub(super) fn digest_after(before: Option<EntryDigest>, entry: &CashEntry) -> EntryDigest {
    let kind = match entry.kind {
        EntryKind::Charge => 1_u8,
        EntryKind::Payment(_) => 2,
        EntryKind::Refund(_) => 3,
    };
    let payment = entry.kind.payment_id().map_or(Uuid::nil(), Uuid::from);
    let written = [
        &before.unwrap_or([0; 32])[..],
        &Uuid::from(entry.id).into_bytes(),
        &Uuid::from(entry.user_id).into_bytes(),
        &entry.number.to_be_bytes(),
        &[kind],
        &payment.into_bytes(),
        &entry.amount.minor_units().to_be_bytes(),
        &entry.balance_after.minor_units().to_be_bytes(),
    ];
    blake3::hash(&written.concat()).into()
}
