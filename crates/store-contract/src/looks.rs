//! Every way in which sweepers, polls and pages look at a store, for tests of what a look costs.

use std::pin::Pin;

use chrono::TimeDelta;
use domain::Timestamp;
use domain::ids::RoomId;
use domain::page::PageRequest;

use crate::Stage;

/// A look, and what it is called.
pub type Look = (&'static str, fn(Stage) -> Pin<Box<dyn Future<Output = ()> + Send>>);

macro_rules! looks {
    ($($name:ident: $stage:ident => $look:expr;)*) => {
        &[$((stringify!($name), |$stage| Box::pin(async move {
            $look.await.unwrap();
        }))),*]
    };
}

fn page<Id>() -> PageRequest<Id> {
    PageRequest { after: None, limit: 50 }
}

/// All of them.
pub const LOOKS: &[Look] = looks! {
    tokens: stage => stage.lines.tokens(vec![stage.id(), stage.id()]);
    waiting_numbers: stage => stage.lines.waiting_numbers(RoomId::SITE);
    rooms: stage => stage.lines.rooms();
    room: stage => stage.lines.room(RoomId::SITE);
    admitted: stage => stage.lines.admitted(RoomId::SITE, stage.clock.now());
    head_count: stage => stage.lines.head_count(RoomId::SITE, stage.clock.now());
    lobby: stage => stage.lines.lobby(RoomId::SITE);
    numbered: stage => stage.lines.numbered(RoomId::SITE, 0, 10);
    arrivals: stage => stage.lines.arrivals(RoomId::SITE, 0, 10);
    policies: stage => stage.lines.policies(RoomId::SITE);
    stock: stage => stage.catalogue.stock(RoomId::SITE, stage.clock.now());
    concerts: stage => stage.catalogue.concerts(page());
    concert: stage => stage.catalogue.concert(stage.concert_id());
    show: stage => stage.catalogue.show(stage.show_id());
    shows: stage => stage.catalogue.shows(stage.concert_id());
    seats: stage => stage.catalogue.seats(stage.show_id());
    grades: stage => stage.catalogue.grades(stage.show_id());
    sales: stage => stage.catalogue.sales(stage.concert_id(), stage.clock.now());
    available_seat_counts: stage =>
        stage.catalogue.available_seat_counts(stage.concert_id(), stage.clock.now());
    lapsed_holds: stage => stage.due_work.lapsed_holds(stage.clock.now(), 100);
    returning_seats: stage => stage.due_work.returning_seats(stage.clock.now(), 100);
    run_out_tokens: stage => stage.due_work.run_out_tokens(stage.clock.now(), 100);
    active_tokens: stage => stage.due_work.active_tokens();
    held_reservations: stage => stage.due_work.held_reservations();
    silent_tokens: stage => {
        let heard_before = stage.clock.now() - TimeDelta::seconds(120);
        stage.due_work.silent_tokens(RoomId::SITE, heard_before, 100)
    };
    rooms_with_places: stage => stage.due_work.rooms_with_places(stage.clock.now());
    rooms_to_draw: stage => stage.due_work.rooms_to_draw(stage.clock.now());
    next_in_line: stage => stage.due_work.next_in_line(RoomId::SITE, 100);
    payments_to_ask: stage => stage.due_work.payments_to_ask(stage.clock.now(), 100);
    top_ups_to_ask: stage => stage.due_work.top_ups_to_ask(stage.clock.now(), 100);
    unsettled: stage => stage.due_work.unsettled(stage.clock.now());
    old_answers: stage => stage.due_work.old_answers(stage.clock.now(), 100);
    outages: stage => stage.due_work.outages();
    rooms_with_old_tokens: stage => stage.due_work.rooms_with_old_tokens(Timestamp::UNIX_EPOCH);
    old_tokens: stage => stage.due_work.old_tokens(RoomId::SITE, Timestamp::UNIX_EPOCH, 100);
    old_reservations: stage => stage.due_work.old_reservations(Timestamp::UNIX_EPOCH, 100);
    reservation: stage => stage.orders.reservation(stage.id());
    reservations: stage => stage.orders.reservations(stage.id(), page());
    payment: stage => stage.orders.payment(stage.id());
    payments: stage => stage.orders.payments(stage.id(), page());
    unsettled_payments: stage => stage.orders.unsettled_payments(page());
    account: stage => stage.cash_book.account(stage.id());
    top_up: stage => stage.cash_book.top_up(stage.id());
    top_ups: stage => stage.cash_book.top_ups(stage.id(), page());
    unsettled_top_ups: stage => stage.cash_book.unsettled_top_ups(page());
    entries: stage => stage.cash_book.entries(stage.id(), page());
};
