//! What every store promises, as tests that any store can run: public functions over the ports,
//! races included. A store's own tests call [`every_promise!`] with a function that opens it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "these are tests: each function's name says what holds, and they fail by panicking"
)]

pub mod booking;
pub mod groups;
pub mod looks;
pub mod outages;
pub mod panics;
pub mod provider;
pub mod queue;
pub mod retention;
mod stage;
pub mod top_ups;

pub use stage::Stage;

/// One test a promise, on a store opened anew for each by `$open`, an async function that returns
/// a [`Stage`] and something to keep as long as the store is used.
#[macro_export]
macro_rules! every_promise {
    ($open:path) => {
        $crate::every_promise! { $open;
            booking::one_of_200_gets_the_seat_and_199_are_told_who_lost
            booking::holds_that_overlap_in_opposite_order_are_all_or_nothing
            booking::a_lapsed_hold_ends_in_the_commit_that_gives_its_seat_away
            booking::a_payment_and_the_sweeper_at_the_very_end_of_a_hold_agree
            booking::two_payments_of_one_reservation_take_the_cash_once
            booking::two_charges_at_once_both_count
            booking::a_refund_gives_back_what_was_paid_once
            booking::refunded_seats_come_back_together_when_it_is_time
            booking::who_gives_seats_back_and_holds_again_has_no_more_time
            booking::lists_are_newest_first_and_each_users_own
            booking::lists_follow_the_commits_though_ids_go_backwards
            groups::a_refusal_in_the_middle_of_a_group_leaves_the_others_whole
            groups::a_decision_that_panics_takes_nobody_along
            groups::what_a_decision_leaves_as_it_was_is_not_saved
            groups::one_key_has_one_effect_within_a_group_and_later
            groups::time_only_ever_goes_on
            groups::an_email_is_taken_once
            provider::a_pending_payment_pins_its_hold_until_it_is_settled
            provider::a_payment_that_failed_gives_everything_back_and_says_why
            provider::whatever_a_provider_says_at_once_has_one_outcome
            provider::what_the_provider_owes_is_found_and_taken_on_by_one
            top_ups::cash_comes_in_with_the_commit_in_which_its_top_up_succeeds
            top_ups::whatever_a_provider_says_of_a_top_up_at_once_has_one_outcome
            top_ups::a_user_has_only_so_many_top_ups_pending_however_many_are_asked_for_at_once
            top_ups::top_ups_that_the_provider_owes_an_answer_about_are_found_and_taken_on_by_one
            top_ups::lists_of_top_ups_are_newest_first_and_each_users_own
            outages::an_outage_is_given_back_to_stays_and_holds_and_written_down
            outages::no_end_counts_before_an_outage_is_given_back
            queue::numbers_have_no_gap_and_no_repeat_under_500_joins_at_once
            queue::one_user_has_one_place_however_often_asked
            queue::capacity_is_never_passed_while_people_come_and_go
            queue::who_is_due_is_found
            queue::a_lobby_is_drawn_in_the_order_of_its_seed_and_read_back
            queue::what_a_room_has_left_is_counted
            retention::tokens_that_are_over_are_forgotten_from_the_lowest_number_on
            retention::a_lobby_is_kept_for_whoever_checks_the_draw
            retention::a_token_is_kept_while_the_provider_owes_an_answer_about_its_payment
            retention::reservations_that_ended_unpaid_are_forgotten_with_their_seats_and_no_others
            retention::what_several_forget_at_once_is_forgotten_once
        }
    };
    ($open:path; $($module:ident::$promise:ident)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
        async fn $promise() {
            let (stage, _kept) = $open().await;
            $crate::$module::$promise(&stage).await;
            stage.assert_sound().await;
        }
    )*};
}
