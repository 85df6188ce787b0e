//! The tables, as `migrations/postgres` makes them.

diesel::table! {
    users (id) {
        id -> Uuid,
        email -> Text,
        name -> Text,
        role -> Text,
        password_hash -> Nullable<Text>,
        created_at -> Timestamptz,
        mailbox -> Nullable<Text>,
        disabled_at -> Nullable<Timestamptz>,
        signed_out_at -> Nullable<Timestamptz>,
        signed_out_but -> Nullable<Uuid>,
    }
}

diesel::table! {
    waiting_rooms (id) {
        id -> Uuid,
        concert_id -> Nullable<Uuid>,
        show_id -> Nullable<Uuid>,
        capacity -> BigInt,
        admissions_per_minute -> Nullable<BigInt>,
        active_ttl_seconds -> BigInt,
        idle_ttl_seconds -> BigInt,
        paused -> Bool,
        opens_at -> Nullable<Timestamptz>,
        draw_seed -> Binary,
        lobby_count -> BigInt,
        drawn_count -> BigInt,
        drawn_at -> Nullable<Timestamptz>,
        sold_out -> Bool,
        last_number -> BigInt,
        rate_used_until -> Timestamptz,
        created_at -> Timestamptz,
        policy_count -> BigInt,
        forgotten_to -> BigInt,
        lobby_hash -> Nullable<Binary>,
    }
}

diesel::table! {
    room_policies (room_id, number) {
        room_id -> Uuid,
        number -> BigInt,
        since -> Timestamptz,
        capacity -> BigInt,
        admissions_per_minute -> Nullable<BigInt>,
        active_ttl_seconds -> Nullable<BigInt>,
        idle_ttl_seconds -> Nullable<BigInt>,
        paused -> Nullable<Bool>,
        opens_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    room_counts (room_id, writer_id) {
        room_id -> Uuid,
        writer_id -> Uuid,
        waiting -> BigInt,
        inside -> BigInt,
    }
}

diesel::table! {
    show_counts (show_id, writer_id) {
        show_id -> Uuid,
        writer_id -> Uuid,
        available -> BigInt,
        held -> BigInt,
        sold -> BigInt,
        income -> BigInt,
    }
}

diesel::table! {
    concerts (id) {
        id -> Uuid,
        title -> Text,
        venue -> Text,
        time_zone -> Text,
        currency -> Text,
        sale_opens_at -> Nullable<Timestamptz>,
        sale_closes_at -> Nullable<Timestamptz>,
        max_seats_per_user -> BigInt,
        room_id -> Nullable<Uuid>,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    shows (id) {
        id -> Uuid,
        concert_id -> Uuid,
        starts_at -> Timestamptz,
        date -> Date,
        seat_count -> BigInt,
        room_id -> Nullable<Uuid>,
    }
}

diesel::table! {
    waiting_tokens (id) {
        id -> Uuid,
        user_id -> Uuid,
        room_id -> Uuid,
        concert_id -> Nullable<Uuid>,
        number -> Nullable<BigInt>,
        joined_at -> Timestamptz,
        heard_at -> Timestamptz,
        state -> Text,
        admitted_at -> Nullable<Timestamptz>,
        admitted_capacity -> Nullable<BigInt>,
        ends_at -> Nullable<Timestamptz>,
        leave_by -> Nullable<Timestamptz>,
        arrival -> Nullable<BigInt>,
        returns -> Nullable<BigInt>,
    }
}

diesel::table! {
    seats (id) {
        id -> Uuid,
        show_id -> Uuid,
        number -> Text,
        section -> Text,
        row -> Text,
        grade -> Text,
        price -> BigInt,
        version -> BigInt,
        state -> Text,
        reservation_id -> Nullable<Uuid>,
        held_until -> Nullable<Timestamptz>,
        returns_at -> Nullable<Timestamptz>,
        let_go_by -> Nullable<Uuid>,
        let_go_before -> Nullable<Binary>,
        let_go_at -> Nullable<Timestamptz>,
        let_go_to_others -> Bool,
        }
}

diesel::table! {
    reservations (id) {
        id -> Uuid,
        user_id -> Uuid,
        concert_id -> Uuid,
        show_id -> Uuid,
        date -> Date,
        total_amount -> BigInt,
        created_at -> Timestamptz,
        held_until -> Timestamptz,
        state -> Text,
        payment_id -> Nullable<Uuid>,
        confirmed_at -> Nullable<Timestamptz>,
        ended_at -> Nullable<Timestamptz>,
        hold_seconds -> Nullable<BigInt>,
    }
}

diesel::table! {
    reservation_seats (reservation_id, position) {
        reservation_id -> Uuid,
        position -> BigInt,
        seat_id -> Uuid,
        price -> BigInt,
        live -> Bool,
    }
}

diesel::table! {
    payments (id) {
        id -> Uuid,
        reservation_id -> Uuid,
        user_id -> Uuid,
        amount -> BigInt,
        balance_before -> BigInt,
        balance_after -> BigInt,
        paid_at -> Timestamptz,
        state -> Text,
        ended_at -> Nullable<Timestamptz>,
        failure -> Nullable<Text>,
        provider_token_id -> Nullable<Uuid>,
        provider_state -> Nullable<Text>,
        provider_asks -> Nullable<BigInt>,
        provider_ask_at -> Nullable<Timestamptz>,
        provider_settle_by -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    top_ups (id) {
        id -> Uuid,
        user_id -> Uuid,
        amount -> BigInt,
        created_at -> Timestamptz,
        state -> Text,
        ended_at -> Nullable<Timestamptz>,
        failure -> Nullable<Text>,
        entry_id -> Nullable<Uuid>,
        balance_after -> Nullable<BigInt>,
        provider_state -> Text,
        provider_asks -> Nullable<BigInt>,
        provider_ask_at -> Nullable<Timestamptz>,
        provider_settle_by -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    cash_accounts (user_id) {
        user_id -> Uuid,
        balance -> BigInt,
        entry_count -> BigInt,
        digest -> Nullable<Binary>,
        pending_count -> BigInt,
        pending_amount -> BigInt,
    }
}

diesel::table! {
    cash_entries (id) {
        id -> Uuid,
        user_id -> Uuid,
        number -> BigInt,
        kind -> Text,
        payment_id -> Nullable<Uuid>,
        amount -> BigInt,
        balance_after -> BigInt,
        created_at -> Timestamptz,
        digest -> Nullable<Binary>,
        top_up_id -> Nullable<Uuid>,
        credited_by -> Nullable<Uuid>,
        reason -> Nullable<Text>,
    }
}

diesel::table! {
    kept_answers (user_id, call, key) {
        user_id -> Uuid,
        call -> Text,
        key -> Text,
        fingerprint -> Binary,
        answer -> Text,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    service (id) {
        id -> Integer,
        heartbeat_at -> Nullable<Timestamptz>,
        up_since -> Nullable<Timestamptz>,
        punctual_since -> Nullable<Timestamptz>,
        evidence_since -> Nullable<Timestamptz>,
        audit_log_since -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    sessions (id) {
        id -> Uuid,
        user_id -> Uuid,
        network -> Nullable<Text>,
        created_at -> Timestamptz,
        expires_at -> Timestamptz,
        ended_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    password_resets (id) {
        id -> Uuid,
        user_id -> Uuid,
        secret_sha256 -> Binary,
        created_at -> Timestamptz,
        expires_at -> Timestamptz,
        used_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    audit_log (id) {
        id -> Uuid,
        at -> Timestamptz,
        kind -> Text,
        actor_id -> Nullable<Uuid>,
        subject_id -> Nullable<Uuid>,
        user_id -> Nullable<Uuid>,
        before -> Nullable<Text>,
        after -> Nullable<Text>,
        address -> Nullable<Text>,
        request_id -> Nullable<Text>,
        client_request_id -> Nullable<Text>,
    }
}

diesel::table! {
    outages (began_at) {
        began_at -> Timestamptz,
        ended_at -> Timestamptz,
    }
}

diesel::table! {
    commits (writer_id, number) {
        writer_id -> Uuid,
        number -> BigInt,
        committed_at -> Timestamptz,
        seat_ids -> Array<Uuid>,
        token_ids -> Array<Uuid>,
        session_ids -> Array<Uuid>,
        user_ids -> Array<Uuid>,
        audit_ids -> Array<Uuid>,
    }
}

diesel::joinable!(reservation_seats -> seats (seat_id));
diesel::joinable!(payments -> reservations (reservation_id));
diesel::joinable!(seats -> shows (show_id));
diesel::joinable!(shows -> concerts (concert_id));
diesel::allow_tables_to_appear_in_same_query!(
    concerts,
    payments,
    reservation_seats,
    reservations,
    seats,
    shows,
    waiting_rooms,
    waiting_tokens,
);
