//! All use cases over all ports.

use std::sync::Arc;

use chrono::TimeDelta;
use domain::cash::{CashPolicy, Charging};
use domain::guessing::GuessingPolicy;
use domain::ids::ServerId;
use domain::money::Currency;
use domain::payment::RefundPolicy;
use domain::ports::{
    AccessTokens, AuditLog, CashBook, Catalogue, Clock, CommitObserver, DrawSeeds, DueWork,
    GatewayWatch, Ids, JoinWork, Ledger, LineWatch, Lines, Orders, Passwords, PaymentGateway,
    QueueTokens, ResetSecrets, ReturnDelays, Sessions, Store, Users,
};
use domain::provider_charge::SettlingPolicy;
use domain::reservation::BookingPolicy;
use domain::retention::RetentionPolicy;
use domain::waiting_room::RoomPolicy;

use crate::account::{
    Authenticate, ChangePassword, CreateLoadUsers, ResetPassword, Revocations, ShowMe, SignIn,
    SignInGuard, SignOut, SignUp,
};
use crate::booking::{CancelReservation, HoldSeats, ListReservations, ShowReservation};
use crate::cash::{ChargeCash, ListEntries, ListTopUps, ShowBalance, ShowTopUp, TopUpCash};
use crate::catalogue::{
    ListAvailableDates, ListConcerts, OnOffer, Programme, SeatCounts, SeatMaps, ShowConcert,
    ShowSeatMap,
};
use crate::in_memory::InMemory;
use crate::operator::{
    Audit, ChangeRoom, CreateConcert, CreateShow, CreditAccount, DisableUser, ListAuditLog,
    ListRooms, ListSales, ListUnsettled, ListUnsettledTopUps, OpenSiteRoom, ShowRoom, UndoPayment,
    UndoTopUp,
};
use crate::payment::{HearNotice, ListPayments, Pay, Refund, Settler, ShowPayment};
use crate::queue::{
    Board, Gate, Hearing, Leave, RoomPulses, ShowDraw, ShowNotice, ShowTicket, TakePlace,
    TicketDesk,
};
use crate::sweeping::{
    AdmitNext, DrawLobbies, DropIdle, EndRunOut, ExpireHolds, FeelPulses, ForgetAnswers,
    ForgetEnded, KeepTime, ReturnSeats, SettlePayments, WriteHeard,
};

/// What stands behind each port.
#[derive(Clone)]
#[expect(missing_docs, reason = "each field is named for its port")]
pub struct Ports {
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn Ids>,
    pub draw_seeds: Arc<dyn DrawSeeds>,
    pub users: Arc<dyn Users>,
    pub sessions: Arc<dyn Sessions>,
    pub audit_log: Arc<dyn AuditLog>,
    pub reset_secrets: Arc<dyn ResetSecrets>,
    pub catalogue: Arc<dyn Catalogue>,
    pub lines: Arc<dyn Lines>,
    pub orders: Arc<dyn Orders>,
    pub cash_book: Arc<dyn CashBook>,
    pub due_work: Arc<dyn DueWork>,
    pub ledger: Arc<dyn Ledger>,
    pub passwords: Arc<dyn Passwords>,
    pub access_tokens: Arc<dyn AccessTokens>,
    pub queue_tokens: Arc<dyn QueueTokens>,
    pub join_work: Arc<dyn JoinWork>,
    pub return_delays: Arc<dyn ReturnDelays>,
    pub line_watch: Arc<dyn LineWatch>,
    /// Without one, cash alone pays.
    pub payment_gateway: Option<Arc<dyn PaymentGateway>>,
    pub gateway_watch: Arc<dyn GatewayWatch>,
}

/// What an installation decides for itself.
#[derive(Debug, Clone)]
pub struct Policies {
    /// How long a session lasts.
    pub session_lasts: TimeDelta,
    /// How many wrong passwords are looked at.
    pub guessing: GuessingPolicy,
    /// How seats are held.
    pub booking: BookingPolicy,
    /// Where cash comes from. Where a provider charges for it, payments are in cash alone.
    pub charging: Charging,
    /// How much cash may come in.
    pub cash: CashPolicy,
    /// Until when a payment can be given back.
    pub refund: RefundPolicy,
    /// How patient we are with the payment provider.
    pub settling: SettlingPolicy,
    /// For how long what ended is kept; none: for ever.
    pub retention: Option<RetentionPolicy>,
    /// The policy of rooms that an operator says nothing about.
    pub new_rooms: RoomPolicy,
    /// What everything is paid in.
    pub currency: Currency,
    /// How many seats a show may have.
    pub seats_per_show_max: u32,
}

/// Everything that can be done, ready to be done.
#[expect(missing_docs, reason = "each field is named for its use case")]
pub struct Application {
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub policies: Policies,
    pub programme: Arc<Programme>,
    pub seat_counts: Arc<SeatCounts>,
    pub on_offer: Arc<OnOffer>,
    pub seat_maps: Arc<SeatMaps>,
    pub board: Arc<Board>,

    pub authenticate: Authenticate,
    pub sign_up: SignUp,
    pub sign_in: SignIn,
    pub sign_out: SignOut,
    pub change_password: ChangePassword,
    pub reset_password: ResetPassword,
    pub revocations: Arc<Revocations>,
    pub sign_in_guard: Arc<SignInGuard>,
    pub show_me: ShowMe,
    pub create_load_users: CreateLoadUsers,

    pub take_place: TakePlace,
    pub show_ticket: ShowTicket,
    pub leave: Leave,
    pub show_draw: ShowDraw,
    pub show_notice: ShowNotice,

    pub list_concerts: ListConcerts,
    pub show_concert: ShowConcert,
    pub list_available_dates: ListAvailableDates,
    pub show_seat_map: ShowSeatMap,

    pub hold_seats: HoldSeats,
    pub list_reservations: ListReservations,
    pub show_reservation: ShowReservation,
    pub cancel_reservation: CancelReservation,

    pub charge_cash: ChargeCash,
    pub top_up_cash: TopUpCash,
    pub show_top_up: ShowTopUp,
    pub list_top_ups: ListTopUps,
    pub show_balance: ShowBalance,
    pub list_entries: ListEntries,

    pub pay: Pay,
    pub refund: Refund,
    pub list_payments: ListPayments,
    pub show_payment: ShowPayment,
    pub hear_notice: HearNotice,

    pub credit_account: CreditAccount,
    pub list_unsettled_top_ups: ListUnsettledTopUps,
    pub undo_top_up: UndoTopUp,

    pub create_concert: CreateConcert,
    pub create_show: CreateShow,
    pub list_rooms: ListRooms,
    pub show_room: ShowRoom,
    pub change_room: ChangeRoom,
    pub open_site_room: OpenSiteRoom,
    pub list_sales: ListSales,
    pub list_unsettled: ListUnsettled,
    pub undo_payment: UndoPayment,
    pub audit: Audit,
    pub disable_user: DisableUser,
    pub list_audit_log: ListAuditLog,

    pub admit_next: AdmitNext,
    pub draw_lobbies: DrawLobbies,
    pub feel_pulses: FeelPulses,
    pub end_run_out: EndRunOut,
    pub drop_idle: DropIdle,
    pub expire_holds: ExpireHolds,
    pub return_seats: ReturnSeats,
    pub forget_answers: ForgetAnswers,
    pub forget_ended: ForgetEnded,
    pub keep_time: KeepTime,
    pub write_heard: WriteHeard,
    pub settle_payments: SettlePayments,
}

impl Application {
    /// Wires every use case to the ports it needs.
    #[must_use]
    pub fn new(ports: Ports, policies: Policies) -> Self {
        let hearing = Arc::new(Hearing::default());
        let server_id = ServerId::from(ports.ids.next());
        let board = Arc::new(Board::new(ports.lines.clone(), ports.clock.clone()));
        let pulses = Arc::new(RoomPulses::new(
            ports.lines.clone(),
            ports.catalogue.clone(),
            ports.clock.clone(),
        ));
        let desk = Arc::new(TicketDesk::new(board.clone(), pulses.clone(), ports.clock.clone()));
        let programme = Arc::new(Programme::new(ports.catalogue.clone(), ports.clock.clone()));
        let take_place = TakePlace::new(&ports, programme.clone(), desk.clone());
        let Ports {
            store,
            clock,
            ids,
            draw_seeds,
            users,
            sessions,
            audit_log,
            reset_secrets,
            catalogue,
            lines,
            orders,
            cash_book,
            due_work,
            ledger,
            passwords,
            access_tokens,
            queue_tokens,
            join_work: _,
            return_delays,
            line_watch,
            payment_gateway,
            gateway_watch,
        } = ports;
        let through_provider = payment_gateway.as_ref().map(|_| policies.settling);
        let (for_payments, for_top_ups) = match policies.charging {
            Charging::Provider => (None, through_provider),
            Charging::Open | Charging::Operators => (through_provider, None),
        };
        let settler = Arc::new(Settler::new(
            store.clone(),
            ids.clone(),
            clock.clone(),
            payment_gateway,
            gateway_watch.clone(),
            policies.settling,
            policies.currency,
        ));
        let gate = Arc::new(Gate::new(board.clone(), clock.clone()));
        let seat_maps = Arc::new(SeatMaps::new(catalogue.clone()));
        let seat_counts = Arc::new(SeatCounts::new(catalogue.clone(), clock.clone()));
        let on_offer = OnOffer::new(programme.clone(), seat_counts.clone(), clock.clone());
        let on_offer = Arc::new(on_offer);
        let revocations = Arc::new(Revocations::new(sessions.clone(), clock.clone()));
        let sign_in_guard = Arc::new(SignInGuard::new(
            store.clone(),
            ids.clone(),
            sessions.clone(),
            audit_log.clone(),
            clock.clone(),
            policies.guessing,
        ));
        let new_rooms = || policies.new_rooms.clone();
        Self {
            authenticate: Authenticate::new(
                access_tokens.clone(),
                queue_tokens,
                revocations.clone(),
                board.clone(),
                clock.clone(),
            ),
            sign_up: SignUp::new(store.clone(), ids.clone(), passwords.clone()),
            sign_in: SignIn::new(
                store.clone(),
                ids.clone(),
                users.clone(),
                passwords.clone(),
                access_tokens.clone(),
                sign_in_guard.clone(),
                policies.session_lasts,
            ),
            sign_out: SignOut::new(store.clone(), ids.clone()),
            change_password: ChangePassword::new(
                store.clone(),
                ids.clone(),
                users.clone(),
                passwords.clone(),
            ),
            reset_password: ResetPassword::new(
                store.clone(),
                ids.clone(),
                users.clone(),
                passwords,
                reset_secrets,
            ),
            show_me: ShowMe::new(users.clone()),
            create_load_users: CreateLoadUsers::new(
                store.clone(),
                ids.clone(),
                access_tokens,
                clock.clone(),
                policies.session_lasts,
            ),
            take_place,
            show_ticket: ShowTicket::new(desk, hearing.clone(), clock.clone()),
            leave: Leave::new(store.clone(), line_watch.clone()),
            show_draw: ShowDraw::new(lines.clone(), clock.clone()),
            show_notice: ShowNotice::new(lines.clone()),
            list_concerts: ListConcerts::new(programme.clone()),
            show_concert: ShowConcert::new(programme.clone(), clock.clone(), on_offer.clone()),
            list_available_dates: ListAvailableDates::new(
                gate.clone(),
                programme.clone(),
                seat_counts.clone(),
                clock.clone(),
            ),
            show_seat_map: ShowSeatMap::new(
                gate.clone(),
                programme.clone(),
                seat_maps.clone(),
                clock.clone(),
            ),
            hold_seats: HoldSeats::new(
                store.clone(),
                ids.clone(),
                programme.clone(),
                seat_maps.clone(),
                gate.clone(),
                clock.clone(),
                policies.booking,
            ),
            list_reservations: ListReservations::new(orders.clone()),
            show_reservation: ShowReservation::new(orders.clone()),
            cancel_reservation: CancelReservation::new(store.clone(), policies.booking),
            charge_cash: ChargeCash::new(
                store.clone(),
                ids.clone(),
                policies.cash,
                policies.charging,
            ),
            top_up_cash: TopUpCash::new(
                store.clone(),
                ids.clone(),
                cash_book.clone(),
                settler.clone(),
                policies.cash,
                for_top_ups,
            ),
            show_top_up: ShowTopUp::new(cash_book.clone()),
            list_top_ups: ListTopUps::new(cash_book.clone()),
            show_balance: ShowBalance::new(cash_book.clone()),
            list_entries: ListEntries::new(cash_book.clone()),
            pay: Pay::new(
                store.clone(),
                ids.clone(),
                orders.clone(),
                gate,
                settler.clone(),
                for_payments,
            ),
            refund: Refund::new(
                store.clone(),
                ids.clone(),
                return_delays.clone(),
                policies.refund,
                policies.settling,
            ),
            list_payments: ListPayments::new(orders.clone()),
            show_payment: ShowPayment::new(orders.clone()),
            hear_notice: HearNotice::new(
                store.clone(),
                ids.clone(),
                orders.clone(),
                cash_book.clone(),
                settler.clone(),
            ),
            credit_account: CreditAccount::new(
                store.clone(),
                ids.clone(),
                users.clone(),
                policies.cash,
                policies.charging,
            ),
            list_unsettled_top_ups: ListUnsettledTopUps::new(cash_book.clone(), users.clone()),
            undo_top_up: UndoTopUp::new(
                store.clone(),
                ids.clone(),
                cash_book,
                users.clone(),
                policies.settling,
            ),
            list_sales: ListSales::new(catalogue.clone(), users.clone(), clock.clone()),
            list_unsettled: ListUnsettled::new(orders.clone(), users.clone()),
            undo_payment: UndoPayment::new(
                store.clone(),
                ids.clone(),
                orders,
                users.clone(),
                return_delays,
                policies.settling,
            ),
            settle_payments: SettlePayments::new(
                store.clone(),
                due_work.clone(),
                clock.clone(),
                settler,
                gateway_watch,
            ),
            create_concert: CreateConcert::new(
                store.clone(),
                ids.clone(),
                draw_seeds.clone(),
                users.clone(),
                new_rooms(),
                policies.currency,
            ),
            create_show: CreateShow::new(
                store.clone(),
                ids.clone(),
                draw_seeds.clone(),
                users.clone(),
                new_rooms(),
            ),
            list_rooms: ListRooms::new(lines.clone(), users.clone(), clock.clone()),
            show_room: ShowRoom::new(lines.clone(), users.clone(), clock.clone()),
            change_room: ChangeRoom::new(
                store.clone(),
                ids.clone(),
                lines.clone(),
                users.clone(),
                clock.clone(),
            ),
            open_site_room: OpenSiteRoom::new(store.clone(), draw_seeds, new_rooms()),
            audit: Audit::new(ledger),
            disable_user: DisableUser::new(store.clone(), ids.clone()),
            list_audit_log: ListAuditLog::new(audit_log, users),
            admit_next: AdmitNext::new(
                store.clone(),
                due_work.clone(),
                clock.clone(),
                line_watch.clone(),
            ),
            draw_lobbies: DrawLobbies::new(
                store.clone(),
                due_work.clone(),
                lines.clone(),
                clock.clone(),
            ),
            feel_pulses: FeelPulses::new(store.clone(), pulses),
            end_run_out: EndRunOut::new(
                store.clone(),
                due_work.clone(),
                clock.clone(),
                line_watch.clone(),
            ),
            drop_idle: DropIdle::new(
                store.clone(),
                due_work.clone(),
                lines.clone(),
                clock.clone(),
                line_watch,
                hearing.clone(),
            ),
            expire_holds: ExpireHolds::new(store.clone(), due_work.clone(), clock.clone()),
            return_seats: ReturnSeats::new(store.clone(), due_work.clone(), clock.clone()),
            forget_answers: ForgetAnswers::new(store.clone(), due_work.clone(), clock.clone()),
            forget_ended: ForgetEnded::new(
                store.clone(),
                due_work.clone(),
                sessions,
                clock.clone(),
                policies.retention,
            ),
            keep_time: KeepTime::new(store.clone(), due_work, hearing.clone(), server_id),
            write_heard: WriteHeard::new(store.clone(), hearing, clock.clone()),
            programme,
            seat_counts,
            on_offer,
            seat_maps,
            board,
            revocations,
            sign_in_guard,
            policies,
            store,
            clock,
        }
    }

    /// Who must hear of every commit of this server.
    #[must_use]
    pub fn commit_observer(&self) -> Arc<dyn CommitObserver> {
        Arc::new(InMemory {
            programme: self.programme.clone(),
            seat_counts: self.seat_counts.clone(),
            on_offer: self.on_offer.clone(),
            seat_maps: self.seat_maps.clone(),
            board: self.board.clone(),
            revocations: self.revocations.clone(),
            sign_in_guard: self.sign_in_guard.clone(),
        })
    }
}
