//! The digest that binds an entry to those before it, as [`crate::cash::EntryDigest`] describes it.

use uuid::Uuid;

use crate::cash::{CashEntry, EntryDigest, EntryKind};

/// The digest that an entry must have if the one before it has `before`.
pub(super) fn digest_after(before: Option<EntryDigest>, entry: &CashEntry) -> EntryDigest {
    let kind = match entry.kind {
        EntryKind::Charge => 1_u8,
        EntryKind::Payment(_) => 2,
        EntryKind::Refund(_) => 3,
        EntryKind::TopUp(_) => 4,
        EntryKind::Credit { .. } => 5,
    };
    let of = match &entry.kind {
        EntryKind::Charge => Uuid::nil(),
        EntryKind::Payment(id) | EntryKind::Refund(id) => (*id).into(),
        EntryKind::TopUp(id) => (*id).into(),
        EntryKind::Credit { by, .. } => (*by).into(),
    };
    let reason = entry.kind.credit().map_or("", |(_, reason)| reason);
    let written = [
        &before.unwrap_or([0; 32])[..],
        &Uuid::from(entry.id).into_bytes(),
        &Uuid::from(entry.user_id).into_bytes(),
        &entry.number.to_be_bytes(),
        &[kind],
        &of.into_bytes(),
        &entry.amount.minor_units().to_be_bytes(),
        &entry.balance_after.minor_units().to_be_bytes(),
        reason.as_bytes(),
    ];
    blake3::hash(&written.concat()).into()
}
