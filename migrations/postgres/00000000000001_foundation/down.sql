DROP TABLE service, commits, kept_answers, cash_entries, cash_accounts, payments, reservation_seats,
    reservations, seats, waiting_tokens, shows, concerts, waiting_rooms, users;
