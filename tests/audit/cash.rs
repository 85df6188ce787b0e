//! What can be wrong with accounts, their entries and payments.

use super::{Mutation, mutation};

pub(super) const MUTATIONS: &[Mutation] = &[
    mutation(&[7], "balances", "UPDATE cash_accounts SET balance = balance + 1"),
    mutation(
        &[7],
        "an account without its last entry",
        "DELETE FROM cash_entries WHERE kind = 'charge' AND top_up_id IS NULL AND user_id IN
             (SELECT user_id FROM cash_accounts WHERE entry_count = 1)",
    ),
    mutation(
        &[7],
        "a charge and the balance, by the same amount",
        "UPDATE cash_entries SET amount = amount + 5000, balance_after = balance_after + 5000
             WHERE {nobody_asked} AND user_id IN
                 (SELECT user_id FROM cash_accounts WHERE entry_count = 1);
         UPDATE cash_accounts SET balance = balance + 5000 WHERE entry_count = 1 AND {nobody_asked}",
    ),
    mutation(
        &[7],
        "a charge and all balances since, by the same amount",
        "UPDATE cash_entries SET balance_after = balance_after + 5000 WHERE {nobody_asked};
         UPDATE cash_entries SET amount = amount + 5000 WHERE kind = 'charge' AND {nobody_asked};
         UPDATE cash_accounts SET balance = balance + 5000 WHERE {nobody_asked};
         UPDATE payments SET balance_before = balance_before + 5000,
             balance_after = balance_after + 5000",
    ),
    mutation(
        &[7],
        "a charge from nowhere",
        "INSERT INTO cash_entries
             (id, user_id, number, kind, payment_id, amount, balance_after, created_at)
             SELECT {new_id}, user_id, 2, 'charge', NULL, 5000, balance_after + 5000, created_at
             FROM cash_entries WHERE user_id IN
                 (SELECT user_id FROM cash_accounts WHERE entry_count = 1);
         UPDATE cash_accounts SET balance = balance + 5000, entry_count = 2 WHERE entry_count = 1",
    ),
    mutation(
        &[7],
        "an account from nowhere",
        "INSERT INTO cash_accounts (user_id, balance, entry_count)
             SELECT id, 5000, 1 FROM users WHERE role = 'admin';
         INSERT INTO cash_entries
             (id, user_id, number, kind, payment_id, amount, balance_after, created_at)
             SELECT {new_id}, id, 1, 'charge', NULL, 5000, 5000, created_at
             FROM users WHERE role = 'admin'",
    ),
    mutation(
        &[7],
        "the times of entries in another order",
        "UPDATE cash_entries SET created_at = created_at + {day}
         WHERE kind = 'charge' AND user_id IN
             (SELECT user_id FROM cash_accounts WHERE entry_count > 1)",
    ),
    mutation(
        &[7],
        "another entry in the place of one",
        "UPDATE cash_entries SET id = {new_id} WHERE kind = 'charge' AND top_up_id IS NULL",
    ),
    mutation(
        &[7],
        "entries without digests",
        "UPDATE cash_entries SET digest = NULL WHERE number = 2",
    ),
    mutation(
        &[7],
        "accounts without any digests",
        "UPDATE cash_entries SET digest = NULL; UPDATE cash_accounts SET digest = NULL",
    ),
    mutation(
        &[7],
        "the digest of one account as another's",
        "UPDATE cash_accounts SET digest = (SELECT e.digest FROM cash_entries AS e
             WHERE e.user_id <> cash_accounts.user_id ORDER BY e.id LIMIT 1)",
    ),
    mutation(
        &[7, 8],
        "a refund without its credit",
        "DELETE FROM cash_entries WHERE kind = 'refund'",
    ),
    mutation(
        &[7, 8],
        "a payment without its debit",
        "DELETE FROM cash_entries WHERE kind = 'payment' AND payment_id IN
             (SELECT id FROM payments WHERE state = 'succeeded')",
    ),
    mutation(
        &[8],
        "the balances of payments",
        "UPDATE payments SET balance_before = balance_before + 1, balance_after = balance_after + 1",
    ),
    mutation(
        &[8],
        "debits an hour later",
        "UPDATE cash_entries SET created_at = created_at + {hour} WHERE kind = 'payment'
             AND payment_id IN (SELECT id FROM payments WHERE state IN ('pending', 'succeeded'))",
    ),
    mutation(
        &[7, 8],
        "debits an hour earlier",
        "UPDATE cash_entries SET created_at = created_at - {hour} WHERE kind = 'payment'",
    ),
    mutation(
        &[8],
        "credits an hour later",
        "UPDATE cash_entries SET created_at = created_at + {hour} WHERE kind = 'refund'",
    ),
    mutation(
        &[8, 30],
        "a payment that was given back at another time",
        "UPDATE payments SET ended_at = ended_at + {second} WHERE state = 'refunded'",
    ),
    mutation(
        &[8, 30],
        "a payment and its credit at another time than the reservation ended",
        "UPDATE payments SET ended_at = ended_at + {second} WHERE state = 'failed';
         UPDATE cash_entries SET created_at = created_at + {second} WHERE kind = 'refund'
             AND payment_id IN (SELECT id FROM payments WHERE state = 'failed')",
    ),
    mutation(
        &[8],
        "a payment of somebody else",
        "UPDATE payments SET user_id = (SELECT id FROM users WHERE role = 'admin')
         WHERE state = 'succeeded'",
    ),
    mutation(
        &[8],
        "a payment that is over for us and not for its reservation",
        "UPDATE payments SET state = 'succeeded', provider_state = 'charged', provider_asks = NULL,
             provider_ask_at = NULL, provider_settle_by = NULL WHERE state = 'pending'",
    ),
    mutation(
        &[11],
        "a provider's charge that was given back and sold something",
        "UPDATE payments SET provider_state = 'returned' WHERE provider_state = 'charged'",
    ),
    mutation(
        &[11],
        "a payment that should be settled by now",
        "UPDATE payments SET provider_settle_by = paid_at WHERE state = 'pending'",
    ),
    mutation(
        &[7],
        "why an operator credited an account",
        "UPDATE cash_entries SET reason = 'another' WHERE reason IS NOT NULL",
    ),
    mutation(
        &[7],
        "who credited an account",
        "UPDATE cash_entries SET credited_by = user_id WHERE credited_by IS NOT NULL",
    ),
    mutation(
        &[7, 29],
        "a charge that no top-up brought in any more",
        "UPDATE cash_entries SET top_up_id = NULL WHERE top_up_id IS NOT NULL",
    ),
    mutation(
        &[29],
        "the amount of a top-up",
        "UPDATE top_ups SET amount = amount + 1 WHERE state = 'succeeded'",
    ),
    mutation(
        &[29],
        "a top-up of somebody else",
        "UPDATE top_ups SET user_id = (SELECT id FROM users WHERE role = 'admin')
         WHERE state = 'succeeded'",
    ),
    mutation(
        &[29],
        "a top-up that was charged and is in no account",
        "UPDATE top_ups SET state = 'succeeded', provider_state = 'charged', ended_at = created_at,
             entry_id = {new_id}, balance_after = 7000, provider_asks = NULL, provider_ask_at = NULL,
             provider_settle_by = NULL WHERE state = 'pending';
         UPDATE cash_accounts SET pending_count = 0, pending_amount = 0",
    ),
    mutation(
        &[29],
        "a top-up that was given back and is in an account",
        "UPDATE top_ups SET state = 'undone', provider_state = 'returned', entry_id = NULL,
             balance_after = NULL WHERE state = 'succeeded'",
    ),
    mutation(
        &[29],
        "a top-up that should be settled by now",
        "UPDATE top_ups SET provider_settle_by = created_at WHERE state = 'pending'",
    ),
    mutation(
        &[29],
        "an account that knows of no top-up to come",
        "UPDATE cash_accounts SET pending_count = 0 WHERE pending_count > 0",
    ),
    mutation(
        &[29],
        "how much an account has to come",
        "UPDATE cash_accounts SET pending_amount = pending_amount + 1 WHERE pending_count > 0",
    ),
];
