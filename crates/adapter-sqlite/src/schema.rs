//! The tables, as `migrations/sqlite` makes them.

diesel::table! {
    users (id) {
        id -> Binary,
        email -> Text,
        name -> Text,
        role -> Text,
        password_hash -> Nullable<Text>,
        created_at -> BigInt,
        mailbox -> Nullable<Text>,
        disabled_at -> Nullable<BigInt>,
        signed_out_at -> Nullable<BigInt>,
        signed_out_but -> Nullable<Binary>,
    }
}

diesel::table! {
    waiting_rooms (id) {
        id -> Binary,
        concert_id -> Nullable<Binary>,
        show_id -> Nullable<Binary>,
        capacity -> BigInt,
        admissions_per_minute -> Nullable<BigInt>,
        active_ttl_seconds -> BigInt,
        idle_ttl_seconds -> BigInt,
        paused -> Bool,
        opens_at -> Nullable<BigInt>,
        draw_seed -> Binary,
        lobby_count -> BigInt,
        drawn_count -> BigInt,
        drawn_at -> Nullable<BigInt>,
        sold_out -> Bool,
        last_number -> BigInt,
        rate_used_until -> BigInt,
        created_at -> BigInt,
        policy_count -> BigInt,
        forgotten_to -> BigInt,
        lobby_hash -> Nullable<Binary>,
    }
}

diesel::table! {
    room_policies (room_id, number) {
        room_id -> Binary,
        number -> BigInt,
        since -> BigInt,
        capacity -> BigInt,
        admissions_per_minute -> Nullable<BigInt>,
        active_ttl_seconds -> Nullable<BigInt>,
        idle_ttl_seconds -> Nullable<BigInt>,
        paused -> Nullable<Bool>,
        opens_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    room_counts (room_id) {
        room_id -> Binary,
        waiting -> BigInt,
        inside -> BigInt,
    }
}

diesel::table! {
    show_counts (show_id) {
        show_id -> Binary,
        available -> BigInt,
        held -> BigInt,
        sold -> BigInt,
        income -> BigInt,
    }
}

diesel::table! {
    concerts (id) {
        id -> Binary,
        title -> Text,
        venue -> Text,
        time_zone -> Text,
        currency -> Text,
        sale_opens_at -> Nullable<BigInt>,
        sale_closes_at -> Nullable<BigInt>,
        max_seats_per_user -> BigInt,
        room_id -> Nullable<Binary>,
        created_at -> BigInt,
    }
}

diesel::table! {
    shows (id) {
        id -> Binary,
        concert_id -> Binary,
        starts_at -> BigInt,
        date -> Text,
        seat_count -> BigInt,
        room_id -> Nullable<Binary>,
    }
}

diesel::table! {
    waiting_tokens (id) {
        id -> Binary,
        user_id -> Binary,
        room_id -> Binary,
        concert_id -> Nullable<Binary>,
        number -> Nullable<BigInt>,
        joined_at -> BigInt,
        heard_at -> BigInt,
        state -> Text,
        admitted_at -> Nullable<BigInt>,
        admitted_capacity -> Nullable<BigInt>,
        ends_at -> Nullable<BigInt>,
        leave_by -> Nullable<BigInt>,
        arrival -> Nullable<BigInt>,
        returns -> Nullable<BigInt>,
    }
}

diesel::table! {
    seats (id) {
        id -> Binary,
        show_id -> Binary,
        number -> Text,
        section -> Text,
        row -> Text,
        grade -> Text,
        price -> BigInt,
        version -> BigInt,
        state -> Text,
        reservation_id -> Nullable<Binary>,
        held_until -> Nullable<BigInt>,
        returns_at -> Nullable<BigInt>,
        let_go_by -> Nullable<Binary>,
        let_go_before -> Nullable<Binary>,
        let_go_at -> Nullable<BigInt>,
        let_go_to_others -> Bool,
        }
}

diesel::table! {
    reservations (id) {
        id -> Binary,
        user_id -> Binary,
        concert_id -> Binary,
        show_id -> Binary,
        date -> Text,
        total_amount -> BigInt,
        created_at -> BigInt,
        held_until -> BigInt,
        state -> Text,
        payment_id -> Nullable<Binary>,
        confirmed_at -> Nullable<BigInt>,
        ended_at -> Nullable<BigInt>,
        hold_seconds -> Nullable<BigInt>,
    }
}

diesel::table! {
    reservation_seats (reservation_id, position) {
        reservation_id -> Binary,
        position -> BigInt,
        seat_id -> Binary,
        price -> BigInt,
        live -> Bool,
    }
}

diesel::table! {
    payments (id) {
        id -> Binary,
        reservation_id -> Binary,
        user_id -> Binary,
        amount -> BigInt,
        balance_before -> BigInt,
        balance_after -> BigInt,
        paid_at -> BigInt,
        state -> Text,
        ended_at -> Nullable<BigInt>,
        failure -> Nullable<Text>,
        provider_token_id -> Nullable<Binary>,
        provider_state -> Nullable<Text>,
        provider_asks -> Nullable<BigInt>,
        provider_ask_at -> Nullable<BigInt>,
        provider_settle_by -> Nullable<BigInt>,
    }
}

diesel::table! {
    top_ups (id) {
        id -> Binary,
        user_id -> Binary,
        amount -> BigInt,
        created_at -> BigInt,
        state -> Text,
        ended_at -> Nullable<BigInt>,
        failure -> Nullable<Text>,
        entry_id -> Nullable<Binary>,
        balance_after -> Nullable<BigInt>,
        provider_state -> Text,
        provider_asks -> Nullable<BigInt>,
        provider_ask_at -> Nullable<BigInt>,
        provider_settle_by -> Nullable<BigInt>,
    }
}

diesel::table! {
    cash_accounts (user_id) {
        user_id -> Binary,
        balance -> BigInt,
        entry_count -> BigInt,
        digest -> Nullable<Binary>,
        pending_count -> BigInt,
        pending_amount -> BigInt,
    }
}

diesel::table! {
    cash_entries (id) {
        id -> Binary,
        user_id -> Binary,
        number -> BigInt,
        kind -> Text,
        payment_id -> Nullable<Binary>,
        amount -> BigInt,
        balance_after -> BigInt,
        created_at -> BigInt,
        digest -> Nullable<Binary>,
        top_up_id -> Nullable<Binary>,
        credited_by -> Nullable<Binary>,
        reason -> Nullable<Text>,
    }
}

diesel::table! {
    kept_answers (user_id, call, key) {
        user_id -> Binary,
        call -> Text,
        key -> Text,
        fingerprint -> Binary,
        answer -> Text,
        created_at -> BigInt,
    }
}

diesel::table! {
    service (id) {
        id -> Integer,
        last_commit_at -> BigInt,
        heartbeat_at -> Nullable<BigInt>,
        up_since -> Nullable<BigInt>,
        punctual_since -> Nullable<BigInt>,
        server_id -> Nullable<Binary>,
        server_beat -> Nullable<BigInt>,
        outage_ended_at -> Nullable<BigInt>,
        outage_beat_at -> Nullable<BigInt>,
        outage_step -> Nullable<Text>,
        outage_done_to -> Nullable<Binary>,
        evidence_since -> Nullable<BigInt>,
        audit_log_since -> Nullable<BigInt>,
    }
}

diesel::table! {
    sessions (id) {
        id -> Binary,
        user_id -> Binary,
        network -> Nullable<Text>,
        created_at -> BigInt,
        expires_at -> BigInt,
        ended_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    password_resets (id) {
        id -> Binary,
        user_id -> Binary,
        secret_sha256 -> Binary,
        created_at -> BigInt,
        expires_at -> BigInt,
        used_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    audit_log (id) {
        id -> Binary,
        at -> BigInt,
        kind -> Text,
        actor_id -> Nullable<Binary>,
        subject_id -> Nullable<Binary>,
        user_id -> Nullable<Binary>,
        before -> Nullable<Text>,
        after -> Nullable<Text>,
        address -> Nullable<Text>,
        request_id -> Nullable<Text>,
        client_request_id -> Nullable<Text>,
    }
}

diesel::table! {
    outages (began_at) {
        began_at -> BigInt,
        ended_at -> BigInt,
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
    room_counts,
    seats,
    shows,
    waiting_rooms,
    waiting_tokens,
);
